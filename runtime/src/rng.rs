//! Every random choice of a runtime comes from one seed.
//!
//! A [`SeedSource`] belongs to a runtime and hands each of its workers a seed
//! for a generator of its own. Today the workers draw their victims from it.
//! Keeping the seeds in one place is what lets a run be replayed.

use crate::primitive::Mutex;

/// Hands out seeds, itself a generator.
#[derive(Debug)]
pub(crate) struct SeedSource(Mutex<fastrand::Rng>);

impl SeedSource {
    /// A source that repeats itself for the same `seed`.
    #[cfg(test)]
    pub(crate) fn with_seed(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// A source seeded by the operating system.
    pub(crate) fn random() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// A generator seeded with the next seed.
    pub(crate) fn next_generator(&self) -> fastrand::Rng {
        self.0.lock().fork()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_generators() {
        let draw = |seed| {
            let source = SeedSource::with_seed(seed);
            (0..4)
                .map(|_| source.next_generator().u64(..))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
