//! Panics that have nowhere to go.
//!
//! A destructor or a waker of the program's may panic where the runtime has
//! nobody to hand the panic to: the output of a detached task, a join waker.
//! The panic hook has reported it by then, and the task goes on.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many payloads are dropped that result from dropping one another. No
/// program has a reason for a second.
const MAX_CHAIN: usize = 4;

/// Runs `f`; a panic goes no further.
#[inline]
pub(super) fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops the payload of a panic, whose own destructor may panic in turn.
#[cold]
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..MAX_CHAIN {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    // There need not be an end to it.
    mem::forget(payload);
}
