//! What sleeps, timeouts and intervals have in common: a deadline and its timer.

use super::{Duration, Instant};
use crate::coop;
use crate::driver::timers::{ShutDown, Timer, TimerShard};
use crate::primitive::Arc;
use crate::runtime::context;
use filch_timer::Tick;
use std::task::{Context, Poll, ready};

/// The longest time that is taken literally, 30 years: further from now, not
/// every platform has an instant.
const LONGEST: Duration = Duration::from_secs(86_400 * 365 * 30);

/// The latest deadline that the timers know, in 584 years: the tick behind it means that there
/// is none.
const LATEST: Tick = Tick::from_nanos(u64::MAX - 1);

/// `duration`, or what every platform can add to the current instant.
pub(super) fn representable(duration: Duration) -> Duration {
    duration.min(LONGEST)
}

/// Waits for a deadline. It does not mind being moved, whereas the public
/// futures made of it are `!Unpin` as their users expect.
#[derive(Debug)]
pub(super) struct Delay {
    deadline: Instant,
    timer: Timer,
}

impl Delay {
    /// Waits until `deadline`.
    #[track_caller]
    pub(super) fn until(deadline: Instant) -> Delay {
        Delay {
            deadline,
            timer: context::with_timers(|shard| Timer::new(shard, None)),
        }
    }

    /// Waits for `duration` from now; `None` if no instant lies that far ahead, which needs
    /// no timer, and so no runtime.
    // Inlined but for what takes code: a delay is made in its place. Returned as a whole it would be
    // copied twice, by loads that wait for smaller stores.
    #[inline]
    #[track_caller]
    pub(super) fn after(duration: Duration) -> Option<Delay> {
        let (deadline, shard) = deadline_after(duration)?;
        Some(Delay {
            deadline,
            timer: Timer::on(shard, Some(duration)),
        })
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The current instant, by the clock that the deadline refers to.
    pub(super) fn now(&self) -> Instant {
        Instant::from_std(self.timer.shard().clock().instant())
    }

    /// Whether the deadline was seen to pass.
    pub(super) fn has_elapsed(&self) -> bool {
        self.timer.has_elapsed(self.tick())
    }

    /// Waits until `deadline` instead, and goes on to wake whoever polled.
    pub(super) fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.timer.reset(self.tick());
    }

    /// Waits until `deadline` instead, from the next poll on.
    pub(super) fn rearm(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.timer.disarm();
    }

    /// Whether the deadline has passed; if not, wakes the task when it does.
    #[inline]
    pub(super) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let deadline = self.tick();
        match self.timer.poll(deadline, cx.waker()) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                coop.made_progress();
                Poll::Ready(())
            }
            Err(ShutDown) => shut_down(),
        }
    }

    fn tick(&self) -> Tick {
        let tick = self.timer.shard().clock().tick_at(self.deadline.into_std());
        tick.min(LATEST)
    }
}

/// The instant so far ahead, and a reference of the shard for a timer; `None` as
/// [`Delay::after`] says.
#[track_caller]
fn deadline_after(duration: Duration) -> Option<(Instant, Arc<TimerShard>)> {
    if duration == Duration::MAX {
        return None;
    }
    context::with_timers(|shard| {
        let deadline = shard.clock().instant().checked_add(duration)?;
        Some((Instant::from_std(deadline), Timer::reference(shard)))
    })
}

#[cold]
fn shut_down() -> ! {
    panic!(
        "a timer was polled whose filch runtime is being shut down: it would never fire. \
         Let what waits for it end before the runtime does"
    );
}
