//! Timers: their price, and how late they fire.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::Setting;
use crate::measure::{Pass, Stopwatch, median, nanoseconds, quantile};
use crate::runtimes::raw::epoll_lateness;
use crate::runtimes::{Runtime, Tasks};

/// Pending once, with the wake-up already on its way.
#[derive(Debug, Default)]
struct PendingOnce {
    polled: bool,
}

impl Future for PendingOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.polled {
            return Poll::Ready(());
        }
        self.polled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A timeout of one second around a future that is ready at once.
pub fn timeout_ready<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let count = setting.size(10_000);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            for number in 0..count {
                let ready = async move { black_box(number) };
                tasks
                    .timeout(Duration::from_secs(1), ready)
                    .await
                    .expect("the future is ready");
            }
            watch.stop(count)
        })
    })
}

/// A timeout of one second around a future that is pending once.
pub fn timeout_pending<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let count = setting.size(10_000);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            for _ in 0..count {
                let pending = PendingOnce::default();
                tasks
                    .timeout(Duration::from_secs(1), pending)
                    .await
                    .expect("the future wakes itself");
            }
            watch.stop(count)
        })
    })
}

/// Sleeps of 10 to 60 seconds are created, polled once and dropped.
pub fn create_and_drop<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let count = setting.size(10_000);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            for number in 0..count {
                let mut sleep =
                    pin!(tasks.sleep(Duration::from_millis(10_000 + spread(number, 50_000))));
                poll_fn(|cx| {
                    assert!(sleep.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
            }
            watch.stop(count)
        })
    })
}

/// 100 000 tasks sleep for up to 400 ms each; what counts is processor time.
pub fn spawn_and_fire<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let (count, span) = if setting.smoke {
        (2_000, 20_000)
    } else {
        (100_000, 400_000)
    };
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            let spawn = |number| {
                let sleep = Duration::from_micros(spread(number, span));
                tasks.spawn(async move {
                    tasks.sleep(sleep).await;
                })
            };
            let joins: Vec<_> = (0..count).map(spawn).collect();
            for join in joins {
                join.await;
            }
            watch.stop(count)
        })
    })
}

/// Spreads consecutive numbers over 0 to `span`, without a pattern a timer wheel could profit
/// from, and the same in every run.
fn spread(number: usize, span: u64) -> u64 {
    (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) % span
}

/// The median lateness of sleeps of 100 µs, one after the other.
pub fn lateness_100_us<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    lateness(runtime, setting, Duration::from_micros(100), 500)
}

/// The median lateness of sleeps of 1 ms, one after the other.
pub fn lateness_1_ms<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    lateness(runtime, setting, Duration::from_millis(1), 100)
}

fn lateness<R: Runtime>(
    runtime: &R,
    setting: &Setting,
    duration: Duration,
    sleeps: usize,
) -> Vec<Pass> {
    let sleeps = setting.size(sleeps);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let mut lateness = Vec::with_capacity(sleeps);
            for _ in 0..sleeps {
                let start = Instant::now();
                tasks.sleep(duration).await;
                let elapsed = start.elapsed();
                assert!(
                    elapsed >= duration,
                    "a sleep of {duration:?} ended after {elapsed:?}"
                );
                lateness.push(nanoseconds(elapsed - duration));
            }
            Pass::single(median(&lateness))
        })
    })
}

/// The operating system's floor under [`lateness_100_us`].
pub fn floor_100_us(setting: &Setting) -> Vec<Pass> {
    epoll_lateness(Duration::from_micros(100), 500, setting)
}

/// The operating system's floor under [`lateness_1_ms`].
pub fn floor_1_ms(setting: &Setting) -> Vec<Pass> {
    epoll_lateness(Duration::from_millis(1), 100, setting)
}

/// The 99th percentile of the lateness of a 2 ms ticker while eight tasks compute in slices of
/// 100 µs and yield after each.
pub fn ticker_among_busy<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    const PERIOD: Duration = Duration::from_millis(2);
    const SLICE: Duration = Duration::from_micros(100);
    let ticks = setting.size(400);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let stop = Arc::new(AtomicBool::new(false));
            let busy = |_| {
                let stop = stop.clone();
                tasks.spawn(async move {
                    while !stop.load(Relaxed) {
                        spin(SLICE);
                        tasks.yield_now().await;
                    }
                })
            };
            let joins: Vec<_> = (0..8).map(busy).collect();
            let mut lateness = Vec::with_capacity(ticks);
            let mut deadline = Instant::now();
            for _ in 0..ticks {
                deadline += PERIOD;
                tasks.sleep_until(deadline).await;
                lateness.push(nanoseconds(deadline.elapsed()));
            }
            stop.store(true, Relaxed);
            for join in joins {
                join.await;
            }
            Pass::single(quantile(&lateness, 0.99))
        })
    })
}

fn spin(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
}
