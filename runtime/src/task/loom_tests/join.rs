//! The handle against the end of the task.
#![expect(
    unsafe_code,
    reason = "reads through a cell that loom checks the accesses to"
)]

use super::super::model::Model;
use super::{Drops, Signal, Turnstile, block_on, model, model_fully, poll, quiet_panic};
use crate::primitive::UnsafeCell;
use loom::thread;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// The only task of a scheduler, run on another thread.
struct Elsewhere {
    thread: thread::JoinHandle<()>,
    turnstile: Turnstile,
}

fn run_elsewhere(scheduler: &Model) -> Elsewhere {
    let turnstile = Turnstile::new();
    let thread = thread::spawn({
        let (scheduler, turnstile) = (scheduler.clone(), turnstile.clone());
        move || {
            assert_eq!(scheduler.run_all(), 1);
            turnstile.pass();
        }
    });
    Elsewhere { thread, turnstile }
}

impl Elsewhere {
    /// From here on it may be over: what follows looks at the task first.
    fn may_be_over(&self) {
        self.turnstile.pass();
    }

    fn join(self) {
        self.thread.join().unwrap();
    }
}

#[test]
fn loom_output_reaches_a_handle_on_another_thread() {
    model_fully(|| {
        let scheduler = Model::new();
        let handle = scheduler.spawn(async { UnsafeCell::new(42) });
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        let output = block_on(handle).expect("no panic, no abort");
        // SAFETY: the output is ours now. Loom checks that the runner's writes
        // to it, its construction included, happened before.
        assert_eq!(output.with_mut(|value| unsafe { *value }), 42);
        runner.join();
        assert_eq!(scheduler.alive(), 0);
    });
}

#[test]
fn loom_output_is_handed_out_once() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let output = drops.value();
        let handle = scheduler.spawn(async move { output });
        // Keeps the cell beyond the output.
        let abort_handle = handle.abort_handle();
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        drop(block_on(handle).expect("no panic, no abort"));
        assert_eq!(drops.count(), 1);
        runner.join();
        drop(abort_handle);
        assert_eq!(drops.count(), 1, "the task has kept a copy");
    });
}

#[test]
fn loom_complete_task_is_not_alive_any_more() {
    model_fully(|| {
        let scheduler = Model::new();
        let handle = scheduler.spawn(async {});
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        if handle.is_finished() {
            assert_eq!(scheduler.alive(), 0);
        }
        drop(handle);
        runner.join();
    });
}

#[test]
fn loom_unpolled_handle_dropped_while_completing() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let output = drops.value();
        let handle = scheduler.spawn(async move { output });
        // Keeps the cell, but must not keep the output.
        let _abort_handle = handle.abort_handle();
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        drop(handle);
        runner.join();
        assert_eq!(drops.count(), 1, "the output was not dropped");
    });
}

#[test]
fn loom_polled_handle_dropped_while_completing() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let output = drops.value();
        let mut handle = scheduler.spawn(async move { output });
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        let signal = Signal::new();
        let _ = poll(&mut handle, &Waker::from(signal.clone()));
        drop(handle);
        runner.join();
        assert_eq!(drops.count(), 1);
        assert_eq!(
            Arc::strong_count(&signal),
            1,
            "the join waker was not dropped"
        );
    });
}

#[test]
fn loom_join_waker_goes_before_an_abort_handle() {
    model(|| {
        let scheduler = Model::new();
        let mut handle = scheduler.spawn(async {});
        // Keeps the cell, but must not keep the join waker.
        let abort_handle = handle.abort_handle();
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        let signal = Signal::new();
        let _ = poll(&mut handle, &Waker::from(signal.clone()));
        drop(handle);
        runner.join();
        assert_eq!(
            Arc::strong_count(&signal),
            1,
            "the join waker was not dropped"
        );
        assert!(abort_handle.is_finished());
    });
}

#[test]
fn loom_join_waker_replaced_while_completing() {
    model(|| {
        let scheduler = Model::new();
        let mut handle = scheduler.spawn(async { 42 });
        let (first, second) = (Signal::new(), Signal::new());
        assert!(poll(&mut handle, &Waker::from(first.clone())).is_pending());
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        let waker = Waker::from(second.clone());
        let output = loop {
            match poll(&mut handle, &waker) {
                Poll::Ready(output) => break output,
                // The one stored last is the one that is woken.
                Poll::Pending => second.wait(),
            }
        };
        assert_eq!(output.expect("no panic, no abort"), 42);
        drop((handle, waker));
        runner.join();
        assert_eq!(
            (Arc::strong_count(&first), Arc::strong_count(&second)),
            (1, 1)
        );
    });
}

#[test]
fn loom_panicking_future_against_its_handle() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let handle = scheduler.spawn(async move {
            let _captured = captured;
            quiet_panic()
        });
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        let error = block_on::<()>(handle).expect_err("it panics");
        assert_eq!(
            error.try_into_panic().unwrap().downcast_ref(),
            Some(&"expected")
        );
        assert_eq!(drops.count(), 1);
        runner.join();
    });
}

#[test]
fn loom_panicking_future_against_handle_drop() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.bomb();
        // Dropping the future panics while it is dropped because of a panic.
        let mut handle = scheduler.spawn(std::future::poll_fn(move |_| {
            let _captured = &captured;
            quiet_panic()
        }));
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        let _: Poll<Result<(), _>> = poll(&mut handle, Waker::noop());
        drop(handle);
        runner.join();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn loom_panicking_output_drop_against_handle_drop() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let output = drops.bomb();
        let handle = scheduler.spawn(async move { output });
        let runner = run_elsewhere(&scheduler);
        runner.may_be_over();
        drop(handle);
        runner.join();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.alive(), 0);
    });
}
