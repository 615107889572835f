#![expect(unsafe_code, reason = "shares a cell that loom checks the accesses to")]
//! A scheduler of a few lines, for the tests and models of tasks: one queue,
//! run by hand.

use super::{Again, Id, JoinHandle, Notified, OwnedTasks, Schedule, Task, create};
use crate::primitive::atomic::AtomicUsize;
use crate::primitive::{Arc, Mutex, UnsafeCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::Location;
// Loom's would multiply the interleavings for a count.
use std::sync::atomic::{AtomicUsize as Count, Ordering::Relaxed};

/// A handle of the scheduler, and what its tasks hold.
pub(crate) struct Model {
    shared: Arc<Shared>,
    handle: Handle,
}

/// Finds a handle that is used while, or after, it is dropped with its task: loom
/// does not see memory that is freed, but it does see accesses to a cell.
struct Handle(UnsafeCell<()>);

// SAFETY: there is nothing in the cell; loom checks the accesses to it.
unsafe impl Sync for Handle {}

impl Handle {
    fn new() -> Self {
        Self(UnsafeCell::new(()))
    }

    fn is_alive(&self) {
        self.0.with(|_| ());
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
    }
}

impl Clone for Model {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            handle: Handle::new(),
        }
    }
}

struct Shared {
    /// `None` after the shutdown.
    queue: Mutex<Option<VecDeque<Notified<Model>>>>,
    owned: OwnedTasks<Model>,
    scheduled: AtomicUsize,
    rescheduled: AtomicUsize,
    alive: Count,
    /// Also numbers the shards that tasks are kept in.
    kept: Count,
}

impl Schedule for Model {
    fn schedule(&self, task: Notified<Self>) {
        self.shared.scheduled.fetch_add(1, Relaxed);
        self.push(task);
        self.handle.is_alive();
    }

    fn reschedule(&self, task: Notified<Self>, _: Again) {
        self.shared.rescheduled.fetch_add(1, Relaxed);
        self.push(task);
        self.handle.is_alive();
    }

    fn keep(&self, task: Task<Self>) -> Result<(), Task<Self>> {
        let kept = self.shared.kept.fetch_add(1, Relaxed);
        self.shared.owned.add(task, kept)
    }

    fn release(&self, task: &Task<Self>) -> Option<Task<Self>> {
        self.shared.alive.fetch_sub(1, Relaxed);
        self.shared.owned.remove(task)
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        Self::with_shards(1)
    }

    pub(crate) fn with_shards(shards: usize) -> Self {
        Self::with_owned(OwnedTasks::new(shards))
    }

    fn with_owned(owned: OwnedTasks<Model>) -> Self {
        Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(Some(VecDeque::new())),
                owned,
                scheduled: AtomicUsize::new(0),
                rescheduled: AtomicUsize::new(0),
                alive: Default::default(),
                kept: Default::default(),
            }),
            handle: Handle::new(),
        }
    }

    /// Spawns a task into the queue.
    #[track_caller]
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (handle, notified) = self.create(future);
        self.push(notified);
        handle
    }

    /// Makes a task without queueing it.
    #[track_caller]
    pub(crate) fn create<F>(&self, future: F) -> (JoinHandle<F::Output>, Notified<Self>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.alive.fetch_add(1, Relaxed);
        create(future, self.clone(), Id::next(), Location::caller())
    }

    /// Queues a task, or drops it after the shutdown.
    fn push(&self, task: Notified<Self>) {
        let mut queue = self.shared.queue.lock();
        match &mut *queue {
            Some(queue) => queue.push_back(task),
            None => {
                drop(queue);
                drop(task);
            }
        }
    }

    pub(crate) fn pop(&self) -> Option<Notified<Self>> {
        self.shared.queue.lock().as_mut()?.pop_front()
    }

    /// Runs one task of the queue; `false` if there is none.
    pub(crate) fn run_one(&self) -> bool {
        let Some(task) = self.pop() else { return false };
        task.run_on(self);
        true
    }

    /// Runs what is in the queue until nothing is, and returns how many runs
    /// that took.
    pub(crate) fn run_all(&self) -> usize {
        let mut runs = 0;
        while self.run_one() {
            runs += 1;
            assert!(runs < 10_000, "a task does not come to rest");
        }
        runs
    }

    pub(crate) fn shutdown(&self) {
        self.shutdown_from(0);
    }

    /// As a worker does, whose own shard is `shard`.
    pub(crate) fn shutdown_from(&self, shard: usize) {
        self.shared.owned.close_and_shutdown_all(shard);
        let queue = self.shared.queue.lock().take();
        drop(queue);
    }

    pub(crate) fn alive(&self) -> usize {
        self.shared.alive.load(Relaxed)
    }

    pub(crate) fn queued(&self) -> usize {
        self.shared.queue.lock().as_ref().map_or(0, VecDeque::len)
    }

    /// How many handles of the scheduler there are: one of every task that has
    /// not been freed, and those of the test.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.shared)
    }

    /// How many times a waker or an abort submitted a task.
    pub(crate) fn scheduled(&self) -> usize {
        self.shared.scheduled.load(Relaxed)
    }

    /// How many times a poll ended with the task ready again.
    pub(crate) fn rescheduled(&self) -> usize {
        self.shared.rescheduled.load(Relaxed)
    }
}

/// What only the tests on one thread ask for.
#[cfg(not(filch_loom))]
impl Model {
    /// Keeps no more than so many tasks in each shard.
    pub(super) fn with_places(shards: usize, places: usize) -> Self {
        Self::with_owned(OwnedTasks::new(shards).with_places(places))
    }

    /// Shuts every task down, starting with a given shard.
    pub(crate) fn close_from(&self, shard: usize) {
        self.shared.owned.close_and_shutdown_all(shard);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.owned.is_closed()
    }

    /// How many tasks have been kept so far.
    pub(super) fn kept(&self) -> usize {
        self.shared.kept.load(Relaxed)
    }

    pub(crate) fn downgrade(&self) -> WeakModel {
        WeakModel {
            shared: Arc::downgrade(&self.shared),
        }
    }
}

/// A handle that does not keep the scheduler alive.
#[cfg(not(filch_loom))]
pub(crate) struct WeakModel {
    shared: std::sync::Weak<Shared>,
}

#[cfg(not(filch_loom))]
impl WeakModel {
    pub(crate) fn upgrade(&self) -> Option<Model> {
        Some(Model {
            shared: self.shared.upgrade()?,
            handle: Handle::new(),
        })
    }
}
