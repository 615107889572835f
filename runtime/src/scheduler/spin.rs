//! How a worker that has run dry looks around for a while before it sleeps.
//!
//! Falling asleep and being woken costs both sides more than a short wait: two
//! system calls, two switches, and, where the processor has gone idle meanwhile, the
//! time to start it again. So a worker watches the injector first, for about as long
//! as a sleep costs. It spends at most twice what the better choice would have
//! cost, in hindsight (the ski rental argument), and whoever pushes from outside
//! finds somebody awake.
//!
//! What a sleep costs is the system's: two microseconds on one machine, thirty on a virtual one, which
//! has to ask its host for a processor. So it is measured: at each wake-up, from just before the
//! system call to the first step of who was woken ([`LowerQuartile`] of them).
//!
//! Whether it is worth it, the last spins tell: after one that found nothing the
//! worker falls asleep without one, for twice as many times as before; one that found
//! something halves that. So a runtime whose waits are long hardly ever spins, and an
//! idle one does not.
//!
//! The worker is counted as awake and as searching all the while: nothing of going to
//! sleep has begun, and whoever relies on a searcher may rely on this one. At most half of
//! the workers search, so at most half of them spin; and none does while more are awake
//! than there are processors, for it would take one from a worker with tasks.
//!
//! Rejected: watching the queues of other workers as well. Their tasks are mostly
//! short, and stealing them costs more than it gains: a long backlog is handed out.
//! Turning the driver: it makes an echo over one connection a quarter faster, and every
//! request of a busy server dearer, for a turn that finds nothing is a system call, and
//! the sleep it spares is rare under load.

use super::worker::{Core, Worker};
use crate::primitive::{now, spin_until};
use crate::quartile::LowerQuartile;
use std::time::Duration;

/// The most sleeps without a spin in between.
const MAX_SKIPS: u32 = 1024;

/// The time before the first look. Each look takes the injector's cache lines from
/// whoever pushes, and what one pushes at a stretch until then is taken as one batch.
const BEFORE_FIRST_LOOK: Duration = Duration::from_nanos(500);

/// The time between looks from then on: nobody is in the midst of pushing.
const BETWEEN_LOOKS: Duration = Duration::from_nanos(100);

/// The longest spin, which looks neither at sockets nor at timers.
pub(crate) const LONGEST: Duration = Duration::from_millis(1);

/// The least and the most that a sleep is taken to cost.
const LEAST: Duration = Duration::from_micros(5);
const MOST: Duration = Duration::from_micros(50);

/// What sets how long a spin may last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SpinLimit {
    /// Whoever has built the runtime; zero: no spin.
    Given(Duration),
    /// What a sleep costs here.
    CostOfSleep,
}

impl Default for SpinLimit {
    fn default() -> Self {
        Self::Given(Duration::ZERO)
    }
}

/// Whether to spin next time, and for how long.
#[derive(Debug)]
pub(super) struct Spin {
    limit: SpinLimit,
    /// How long it takes to wake a thread that sleeps.
    wake_up: LowerQuartile,
    /// Sleeps without a spin after the next one that finds nothing.
    skips: u32,
    /// How many are left after the last one that found nothing.
    skips_left: u32,
}

impl Spin {
    pub(super) fn new(limit: SpinLimit) -> Self {
        Self {
            limit,
            wake_up: LowerQuartile::up_to(MOST),
            skips: 1,
            skips_left: 0,
        }
    }

    /// Whether to spin before the sleep that is due now.
    fn is_due(&mut self) -> bool {
        let due = self.skips_left == 0 && !self.limit().is_zero();
        self.skips_left = self.skips_left.saturating_sub(1);
        due
    }

    fn limit(&self) -> Duration {
        match self.limit {
            SpinLimit::Given(limit) => limit.min(LONGEST),
            SpinLimit::CostOfSleep => self.wake_up.get().max(LEAST),
        }
    }

    /// Learns from a wake-up that took so long.
    pub(super) fn learn(&mut self, took: Duration) {
        self.wake_up.learn(took);
    }

    fn note(&mut self, found: bool) {
        if found {
            self.skips = (self.skips / 2).max(1);
        } else {
            self.skips_left = self.skips;
            self.skips = (self.skips * 2).min(MAX_SKIPS);
        }
    }
}

impl Worker<'_> {
    /// Watches the injector for a while; true if there is something to do.
    pub(super) fn spin(&self, core: &mut Core) -> bool {
        if !core.searching || self.shared.idle.is_oversubscribed() || !core.spin.is_due() {
            return false;
        }
        let mut time = now();
        let until = time + core.spin.limit();
        let mut wait = BEFORE_FIRST_LOOK;
        let found = loop {
            time = spin_until(time + std::mem::replace(&mut wait, BETWEEN_LOOKS));
            if !self.shared.injector.is_empty() || self.shared.is_shutting_down() {
                break true;
            }
            if time >= until {
                break false;
            }
        };
        core.spin.note(found);
        found
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    /// How many of `sleeps` spin, if none of the spins finds anything.
    fn spins_in_vain(spin: &mut Spin, sleeps: u32) -> u32 {
        (0..sleeps)
            .filter(|_| {
                let due = spin.is_due();
                if due {
                    spin.note(false);
                }
                due
            })
            .count() as u32
    }

    #[test]
    fn spins_in_vain_become_rare() {
        let mut spin = Spin::new(SpinLimit::Given(Duration::from_micros(1)));
        // After 1, 2, 4, … sleeps without one.
        assert_eq!(spins_in_vain(&mut spin, 1023 + 10), 10);
        assert_eq!(spins_in_vain(&mut spin, 100 * (MAX_SKIPS + 1)), 100);
    }

    #[test]
    fn a_spin_that_finds_something_is_followed_by_one() {
        let mut spin = Spin::new(SpinLimit::Given(Duration::from_micros(1)));
        spins_in_vain(&mut spin, 1023 + 10);
        for _ in 0..MAX_SKIPS {
            if spin.is_due() {
                spin.note(true);
            }
        }
        assert!(spin.is_due() && spin.is_due());
        spin.note(true);
        assert!(spin.is_due());
    }

    #[test]
    fn a_spin_lasts_as_long_as_a_wake_up() {
        let mut spin = Spin::new(SpinLimit::CostOfSleep);
        assert_eq!(spin.limit(), LEAST);
        (0..1_000).for_each(|_| spin.learn(Duration::from_micros(20)));
        assert!(Duration::from_micros(15) < spin.limit());
        assert!(spin.limit() < Duration::from_micros(25));
        (0..1_000).for_each(|_| spin.learn(Duration::from_secs(1)));
        assert_eq!(spin.limit(), MOST);
        (0..1_000).for_each(|_| spin.learn(Duration::from_nanos(1)));
        assert_eq!(spin.limit(), LEAST);
    }

    #[test]
    fn a_limit_that_was_given_stands() {
        let mut spin = Spin::new(SpinLimit::Given(Duration::from_secs(1)));
        (0..1_000).for_each(|_| spin.learn(Duration::from_micros(20)));
        assert_eq!(spin.limit(), LONGEST);
    }

    #[test]
    fn without_a_limit_there_is_no_spin() {
        let mut spin = Spin::new(SpinLimit::default());
        assert_eq!(spins_in_vain(&mut spin, 10_000), 0);
    }
}
