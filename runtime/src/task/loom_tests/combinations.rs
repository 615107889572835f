//! Panics, aborts and drops, all at once: what goes wrong at the end of a task
//! goes wrong once, and does not keep the task or its values.

use super::super::model::Model;
use super::{Counted, Drops, Turnstile, block_on, model, model_bounded, quiet_panic};
use loom::thread;
use std::future::poll_fn;
use std::task::Poll;

/// What the future of a combination does when it is polled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Polled {
    Completes,
    Panics,
}

/// What dropping the value that the future captures, and then returns, does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Harmless,
    Bomb,
}

impl Value {
    fn make(self, drops: &Drops) -> Counted {
        match self {
            Self::Harmless => drops.value(),
            Self::Bomb => drops.bomb(),
        }
    }
}

fn all() -> impl Iterator<Item = (Polled, Value)> {
    [Polled::Completes, Polled::Panics]
        .into_iter()
        .flat_map(|poll| [Value::Harmless, Value::Bomb].map(|value| (poll, value)))
}

/// A future that returns `value`, or drops it as it panics.
fn future(end: Polled, value: Counted) -> impl Future<Output = Counted> + Send {
    let mut value = Some(value);
    poll_fn(move |_| match end {
        Polled::Completes => Poll::Ready(value.take().expect("polled once")),
        Polled::Panics => quiet_panic(),
    })
}

/// One thread runs the task, one aborts it, and the model drops its handle.
#[test]
fn loom_panics_against_abort_and_handle_drop() {
    for (end, value) in all() {
        model(move || {
            let scheduler = Model::new();
            let drops = Drops::default();
            let handle = scheduler.spawn(future(end, value.make(&drops)));
            let abort_handle = handle.abort_handle();
            let runner = thread::spawn({
                let scheduler = scheduler.clone();
                move || assert!(scheduler.run_one())
            });
            let aborter = thread::spawn(move || abort_handle.abort());
            drop(handle);
            runner.join().unwrap();
            aborter.join().unwrap();
            assert_eq!((drops.count(), scheduler.alive()), (1, 0));
            assert_eq!(scheduler.queued(), 0, "a complete task was queued");
        });
    }
}

/// As before, but the handle is awaited: it tells how the task has ended.
#[test]
fn loom_panics_against_abort_and_join() {
    for (end, value) in all() {
        model_bounded(2, move || {
            let scheduler = Model::new();
            let drops = Drops::default();
            let handle = scheduler.spawn(future(end, value.make(&drops)));
            let abort_handle = handle.abort_handle();
            let turnstile = Turnstile::new();
            let runner = thread::spawn({
                let (scheduler, turnstile) = (scheduler.clone(), turnstile.clone());
                move || {
                    assert!(scheduler.run_one());
                    turnstile.pass();
                }
            });
            let aborter = thread::spawn(move || abort_handle.abort());
            turnstile.pass();
            match block_on(handle) {
                Ok(output) => {
                    assert_eq!((end, drops.count()), (Polled::Completes, 0));
                    // The caller's from here on, and so is its panic.
                    std::mem::forget(output);
                }
                Err(error) => {
                    assert_eq!(drops.count(), 1);
                    assert!(error.is_cancelled() || end == Polled::Panics || value == Value::Bomb);
                }
            }
            runner.join().unwrap();
            aborter.join().unwrap();
            assert_eq!(scheduler.alive(), 0);
        });
    }
}

/// The scheduler shuts down while the task runs into its panic.
#[test]
fn loom_panics_against_shutdown_and_handle_drop() {
    for (end, value) in all() {
        model(move || {
            let scheduler = Model::new();
            let drops = Drops::default();
            let handle = scheduler.spawn(future(end, value.make(&drops)));
            let runner = thread::spawn({
                let scheduler = scheduler.clone();
                move || scheduler.run_one()
            });
            let closer = thread::spawn({
                let scheduler = scheduler.clone();
                move || scheduler.shutdown()
            });
            drop(handle);
            runner.join().unwrap();
            closer.join().unwrap();
            assert_eq!((drops.count(), scheduler.alive()), (1, 0));
        });
    }
}
