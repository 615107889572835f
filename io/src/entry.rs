//! What is shared about one source: the readiness word and who waits for it.
//!
//! # Why no event is lost
//! The driver delivers an event in two steps: it (D1) puts the event into the
//! word, then (D2) takes the wakers it satisfies out of the waiters, under
//! their lock. Whoever waits (W1) reads the word and, if that was in vain,
//! takes the lock, (W2) reads the word again and only then (W3) stores its
//! waker, all under the same lock. The two locked sections are ordered:
//! - W before D2: D2 finds the waker of W3 and takes it.
//! - D2 before W: D1 precedes D2, whose unlock W's lock acquires, so that W2
//!   sees the event and W3 does not happen.
//!
//! A shutdown is delivered the same way. A wait that ends takes no further
//! lock, unless it has an extra waiter to remove.
//!
//! # Who waits
//! - One waker slot a direction, for poll functions: the last one to poll is
//!   the one to be woken, as everywhere in Rust.
//! - Any number of extra waiters, for futures. An event wakes *every* waiter
//!   that it satisfies. So one that is dropped after it was woken takes
//!   nothing away from the others.
//!
//! Wakers are cloned before the lock is taken, and old ones dropped, and taken
//! ones woken, only after the unlock: all of this runs foreign code.

use std::fmt;
use std::io;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::key::Key;
use crate::primitive::Mutex;
use crate::readiness::{Cleared, Direction, Readiness, ReadinessWord, State};
use crate::wake::{Panics, WakeBatch};
use crate::{Interest, Ready};

/// One registered source.
pub(crate) struct Entry {
    word: ReadinessWord,
    key: Key,
    interest: Interest,
    waiters: Mutex<Waiters>,
}

#[derive(Default)]
struct Waiters {
    read: Option<Waker>,
    write: Option<Waker>,
    extra: Slab<Waiter>,
    /// The indices of extra waiters are below, since there last were none.
    extra_end: usize,
}

struct Waiter {
    interest: Interest,
    /// `None` once woken, until the future polls again.
    waker: Option<Waker>,
}

/// Names an extra waiter of one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaiterKey(usize);

/// Where [`Entry::take_wakers`] continues after a full batch.
///
/// A waiter that arrives behind the position meanwhile has read the word after
/// the event was put there, so that it needs no wake-up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WakePosition {
    next_extra: usize,
}

/// Whether there may be more wakers to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "after `Full`, wake the batch and continue"]
pub(crate) enum Taken {
    All,
    Full,
}

impl Entry {
    pub(crate) fn new(key: Key, interest: Interest, assumed: Ready) -> Entry {
        Entry {
            word: ReadinessWord::new(assumed),
            key,
            interest,
            waiters: Mutex::new(Waiters::default()),
        }
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn interest(&self) -> Interest {
        self.interest
    }

    pub(crate) fn state(&self) -> State {
        self.word.load()
    }

    pub(crate) fn clear(&self, seen: Readiness) -> Cleared {
        self.word.transition_to_cleared(seen)
    }

    pub(crate) fn refute(&self, seen: Readiness) -> Cleared {
        self.word.transition_to_refuted(seen)
    }

    /// Waits for one direction, in its slot.
    #[inline]
    pub(crate) fn poll_readiness(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Readiness>> {
        match self.word.load().answer(direction.mask()) {
            Some(answer) => Poll::Ready(answer),
            None => self.poll_in_slot(cx, direction),
        }
    }

    #[inline(never)]
    fn poll_in_slot(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Readiness>> {
        let waker = cx.waker().clone();
        let mut waiters = self.waiters.lock();
        if let Some(answer) = self.word.load().answer(direction.mask()) {
            drop(waiters);
            return Poll::Ready(answer);
        }
        let slot = match direction {
            Direction::Read => &mut waiters.read,
            Direction::Write => &mut waiters.write,
        };
        let replaced = slot.replace(waker);
        drop(waiters);
        drop(replaced);
        Poll::Pending
    }

    /// Waits for `interest` as an extra waiter, which is created on the first
    /// wait and left behind in `key` until [`remove_waiter`](Self::remove_waiter).
    pub(crate) fn poll_waiter(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        key: &mut Option<WaiterKey>,
    ) -> Poll<io::Result<Readiness>> {
        let mask = Ready::from_interest(interest);
        if let Some(answer) = self.word.load().answer(mask) {
            return Poll::Ready(answer);
        }
        let waker = cx.waker().clone();
        let mut waiters = self.waiters.lock();
        if let Some(answer) = self.word.load().answer(mask) {
            drop(waiters);
            return Poll::Ready(answer);
        }
        let replaced = match *key {
            None => {
                let waker = Some(waker);
                let index = waiters.extra.insert(Waiter { interest, waker });
                waiters.extra_end = waiters.extra_end.max(index + 1);
                *key = Some(WaiterKey(index));
                None
            }
            Some(WaiterKey(index)) => waiters.extra[index].waker.replace(waker),
        };
        drop(waiters);
        drop(replaced);
        Poll::Pending
    }

    /// Forgets an extra waiter.
    ///
    /// # Panics
    ///
    /// If `key` is not the key of a present waiter of this entry.
    pub(crate) fn remove_waiter(&self, WaiterKey(index): WaiterKey) {
        let mut waiters = self.waiters.lock();
        let removed = waiters.extra.remove(index);
        if waiters.extra.is_empty() {
            // Forgets the vacant slots, so that an event does not walk them.
            waiters.extra.clear();
            waiters.extra_end = 0;
        }
        drop(waiters);
        drop(removed);
    }

    /// Step D1: puts an event into the word. [`take_wakers`](Self::take_wakers)
    /// must follow.
    pub(crate) fn announce(&self, event: Ready) {
        self.word.transition_to_ready(event);
    }

    /// Step D2: moves the wakers that `event` satisfies into `batch`. The
    /// caller wakes them when it holds no lock.
    pub(crate) fn take_wakers(
        &self,
        event: Ready,
        position: &mut WakePosition,
        batch: &mut WakeBatch,
    ) -> Taken {
        let mut waiters = self.waiters.lock();
        let Waiters {
            read,
            write,
            extra,
            extra_end,
        } = &mut *waiters;
        if event.is_readable() && take(read, batch) == Taken::Full
            || event.is_writable() && take(write, batch) == Taken::Full
        {
            return Taken::Full;
        }
        while position.next_extra < *extra_end {
            if let Some(waiter) = extra.get_mut(position.next_extra)
                && event.satisfies(waiter.interest)
                && take(&mut waiter.waker, batch) == Taken::Full
            {
                return Taken::Full;
            }
            position.next_extra += 1;
        }
        Taken::All
    }

    /// Ends every wait, present and future, with an error.
    pub(crate) fn shut_down(&self, panics: &mut Panics) {
        self.word.transition_to_shutdown();
        let mut batch = WakeBatch::default();
        let mut position = WakePosition::default();
        loop {
            let taken = self.take_wakers(Ready::ALL, &mut position, &mut batch);
            batch.wake_all(panics);
            if taken == Taken::All {
                return;
            }
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("interest", &self.interest)
            .field("state", &self.word)
            .finish_non_exhaustive()
    }
}

fn take(slot: &mut Option<Waker>, batch: &mut WakeBatch) -> Taken {
    if slot.is_some() && batch.is_full() {
        return Taken::Full;
    }
    if let Some(waker) = slot.take() {
        batch.push(waker);
    }
    Taken::All
}

#[cfg(all(test, filch_loom))]
mod loom_waiting;
