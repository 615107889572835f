//! How a worker that has run dry looks for work elsewhere.

use super::shared::{Ready, Remote};
use super::worker::{Core, Worker};

/// Spins between the passes of a search: some microseconds, so that a task in
/// a LIFO slot is taken only from a worker that is in a poll longer than that.
const SPINS_BEFORE_LAST_PASS: u32 = 64;

impl Worker<'_> {
    /// Visits every other worker's queue from a random one on, then the
    /// injector, and last the LIFO slots of workers stuck in one poll.
    pub(super) fn search(&self, core: &mut Core) -> Option<Ready> {
        if !core.searching {
            core.searching = self.shared.idle.transition_to_searching();
        }
        if !core.searching {
            return None;
        }
        // Who sleeps has nothing in its queues, unless it is turning the driver just now; if
        // that takes long, a look has seen it. If somebody wakes right now, it will hand out
        // what it does not get done.
        let sent = std::mem::take(&mut core.sent_by_look);
        let alone = !sent && self.shared.idle.awake() == 1;
        if alone {
            return self.shared.injector.pop_into(&core.queue);
        }
        self.steal(core)
            .or_else(|| self.shared.injector.pop_into(&core.queue))
            .or_else(|| self.steal_from_lifo_slots(core))
    }

    fn steal(&self, core: &mut Core) -> Option<Ready> {
        let before = core.queue.len();
        for victim in self.victims(core) {
            if let Some(task) = victim.stealer.steal_into(&core.queue) {
                let counters = &self.remote.counters;
                counters.steal_operations.add(1);
                counters.steals.add((core.queue.len() - before) as u64 + 1);
                return Some(task);
            }
        }
        None
    }

    fn steal_from_lifo_slots(&self, core: &mut Core) -> Option<Ready> {
        let occupied = |remote: &&Remote| remote.lifo.looks_occupied();
        let polls = |remote: &Remote| remote.counters.polls.get();
        for victim in self.victims(core).filter(occupied) {
            let before = polls(victim);
            for _ in 0..SPINS_BEFORE_LAST_PASS {
                std::hint::spin_loop();
            }
            if polls(victim) == before
                && let Some(task) = victim.lifo.steal()
            {
                self.remote.counters.steal_operations.add(1);
                self.remote.counters.steals.add(1);
                return Some(task);
            }
        }
        None
    }

    /// The other workers, from a random one on.
    fn victims<'a>(&'a self, core: &mut Core) -> impl Iterator<Item = &'a Remote> + use<'a> {
        let remotes = &self.shared.remotes;
        let start = core.rng.usize(..remotes.len());
        let own = core.index;
        (0..remotes.len())
            .map(move |offset| (start + offset) % remotes.len())
            .filter(move |&index| index != own)
            .map(move |index| &*remotes[index])
    }

    /// Work was found. The last searcher looks once more and hands the wake-up
    /// on if there is more: whoever pushed meanwhile has relied on it.
    pub(super) fn stop_searching(&self, core: &mut Core) {
        core.searching = false;
        if self.shared.idle.transition_from_searching() && self.shared.has_visible_work() {
            self.shared.wake_for_backlog();
        }
    }
}
