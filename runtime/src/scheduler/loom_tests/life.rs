//! The life of a scheduler: tasks that start tasks, and its end.

use super::{Gate, Scheduler, WakerSlot, block_on, model, model_bounded, spawn, stop_exploring};
use crate::task::{JoinError, JoinHandle};
use filch_io::{Direction, Interest, Ready, Registered};
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Who comes to the end of a scheduler is run or cancelled, and nothing else.
fn ran_or_cancelled(result: Result<(), JoinError>) {
    if let Err(error) = result {
        assert!(error.is_cancelled(), "{error}");
    }
}

fn result<T>(task: JoinHandle<T>) -> Result<T, JoinError> {
    super::root::block_on(task)
}

/// A task that spawns and joins another one, on two workers that go for either.
#[test]
fn loom_nested_spawns_on_two_workers() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        let shared = Arc::clone(&scheduler.shared);
        let outer = scheduler.spawn(async move {
            let inner = spawn(&shared, async { 7 });
            drop(shared);
            let result = inner.await;
            stop_exploring();
            result
        });
        scheduler.start(0);
        scheduler.start(1);
        assert_eq!(block_on(outer).expect("the inner task ends"), 7);
        scheduler.end_unexplored();
    });
}

/// As many workers end at once, one with a task in its slot and another in its
/// queue, while the second may still steal them: the last one shuts the driver down
/// when all have.
#[test]
fn loom_two_workers_end_with_tasks_in_their_queues() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        let future = Arc::new(());
        scheduler.stuck(0, |shared| {
            for _ in 0..2 {
                let held = Arc::clone(&future);
                drop(spawn(shared, async move {
                    let _held = held;
                    pending::<()>().await;
                }));
            }
        });
        scheduler.start(0);
        scheduler.start(1);
        scheduler.end();
        assert_eq!(Arc::strong_count(&future), 1, "a future is left");
    });
}

/// A worker ends while another one is in a poll, which may go on using the driver: the
/// last one to leave its loop shuts it down.
#[test]
fn loom_driver_serves_until_the_last_worker_leaves() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        scheduler.start(1);
        let source = scheduler.stuck(0, |shared| {
            shared.begin_shutdown();
            let driver = shared.services.driver.io();
            Registered::new(io::stdin(), Interest::READABLE, Ready::EMPTY, driver)
                .expect("one worker has not left its loop")
        });
        scheduler.join();
        let mut cx = Context::from_waker(Waker::noop());
        let readiness = source.poll_readiness(&mut cx, Direction::Read);
        assert!(
            matches!(readiness, Poll::Ready(Err(_))),
            "waiters would wait on: {readiness:?}"
        );
        drop(source);
        scheduler.end();
    });
}

/// Waits for a source as it is dropped, until it learns of the driver's end.
struct Leaving(filch_io::Handle);

impl Drop for Leaving {
    fn drop(&mut self) {
        let registered = Registered::new(io::stdin(), Interest::READABLE, Ready::EMPTY, &self.0);
        let Ok(source) = registered else {
            return;
        };
        let woken = Gate::new();
        let waker = Waker::from(Arc::new(Opens(woken.clone())));
        let mut cx = Context::from_waker(&waker);
        while source.poll_readiness(&mut cx, Direction::Read).is_pending() {
            woken.pass();
        }
    }
}

/// Opens a gate when it is woken.
struct Opens(Gate);

impl Wake for Opens {
    fn wake(self: Arc<Self>) {
        self.0.open();
    }
}

/// What a worker drops as it ends waits for a source, while the other worker leaves its loop.
#[test]
fn loom_who_waits_while_it_is_dropped_learns_of_the_end() {
    model(|| {
        let mut scheduler = Scheduler::new(2);
        scheduler.stuck(0, |shared| {
            let leaving = Leaving(shared.services.driver.io().clone());
            drop(spawn(shared, async move {
                let _leaving = leaving;
                pending::<()>().await;
            }));
            shared.begin_shutdown();
        });
        scheduler.start(0);
        scheduler.start(1);
        scheduler.end();
    });
}

/// A thread outside wakes a task while the only worker ends.
#[test]
fn loom_foreign_wake_against_shutdown() {
    model(|| {
        let mut scheduler = Scheduler::new(1);
        scheduler.start(0);
        let (slot, stored) = (WakerSlot::default(), Gate::new());
        let task = scheduler.spawn(slot.clone().wait_to_be_woken(stored.clone()));
        stored.pass();
        scheduler.beside(move || slot.take().wake());
        scheduler.join();
        ran_or_cancelled(result(task));
        scheduler.end();
    });
}

/// A thread outside spawns while the only worker ends.
#[test]
fn loom_spawn_against_shutdown() {
    model(|| {
        let mut scheduler = Scheduler::new(1);
        scheduler.start(0);
        let shared = Arc::clone(&scheduler.shared);
        scheduler.beside(move || ran_or_cancelled(result(spawn(&shared, async {}))));
        scheduler.end();
    });
}

/// Two push against the closing: each takes one task out again, perhaps the other's, and
/// neither is kept.
#[test]
fn loom_two_pushes_against_closing_of_the_injector() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        for _ in 0..2 {
            let shared = Arc::clone(&scheduler.shared);
            scheduler.beside(move || drop(spawn(&shared, async {})));
        }
        scheduler.end();
    });
}

/// The last worker closes the injector while somebody pushes a task that is woken
/// from outside for the second time: no queue keeps it.
#[test]
fn loom_push_against_closing_of_the_injector() {
    model_bounded(3, || {
        let mut scheduler = Scheduler::new(1);
        let shared = Arc::clone(&scheduler.shared);
        scheduler.beside(move || drop(spawn(&shared, async {})));
        scheduler.end();
    });
}
