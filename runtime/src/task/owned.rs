#![expect(unsafe_code, reason = "vouches for which list a task has been in")]
//! The tasks that a scheduler owns, so that it can drop them as it shuts down.
//!
//! Sharded: a worker puts the tasks it spawns into a shard of its own, whose
//! lock is contended only when a task completes on another worker. A task is in
//! from before it can first run until right before its completion shows, or
//! until the shutdown takes it out.

mod list;

use self::list::List;
use super::Schedule;
use super::cell::Cell;
use super::header::Membership;
use super::id::Id;
use super::join::JoinHandle;
use super::notified::{Notified, Task};
use super::raw::Reference;
use super::state::State;
use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
// Not `primitive`'s: it hands out numbers and orders nothing.
use std::sync::atomic::AtomicU64;

/// More shards than any number of workers needs; bounds a nonsensical request.
const MAX_SHARDS: usize = 1 << 16;

/// The next collection's number; zero stands for none.
static NEXT_OWNER: AtomicU64 = AtomicU64::new(1);

/// A collection of tasks.
pub(crate) struct OwnedTasks<S> {
    /// A power of two of them.
    shards: Box<[CachePadded<Mutex<List<S>>>]>,
    /// Tells this collection from others, forever.
    owner: u64,
    /// No task is added any more. Set once; read with a shard's lock held, which
    /// is why a task is either refused or seen by the shutdown.
    closed: AtomicBool,
}

impl<S: Schedule> OwnedTasks<S> {
    /// An empty collection with at least `shards` shards, one for each thread
    /// that spawns.
    pub(crate) fn new(shards: usize) -> Self {
        let shards = shards.clamp(1, MAX_SHARDS).next_power_of_two();
        Self {
            shards: (0..shards)
                .map(|_| CachePadded::new(Mutex::new(List::new())))
                .collect(),
            // Relaxed: uniqueness is all that is asked for.
            owner: NEXT_OWNER.fetch_add(1, Ordering::Relaxed),
            closed: AtomicBool::new(false),
        }
    }

    /// Makes a task of `future` and keeps it in `shard`, taken modulo the
    /// number of shards.
    ///
    /// The caller schedules the `Notified`. If there is none, the collection is
    /// closed: the future has been dropped, and the handle resolves as
    /// cancelled.
    #[inline]
    pub(crate) fn bind<F>(
        &self,
        future: F,
        scheduler: S,
        id: Id,
        location: &'static Location<'static>,
        shard: usize,
    ) -> (JoinHandle<F::Output>, Option<Notified<S>>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let index = shard & (self.shards.len() - 1);
        let shard = u16::try_from(index).expect("the number of shards is bounded");
        let membership = Membership {
            owner: self.owner,
            shard,
        };
        let state = State::new(3);
        let task = Cell::allocate(future, scheduler, state, id, location, membership);
        // SAFETY: of the three references of a new task, this is the handle's.
        let handle = unsafe { Reference::from_raw(task) };
        // SAFETY: it is the only handle, and of the future's output type.
        let handle = unsafe { JoinHandle::new(handle) };
        // SAFETY: this reference is that of the `Notified` the state starts with.
        let notified = unsafe { Notified::from_raw(task) };
        // SAFETY: and this one is the list's.
        let listed = unsafe { Task::from_raw(task) };
        (handle, self.add(listed, index).then_some(notified))
    }

    /// Adds a new task, unless the collection is closed: then shuts it down.
    fn add(&self, task: Task<S>, shard: usize) -> bool {
        let mut list = self.shards[shard].lock();
        // ORDERING: Relaxed. The flag is set before the shutdown first takes
        // this lock: whoever takes it after the shutdown sees the flag, and
        // whoever takes it before leaves a task for the shutdown to see.
        if self.closed.load(Ordering::Relaxed) {
            drop(list);
            task.shutdown();
            return false;
        }
        // SAFETY: the task is new.
        unsafe { list.push_front(task) };
        true
    }

    /// Takes a task out, if it is in. The result is the list's reference.
    ///
    /// # Panics
    ///
    /// If the task belongs to another collection.
    #[inline]
    pub(crate) fn remove(&self, task: &Task<S>) -> Option<Task<S>> {
        let header = task.header();
        if header.owner == 0 {
            return None;
        }
        // The safety of the list relies on it.
        assert_eq!(
            header.owner, self.owner,
            "{task:?} belongs to another scheduler"
        );
        let mut list = self.shards[usize::from(header.shard)].lock();
        // SAFETY: tasks of this owner and shard are added to this list only.
        unsafe { list.remove(task) }
    }

    /// Refuses tasks from now on, and drops the futures of those that are in,
    /// on this thread; one that is being polled is dropped by who polls it.
    ///
    /// Several threads may do this at once, each from another `start_shard`.
    /// No lock is held while a future is dropped.
    pub(crate) fn close_and_shutdown_all(&self, start_shard: usize) {
        // ORDERING: Relaxed, see `add`: the locks below order it.
        self.closed.store(true, Ordering::Relaxed);
        let mask = self.shards.len() - 1;
        for offset in 0..self.shards.len() {
            let shard = &self.shards[start_shard.wrapping_add(offset) & mask];
            while let Some(task) = pop(shard) {
                task.shutdown();
            }
        }
    }

    /// How many tasks are in. They need not have been at the same moment.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether tasks are refused.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for reports on a runtime that shuts down")
    )]
    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING: Relaxed: advisory, a decision on it takes a lock.
        self.closed.load(Ordering::Relaxed)
    }
}

/// Takes the oldest task out of a shard, and gives the lock back.
fn pop<S>(shard: &Mutex<List<S>>) -> Option<Task<S>> {
    shard.lock().pop_back()
}

impl<S> fmt::Debug for OwnedTasks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedTasks")
            .field("shards", &self.shards.len())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// Makes a task that is in no collection: its scheduler has the `Notified` and
/// nothing else. If that is neither run nor shut down, the handle never resolves.
pub(crate) fn unowned<F, S>(
    future: F,
    scheduler: S,
    id: Id,
    location: &'static Location<'static>,
) -> (Notified<S>, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    let state = State::new(2);
    let task: NonNull<_> = Cell::allocate(future, scheduler, state, id, location, Membership::NONE);
    // SAFETY: of the two references of a new task, this is that of the
    // `Notified` the state starts with.
    let notified = unsafe { Notified::from_raw(task) };
    // SAFETY: and this one is the handle's.
    let handle = unsafe { Reference::from_raw(task) };
    // SAFETY: it is the only handle, and of the future's output type.
    (notified, unsafe { JoinHandle::new(handle) })
}
