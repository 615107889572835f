//! The shutdown of a scheduler against everything else.

use super::super::model::Model;
use super::{Drops, Slot, block_on, model, model_fully, result};
use crate::coop::yield_current;
use loom::thread;
use std::future::{pending, poll_fn};
use std::task::Poll;

#[test]
fn loom_spawn_against_shutdown() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let spawner = thread::spawn({
            let scheduler = scheduler.clone();
            move || {
                scheduler.spawn(async move {
                    let _captured = captured;
                    pending::<()>().await;
                })
            }
        });
        scheduler.shutdown();
        let handle = spawner.join().unwrap();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.alive(), 0);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

#[test]
fn loom_shutdown_against_first_wait() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let handle = scheduler.spawn(async move {
            let _captured = captured;
            pending::<()>().await;
        });
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.run_one()
        });
        scheduler.shutdown();
        runner.join().unwrap();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.alive(), 0);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

#[test]
fn loom_shutdown_against_completion_and_join() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let handle = scheduler.spawn(async move {
            drop(captured);
            42
        });
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.run_one()
        });
        let closer = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.shutdown()
        });
        match block_on(handle) {
            Ok(output) => assert_eq!(output, 42),
            Err(error) => assert!(error.is_cancelled()),
        }
        runner.join().unwrap();
        closer.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn loom_shutdown_against_wake() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let waker = Slot::default();
        let handle = scheduler.spawn({
            let waker = waker.clone();
            poll_fn(move |cx| {
                let _captured = &captured;
                waker.store(cx.waker());
                Poll::<()>::Pending
            })
        });
        assert!(scheduler.run_one());
        let waker = waker.take();
        let thread = thread::spawn(move || waker.wake());
        scheduler.shutdown();
        thread.join().unwrap();
        // A wake that came in between has queued it; the run finds it complete.
        scheduler.run_all();
        assert_eq!(drops.count(), 1);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

#[test]
fn loom_two_shutdowns_share_the_work() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        for _ in 0..2 {
            let captured = drops.value();
            drop(scheduler.spawn(async move {
                let _captured = captured;
                pending::<()>().await;
            }));
        }
        assert_eq!(scheduler.run_all(), 2);
        let closer = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.shutdown()
        });
        scheduler.shutdown();
        closer.join().unwrap();
        assert_eq!(drops.count(), 2);
        assert_eq!(scheduler.alive(), 0);
    });
}

#[test]
fn loom_shutdown_against_yields() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let handle = scheduler.spawn(poll_fn(move |cx| {
            let _captured = &captured;
            assert!(yield_current(cx));
            Poll::<()>::Pending
        }));
        // Queued, and running all the while.
        assert!(scheduler.run_one());
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || {
                scheduler.run_one();
                // The runner's queue is dropped by the runner.
                drop(scheduler.pop());
            }
        });
        scheduler.shutdown();
        runner.join().unwrap();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.alive(), 0);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}
