//! The end of the pool, and the fate of every job.

use super::{Fate, HANG, Work, config, eventually, held, job, recv, report, submit};
use crate::blocking::{Pool, PoolConfig, SubmitError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[test]
fn shutdown_discards_what_never_started_and_refuses_more() {
    let pool = Pool::new(&config(1));
    let (work, started, release) = held();
    submit(&pool, work);
    assert_eq!(recv(&started), Fate::Run);
    let (sender, results) = channel();
    for _ in 0..5 {
        submit(&pool, report(&sender));
    }
    assert!(
        !pool.shutdown(Some(Duration::from_millis(1))),
        "a job is still running"
    );
    for _ in 0..5 {
        assert_eq!(recv(&results), Fate::Discarded);
    }
    let refused = pool
        .submit(report(&sender))
        .expect_err("the pool is shut down");
    assert!(matches!(refused, SubmitError::Shutdown(_)), "{refused:?}");
    drop(release);
    assert!(pool.shutdown(None));
    assert_eq!(pool.threads(), 0);
}

#[test]
fn shutdown_within_its_time_says_so() {
    let pool = Pool::new(&config(4));
    let (sender, results) = channel();
    submit(&pool, report(&sender));
    recv(&results);
    assert!(pool.shutdown(Some(HANG)));
    assert!(
        pool.shutdown(Some(Duration::ZERO)),
        "nothing is left to wait for"
    );
    assert!(
        Pool::<Work>::new(&config(1)).shutdown(None),
        "a pool that never had a thread"
    );
}

#[test]
fn a_job_may_shut_down_its_own_pool() {
    let pool = Pool::new(&config(4));
    let (sender, results) = channel();
    let own = pool.clone();
    submit(
        &pool,
        job(move |_| sender.send(own.shutdown(None)).expect("the test waits")),
    );
    assert!(recv(&results));
    assert!(pool.shutdown(None));
}

#[test]
fn shutdown_lets_go_of_what_the_wrapper_owns() {
    // The wrapper owns the pool, as a runtime's context does.
    let owned = Arc::new(Mutex::new(None));
    let witness = Arc::downgrade(&owned);
    let pool = Pool::new(&PoolConfig {
        wrap: Arc::new(move |life| {
            let _context = &owned;
            life();
        }),
        ..config(1)
    });
    *witness
        .upgrade()
        .expect("the wrapper owns it")
        .lock()
        .expect("no panic") = Some(pool.clone());
    let (sender, results) = channel();
    submit(&pool, report(&sender));
    recv(&results);
    assert!(pool.shutdown(None));
    assert!(witness.upgrade().is_none());
}

#[test]
fn every_job_of_a_stormy_life_has_one_fate() {
    const SUBMITTERS: usize = 4;
    const JOBS: usize = 500;
    for round in 0..20 {
        let pool = Pool::new(&PoolConfig {
            keep_alive: Duration::from_micros(50),
            ..config(3)
        });
        let fates = Arc::new([const { AtomicUsize::new(0) }; 2]);
        let refused = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..SUBMITTERS {
                scope.spawn(|| {
                    for _ in 0..JOBS {
                        let fates = Arc::clone(&fates);
                        let work = job(move |fate| {
                            fates[fate as usize].fetch_add(1, Ordering::SeqCst);
                        });
                        if pool.submit(work).is_err() {
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
            if round % 2 == 0 {
                scope.spawn(|| pool.shutdown(None));
            }
        });
        // All jobs are in; those that were accepted before the end are run.
        if round % 2 == 1 {
            eventually("all are run", || {
                fates[0].load(Ordering::SeqCst) == SUBMITTERS * JOBS
            });
        }
        assert!(pool.shutdown(None));
        let [run, discarded] = [0, 1].map(|fate: usize| fates[fate].load(Ordering::SeqCst));
        let refused = refused.into_inner();
        assert_eq!(
            run + discarded + refused,
            SUBMITTERS * JOBS,
            "{run} {discarded} {refused}"
        );
    }
}

#[test]
fn a_discard_that_panics_does_not_spare_the_rest() {
    let pool = Pool::new(&config(1));
    let (work, started, release) = held();
    submit(&pool, work);
    recv(&started);
    let (sender, results) = channel();
    submit(&pool, job(|_| panic!("a discard that panics (expected)")));
    submit(&pool, report(&sender));
    let outcome = catch_unwind(AssertUnwindSafe(|| pool.shutdown(Some(Duration::ZERO))));
    assert!(!outcome.expect("the panic stays inside"));
    assert_eq!(recv(&results), Fate::Discarded);
    drop(release);
    assert!(pool.shutdown(None));
}
