//! Turning the driver: timeouts, interruptions, bounds.
#![cfg(unix)]

mod support;

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use filch_io::{Driver, Interest, Ready, Registered, Turn};
use support::{BOTH, HANG, settle, turn_until, unix_pair};

#[test]
fn a_zero_timeout_does_not_block() {
    let mut driver = Driver::new(8).unwrap();
    assert_eq!(driver.turn(Some(Duration::ZERO)).unwrap(), Turn::default());
}

#[test]
fn a_timeout_is_never_cut_short() {
    let mut driver = Driver::new(8).unwrap();
    for nanos in [1, 999, 50_000, 999_999, 1_000_001, 2_500_000, 7_300_000] {
        let timeout = Duration::from_nanos(nanos);
        let start = Instant::now();
        let turn = driver.turn(Some(timeout)).unwrap();
        assert_eq!(turn, Turn::default());
        let waited = start.elapsed();
        assert!(
            waited >= timeout,
            "asked for {timeout:?}, waited {waited:?}"
        );
    }
}

#[test]
fn a_timeout_beyond_all_bounds_waits_for_an_unpark() {
    let mut driver = Driver::new(8).unwrap();
    let handle = driver.handle().clone();
    let unparking = thread::spawn(move || handle.unpark());
    assert!(driver.turn(Some(Duration::MAX)).unwrap().unparked);
    unparking.join().unwrap();
}

#[test]
fn an_unpark_before_the_turn_ends_it() {
    let mut driver = Driver::new(8).unwrap();
    for _ in 0..3 {
        driver.handle().unpark();
        let turn = driver.turn(Some(HANG)).unwrap();
        assert!(turn.unparked && turn.events == 0);
    }
}

#[test]
fn unparks_before_a_turn_are_one() {
    let mut driver = Driver::new(8).unwrap();
    for _ in 0..1000 {
        driver.handle().unpark();
    }
    assert!(driver.turn(Some(HANG)).unwrap().unparked);
    assert_eq!(driver.turn(Some(Duration::ZERO)).unwrap(), Turn::default());
}

/// Work is published and unparked for while the driver turns: a lost unpark
/// would leave the last piece behind in a sleeping turn.
#[test]
fn no_unpark_is_lost_to_a_busy_driver() {
    const THREADS: usize = 3;
    const ROUNDS: usize = 5_000;
    let mut driver = Driver::new(8).unwrap();
    let handle = driver.handle().clone();
    let work = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    work.fetch_add(1, Ordering::Relaxed);
                    handle.unpark();
                }
            });
        }
        turn_until(&mut driver, || {
            work.load(Ordering::Relaxed) == THREADS * ROUNDS
        });
    });
}

#[test]
fn a_turn_fetches_no_more_than_it_may() {
    const SOURCES: usize = 10;
    let mut driver = Driver::new(3).unwrap();
    let pairs: Vec<_> = (0..SOURCES)
        .map(|_| {
            let (near, mut far) = unix_pair();
            let near =
                Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
            far.write_all(b"x").unwrap();
            (near, far)
        })
        .collect();
    let mut total = 0;
    while total < SOURCES {
        let turn = driver.turn(Some(HANG)).unwrap();
        assert!((1..=3).contains(&turn.events), "{turn:?}");
        assert!(turn.is_full || turn.events < 3, "{turn:?}");
        total += turn.events;
    }
    let turn = driver.turn(Some(Duration::ZERO)).unwrap();
    assert!(!turn.is_full && turn.events == 0, "{turn:?}");
    for (near, _) in &pairs {
        assert!(near.try_readiness(Interest::READABLE).is_some());
    }
    assert_eq!(driver.handle().ready_count(), total as u64);
}

#[test]
fn an_unpark_does_not_hide_events() {
    let mut driver = Driver::new(8).unwrap();
    let (near, mut far) = unix_pair();
    let near = Registered::new(near, BOTH, Ready::EMPTY, driver.handle()).unwrap();
    settle(&mut driver);
    far.write_all(b"x").unwrap();
    driver.handle().unpark();
    let mut unparked = false;
    let deadline = Instant::now() + HANG;
    while !unparked
        || !near
            .try_readiness(BOTH)
            .is_some_and(|seen| seen.ready.is_readable())
    {
        assert!(Instant::now() < deadline);
        unparked |= driver.turn(Some(HANG)).unwrap().unparked;
    }
}

#[test]
fn an_impossible_bound_is_refused() {
    for events_per_turn in [0, usize::MAX] {
        let error = Driver::new(events_per_turn).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn no_turn_follows_a_shutdown() {
    let mut driver = Driver::new(8).unwrap();
    driver.shutdown();
    driver.shutdown();
    let error = driver.turn(None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert!(error.to_string().contains("shut down"), "{error}");
    driver.handle().unpark();
}

#[test]
fn driver_and_handle_may_move_between_threads() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync + Clone + std::fmt::Debug>() {}
    is_send::<Driver>();
    is_shared::<filch_io::Handle>();
}
