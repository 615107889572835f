//! Where the operating system's sleeps are as precise as they get.

/// Nothing to ask for.
#[derive(Debug)]
pub(crate) struct PreciseSleeps;

impl PreciseSleeps {
    pub(crate) fn on_this_thread() -> Self {
        Self
    }
}
