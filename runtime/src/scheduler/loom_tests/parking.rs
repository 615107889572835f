//! A task is made ready while a worker goes to sleep.

use super::super::spin::SpinLimit;
use super::super::worker::Pacing;
use super::{Gate, Scheduler, block_on, model, model_bounded, spawn, spawn_behind, stop_exploring};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A push from outside against the only worker parking, which it does in the
/// driver.
#[test]
fn loom_injector_push_against_the_last_worker_parking() {
    model_bounded(3, || {
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
        let (gate, shared) = (Gate::new(), Arc::clone(&scheduler.shared));
        let opened = gate.clone();
        // By a thread of its own, which is not the first to run.
        scheduler.beside(move || {
            drop(spawn(&shared, async move {
                stop_exploring();
                opened.open();
            }));
        });
        gate.pass();
        scheduler.end_unexplored();
    });
}

/// Two pushes, the second of which wakes nobody while the only worker is on its
/// way to the first.
#[test]
fn loom_second_push_relies_on_who_is_awake() {
    model_bounded(3, || {
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
    model_bounded(3, || {
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

/// A push from outside, which wakes nobody while the only worker is awake, against the
/// end of its spin and its sleep.
#[test]
fn loom_injector_push_against_a_spin_that_ends() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::with_pacing(
            1,
            Pacing {
                spin: SpinLimit::Given(Duration::from_nanos(1)),
                ..Pacing::default()
            },
        );
        scheduler.start(0);
        // Loom tries a thread that spins only after a step of another one, which has
        // to be one that the first look of the worker conflicts with.
        scheduler.shared.shutdown.store(false, Relaxed);
        block_on(scheduler.spawn(async {}));
        scheduler.end_unexplored();
    });
}
