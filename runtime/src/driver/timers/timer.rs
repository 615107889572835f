//! One timer, from the side of whoever waits for it.

use super::shard::Place;
use super::{ShutDown, TimerShard, succession};
use crate::primitive::Arc;
use filch_timer::Tick;
use std::fmt;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A place in a shard's wheel for one deadline at a time, given up on drop.
///
/// The deadline is the caller's to keep: it is needed only to register, which
/// the first poll does. A timer that is dropped before costs no lock.
pub(crate) struct Timer {
    /// Taken by the drop alone.
    shard: Option<Arc<TimerShard>>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not polled yet. Made that long before its deadline, if that is known.
    Fresh(Option<Duration>),
    /// Not polled since it was given another deadline.
    Rearmed,
    /// In the wheel, or fired and not looked at since.
    Registered {
        place: Place,
        /// How often a poll was answered without a look at the clock since the last one.
        unseen: u32,
    },
    /// Known to have fired.
    Fired,
}

/// So often a pending timer is polled without a look at the clock. A task may poll it for ever
/// without an end of its own poll: between others that are always ready, while nobody else
/// is there to fire it.
const POLLS_UNSEEN: u32 = 64;

const NOT_DROPPED: &str = "the timer is not dropped yet";

impl Timer {
    /// A timer on `shard`, for a deadline that lies so far ahead, if the caller
    /// has looked at the clock.
    #[inline]
    pub(crate) fn new(shard: &Arc<TimerShard>, ahead: Option<Duration>) -> Timer {
        Self::on(Self::reference(shard), ahead)
    }

    /// As [`new`](Self::new), with a [`reference`](Self::reference) of the shard.
    #[inline]
    pub(crate) fn on(shard: Arc<TimerShard>, ahead: Option<Duration>) -> Timer {
        Timer {
            shard: Some(shard),
            state: State::Fresh(ahead),
        }
    }

    /// A reference of the shard for a timer, which costs less than another.
    #[inline]
    pub(crate) fn reference(shard: &Arc<TimerShard>) -> Arc<TimerShard> {
        succession::reference(shard)
    }

    #[inline]
    pub(crate) fn shard(&self) -> &Arc<TimerShard> {
        self.shard.as_ref().expect(NOT_DROPPED)
    }

    /// Whether the timer has fired; if not, it will wake `waker`, and only that,
    /// when `deadline` has passed.
    pub(crate) fn poll(&mut self, deadline: Tick, waker: &Waker) -> Result<Poll<()>, ShutDown> {
        let now = match &mut self.state {
            State::Fired => return Ok(Poll::Ready(())),
            State::Registered { place, unseen } => {
                let shard = self.shard.as_ref().expect(NOT_DROPPED);
                if shard.poll(place, waker)?.is_pending() {
                    *unseen += 1;
                    if *unseen < POLLS_UNSEEN {
                        return Ok(Poll::Pending);
                    }
                    *unseen = 0;
                    if shard.clock().now() < deadline {
                        return Ok(Poll::Pending);
                    }
                    drop(shard.cancel(place.key));
                }
                self.state = State::Fired;
                return Ok(Poll::Ready(()));
            }
            // A future is seldom made much earlier than it is polled, so the
            // clock is not read a second time. If this one was, and no timer has fired since its
            // deadline, the wheel finds it overdue and fires it at the next occasion.
            State::Fresh(Some(ahead)) => {
                let made = deadline.saturating_sub(*ahead);
                let shard = self.shard();
                shard.clock().now_or(made.max(shard.fired_up_to()))
            }
            State::Fresh(None) | State::Rearmed => self.shard().clock().now(),
        };
        if deadline <= now {
            self.state = State::Fired;
            return Ok(Poll::Ready(()));
        }
        let place = self.register(now, deadline, waker)?;
        self.state = State::Registered { place, unseen: 0 };
        Ok(Poll::Pending)
    }

    /// Takes the place that another timer has left, or a new one.
    #[inline]
    fn register(&self, now: Tick, deadline: Tick, waker: &Waker) -> Result<Place, ShutDown> {
        let shard = self.shard();
        if let Some(mut left) = succession::succeed(shard) {
            if shard.pass_on(&mut left, now, deadline, waker) {
                return Ok(left);
            }
            drop(shard.cancel(left.key));
        }
        shard.register(now, deadline, waker.clone())
    }

    /// Gives the timer another deadline. Whoever waits for it is woken at the new
    /// one, at once if that has passed.
    pub(crate) fn reset(&mut self, deadline: Tick) {
        let now = self.shard().clock().now();
        if deadline <= now {
            let waker = self.cancel();
            self.state = State::Fired;
            if let Some(waker) = waker {
                waker.wake();
            }
            return;
        }
        if !self.move_place(now, deadline) {
            self.state = State::Rearmed;
        }
    }

    /// Moves the place to another deadline; `false` if there is none, or it has fired.
    pub(super) fn move_place(&mut self, now: Tick, deadline: Tick) -> bool {
        let shard = self.shard.as_ref().expect(NOT_DROPPED);
        match &mut self.state {
            State::Registered { place, .. } => shard.reset(place, now, deadline),
            State::Fresh(_) | State::Rearmed | State::Fired => false,
        }
    }

    /// Forgets whoever waits, and waits to be polled with another deadline.
    pub(crate) fn disarm(&mut self) {
        drop(self.cancel());
        self.state = State::Rearmed;
    }

    /// Whether `deadline` was seen to pass. A timer that was never polled nor
    /// reset has not looked.
    pub(crate) fn has_elapsed(&self, deadline: Tick) -> bool {
        match self.state {
            State::Fresh(_) => false,
            State::Rearmed => deadline <= self.shard().clock().now(),
            State::Registered { place, .. } => !self.shard().is_registered(place),
            State::Fired => true,
        }
    }

    fn cancel(&mut self) -> Option<Waker> {
        match self.state {
            State::Registered { place, .. } => self.shard().cancel(place.key),
            State::Fresh(_) | State::Rearmed | State::Fired => None,
        }
    }
}

impl Drop for Timer {
    #[inline]
    fn drop(&mut self) {
        if let Some(shard) = self.shard.take() {
            match self.state {
                State::Registered { place, .. } => succession::leave(shard, place),
                State::Fresh(_) | State::Rearmed | State::Fired => succession::give_back(shard),
            }
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
