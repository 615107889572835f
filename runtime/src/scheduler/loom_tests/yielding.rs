//! A task that yields lets the driver have its turn.

use super::{Scheduler, block_on, model, spawn};
use crate::coop;
use filch_io::{Interest, Ready, Registered};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;

/// A task yields twice, once with another one ready beside it, while a third arrives
/// from outside: between two of its polls the driver is turned once.
#[test]
fn loom_yield_turns_the_driver_once() {
    model(|| {
        let mut scheduler = Scheduler::new(1);
        let driver = scheduler.shared.services.driver.io().clone();
        let source = Registered::new(io::stdin(), Interest::READABLE, Ready::EMPTY, &driver)
            .expect("the model registers everything");
        let shared = Arc::clone(&scheduler.shared);
        let mut turns = Vec::new();
        let yielding = scheduler.spawn(poll_fn(move |cx| {
            turns.push(shared.services.driver.turns());
            if turns.len() == 1 {
                // Runs between two of its polls.
                drop(spawn(&shared, async {}));
            }
            if turns.len() < 3 {
                assert!(coop::yield_current(cx), "it is the task's waker");
                return Poll::Pending;
            }
            Poll::Ready([turns[1] - turns[0], turns[2] - turns[1]])
        }));
        scheduler.start(0);
        let other = scheduler.spawn(async {});
        assert_eq!(block_on(yielding), [1, 1]);
        block_on(other);
        drop(source);
        scheduler.end_unexplored();
    });
}
