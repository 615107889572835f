//! Models of the races that the state word decides, one each.
//!
//! What is handed between the threads of a model through the task alone is kept
//! in loom's cells and relaxed atomics, so that a missing release or acquire in
//! a transition fails the model. A task that is never freed shows as a leaked
//! `Arc`: every task holds its scheduler. Counters that only the assertions
//! read are std's, which adds no interleavings.
//!
//! **Reduced parameters.** Two threads, without a bound on preemptions; or
//! three, with a bound of three, or of two where a joiner sleeps and wakes. Whatever two threads do to a state word, a list
//! or a join waker is thereby explored completely; a third can interfere between
//! any two steps of either. One task, or two or three where they are neighbours
//! in a list: a list touches no more than two nodes besides the one it unlinks.
//! One or two shards: a shard is closed, or not yet, and no more than that. At most
//! two polls of a task: the state word does not count them.
//!
//! **Turnstiles.** Loom tries an access before another thread's only if that is the
//! last one of the same atomic. A transition is a load and an exchange; its own
//! load is the last access by the time of its exchange, so that loom does not try
//! the exchange before what another thread has merely loaded. Where one side of a
//! race only looks, both pass a [`Turnstile`], and loom tries both orders of that.

mod abort;
mod combinations;
mod join;
mod lifetime;
mod lists;
mod shutdown;
mod wake;

use super::JoinHandle;
use super::error::JoinError;
use crate::primitive::{Condvar, Mutex};
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

/// Explores all interleavings with at most three preemptions, unless the
/// environment says otherwise: for three threads.
pub(crate) fn model(f: impl Fn() + Send + Sync + 'static) {
    model_bounded(3, f);
}

/// As [`model`], where more preemptions would take longer than seconds.
pub(crate) fn model_bounded(preemptions: usize, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(f);
}

/// As [`model`] without a bound, for two threads.
pub(crate) fn model_fully(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.check(f);
}

/// Orders nothing, but has loom try who passes first.
#[derive(Clone)]
pub(crate) struct Turnstile(loom::sync::Arc<loom::sync::atomic::AtomicUsize>);

impl Turnstile {
    pub(crate) fn new() -> Self {
        Self(loom::sync::Arc::new(loom::sync::atomic::AtomicUsize::new(
            0,
        )))
    }

    pub(crate) fn pass(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Counts how many values were dropped.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn value(&self) -> Counted {
        Counted {
            drops: self.0.clone(),
            panics: false,
        }
    }

    /// A value that panics when it is dropped.
    fn bomb(&self) -> Counted {
        Counted {
            drops: self.0.clone(),
            panics: true,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

pub(crate) struct Counted {
    drops: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Relaxed);
        if self.panics {
            quiet_panic();
        }
    }
}

/// Where a task leaves its waker. The lock is std's, so no loom operation, such
/// as one on a waker, may happen under it.
#[derive(Clone, Default)]
struct Slot(Arc<std::sync::Mutex<Option<Waker>>>);

impl Slot {
    fn replace(&self, waker: Option<Waker>) -> Option<Waker> {
        let mut slot = self.0.lock().unwrap();
        std::mem::replace(&mut *slot, waker)
    }

    /// Stores a clone of `waker`; `true` if there was none before.
    fn store(&self, waker: &Waker) -> bool {
        self.replace(Some(waker.clone())).is_none()
    }

    /// Takes the waker that the only poll has stored.
    fn take(&self) -> Waker {
        self.replace(None).expect("the poll stored its waker")
    }
}

/// Panics without the hook's report, which would be printed for every
/// interleaving.
fn quiet_panic() -> ! {
    resume_unwind(Box::new("expected"))
}

/// A waker to wait for. A wake that never comes is a deadlock, which loom finds.
#[derive(Debug)]
pub(crate) struct Signal {
    woken: Mutex<bool>,
    condvar: Condvar,
}

impl Signal {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            woken: Mutex::new(false),
            condvar: Condvar::new(),
        })
    }

    pub(crate) fn wait(&self) {
        let mut woken = self.woken.lock();
        while !*woken {
            self.condvar.wait(&mut woken);
        }
        *woken = false;
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        *self.woken.lock() = true;
        self.condvar.notify_one();
    }
}

fn poll<T>(handle: &mut JoinHandle<T>, waker: &Waker) -> Poll<Result<T, JoinError>> {
    Pin::new(handle).poll(&mut Context::from_waker(waker))
}

fn block_on<T>(mut handle: JoinHandle<T>) -> Result<T, JoinError> {
    let signal = Signal::new();
    let waker = Waker::from(signal.clone());
    loop {
        if let Poll::Ready(result) = poll(&mut handle, &waker) {
            return result;
        }
        signal.wait();
    }
}

/// The result of a handle whose task is known to be complete.
fn result<T>(mut handle: JoinHandle<T>) -> Result<T, JoinError> {
    match poll(&mut handle, Waker::noop()) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the task is not complete"),
    }
}
