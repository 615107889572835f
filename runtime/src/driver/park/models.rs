//! Loom models of the park, each one race, with the code that ships on the
//! selector's stand-in.
//!
//! # What is reduced, and why that suffices
//! One thread parks, and another registers a timer, moves the clock or unparks it; two threads park
//! one after the other where the driver changes hands. The driver has one holder
//! at a time, and a second registration finds what the first did. One shard, no
//! sources: how events reach a turn is modelled in `filch-io`. Two preemptions
//! where there are three threads, four where the clock is changed, else no bound; the
//! environment, `LOOM_MAX_PREEMPTIONS`, may ask for more.
//!
//! A wait of the stand-in does not end by its time. So the models start when
//! [`SOON`] has passed and [`LATER`] has not: a deadline that the sleeper knows of
//! is slept for not at all, or for ever, and an overslept one is a deadlock.

use super::*;
use crate::driver::clock::ClockError;
use crate::driver::timers::Timer;
use crate::primitive::atomic::AtomicBool;
use crate::primitive::{Mutex, model_time};
use crate::task::loom_tests::{model_bounded, model_fully};
use filch_timer::Tick;
use loom::thread;
use std::sync::Arc as StdArc;
use std::task::{Poll, Wake, Waker};

const SOON: Duration = Duration::from_millis(1);
const LATER: Duration = Duration::from_secs(3_600);

const PREEMPTIONS: usize = 2;
const PREEMPTIONS_FOR_TWO: usize = 4;

/// A task of the driver's holder: woken, it is run by whoever wakes it.
struct Woken {
    flag: AtomicBool,
    handle: Arc<DriverHandle>,
    /// Its task may run on another thread than that which turns the driver.
    elsewhere: bool,
}

impl Woken {
    fn new(handle: &Arc<DriverHandle>, elsewhere: bool) -> (StdArc<Woken>, Waker) {
        let woken = StdArc::new(Woken {
            flag: AtomicBool::new(false),
            handle: Arc::clone(handle),
            elsewhere,
        });
        let waker = Waker::from(StdArc::clone(&woken));
        (woken, waker)
    }

    fn get(&self) -> bool {
        self.flag.load(Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: StdArc<Self>) {
        self.flag.store(true, Relaxed);
        if self.elsewhere {
            self.handle.unpark();
        }
    }
}

fn driver() -> (Driver, Arc<DriverHandle>) {
    model_time::restart();
    let clock = Arc::new(Clock::new(false));
    let (driver, handle) = new(1, 1, clock).expect("a model's selector");
    model_time::pass(2 * SOON);
    (driver, Arc::new(handle))
}

/// Registers a timer, by the look at the clock that its maker took at the start.
fn register(handle: &DriverHandle, deadline: Duration, waker: &Waker) -> Timer {
    let mut timer = Timer::new(handle.timers().shard(0), Some(Duration::MAX));
    let poll = timer.poll(Tick::from_duration(deadline), waker);
    assert_eq!(poll, Ok(Poll::Pending));
    timer
}

/// An unpark while the holder goes to sleep in the driver: it returns, with what
/// was written before.
#[test]
fn loom_unpark_races_with_a_park() {
    model_fully(|| {
        let (mut driver, handle) = driver();
        let flag = Arc::new(AtomicBool::new(false));
        let unparking = thread::spawn({
            let (handle, flag) = (Arc::clone(&handle), Arc::clone(&flag));
            move || {
                flag.store(true, Relaxed);
                handle.unpark();
            }
        });
        while !flag.load(Relaxed) {
            driver.park(&handle, Limit::Unlimited);
        }
        unparking.join().unwrap();
    });
}

/// The same on a paused clock, where the holder looks before it sleeps: what ends
/// the look is not lost to the sleep.
#[test]
fn loom_unpark_races_with_a_park_on_a_paused_clock() {
    model_fully(|| {
        let (mut driver, handle) = driver();
        handle.clock().pause().expect("it runs");
        let flag = Arc::new(AtomicBool::new(false));
        let unparking = thread::spawn({
            let (handle, flag) = (Arc::clone(&handle), Arc::clone(&flag));
            move || {
                flag.store(true, Relaxed);
                handle.unpark();
            }
        });
        while !flag.load(Relaxed) {
            driver.park(&handle, Limit::Unlimited);
        }
        unparking.join().unwrap();
    });
}

/// A holder parks for a timer at [`SOON`], on a paused clock that may not jump, while
/// another thread does `change` to it, by which the timer is overdue.
fn change_races_with_a_park(change: fn(&DriverHandle) -> Result<(), ClockError>) {
    model_bounded(PREEMPTIONS_FOR_TWO, move || {
        let (mut driver, handle) = driver();
        handle.clock().pause().expect("it runs");
        handle.clock().inhibit_auto_advance();
        let (woken, waker) = Woken::new(&handle, true);
        let paused_at = handle.clock().now().as_duration();
        let timer = register(&handle, paused_at + SOON, &waker);
        let changing = thread::spawn({
            let handle = Arc::clone(&handle);
            move || change(&handle).expect("it is paused")
        });
        while !woken.get() {
            driver.park(&handle, Limit::Unlimited);
        }
        changing.join().unwrap();
        drop(timer);
    });
}

#[test]
fn loom_advance_races_with_a_park() {
    change_races_with_a_park(|handle| {
        handle.change_clock(|clock| clock.advance(SOON))?;
        handle.timers().fire_due(handle.clock().now());
        Ok(())
    });
}

/// The clock runs again, and past the deadline before anyone looks.
#[test]
fn loom_resume_races_with_a_park() {
    change_races_with_a_park(|handle| {
        handle.change_clock(|clock| {
            clock.resume()?;
            model_time::pass(2 * SOON);
            Ok(())
        })
    });
}

/// A timer that is registered while a paused clock, which may not jump, is moved past
/// its deadline, and while the holder parks: overdue, if its maker has looked at the clock
/// before.
#[test]
fn loom_overdue_deadline_on_a_paused_clock() {
    model_bounded(PREEMPTIONS_FOR_TWO, || {
        let (mut driver, handle) = driver();
        handle.clock().pause().expect("it runs");
        handle.clock().inhibit_auto_advance();
        let deadline = handle.clock().now().as_duration() + SOON;
        let (woken, waker) = Woken::new(&handle, true);
        let registering = thread::spawn({
            let handle = Arc::clone(&handle);
            move || {
                let mut timer = Timer::new(handle.timers().shard(0), None);
                match timer.poll(Tick::from_duration(deadline), &waker) {
                    Ok(Poll::Pending) => {}
                    _ => waker.wake_by_ref(),
                }
                timer
            }
        });
        handle
            .change_clock(|clock| clock.advance(2 * SOON))
            .expect("it is paused");
        while !woken.get() {
            driver.park(&handle, Limit::Unlimited);
        }
        drop(registering.join().unwrap());
    });
}

/// A closure ends that kept a paused clock from jumping, which wakes whoever waits for it
/// and then allows the jump: the clock stands as that one runs.
#[test]
fn loom_allowed_jump_races_with_a_park() {
    model_bounded(PREEMPTIONS_FOR_TWO, || {
        let (mut driver, handle) = driver();
        handle.clock().pause().expect("it runs");
        handle.clock().inhibit_auto_advance();
        let paused_at = handle.clock().now();
        let later = register(&handle, paused_at.as_duration() + LATER, Waker::noop());
        let (woken, waker) = Woken::new(&handle, true);
        let closure = thread::spawn({
            let handle = Arc::clone(&handle);
            move || {
                waker.wake();
                handle.clock().allow_auto_advance();
                handle.unpark();
            }
        });
        while !woken.get() {
            driver.park(&handle, Limit::Unlimited);
        }
        assert_eq!(handle.clock().now(), paused_at, "time has jumped past it");
        closure.join().unwrap();
        drop(later);
    });
}

/// A deadline is registered while the holder goes to sleep without one.
#[test]
fn loom_first_deadline_while_the_holder_sleeps() {
    model_fully(|| {
        let (mut driver, handle) = driver();
        let (woken, waker) = Woken::new(&handle, false);
        let registering = thread::spawn({
            let handle = Arc::clone(&handle);
            move || register(&handle, SOON, &waker)
        });
        while !woken.get() {
            driver.park(&handle, Limit::Unlimited);
        }
        drop(registering.join().unwrap());
    });
}

/// A deadline is registered while the holder goes to sleep until a later one, and
/// with a later limit.
#[test]
fn loom_earlier_deadline_while_the_holder_sleeps() {
    model_fully(|| {
        let (mut driver, handle) = driver();
        let later = register(&handle, LATER, Waker::noop());
        let (woken, waker) = Woken::new(&handle, false);
        let registering = thread::spawn({
            let handle = Arc::clone(&handle);
            move || register(&handle, SOON, &waker)
        });
        while !woken.get() {
            driver.park(&handle, Limit::AtMost(2 * LATER));
        }
        drop((registering.join().unwrap(), later));
    });
}

/// The holder leaves the driver and another takes it while a deadline is
/// registered: one of them fires it, and neither sleeps on.
#[test]
fn loom_deadline_while_the_driver_changes_hands() {
    model_bounded(PREEMPTIONS, || {
        let (driver, handle) = driver();
        let driver = Arc::new(Mutex::new(driver));
        let (woken, waker) = Woken::new(&handle, true);
        let leaving = thread::spawn({
            let (driver, handle) = (Arc::clone(&driver), Arc::clone(&handle));
            move || driver.lock().park(&handle, Limit::Unlimited)
        });
        let registering = thread::spawn({
            let handle = Arc::clone(&handle);
            move || register(&handle, SOON, &waker)
        });
        handle.unpark();
        while !woken.get() {
            driver.lock().park(&handle, Limit::Unlimited);
        }
        // The other one may have come second.
        handle.unpark();
        leaving.join().unwrap();
        drop(registering.join().unwrap());
        assert_eq!(handle.timers().len(), 0);
    });
}
