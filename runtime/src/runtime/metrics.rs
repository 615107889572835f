//! What a runtime counts.

use super::handle::{Handle, Scheduler};
use crate::scheduler::metrics::Counters;
use std::sync::atomic::Ordering::*;

/// A view of what a runtime does and has done.
///
/// Every figure is a snapshot, read without stopping anything: two of them need
/// not be of the same moment.
///
/// ```
/// # #[filch::main]
/// # async fn main() {
/// let metrics = filch::runtime::Handle::current().metrics();
/// assert!(metrics.num_workers() >= 1);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RuntimeMetrics {
    handle: Handle,
}

impl RuntimeMetrics {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// The number of worker threads; 1 for a current-thread runtime.
    pub fn num_workers(&self) -> usize {
        match &self.handle.scheduler {
            Scheduler::CurrentThread(_) => 1,
            Scheduler::MultiThread(shared) => shared.workers(),
        }
    }

    /// Tasks that were spawned and have not ended.
    pub fn num_alive_tasks(&self) -> usize {
        match &self.handle.scheduler {
            Scheduler::CurrentThread(shared) => shared.alive_tasks(),
            Scheduler::MultiThread(shared) => shared.alive_tasks(),
        }
    }

    /// Ready tasks that wait in the injector, the queue for wakes from outside
    /// the workers.
    pub fn global_queue_depth(&self) -> usize {
        match &self.handle.scheduler {
            Scheduler::CurrentThread(shared) => shared.injector_depth(),
            Scheduler::MultiThread(shared) => shared.injector_depth(),
        }
    }

    /// Ready tasks that wait in the local queue of `worker`.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.check(worker);
        match &self.handle.scheduler {
            // The queue is its thread's own and not to be read from others.
            Scheduler::CurrentThread(_) => 0,
            Scheduler::MultiThread(shared) => shared.local_depth(worker),
        }
    }

    /// How often `worker` has polled a task.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.counters(worker).polls.get()
    }

    /// How often `worker` went to sleep.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.counters(worker).parks.get()
    }

    /// How often `worker` woke without work of its own to do.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_noop_count(&self, worker: usize) -> u64 {
        self.counters(worker).noops.get()
    }

    /// How many tasks `worker` has stolen from others.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.counters(worker).steals.get()
    }

    /// How often `worker` has found tasks to steal.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        self.counters(worker).steal_operations.get()
    }

    /// How many ready tasks `worker` has put into its own queues.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_local_schedule_count(&self, worker: usize) -> u64 {
        self.counters(worker).local_schedules.get()
    }

    /// Tasks made ready from outside the workers.
    pub fn remote_schedule_count(&self) -> u64 {
        let outside = match &self.handle.scheduler {
            Scheduler::CurrentThread(shared) => &shared.outside,
            Scheduler::MultiThread(shared) => &shared.elsewhere.outside,
        };
        // ORDERING: Relaxed: numbers, nothing is published by them.
        outside.wakes.load(Relaxed) + outside.spawned.load(Relaxed)
    }

    /// How often a task was made to yield because it had spent its budget,
    /// summed over the workers and brought up to date at their maintenance.
    pub fn budget_forced_yield_count(&self) -> u64 {
        (0..self.num_workers())
            .map(|worker| self.counters(worker).forced_yields.get())
            .sum()
    }

    /// Threads of the blocking pool, idle ones included, without those that have
    /// taken over a worker from a thread in `block_in_place`.
    pub fn num_blocking_threads(&self) -> usize {
        self.handle.services().blocking.threads()
    }

    /// Threads of the blocking pool that wait for work.
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.handle.services().blocking.idle_threads()
    }

    /// Closures that wait for a thread of the blocking pool.
    pub fn blocking_queue_depth(&self) -> usize {
        self.handle.services().blocking.queue_depth()
    }

    #[track_caller]
    fn counters(&self, worker: usize) -> &Counters {
        self.check(worker);
        match &self.handle.scheduler {
            Scheduler::CurrentThread(shared) => &shared.counters,
            Scheduler::MultiThread(shared) => shared.counters(worker),
        }
    }

    #[track_caller]
    fn check(&self, worker: usize) {
        let workers = self.num_workers();
        assert!(
            worker < workers,
            "there is no worker {worker}: this runtime has {workers}, counted from 0"
        );
    }
}
