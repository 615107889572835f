//! Panics that have nowhere to go.
//!
//! A destructor or a waker of the program's may panic where the runtime has
//! nobody to hand the panic to: the output of a detached task, a join waker.
//! The panic hook has reported it by then, and the task goes on.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f`; a panic goes no further.
#[inline]
pub(super) fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops the payload of a panic, whose own destructor may panic in turn. What
/// that one leaves behind is forgotten: there is no end to it otherwise.
#[cold]
fn discard<T>(payload: T) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
}
