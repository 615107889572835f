//! Models of the parker, each one race, with the code that ships.
//!
//! # What is reduced, and why that suffices
//! One owner parks, once or twice, and one or two threads unpark it: a parker has
//! one owner (P1), and a third unpark finds what the second did. The driver is a
//! second parker where only its sticky unpark matters, else the shipped one on the
//! selector's stand-in. What the unparking thread wrote is a relaxed flag, so that
//! only the parker can make it visible (P2). The end of a timed wait is a thread
//! that notifies the condition variable.
//!
//! Two threads are explored without a bound on preemptions. Three of them are
//! stopped at most [`PREEMPTIONS`] times where they could have gone on, which is
//! once for each.

use super::*;
use crate::driver::clock::Clock;
use crate::driver::{self, Limit};
use crate::primitive::Arc;
use crate::primitive::atomic::AtomicBool;
use crate::task::loom_tests::{model_bounded, model_fully};

/// The most preemptions of three threads; the environment,
/// `LOOM_MAX_PREEMPTIONS`, may ask for more.
const PREEMPTIONS: usize = 3;

fn model_of_three(f: impl Fn() + Send + Sync + 'static) {
    model_bounded(PREEMPTIONS, f);
}

/// A thread that raises the flag and unparks the parker.
fn raise_and_unpark(
    parker: &Arc<Parker>,
    flag: &Arc<AtomicBool>,
    wake_driver: impl FnOnce() + 'static,
) -> loom::thread::JoinHandle<()> {
    let (parker, flag) = (parker.clone(), flag.clone());
    loom::thread::spawn(move || {
        flag.store(true, Relaxed);
        parker.unpark(wake_driver);
    })
}

fn no_driver() {
    unreachable!("nobody sleeps in a driver here")
}

#[test]
fn loom_unpark_races_with_a_park_on_the_condvar() {
    model_fully(|| {
        let parker = Arc::new(Parker::new());
        let flag = Arc::new(AtomicBool::new(false));
        let waker = raise_and_unpark(&parker, &flag, no_driver);
        parker.park(None);
        assert!(
            flag.load(Relaxed),
            "P2: the token carries what was written before it"
        );
        waker.join().unwrap();
    });
}

/// Two unparks leave one token or two, one after the other; with the last of them
/// gone, both threads' writes are there.
#[test]
fn loom_two_unparks_race_with_a_park() {
    model_of_three(|| {
        let parker = Arc::new(Parker::new());
        let flags: [_; 2] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
        let wakers = flags
            .each_ref()
            .map(|flag| raise_and_unpark(&parker, flag, no_driver));
        parker.park(None);
        let seen = flags.each_ref().map(|flag| flag.load(Relaxed));
        assert!(seen[0] || seen[1], "P2: one of them left the token");
        for waker in wakers {
            waker.join().unwrap();
        }
        if !parker.take_token() {
            assert_eq!(seen, [true; 2], "P2: the token was of both");
        }
        assert!(!parker.take_token());
    });
}

/// An unpark comes as a timed park ends by its time: the token is consumed with
/// what it carries, or the next park finds it.
#[test]
fn loom_unpark_races_with_the_end_of_a_timed_park() {
    model_of_three(|| {
        let parker = Arc::new(Parker::new());
        let flag = Arc::new(AtomicBool::new(false));
        let waker = raise_and_unpark(&parker, &flag, no_driver);
        let time = {
            let parker = parker.clone();
            loom::thread::spawn(move || parker.condvar.notify_one())
        };
        parker.park(Some(crate::primitive::now()));
        if !flag.load(Relaxed) {
            parker.park(None);
        }
        assert!(flag.load(Relaxed), "P2");
        waker.join().unwrap();
        time.join().unwrap();
    });
}

/// The driver is a second parker here: its unpark is sticky as well.
#[test]
fn loom_unpark_races_with_a_park_in_the_driver() {
    model_fully(|| {
        let parker = Arc::new(Parker::new());
        let driver = Arc::new(Parker::new());
        let flag = Arc::new(AtomicBool::new(false));
        let wake_driver = {
            let driver = driver.clone();
            move || driver.unpark(no_driver)
        };
        let waker = raise_and_unpark(&parker, &flag, wake_driver);
        parker.park_in_driver(|| driver.park(None));
        assert!(flag.load(Relaxed), "P2");
        waker.join().unwrap();
    });
}

/// An event ends the sleep in the driver as an unpark comes: its token is consumed
/// with what it carries, or the next park, on the condition variable, finds it.
#[test]
fn loom_unpark_races_with_an_event_in_the_driver() {
    model_of_three(|| {
        let parker = Arc::new(Parker::new());
        let driver = Arc::new(Parker::new());
        let flag = Arc::new(AtomicBool::new(false));
        let wake_driver = {
            let driver = driver.clone();
            move || driver.unpark(no_driver)
        };
        let waker = raise_and_unpark(&parker, &flag, wake_driver);
        let event = {
            let driver = driver.clone();
            loom::thread::spawn(move || driver.unpark(no_driver))
        };
        parker.park_in_driver(|| driver.park(None));
        if !flag.load(Relaxed) {
            parker.park(None);
        }
        assert!(flag.load(Relaxed), "P2");
        waker.join().unwrap();
        event.join().unwrap();
    });
}

/// The holder leaves the driver, unparked, as another worker arrives: that one
/// takes the driver or sleeps on its condition variable, and is found there
/// by its own unpark. Neither is stranded.
#[test]
fn loom_holder_leaves_the_driver_as_another_arrives() {
    model_of_three(|| {
        let clock = Arc::new(Clock::new(false));
        let (driver, handle) = driver::new(1, 1, clock).expect("a model's selector");
        let (driver, handle) = (Arc::new(Mutex::new(driver)), Arc::new(handle));
        let parkers: [_; 2] = std::array::from_fn(|_| Arc::new(Parker::new()));
        let flags: [_; 2] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));

        let work = |worker: usize| {
            let (driver, handle) = (driver.clone(), handle.clone());
            let (parker, flag) = (parkers[worker].clone(), flags[worker].clone());
            move || {
                while !flag.load(Relaxed) {
                    match driver.try_lock() {
                        Some(mut held) => {
                            parker.park_in_driver(|| {
                                held.park(&handle, Limit::Unlimited);
                            });
                        }
                        None => parker.park(None),
                    }
                }
            }
        };
        let workers = [0, 1].map(|worker| loom::thread::spawn(work(worker)));
        for (parker, flag) in parkers.iter().zip(&flags) {
            flag.store(true, Relaxed);
            parker.unpark(|| handle.unpark());
        }
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(driver.try_lock().is_some(), "the driver is free again");
    });
}
