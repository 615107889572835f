//! The pool for blocking work: round trips to it and back.

use std::hint::black_box;

use super::Setting;
use crate::measure::{Pass, Stopwatch};
use crate::runtimes::{Runtime, Tasks};

/// One task sends one trivial closure after the other and awaits each.
pub fn one_at_a_time<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let count = setting.size(1_000);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            for number in 0..count {
                black_box(tasks.spawn_blocking(move || black_box(number)).await);
            }
            watch.stop(count)
        })
    })
}

/// 64 tasks do so at once.
pub fn from_64_tasks<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let (callers, count) = (64, setting.size(100));
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            let spawn = |_| {
                tasks.spawn(async move {
                    for number in 0..count {
                        black_box(tasks.spawn_blocking(move || black_box(number)).await);
                    }
                })
            };
            let joins: Vec<_> = (0..callers).map(spawn).collect();
            for join in joins {
                join.await;
            }
            watch.stop(callers * count)
        })
    })
}
