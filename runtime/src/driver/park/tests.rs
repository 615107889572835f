use super::*;
use crate::driver::timers::Timer;
use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicBool;
use std::task::{Poll, Wake, Waker};
use std::thread;

/// Of a system that seems to be later than any is.
const LONG_LEAD: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: StdArc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Woken {
    fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

fn driver(lead: Duration) -> (Driver, DriverHandle) {
    let (mut driver, handle) = new(1, 1, Arc::new(Clock::new(false))).unwrap();
    driver.lead = Lead::of(lead);
    (driver, handle)
}

/// A timer so far ahead, with its deadline, and what it wakes.
fn timer(handle: &DriverHandle, ahead: Duration) -> (Timer, Tick, StdArc<Woken>) {
    let woken = StdArc::new(Woken::default());
    let mut timer = Timer::new(handle.timers().shard(0), Some(ahead));
    let deadline = handle.clock().now().saturating_add(ahead);
    let poll = timer.poll(deadline, &Waker::from(StdArc::clone(&woken)));
    assert_eq!(poll, Ok(Poll::Pending));
    (timer, deadline, woken)
}

/// A sleep that has ended before its deadline, for the system was less late than it used to be:
/// the park goes on until there is something to fire.
#[test]
fn a_park_lasts_until_its_deadline_however_early_its_sleep_is_to_end() {
    for micros in [1, 10, 100, 1_000, 5_000] {
        let (mut driver, handle) = driver(LONG_LEAD);
        let (_timer, deadline, woken) = timer(&handle, Duration::from_micros(micros));
        driver.park(&handle, Limit::Unlimited);
        // A signal, such as one that lets a stopped process go on, may end a sleep, but no lead does so early.
        while handle.clock().now().saturating_add(LONG_LEAD) < deadline {
            driver.park(&handle, Limit::Unlimited);
        }
        assert!(woken.get(), "{micros} µs");
        assert!(handle.clock().now() >= deadline);
    }
}

/// What ends a sleep ends the look for events after it as well.
#[test]
fn an_unpark_ends_the_look_that_follows_a_sleep() {
    let (mut driver, handle) = driver(Duration::from_millis(100));
    let ended_early = (0..20).any(|_| {
        driver.lead = Lead::of(Duration::from_millis(100));
        let (_timer, deadline, _) = timer(&handle, Duration::from_millis(200));
        let turns = handle.turns();
        thread::scope(|scope| {
            scope.spawn(|| {
                while handle.turns() < turns + 2 {
                    thread::yield_now();
                }
                handle.unpark();
            });
            driver.park(&handle, Limit::Unlimited);
        });
        // Later if the processor was taken away from either thread for so long.
        handle.clock().now() < deadline
    });
    assert!(ended_early);
}

/// A lead shortens no other wait, and a limit is kept whatever deadline comes after it.
#[test]
fn a_limit_is_slept_for_in_full() {
    let (mut driver, handle) = driver(LONG_LEAD);
    let (_timer, _, woken) = timer(&handle, Duration::from_secs(60));
    let limit = 2 * LONG_LEAD;
    // A signal may end a sleep.
    let slept_in_full = (0..3).any(|_| {
        let start = handle.clock().now();
        driver.park(&handle, Limit::AtMost(limit));
        handle.clock().now().saturating_duration_since(start) >= limit
    });
    assert!(slept_in_full);
    assert!(!woken.get());
}
