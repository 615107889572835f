//! Aborts against polls, wakes and completion.

use super::super::model::Model;
use super::{Drops, Slot, Turnstile, model, model_fully, result};
use crate::coop::yield_current;
use loom::thread;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;

#[test]
fn loom_abort_against_completion() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let handle = scheduler.spawn(async move {
            let _captured = captured;
            42
        });
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.run_all()
        });
        handle.abort();
        runner.join().unwrap();
        assert_eq!(
            scheduler.scheduled(),
            0,
            "queued, running or complete, but never idle"
        );
        assert_eq!(drops.count(), 1);
        match result(handle) {
            Ok(output) => assert_eq!(output, 42),
            Err(error) => assert!(error.is_cancelled()),
        }
    });
}

/// A task that waits and will go on waiting is woken, polled and aborted at once: it
/// is polled for the wake at most, and the abort finds it wherever it is.
#[test]
fn loom_abort_against_wake_and_poll() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let slot = Slot::default();
        let polls = Arc::new(AtomicUsize::new(0));
        let handle = scheduler.spawn({
            let (slot, counts) = (slot.clone(), polls.clone());
            poll_fn(move |cx| {
                let _captured = &captured;
                if counts.fetch_add(1, Relaxed) == 0 {
                    slot.store(cx.waker());
                }
                Poll::<()>::Pending
            })
        });
        assert!(scheduler.run_one());
        let waker = slot.take();
        let waking = thread::spawn(move || waker.wake());
        let abort_handle = handle.abort_handle();
        let aborter = thread::spawn(move || abort_handle.abort());
        scheduler.run_one();
        waking.join().unwrap();
        aborter.join().unwrap();
        let polled = polls.load(Relaxed);
        assert!(polled <= 2, "polled more often than woken");
        assert!(scheduler.queued() <= 1, "queued twice");
        scheduler.run_all();
        assert_eq!(polls.load(Relaxed), polled, "polled after the abort");
        assert_eq!(drops.count(), 1);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

#[test]
fn loom_abort_of_an_idle_task_schedules_it_once() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let polls = Arc::new(AtomicUsize::new(0));
        let counts = polls.clone();
        let handle = scheduler.spawn(poll_fn(move |_| {
            let _captured = &captured;
            counts.fetch_add(1, Relaxed);
            Poll::<()>::Pending
        }));
        assert!(scheduler.run_one());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let abort_handle = handle.abort_handle();
                thread::spawn(move || abort_handle.abort())
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(drops.count(), 0, "an abort does not drop the future itself");
        assert_eq!(scheduler.scheduled(), 1);
        assert_eq!(scheduler.run_all(), 1);
        assert_eq!(drops.count(), 1);
        assert_eq!(polls.load(Relaxed), 1, "polled after the abort");
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

#[test]
fn loom_abort_against_yields() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let turnstile = Turnstile::new();
        let passes = turnstile.clone();
        let polls = Arc::new(AtomicUsize::new(0));
        let counts = polls.clone();
        let handle = scheduler.spawn(poll_fn(move |cx| {
            let _captured = &captured;
            counts.fetch_add(1, Relaxed);
            passes.pass();
            assert!(yield_current(cx));
            Poll::<()>::Pending
        }));
        assert!(scheduler.run_one());
        let abort_handle = handle.abort_handle();
        let aborter = thread::spawn({
            let turnstile = turnstile.clone();
            move || {
                turnstile.pass();
                abort_handle.abort();
            }
        });
        turnstile.pass();
        assert!(scheduler.run_one());
        aborter.join().unwrap();
        let polled = polls.load(Relaxed);
        assert_eq!(scheduler.scheduled(), 0, "it was in the queue already");
        assert!(scheduler.queued() <= 1, "queued twice");
        scheduler.run_all();
        assert_eq!(polls.load(Relaxed), polled, "polled after the abort");
        assert_eq!(drops.count(), 1);
        assert!(result(handle).unwrap_err().is_cancelled());
    });
}

/// A task that waits for one wake, an abort, and nobody knows which comes first:
/// it runs once more, and ends as one of them says.
#[test]
fn loom_abort_against_wake_and_completion() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let slot = Slot::default();
        let handle = scheduler.spawn({
            let slot = slot.clone();
            let mut polls = 0;
            poll_fn(move |cx| {
                let _captured = &captured;
                polls += 1;
                if polls == 1 {
                    slot.store(cx.waker());
                    return Poll::Pending;
                }
                Poll::Ready(polls)
            })
        });
        assert!(scheduler.run_one());
        let waker = slot.take();
        let waking = thread::spawn(move || waker.wake());
        let abort_handle = handle.abort_handle();
        let aborter = thread::spawn(move || abort_handle.abort());
        scheduler.run_one();
        waking.join().unwrap();
        aborter.join().unwrap();
        assert!(scheduler.queued() <= 1, "queued twice");
        scheduler.run_all();
        assert_eq!(drops.count(), 1);
        match result(handle) {
            Ok(polls) => assert_eq!(polls, 2),
            Err(error) => assert!(error.is_cancelled()),
        }
    });
}
