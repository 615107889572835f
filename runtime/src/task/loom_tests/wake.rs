//! Wakes against polls, and against each other.
#![expect(
    unsafe_code,
    reason = "reads through a cell that loom checks the accesses to"
)]

use super::super::model::Model;
use super::{Slot, Turnstile, model, model_fully, result};
use crate::coop::yield_current;
use crate::primitive::UnsafeCell;
use crate::task::{JoinHandle, Notified};
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Poll, Waker};

/// A task that waits for an event which a relaxed flag announces: that the poll
/// after a wake sees it is up to the state word alone.
struct Waiting {
    scheduler: Model,
    handle: JoinHandle<()>,
    event: Arc<Event>,
    waker: Waker,
    /// Passed by each poll.
    turnstile: Turnstile,
}

struct Event {
    happened: AtomicBool,
    /// Written before the flag, read by the poll that sees it.
    data: UnsafeCell<u32>,
}

// SAFETY: loom checks the accesses to the cell, which is the purpose of it.
unsafe impl Sync for Event {}

impl Event {
    fn happen(&self) {
        // SAFETY: the task reads this only after it has seen the flag.
        self.data.with_mut(|data| unsafe { *data = 42 });
        self.happened.store(true, Relaxed);
    }
}

impl Waiting {
    /// An idle task: polled once, by its own thread, and pending.
    fn idle() -> Self {
        Self::new(false)
    }

    /// `yields`: a poll that does not see the event asks for another one.
    fn new(yields: bool) -> Self {
        let scheduler = Model::new();
        let event = Arc::new(Event {
            happened: AtomicBool::new(false),
            data: UnsafeCell::new(0),
        });
        let waker = Slot::default();
        let turnstile = Turnstile::new();
        let handle = scheduler.spawn({
            let (event, waker) = (event.clone(), waker.clone());
            let turnstile = turnstile.clone();
            poll_fn(move |cx| {
                if event.happened.load(Relaxed) {
                    return Poll::Ready(());
                }
                turnstile.pass();
                let first = waker.store(cx.waker());
                if yields && !first {
                    assert!(yield_current(cx));
                }
                Poll::Pending
            })
        });
        assert!(scheduler.run_one());
        let waker = waker.take();
        Self {
            scheduler,
            handle,
            event,
            waker,
            turnstile,
        }
    }

    /// Whatever came before: the task has been woken, and runs to completion.
    fn finish(self) -> usize {
        let runs = self.scheduler.run_all();
        assert!(self.handle.is_finished(), "a wake was lost");
        drop(self.waker);
        result(self.handle).expect("no panic, no abort");
        runs
    }
}

#[test]
fn loom_wake_publishes_what_it_is_for() {
    model_fully(|| {
        let waiting = Waiting::idle();
        let waker = waiting.waker.clone();
        let event = waiting.event.clone();
        let thread = thread::spawn(move || {
            event.happen();
            waker.wake();
        });
        // A stray wake: the poll that it causes races with the event.
        waiting.waker.wake_by_ref();
        waiting.scheduler.run_one();
        thread.join().unwrap();
        // SAFETY: loom checks that the other thread's write happened before.
        waiting
            .event
            .data
            .with(|data| assert_eq!(unsafe { *data }, 42));
        waiting.scheduler.run_all();
        assert!(waiting.handle.is_finished(), "a wake was lost");
    });
}

#[test]
fn loom_wake_during_a_poll_queues_once() {
    model(|| {
        let waiting = Waiting::idle();
        waiting.waker.wake_by_ref();
        let runner = thread::spawn({
            let scheduler = waiting.scheduler.clone();
            move || {
                // Not `run_on`: here the cell's own scheduler is used.
                scheduler.pop().expect("woken").run();
            }
        });
        let waker = thread::spawn({
            let (waker, event) = (waiting.waker.clone(), waiting.event.clone());
            move || {
                event.happen();
                waker.wake();
            }
        });
        waiting.waker.wake_by_ref();
        runner.join().unwrap();
        waker.join().unwrap();
        assert!(waiting.scheduler.queued() <= 1, "queued twice");
        waiting.finish();
    });
}

#[test]
fn loom_yield_and_wake_queue_once() {
    model_fully(|| {
        let waiting = Waiting::new(true);
        waiting.waker.wake_by_ref();
        let waker = thread::spawn({
            let (waker, event) = (waiting.waker.clone(), waiting.event.clone());
            let turnstile = waiting.turnstile.clone();
            move || {
                turnstile.pass();
                event.happen();
                waker.wake_by_ref();
            }
        });
        assert!(waiting.scheduler.run_one());
        waker.join().unwrap();
        assert!(waiting.scheduler.queued() <= 1, "queued twice");
        waiting.finish();
    });
}

#[test]
fn loom_wakes_from_two_threads_run_it_once() {
    model(|| {
        let waiting = Waiting::idle();
        waiting.event.happen();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let waker = waiting.waker.clone();
                thread::spawn(move || waker.wake())
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(waiting.scheduler.scheduled(), 1);
        assert_eq!(waiting.finish(), 1);
    });
}

/// The wake hands the task over with the cell's own scheduler, and another thread
/// completes and frees it before the wake has returned.
#[test]
fn loom_wake_by_value_keeps_the_scheduler() {
    model_fully(|| {
        let waiting = Waiting::idle();
        waiting.event.happen();
        let Waiting {
            scheduler,
            handle,
            waker,
            ..
        } = waiting;
        drop(handle);
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.run_one()
        });
        waker.wake();
        runner.join().unwrap();
        scheduler.run_all();
        assert_eq!(scheduler.alive(), 0);
    });
}

/// The runner hands the task over, and another thread completes and frees it
/// before the runner has returned.
fn rescheduled_task_runs_elsewhere(run: fn(Notified<Model>, &Model)) {
    let scheduler = Model::new();
    let mut yielded = false;
    drop(scheduler.spawn(poll_fn(move |cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        assert!(yield_current(cx));
        Poll::Pending
    })));
    let other = thread::spawn({
        let scheduler = scheduler.clone();
        move || scheduler.run_one()
    });
    if let Some(task) = scheduler.pop() {
        run(task, &scheduler);
    }
    other.join().unwrap();
    scheduler.run_all();
    assert_eq!(scheduler.alive(), 0);
}

#[test]
fn loom_rescheduled_task_runs_elsewhere_at_once() {
    model_fully(|| rescheduled_task_runs_elsewhere(|task, scheduler| task.run_on(scheduler)));
}

#[test]
fn loom_rescheduled_task_keeps_its_scheduler() {
    model_fully(|| rescheduled_task_runs_elsewhere(|task, _| task.run()));
}

#[test]
fn loom_wake_of_a_task_that_was_entitled() {
    model_fully(|| {
        let scheduler = Model::new();
        let slot = Slot::default();
        let happened = Arc::new(AtomicBool::new(false));
        let turnstile = Turnstile::new();
        let polls = Arc::new(AtomicUsize::new(0));
        let handle = scheduler.spawn({
            let (slot, happened) = (slot.clone(), happened.clone());
            let (turnstile, polls) = (turnstile.clone(), polls.clone());
            poll_fn(move |cx| {
                polls.fetch_add(1, Relaxed);
                turnstile.pass();
                if slot.store(cx.waker()) {
                    cx.waker().wake_by_ref();
                }
                if happened.load(Relaxed) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
        });
        assert!(scheduler.run_one());
        let waker = slot.replace(None).expect("stored by the poll");
        slot.store(&waker);
        let passes = turnstile.clone();
        let thread = thread::spawn(move || {
            passes.pass();
            happened.store(true, Relaxed);
            waker.wake();
        });
        turnstile.pass();
        // Entitled; it waits after that, unless the wake came before.
        assert!(scheduler.run_one());
        thread.join().unwrap();
        assert!(scheduler.queued() <= 1, "queued twice");
        scheduler.run_all();
        assert!(handle.is_finished(), "a wake was lost");
        assert!(polls.load(Relaxed) <= 3, "polled more often than woken");
        drop(slot.replace(None));
    });
}

/// Woken during its first poll, and by nobody after that: a second poll takes
/// note of the wake, and there is no third.
#[test]
fn loom_wake_of_an_entitled_task_is_used_up() {
    model_fully(|| {
        let scheduler = Model::new();
        let polls = Arc::new(AtomicUsize::new(0));
        let handle = scheduler.spawn({
            let polls = polls.clone();
            poll_fn(move |cx| {
                if polls.fetch_add(1, Relaxed) == 0 {
                    cx.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            })
        });
        assert!(scheduler.run_one());
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.run_one()
        });
        // From now on it is as if it was never awaited.
        drop(handle);
        runner.join().unwrap();
        assert_eq!((polls.load(Relaxed), scheduler.queued()), (2, 0));
        scheduler.shutdown();
    });
}

/// One thread resumes a task that is entitled, and another one polls it once it has
/// waited and been woken: by then the right to run has been used up, and what the
/// first has done to the future is visible.
#[test]
fn loom_entitled_task_moves_between_threads() {
    model_fully(|| {
        let scheduler = Model::new();
        let slot = Slot::default();
        let happened = Arc::new(AtomicBool::new(false));
        // In the future: the queue passes it on at first, the state word thereafter.
        let polls = UnsafeCell::new(0);
        let handle = scheduler.spawn({
            let (slot, happened) = (slot.clone(), happened.clone());
            poll_fn(move |cx| {
                let polls = polls.with_mut(|polls| {
                    // SAFETY: the poll has the future to itself, as loom checks.
                    let polls = unsafe { &mut *polls };
                    *polls += 1;
                    *polls
                });
                assert!(polls <= 3, "polled more often than woken");
                if polls == 1 {
                    slot.store(cx.waker());
                    assert!(yield_current(cx));
                    return Poll::Pending;
                }
                match happened.load(Relaxed) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
        });
        assert!(scheduler.run_one());
        // Outlives both runs, which therefore free nothing.
        let waker = slot.take();
        let runner = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.run_one()
        });
        happened.store(true, Relaxed);
        waker.wake_by_ref();
        scheduler.run_one();
        runner.join().unwrap();
        scheduler.run_all();
        result(handle).expect("no panic, no abort");
    });
}
