//! Time as the wheel counts it.

use std::time::Duration;

/// A point in time: nanoseconds since an epoch that the caller chooses.
///
/// A tick spans 584 years. Arithmetic saturates at both ends, so that "as late
/// as possible" is a deadline like any other.
///
/// ```
/// use filch_timer::Tick;
/// use std::time::Duration;
///
/// let tick = Tick::from_nanos(1_500).saturating_add(Duration::from_micros(2));
/// assert_eq!(tick.as_nanos(), 3_500);
/// assert_eq!(Tick::MAX.saturating_add(Duration::from_secs(1)), Tick::MAX);
/// assert_eq!(Tick::ZERO.saturating_duration_since(tick), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The epoch.
    pub const ZERO: Tick = Tick(0);

    /// The latest tick there is, 584 years after the epoch.
    pub const MAX: Tick = Tick(u64::MAX);

    /// The tick that lies `nanos` nanoseconds after the epoch.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Tick {
        Tick(nanos)
    }

    /// The tick that lies `since_epoch` after the epoch, [`Tick::MAX`] if that
    /// is further than a tick reaches.
    #[inline]
    pub const fn from_duration(since_epoch: Duration) -> Tick {
        Tick::ZERO.saturating_add(since_epoch)
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since the epoch.
    #[inline]
    pub const fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The tick that lies `duration` later, [`Tick::MAX`] if there is none.
    #[inline]
    pub const fn saturating_add(self, duration: Duration) -> Tick {
        match self.checked_add(duration) {
            Some(tick) => tick,
            None => Tick::MAX,
        }
    }

    /// The tick that lies `duration` later, or `None` if there is none.
    #[inline]
    pub const fn checked_add(self, duration: Duration) -> Option<Tick> {
        let Some(nanos) = duration.as_secs().checked_mul(1_000_000_000) else {
            return None;
        };
        let Some(nanos) = nanos.checked_add(duration.subsec_nanos() as u64) else {
            return None;
        };
        match self.0.checked_add(nanos) {
            Some(nanos) => Some(Tick(nanos)),
            None => None,
        }
    }

    /// The tick that lies `duration` earlier, [`Tick::ZERO`] if there is none.
    #[inline]
    pub const fn saturating_sub(self, duration: Duration) -> Tick {
        Tick(self.0.saturating_sub(Tick::from_duration(duration).0))
    }

    /// The time from `earlier` to this tick, zero if `earlier` is later.
    #[inline]
    pub const fn saturating_duration_since(self, earlier: Tick) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_nanos() -> impl Strategy<Value = u64> {
        prop_oneof![
            (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| bits >> shift),
            (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| u64::MAX - (bits >> shift)),
        ]
    }

    fn any_duration() -> impl Strategy<Value = Duration> {
        prop_oneof![
            any_nanos().prop_map(Duration::from_nanos),
            (any_nanos(), 0..1_000_000_000_u32)
                .prop_map(|(seconds, nanos)| Duration::new(seconds, nanos)),
        ]
    }

    proptest! {
        /// The same in numbers that are wide enough for everything.
        #[test]
        fn arithmetic_is_that_of_wide_integers(at in any_nanos(), by in any_duration()) {
            let tick = Tick::from_nanos(at);
            let (at, by_nanos) = (u128::from(at), by.as_nanos());
            let later = u64::try_from(at + by_nanos).ok();
            prop_assert_eq!(tick.checked_add(by).map(Tick::as_nanos), later);
            prop_assert_eq!(tick.saturating_add(by).as_nanos(), later.unwrap_or(u64::MAX));
            let earlier = at.saturating_sub(by_nanos.min(u128::from(u64::MAX)));
            prop_assert_eq!(u128::from(tick.saturating_sub(by).as_nanos()), earlier);
            let from_duration = u64::try_from(by_nanos).unwrap_or(u64::MAX);
            prop_assert_eq!(Tick::from_duration(by).as_nanos(), from_duration);
        }

        #[test]
        fn differences_are_those_of_integers(a in any_nanos(), b in any_nanos()) {
            let difference = Tick::from_nanos(a).saturating_duration_since(Tick::from_nanos(b));
            prop_assert_eq!(difference.as_nanos(), u128::from(a.saturating_sub(b)));
            prop_assert_eq!(Tick::from_nanos(a).as_duration(), Duration::from_nanos(a));
        }
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Tick::from_duration(Duration::MAX), Tick::MAX);
        assert_eq!(Tick::from_nanos(5).checked_add(Duration::MAX), None);
        assert_eq!(Tick::MAX.checked_add(Duration::from_nanos(1)), None);
        assert_eq!(Tick::MAX.checked_add(Duration::ZERO), Some(Tick::MAX));
        assert_eq!(
            Tick::from_nanos(5).saturating_sub(Duration::MAX),
            Tick::ZERO
        );
        assert_eq!(
            Tick::from_nanos(7).saturating_sub(Duration::from_nanos(3)),
            Tick::from_nanos(4)
        );
    }

    #[test]
    fn durations_round_trip() {
        let longest = Duration::from_nanos(u64::MAX);
        assert_eq!(Tick::from_duration(longest), Tick::MAX);
        assert_eq!(Tick::MAX.as_duration(), longest);
        assert_eq!(Tick::MAX.saturating_duration_since(Tick::ZERO), longest);
        let seconds = Duration::new(3, 17);
        assert_eq!(Tick::from_duration(seconds).as_nanos(), 3_000_000_017);
    }
}
