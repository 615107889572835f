//! The pool for blocking work: round trips to it and back.
//!
//! In a process of its own, for smol's pool is that of the process, and keeps the threads of the
//! busiest moment it has seen.

use std::hint::black_box;

use super::Setting;
use crate::errand::Errand;
use crate::measure::{Pass, Stopwatch, median};
use crate::runtimes::{Runtime, Tasks};

/// One task sends one trivial closure after the other and awaits each.
pub fn one_at_a_time<R: Runtime>(_: &R, setting: &Setting) -> Vec<Pass> {
    apart::<R>(setting, 1, setting.size(1_000))
}

/// 64 tasks do so at once.
pub fn from_64_tasks<R: Runtime>(_: &R, setting: &Setting) -> Vec<Pass> {
    apart::<R>(setting, 64, setting.size(100))
}

/// The passes of `setting` in a process of its own, as one figure.
fn apart<R: Runtime>(setting: &Setting, callers: usize, count: usize) -> Vec<Pass> {
    let errand = Errand::Blocking {
        runtime: R::NAME.to_owned(),
        workers: setting.workers,
        callers,
        count,
        passes: setting.passes,
    };
    vec![Pass::single(
        errand
            .send()
            .expect("the child process makes its round trips"),
    )]
}

/// What a round trip takes in nanoseconds, while each of so many callers makes `count`: the median of
/// the passes, after one that warms up.
pub fn round_trip<R: Runtime>(workers: usize, callers: usize, count: usize, passes: usize) -> f64 {
    let runtime = R::new(workers);
    let setting = Setting {
        workers,
        passes,
        smoke: false,
    };
    let passes = setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            if callers == 1 {
                call::<R>(tasks, count).await;
            } else {
                let joins: Vec<_> = (0..callers)
                    .map(|_| tasks.spawn(call::<R>(tasks, count)))
                    .collect();
                for join in joins {
                    join.await;
                }
            }
            watch.stop(callers * count)
        })
    });
    let figures: Vec<f64> = passes.iter().map(Pass::figure_per_unit).collect();
    median(&figures)
}

async fn call<R: Runtime>(tasks: R::Tasks, count: usize) {
    for number in 0..count {
        black_box(tasks.spawn_blocking(move || black_box(number)).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{Filch, Smol, Tokio};

    #[test]
    fn round_trips_take_time() {
        for callers in [1, 3] {
            for figure in [
                round_trip::<Filch>(2, callers, 5, 1),
                round_trip::<Tokio>(2, callers, 5, 1),
                round_trip::<Smol>(2, callers, 5, 1),
            ] {
                assert!(figure > 0.0 && figure.is_finite());
            }
        }
    }
}
