#![expect(unsafe_code, reason = "shares a cell that loom checks the accesses to")]
//! A scheduler of a few lines, for the tests and models of tasks: one queue,
//! run by hand.

use super::{Again, Id, JoinHandle, Notified, OwnedTasks, Schedule, Task, unowned};
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Arc, Mutex, UnsafeCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::Location;

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
    queue: Mutex<VecDeque<Notified<Model>>>,
    owned: OwnedTasks<Model>,
    scheduled: AtomicUsize,
    rescheduled: AtomicUsize,
}

impl Schedule for Model {
    fn schedule(&self, task: Notified<Self>) {
        self.shared.scheduled.fetch_add(1, Ordering::Relaxed);
        self.shared.queue.lock().push_back(task);
        self.handle.is_alive();
    }

    fn reschedule(&self, task: Notified<Self>, _: Again) {
        self.shared.rescheduled.fetch_add(1, Ordering::Relaxed);
        self.shared.queue.lock().push_back(task);
        self.handle.is_alive();
    }

    fn release(&self, task: &Task<Self>) -> Option<Task<Self>> {
        self.shared.owned.remove(task)
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        Self::with_shards(1)
    }

    pub(crate) fn with_shards(shards: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(VecDeque::new()),
                owned: OwnedTasks::new(shards),
                scheduled: AtomicUsize::new(0),
                rescheduled: AtomicUsize::new(0),
            }),
            handle: Handle::new(),
        }
    }

    /// Spawns an owned task into the queue.
    #[track_caller]
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (handle, notified) = self.bind(future);
        if let Some(notified) = notified {
            self.shared.queue.lock().push_back(notified);
        }
        handle
    }

    /// Makes an owned task without queueing it.
    #[track_caller]
    pub(crate) fn bind<F>(&self, future: F) -> (JoinHandle<F::Output>, Option<Notified<Self>>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.bind_in(0, future)
    }

    /// Makes an owned task in a shard, without queueing it.
    #[track_caller]
    pub(crate) fn bind_in<F>(
        &self,
        shard: usize,
        future: F,
    ) -> (JoinHandle<F::Output>, Option<Notified<Self>>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared
            .owned
            .bind(future, self.clone(), Id::next(), Location::caller(), shard)
    }

    /// Makes a task that is in no list.
    #[track_caller]
    pub(crate) fn unowned<F>(&self, future: F) -> (Notified<Self>, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        unowned(future, self.clone(), Id::next(), Location::caller())
    }

    pub(crate) fn pop(&self) -> Option<Notified<Self>> {
        self.shared.queue.lock().pop_front()
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
        while let Some(task) = self.pop() {
            drop(task);
        }
    }

    pub(crate) fn alive(&self) -> usize {
        self.shared.owned.len()
    }

    pub(crate) fn queued(&self) -> usize {
        self.shared.queue.lock().len()
    }

    /// How many times a waker or an abort submitted a task.
    pub(crate) fn scheduled(&self) -> usize {
        self.shared.scheduled.load(Ordering::Relaxed)
    }

    /// How many times a poll ended with the task ready again.
    pub(crate) fn rescheduled(&self) -> usize {
        self.shared.rescheduled.load(Ordering::Relaxed)
    }
}

/// What only the tests on one thread ask for.
#[cfg(not(filch_loom))]
impl Model {
    /// Shuts every task down, starting with a given shard.
    pub(crate) fn close_from(&self, shard: usize) {
        self.shared.owned.close_and_shutdown_all(shard);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.owned.is_closed()
    }

    /// How many handles of the scheduler there are: one of every task that has
    /// not been freed, and those of the test.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.shared)
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
