//! Intervals.

use super::delay::{Delay, representable};
use super::{Duration, Instant};
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

/// How late a tick may be observed without counting as missed, unless the period is shorter. A
/// task that is merely busy for a moment does not make an interval change its rhythm.
const TOLERANCE: Duration = Duration::from_millis(5);

/// Ticks every `period`, for the first time at once.
///
/// Other than with a [`sleep`](fn@super::sleep) in a loop, the time that the loop's
/// body takes does not add to the period. If it takes longer than that, ticks are
/// missed, and [`MissedTickBehavior`] says what happens then.
///
/// A `period` of more than 30 years counts as 30 years.
///
/// # Panics
/// If `period` is zero; outside of a runtime, and in one whose timers are off.
///
/// # Examples
///
/// ```
/// use filch::time::{Duration, Instant, interval, sleep};
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let start = Instant::now();
/// let mut interval = interval(Duration::from_secs(2));
/// for _ in 0..5 {
///     interval.tick().await;
///     sleep(Duration::from_secs(1)).await; // Or work that takes a second.
/// }
/// assert_eq!(start.elapsed(), Duration::from_secs(9));
/// # }
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`, for the first time at `start`.
///
/// # Panics
/// If `period` is zero; outside of a runtime, and in one whose timers are off.
///
/// # Examples
///
/// ```
/// use filch::time::{Duration, Instant, interval_at};
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let start = Instant::now() + Duration::from_millis(50);
/// let mut interval = interval_at(start, Duration::from_millis(10));
/// assert_eq!(interval.tick().await, start);
/// assert_eq!(interval.tick().await, start + Duration::from_millis(10));
/// # }
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "`period` must be non-zero.");
    Interval {
        delay: Delay::until(start),
        period: representable(period),
        missed_tick_behavior: MissedTickBehavior::default(),
    }
}

/// What an [`Interval`] does after it missed a tick.
///
/// A tick is missed if it is observed more than 5 ms after its time, or more than a period if
/// that is shorter, be it that the task was busy or that the process was stopped. With a period of 50 ms, and
/// a delay of 115 ms in the middle, the ticks are observed as follows:
///
/// ```text
/// time     0    50   100  150  200  250  300  350
/// Burst    |----|----------|||-|----|----|----|     back in the old rhythm at once
/// Delay    |----|----------|----|----|----|----     a new rhythm from the late tick
/// Skip     |----|----------|-|--|----|----|----     missed ticks are left out
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Ticks without a pause until the missed ticks are made up for. Their number
    /// and times are as if none had been missed.
    ///
    /// Right if every tick counts, as when something is done so many times a day.
    ///
    /// ```
    /// use filch::time::{Duration, Instant, advance, interval};
    ///
    /// # #[filch::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let start = Instant::now();
    /// let mut interval = interval(Duration::from_millis(50));
    /// interval.tick().await;
    /// advance(Duration::from_millis(170)).await;
    /// for _ in 0..3 {
    ///     interval.tick().await; // Those of 50, 100 and 150 ms.
    /// }
    /// assert_eq!(start.elapsed(), Duration::from_millis(170));
    /// interval.tick().await;
    /// assert_eq!(start.elapsed(), Duration::from_millis(200));
    /// # }
    /// ```
    #[default]
    Burst,

    /// Ticks a whole period after the late tick was observed, and goes on from
    /// there.
    ///
    /// Right if two ticks should never be closer than a period.
    ///
    /// ```
    /// use filch::time::{Duration, Instant, MissedTickBehavior, advance, interval};
    ///
    /// # #[filch::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let start = Instant::now();
    /// let mut interval = interval(Duration::from_millis(50));
    /// interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    /// interval.tick().await;
    /// advance(Duration::from_millis(170)).await;
    /// interval.tick().await;
    /// interval.tick().await;
    /// assert_eq!(start.elapsed(), Duration::from_millis(220));
    /// # }
    /// ```
    Delay,

    /// Ticks at the next multiple of the period, leaving out those that were
    /// missed.
    ///
    /// Right if only the present counts, as when something is drawn or sampled.
    ///
    /// ```
    /// use filch::time::{Duration, Instant, MissedTickBehavior, advance, interval};
    ///
    /// # #[filch::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let start = Instant::now();
    /// let mut interval = interval(Duration::from_millis(50));
    /// interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    /// interval.tick().await;
    /// advance(Duration::from_millis(170)).await;
    /// interval.tick().await;
    /// interval.tick().await;
    /// assert_eq!(start.elapsed(), Duration::from_millis(200));
    /// # }
    /// ```
    Skip,
}

impl MissedTickBehavior {
    /// When to tick after the tick of `scheduled` was observed at `now`.
    fn next_tick(self, scheduled: Instant, now: Instant, period: Duration) -> Instant {
        if now <= scheduled + TOLERANCE.min(period) {
            return scheduled + period;
        }
        match self {
            MissedTickBehavior::Burst => scheduled + period,
            MissedTickBehavior::Delay => now + period,
            MissedTickBehavior::Skip => {
                let into_period = (now - scheduled).as_nanos() % period.as_nanos();
                let into_period = u64::try_from(into_period).expect("a period is at most 30 years");
                now + (period - Duration::from_nanos(into_period))
            }
        }
    }
}

/// The sequence of ticks that [`interval`] and [`interval_at`] return.
#[derive(Debug)]
pub struct Interval {
    delay: Delay,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and returns the instant that it was due.
    ///
    /// # Panics
    /// When it is polled while the runtime that the interval was made in shuts down, or later.
    ///
    /// # Cancel safety
    /// Cancel safe: a tick is consumed only if it is returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::time::{Duration, interval};
    ///
    /// # #[filch::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let mut interval = interval(Duration::from_millis(10));
    /// let first = interval.tick().await; // At once.
    /// assert_eq!(interval.tick().await - first, Duration::from_millis(10));
    /// # }
    /// ```
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick, as [`tick`](Self::tick) does.
    ///
    /// If it is pending, the task is woken at the tick; of several tasks, the one
    /// that polled last.
    ///
    /// # Panics
    /// As [`tick`](Self::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.poll_elapsed(cx));
        let scheduled = self.delay.deadline();
        let now = self.delay.now();
        self.delay.rearm(
            self.missed_tick_behavior
                .next_tick(scheduled, now, self.period),
        );
        Poll::Ready(scheduled)
    }

    /// Ticks a period from now, whatever was due before, and every period from
    /// then on.
    pub fn reset(&mut self) {
        self.delay.reset(self.delay.now() + self.period);
    }

    /// Ticks now, and every period from then on.
    pub fn reset_immediately(&mut self) {
        self.delay.reset(self.delay.now());
    }

    /// Ticks when `after` has passed from now, and every period from then on.
    ///
    /// ```
    /// use filch::time::{Duration, Instant, interval};
    ///
    /// # #[filch::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let start = Instant::now();
    /// let mut interval = interval(Duration::from_millis(100));
    /// interval.tick().await;
    /// interval.reset_after(Duration::from_millis(20));
    /// interval.tick().await;
    /// interval.tick().await;
    /// assert_eq!(start.elapsed(), Duration::from_millis(120));
    /// # }
    /// ```
    pub fn reset_after(&mut self, after: Duration) {
        self.delay.reset(self.delay.now() + representable(after));
    }

    /// Ticks at `deadline`, and every period from then on.
    ///
    /// A deadline that has passed is a tick that was missed, and treated as
    /// [`MissedTickBehavior`] says.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.reset(deadline);
    }

    /// What happens after a missed tick.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Changes what happens after a missed tick.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

#[cfg(test)]
mod tests;
