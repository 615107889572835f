use super::*;
use crate::driver::timers::Timer;
use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicBool;
use std::task::{Poll, Wake, Waker};

/// Of a system that seems to be later than any is.
const LONG_LEAD: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: StdArc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// A sleep that has ended before its deadline, for the system was less late than it used to be:
/// the park goes on until there is something to fire.
#[test]
fn a_park_lasts_until_its_deadline_however_early_its_sleep_is_to_end() {
    let clock = Arc::new(Clock::new(false));
    let (mut driver, handle) = new(1, 1, Arc::clone(&clock)).unwrap();
    for micros in [1, 10, 100, 1_000, 5_000] {
        driver.lead = Lead::of(LONG_LEAD);
        let ahead = Duration::from_micros(micros);
        let woken = StdArc::new(Woken::default());
        let mut timer = Timer::new(handle.timers().shard(0), Some(ahead));
        let deadline = clock.now().saturating_add(ahead);
        let poll = timer.poll(deadline, &Waker::from(StdArc::clone(&woken)));
        assert_eq!(poll, Ok(Poll::Pending));
        driver.park(&handle, Limit::Unlimited);
        assert!(woken.0.load(Relaxed), "{micros} µs");
        assert!(clock.now() >= deadline);
    }
}

/// Nor does a lead shorten what is no wait for a deadline.
#[test]
fn a_limit_is_slept_for_in_full() {
    let clock = Arc::new(Clock::new(false));
    let (mut driver, handle) = new(1, 1, Arc::clone(&clock)).unwrap();
    driver.lead = Lead::of(LONG_LEAD);
    let limit = 2 * LONG_LEAD;
    let start = clock.now();
    driver.park(&handle, Limit::AtMost(limit));
    assert!(clock.now().saturating_duration_since(start) >= limit);
}
