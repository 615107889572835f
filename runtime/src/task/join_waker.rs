#![expect(
    unsafe_code,
    reason = "shares the join waker by a flag of the state word"
)]
//! The waker of whoever awaits the `JoinHandle`.
//!
//! A slot without a lock: who may use it how follows from the state word, by
//! the rule **Join waker** of [`cell`](super::cell).

use self::thin_waker::ThinWaker;
use crate::primitive::UnsafeCell;
use crate::unwind::swallow;
use std::task::Waker;

mod thin_waker;

/// The slot.
pub(super) struct JoinWaker {
    slot: UnsafeCell<Option<ThinWaker>>,
}

impl JoinWaker {
    pub(super) fn new() -> Self {
        Self {
            slot: UnsafeCell::new(None),
        }
    }

    /// Whether the stored waker wakes what `waker` does.
    ///
    /// # Safety
    ///
    /// The caller has at least shared access, see **Join waker**.
    pub(super) unsafe fn will_wake(&self, waker: &Waker) -> bool {
        self.slot.with(|slot| {
            // SAFETY: as the caller promises.
            let stored = unsafe { &*slot };
            stored
                .as_ref()
                .is_some_and(|stored| stored.will_wake(waker))
        })
    }

    /// Wakes the stored waker, if any. A panic of it goes no further.
    ///
    /// # Safety
    ///
    /// The caller has at least shared access, see **Join waker**.
    pub(super) unsafe fn wake(&self) {
        self.slot.with(|slot| {
            // SAFETY: as the caller promises.
            let stored = unsafe { &*slot };
            if let Some(waker) = stored {
                swallow(|| waker.wake_by_ref());
            }
        });
    }

    /// Stores another waker, or none, and returns the previous one.
    ///
    /// # Safety
    ///
    /// The caller has exclusive access, see **Join waker**.
    pub(super) unsafe fn replace(&self, waker: Option<Waker>) -> Option<ThinWaker> {
        let waker = waker.map(ThinWaker::new);
        self.slot.with_mut(|slot| {
            // SAFETY: as the caller promises.
            let stored = unsafe { &mut *slot };
            std::mem::replace(stored, waker)
        })
    }

    /// Drops the stored waker, if any. A panic of it goes no further.
    ///
    /// # Safety
    ///
    /// The caller has exclusive access, see **Join waker**.
    #[inline]
    pub(super) unsafe fn clear(&self) {
        // SAFETY: as the caller promises.
        if let Some(waker) = unsafe { self.replace(None) } {
            swallow(|| drop(waker));
        }
    }
}
