//! Which threads there are, and what they run.

use super::{Fate, Work, config, eventually, held, job, recv, report, submit};
use crate::blocking::{Pool, PoolConfig};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

/// A job that waits for all others that meet there.
fn meet(barrier: &Arc<Barrier>) -> Work {
    let barrier = Arc::clone(barrier);
    job(move |_| {
        barrier.wait();
    })
}

#[test]
fn runs_a_job_and_keeps_the_thread() {
    let pool = Pool::new(&config(4));
    assert_eq!(pool.threads(), 0);
    let (sender, results) = channel();
    for _ in 0..3 {
        submit(&pool, report(&sender));
        assert_eq!(recv(&results), Fate::Run);
        eventually("the thread is idle", || pool.idle_threads() == 1);
    }
    assert_eq!(pool.threads(), 1, "one job at a time needs one thread");
    assert!(pool.shutdown(None));
}

#[test]
fn blocking_jobs_get_a_thread_each() {
    const JOBS: usize = 64;
    let pool = Pool::new(&config(JOBS));
    let barrier = Arc::new(Barrier::new(JOBS + 1));
    for _ in 0..JOBS {
        submit(&pool, meet(&barrier));
    }
    // Passed only when all jobs run at once.
    barrier.wait();
    assert_eq!(pool.threads(), JOBS);
    assert!(pool.shutdown(None));
    assert_eq!(pool.threads(), 0);
}

#[test]
fn blocking_jobs_get_a_thread_each_from_idle_ones() {
    const JOBS: usize = 16;
    let pool = Pool::new(&config(JOBS));
    for _ in 0..50 {
        let barrier = Arc::new(Barrier::new(JOBS + 1));
        for _ in 0..JOBS {
            submit(&pool, meet(&barrier));
        }
        barrier.wait();
        assert_eq!(pool.threads(), JOBS);
    }
    assert!(pool.shutdown(None));
}

#[test]
fn the_cap_holds() {
    const CAP: usize = 3;
    let pool = Pool::new(&config(CAP));
    let mut held: Vec<_> = (0..CAP)
        .map(|_| {
            let (work, started, release) = held();
            submit(&pool, work);
            recv(&started);
            release
        })
        .collect();
    let running = Arc::new(AtomicUsize::new(0));
    let (sender, results) = channel();
    for index in 0..32 {
        let (running, sender) = (running.clone(), sender.clone());
        submit(
            &pool,
            job(move |_| {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                sender
                    .send((index, now))
                    .expect("the test waits for its jobs");
                running.fetch_sub(1, Ordering::SeqCst);
            }),
        );
    }
    assert_eq!((pool.threads(), pool.queue_depth()), (CAP, 32));
    // One thread comes free: it does all the rest, in order.
    held.pop();
    for index in 0..32 {
        assert_eq!(recv(&results), (index, 1));
    }
    assert_eq!((pool.threads(), pool.queue_depth()), (CAP, 0));
    drop(held);
    assert!(pool.shutdown(None));
}

#[test]
fn a_single_thread_runs_jobs_in_order() {
    let pool = Pool::new(&config(1));
    let (sender, results) = channel();
    for index in 0..1000 {
        let sender = sender.clone();
        submit(
            &pool,
            job(move |_| sender.send(index).expect("the test waits")),
        );
    }
    for index in 0..1000 {
        assert_eq!(recv(&results), index);
    }
    assert_eq!(pool.threads(), 1);
    assert!(pool.shutdown(None));
}

#[test]
fn idle_threads_end_after_the_keep_alive() {
    let ended = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(&PoolConfig {
        keep_alive: Duration::from_millis(1),
        wrap: {
            let ended = Arc::clone(&ended);
            Arc::new(move |life| {
                life();
                ended.fetch_add(1, Ordering::SeqCst);
            })
        },
        ..config(8)
    });
    let barrier = Arc::new(Barrier::new(5));
    for _ in 0..4 {
        submit(&pool, meet(&barrier));
    }
    barrier.wait();
    eventually("all threads expire", || pool.threads() == 0);
    eventually("all threads end", || ended.load(Ordering::SeqCst) == 4);
    assert_eq!(pool.idle_threads(), 0);
    // And the pool still works.
    let (sender, results) = channel();
    submit(&pool, report(&sender));
    assert_eq!(recv(&results), Fate::Run);
    assert!(pool.shutdown(None));
}

#[test]
fn jobs_racing_the_keep_alive_are_all_run() {
    let pool = Pool::new(&PoolConfig {
        keep_alive: Duration::from_nanos(1),
        ..config(2)
    });
    let (sender, results) = channel();
    for _ in 0..2000 {
        submit(&pool, report(&sender));
        assert_eq!(recv(&results), Fate::Run);
    }
    assert!(pool.shutdown(None));
}

#[test]
fn threads_have_the_names_and_stacks_asked_for() {
    let next = AtomicUsize::new(0);
    let pool = Pool::new(&PoolConfig {
        thread_name: Arc::new(move || format!("worker-{}", next.fetch_add(1, Ordering::SeqCst))),
        stack_size: Some(16 << 20),
        ..config(2)
    });
    let (sender, results) = channel();
    let barrier = Arc::new(Barrier::new(2));
    for _ in 0..2 {
        let (sender, barrier) = (sender.clone(), barrier.clone());
        submit(
            &pool,
            job(move |_| {
                barrier.wait();
                // Would overflow the default stack, 2 MiB.
                let block = std::hint::black_box([1_u8; 3 << 20]);
                assert_eq!(std::hint::black_box(&block)[block.len() - 1], 1);
                let name = thread::current().name().map(str::to_owned);
                sender.send(name).expect("the test waits");
            }),
        );
    }
    let mut names = [recv(&results), recv(&results)];
    names.sort();
    assert_eq!(
        names,
        [Some("worker-0".to_owned()), Some("worker-1".to_owned())]
    );
    assert!(pool.shutdown(None));
}

#[test]
fn the_wrapper_surrounds_the_whole_life() {
    thread_local!(static INSIDE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    let ended = Arc::new(AtomicBool::new(false));
    let pool = Pool::new(&PoolConfig {
        wrap: {
            let ended = Arc::clone(&ended);
            Arc::new(move |life| {
                INSIDE.set(true);
                life();
                ended.store(true, Ordering::SeqCst);
            })
        },
        ..config(1)
    });
    let (sender, results) = channel();
    submit(
        &pool,
        job(move |_| sender.send(INSIDE.get()).expect("the test waits")),
    );
    assert!(recv(&results));
    assert!(pool.shutdown(None));
    assert!(
        ended.load(Ordering::SeqCst),
        "shutdown waits for the end of the wrapper"
    );
}

#[test]
fn a_lent_thread_counts_no_more_until_it_is_back() {
    let pool = Pool::new(&config(1));
    let (lent, is_lent) = channel();
    let (release, released) = channel::<()>();
    let lender = pool.clone();
    submit(
        &pool,
        job(move |_| {
            let guard = lender.lend_thread();
            lent.send(()).expect("the test waits for its jobs");
            // An error means that the test is over, which is a release too.
            let _ = released.recv();
            drop(guard);
        }),
    );
    recv(&is_lent);
    let (work, started, release_other) = held();
    submit(&pool, work);
    assert_eq!(recv(&started), Fate::Run);
    let all = || pool.shared.state.lock().threads();
    assert_eq!(
        (all(), pool.threads()),
        (2, 1),
        "one is in the place of the lent one"
    );
    drop(release);
    eventually("one of them leaves", || (all(), pool.threads()) == (1, 1));
    drop(release_other);
    assert!(pool.shutdown(None));
}
