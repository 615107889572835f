//! Models of turning the driver while others unpark it and sources report.
//!
//! A thread turns the driver, one or two do something to it once; up to four events
//! fit a turn, one source is registered at most. Three threads are explored with
//! preemption bounded by 3, two in full. Two requests to unpark are enough for one to
//! rely on the other's notification, before or after the turn takes the flag.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::*;
use crate::Registered;
use crate::loom_support::{block_on, model_bounded, model_fully};

/// Two threads publish something and unpark. Their requests may share one
/// notification, and still no work is left behind in a sleeping turn.
#[test]
fn loom_unpark_against_turn() {
    model_bounded(|| {
        let mut driver = Driver::new(4).unwrap();
        let work = Arc::new(AtomicUsize::new(0));
        let threads = [1, 2].map(|piece| {
            let work = Arc::clone(&work);
            let handle = driver.handle().clone();
            thread::spawn(move || {
                // ORDERING: Relaxed, so that the unpark must publish it.
                work.fetch_add(piece, Ordering::Relaxed);
                handle.unpark();
            })
        });
        let mut done = 0;
        while done != 3 {
            let turn = driver.turn(None).unwrap();
            if turn.unparked {
                // ORDERING: see above.
                done = work.load(Ordering::Relaxed);
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// An unpark and an event race to end the same turn.
#[test]
fn loom_unpark_against_event() {
    model_bounded(|| {
        let mut driver = Driver::new(4).unwrap();
        let handle = driver.handle().clone();
        let source =
            Registered::new(io::stdin(), Interest::READABLE, Ready::EMPTY, &handle).unwrap();
        let key = source.entry().key();
        let reporting = handle.clone();
        let kernel = thread::spawn(move || reporting.selector().report(key, Ready::READABLE));
        let unparking = thread::spawn(move || handle.unpark());
        let (mut events, mut unparked) = (0, false);
        while events == 0 || !unparked {
            let turn = driver.turn(None).unwrap();
            events += turn.events;
            unparked |= turn.unparked;
        }
        kernel.join().unwrap();
        unparking.join().unwrap();
        assert!(source.try_readiness(Interest::READABLE).is_some());
    });
}

/// The whole way of an event: from the kernel through a turn to a sleeping
/// task.
#[test]
fn loom_event_through_a_turn() {
    model_fully(|| {
        let mut driver = Driver::new(4).unwrap();
        let handle = driver.handle().clone();
        let waiting = thread::spawn(move || {
            let source =
                Registered::new(io::stdin(), Interest::READABLE, Ready::EMPTY, &handle).unwrap();
            handle
                .selector()
                .report(source.entry().key(), Ready::READABLE);
            block_on(source.readiness(Interest::READABLE))
                .unwrap()
                .ready
        });
        while driver.turn(None).unwrap().events == 0 {}
        assert_eq!(waiting.join().unwrap(), Ready::READABLE);
    });
}

/// A driver is dropped while a task waits: the wait ends with an error.
#[test]
fn loom_drop_against_wait() {
    model_fully(|| {
        let driver = Driver::new(4).unwrap();
        let handle = driver.handle().clone();
        let source =
            Registered::new(io::stdin(), Interest::READABLE, Ready::EMPTY, &handle).unwrap();
        let dropping = thread::spawn(move || drop(driver));
        let error = block_on(source.readiness(Interest::READABLE)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other);
        dropping.join().unwrap();
    });
}
