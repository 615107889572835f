//! Who frees the task: references released here and there.

use super::super::model::Model;
use super::{Drops, Slot, Turnstile, block_on, model, model_fully};
use loom::thread;
use std::future::{pending, poll_fn};
use std::task::{Poll, Waker};

/// A detached task that has been polled once and completes when polled again,
/// and its waker.
fn waiting(scheduler: &Model, drops: &Drops) -> Waker {
    let captured = drops.value();
    let waker = Slot::default();
    let handle = scheduler.spawn({
        let waker = waker.clone();
        poll_fn(move |cx| {
            let _captured = &captured;
            if waker.store(cx.waker()) {
                return Poll::Pending;
            }
            drop(waker.take());
            Poll::Ready(())
        })
    });
    drop(handle);
    assert!(scheduler.run_one());
    // Left there as well, for the second poll to tell that it is the second.
    let stored = waker.take();
    waker.store(&stored);
    stored
}

#[test]
fn loom_waker_dropped_elsewhere_while_completing() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let waker = waiting(&scheduler, &drops);
        waker.wake_by_ref();
        let thread = thread::spawn(move || drop(waker));
        assert!(scheduler.run_one());
        thread.join().unwrap();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.alive(), 0);
    });
}

#[test]
fn loom_waker_used_up_elsewhere_while_completing() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let waker = waiting(&scheduler, &drops);
        waker.wake_by_ref();
        let thread = thread::spawn(move || waker.wake());
        assert!(scheduler.run_one());
        thread.join().unwrap();
        assert_eq!(drops.count(), 1);
        assert_eq!(scheduler.queued(), 0, "a complete task was queued");
    });
}

#[test]
fn loom_wakers_cloned_and_dropped_after_completion() {
    model(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let waker = waiting(&scheduler, &drops);
        waker.wake_by_ref();
        assert!(scheduler.run_one());
        assert_eq!(
            drops.count(),
            1,
            "a waker keeps the future of a complete task"
        );
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let waker = waker.clone();
                thread::spawn(move || {
                    let clone = waker.clone();
                    clone.wake();
                    waker.wake_by_ref();
                })
            })
            .collect();
        drop(waker);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(scheduler.queued(), 0, "a complete task was queued");
    });
}

#[test]
fn loom_abort_handle_dropped_while_handle_is() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let output = drops.value();
        let handle = scheduler.spawn(async move { output });
        let abort_handle = handle.abort_handle();
        assert!(scheduler.run_one());
        let thread = thread::spawn(move || drop(abort_handle));
        drop(handle);
        thread.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn loom_new_task_dropped_while_handle_is() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let (handle, notified) = scheduler.create(async move { drop(captured) });
        let thread = thread::spawn(move || drop(notified));
        drop(handle);
        thread.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn loom_task_completes_at_its_first_poll_while_handle_is_dropped() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let output = drops.value();
        let (handle, notified) = scheduler.create(async move { output });
        let thread = thread::spawn(move || notified.run());
        drop(handle);
        thread.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn loom_new_task_shut_down_while_it_is_awaited() {
    model_fully(|| {
        let scheduler = Model::new();
        let drops = Drops::default();
        let captured = drops.value();
        let (handle, notified) = scheduler.create(async move {
            let _captured = captured;
            pending::<()>().await;
        });
        let turnstile = Turnstile::new();
        let passes = turnstile.clone();
        let thread = thread::spawn(move || {
            notified.shutdown();
            passes.pass();
        });
        turnstile.pass();
        assert!(block_on(handle).unwrap_err().is_cancelled());
        thread.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}
