//! The instant of a clock that may be paused.

use super::Duration;
use crate::driver::clock;
use crate::runtime::context;
use std::fmt;
use std::ops;
use std::time;

/// A point in time, as the runtime's clock counts it.
///
/// It is [`std::time::Instant`] in all but one respect: within a runtime whose
/// clock was paused, [`Instant::now`] is what that clock reads. The two convert
/// into each other with [`from_std`](Self::from_std), [`into_std`](Self::into_std)
/// and `From`. Other than in `std`, subtracting a later instant from an earlier
/// one yields zero, in every release.
///
/// ```
/// use filch::time::{Duration, Instant, sleep};
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let start = Instant::now();
/// sleep(Duration::from_millis(5)).await;
/// assert!(start.elapsed() >= Duration::from_millis(5));
/// assert_eq!(start - Instant::now(), Duration::ZERO);
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: time::Instant,
}

impl Instant {
    /// The current instant: by the clock of the runtime that the caller is in,
    /// outside of one by the operating system's.
    #[inline]
    pub fn now() -> Instant {
        if clock::any_shifted() {
            return Instant::now_in_context();
        }
        Instant::from_std(time::Instant::now())
    }

    #[cold]
    fn now_in_context() -> Instant {
        let clock = context::try_clock();
        Instant::from_std(clock.map_or_else(time::Instant::now, |clock| clock.instant()))
    }

    /// The same instant, as `std` gave it.
    #[inline]
    pub fn from_std(std: time::Instant) -> Instant {
        Instant { std }
    }

    /// The same instant, for `std`.
    #[inline]
    pub fn into_std(self) -> time::Instant {
        self.std
    }

    /// The time from `earlier` to this instant, zero if `earlier` is later.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// The time from `earlier` to this instant, `None` if `earlier` is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// The time from `earlier` to this instant, zero if `earlier` is later.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// The time from this instant to the current one, zero if it is to come.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    /// The instant that lies `duration` later, `None` if the platform cannot
    /// represent it.
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_add(duration).map(Instant::from_std)
    }

    /// The instant that lies `duration` earlier, `None` if the platform cannot
    /// represent it.
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_sub(duration).map(Instant::from_std)
    }
}

impl From<time::Instant> for Instant {
    fn from(std: time::Instant) -> Instant {
        Instant::from_std(std)
    }
}

impl From<Instant> for time::Instant {
    fn from(instant: Instant) -> time::Instant {
        instant.into_std()
    }
}

impl ops::Add<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    /// If the platform cannot represent the instant.
    fn add(self, duration: Duration) -> Instant {
        Instant::from_std(self.std + duration)
    }
}

impl ops::AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl ops::Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl ops::Sub<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    /// If the platform cannot represent the instant.
    fn sub(self, duration: Duration) -> Instant {
        Instant::from_std(self.std - duration)
    }
}

impl ops::SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn differences_never_go_below_zero() {
        let early = Instant::from_std(time::Instant::now());
        let late = early + SECOND;
        assert_eq!(late - early, SECOND);
        assert_eq!(late.duration_since(early), SECOND);
        assert_eq!(late.checked_duration_since(early), Some(SECOND));
        assert_eq!(early - late, Duration::ZERO);
        assert_eq!(early.duration_since(late), Duration::ZERO);
        assert_eq!(early.saturating_duration_since(late), Duration::ZERO);
        assert_eq!(early.checked_duration_since(late), None);
    }

    #[test]
    fn arithmetic_is_that_of_std() {
        let std = time::Instant::now();
        let mut instant = Instant::from(std);
        instant += SECOND;
        assert_eq!(time::Instant::from(instant), std + SECOND);
        instant -= 2 * SECOND;
        assert_eq!(instant, Instant::from_std(std) - SECOND);
        assert_eq!(instant.checked_add(SECOND), Some(Instant::from_std(std)));
        assert_eq!(instant.checked_add(Duration::MAX), None);
        assert_eq!(instant.checked_sub(Duration::MAX), None);
        assert_eq!(format!("{instant:?}"), format!("{:?}", instant.into_std()));
    }
}
