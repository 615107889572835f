//! Counters each worker keeps for others to read.

// Not `primitive`'s: a count is a hint to those who read it. What they decide on it
// costs or saves time, and no task.
use std::sync::atomic::{AtomicU64, Ordering::*};

/// What one worker has done so far. Written by the worker alone.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Task polls. A watcher also reads from it whether the worker moves on.
    pub(crate) polls: Counter,
    /// Maintenances. A watcher reads from it whether anybody paces the driver's turns.
    pub(crate) maintenances: Counter,
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
    /// Tasks spawned on this worker.
    pub(crate) spawned: Counter,
    /// Tasks that have ended on this worker.
    pub(crate) ended: Counter,
}

/// What has happened outside the workers so far. Written by any thread.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// Tasks made ready that had waited.
    pub(crate) wakes: AtomicU64,
    /// Tasks spawned, which makes them ready.
    pub(crate) spawned: AtomicU64,
    /// Tasks that have ended.
    pub(crate) ended: AtomicU64,
}

/// The tasks that were spawned and have not ended.
///
/// Exact for who knows of no spawn or end under way; otherwise of some moment.
pub(crate) fn alive_tasks<'a>(
    workers: impl Iterator<Item = &'a Counters> + Clone,
    outside: &Outside,
) -> usize {
    // Ends first: a task that ended was spawned before.
    // ORDERING: Acquire, partner: the ends counted in `Schedule::release`.
    let ended = outside.ended.load(Acquire) + sum(workers.clone().map(|it| &it.ended));
    // ORDERING: Relaxed, ordered by the acquires above.
    let spawned = outside.spawned.load(Relaxed) + sum(workers.map(|it| &it.spawned));
    spawned.saturating_sub(ended) as usize
}

fn sum<'a>(counters: impl Iterator<Item = &'a Counter>) -> u64 {
    // ORDERING: Acquire, partner: `Counter::add`.
    counters.map(|it| it.0.load(Acquire)).sum()
}

/// A count with one writer and any number of readers.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owner of the counter may call it.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // ORDERING: Relaxed load: one writer. Release store, partner: `sum`; who
        // sees that a task has ended sees that it was spawned.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Release);
    }

    /// The count so far.
    pub(crate) fn get(&self) -> u64 {
        // ORDERING: Relaxed, as above.
        self.0.load(Relaxed)
    }
}
