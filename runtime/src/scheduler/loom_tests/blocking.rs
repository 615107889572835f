//! A worker's core on its way to another thread and back.

use super::{Gate, Scheduler, block, block_on, model, model_bounded, spawn};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

/// A task blocks until another one has run that waits on the same worker: the core
/// goes to a thread of the pool, which runs it.
#[test]
fn loom_queued_task_runs_while_its_worker_is_blocked() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        let blocking = scheduler.stuck(0, |shared| {
            let (gate, shared_by_task) = (Gate::new(), Arc::clone(shared));
            spawn(shared, async move {
                let opened = gate.clone();
                drop(spawn(&shared_by_task, async move { opened.open() }));
                block(|| gate.pass());
            })
        });
        scheduler.start(0);
        block_on(blocking);
        scheduler.end_unexplored();
    });
}

/// The closure returns while the thread of the pool arrives: one of them gets the
/// core, and what is in its queues is run.
#[test]
fn loom_core_comes_back_or_is_taken() {
    model(|| {
        let mut scheduler = Scheduler::new(1);
        let (first, second) = scheduler.stuck(0, |shared| {
            let first = spawn(shared, async { block(|| ()) });
            (first, super::spawn_behind(shared, async {}))
        });
        scheduler.start(0);
        block_on(first);
        block_on(second);
        scheduler.end_unexplored();
    });
}

/// The same while the scheduler shuts down: the core is ended once, by whoever has
/// it, and the tasks with it.
#[test]
fn loom_core_is_ended_by_who_has_it() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        scheduler.stuck(0, |shared| {
            let shared_by_task = Arc::clone(shared);
            drop(spawn(shared, async move {
                drop(spawn(&shared_by_task, async {}));
                block(|| ());
            }));
        });
        scheduler.start(0);
        scheduler.end();
    });
}

/// The pool is closed under a worker that asks for a thread, whose closure waits for
/// what is queued behind it: that is dropped, by whoever drops the request.
#[test]
fn loom_what_waits_for_a_refused_thread_is_dropped() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        block_for_what_is_dropped(&mut scheduler);
        scheduler.start(0);
        scheduler.shared.begin_shutdown();
        let pool = &scheduler.shared.services.blocking;
        let _ = pool.shutdown(Some(Duration::ZERO));
        scheduler.end();
    });
}

/// No thread can be had for a worker whose closure waits for what is queued behind it, while
/// the scheduler shuts down: either sees the other, and that is dropped.
#[test]
fn loom_stranded_core_is_ended_by_the_shutdown() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        // The request is dropped at once, whether or not the shutdown has begun.
        let pool = &scheduler.shared.services.blocking;
        let _ = pool.shutdown(Some(Duration::ZERO));
        block_for_what_is_dropped(&mut scheduler);
        scheduler.start(0);
        scheduler.shared.begin_shutdown();
        scheduler.end();
    });
}

/// A thread that has not come for its core yet waits for a task, as the program's start hook
/// may, while the scheduler shuts down: the core ends without it, and the task is dropped.
#[test]
fn loom_core_whose_thread_has_not_come_is_ended_by_the_shutdown() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        let gate = Gate::new();
        let dropped = OpensWhenDropped(gate.clone());
        drop(scheduler.spawn(async move {
            let _dropped = dropped;
            pending::<()>().await;
        }));
        scheduler.start_after(0, move || gate.pass());
        scheduler.end();
    });
}

/// The thread comes for its core as the scheduler shuts down: one of them has it, and ends it.
#[test]
fn loom_core_whose_thread_comes_at_the_shutdown_is_ended() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        drop(scheduler.spawn(pending::<()>()));
        scheduler.start_after(0, || ());
        scheduler.end();
    });
}

/// Queues a task that blocks until one behind it is dropped.
fn block_for_what_is_dropped(scheduler: &mut Scheduler) {
    scheduler.stuck(0, |shared| {
        let (gate, shared_by_task) = (Gate::new(), Arc::clone(shared));
        drop(spawn(shared, async move {
            let dropped = OpensWhenDropped(gate.clone());
            drop(spawn(&shared_by_task, async move {
                let _dropped = dropped;
                pending::<()>().await;
            }));
            block(|| gate.pass());
        }));
    });
}

struct OpensWhenDropped(Gate);

impl Drop for OpensWhenDropped {
    fn drop(&mut self) {
        self.0.open();
    }
}
