//! What the workers of a multi-threaded scheduler share, and how a task that
//! was made ready finds its way to one of them.

use super::block_in_place::Stranded;
use super::context;
use super::idle::{Idle, Wake};
use super::metrics::{self, Counters, Outside};
use super::parker::Parker;
use super::queues::{Injector, LifoSlot, Stealer};
use super::reference::{References, SchedulerRef, WorkerReferences};
use super::services::Services;
use super::worker::Core;
use crate::driver::Driver;
use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering::*, fence};
use crate::primitive::{Mutex, SleepersMutex};
use crate::task::{Again, Notified, OwnedTasks, Schedule, Task};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::ptr;
use std::time::Duration;
// Not `primitive`'s: the receiver of a method. Loom sees no order in its count; a
// model that ends asserts that it held the last reference.
use std::sync::Arc;

/// A task that is ready to be polled by a worker.
pub(crate) type Ready = Notified<SchedulerRef>;

/// One multi-threaded scheduler.
pub(crate) struct Shared {
    pub(super) remotes: Box<[CachePadded<Remote>]>,
    pub(super) injector: Injector<Ready>,
    /// Set before the drains of the injector: who sees it before a push drops its task; a push
    /// that is followed by it takes out one task again, its own or one of another late push, and one
    /// that is not is seen by every drain.
    pub(super) injector_closed: AtomicBool,
    /// Held by whoever takes from the injector once it is closed, but for workers that have not
    /// ended yet: who takes sees the pushes of those that have taken before.
    pub(super) closed_injector: Mutex<()>,
    pub(super) idle: Idle,
    pub(super) owned: OwnedTasks<SchedulerRef>,
    pub(super) driver: SleepersMutex<Driver>,
    pub(super) shutdown: AtomicBool,
    /// Workers that have left their loop; the last one shuts the driver down, for nobody turns it
    /// from then on.
    pub(super) left: AtomicUsize,
    /// Workers that have ended; the last one clears up.
    pub(super) ended: Mutex<usize>,
    pub(super) stranded: Stranded,
    pub(crate) elsewhere: CachePadded<Elsewhere>,
    pub(crate) services: Services,
}

/// What threads that are no workers write to, away from what workers read.
pub(crate) struct Elsewhere {
    pub(crate) outside: Outside,
    pub(super) references: References,
}

/// The part of a worker that other threads see.
pub(crate) struct Remote {
    pub(super) stealer: Stealer<Ready>,
    pub(super) lifo: LifoSlot<Ready>,
    pub(super) parker: Parker,
    pub(super) counters: Counters,
    pub(super) references: WorkerReferences,
}

impl Shared {
    /// Takes a new task into the queue of the worker on this thread, or gives it back after
    /// shutdown: it is to be dropped.
    #[inline]
    pub(super) fn start_here(&self, core: &mut Core, remote: &Remote, new: Ready) -> Option<Ready> {
        remote.counters.spawned.add(1);
        if self.owned.is_closed() {
            return Some(new);
        }
        core.push_woken(remote, new);
        None
    }

    /// Takes a new task from outside the workers.
    #[cold]
    pub(super) fn start_elsewhere(&self, new: Ready) {
        // ORDERING: Relaxed: the end of the task publishes it.
        self.elsewhere.outside.spawned.fetch_add(1, Relaxed);
        self.inject(new);
    }

    /// Puts a ready task where it runs next, or where any worker finds it.
    #[inline]
    fn route(&self, task: Ready, local: impl FnOnce(&mut Core, &Remote, Ready)) {
        let pushed = context::with_core(self, task, |core, task| {
            let remote = &self.remotes[core.index];
            local(core, remote, task);
        });
        if let Err(task) = pushed {
            // ORDERING: Relaxed: a metric.
            self.elsewhere.outside.wakes.fetch_add(1, Relaxed);
            self.inject(task);
        }
    }

    /// Takes a task from outside the workers.
    #[cold]
    fn inject(&self, task: Ready) {
        // Nobody else's task is dropped here but by a race: its destructor may need what
        // the caller holds, or push in turn.
        // ORDERING: Relaxed: who does not see it yet looks again.
        if self.injector_closed.load(Relaxed) {
            return drop(task);
        }
        self.injector.push(task);
        // ORDERING: SeqCst fence between push and load; partner: `drop_queued`.
        fence(SeqCst);
        // ORDERING: Relaxed; the fence carries the order.
        if self.injector_closed.load(Relaxed) {
            drop(self.take_injected());
            return;
        }
        self.unpark(self.idle.wake_for_push());
    }

    /// Wakes a worker for work that those awake do not get done, unless one
    /// searches already.
    pub(super) fn wake_for_backlog(&self) {
        self.unpark(self.idle.wake_for_backlog());
    }

    pub(super) fn unpark(&self, wake: Wake) {
        for index in [wake.worker, wake.watcher].into_iter().flatten() {
            self.unpark_worker(index);
        }
    }

    fn unpark_worker(&self, index: usize) {
        self.remotes[index]
            .parker
            .unpark(|| self.services.driver.unpark());
    }

    /// Whether a worker that searched now would find anything.
    pub(super) fn has_visible_work(&self) -> bool {
        !self.injector.is_empty() || self.remotes.iter().any(|remote| !remote.stealer.is_empty())
    }

    /// Starts the shutdown: every worker ends at its next look, which is now
    /// for those that sleep.
    pub(crate) fn begin_shutdown(self: &Arc<Self>) {
        // ORDERING: SeqCst, so that a worker either sees it before it sleeps
        // or is seen sleeping; the parkers' tokens carry it in either case.
        self.shutdown.store(true, SeqCst);
        for index in 0..self.remotes.len() {
            self.unpark_worker(index);
        }
        self.stranded.end_all(self);
    }

    /// As [`begin_shutdown`](Self::begin_shutdown), where nobody closes the blocking pool next,
    /// in whose queue a worker may wait for a thread.
    pub(crate) fn begin_shutdown_by_panic(self: &Arc<Self>) {
        self.begin_shutdown();
        self.services.blocking.shutdown(Some(Duration::ZERO));
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        // ORDERING: Acquire pairs with the store in `begin_shutdown`.
        self.shutdown.load(Acquire)
    }

    /// Shuts the driver down, for good: every worker has left its loop. What that wakes is not
    /// queued, but dropped with the tasks that wait, by the caller at the latest.
    pub(super) fn shut_driver_down(&self) {
        // ORDERING: Relaxed: the wakes to come are this thread's; for others, the drains close it.
        self.injector_closed.store(true, Relaxed);
        self.driver.lock().shutdown(&self.services.driver);
    }

    /// Drops the tasks in all queues, those of workers that are still in a poll
    /// included. No task stays in the injector from here on.
    pub(super) fn drop_queued(&self) {
        // ORDERING: Relaxed store, SeqCst fence, then the drain; partner: `inject`.
        self.injector_closed.store(true, Relaxed);
        fence(SeqCst);
        self.drain_injector();
        for remote in &self.remotes {
            drop(remote.lifo.steal());
            while !remote.stealer.is_empty() {
                drop(remote.stealer.steal());
            }
        }
    }

    fn drain_injector(&self) {
        while let Some(task) = self.take_injected() {
            drop(task);
        }
    }

    /// A task from the closed injector. `None` only if everything is taken that was pushed before the
    /// closing, by the caller, or by those who took before.
    fn take_injected(&self) -> Option<Ready> {
        let _order = self.closed_injector.lock();
        while !self.injector.is_empty() {
            if let Some(task) = self.injector.pop() {
                return Some(task);
            }
        }
        None
    }

    /// The number of workers.
    pub(crate) fn workers(&self) -> usize {
        self.remotes.len()
    }

    /// Tasks that have not ended yet.
    pub(crate) fn alive_tasks(&self) -> usize {
        metrics::alive_tasks(
            self.remotes.iter().map(|remote| &remote.counters),
            &self.elsewhere.outside,
        )
    }

    /// Tasks that wait in the injector.
    pub(crate) fn injector_depth(&self) -> usize {
        self.injector.len()
    }

    /// Tasks that wait in the local queue of `worker`.
    pub(crate) fn local_depth(&self, worker: usize) -> usize {
        self.remotes[worker].stealer.len()
    }

    /// The counters of `worker`.
    pub(crate) fn counters(&self, worker: usize) -> &Counters {
        &self.remotes[worker].counters
    }

    /// The timer shard a sleep created on this thread belongs to.
    pub(crate) fn timer_shard(&self) -> usize {
        context::current_index(self).unwrap_or(self.remotes.len())
    }
}

impl Schedule for SchedulerRef {
    fn schedule(&self, task: Ready) {
        self.route(task, Core::push_woken);
    }

    fn address(&self) -> *const () {
        ptr::from_ref::<Shared>(self).cast()
    }

    #[inline]
    fn schedule_here(address: *const (), task: Ready) -> Result<(), Ready> {
        context::with_core_at(address, task, |shared, core, task| {
            core.push_woken(&shared.remotes[core.index], task);
        })
    }

    fn reschedule(&self, task: Ready, again: Again) {
        self.route(task, |core, remote, task| {
            core.push_again(remote, task, again)
        });
    }

    fn keep(&self, task: Task<Self>) -> Result<(), Task<Self>> {
        let shard = context::current_index(self).unwrap_or(0);
        self.owned.add(task, shard)
    }

    fn release(&self, task: &Task<Self>) -> Option<Task<Self>> {
        let counted = context::with_core(self, (), |core, ()| {
            self.remotes[core.index].counters.ended.add(1);
        });
        if counted.is_err() {
            // ORDERING: Release, partner: `metrics::alive_tasks`.
            self.elsewhere.outside.ended.fetch_add(1, Release);
        }
        self.owned.remove(task)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("workers", &self.remotes.len())
            .field("idle", &self.idle)
            .field("alive_tasks", &self.alive_tasks())
            .finish_non_exhaustive()
    }
}
