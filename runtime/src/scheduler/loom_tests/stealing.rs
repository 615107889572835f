//! Several workers go for the tasks of one that is stuck.

use super::{Gate, Scheduler, block_on, model, spawn_behind};

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
