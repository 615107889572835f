//! The shutdown of a scheduler against everything else.

use super::super::model::Model;
use super::{Drops, Slot, Turnstile, block_on, model, model_bounded, model_fully, result};
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

/// The task has waited, and is woken and queued: the shutdown, which finds it in
/// the list, and whoever has taken it from the queue, both go for its future.
#[test]
fn loom_shutdown_against_a_later_poll() {
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
        waker.take().wake();
        let queued = scheduler.pop().expect("it was woken");
        let runner = thread::spawn(move || queued.run());
        scheduler.shutdown();
        runner.join().unwrap();
        drop(waker.replace(None));
        assert_eq!((drops.count(), scheduler.alive()), (1, 0));
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

#[test]
fn loom_shutdown_against_completion_and_join() {
    model_bounded(2, || {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let handle = scheduler.spawn(async move {
            drop(captured);
            42
        });
        let turnstile = Turnstile::new();
        let runner = thread::spawn({
            let (scheduler, turnstile) = (scheduler.clone(), turnstile.clone());
            move || {
                scheduler.run_one();
                turnstile.pass();
            }
        });
        let closer = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.shutdown()
        });
        turnstile.pass();
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
        let turnstile = Turnstile::new();
        let passes = turnstile.clone();
        let handle = scheduler.spawn(poll_fn(move |cx| {
            let _captured = &captured;
            passes.pass();
            assert!(yield_current(cx));
            Poll::<()>::Pending
        }));
        // Queued, and running all the while.
        assert!(scheduler.run_one());
        let runner = thread::spawn({
            let (scheduler, turnstile) = (scheduler.clone(), turnstile.clone());
            move || {
                turnstile.pass();
                scheduler.run_one();
                // The runner's queue is dropped by the runner.
                drop(scheduler.pop());
            }
        });
        turnstile.pass();
        scheduler.shutdown();
        runner.join().unwrap();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.alive(), 0);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}
