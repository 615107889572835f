//! Panics of the program's code that the runtime has to outlast.
//!
//! A destructor or a waker of the program's may panic where the runtime is in
//! the middle of something: with others still to be woken, or with nobody there
//! to hand the panic to. The panic hook has reported it by then. It is
//! [swallowed](swallow), or [put off](Panics) until the work is done.
//!
//! The payload of a panic is the program's as well, and its destructor may panic
//! in turn. So no payload is dropped here but by [`discard`].

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// How many payloads are dropped that result from dropping one another. No
/// program has a reason for a second.
const MAX_CHAIN: usize = 4;

/// Runs `f`; a panic goes no further.
#[inline]
pub(crate) fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Panics put off until everything has been done that must be done regardless.
///
/// The first of them goes on when they are [resumed](Self::resume), as if nothing
/// had been done after it; later ones have been reported and are discarded.
#[must_use = "a panic that was put off has to go on"]
#[derive(Debug, Default)]
pub(crate) struct Panics(Option<Box<dyn Any + Send>>);

impl Panics {
    /// Runs `f` and returns its result, or puts its panic off.
    #[inline]
    pub(crate) fn put_off<R>(&mut self, f: impl FnOnce() -> R) -> Option<R> {
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(result) => Some(result),
            Err(payload) => {
                self.keep(payload);
                None
            }
        }
    }

    /// Lets the first panic go on, if there was one. On a thread that unwinds already it is
    /// discarded: a second panic out of a destructor would end the process.
    #[inline]
    pub(crate) fn resume(self) {
        match self.0 {
            Some(payload) if thread::panicking() => discard(payload),
            Some(payload) => resume_unwind(payload),
            None => {}
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

/// Drops the payload of a panic, whose own destructor may panic in turn.
#[cold]
pub(crate) fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..MAX_CHAIN {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    // There need not be an end to it.
    mem::forget(payload);
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::panic::panic_any;

    #[test]
    fn the_first_panic_goes_on_after_everything_was_done() {
        let mut panics = Panics::default();
        assert_eq!(panics.put_off(|| 1), Some(1));
        assert_eq!(
            panics.put_off(|| -> () { resume_unwind(Box::new(2)) }),
            None
        );
        assert_eq!(
            panics.put_off(|| -> () { resume_unwind(Box::new(3)) }),
            None
        );
        assert_eq!(panics.put_off(|| 4), Some(4));
        let payload = catch_unwind(AssertUnwindSafe(|| panics.resume())).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&2));
        Panics::default().resume();
    }

    /// Dropped, it panics with another of its kind.
    struct Endless;

    impl Drop for Endless {
        fn drop(&mut self) {
            panic_any(Endless);
        }
    }

    #[test]
    fn a_payload_that_panics_for_ever_is_given_up() {
        swallow(|| panic_any(Endless));
        let mut panics = Panics::default();
        for _ in 0..2 {
            panics.put_off(|| panic_any(Endless));
        }
        discard(catch_unwind(AssertUnwindSafe(|| panics.resume())).unwrap_err());
    }
}
