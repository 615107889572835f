//! The time that a model takes it to be.
//!
//! It stands still until the model moves it. Loom runs all threads of a model on
//! one thread of the operating system, and models beside one another on several:
//! so a thread local of std's is shared by the threads of one model, and by
//! nobody else.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static BASE: Instant = Instant::now();
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// What the clock reads.
pub(crate) fn now() -> Instant {
    BASE.with(|base| *base) + PASSED.get()
}

/// Starts over. A model calls it first, since it is executed many times.
pub(crate) fn restart() {
    PASSED.set(Duration::ZERO);
}

/// Moves the clock, which wakes nobody.
pub(crate) fn pass(duration: Duration) {
    PASSED.set(PASSED.get() + duration);
}
