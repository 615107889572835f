//! A task is made ready while a worker goes to sleep.

use super::super::worker::Pacing;
use super::{Gate, Scheduler, block_on, model, spawn_behind};
use std::time::Duration;

/// A push from outside against the only worker parking, which it does in the
/// driver.
#[test]
fn loom_injector_push_against_the_last_worker_parking() {
    model(|| {
        let mut scheduler = Scheduler::new(1);
        scheduler.start(0);
        block_on(scheduler.spawn(async {}));
        scheduler.end_unexplored();
    });
}

/// A push from outside against two workers, the first of which searches or parks
/// in the driver while the second parks beside it.
#[test]
fn loom_injector_push_against_the_last_searcher_parking() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        scheduler.start(0);
        scheduler.start(1);
        block_on(scheduler.spawn(async {}));
        scheduler.end_unexplored();
    });
}

/// Two pushes, the second of which wakes nobody while the only worker is on its
/// way to the first.
#[test]
fn loom_second_push_relies_on_who_is_awake() {
    model(|| {
        let mut scheduler = Scheduler::new(1);
        scheduler.start(0);
        let first = scheduler.spawn(async {});
        block_on(scheduler.spawn(async {}));
        block_on(first);
        scheduler.end_unexplored();
    });
}

/// A worker hands out its backlog, and is stuck in a poll until that has been
/// worked off, while the other one searches and parks.
#[test]
fn loom_local_push_then_wake_against_parking() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        scheduler.start(1);
        let gate = Gate::new();
        scheduler.stuck(0, |shared| {
            let opened = gate.clone();
            drop(spawn_behind(shared, async move { opened.open() }));
            shared.wake_for_backlog();
            gate.pass();
        });
        scheduler.end_unexplored();
    });
}

/// A push from outside, which wakes nobody while a worker is awake, against the end of
/// the worker's spin and its sleep.
#[test]
fn loom_injector_push_against_a_spin_that_ends() {
    model(|| {
        let mut scheduler = Scheduler::with_pacing(
            2,
            Pacing {
                spin: Duration::from_nanos(1),
                ..Pacing::default()
            },
        );
        scheduler.start(0);
        block_on(scheduler.spawn(async {}));
        scheduler.end_unexplored();
    });
}
