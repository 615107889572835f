//! Wakers, taken under a lock and woken after it.

use arrayvec::ArrayVec;
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

/// Wakers carried from a locked section to its end.
///
/// Waking runs foreign code, which may come back for the very locks of this
/// crate. So wakers are moved here under the lock and woken once it is
/// released. A full batch is woken between two locked sections.
#[derive(Default)]
pub(crate) struct WakeBatch(ArrayVec<Waker, CAPACITY>);

/// Half a kilobyte of stack: enough for a busy turn to take the locks a few
/// times only.
#[cfg(not(filch_loom))]
const CAPACITY: usize = 32;

/// Small enough for a model to overflow it.
#[cfg(filch_loom)]
const CAPACITY: usize = 2;

impl WakeBatch {
    pub(crate) fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// # Panics
    ///
    /// If the batch [is full](Self::is_full).
    pub(crate) fn push(&mut self, waker: Waker) {
        self.0.push(waker);
    }

    /// Wakes and empties the batch. No lock may be held.
    ///
    /// An event is reported once: whoever it concerns is woken, also if another
    /// waker panics. The panic is put off.
    pub(crate) fn wake_all(&mut self, panics: &mut Panics) {
        let mut wakers = self.0.drain(..);
        let mut wake_rest = || wakers.by_ref().for_each(Waker::wake);
        while let Err(payload) = catch_unwind(AssertUnwindSafe(&mut wake_rest)) {
            panics.keep(payload);
        }
    }
}

/// Panics of wakers, put off until everyone has been woken.
#[must_use = "a panic that was put off has to go on"]
#[derive(Default)]
pub(crate) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    /// Lets the first panic go on, if there was one. The panic hook has reported
    /// the others.
    pub(crate) fn resume(self) {
        if let Some(payload) = self.0 {
            resume_unwind(payload);
        }
    }

    #[cold]
    fn keep(&mut self, payload: Box<dyn Any + Send>) {
        match self.0 {
            None => self.0 = Some(payload),
            Some(_) => discard(payload),
        }
    }
}

/// Runs `f`; a panic goes no further.
pub(crate) fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops the payload of a panic, whose own destructor may panic in turn. What
/// that brings forth is given up: there need not be an end to it.
#[cold]
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(next);
    }
}
