//! Wakers, taken under a lock and woken after it.

use std::task::Waker;

/// Wakers carried from a locked section to its end.
///
/// Waking runs foreign code, which may come back for the very locks of this
/// crate. So wakers are moved here under the lock and woken once it is
/// released. A full batch is woken between two locked sections.
pub(crate) struct WakeBatch {
    wakers: [Option<Waker>; WakeBatch::CAPACITY],
    len: usize,
}

impl WakeBatch {
    /// Half a kilobyte of stack: enough for a busy turn to take the locks a few
    /// times only, small enough to be cleared for free.
    #[cfg(not(filch_loom))]
    const CAPACITY: usize = 32;

    /// Small enough for a model to overflow it.
    #[cfg(filch_loom)]
    const CAPACITY: usize = 2;

    pub(crate) const fn new() -> WakeBatch {
        WakeBatch {
            wakers: [const { None }; WakeBatch::CAPACITY],
            len: 0,
        }
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.len == WakeBatch::CAPACITY
    }

    /// # Panics
    ///
    /// If the batch [is full](Self::is_full).
    pub(crate) fn push(&mut self, waker: Waker) {
        self.wakers[self.len] = Some(waker);
        self.len += 1;
    }

    /// Wakes and empties the batch. No lock may be held.
    pub(crate) fn wake_all(&mut self) {
        let len = std::mem::take(&mut self.len);
        for waker in &mut self.wakers[..len] {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }
}
