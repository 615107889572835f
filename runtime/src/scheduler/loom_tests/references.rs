//! What keeps a scheduler: tasks that are freed on other threads than they were made on.
//! How many references are left, its `Arc` tells at the end of each model.

use super::{Gate, Scheduler, WakerSlot, block, block_on, model, model_bounded, spawn};
use loom::thread;
use std::sync::Arc;

/// A task is made on a worker that ends while its handle is dropped elsewhere.
#[test]
fn loom_handle_is_dropped_while_the_counts_are_closed() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        let handle = scheduler.stuck(0, |shared| spawn(shared, async {}));
        scheduler.beside(move || drop(handle));
        scheduler.end();
    });
}

/// A worker drops a handle when the other one has ended, which counts nothing yet.
#[test]
fn loom_worker_counts_up_to_its_own_end() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        scheduler.start(1);
        let other = scheduler.threads.pop().expect("it was just started");
        scheduler.stuck(0, |shared| {
            let handle = spawn(shared, async {});
            shared.begin_shutdown();
            other.join().expect("no thread of a model panics");
            drop(handle);
        });
        scheduler.end();
    });
}

/// Two threads spawn on a scheduler that has ended, where there is no reference left.
#[test]
fn loom_spawns_after_the_end() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        scheduler.join();
        assert_eq!(Arc::strong_count(&scheduler.shared), 1);
        for _ in 0..2 {
            let shared = Arc::clone(&scheduler.shared);
            scheduler.beside(move || drop(spawn(&shared, async {})));
        }
        scheduler.end();
    });
}

/// A task drops the handle of another one while its worker is blocked, whose core may
/// make tasks on another thread meanwhile: it is not the worker that drops it.
#[test]
fn loom_handle_is_dropped_while_the_worker_is_blocked() {
    model(|| {
        let mut scheduler = Scheduler::new(1);
        let blocking = scheduler.stuck(0, |shared| {
            let (gate, shared_by_task) = (Gate::new(), Arc::clone(shared));
            spawn(shared, async move {
                let ended = spawn(&shared_by_task, async {});
                let opened = gate.clone();
                drop(spawn(&shared_by_task, async move { opened.open() }));
                block(move || {
                    gate.pass();
                    drop(ended);
                });
            })
        });
        scheduler.start(0);
        block_on(blocking);
        scheduler.end_unexplored();
    });
}

/// A worker uses a waker up, and somebody else runs the task to its end, and frees it,
/// before the wake has returned.
#[test]
fn loom_woken_task_is_freed_before_the_wake_returns() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        scheduler.stuck(0, |shared| {
            let slot = WakerSlot::default();
            drop(spawn(shared, slot.clone().wait_to_be_woken(Gate::new())));
            let task = shared.remotes[0].lifo.take();
            task.expect("it was just spawned").run();
            let waker = slot.take();
            let shared = Arc::clone(shared);
            let thief = thread::spawn(move || {
                if let Some(task) = shared.remotes[0].lifo.steal() {
                    task.run();
                }
            });
            waker.wake();
            thief.join().expect("no thread of a model panics");
        });
        scheduler.end();
    });
}
