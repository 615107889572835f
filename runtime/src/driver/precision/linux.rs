//! Linux delays timers by up to 50 µs to join wake-ups, unless a thread asks
//! for less: its *timer slack*. Threads and processes that it starts inherit it.

use std::num::NonZeroU64;

/// The smallest slack there is; 0 would mean the default.
const SLACK_NANOS: NonZeroU64 = NonZeroU64::MIN;

/// This thread's sleeps end on time until dropped.
#[derive(Debug)]
pub(crate) struct PreciseSleeps {
    previous_nanos: Option<NonZeroU64>,
}

impl PreciseSleeps {
    pub(crate) fn on_this_thread() -> Self {
        let previous = rustix::thread::current_timer_slack()
            .ok()
            .and_then(NonZeroU64::new);
        // A refusal costs precision and nothing else.
        let set = rustix::thread::set_current_timer_slack(Some(SLACK_NANOS));
        Self {
            previous_nanos: set.ok().and(previous),
        }
    }
}

impl Drop for PreciseSleeps {
    fn drop(&mut self) {
        if self.previous_nanos.is_some() {
            let _ = rustix::thread::set_current_timer_slack(self.previous_nanos);
        }
    }
}
