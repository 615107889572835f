//! How a worker that never runs dry relieves one that is stuck.
//!
//! Tasks behind a long poll are found by a look of the watcher, which is a worker that sleeps
//! (`sleep`). While all are awake there is none, and those who have tasks of their own do
//! not search. So each of them looks, as it does maintenance, whether another one has not
//! begun a poll since the last time, and if so takes some of the tasks that wait behind it
//! to the end of its own queue. They then wait for their turn as all others do, even if
//! the poll never ends.

use super::worker::{Core, Worker};
use filch_timer::Tick;
use std::time::Duration;

/// The time between two looks: as long as that of a watcher at most.
const PERIOD: Duration = Duration::from_millis(1);

/// The most tasks that are taken from one queue at a look.
const MOST: usize = 32;

/// What a worker remembers from one look to the next.
#[derive(Debug)]
pub(super) struct Relief {
    /// The poll count of each worker.
    polls: Box<[u64]>,
    due: Tick,
}

impl Relief {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            polls: vec![0; workers].into(),
            due: Tick::ZERO,
        }
    }
}

impl Worker<'_> {
    /// Takes tasks from behind those that are stuck, if it is time for a look and nobody
    /// watches.
    #[inline]
    pub(super) fn relieve_at(&self, now: Tick, core: &mut Core) {
        if now >= core.relief.due {
            core.relief.due = now.saturating_add(PERIOD);
            self.relieve(core);
        }
    }

    #[cold]
    fn relieve(&self, core: &mut Core) {
        let shared = self.shared;
        let all_awake = shared.idle.awake() == shared.remotes.len();
        for (index, remote) in shared.remotes.iter().enumerate() {
            let polls = remote.counters.polls.get();
            let is_stuck = std::mem::replace(&mut core.relief.polls[index], polls) == polls;
            if !is_stuck || !all_awake || index == core.index {
                continue;
            }
            // One after the other, which keeps their order.
            let share = remote.stealer.len().div_ceil(2).min(MOST);
            let from_queue = (0..share).map_while(|_| remote.stealer.steal());
            let mut taken = 0;
            for task in from_queue.chain(remote.lifo.steal()) {
                core.queue.push(task);
                taken += 1;
            }
            if taken > 0 {
                self.remote.counters.steal_operations.add(1);
                self.remote.counters.steals.add(taken);
            }
        }
    }
}
