//! The tasks that wait, so that their scheduler can drop them as it shuts down.
//!
//! A task is in from before its first wait until right before its completion
//! shows, or until the shutdown takes it out. One that has not waited yet is in
//! a queue or being polled, where the shutdown finds it as well: a task that
//! never waits costs nothing here.
//!
//! Sharded: a worker puts a task that it has polled into a shard of its own,
//! whose lock is contended only when a task completes on another worker.
//!
//! A task remembers its [`Residence`]. That is a hint: it is taken out only if it
//! is the one found there, so that a wrong number does no harm.

mod places;

use self::places::Places;
use super::Schedule;
use super::header::Residence;
use super::notified::Task;
use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crossbeam_utils::CachePadded;
use std::fmt;

/// More shards than any number of workers needs, few enough to leave each room for
/// four million tasks.
const MAX_SHARDS: usize = 1 << 10;

/// A collection of tasks.
pub(crate) struct OwnedTasks<S> {
    /// A power of two of them.
    shards: Box<[CachePadded<Mutex<Places<S>>>]>,
    /// How many places a shard has at most.
    places: usize,
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
                .map(|_| CachePadded::new(Mutex::new(Places::new())))
                .collect(),
            places: Residence::COUNT as usize >> shards.trailing_zeros(),
            closed: AtomicBool::new(false),
        }
    }

    /// The same with fewer places in each shard.
    #[cfg(all(test, not(filch_loom)))]
    pub(crate) fn with_places(self, places: usize) -> Self {
        Self { places, ..self }
    }

    /// Keeps a task in `shard`, taken modulo the number of shards, or in a later
    /// one that is not full. Only a task that a scheduler was given to keep, and
    /// only once.
    ///
    /// # Errors
    ///
    /// The task, if the collection is closed.
    ///
    /// # Panics
    ///
    /// If the task has been kept before, or about 2³² tasks wait.
    pub(crate) fn add(&self, task: Task<S>, shard: usize) -> Result<(), Task<S>> {
        assert!(
            task.header().residence().is_none(),
            "{task:?} has been kept before"
        );
        for offset in 0..self.shards.len() {
            let shard = shard.wrapping_add(offset) & self.mask();
            let mut places = self.shards[shard].lock();
            // ORDERING: Relaxed. The flag is set before the shutdown first takes
            // this lock: whoever takes it after the shutdown sees the flag, and
            // whoever takes it before leaves a task for the shutdown to see.
            if self.closed.load(Ordering::Relaxed) {
                return Err(task);
            }
            let place = places.next();
            if place < self.places {
                task.header().set_residence(self.residence(shard, place));
                places.put(task);
                return Ok(());
            }
        }
        panic!("more tasks wait than have numbers");
    }

    /// Takes a task out, if it is in. The result is the collection's reference.
    #[inline]
    pub(crate) fn remove(&self, task: &Task<S>) -> Option<Task<S>> {
        let residence = task.header().residence()?.get() as usize;
        let place = residence >> self.shards.len().trailing_zeros();
        let mut places = self.shards[residence & self.mask()].lock();
        let taken = places.take(place, task);
        let unneeded = places.unneeded();
        drop(places);
        drop(unneeded);
        taken
    }

    /// Refuses tasks from now on, and drops the futures of those that are in,
    /// on this thread; one that is being polled is dropped by who polls it.
    ///
    /// Several threads may do this at once, each from another `start_shard`.
    /// No lock is held while a future is dropped.
    pub(crate) fn close_and_shutdown_all(&self, start_shard: usize) {
        // ORDERING: Relaxed, see `add`: the locks below order it.
        self.closed.store(true, Ordering::Relaxed);
        for offset in 0..self.shards.len() {
            let shard = &self.shards[start_shard.wrapping_add(offset) & self.mask()];
            while let Some(task) = take_lowest(shard) {
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

    /// The place's number above, the shard's below.
    #[inline]
    fn residence(&self, shard: usize, place: usize) -> Residence {
        let number = place << self.shards.len().trailing_zeros() | shard;
        Residence::new(u32::try_from(number).expect("there are no more places than numbers"))
    }

    #[inline]
    fn mask(&self) -> usize {
        self.shards.len() - 1
    }
}

/// Takes a task out of a shard, and gives the lock back.
fn take_lowest<S>(shard: &Mutex<Places<S>>) -> Option<Task<S>> {
    shard.lock().take_lowest()
}

impl<S> fmt::Debug for OwnedTasks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedTasks")
            .field("shards", &self.shards.len())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
