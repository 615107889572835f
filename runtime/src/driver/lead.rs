//! How much earlier than a deadline a sleep for it is to end.
//!
//! The system ends each sleep late: a timer interrupt has to come, a processor that has gone
//! idle to be started, the thread to be switched to. That takes 4 µs on one machine and 50 on a virtual
//! one, and varies little from sleep to sleep. So the driver sleeps that much less, and is
//! late by what varies alone. When it wakes too early it looks for events until the
//! deadline, for no longer than the lead.
//!
//! The lead follows the lateness that one sleep in four falls short of: it rises by one step
//! where a sleep has ended later than that, and falls by three where it has not. How much later does not
//! matter, so a thread that was not run for a while spoils nothing. (Tracking a quantile by
//! steps is stochastic approximation, Robbins and Monro, 1951.)

use std::time::Duration;

/// The most that a lead may be, and so what waking too early may cost in processor time.
const MOST: Duration = Duration::from_micros(100);

/// Shorter sleeps have no lead, and teach nothing: the processor hardly goes idle.
const SHORTEST: Duration = Duration::from_micros(50);

/// A step is one 32nd of the lead, and [`LEAST_STEP`] more.
const STEPS: u32 = 32;
const LEAST_STEP: Duration = Duration::from_nanos(250);

/// So many steps down outweigh one up.
const STEPS_DOWN: u32 = 3;

/// A lead that learns.
#[derive(Debug)]
pub(super) struct Lead(Duration);

impl Lead {
    pub(super) fn new() -> Lead {
        Lead(Duration::ZERO)
    }

    #[cfg(all(test, not(filch_loom)))]
    pub(super) fn of(lead: Duration) -> Lead {
        Lead(lead)
    }

    /// By how much to shorten a sleep of that time: by half at most.
    pub(super) fn before(&self, sleep: Duration) -> Duration {
        // A model's time passes in sleeps alone: looking until the deadline would not end.
        if sleep < SHORTEST || cfg!(filch_loom) {
            return Duration::ZERO;
        }
        self.0.min(sleep / 2)
    }

    /// Learns from a sleep of that time, which nothing else has ended, and which has lasted so much longer.
    pub(super) fn learn(&mut self, sleep: Duration, lateness: Duration) {
        if sleep < SHORTEST {
            return;
        }
        let step = self.0 / STEPS + LEAST_STEP;
        self.0 = if lateness > self.0 {
            MOST.min(self.0 + step)
        } else {
            self.0.saturating_sub(step * STEPS_DOWN)
        };
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// The lead after sleeps that were so late.
    fn after(lateness: impl IntoIterator<Item = u64>) -> Duration {
        let mut lead = Lead::new();
        lateness
            .into_iter()
            .for_each(|late| lead.learn(SHORTEST, micros(late)));
        lead.0
    }

    #[test]
    fn the_lead_approaches_the_lateness_that_one_sleep_in_four_falls_short_of() {
        let spread = |number: u64| 50 + number * 7 % 20;
        let mut lead = Lead::new();
        (0..100).for_each(|number| lead.learn(SHORTEST, micros(spread(number))));
        let mut early = 0;
        for number in 0..1_000 {
            assert!(micros(40) < lead.0 && lead.0 < micros(65), "{lead:?}");
            early += u32::from(micros(spread(number)) < lead.0);
            lead.learn(SHORTEST, micros(spread(number)));
        }
        assert!((200..300).contains(&early), "{early} of 1000");
    }

    #[test]
    fn one_sleep_that_is_much_too_late_changes_little() {
        let usual = after([50; 100]);
        let since = after([50; 100].into_iter().chain([1_000_000]));
        assert!(since < usual + micros(3), "{usual:?} {since:?}");
    }

    #[test]
    fn a_system_that_has_become_punctual_is_believed_soon() {
        assert!(after([50; 100].into_iter().chain([2; 30])) < micros(4));
    }

    #[test]
    fn a_lead_has_its_bounds() {
        assert_eq!(after([10_000; 10_000]), MOST);
        assert_eq!(after([0; 10]), Duration::ZERO);
        let mut lead = Lead::new();
        (0..1_000).for_each(|_| lead.learn(SHORTEST, micros(50)));
        assert!(lead.before(micros(1_000)) > micros(25));
        assert_eq!(lead.before(micros(60)), micros(30));
        assert_eq!(lead.before(micros(49)), Duration::ZERO);
        assert_eq!(lead.before(Duration::ZERO), Duration::ZERO);
    }

    /// Such as those between two deadlines that lie close to one another.
    #[test]
    fn short_sleeps_teach_nothing() {
        let mut lead = Lead::of(micros(50));
        (0..1_000).for_each(|_| lead.learn(micros(49), micros(2)));
        assert_eq!(lead.0, micros(50));
    }
}
