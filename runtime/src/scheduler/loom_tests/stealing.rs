//! Several workers go for the tasks of one that is stuck.

use super::super::shared::Shared;
use super::super::worker::{Core, Worker};
use super::{Gate, Scheduler, block_on, model, spawn_behind};
use crate::primitive::model_time;
use std::sync::Arc;
use std::time::Duration;

/// Two searchers and one task: one gets it, the other one parks. Neither is counted
/// as searching after that, so that the next backlog has one of them woken.
#[test]
fn loom_two_searchers_and_one_task() {
    model(|| {
        let mut scheduler = Scheduler::new(3);
        let task = scheduler.stuck(0, |shared| spawn_behind(shared, async {}));
        scheduler.start(1);
        scheduler.start(2);
        block_on(task);
        loom::stop_exploring();
        scheduler.wait_until_asleep(1);
        scheduler.wait_until_asleep(2);
        let gate = Gate::new();
        scheduler.stuck(0, |shared| {
            let opened = gate.clone();
            drop(spawn_behind(shared, async move { opened.open() }));
            shared.wake_for_backlog();
            gate.pass();
        });
        scheduler.end();
    });
}

/// Two tasks that only two workers can end, and one wake-up: the worker that finds
/// the first wakes another one for the second.
#[test]
fn loom_wake_up_is_handed_on() {
    model(|| {
        let mut scheduler = Scheduler::new(3);
        scheduler.start_asleep(1);
        scheduler.start_asleep(2);
        let gate = Gate::new();
        scheduler.stuck(0, |shared| {
            let (one, other) = Gate::meeting();
            let opened = gate.clone();
            drop(spawn_behind(shared, async move { one.meet() }));
            drop(spawn_behind(shared, async move {
                other.meet();
                opened.open();
            }));
            shared.wake_for_backlog();
            gate.pass();
        });
        scheduler.end_unexplored();
    });
}

/// The second task comes while a worker finds the first: whoever pushed it relies on
/// that worker, which looks once more.
#[test]
fn loom_backlog_grows_as_a_searcher_finds_work() {
    model(|| {
        let mut scheduler = Scheduler::new(3);
        scheduler.start_asleep(1);
        scheduler.start_asleep(2);
        let gate = Gate::new();
        scheduler.stuck(0, |shared| {
            let (one, other) = Gate::meeting();
            let opened = gate.clone();
            drop(spawn_behind(shared, async move { one.meet() }));
            shared.wake_for_backlog();
            drop(spawn_behind(shared, async move {
                other.meet();
                opened.open();
            }));
            shared.wake_for_backlog();
            gate.pass();
        });
        scheduler.end_unexplored();
    });
}

/// A thief runs the first task of a batch, which waits for the second: another
/// thief finds that one, which was in nobody's queue for a moment.
#[test]
fn loom_stealing_from_a_worker_that_is_stealing() {
    model(|| {
        let mut scheduler = Scheduler::new(3);
        let gate = Gate::new();
        let opened = gate.clone();
        scheduler.stuck(0, |shared| {
            let (one, other) = Gate::meeting();
            // Of three tasks a thief takes two.
            drop(spawn_behind(shared, async move { one.meet() }));
            drop(spawn_behind(shared, async move {
                other.meet();
                opened.open();
            }));
            drop(spawn_behind(shared, async {}));
        });
        scheduler.start(1);
        scheduler.start(2);
        gate.pass();
        scheduler.end_unexplored();
    });
}

/// Two searches and two tasks, behind the first and the last worker: each search finds
/// one, whichever victims they visit first.
#[test]
fn loom_search_visits_every_victim() {
    for (one, other) in (0..WORKERS).flat_map(|one| (0..WORKERS).map(move |other| (one, other))) {
        model(move || {
            let mut scheduler = Scheduler::new(WORKERS);
            for victim in [0, WORKERS - 1] {
                scheduler.stuck(victim, |shared| drop(spawn_behind(shared, async {})));
            }
            let shared = Arc::clone(&scheduler.shared);
            let mut core = scheduler.take_core(1);
            let thief = loom::thread::spawn(move || {
                let found = finds_by_search(&shared, &mut core, one);
                (core, found)
            });
            let mut core = scheduler.take_core(2);
            assert!(finds_by_search(&scheduler.shared, &mut core, other));
            scheduler.cores[2] = Some(core);
            let (core, found) = thief.join().unwrap();
            assert!(found);
            scheduler.cores[1] = Some(core);
            scheduler.end_unexplored();
        });
    }
}

const WORKERS: usize = 4;

/// One search whose first victim is `first`, or the one after it if that is the thief.
fn finds_by_search(shared: &Arc<Shared>, core: &mut Core, first: usize) -> bool {
    let mut generators = (0..).map(fastrand::Rng::with_seed);
    core.rng = generators
        .find(|generator| generator.clone().usize(..WORKERS) == first)
        .expect("every number is drawn first by some generator");
    Worker::new(shared, core.index).search(core).is_some()
}

/// A worker finds at its maintenance that tasks have waited for it for long: the one
/// that sleeps is woken for them. If there is one task, nobody is: the worker
/// runs it next.
#[test]
fn loom_maintenance_hands_a_backlog_out() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        scheduler.start_asleep(1);
        let task = scheduler.stuck(0, |shared| spawn_behind(shared, async {}));
        let shared = scheduler.shared.clone();
        let worker = Worker::new(&shared, 0);
        let maintain = |mut core| {
            for _ in 0..2 {
                core = worker.maintain(core);
                model_time::pass(Duration::from_micros(200));
            }
            worker.maintain(core)
        };
        let core = maintain(scheduler.take_core(0));
        assert!(!shared.idle.was_woken(1), "the task waits for nobody");
        scheduler.cores[0] = Some(core);
        let other = scheduler.stuck(0, |shared| spawn_behind(shared, async {}));
        let core = maintain(scheduler.take_core(0));
        scheduler.cores[0] = Some(core);
        block_on(task);
        block_on(other);
        drop(shared);
        scheduler.end_unexplored();
    });
}
