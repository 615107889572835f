//! The deadlines of a runtime: sharded wheels, and waking whoever sleeps.
//!
//! # Vocabulary
//! - A *shard* is a wheel behind a lock. Each worker has one, for the sleeps made
//!   on it, and all other threads share another; so a lock is rarely contended.
//! - A shard's *earliest* is a mirror, readable without the lock, of the earliest
//!   deadline in its wheel or an earlier one that was cancelled.
//! - The *sleeper* is whoever is parked in the driver, at most one thread; its
//!   *horizon* is the time until which it will sleep at most.
//! - *Firing* takes due wakers out of a wheel and wakes them after unlocking.
//!   Any thread may fire any shard.
//! - A shard has *fired up to* the latest time for which it was fired, readable without
//!   the lock; shut down, to the end of time.
//! - A *place* is an entry of a wheel as the timer that waits there remembers it: its key,
//!   its deadline and whom its waker wakes.
//!
//! # Invariants
//! 1. A wheel holds exactly the timers that are registered and have not fired, and
//!    for each thread one at most that was dropped in the poll it is inside of
//!    (`succession`). So a stale key *is* the mark of a fired timer, checked under
//!    the lock.
//! 2. *Earliest* is written under the shard's lock, and is no later than any
//!    deadline in the wheel. Registering lowers it; only firing raises it again,
//!    cancelling never does. That keeps cancelling cheap, and means that the
//!    sleeper, once told of a deadline, keeps it as its horizon even if it is
//!    cancelled: a timeout made and cancelled in a loop unparks the sleeper
//!    once, not each time, and costs one needless wake-up when it would have
//!    fired.
//! 3. What is taken out of a wheel to be woken has a deadline no later than what the shard
//!    has *fired up to*, which is raised under that lock, before the wakers are woken. By
//!    the wheel's time: a caller's clock may lag behind it.
//! 4. No waker is cloned, woken or dropped under a lock.
//! 5. A waker that panics when it is woken costs no other its wake-up: those
//!    that were taken out with it are woken before the panic goes on, and what
//!    is still in a wheel counts as due.
//!
//! # No deadline is overslept
//! The sleeper S and a thread R that registers a deadline `d` take these steps:
//!
//! ```text
//! S1  horizon = forever                  R1  under the lock: insert d, and
//! S2  fence                                  if d < earliest: earliest = d
//! S3  e = least earliest of all shards   R2  fence             (only if it was)
//! S4  horizon = e                        R3  if d < horizon: unpark S
//! S5  sleep until e, or an unpark
//! ```
//!
//! If R2 comes first in the order of the two fences, S3 reads `d` or what replaced
//! it: an earlier deadline or, if a firing raised *earliest*, one from a later look
//! at the wheel; either is no later than `d`, unless `d` itself was fired or
//! cancelled. If S2 comes first, R3 reads *forever* or a later value: either it
//! unparks S, or the horizon is no later than `d`. An unpark is remembered, so
//! it may come before S5. Where R1 leaves *earliest* alone, it is no later than
//! `d`, and the thread that wrote it takes R2 and R3 for it. Awake, the horizon
//! is zero and nobody unparks: whoever is awake passes S1 to S4 before it sleeps.
//!
//! # Pending without the lock
//! A timer in a place P is polled with the waker that P wakes. If the shard has not fired
//! up to P's deadline, as far as the polling thread sees, the timer is pending, and
//! neither the lock nor the wheel is needed:
//!
//! ```text
//! F1  under the lock: take P's waker out,     Q1  the poll begins
//!     raise fired up to                       Q2  fired up to < P's deadline: pending
//! F2  wake it                                 Q3  the poll ends
//! ```
//!
//! Only the timer's owner, who is polling, takes P back or moves it; others only fire it, F.
//! What F2 wakes is polled from then on, and that poll sees what was written before F2. This is
//! what every waker owes to those who use it; a wake of our tasks is a read-modify-write of
//! the state word even if it changes nothing, and so it is with the other wakers here. So if
//! F2 comes before Q1, Q2 sees F1 and asks the wheel. If it comes later, another poll follows.
//!
//! Some executors owe less: futures' thread pool begins a poll by a plain store to its flag, and
//! a wake that finds the flag set changes nothing. As all accesses there are SeqCst, F1 and Q2
//! are too: if Q2 missed F1, and the wake the store, the four would follow one another in a
//! circle.
//!
//! # With a paused clock
//! Nobody sleeps for a deadline; the driver moves the clock to the earliest one
//! instead. A cancelled deadline would then be visible as a jump of time, so
//! [`Timers::earliest`] asks the wheels; and deadlines are kept to the nanosecond,
//! whereas with a running clock they are rounded as
//! [`coalesce`](filch_timer::coalesce) says.
//!
//! # Rejected
//! One wheel for all threads makes every sleep of a busy server contend for one
//! cache line. Wheels without locks, owned by their workers, need a message for
//! each cancel from elsewhere, and are not served while their owner is in a long
//! poll. If cancelling raised *earliest*, each timeout in a loop would be news to
//! the sleeper.

use super::clock::Clock;
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst, fence};
use crate::unwind::Panics;
use filch_timer::Tick;
use std::fmt;

mod shard;
mod succession;
mod timer;

pub(crate) use self::shard::TimerShard;
pub(crate) use self::succession::leave_runtime;
pub(crate) use self::timer::Timer;

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

/// Wakers that are taken out of a wheel under one lock: enough that locking
/// is a small part of firing, few enough for the stack and for others' patience.
const BATCH: usize = if cfg!(filch_loom) { 2 } else { 32 };

/// Batches that one call fires of one shard, so that a flood of due timers
/// cannot keep a worker from its tasks and sockets.
const BATCHES_PER_CALL: usize = 32;

/// *Earliest* of a shard without deadlines, and the horizon of a sleeper
/// without one.
const NEVER: u64 = u64::MAX;

/// The horizon of a sleeper that is awake: no deadline is earlier.
const AWAKE: u64 = 0;

/// The runtime that a timer belongs to is shutting down, or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShutDown;

/// All timers of a runtime.
pub(crate) struct Timers {
    shards: Box<[Arc<TimerShard>]>,
    sleeper: Arc<Sleeper>,
    clock: Arc<Clock>,
}

impl Timers {
    /// `unpark` makes the sleeper's wait return, or its next one if it does not
    /// wait yet.
    pub(crate) fn new(
        shards: usize,
        clock: Arc<Clock>,
        unpark: Box<dyn Fn() + Send + Sync>,
    ) -> Timers {
        let sleeper = Arc::new(Sleeper {
            horizon: AtomicU64::new(AWAKE),
            unpark,
        });
        let shard = || TimerShard::new(Arc::clone(&clock), Arc::clone(&sleeper));
        let shards = (0..shards).map(|_| Arc::new(shard())).collect();
        Timers {
            shards,
            sleeper,
            clock,
        }
    }

    /// The shard with that number.
    ///
    /// # Panics
    /// If there are not that many.
    pub(crate) fn shard(&self, shard: usize) -> &Arc<TimerShard> {
        &self.shards[shard]
    }

    /// No timer is due before this tick; `None` if there are no timers.
    ///
    /// With a paused clock it is the earliest deadline exactly.
    pub(crate) fn earliest(&self) -> Option<Tick> {
        if self.clock.is_paused() {
            self.shards
                .iter()
                .for_each(|shard| shard.look_up_earliest());
        }
        let earliest = self.shards.iter().map(|shard| shard.earliest()).min();
        earliest.filter(|earliest| *earliest != Tick::from_nanos(NEVER))
    }

    /// Announces that the calling thread is about to sleep in the driver, and
    /// returns how long it may at most. Whoever registers an earlier deadline
    /// from now on unparks it.
    #[must_use = "the sleep has to end at that deadline"]
    pub(crate) fn prepare_sleep(&self) -> Option<Tick> {
        // ORDERING: Relaxed: the fence orders it before the reads of `earliest`;
        // pairs with the fence of `Sleeper::notice`. These are S1 to S4 above.
        self.sleeper.horizon.store(NEVER, Relaxed);
        fence(SeqCst);
        let earliest = self.earliest();
        let horizon = earliest.map_or(NEVER, |tick| tick.as_nanos().max(AWAKE + 1));
        // ORDERING: Relaxed: nothing is published by it. Who still reads the
        // former value unparks needlessly.
        self.sleeper.horizon.store(horizon, Relaxed);
        earliest
    }

    /// Ends what [`prepare_sleep`](Self::prepare_sleep) began.
    pub(crate) fn finish_sleep(&self) {
        // ORDERING: Relaxed: who still reads the former value unparks needlessly.
        self.sleeper.horizon.store(AWAKE, Relaxed);
    }

    /// Wakes what is due at `now`, and returns how many timers that were.
    ///
    /// If a waker panics, the panic goes on once those beside it were woken; what
    /// is left is due still, for the next call.
    ///
    /// A shard that another thread has locked is left out, and the work on one
    /// is bounded. What is due and was not fired still counts as the earliest
    /// deadline, so that the caller comes back for it.
    pub(crate) fn fire_due(&self, now: Tick) -> usize {
        let due = self.shards.iter().filter(|shard| shard.earliest() <= now);
        due.map(|shard| shard.fire_due(now)).sum()
    }

    /// The number of registered timers.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.locked.lock().wheel.len())
            .sum()
    }

    /// Wakes all timers for the last time. From now on registering one, or
    /// polling one that was registered, is answered with [`ShutDown`].
    ///
    /// A panic of a waker goes on when all have been woken.
    pub(crate) fn shutdown(&self) {
        let mut panics = Panics::default();
        for shard in &self.shards {
            panics.put_off(|| shard.shutdown());
        }
        panics.resume();
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shards.iter()).finish()
    }
}

/// Whoever is parked in the driver, seen from those who register timers.
struct Sleeper {
    /// Until when it sleeps at most, in ticks: [`AWAKE`] or [`NEVER`] if so.
    horizon: AtomicU64,
    unpark: Box<dyn Fn() + Send + Sync>,
}

impl Sleeper {
    /// Sees to it that a deadline just published is not overslept.
    fn notice(&self, deadline: Tick) {
        // ORDERING: SeqCst: the write of `earliest` must come before the read of
        // the horizon; pairs with the fence of `Timers::prepare_sleep`.
        fence(SeqCst);
        // ORDERING: Relaxed: nothing is read on account of it.
        if deadline.as_nanos() < self.horizon.load(Relaxed) {
            (self.unpark)();
        }
    }
}
