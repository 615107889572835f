//! What a time that varies falls short of once in four times.
//!
//! For times that the system takes, where the usual one is of interest and an interruption may make any of them
//! as long as it likes. The estimate rises by one step where a time was longer, and falls by three where it
//! was not. How much longer does not matter, so a thread that was not run for a while spoils nothing. (Tracking a
//! quantile by steps is stochastic approximation, Robbins and Monro, 1951.)

use std::time::Duration;

/// A step is one 32nd of the estimate, and [`LEAST_STEP`] more.
const STEPS: u32 = 32;
const LEAST_STEP: Duration = Duration::from_nanos(250);

/// So many steps down outweigh one up.
const STEPS_DOWN: u32 = 3;

/// The lower quartile of the times that it has been told, zero at first.
#[derive(Debug)]
pub(crate) struct LowerQuartile {
    estimate: Duration,
    most: Duration,
}

impl LowerQuartile {
    /// An estimate that never exceeds `most`.
    pub(crate) fn up_to(most: Duration) -> Self {
        Self {
            estimate: Duration::ZERO,
            most,
        }
    }

    #[cfg(all(test, not(filch_loom)))]
    pub(crate) fn of(estimate: Duration) -> Self {
        Self {
            estimate,
            most: estimate,
        }
    }

    /// Learns of one time more.
    pub(crate) fn learn(&mut self, time: Duration) {
        let step = self.estimate / STEPS + LEAST_STEP;
        self.estimate = if time > self.estimate {
            self.most.min(self.estimate + step)
        } else {
            self.estimate.saturating_sub(step * STEPS_DOWN)
        };
    }

    /// The estimate.
    pub(crate) fn get(&self) -> Duration {
        self.estimate
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// The estimate after such times.
    fn after(times: impl IntoIterator<Item = u64>) -> Duration {
        let mut quartile = LowerQuartile::up_to(micros(100));
        times
            .into_iter()
            .for_each(|time| quartile.learn(micros(time)));
        quartile.get()
    }

    #[test]
    fn one_time_in_four_falls_short_of_the_estimate() {
        let spread = |number: u64| micros(50 + number * 7 % 20);
        let mut quartile = LowerQuartile::up_to(micros(100));
        (0..100).for_each(|number| quartile.learn(spread(number)));
        let mut short = 0;
        for number in 0..1_000 {
            let estimate = quartile.get();
            assert!(
                micros(40) < estimate && estimate < micros(65),
                "{estimate:?}"
            );
            short += u32::from(spread(number) < estimate);
            quartile.learn(spread(number));
        }
        assert!((200..300).contains(&short), "{short} of 1000");
    }

    #[test]
    fn one_time_that_is_much_too_long_changes_little() {
        let usual = after([50; 100]);
        let since = after([50; 100].into_iter().chain([1_000_000]));
        assert!(since < usual + micros(3), "{usual:?} {since:?}");
    }

    #[test]
    fn a_system_that_has_become_quick_is_believed_soon() {
        assert!(after([50; 100].into_iter().chain([2; 30])) < micros(4));
    }

    #[test]
    fn the_estimate_has_its_bounds() {
        assert_eq!(after([10_000; 10_000]), micros(100));
        assert_eq!(after([0; 10]), Duration::ZERO);
    }
}
