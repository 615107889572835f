//! One shard: a wheel behind a lock, and the mirror of its earliest deadline.
//!
//! The invariants are those of the [parent module](super).

use super::{BATCH, BATCHES_PER_CALL, NEVER, ShutDown, Sleeper};
use crate::driver::clock::Clock;
use crate::prefetch::prefetch;
use crate::primitive::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use crate::primitive::{Arc, Mutex};
use crate::unwind::Panics;
use arrayvec::ArrayVec;
use filch_timer::{Key, Tick, Wheel, coalesce};
use std::cell::Cell;
use std::fmt;
use std::mem;
use std::task::{Poll, Waker};

/// A wheel of wakers, shared by those who sleep on it.
pub(crate) struct TimerShard {
    pub(super) locked: Mutex<Locked>,
    /// See invariant 2.
    earliest: AtomicU64,
    /// See invariant 3.
    fired_up_to: AtomicU64,
    clock: Arc<Clock>,
    sleeper: Arc<Sleeper>,
}

pub(super) struct Locked {
    pub(super) wheel: Wheel<Waker>,
    shut_down: bool,
}

/// A place in a shard's wheel, as whoever waits on it remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) key: Key,
    /// When it fires, as rounded.
    pub(super) deadline: Tick,
    waiter: Waiter,
}

/// Holds a place, field by field. In one piece it would be copied by wide loads, which wait
/// until the narrow stores have left the processor's buffer that have just written the
/// fields: five to ten nanoseconds each.
// In this order, in which no two are neighbours that are so in a place: those would be copied as one.
#[repr(C)]
pub(super) struct PlaceCell {
    deadline: Cell<Tick>,
    vtable: Cell<usize>,
    key: Cell<Option<Key>>,
    data: Cell<usize>,
}

impl PlaceCell {
    pub(super) const fn new() -> PlaceCell {
        PlaceCell {
            deadline: Cell::new(Tick::ZERO),
            vtable: Cell::new(0),
            key: Cell::new(None),
            data: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn set(&self, place: Place) {
        self.key.set(Some(place.key));
        self.data.set(place.waiter.data);
        self.deadline.set(place.deadline);
        self.vtable.set(place.waiter.vtable);
    }

    /// The place that was set last; panics if none was.
    #[inline]
    pub(super) fn get(&self) -> Place {
        let waiter = Waiter {
            data: self.data.get(),
            vtable: self.vtable.get(),
        };
        Place {
            key: self.key.get().expect("a place has been set"),
            deadline: self.deadline.get(),
            waiter,
        }
    }
}

/// Whom a waker wakes, for comparison with other wakers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiter {
    data: usize,
    vtable: usize,
}

impl Waiter {
    #[inline]
    fn of(waker: &Waker) -> Waiter {
        Waiter {
            data: waker.data().addr(),
            vtable: (&raw const *waker.vtable()).addr(),
        }
    }
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
            fired_up_to: AtomicU64::new(0),
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
            if !wakers.is_empty() {
                // The wheel's time may be ahead of the caller's.
                self.raise_fired_up_to(now.max(locked.wheel.elapsed()).as_nanos());
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
    ) -> Result<Place, ShutDown> {
        let deadline = self.round(now, deadline);
        let waiter = Waiter::of(&waker);
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
        Ok(Place {
            key,
            deadline,
            waiter,
        })
    }

    /// Whether the place has fired; if not, it will wake `waker` when it does.
    #[inline]
    pub(super) fn poll(&self, place: &mut Place, waker: &Waker) -> Result<Poll<()>, ShutDown> {
        if self.will_wake(place, waker) {
            return Ok(Poll::Pending);
        }
        self.poll_locked(place, waker)
    }

    fn poll_locked(&self, place: &mut Place, waker: &Waker) -> Result<Poll<()>, ShutDown> {
        let mut locked = self.locked.lock();
        match locked.wheel.get_mut(place.key) {
            None => return locked.fired(),
            Some(registered) if registered.will_wake(waker) => return Ok(Poll::Pending),
            Some(_) => drop(locked),
        }
        let mut other = waker.clone();
        let waiter = Waiter::of(&other);
        let mut locked = self.locked.lock();
        let poll = match locked.wheel.get_mut(place.key) {
            None => locked.fired(),
            Some(registered) => {
                mem::swap(registered, &mut other);
                place.waiter = waiter;
                Ok(Poll::Pending)
            }
        };
        drop(locked);
        drop(other);
        poll
    }

    /// Whether the place is known to wake `waker` at its deadline, after the poll that
    /// the caller is inside of. See *pending without the lock*.
    #[inline]
    fn will_wake(&self, place: &Place, waker: &Waker) -> bool {
        // ORDERING: What matters was written by a firing whose wake the caller's poll has
        // followed, which orders it before this. SeqCst, with `raise_fired_up_to`, for executors
        // that do not keep to that, see *pending without the lock*.
        place.waiter == Waiter::of(waker)
            && self.fired_up_to.load(SeqCst) < place.deadline.as_nanos()
    }

    /// Changes the deadline of a place; `false` if it has fired.
    pub(super) fn reset(&self, place: &mut Place, now: Tick, deadline: Tick) -> bool {
        self.reset_if(place, self.round(now, deadline), |_| true)
    }

    /// Gives a place where nobody waits any more to another timer of the same task;
    /// `false` if it has fired, or was to wake another task.
    #[inline]
    pub(super) fn pass_on(
        &self,
        place: &mut Place,
        now: Tick,
        deadline: Tick,
        waker: &Waker,
    ) -> bool {
        self.reset_if(place, self.round(now, deadline), |left| {
            left.will_wake(waker)
        })
    }

    #[inline]
    fn reset_if(
        &self,
        place: &mut Place,
        deadline: Tick,
        is_right: impl FnOnce(&Waker) -> bool,
    ) -> bool {
        let mut locked = self.locked.lock();
        let registered = locked.wheel.get_mut(place.key);
        let is_reset = registered.is_some_and(|waker| is_right(waker))
            && locked.wheel.reset_exact(place.key, deadline);
        let is_earlier = is_reset && self.lower_earliest(deadline);
        drop(locked);
        if is_reset {
            place.deadline = deadline;
        }
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

    /// Whether the place has not fired yet.
    pub(super) fn is_registered(&self, place: Place) -> bool {
        self.locked.lock().wheel.contains(place.key)
    }

    /// A time that has come: that up to which timers have fired, for all that is known here. The
    /// beginning of time once the shard has shut down.
    #[inline]
    pub(super) fn fired_up_to(&self) -> Tick {
        // ORDERING: Relaxed: whatever is read has come, and nothing is read on account of it.
        match self.fired_up_to.load(Relaxed) {
            NEVER => Tick::from_nanos(0),
            nanos => Tick::from_nanos(nanos),
        }
    }

    #[inline]
    pub(crate) fn earliest(&self) -> Tick {
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

    /// Raises *fired up to*; under the lock.
    #[inline]
    fn raise_fired_up_to(&self, nanos: u64) {
        // ORDERING: Relaxed: the lock orders the writers. SeqCst, with `will_wake`; waking what
        // was taken out orders it before the polls that follow as well.
        let raised = self.fired_up_to.load(Relaxed).max(nanos);
        self.fired_up_to.store(raised, SeqCst);
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
        self.raise_fired_up_to(NEVER);
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
