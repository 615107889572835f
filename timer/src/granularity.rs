//! How far a deadline is rounded up, so that timers share wake-ups.
//!
//! A timer's user notices lateness in proportion to what was asked for: 20 µs
//! are nothing to a sleep of a second and half of a sleep of 40 µs. So the
//! granule is a fraction of the duration, between two bounds: below
//! [`FINEST`] a granule would be shorter than the work of waking up, and above
//! [`COARSEST`] nothing is gained, as 2000 wake-ups a second are affordable and
//! half a millisecond is what users of other runtimes are used to.
//!
//! Up to about 17 ms the fraction is smaller, the smaller the shorter the wait: 1/64 of
//! a millisecond would be more than what the operating system is late by itself.

use crate::Tick;
use std::time::Duration;

/// `log2` of the finest granule in nanoseconds.
const FINEST_SHIFT: u32 = 10;

/// `log2` of the coarsest granule in nanoseconds.
const COARSEST_SHIFT: u32 = 19;

/// A granule is at most this fraction (as a shift) of the time left: 1/64.
const FRACTION_SHIFT: u32 = 6;

/// `log2` of the unit in nanoseconds whose square is about a second.
const UNIT_SHIFT: u32 = 15;

/// The finest granule, that of timers shorter than about 1.5 ms: 1.024 µs.
pub const FINEST: Duration = Duration::from_nanos(1 << FINEST_SHIFT);

/// The coarsest granule, that of timers longer than about 34 ms: 524.288 µs.
pub const COARSEST: Duration = Duration::from_nanos(1 << COARSEST_SHIFT);

/// Rounds `deadline` up to the granule that fits the time left from `now`.
///
/// The granule is the largest power of two of nanoseconds that is at most 1/64 of
/// `deadline - now` and at most the square of that time in units of 2¹⁵ ns, but at
/// least [`FINEST`] and at most [`COARSEST`]. So it is 1.024 µs for a millisecond,
/// 8.192 µs for 4 ms, and some 1/64 from 17 ms on. The result is less than a granule
/// later than `deadline`, and saturates at [`Tick::MAX`]. A deadline that is not
/// after `now` is returned as it is.
///
/// ```
/// use filch_timer::{COARSEST, Tick, coalesce};
/// use std::time::Duration;
///
/// let deadline = Tick::from_duration(Duration::from_millis(20));
/// let rounded = coalesce(Tick::ZERO, deadline);
/// assert_eq!(rounded.as_nanos(), 20_185_088); // a multiple of 262_144
///
/// let hour = Tick::from_duration(Duration::from_secs(3600));
/// assert!(coalesce(Tick::ZERO, hour) < hour.saturating_add(COARSEST));
/// ```
#[inline]
pub fn coalesce(now: Tick, deadline: Tick) -> Tick {
    if deadline <= now {
        return deadline;
    }
    let left = deadline.as_nanos() - now.as_nanos();
    let units = left >> UNIT_SHIFT;
    let granule = (left >> FRACTION_SHIFT).min(units.saturating_mul(units));
    let shift = (granule | 1).ilog2().clamp(FINEST_SHIFT, COARSEST_SHIFT);
    let below = (1 << shift) - 1;
    match deadline.as_nanos().checked_add(below) {
        Some(nanos) => Tick::from_nanos(nanos & !below),
        None => Tick::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition in the documentation, word for word.
    fn granule(left: u64) -> u64 {
        let square = u128::from(left / 32_768).pow(2);
        let fits = |granule: u64| granule <= left / 64 && u128::from(granule) <= square;
        let mut granule = 1 << COARSEST_SHIFT;
        while !fits(granule) && granule > 1 << FINEST_SHIFT {
            granule /= 2;
        }
        granule
    }

    fn any_nanos() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| bits >> shift)
    }

    proptest! {
        #[test]
        fn rounds_up_by_less_than_a_granule(now in any_nanos(), left in any_nanos()) {
            let deadline = now.saturating_add(left);
            let rounded = coalesce(Tick::from_nanos(now), Tick::from_nanos(deadline)).as_nanos();
            prop_assert!(rounded >= deadline);
            prop_assert!(rounded - deadline < granule(deadline - now));
            if deadline > now && rounded != u64::MAX {
                prop_assert_eq!(rounded % granule(deadline - now), 0);
            }
        }

        /// A later deadline is coarser, and its granule a multiple of the finer one.
        #[test]
        fn rounding_reorders_nothing(now in any_nanos(), left in any_nanos(), more in any_nanos()) {
            let earlier = now.saturating_add(left);
            let later = earlier.saturating_add(more);
            let [earlier, later] = [earlier, later]
                .map(|deadline| coalesce(Tick::from_nanos(now), Tick::from_nanos(deadline)));
            prop_assert!(earlier <= later);
        }

        /// Lateness is at most a 64th of the time left, or the finest granule.
        #[test]
        fn nobody_is_late_out_of_proportion(now in any_nanos(), left in any_nanos()) {
            let deadline = now.saturating_add(left);
            let rounded = coalesce(Tick::from_nanos(now), Tick::from_nanos(deadline));
            let late = rounded.saturating_duration_since(Tick::from_nanos(deadline));
            let proportion = Duration::from_nanos((deadline - now) / 64);
            prop_assert!(late < proportion.max(FINEST).min(COARSEST) || late.is_zero());
        }

        #[test]
        fn what_is_due_is_not_postponed(now in any_nanos(), late in any_nanos()) {
            let deadline = Tick::from_nanos(now.saturating_sub(late));
            prop_assert_eq!(coalesce(Tick::from_nanos(now), deadline), deadline);
        }
    }

    /// Where the granule doubles, on both sides.
    #[test]
    fn the_granule_grows_with_the_time_left() {
        for threshold in [
            1_507_328, 2_097_152, 2_981_888, 4_194_304, 5_963_776, 8_388_608, 11_894_784,
            16_777_216, 33_554_432,
        ] {
            assert_eq!(granule(threshold), 2 * granule(threshold - 1));
            for left in [threshold - 1, threshold, threshold + 1] {
                // Just above a multiple of every granule: rounded up by all but 1 ns.
                let now = (1 << 40) + 1 - left.min(1 << 40);
                let rounded = coalesce(Tick::from_nanos(now), Tick::from_nanos(now + left));
                let expected = (now + left).next_multiple_of(granule(left));
                assert_eq!(rounded.as_nanos(), expected, "{left}");
            }
        }
    }

    #[test]
    fn the_last_granule_means_the_end_of_time() {
        let last_multiple = u64::MAX - 1023;
        let now = Tick::from_nanos(last_multiple - 64 * 1024);
        assert_eq!(
            coalesce(now, Tick::from_nanos(last_multiple)).as_nanos(),
            last_multiple
        );
        assert_eq!(
            coalesce(now, Tick::from_nanos(last_multiple + 1)),
            Tick::MAX
        );
        assert_eq!(coalesce(Tick::ZERO, Tick::MAX), Tick::MAX);
    }
}
