//! What the models share.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::{self, Thread};

/// A model that is explored in full, whatever the environment says.
pub(crate) fn model_fully(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.check(model);
}

/// A model that does not end in seconds when it is explored in full: interleavings
/// with more than three preemptions are left out, or with more than
/// `LOOM_MAX_PREEMPTIONS` if that is higher. A lost wake-up takes one: between what
/// a thread has read and what it does about it. The mutants are caught with it.
pub(crate) fn model_bounded(model: impl Fn() + Sync + Send + 'static) {
    const PREEMPTIONS: usize = 3;
    let mut builder = loom::model::Builder::new();
    let asked_for = builder.preemption_bound.unwrap_or_default();
    builder.preemption_bound = Some(asked_for.max(PREEMPTIONS));
    builder.check(model);
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future on this thread; a lost wake-up is a deadlock that loom
/// reports.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(StdArc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Counts how often its waker was woken.
pub(crate) struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: StdArc<Self>) {
        // ORDERING: Relaxed, as it is read after the waking thread was joined.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakes {
    pub(crate) fn new() -> (StdArc<Wakes>, Waker) {
        let wakes = StdArc::new(Wakes(AtomicUsize::new(0)));
        let waker = Waker::from(StdArc::clone(&wakes));
        (wakes, waker)
    }

    pub(crate) fn count(&self) -> usize {
        // ORDERING: see `wake`.
        self.0.load(Ordering::Relaxed)
    }
}
