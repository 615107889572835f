//! The future that a thread in `block_on` runs to its end.

use super::Shared;
use crate::primitive::atomic::{AtomicBool, Ordering::*};
use std::future::Future;
use std::pin::Pin;
// Not `primitive`'s: a waker is made of std's.
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// The waker of a root future.
pub(super) struct RootWaker {
    woken: AtomicBool,
    /// The root's thread runs the tasks, so it sleeps in the driver.
    runs: AtomicBool,
    shared: Arc<Shared>,
}

impl RootWaker {
    /// Of a root that has not been polled.
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            woken: AtomicBool::new(true),
            runs: AtomicBool::new(false),
            shared: Arc::clone(shared),
        }
    }

    /// The root's thread has got the core. It polls the root before it sleeps.
    pub(super) fn transition_to_running(&self) {
        // ORDERING: Relaxed; the swap of `woken` that follows releases it (C4).
        self.runs.store(true, Relaxed);
    }

    /// Whether the root is to be polled, by who waits for that.
    pub(super) fn is_woken(&self) -> bool {
        // ORDERING: Relaxed: only whether to wait; `poll` swaps it, and acquires.
        self.woken.load(Relaxed)
    }

    /// Polls the root if it was woken.
    pub(super) fn poll<F: Future>(&self, root: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        // ORDERING: AcqRel, partner of the swap in `wake_by_ref` (C4).
        if !self.woken.swap(false, AcqRel) {
            return Poll::Pending;
        }
        crate::coop::with_budget(|| root.poll(&mut Context::from_waker(waker)))
    }
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: AcqRel: releases what the waker wrote; acquires `runs` (C4).
        if self.woken.swap(true, AcqRel) {
            return;
        }
        // ORDERING: Relaxed; the swap above acquired it.
        if !self.runs.load(Relaxed) {
            drop(self.shared.core.lock());
            self.shared.core_free.notify_all();
        } else if !self.shared.runs_here() {
            self.shared.services.driver.unpark();
        }
    }
}
