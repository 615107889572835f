//! The LIFO slot between its owner and a thief.

use super::super::queues::LifoSlot;
use super::{Scheduler, block_on, model, model_bounded};
use crate::primitive::Arc;

/// A worker returns from a poll and takes the task in its LIFO slot while another
/// one is at the last pass of a search.
#[test]
fn loom_lifo_slot_taken_by_its_worker_or_on_a_last_pass() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        let task = scheduler.stuck(0, |shared| super::spawn(shared, async {}));
        scheduler.start(0);
        scheduler.start(1);
        block_on(task);
        scheduler.end_unexplored();
    });
}

/// The owner puts a task and goes for it, as does a thief: one gets it.
#[test]
fn loom_lifo_slot_taken_by_owner_or_thief() {
    model_bounded(3, || {
        let slot = Arc::new(LifoSlot::new());
        let thief = {
            let slot = slot.clone();
            loom::thread::spawn(move || slot.steal())
        };
        assert!(slot.replace(1).is_none());
        let own = slot.take();
        let stolen = thief.join().unwrap();
        assert!(own.is_some() != stolen.is_some(), "{own:?} {stolen:?}");
    });
}

/// The owner puts the next task while a thief empties the slot and clears its
/// hint: no task is lost or doubled, one that is left shows (L1), and whoever
/// visits an empty slot leaves it looking so (L2).
#[test]
fn loom_lifo_slot_put_during_a_steal() {
    model_bounded(3, || {
        let slot = Arc::new(LifoSlot::new());
        assert!(slot.replace(1).is_none());
        let thief = {
            let slot = slot.clone();
            loom::thread::spawn(move || slot.steal())
        };
        let displaced = slot.replace(2);
        let stolen = thief.join().unwrap();
        let visible = slot.looks_occupied();
        let left = slot.replace(3);
        assert!(visible || left.is_none(), "L1: {left:?}");
        let mut seen = [displaced, stolen, left]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>();
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
        assert_eq!(slot.steal(), Some(3));
        assert!(slot.steal().is_none() && !slot.looks_occupied());
    });
}
