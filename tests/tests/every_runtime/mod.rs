//! Runs a test on every kind of runtime: both flavours, several worker counts,
//! as the main future and as a spawned task.

#![allow(dead_code, reason = "each test file uses a part of it")]

use filch::runtime::{Builder, Runtime};
use filch::time::{Sleep, sleep};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

/// Only a hang takes this long.
const HANG: Duration = Duration::from_secs(120);

const WORKER_COUNTS: [usize; 3] = [1, 2, 8];

/// Runs `body` on each kind of runtime, as its main future and as a task.
#[track_caller]
pub(crate) fn on_every_runtime<F, Fut>(body: F)
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    on_every_built_runtime(move |runtime| {
        runtime.block_on(body());
        match runtime.block_on(runtime.spawn(body())) {
            Ok(()) => {}
            Err(error) => resume_unwind(error.into_panic()),
        }
    });
}

/// Runs `body` with a runtime of each kind.
#[track_caller]
pub(crate) fn on_every_built_runtime(body: impl Fn(Runtime) + Clone + Send + 'static) {
    let on_this_thread = body.clone();
    within_bounds("current thread", move || on_this_thread(current_thread()));
    for count in WORKER_COUNTS {
        let body = body.clone();
        within_bounds(&format!("{count} workers"), move || body(workers(count)));
    }
}

/// A sleep of that time that waits, with that waker. One whose time is over at its first poll,
/// for the processor was taken away in between, is made again.
pub(crate) fn waiting_sleep(duration: Duration, waker: &Waker) -> Pin<Box<Sleep>> {
    loop {
        let mut sleep = Box::pin(sleep(duration));
        let poll = sleep.as_mut().poll(&mut Context::from_waker(waker));
        if poll.is_pending() {
            return sleep;
        }
    }
}

/// A current-thread runtime with everything enabled.
pub(crate) fn current_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built")
}

/// A multi-thread runtime with everything enabled.
pub(crate) fn workers(count: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(count)
        .enable_all()
        .build()
        .expect("a runtime can be built")
}

/// Runs `body` on a thread of its own and panics if it hangs.
#[track_caller]
pub(crate) fn within_bounds<R: Send + 'static>(
    what: &str,
    body: impl FnOnce() -> R + Send + 'static,
) -> R {
    let (sender, receiver) = sync_channel(1);
    let thread = thread::Builder::new()
        .name(what.to_owned())
        .spawn(move || {
            let result = body();
            let _ = sender.send(());
            result
        })
        .expect("a thread can be created");
    match receiver.recv_timeout(HANG) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        },
        Err(RecvTimeoutError::Timeout) => panic!("hangs on: {what}"),
    }
}
