//! The time that a loom model takes it to be.
//!
//! It stands still until the model moves it. Loom runs all threads of a model on
//! one thread of the operating system, and models beside one another on several:
//! so a thread local of std's is shared by the threads of one model, and by
//! nobody else.
//!
//! Loom knows no timed waits. A wait with a limit is one without, unless the model
//! lets such waits [expire](let_waits_expire): then each is over as soon as the other
//! threads had their turn, and time has passed by its limit.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static BASE: Instant = Instant::now();
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static EXPIRE: Cell<bool> = const { Cell::new(false) };
}

/// What the clock reads.
#[must_use]
pub fn now() -> Instant {
    BASE.with(|base| *base) + PASSED.get()
}

/// Starts over. A model calls it first, since it is executed many times.
pub fn restart() {
    PASSED.set(Duration::ZERO);
    EXPIRE.set(false);
}

/// Moves the clock, which wakes nobody.
pub fn pass(duration: Duration) {
    PASSED.set(PASSED.get() + duration);
}

/// Lets every wait with a limit reach it from here on, or no longer.
pub fn let_waits_expire(expire: bool) {
    EXPIRE.set(expire);
}

/// Whether a wait with a limit reaches it.
#[must_use]
pub fn waits_expire() -> bool {
    EXPIRE.get()
}

/// Gives the other threads their turn, and lets time pass until `deadline`.
/// Called without a lock.
pub fn expire(deadline: Instant) {
    loom::thread::yield_now();
    let left = deadline.saturating_duration_since(now());
    pass(left);
}
