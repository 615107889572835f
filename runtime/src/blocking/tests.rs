//! The pool with real threads.
//!
//! Nothing here sleeps to let things settle: jobs tell what they do over
//! channels, and [`eventually`] is left by a hang alone.

use super::state::{Duty, Failed, Seat, State};
use super::worker::{Life, Recruiting, spawn_thread};
use super::{Job, Pool, PoolConfig, SubmitError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};
use std::{io, thread};

/// Reached only by a hang.
const HANG: Duration = Duration::from_secs(60);

/// A closure that is told whether it is run or discarded.
struct Work(Box<dyn FnOnce(Fate) + Send>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Run,
    Discarded,
}

impl Job for Work {
    fn run(self) {
        (self.0)(Fate::Run);
    }

    fn discard(self) {
        (self.0)(Fate::Discarded);
    }
}

fn job(f: impl FnOnce(Fate) + Send + 'static) -> Work {
    Work(Box::new(f))
}

/// A job that sends its fate.
fn report(to: &Sender<Fate>) -> Work {
    let to = to.clone();
    job(move |fate| to.send(fate).expect("the test waits for its jobs"))
}

/// A job that says it has started and then waits to be released.
fn held() -> (Work, Receiver<Fate>, Sender<()>) {
    let (started, has_started) = channel();
    let (release, released) = channel::<()>();
    let work = job(move |fate| {
        started.send(fate).expect("the test waits for its jobs");
        if fate == Fate::Run {
            // An error means that the test is over, which is a release too.
            assert_ne!(released.recv_timeout(HANG), Err(RecvTimeoutError::Timeout));
        }
    });
    (work, has_started, release)
}

fn config(max_threads: usize) -> PoolConfig {
    PoolConfig {
        max_threads,
        keep_alive: Duration::MAX,
        thread_name: Arc::new(|| "pool-test".to_owned()),
        stack_size: None,
        wrap: Arc::new(|life| life()),
    }
}

fn submit(pool: &Pool<Work>, work: Work) {
    pool.submit(work).expect("the pool takes jobs");
}

fn recv<T>(from: &Receiver<T>) -> T {
    from.recv_timeout(HANG).expect("the pool hangs")
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANG, "never: {what}");
        thread::yield_now();
    }
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
        let barrier = Arc::clone(&barrier);
        submit(&pool, job(move |_| drop(barrier.wait())));
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
            let barrier = Arc::clone(&barrier);
            submit(&pool, job(move |_| drop(barrier.wait())));
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
        let barrier = Arc::clone(&barrier);
        submit(&pool, job(move |_| drop(barrier.wait())));
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
    let mut state = State::new(2, recruiting);
    let seat = Arc::new(Seat::new());
    let (_, Duty::Create(..)) = state.push(1).expect("open") else { panic!("needs a thread") };
    state.transition_to_arrived();
    assert!(matches!(state.take(), Some((1, Duty::Nothing))));
    let (own, Duty::Create(..)) = state.push(2).expect("open") else { panic!("needs another") };
    assert!(matches!(state.take(), Some((2, Duty::Nothing))));
    state.transition_to_idle(&seat);
    state.transition_to_expired(&seat);
    let (_, Duty::Nothing) = state.push(3).expect("open") else { panic!("one is on its way") };
    let Failed { own, stranded, .. } = state.transition_to_failed(Some(own));
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
