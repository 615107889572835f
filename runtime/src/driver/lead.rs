//! How much earlier than a deadline a sleep for it is to end.
//!
//! The system ends each sleep late: a timer interrupt has to come, a processor that has gone
//! idle to be started, the thread to be switched to. That takes 4 µs on one machine and 50 on a virtual
//! one, and varies little from sleep to sleep. So the driver sleeps that much less, and is
//! late by what varies alone. When it wakes too early it looks for events until the
//! deadline, for no longer than the lead.
//!
//! The lead follows the lateness that one sleep in four falls short of ([`LowerQuartile`]).

use crate::quartile::LowerQuartile;
use std::time::Duration;

/// The most that a lead may be, and so what waking too early may cost in processor time.
const MOST: Duration = Duration::from_micros(100);

/// Shorter sleeps have no lead, and teach nothing: the processor hardly goes idle.
const SHORTEST: Duration = Duration::from_micros(50);

/// A lead that learns.
#[derive(Debug)]
pub(super) struct Lead(LowerQuartile);

impl Lead {
    pub(super) fn new() -> Self {
        Self(LowerQuartile::up_to(MOST))
    }

    #[cfg(all(test, not(filch_loom)))]
    pub(super) fn of(lead: Duration) -> Self {
        Self(LowerQuartile::of(lead))
    }

    /// By how much to shorten a sleep of that time: by half at most.
    pub(super) fn before(&self, sleep: Duration) -> Duration {
        // A model's time passes in sleeps alone: looking until the deadline would not end.
        if sleep < SHORTEST || cfg!(filch_loom) {
            return Duration::ZERO;
        }
        self.0.get().min(sleep / 2)
    }

    /// Learns from a sleep of that time, which nothing else has ended, and which has lasted so much longer.
    pub(super) fn learn(&mut self, sleep: Duration, lateness: Duration) {
        if sleep >= SHORTEST {
            self.0.learn(lateness);
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn a_lead_has_its_bounds() {
        let mut lead = Lead::new();
        (0..10_000).for_each(|_| lead.learn(SHORTEST, micros(10_000)));
        assert_eq!(lead.before(micros(1_000)), MOST);
        assert_eq!(lead.before(micros(60)), micros(30));
        assert_eq!(lead.before(micros(49)), Duration::ZERO);
        assert_eq!(lead.before(Duration::ZERO), Duration::ZERO);
    }

    /// Such as those between two deadlines that lie close to one another.
    #[test]
    fn short_sleeps_teach_nothing() {
        let mut lead = Lead::of(micros(50));
        (0..1_000).for_each(|_| lead.learn(micros(49), micros(2)));
        assert_eq!(lead.before(micros(1_000)), micros(50));
    }
}
