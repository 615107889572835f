//! Where threads have no time slice to choose.

/// Nothing to ask for.
#[derive(Debug)]
pub(in crate::scheduler) struct TimeSlice;

impl TimeSlice {
    pub(in crate::scheduler) fn of_this_thread() -> Self {
        Self
    }

    pub(in crate::scheduler) fn shorten(&self) {}

    pub(in crate::scheduler) fn restore(&self) {}
}
