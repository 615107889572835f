//! How one thread waits until another one wakes it.
//!
//! A [`Parker`] is a token that at most one thread waits for. It waits on the
//! parker's own condition variable, or inside the driver, whose wake-up is a
//! different one; the state tells [`Parker::unpark`] which to use.
//!
//! | state | meaning |
//! |---|---|
//! | `EMPTY` | nobody waits, no token |
//! | `NOTIFIED` | a token is there; the next park returns at once |
//! | `ON_CONDVAR` | the owner sleeps on the condition variable |
//! | `IN_DRIVER` | the owner sleeps in the driver |
//!
//! Invariants:
//! - **P1** Only the owner moves the state to `ON_CONDVAR` or `IN_DRIVER`, and
//!   only from `EMPTY`. Only `unpark` moves it to `NOTIFIED`.
//! - **P2** What a thread wrote before `unpark` is visible after the park that
//!   consumed the token: both are swaps on one word, release and acquire.
//! - **P3** A token is never lost: `ON_CONDVAR` is set and left with the mutex
//!   held, and `unpark` passes through the mutex before it notifies, so the
//!   notification cannot fall between the owner's check and its sleep. In the
//!   driver the same follows from the driver's own unpark being sticky.
//!
//! The parker does not know workers, tasks or what the driver is.

use crate::primitive::atomic::{AtomicUsize, Ordering::*};
use crate::primitive::{Condvar, Mutex, now};
// Not `primitive`'s: for a figure alone, which orders nothing.
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

const EMPTY: usize = 0;
const NOTIFIED: usize = 1;
const ON_CONDVAR: usize = 2;
const IN_DRIVER: usize = 3;

/// The token one thread waits for.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicUsize,
    mutex: Mutex<()>,
    condvar: Condvar,
    begun: Instant,
    /// When the owner was last woken from a sleep, in nanoseconds since `begun`; zero once
    /// it has asked.
    woken_at: AtomicU64,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicUsize::new(EMPTY),
            mutex: Mutex::new(()),
            condvar: Condvar::new(),
            begun: now(),
            woken_at: AtomicU64::new(0),
        }
    }

    /// Sleeps until a token arrives or `deadline` passes; may return early.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        if self.take_token() {
            return;
        }
        let mut guard = self.mutex.lock();
        if !self.announce(ON_CONDVAR) {
            return;
        }
        match deadline {
            None => {
                // ORDERING: Relaxed; the swap below acquires what the waker published.
                while self.state.load(Relaxed) == ON_CONDVAR {
                    self.condvar.wait(&mut guard);
                }
            }
            Some(deadline) => {
                // ORDERING: Relaxed, as above.
                if self.state.load(Relaxed) == ON_CONDVAR {
                    self.condvar.wait_until(&mut guard, deadline);
                }
            }
        }
        // ORDERING: AcqRel with the swap in `unpark` (P2).
        self.state.swap(EMPTY, AcqRel);
    }

    /// Runs `sleep`, the driver's park, unless a token is there already.
    pub(crate) fn park_in_driver(&self, sleep: impl FnOnce()) {
        if !self.announce(IN_DRIVER) {
            return;
        }
        sleep();
        // ORDERING: AcqRel with the swap in `unpark` (P2).
        self.state.swap(EMPTY, AcqRel);
    }

    /// Leaves a token and wakes the owner; `wake_driver` if it sleeps there.
    pub(crate) fn unpark(&self, wake_driver: impl FnOnce()) {
        // ORDERING: AcqRel: releases what the caller wrote to the owner's swap
        // or `take_token`; acquires the owner's announcement.
        match self.state.swap(NOTIFIED, AcqRel) {
            EMPTY | NOTIFIED => {}
            ON_CONDVAR => {
                self.note_wake_up();
                drop(self.mutex.lock());
                self.condvar.notify_one();
            }
            IN_DRIVER => {
                self.note_wake_up();
                wake_driver();
            }
            state => unreachable!("parker state {state}"),
        }
    }

    /// How long ago the owner was woken, if it was since it last asked: right after a sleep, what
    /// it takes the system to wake a thread.
    ///
    /// About: who is woken by something else at that moment may learn of it at the next sleep.
    pub(crate) fn wake_up_took(&self) -> Option<Duration> {
        // ORDERING: Relaxed: a figure.
        let at = self.woken_at.load(Relaxed);
        if at == 0 {
            return None;
        }
        self.woken_at.store(0, Relaxed);
        now().checked_duration_since(self.begun + Duration::from_nanos(at))
    }

    fn note_wake_up(&self) {
        let at = now().saturating_duration_since(self.begun).as_nanos();
        // ORDERING: Relaxed: a figure.
        self.woken_at.store(u64::try_from(at).unwrap_or(0), Relaxed);
    }

    fn take_token(&self) -> bool {
        // ORDERING: Acquire pairs with the release of `unpark`.
        self.state
            .compare_exchange(NOTIFIED, EMPTY, Acquire, Relaxed)
            .is_ok()
    }

    /// `EMPTY => state`, or consumes the token that arrived meanwhile.
    fn announce(&self, state: usize) -> bool {
        // ORDERING: AcqRel pairs with the swap in `unpark`.
        match self.state.compare_exchange(EMPTY, state, AcqRel, Acquire) {
            Ok(_) => true,
            Err(found) => {
                debug_assert_eq!(found, NOTIFIED, "only the owner parks");
                // ORDERING: Acquire: a second unpark may have swapped since.
                self.state.swap(EMPTY, Acquire);
                false
            }
        }
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_token_left_before_the_park_is_consumed_by_it() {
        let parker = Parker::new();
        parker.unpark(|| unreachable!());
        parker.park(None);
        parker.unpark(|| unreachable!());
        parker.park_in_driver(|| unreachable!("the token is there already"));
    }

    #[test]
    fn a_deadline_ends_the_park() {
        let parker = Parker::new();
        parker.park(Some(Instant::now() + Duration::from_millis(1)));
        parker.park_in_driver(|| ());
        assert_eq!(parker.wake_up_took(), None);
    }

    #[test]
    fn who_was_woken_learns_once_how_long_it_took() {
        let parker = Parker::new();
        let start = Instant::now();
        parker.park_in_driver(|| parker.unpark(|| std::thread::sleep(Duration::from_millis(2))));
        let took = parker.wake_up_took().unwrap();
        assert!(Duration::from_millis(2) <= took && took <= start.elapsed());
        assert_eq!(parker.wake_up_took(), None);
    }

    #[test]
    fn so_does_who_was_woken_from_the_condvar() {
        let parker = Parker::new();
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while parker.state.load(Relaxed) != ON_CONDVAR {
                    std::thread::yield_now();
                }
                parker.unpark(|| unreachable!());
            });
            parker.park(None);
        });
        assert!(parker.wake_up_took().unwrap() <= start.elapsed());
        assert_eq!(parker.wake_up_took(), None);
    }

    #[test]
    fn a_token_for_one_who_is_awake_is_no_wake_up() {
        let parker = Parker::new();
        parker.unpark(|| unreachable!());
        parker.park(None);
        assert_eq!(parker.wake_up_took(), None);
    }
}
