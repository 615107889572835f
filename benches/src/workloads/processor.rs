//! Uneven work, long polls, and doing nothing.

use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::Setting;
use crate::errand::Errand;
use crate::measure::{Pass, Stopwatch, median, nanoseconds};
use crate::runtimes::{Runtime, Tasks};
use crate::system::context_switches_of_others;

/// One task spawns 400 tasks that compute for 1 to 200 µs each, and joins them.
pub fn uneven<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let jobs = jobs(setting);
    setting.repeat(|| {
        let jobs = jobs.clone();
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            let joins: Vec<_> = jobs
                .iter()
                .map(|&job| tasks.spawn(async move { compute(job) }))
                .collect();
            for join in joins {
                join.await;
            }
            watch.stop(jobs.len())
        })
    })
}

/// The ideal: as many plain threads as workers take the same jobs off a shared counter.
pub fn uneven_threads(setting: &Setting) -> Vec<Pass> {
    let jobs = jobs(setting);
    setting.repeat(|| {
        let next = AtomicUsize::new(0);
        let together = Barrier::new(setting.workers);
        let work = || {
            together.wait();
            let start = Instant::now();
            while let Some(&job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                compute(job);
            }
            (start, Instant::now())
        };
        let times: Vec<(Instant, Instant)> = thread::scope(|scope| {
            let threads: Vec<_> = (0..setting.workers).map(|_| scope.spawn(work)).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join();
            threads
                .into_iter()
                .map(|thread| join(thread).expect("no job panics"))
                .collect()
        });
        let first = times.iter().map(|(start, _)| *start).min();
        let last = times.iter().map(|(_, end)| *end).max();
        let elapsed = first
            .zip(last)
            .map(|(first, last)| last - first)
            .unwrap_or_default();
        Pass {
            units: jobs.len() as f64,
            figure: nanoseconds(elapsed),
            cpu: 0.0,
        }
    })
}

/// Computing times in microseconds: 1 to 200, each twice, in an order without a pattern.
fn jobs(setting: &Setting) -> Vec<u64> {
    let job = |number: u64| 1 + number * 77 % 200;
    (0..setting.size(400) as u64).map(job).collect()
}

/// Computes for about so many microseconds of processor time, whatever else runs meanwhile.
fn compute(microseconds: u64) {
    run_steps(microseconds * steps_per_microsecond());
}

// Compiled once for all contenders, and for who finds out how long a step takes: copies differ by a tenth, as they
// happen to lie.
#[inline(never)]
fn run_steps(steps: u64) {
    let mut value = black_box(1u64);
    for _ in 0..steps {
        value = black_box(value.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1));
    }
    black_box(value);
}

fn steps_per_microsecond() -> u64 {
    static STEPS: OnceLock<u64> = OnceLock::new();
    *STEPS.get_or_init(|| {
        const STEPS_TIMED: u64 = 200_000;
        let time = |_| {
            let start = Instant::now();
            run_steps(STEPS_TIMED);
            start.elapsed()
        };
        let least = (0..20).map(time).min().unwrap_or_default();
        (STEPS_TIMED * 1_000 / least.as_nanos().max(1) as u64).max(1)
    })
}

/// A task makes another one ready and computes on for 1 ms without yielding, while the other
/// workers are idle: how long the other one waits to be polled.
pub fn behind_a_long_poll<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let count = setting.size(50);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let mut waits = Vec::with_capacity(count);
            for _ in 0..count {
                // Lets the other workers fall asleep.
                tasks.sleep(Duration::from_millis(2)).await;
                let ready = Instant::now();
                let join = tasks.spawn(async move { ready.elapsed() });
                while ready.elapsed() < Duration::from_millis(1) {
                    std::hint::spin_loop();
                }
                waits.push(nanoseconds(join.await));
            }
            Pass::single(median(&waits))
        })
    })
}

/// How often threads of an idle runtime are switched in or out within a second, in a process of
/// its own so that no thread of another runtime is counted.
pub fn idle<R: Runtime>(_: &R, setting: &Setting) -> Vec<Pass> {
    let duration = Duration::from_millis(if setting.smoke { 50 } else { 1_000 });
    let errand = Errand::Idle {
        runtime: R::NAME.to_owned(),
        workers: setting.workers,
        duration,
    };
    vec![Pass::single(
        errand.send().expect("the child process counts"),
    )]
}

/// The count behind [`idle`]. The runtime has run a task and a timer before, and has then had a
/// while to come to rest.
///
/// # Errors
///
/// When /proc cannot be read.
pub fn idle_switches<R: Runtime>(workers: usize, duration: Duration) -> io::Result<f64> {
    let runtime = R::new(workers);
    runtime.run(|tasks| async move {
        tasks.sleep(Duration::from_millis(1)).await;
    });
    thread::sleep(duration / 4);
    let before = context_switches_of_others()?;
    thread::sleep(duration);
    let after = context_switches_of_others()?;
    Ok(after.saturating_sub(before) as f64)
}
