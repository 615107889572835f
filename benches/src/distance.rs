//! How far apart the processors are at the moment.
//!
//! The processors of a virtual machine are threads of its host, which moves them: at one moment
//! two of them share a cache, seconds later they are on different chips, and a cache line takes six
//! times as long from one to the other. What two threads do together then takes up to three
//! times as long, whoever runs them. Samples are comparable if they were taken in the same state, so a
//! comparison waits for one state before each sample, and takes the sample again if the state
//! was another one when it ended. On a machine of one's own there is one state, and nothing to wait
//! for.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{sched_getaffinity, sched_getcpu, sched_setaffinity};

use crate::measure::{median, nanoseconds};

/// Round trips of one measurement: [`BATCHES`], of whose means the median is taken, so that an
/// interruption spoils one of them.
const ROUND_TRIPS: usize = BATCHES * BATCH;
const BATCHES: usize = 5;
const BATCH: usize = 200;

/// Looks before the processor is given up: the other thread may be waiting for this one.
const SPINS: usize = 10_000;

/// Up to so many times the least distance seen, processors are near: those that share a core are as
/// near as can be, those that share a cache two to four times as far, others six and more.
const NEAR: f64 = 4.5;

/// For how long a change of state is waited for. After that, a sample is taken as things are.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a sample is taken again that has ended in another state.
const ATTEMPTS: usize = 6;

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// In which state samples are to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The processors are as near to one another as they ever are.
    Near,
    /// They are not.
    Far,
}

/// The processors' distances, as far as they have been seen.
#[derive(Debug)]
pub struct Distance<M = fn() -> f64> {
    /// Measures one, in nanoseconds.
    measure: M,
    state: State,
    patience: Duration,
    /// Nanoseconds that a cache line takes to another processor and back, at least.
    least: f64,
    /// Samples taken, and those of them that began and ended in the state that was asked for.
    samples: usize,
    steady: usize,
    /// The distances at the ends of those.
    distances: Vec<f64>,
}

impl Distance {
    /// Watches the processors for `time`; `state` is what samples are to be taken in.
    pub fn watch(state: State, time: Duration) -> Self {
        let mut distance = Self::new(state, PATIENCE, round_trip as fn() -> f64);
        let start = Instant::now();
        loop {
            distance.look();
            if start.elapsed() >= time {
                return distance;
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }
}

impl<M: FnMut() -> f64> Distance<M> {
    fn new(state: State, patience: Duration, measure: M) -> Self {
        Self {
            measure,
            state,
            patience,
            least: f64::INFINITY,
            samples: 0,
            steady: 0,
            distances: Vec::new(),
        }
    }

    /// Takes a sample in the state that was asked for. `sample` is called again if it ends in
    /// another one.
    pub fn during<T>(&mut self, mut sample: impl FnMut() -> T) -> T {
        self.samples += 1;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let began_well = self.wait();
            let taken = sample();
            let at_the_end = self.look();
            if began_well && self.is_right(at_the_end) {
                self.steady += 1;
                self.distances.push(at_the_end);
                return taken;
            }
            if !began_well || attempts == ATTEMPTS {
                return taken;
            }
        }
    }

    /// What a reader of the figures has to know.
    pub fn report(&self) -> String {
        let Self {
            samples, steady, ..
        } = self;
        if self.distances.is_empty() {
            return format!("0 of {samples} samples were taken in the state asked for");
        }
        let nanoseconds = median(&self.distances);
        format!(
            "a cache line takes {nanoseconds:.0} ns from one to another and back at the ends of {steady} of {samples} \
             samples; the others were taken as things were"
        )
    }

    /// Waits for the state that was asked for; `false` if it does not come.
    fn wait(&mut self) -> bool {
        let start = Instant::now();
        loop {
            let distance = self.look();
            if self.is_right(distance) {
                return true;
            }
            if start.elapsed() >= self.patience {
                return false;
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn look(&mut self) -> f64 {
        let distance = (self.measure)();
        self.least = self.least.min(distance);
        distance
    }

    fn is_right(&self, distance: f64) -> bool {
        let state = if distance <= NEAR * self.least {
            State::Near
        } else {
            State::Far
        };
        state == self.state
    }
}

/// How long a cache line takes to another processor and back, in nanoseconds.
fn round_trip() -> f64 {
    if thread::available_parallelism().map_or(1, usize::from) == 1 {
        return 0.0;
    }
    let (there, back) = (Line(AtomicUsize::new(0)), Line(AtomicUsize::new(0)));
    let here = sched_getcpu();
    let batches = thread::scope(|scope| {
        scope.spawn(|| {
            leave(here);
            for number in 1..=ROUND_TRIPS {
                there.wait_for(number);
                back.send(number);
            }
        });
        let mut number = 0;
        [(); BATCHES].map(|()| {
            let start = Instant::now();
            for _ in 0..BATCH {
                number += 1;
                there.send(number);
                back.wait_for(number);
            }
            nanoseconds(start.elapsed()) / BATCH as f64
        })
    });
    median(&batches)
}

/// Has this thread go on elsewhere than on one processor. Who has started it may well keep it there,
/// and then the two would run by turns. It stays if the process may run nowhere else.
fn leave(processor: usize) {
    if let Ok(mut processors) = sched_getaffinity(None) {
        processors.unset(processor);
        let _ = sched_setaffinity(None, &processors);
    }
}

/// A number on cache lines of its own.
#[repr(align(128))]
struct Line(AtomicUsize);

impl Line {
    fn send(&self, number: usize) {
        // ORDERING: Release, partner: `wait_for`; nothing but the time it takes is of interest.
        self.0.store(number, Ordering::Release);
    }

    fn wait_for(&self, number: usize) {
        let mut spins = 0;
        while self.0.load(Ordering::Acquire) != number {
            spin_loop();
            spins += 1;
            if spins % SPINS == 0 {
                thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often one sample is taken while the distances are `seen`, the first of which is
    /// seen before.
    fn taken(state: State, seen: &[f64]) -> (usize, usize) {
        let mut seen = seen.iter().copied();
        let measure = || seen.next().expect("no further look");
        let mut distance = Distance::new(state, Duration::ZERO, measure);
        distance.look();
        let mut taken = 0;
        distance.during(|| taken += 1);
        let steady = distance.steady;
        assert_eq!(seen.next(), None, "a look is missing");
        (taken, steady)
    }

    #[test]
    fn a_sample_in_the_right_state_is_taken_once() {
        assert_eq!(taken(State::Near, &[100.0, 450.0, 150.0]), (1, 1));
        assert_eq!(taken(State::Far, &[100.0, 451.0, 700.0]), (1, 1));
    }

    #[test]
    fn a_sample_that_ends_in_another_state_is_taken_again() {
        let seen = [100.0, 100.0, 700.0, 100.0, 100.0];
        assert_eq!(taken(State::Near, &seen), (2, 1));
    }

    #[test]
    fn a_sample_is_taken_whatever_the_state_in_the_end() {
        let seen = [[100.0].as_slice(), &[100.0, 700.0].repeat(ATTEMPTS)].concat();
        assert_eq!(taken(State::Near, &seen), (ATTEMPTS, 0));
        // The state does not come.
        assert_eq!(taken(State::Near, &[100.0, 700.0, 700.0]), (1, 0));
    }

    #[test]
    fn a_line_comes_back() {
        assert!(round_trip().is_finite());
    }
}
