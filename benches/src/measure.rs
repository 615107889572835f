//! Clocks, passes and the few statistics that the reports need.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// One execution of a workload: what it took in all, and how many units that covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass {
    /// How many units of work the pass covers; never zero.
    pub units: f64,
    /// The whole figure, in the unit of the workload: nanoseconds, bytes or a count.
    pub figure: f64,
    /// Nanoseconds of processor time the process spent, client threads excluded.
    pub cpu: f64,
}

impl Pass {
    /// A pass that is a single figure, such as the median lateness of many sleeps.
    pub fn single(figure: f64) -> Self {
        Self {
            units: 1.0,
            figure,
            cpu: 0.0,
        }
    }

    /// The figure of one unit.
    pub fn figure_per_unit(&self) -> f64 {
        self.figure / self.units
    }

    /// Nanoseconds of processor time of one unit.
    pub fn cpu_per_unit(&self) -> f64 {
        self.cpu / self.units
    }
}

/// Takes the wall clock and the processor time of a stretch of work.
#[derive(Debug)]
pub struct Stopwatch {
    cpu: Duration,
    wall: Instant,
}

impl Stopwatch {
    /// Starts both clocks.
    pub fn start() -> Self {
        let cpu = process_cpu();
        Self {
            cpu,
            wall: Instant::now(),
        }
    }

    /// Stops both clocks; the work covered `units` units.
    pub fn stop(self, units: usize) -> Pass {
        let figure = nanoseconds(self.wall.elapsed());
        let cpu = nanoseconds(process_cpu() - self.cpu);
        Pass {
            units: units as f64,
            figure,
            cpu,
        }
    }
}

/// The processor time that all threads of this process have used.
pub fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// The processor time that the calling thread has used.
pub fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A duration as a floating-point number of nanoseconds.
pub fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

/// The value below which the share `quantile` (0 to 1) of `values` lies, by nearest rank.
///
/// # Panics
///
/// Panics when `values` is empty or contains a NaN.
pub fn quantile(values: &[f64], quantile: f64) -> f64 {
    assert!(!values.is_empty(), "a quantile needs at least one value");
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("no figure is NaN"));
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The median; the mean of the two middle values when their number is even.
///
/// # Panics
///
/// Panics when `values` is empty or contains a NaN.
pub fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "a median needs at least one value");
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("no figure is NaN"));
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

/// Median, least and greatest of a list of figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// The least value.
    pub least: f64,
    /// The greatest value.
    pub greatest: f64,
}

impl Summary {
    /// Summarises `values`; `None` when there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self {
            median: median(values),
            least,
            greatest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_lists() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn quantile_is_nearest_rank() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.99), 99.0);
        assert_eq!(quantile(&values, 1.0), 100.0);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&[7.0], 0.5), 7.0);
    }

    #[test]
    fn summary_keeps_the_extremes() {
        let summary = Summary::of(&[5.0, 1.0, 3.0]).unwrap();
        assert_eq!(
            summary,
            Summary {
                median: 3.0,
                least: 1.0,
                greatest: 5.0
            }
        );
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn a_pass_is_divided_by_its_units() {
        let pass = Pass {
            units: 4.0,
            figure: 100.0,
            cpu: 40.0,
        };
        assert_eq!(pass.figure_per_unit(), 25.0);
        assert_eq!(pass.cpu_per_unit(), 10.0);
    }
}
