//! Panics, threads that die and threads that are refused.

use super::{Fate, Work, config, eventually, held, job, recv, report, submit};
use crate::blocking::state::{Beginning, Duty, Failed, Seat, State};
use crate::blocking::worker::{Life, Recruiting, spawn_thread};
use crate::blocking::{Job, Pool, PoolConfig, SubmitError};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[test]
fn panics_leave_the_accounts_in_order() {
    let pool = Pool::new(&config(2));
    let (sender, results) = channel();
    for _ in 0..20 {
        submit(
            &pool,
            job(|_| panic!("a job that does not catch its panic (expected)")),
        );
        submit(&pool, report(&sender));
        assert_eq!(recv(&results), Fate::Run);
    }
    eventually("all threads are idle", || {
        pool.idle_threads() == pool.threads()
    });
    assert!((1..=2).contains(&pool.threads()), "{pool:?}");
    assert!(pool.shutdown(None));
}

/// Its destructor panics, where nothing on the thread can catch it.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("a panic's payload that panics (expected)");
    }
}

#[test]
fn a_thread_that_dies_is_replaced() {
    let pool = Pool::new(&config(1));
    let (sender, results) = channel();
    for _ in 0..5 {
        submit(&pool, job(|_| std::panic::panic_any(Grenade)));
        submit(&pool, report(&sender));
        assert_eq!(recv(&results), Fate::Run);
    }
    assert!(pool.shutdown(None));
    assert_eq!(pool.threads(), 0);
}

#[test]
fn a_discard_whose_panic_panics_does_not_spare_the_rest() {
    let pool = Pool::new(&config(1));
    let (work, started, release) = held();
    submit(&pool, work);
    recv(&started);
    let (sender, results) = channel();
    submit(&pool, job(|_| std::panic::panic_any(Grenade)));
    submit(&pool, report(&sender));
    assert!(!pool.shutdown(Some(Duration::ZERO)), "a job is running");
    assert_eq!(recv(&results), Fate::Discarded);
    drop(release);
    assert!(pool.shutdown(None));
}

#[test]
fn a_thread_that_dies_while_jobs_wait_is_replaced() {
    let pool = Pool::new(&config(1));
    let (sender, results) = channel();
    let (work, started, release) = held();
    submit(&pool, work);
    recv(&started);
    submit(&pool, job(|_| std::panic::panic_any(Grenade)));
    submit(&pool, report(&sender));
    submit(&pool, report(&sender));
    drop(release);
    assert_eq!(recv(&results), Fate::Run);
    assert_eq!(recv(&results), Fate::Run);
    assert!(pool.shutdown(None));
    assert_eq!((pool.threads(), pool.idle_threads()), (0, 0));
}

/// A stop hook that panics, on every thread that expires and at the shutdown.
#[test]
fn a_thread_whose_end_panics_has_left_all_the_same() {
    let ends = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(&PoolConfig {
        keep_alive: Duration::from_micros(1),
        wrap: {
            let ends = Arc::clone(&ends);
            Arc::new(move |life| {
                life();
                ends.fetch_add(1, Ordering::SeqCst);
                panic!("a stop hook that panics (expected)");
            })
        },
        ..config(2)
    });
    let (sender, results) = channel();
    for _ in 0..20 {
        submit(&pool, report(&sender));
        assert_eq!(recv(&results), Fate::Run);
    }
    assert!(pool.shutdown(None));
    assert_eq!(pool.threads(), 0);
    assert!(ends.load(Ordering::SeqCst) > 0);
}

#[test]
fn a_thread_that_dies_before_it_arrives_strands_nobody() {
    let broken = Arc::new(AtomicBool::new(true));
    let pool = Pool::new(&PoolConfig {
        wrap: {
            let broken = Arc::clone(&broken);
            Arc::new(move |life| {
                assert!(
                    !broken.load(Ordering::SeqCst),
                    "a start hook that panics (expected)"
                );
                life();
            })
        },
        ..config(4)
    });
    let (sender, results) = channel();
    submit(&pool, report(&sender));
    assert_eq!(recv(&results), Fate::Discarded);
    eventually("the thread is counted out", || pool.threads() == 0);
    broken.store(false, Ordering::SeqCst);
    submit(&pool, report(&sender));
    assert_eq!(recv(&results), Fate::Run);
    assert!(pool.shutdown(None));
}

/// A pool whose threads are refused while the switch is on.
fn refusing(config: &PoolConfig) -> (Pool<Work>, Arc<AtomicBool>) {
    let refuse = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&refuse);
    let spawner = move |name, stack_size, life: Life| {
        if refuse.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        spawn_thread(name, stack_size, life)
    };
    (Pool::with_spawner(config, Arc::new(spawner)), switch)
}

#[test]
fn without_any_thread_the_job_comes_back() {
    let (pool, refuse) = refusing(&config(4));
    refuse.store(true, Ordering::SeqCst);
    let (sender, results) = channel();
    for _ in 0..3 {
        match pool.submit(report(&sender)) {
            Err(SubmitError::NoThread(work, error)) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                work.discard();
                assert_eq!(recv(&results), Fate::Discarded);
            }
            other => panic!("no thread can be created, but: {other:?}"),
        }
        assert_eq!((pool.threads(), pool.queue_depth()), (0, 0));
    }
    refuse.store(false, Ordering::SeqCst);
    submit(&pool, report(&sender));
    assert_eq!(recv(&results), Fate::Run);
    assert!(pool.shutdown(None));
}

#[test]
fn the_job_that_comes_back_is_the_right_one() {
    let (pool, refuse) = refusing(&PoolConfig {
        keep_alive: Duration::from_nanos(1),
        ..config(4)
    });
    let (sender, results) = channel();
    for _ in 0..3 {
        submit(&pool, report(&sender));
        assert_eq!(recv(&results), Fate::Run);
    }
    eventually("the threads expire", || pool.threads() == 0);
    refuse.store(true, Ordering::SeqCst);
    let (own, returned) = channel();
    match pool.submit(report(&own)) {
        Err(SubmitError::NoThread(work, _)) => work.discard(),
        other => panic!("no thread can be created, but: {other:?}"),
    }
    assert_eq!(recv(&returned), Fate::Discarded);
    assert!(pool.shutdown(None));
}

/// The submitter whose thread was refused had its own job taken by a thread that
/// then expired; what is queued now is another's.
#[test]
fn a_refusal_returns_no_other_job_than_ones_own() {
    let recruiting = Recruiting::new(&config(2), Arc::new(spawn_thread));
    let mut state = State::new(2, false, recruiting);
    let seat = Arc::new(Seat::new());
    let (_, Duty::Create(..)) = state.push(1).expect("open") else {
        panic!("needs a thread")
    };
    state.transition_to_joined(Beginning::Created);
    assert!(matches!(state.take(), Some((1, Duty::Nothing))));
    let (own, Duty::Create(..)) = state.push(2).expect("open") else {
        panic!("needs another")
    };
    assert!(matches!(state.take(), Some((2, Duty::Nothing))));
    state.transition_to_idle(&seat);
    state.transition_to_expired(&seat);
    let (_, Duty::Nothing) = state.push(3).expect("open") else {
        panic!("one is on its way")
    };
    let Failed { own, stranded, .. } = state.transition_to_failed(Beginning::Created, Some(own));
    assert_eq!((own, Vec::from(stranded)), (None, vec![3]));
}

#[test]
fn with_a_thread_the_job_waits_for_it() {
    let (pool, refuse) = refusing(&config(4));
    let (work, started, release) = held();
    submit(&pool, work);
    recv(&started);
    refuse.store(true, Ordering::SeqCst);
    let (sender, results) = channel();
    submit(&pool, report(&sender));
    submit(&pool, report(&sender));
    assert_eq!((pool.threads(), pool.queue_depth()), (1, 2));
    drop(release);
    assert_eq!(recv(&results), Fate::Run);
    assert_eq!(recv(&results), Fate::Run);
    assert!(pool.shutdown(None));
}

/// The thread that is refused was to run what the start hook of the only other one waits for.
#[test]
fn a_job_does_not_wait_for_the_thread_that_waits_for_it() {
    let own = Arc::new(OnceLock::<Pool<Work>>::new());
    let (answers, answer) = channel();
    let hooked = {
        let own = Arc::clone(&own);
        PoolConfig {
            wrap: Arc::new(move |life| {
                let pool = own.get().expect("is there before the first job");
                let refused = pool.submit(job(|_| ()));
                let is_returned = matches!(refused, Err(SubmitError::NoThread(_, _)));
                answers.send(is_returned).expect("the test waits for it");
                life();
            }),
            has_start_hook: true,
            ..config(2)
        }
    };
    let asked = AtomicUsize::new(0);
    let refuse_second = move |name, stack_size, life: Life| {
        if asked.fetch_add(1, Ordering::Relaxed) == 1 {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        spawn_thread(name, stack_size, life)
    };
    let pool = Pool::with_spawner(&hooked, Arc::new(refuse_second));
    assert!(own.set(pool.clone()).is_ok());
    let (sender, results) = channel();
    submit(&pool, report(&sender));
    assert!(
        recv(&answer),
        "it is to wait for the thread that submits it"
    );
    assert_eq!(recv(&results), Fate::Discarded);
    assert!(pool.shutdown(None));
}

#[test]
fn after_a_refusal_the_next_submit_tries_again() {
    let (pool, refuse) = refusing(&config(4));
    let (work, started, release) = held();
    submit(&pool, work);
    recv(&started);
    refuse.store(true, Ordering::SeqCst);
    let (sender, results) = channel();
    submit(&pool, report(&sender));
    refuse.store(false, Ordering::SeqCst);
    submit(&pool, report(&sender));
    // The first thread is still held, so others have come for both.
    assert_eq!(recv(&results), Fate::Run);
    assert_eq!(recv(&results), Fate::Run);
    drop(release);
    assert!(pool.shutdown(None));
}

#[test]
fn a_name_that_cannot_be_had_is_an_error() {
    let pool = Pool::new(&PoolConfig {
        thread_name: Arc::new(|| "interior\0nul".to_owned()),
        ..config(1)
    });
    let (sender, _results) = channel();
    let refused = pool
        .submit(report(&sender))
        .expect_err("no thread can be named so");
    assert!(matches!(refused, SubmitError::NoThread(..)), "{refused:?}");
    assert!(pool.shutdown(None));
}

#[test]
#[should_panic(expected = "at least one thread")]
fn a_pool_needs_a_thread() {
    drop(Pool::<Work>::new(&config(0)));
}
