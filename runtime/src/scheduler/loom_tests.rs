//! Models of the multi-threaded scheduler: the workers that ship, with the driver
//! that ships, as threads of loom's.
//!
//! A wake-up that is lost is a deadlock, which loom finds. A task that is lost or
//! kept is a reference of the scheduler that is left when it has ended, which
//! [`Scheduler::end`] finds.
//!
//! # What is reduced, and why that suffices
//!
//! - *Threads*: two or three, workers included; loom allows five. Each race of the
//!   protocol is one between a waker and a parker, two thieves, or an end and one
//!   who comes late. A worker that no thread runs takes no part: it is *stuck* in a
//!   poll, which the model's own thread plays with [`Scheduler::stuck`].
//! - *Preemptions*: two, or three where that takes no more than some seconds, unless
//!   `LOOM_MAX_PREEMPTIONS` says otherwise. A lost wake-up needs one: between the look and the
//!   sleep, or between the push and the look. The second one lets a third thread,
//!   or the first again, come in between.
//! - *Tasks*: one to three. A second push repeats the first one's steps; it
//!   matters where a batch is split, or where somebody relies on a wake-up that is
//!   under way.
//! - *Time* stands still, so that nobody wakes a sibling for a backlog and no watcher
//!   looks, except where a model lets limits be reached or moves the clock.
//! - *Exploring ends* where a model has seen what it is about: tearing a scheduler
//!   down has models of its own.
//! - Queues are the stand-ins of `queues::model`, which order as little as they may. One
//!   shard holds all timers, and counters that are hints are no branches. There is one
//!   order of victims, except where a model chooses it.

mod blocking;
mod life;
mod lifo;
mod parking;
mod references;
mod stealing;
mod watching;
mod yielding;

use super::block_in_place::{accept, block_in_place, offer};
use super::context::{self, WorkerGuard};
use super::reference::SchedulerRef;
use super::root;
use super::services::{Enabled, Hooks, Services};
use super::shared::Shared;
use super::worker::{self, Core, Pacing};
use super::{multi_thread, parker::Parker};
use crate::blocking::{Pool, PoolConfig};
use crate::driver::{self, clock::Clock};
use crate::primitive::{self, model_time};
use crate::rng::SeedSource;
use crate::task::{Id, JoinHandle, create};
use loom::thread;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

thread_local! {
    /// A task's id chooses the list it is in: a model's ids are its own, so that
    /// every execution chooses alike. As `model_time` says of thread locals.
    static NEXT_ID: Cell<NonZeroU64> = const { Cell::new(NonZeroU64::MIN) };

    /// Whether the model has seen what it is about.
    static HAS_SEEN_ALL: Cell<bool> = const { Cell::new(false) };
}

/// What comes from here on is not explored.
fn stop_exploring() {
    if !HAS_SEEN_ALL.replace(true) {
        loom::stop_exploring();
    }
}

/// Checks `f` with at most two preemptions.
fn model(f: impl Fn() + Send + Sync + 'static) {
    model_bounded(2, f);
}

/// Checks `f` with at most so many preemptions.
fn model_bounded(preemptions: usize, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    // A worker's loop has some fifty branches.
    builder.max_branches = builder.max_branches.max(5_000);
    builder.check(move || {
        model_time::restart();
        NEXT_ID.set(NonZeroU64::MIN);
        HAS_SEEN_ALL.set(false);
        f();
    });
}

/// A scheduler whose workers the model starts, or plays.
struct Scheduler {
    shared: Arc<Shared>,
    cores: Vec<Option<Box<Core>>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Scheduler {
    fn new(workers: usize) -> Self {
        Self::with_pacing(workers, Pacing::default())
    }

    fn with_pacing(workers: usize, pacing: Pacing) -> Self {
        Self::make(workers, workers, pacing)
    }

    fn on_processors(processors: usize, workers: usize) -> Self {
        Self::make(workers, processors, Pacing::default())
    }

    fn make(workers: usize, processors: usize, pacing: Pacing) -> Self {
        let clock = primitive::Arc::new(Clock::new(false));
        let (driver, handle) = driver::new(1, 4, clock).expect("the model has descriptors");
        let services = |_: &_| Services {
            driver: handle,
            enabled: Enabled {
                io: true,
                time: true,
            },
            blocking: Pool::new(&PoolConfig {
                max_threads: 1,
                keep_alive: Duration::MAX,
                thread_name: Arc::new(|| "model".to_owned()),
                stack_size: None,
                wrap: Arc::new(|life| life()),
                has_start_hook: false,
            }),
            hooks: Hooks::default(),
            seeds: SeedSource::with_seed(1),
        };
        let (shared, cores) = multi_thread::new(workers, processors, driver, pacing, services);
        Self {
            shared,
            cores: cores.into_iter().map(|core| Some(Box::new(core))).collect(),
            threads: Vec::new(),
        }
    }

    fn take_core(&mut self, worker: usize) -> Box<Core> {
        self.cores[worker].take().expect("a worker has one core")
    }

    /// Runs a worker on a thread of its own.
    fn start(&mut self, worker: usize) {
        let (shared, core) = (Arc::clone(&self.shared), self.take_core(worker));
        self.threads
            .push(thread::spawn(move || worker::run(&shared, core)));
    }

    /// Runs a worker on a thread of its own, which does `first` before it comes for the core.
    fn start_after(&mut self, worker: usize, first: impl FnOnce() + Send + 'static) {
        let (shared, core) = (Arc::clone(&self.shared), self.take_core(worker));
        let offered = offer(&shared, core, run_here);
        self.threads.push(thread::spawn(move || {
            first();
            accept(&shared, &offered, run_here);
        }));
    }

    /// Runs a worker on a thread of its own, and lets it fall asleep first.
    fn start_asleep(&mut self, worker: usize) {
        loom::stop_exploring();
        self.start(worker);
        self.wait_until_asleep(worker);
        loom::explore();
    }

    /// Unexplored only: otherwise the worker need not get on.
    fn wait_until_asleep(&self, worker: usize) {
        while self.shared.idle.was_woken(worker) {
            thread::yield_now();
        }
    }

    /// Runs `f` as if in a poll of `worker`, which ends its life right after.
    fn stuck<R>(&mut self, worker: usize, f: impl FnOnce(&Arc<Shared>) -> R) -> R {
        let core = self.take_core(worker);
        let _guard = WorkerGuard::enter(&self.shared, worker);
        let mut result = None;
        let core = context::with_core_laid_down(core, || result = Some(f(&self.shared)));
        self.cores[worker] = core;
        result.expect("the poll has ended")
    }

    #[track_caller]
    fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn(&self.shared, future)
    }

    /// Runs `f` on a thread of its own, up to the end at most.
    fn beside(&mut self, f: impl FnOnce() + Send + 'static) {
        self.threads.push(thread::spawn(f));
    }

    /// Shuts down, and waits for all threads.
    fn join(&mut self) {
        self.shared.begin_shutdown();
        for core in self.cores.iter_mut().filter_map(Option::take) {
            worker::run(&self.shared, core);
        }
        for thread in self.threads.drain(..) {
            thread.join().expect("no thread of a model panics");
        }
    }

    /// Shuts down, and finds that nothing is left.
    fn end(mut self) {
        self.join();
        assert!(self.shared.services.blocking.shutdown(None));
        assert_eq!(self.shared.injector_depth(), 0);
        assert_eq!(Arc::strong_count(&self.shared), 1, "a task is left");
    }

    /// As [`end`](Self::end), of which nothing is explored.
    fn end_unexplored(self) {
        stop_exploring();
        self.end();
    }
}

#[track_caller]
fn spawn<F>(shared: &Arc<Shared>, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    shared.spawn(future, next_id(), Location::caller())
}

fn next_id() -> Id {
    Id(NEXT_ID.replace(NEXT_ID.get().saturating_add(1)))
}

/// Spawns into the queue of the worker on this thread, past its LIFO slot.
#[track_caller]
fn spawn_behind<F>(shared: &Arc<Shared>, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (scheduler, location) = (SchedulerRef::counted_here(shared), Location::caller());
    let (handle, ready) = create(future, scheduler, next_id(), location);
    context::with_core(shared, ready, |core, ready| core.queue.push(ready))
        .expect("this thread plays a worker");
    handle
}

fn block_on<T>(handle: JoinHandle<T>) -> T {
    root::block_on(handle).expect("the task ends by itself")
}

fn block<R>(f: impl FnOnce() -> R) -> R {
    block_in_place(run_here, f)
}

/// Enters no runtime: a model's threads need none.
fn run_here(_: &Arc<Shared>, run: &mut dyn FnMut()) {
    run();
}

/// Where a task leaves its waker. The lock is std's: nothing of loom's happens
/// under it.
#[derive(Clone, Default)]
struct WakerSlot(Arc<std::sync::Mutex<Option<Waker>>>);

impl WakerSlot {
    /// Leaves its waker, and is ready when it is woken.
    fn wait_to_be_woken(self, stored: Gate) -> impl Future<Output = ()> + Send {
        let mut polls = 0;
        poll_fn(move |cx| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            *self.0.lock().expect("no panic under the lock") = Some(waker);
            stored.open();
            Poll::Pending
        })
    }

    fn take(&self) -> Waker {
        let taken = self.0.lock().expect("no panic under the lock").take();
        taken.expect("the task has been polled")
    }
}

/// What one thread waits for until another one opens it. Sticky.
#[derive(Clone)]
struct Gate(Arc<Parker>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new(Parker::new()))
    }

    fn open(&self) {
        self.0.unpark(|| unreachable!("a gate is no driver"));
    }

    fn pass(&self) {
        self.0.park(None);
    }

    /// Two that meet, each on a thread of its own.
    fn meeting() -> (Meeting, Meeting) {
        let (one, other) = (Self::new(), Self::new());
        let first = Meeting {
            own: one.clone(),
            other: other.clone(),
        };
        let second = Meeting {
            own: other,
            other: one,
        };
        (first, second)
    }
}

/// One of two that go on when both have come.
struct Meeting {
    own: Gate,
    other: Gate,
}

impl Meeting {
    fn meet(self) {
        self.other.open();
        self.own.pass();
    }
}
