//! Loom models of the pool: each one race, with the code that ships.
//!
//! A job that no thread comes for makes a model hang, which loom reports as a
//! deadlock.
//!
//! # What is reduced, and why that suffices
//! One or two submitters, one or two threads of the pool, one to three jobs; one thread
//! and one job more where start hooks wait. The
//! protocol speaks of the head of the queue, one summoned thread and one idle
//! thread at a time; a third thread does to the second what that does to the
//! first. The bound on preemptions stands at each model, 2 or 3, as its threads
//! allow, and 1 with three threads of the pool, where each that waits is a switch that
//! is no preemption; the environment, `LOOM_MAX_PREEMPTIONS`, may ask for more.
//!
//! Time: loom has none. The pools of the models that need it have a keep-alive
//! of zero, so that an idle thread which is woken without having been called
//! finds its time over, and [`let_time_pass`] on a thread of its own is that
//! wake-up: loom tries it at every moment. All others wait for ever.

mod failures;
mod handles;

use super::worker::{Life, Spawner, spawn_thread};
use super::{Job, Pool, PoolConfig, SubmitError};
use crate::primitive::{Arc, Condvar, Mutex};
use loom::thread;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc as StdArc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What became of the jobs of one model.
struct Ledger {
    fates: Mutex<Fates>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Fates {
    started: usize,
    run: usize,
    discarded: usize,
    /// The operating system is about to refuse a thread.
    refusing: bool,
}

impl Ledger {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            fates: Mutex::new(Fates::default()),
            changed: Condvar::new(),
        })
    }

    fn record(&self, f: impl FnOnce(&mut Fates)) {
        f(&mut self.fates.lock());
        self.changed.notify_all();
    }

    fn wait_until(&self, condition: impl Fn(&Fates) -> bool) {
        let mut fates = self.fates.lock();
        while !condition(&fates) {
            self.changed.wait(&mut fates);
        }
    }

    fn wait_until_run(&self, count: usize) {
        self.wait_until(|fates| fates.run >= count);
    }

    fn fates(&self) -> Fates {
        *self.fates.lock()
    }
}

/// A job that counts its fate. That it has at most one is in the signature of
/// [`Job`]: both ways take it by value. That it has one at all is the model's.
struct Counted {
    ledger: Arc<Ledger>,
    /// Run only once so many others have been.
    after: usize,
    /// Runs until the operating system is about to refuse a thread.
    held: bool,
    /// Ends with a panic that ends its thread, too.
    lethal: bool,
    /// Borrows its thread from this pool until another job has been run.
    borrows: Option<Pool<Counted>>,
}

impl Counted {
    fn borrowing_from(self, pool: &Pool<Counted>) -> Self {
        Self {
            borrows: Some(pool.clone()),
            ..self
        }
    }

    fn held(self) -> Self {
        Self { held: true, ..self }
    }

    fn lethal(self) -> Self {
        Self {
            lethal: true,
            ..self
        }
    }
}

/// The payload of a panic that panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        resume_unwind(Box::new("a payload that panics"));
    }
}

impl Job for Counted {
    fn run(self) {
        // Every lock is a branch for loom to explore.
        if self.after > 0 {
            self.ledger.wait_until_run(self.after);
        }
        if self.held {
            self.ledger.record(|fates| fates.started += 1);
            self.ledger.wait_until(|fates| fates.refusing);
        }
        if let Some(pool) = &self.borrows {
            let lent = pool.lend_thread();
            self.ledger.wait_until_run(1);
            drop(lent);
        }
        self.ledger.record(|fates| fates.run += 1);
        if self.lethal {
            resume_unwind(Box::new(Grenade));
        }
    }

    fn discard(self) {
        self.ledger.record(|fates| fates.discarded += 1);
    }
}

fn job(ledger: &Arc<Ledger>) -> Counted {
    job_after(0, ledger)
}

fn job_after(after: usize, ledger: &Arc<Ledger>) -> Counted {
    Counted {
        ledger: Arc::clone(ledger),
        after,
        held: false,
        lethal: false,
        borrows: None,
    }
}

fn pool(max_threads: usize, keep_alive: Duration) -> Pool<Counted> {
    pool_with_spawner(max_threads, keep_alive, StdArc::new(spawn_thread))
}

fn pool_with_spawner<J: Job>(
    max_threads: usize,
    keep_alive: Duration,
    spawner: StdArc<Spawner>,
) -> Pool<J> {
    Pool::with_spawner(&config(max_threads, keep_alive), spawner)
}

fn config(max_threads: usize, keep_alive: Duration) -> PoolConfig {
    PoolConfig {
        max_threads,
        keep_alive,
        thread_name: StdArc::new(|| "model".to_owned()),
        stack_size: None,
        wrap: StdArc::new(|life| life()),
        has_start_hook: false,
    }
}

/// Refuses the `nth` thread it is asked for, counted from zero.
fn refuse(nth: usize) -> StdArc<Spawner> {
    refuse_after(nth, || ())
}

/// As [`refuse`], after a while.
fn refuse_after(nth: usize, wait: impl Fn() + Send + Sync + 'static) -> StdArc<Spawner> {
    let asked = AtomicUsize::new(0);
    StdArc::new(move |name, stack_size, life: Life| {
        if asked.fetch_add(1, Ordering::Relaxed) == nth {
            wait();
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        spawn_thread(name, stack_size, life)
    })
}

fn submit(pool: &Pool<Counted>, job: Counted) {
    pool.submit(job).expect("the pool takes jobs");
}

/// The keep-alive of every thread that is idle now is over.
fn let_time_pass(pool: &Pool<Counted>) {
    let seats = pool.shared.state.lock().idle.clone();
    for seat in seats {
        seat.call.notify_one();
    }
}

fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    // The environment, LOOM_MAX_PREEMPTIONS, may ask for another bound.
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}

/// A push against the expiry of the only idle thread: the job is run by the
/// thread that was about to leave, or by a new one.
#[test]
fn loom_push_against_keep_alive() {
    check(3, || {
        let ledger = Ledger::new();
        let pool = pool(1, Duration::ZERO);
        submit(&pool, job(&ledger));
        let clock = {
            let pool = pool.clone();
            thread::spawn(move || let_time_pass(&pool))
        };
        submit(&pool, job(&ledger));
        ledger.wait_until_run(2);
        clock.join().expect("the clock does not panic");
        assert!(pool.shutdown(None));
        assert_eq!(ledger.fates().discarded, 0);
    });
}

/// Jobs that wait for jobs, with a thread allowed for each: the second is never
/// left behind the first, whether its thread is idle or must be created.
#[test]
fn loom_a_queued_job_never_waits_for_a_running_one() {
    check(3, || {
        let ledger = Ledger::new();
        let pool = pool(2, Duration::MAX);
        submit(&pool, job_after(1, &ledger));
        submit(&pool, job(&ledger));
        ledger.wait_until_run(2);
        assert!(pool.shutdown(None));
    });
}

/// The same when the waiting jobs come from two threads at once and the first
/// thread may be anywhere between its birth and its seat.
#[test]
fn loom_jobs_from_two_sides_get_a_thread_each() {
    check(2, || {
        let ledger = Ledger::new();
        let pool = pool(2, Duration::MAX);
        let other = {
            let (pool, ledger) = (pool.clone(), Arc::clone(&ledger));
            thread::spawn(move || submit(&pool, job_after(1, &ledger)))
        };
        submit(&pool, job(&ledger));
        other.join().expect("the pool takes jobs");
        ledger.wait_until_run(2);
        assert!(pool.shutdown(None));
    });
}

/// A pool whose threads call `hook` when they start, each with its number.
fn pool_with_hook(
    max_threads: usize,
    hook: impl Fn(usize) + Send + Sync + 'static,
) -> Pool<Counted> {
    let started = AtomicUsize::new(0);
    let hooked = PoolConfig {
        wrap: StdArc::new(move |life| {
            hook(started.fetch_add(1, Ordering::Relaxed));
            life();
        }),
        has_start_hook: true,
        ..config(max_threads, Duration::MAX)
    };
    Pool::with_spawner(&hooked, StdArc::new(spawn_thread))
}

/// The thread that comes first is kept by its start hook, which waits for a job: another is
/// created, and runs both.
#[test]
fn loom_a_start_hook_waits_for_a_job() {
    check(3, || {
        let ledger = Ledger::new();
        let pool = pool_with_hook(2, {
            let ledger = Arc::clone(&ledger);
            move |thread| {
                if thread == 0 {
                    ledger.wait_until_run(1);
                }
            }
        });
        submit(&pool, job(&ledger));
        submit(&pool, job(&ledger));
        ledger.wait_until_run(2);
        assert!(pool.shutdown(None));
    });
}

/// The start hook waits for a job of its own, and so does the job that its thread was created for:
/// both get another thread.
#[test]
fn loom_a_start_hook_waits_for_its_own_job() {
    check(1, || {
        let ledger = Ledger::new();
        let own = StdArc::new(OnceLock::<Pool<Counted>>::new());
        let pool = pool_with_hook(3, {
            let (ledger, own) = (Arc::clone(&ledger), StdArc::clone(&own));
            move |thread| {
                if thread == 0 {
                    let pool = own.get().expect("is there before the first job");
                    submit(pool, job(&ledger));
                    ledger.wait_until_run(1);
                }
            }
        });
        assert!(own.set(pool.clone()).is_ok());
        drop(own);
        submit(&pool, job_after(1, &ledger));
        ledger.wait_until_run(2);
        assert!(pool.shutdown(None));
    });
}

/// Two jobs are left when the thread that was summoned takes the first of three: a thread is
/// created for each, though the start hook of one waits for either.
#[test]
fn loom_a_start_hook_waits_behind_a_summons() {
    check(1, || {
        let ledger = Ledger::new();
        let pool = pool_with_hook(3, {
            let ledger = Arc::clone(&ledger);
            move |thread| {
                if thread == 1 {
                    ledger.wait_until_run(2);
                }
            }
        });
        submit(&pool, job(&ledger));
        ledger.wait_until_run(1);
        submit(&pool, job_after(2, &ledger));
        submit(&pool, job(&ledger));
        submit(&pool, job(&ledger));
        ledger.wait_until_run(4);
        assert!(pool.shutdown(None));
    });
}

/// Two submitters at the cap of one thread: it comes back for what was queued
/// behind its job, or is called from its seat.
#[test]
fn loom_at_the_cap_the_thread_comes_back() {
    check(3, || {
        let ledger = Ledger::new();
        let pool = pool(1, Duration::MAX);
        let other = {
            let (pool, ledger) = (pool.clone(), Arc::clone(&ledger));
            thread::spawn(move || submit(&pool, job(&ledger)))
        };
        submit(&pool, job(&ledger));
        other.join().expect("the pool takes jobs");
        ledger.wait_until_run(2);
        assert!(pool.shutdown(None));
    });
}

/// The only thread the cap allows is lent to its job, which waits for another job:
/// that gets a thread whether it came before the loan or during it, and when the
/// loan is over one of the two leaves.
#[test]
fn loom_a_lent_thread_leaves_its_place() {
    check(3, || {
        let ledger = Ledger::new();
        let pool = pool(1, Duration::MAX);
        submit(&pool, job(&ledger).borrowing_from(&pool));
        submit(&pool, job(&ledger));
        ledger.wait_until_run(2);
        submit(&pool, job(&ledger));
        ledger.wait_until_run(3);
        assert!(pool.shutdown(None));
        assert_eq!((pool.threads(), pool.idle_threads()), (0, 0));
    });
}

/// A shutdown against a submitter: every job is run, discarded or handed back,
/// and no thread outlives the shutdown.
#[test]
fn loom_shutdown_against_queued_jobs() {
    check(3, || {
        let ledger = Ledger::new();
        let pool = pool(1, Duration::MAX);
        let submitter = {
            let (pool, ledger) = (pool.clone(), Arc::clone(&ledger));
            thread::spawn(move || {
                let refused = |_: &usize| pool.submit(job(&ledger)).is_err();
                (0..2).filter(refused).count()
            })
        };
        assert!(pool.shutdown(None));
        let refused = submitter.join().expect("a refusal is not a panic");
        let fates = ledger.fates();
        assert_eq!(
            fates.run + fates.discarded + refused,
            2,
            "{fates:?}, {refused} refused"
        );
        assert_eq!(pool.threads(), 0);
    });
}

/// A shutdown against the expiry of an idle thread: it is counted out once and
/// joined.
#[test]
fn loom_shutdown_against_keep_alive() {
    check(3, || {
        let ledger = Ledger::new();
        let pool = pool(1, Duration::ZERO);
        submit(&pool, job(&ledger));
        ledger.wait_until_run(1);
        let clock = {
            let pool = pool.clone();
            thread::spawn(move || let_time_pass(&pool))
        };
        assert!(pool.shutdown(None));
        clock.join().expect("the clock does not panic");
        assert_eq!((pool.threads(), pool.idle_threads()), (0, 0));
    });
}

/// Two idle threads, one of which expires while a push calls one: whichever is
/// on top of the stack by then comes, and none is counted twice.
#[test]
fn loom_push_against_the_keep_alive_of_two() {
    check(2, || {
        let ledger = Ledger::new();
        let pool = pool(2, Duration::ZERO);
        submit(&pool, job_after(1, &ledger));
        submit(&pool, job(&ledger));
        ledger.wait_until_run(2);
        let clock = {
            let pool = pool.clone();
            thread::spawn(move || let_time_pass(&pool))
        };
        submit(&pool, job(&ledger));
        ledger.wait_until_run(3);
        clock.join().expect("the clock does not panic");
        assert!(pool.shutdown(None));
        assert_eq!(ledger.fates().discarded, 0);
        assert_eq!((pool.threads(), pool.idle_threads()), (0, 0));
    });
}
