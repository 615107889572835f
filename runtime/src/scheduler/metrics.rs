//! Counters each worker keeps for others to read.

// Not `primitive`'s: a count is a hint to those who read it. What they decide on it
// costs or saves time, and no task.
use std::sync::atomic::{AtomicU64, Ordering::*};

/// What one worker has done so far. Written by the worker alone.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Task polls. A watcher also reads from it whether the worker moves on.
    pub(crate) polls: Counter,
    /// Parks.
    pub(crate) parks: Counter,
    /// Parks that ended without work.
    pub(crate) noops: Counter,
    /// Tasks stolen from other workers.
    pub(crate) steals: Counter,
    /// Successful visits to other workers' queues.
    pub(crate) steal_operations: Counter,
    /// Tasks pushed by this worker to its own queues.
    pub(crate) local_schedules: Counter,
    /// Polls that ended because the task's budget was spent.
    pub(crate) forced_yields: Counter,
}

/// A count with one writer and any number of readers.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owner of the counter may call it.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // ORDERING: Relaxed: one writer, and readers want a number, no order.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// The count so far.
    pub(crate) fn get(&self) -> u64 {
        // ORDERING: Relaxed, as above.
        self.0.load(Relaxed)
    }
}
