//! One shard: a wheel behind a lock, and the mirror of its earliest deadline.
//!
//! The invariants are those of the [parent module](super).

use super::{BATCH, BATCHES_PER_CALL, NEVER, ShutDown, Sleeper};
use crate::driver::clock::Clock;
use crate::prefetch::prefetch;
use crate::primitive::atomic::{AtomicU64, Ordering::Relaxed};
use crate::primitive::{Arc, Mutex};
use crate::unwind::Panics;
use arrayvec::ArrayVec;
use filch_timer::{Key, Tick, Wheel, coalesce};
use std::fmt;
use std::mem;
use std::task::{Poll, Waker};

/// A wheel of wakers, shared by those who sleep on it.
pub(crate) struct TimerShard {
    pub(super) locked: Mutex<Locked>,
    /// See invariant 2.
    earliest: AtomicU64,
    clock: Arc<Clock>,
    sleeper: Arc<Sleeper>,
}

pub(super) struct Locked {
    pub(super) wheel: Wheel<Waker>,
    shut_down: bool,
}

impl TimerShard {
    pub(super) fn new(clock: Arc<Clock>, sleeper: Arc<Sleeper>) -> TimerShard {
        let locked = Mutex::new(Locked {
            wheel: Wheel::new(),
            shut_down: false,
        });
        TimerShard {
            locked,
            earliest: AtomicU64::new(NEVER),
            clock,
            sleeper,
        }
    }

    /// The clock that the deadlines refer to.
    #[inline]
    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Fires what is due at `now`, up to the bound on one call; returns how many
    /// timers that were.
    pub(crate) fn fire_due(&self, now: Tick) -> usize {
        let mut wakers = ArrayVec::<Waker, BATCH>::new();
        let mut fired = 0;
        for _ in 0..BATCHES_PER_CALL {
            let Some(mut locked) = self.locked.try_lock() else {
                break;
            };
            while !wakers.is_full() {
                let Some(waker) = locked.wheel.expire(now) else {
                    self.publish_earliest(locked.wheel.next_deadline());
                    break;
                };
                // The tasks are fetched side by side, not one after the other when
                // they are woken.
                prefetch(waker.data());
                wakers.push(waker);
            }
            drop(locked);
            let due = wakers.len();
            wake_all(wakers.drain(..));
            fired += due;
            if due < BATCH {
                break;
            }
        }
        fired
    }

    /// Where to keep a deadline, given by a caller to whom it is `now`.
    #[inline]
    fn round(&self, now: Tick, deadline: Tick) -> Tick {
        if self.clock.is_paused() {
            deadline
        } else {
            coalesce(now, deadline)
        }
    }

    /// Registers a timer that wakes `waker`.
    pub(super) fn register(
        &self,
        now: Tick,
        deadline: Tick,
        waker: Waker,
    ) -> Result<Key, ShutDown> {
        let deadline = self.round(now, deadline);
        let mut locked = self.locked.lock();
        if locked.shut_down {
            drop(locked);
            drop(waker);
            return Err(ShutDown);
        }
        let key = locked.wheel.insert_exact(now, deadline, waker);
        let is_earlier = self.lower_earliest(deadline);
        drop(locked);
        if is_earlier {
            self.sleeper.notice(deadline);
        }
        Ok(key)
    }

    /// Whether the timer has fired; if not, it will wake `waker` when it does.
    pub(super) fn poll(&self, key: Key, waker: &Waker) -> Result<Poll<()>, ShutDown> {
        let mut locked = self.locked.lock();
        match locked.wheel.get_mut(key) {
            None => return locked.fired(),
            Some(registered) if registered.will_wake(waker) => return Ok(Poll::Pending),
            Some(_) => drop(locked),
        }
        let mut other = waker.clone();
        let mut locked = self.locked.lock();
        let poll = match locked.wheel.get_mut(key) {
            None => locked.fired(),
            Some(registered) => {
                mem::swap(registered, &mut other);
                Ok(Poll::Pending)
            }
        };
        drop(locked);
        drop(other);
        poll
    }

    /// Changes the deadline of a timer; `false` if it has fired.
    pub(super) fn reset(&self, key: Key, now: Tick, deadline: Tick) -> bool {
        self.reset_if(key, now, deadline, |_| true)
    }

    /// Gives the place of a timer that nobody waits for any more to another one;
    /// `false` if that one has fired, or was to wake another task.
    #[inline]
    pub(super) fn pass_on(&self, key: Key, now: Tick, deadline: Tick, waker: &Waker) -> bool {
        self.reset_if(key, now, deadline, |left| left.will_wake(waker))
    }

    #[inline]
    fn reset_if(
        &self,
        key: Key,
        now: Tick,
        deadline: Tick,
        is_right: impl FnOnce(&Waker) -> bool,
    ) -> bool {
        let deadline = self.round(now, deadline);
        let mut locked = self.locked.lock();
        let registered = locked.wheel.get_mut(key);
        let is_reset = registered.is_some_and(|waker| is_right(waker))
            && locked.wheel.reset_exact(key, deadline);
        let is_earlier = is_reset && self.lower_earliest(deadline);
        drop(locked);
        if is_earlier {
            self.sleeper.notice(deadline);
        }
        is_reset
    }

    /// Takes a timer's waker back; `None` if it has fired.
    #[inline]
    pub(super) fn cancel(&self, key: Key) -> Option<Waker> {
        self.locked.lock().wheel.cancel(key)
    }

    /// Whether the timer has not fired yet.
    pub(super) fn is_registered(&self, key: Key) -> bool {
        self.locked.lock().wheel.contains(key)
    }

    #[inline]
    pub(super) fn earliest(&self) -> Tick {
        // ORDERING: Relaxed: nothing is read on account of it but under the lock.
        // Where a stale value would matter, `prepare_sleep` has its fence.
        Tick::from_nanos(self.earliest.load(Relaxed))
    }

    /// Replaces *earliest*; under the lock.
    fn publish_earliest(&self, deadline: Option<Tick>) {
        // ORDERING: Relaxed: a later value than before, and the lock orders the
        // writers. Who reads the former one looks at the wheel once too often.
        self.earliest
            .store(deadline.map_or(NEVER, Tick::as_nanos), Relaxed);
    }

    /// Lowers *earliest* to `deadline` if that is earlier, which the caller then
    /// has the sleeper [`notice`](Sleeper::notice); under the lock.
    #[must_use = "the sleeper has to notice an earlier deadline"]
    #[inline]
    fn lower_earliest(&self, deadline: Tick) -> bool {
        let is_earlier = deadline < self.earliest();
        if is_earlier {
            // ORDERING: Relaxed: the fence of `Sleeper::notice` orders it before
            // the read of the horizon.
            self.earliest.store(deadline.as_nanos(), Relaxed);
        }
        is_earlier
    }

    /// Makes *earliest* exact.
    pub(super) fn look_up_earliest(&self) {
        let mut locked = self.locked.lock();
        let earliest = locked.wheel.exact_next_deadline();
        self.publish_earliest(earliest);
    }

    pub(super) fn shutdown(&self) {
        let mut locked = self.locked.lock();
        locked.shut_down = true;
        let wakers: Vec<Waker> = locked.wheel.drain().collect();
        self.publish_earliest(None);
        drop(locked);
        wake_all(wakers.into_iter());
    }
}

/// Wakes all of them, without a lock. If one panics, that goes on when the others
/// have been woken.
#[inline]
fn wake_all(mut wakers: impl Iterator<Item = Waker>) {
    let mut panics = Panics::default();
    while panics
        .put_off(|| wakers.by_ref().for_each(Waker::wake))
        .is_none()
    {}
    panics.resume();
}

impl Locked {
    /// What a stale key means.
    fn fired(&self) -> Result<Poll<()>, ShutDown> {
        if self.shut_down {
            Err(ShutDown)
        } else {
            Ok(Poll::Ready(()))
        }
    }
}

impl fmt::Debug for TimerShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerShard")
            .field("earliest", &self.earliest())
            .finish_non_exhaustive()
    }
}
