#![expect(unsafe_code, reason = "vouches for which list a task has been in")]
//! The tasks that wait, so that their scheduler can drop them as it shuts down.
//!
//! A task is in from before its first wait until right before its completion
//! shows, or until the shutdown takes it out. One that has not waited yet is in
//! a queue or being polled, where the shutdown finds it as well: a task that
//! never waits costs nothing here.
//!
//! Sharded: a worker puts a task that it has polled into a shard of its own,
//! whose lock is contended only when a task completes on another worker.

mod list;

use self::list::List;
use super::Schedule;
use super::header::Membership;
use super::notified::Task;
use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::num::NonZeroU64;
// Not `primitive`'s: it hands out numbers and orders nothing.
use std::sync::atomic::AtomicU64;

/// More shards than any number of workers needs; bounds a nonsensical request.
const MAX_SHARDS: usize = 1 << 16;

/// The next collection's number.
static NEXT_OWNER: AtomicU64 = AtomicU64::new(1);

/// A collection of tasks.
pub(crate) struct OwnedTasks<S> {
    /// A power of two of them.
    shards: Box<[CachePadded<Mutex<List<S>>>]>,
    /// Tells this collection from others, forever.
    owner: NonZeroU64,
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
            owner: NonZeroU64::new(NEXT_OWNER.fetch_add(1, Ordering::Relaxed))
                .expect("numbers start at one and do not run out"),
            closed: AtomicBool::new(false),
        }
    }

    /// Keeps a task in `shard`, taken modulo the number of shards. Only a task
    /// that a scheduler was given to keep, and only once.
    ///
    /// # Errors
    ///
    /// The task, if the collection is closed.
    pub(crate) fn add(&self, task: Task<S>, shard: usize) -> Result<(), Task<S>> {
        let index = shard & (self.shards.len() - 1);
        let mut list = self.shards[index].lock();
        // ORDERING: Relaxed. The flag is set before the shutdown first takes
        // this lock: whoever takes it after the shutdown sees the flag, and
        // whoever takes it before leaves a task for the shutdown to see.
        if self.closed.load(Ordering::Relaxed) {
            return Err(task);
        }
        // The safety of the list relies on it.
        assert!(
            task.header().membership().is_none(),
            "{task:?} has been kept before"
        );
        task.header().set_membership(Membership {
            owner: self.owner,
            shard: u16::try_from(index).expect("the number of shards is bounded"),
        });
        // SAFETY: the task was in no list before, see above.
        unsafe { list.push_front(task) };
        Ok(())
    }

    /// Takes a task out, if it is in. The result is the list's reference.
    ///
    /// # Panics
    ///
    /// If the task belongs to another collection.
    #[inline]
    pub(crate) fn remove(&self, task: &Task<S>) -> Option<Task<S>> {
        let membership = task.header().membership()?;
        // The safety of the list relies on it.
        assert_eq!(
            membership.owner, self.owner,
            "{task:?} belongs to another scheduler"
        );
        let mut list = self.shards[usize::from(membership.shard)].lock();
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

    /// Whether tasks are refused.
    #[inline]
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
