//! The acts: what a runtime is loaded with, in bursts with idle moments between.

use super::{PLANNED, connections, watch};
use crate::programs;
use fastrand::Rng;
use filch::runtime::{Builder, Runtime};
use filch::sync::{Barrier, broadcast, mpsc, oneshot, watch as watch_channel};
use filch::task::{JoinSet, block_in_place, spawn_blocking, yield_now};
use filch::time::{Duration, Instant, sleep, timeout};
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Poll, Waker};
use std::thread;

/// Only a hang takes a program this long.
const PROGRAM_HANG: Duration = Duration::from_secs(60);

/// What is done with a runtime for a while.
pub(super) struct Act {
    pub(super) name: &'static str,
    /// Plays it, and returns how much was done.
    pub(super) play: fn(&Scene<'_>) -> Result<u64, String>,
}

pub(super) const ACTS: &[Act] = &[
    Act {
        name: "connections",
        play: |scene| scene.bursts(connections::burst),
    },
    Act {
        name: "tasks",
        play: |scene| scene.bursts(tasks),
    },
    Act {
        name: "timers",
        play: |scene| scene.bursts(timers),
    },
    Act {
        name: "blocking",
        play: |scene| scene.bursts(blocking),
    },
    Act {
        name: "channels",
        play: |scene| scene.bursts(channels),
    },
    Act {
        name: "foreign-wakes",
        play: |scene| scene.bursts(foreign_wakes),
    },
    Act {
        name: "runtimes",
        play: |scene| scene.bursts(runtimes),
    },
    Act {
        name: "programs",
        play: programs,
    },
];

/// Where an act is played.
pub(super) struct Scene<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) until: std::time::Instant,
    pub(super) seed: u64,
}

impl Scene<'_> {
    /// Bursts of random size and idle moments of random length.
    fn bursts(&self, burst: impl AsyncFn(Rng) -> Result<u64, String>) -> Result<u64, String> {
        let mut rng = Rng::with_seed(self.seed);
        let mut done = 0;
        while std::time::Instant::now() < self.until {
            let burst = burst(rng.fork());
            done += if rng.bool() {
                self.runtime.block_on(burst)?
            } else {
                self.runtime.block_on(async {
                    let done = burst.await?;
                    sleep(Duration::from_micros(rng.u64(..5000))).await;
                    Ok::<u64, String>(done)
                })?
            };
            watch::progress();
        }
        Ok(done)
    }
}

/// Tasks that end, panic, are aborted, detached or joined, and spawn others.
async fn tasks(mut rng: Rng) -> Result<u64, String> {
    let count = rng.u64(1..2000);
    let mut set = JoinSet::new();
    let (mut panics, mut detached) = (0, 0);
    for number in 0..count {
        match rng.u32(..10) {
            0 => {
                panics += 1;
                set.spawn(async {
                    yield_now().await;
                    std::panic::panic_any(PLANNED)
                });
            }
            1 => set.spawn(pending()).abort(),
            2 => {
                detached += 1;
                filch::spawn(async move { sleep(Duration::from_micros(number)).await });
            }
            3 => {
                set.spawn(async move {
                    let children = (0..4).map(|_| filch::spawn(async move { number }));
                    let children: Vec<_> = children.collect();
                    let mut same = 0;
                    for child in children {
                        // An error where the runtime ends amid it: a panic would
                        // have the standard library read symbols, and keep them.
                        same += u64::from(child.await.is_ok_and(|child| child == number));
                    }
                    if same == 4 { number } else { u64::MAX }
                });
            }
            4 => filch::spawn(pending::<()>()).abort_handle().abort(),
            _ => {
                set.spawn(async move {
                    for _ in 0..number % 5 {
                        yield_now().await;
                    }
                    number
                });
            }
        }
    }
    let (expected, mut joined, mut panicked) = (set.len(), 0, 0);
    while let Some(result) = set.join_next().await {
        joined += 1;
        match result {
            Err(error) if error.is_panic() => panicked += 1,
            Ok(u64::MAX) => return Err("a child did not return what it was given".to_owned()),
            Ok(_) | Err(_) => {}
        }
    }
    if joined != expected || panicked != panics {
        return Err(format!(
            "{joined} tasks joined of {expected}, {panicked} panics of {panics}, {detached} detached"
        ));
    }
    Ok(count)
}

/// Sleeps and timeouts: awaited, moved, dropped, cut short.
async fn timers(mut rng: Rng) -> Result<u64, String> {
    let count = rng.u64(1..2000);
    let mut set = JoinSet::new();
    for _ in 0..count {
        let duration = Duration::from_nanos(rng.u64(..3_000_000));
        let kind = rng.u32(..5);
        set.spawn(async move {
            let start = Instant::now();
            match kind {
                0 => drop(timeout(duration, pending::<()>()).await),
                1 => drop(timeout(Duration::from_secs(3600), yield_now()).await),
                2 => {
                    let mut later = Box::pin(sleep(Duration::from_secs(3600)));
                    drop(timeout(Duration::ZERO, later.as_mut()).await);
                    later.as_mut().reset(start + duration);
                    later.await;
                }
                3 => drop(sleep(duration)),
                _ => sleep(duration).await,
            }
            let waits = matches!(kind, 0 | 2 | 4);
            !waits || start.elapsed() >= duration
        });
    }
    while let Some(result) = set.join_next().await {
        if !matches!(result, Ok(true)) {
            return Err(format!("a timer was early, or worse: {result:?}"));
        }
    }
    Ok(count)
}

/// Closures on the pool and in place, some of which panic.
async fn blocking(mut rng: Rng) -> Result<u64, String> {
    let count = rng.u64(1..60);
    let in_place = filch::runtime::Handle::current().runtime_flavor()
        == filch::runtime::RuntimeFlavor::MultiThread;
    let mut set = JoinSet::new();
    for number in 0..count {
        let time = Duration::from_micros(rng.u64(..300));
        match rng.u32(..6) {
            0 if in_place => {
                set.spawn(async move {
                    block_in_place(|| thread::sleep(time));
                    yield_now().await;
                    number
                });
            }
            1 => {
                set.spawn_blocking(|| std::panic::panic_any(PLANNED));
            }
            2 => set.spawn_blocking(move || number).abort(),
            _ => {
                set.spawn_blocking(move || {
                    thread::sleep(time);
                    number
                });
            }
        }
    }
    let mut joined = 0;
    while set.join_next().await.is_some() {
        joined += 1;
    }
    if joined != count {
        return Err(format!("{joined} closures of {count} came to an end"));
    }
    Ok(count)
}

/// Every channel with several tasks at each end.
async fn channels(mut rng: Rng) -> Result<u64, String> {
    let (senders, messages) = (rng.u64(1..20), rng.u64(1..200));
    let (sender, mut receiver) = mpsc::channel(rng.usize(1..16));
    let (news, _) = broadcast::channel(4096);
    let (latest, mut seen) = watch_channel::channel(0);
    let together = Arc::new(Barrier::new(senders as usize));
    for _ in 0..senders {
        let (sender, mut news, together) = (sender.clone(), news.subscribe(), together.clone());
        filch::spawn(async move {
            together.wait().await;
            for number in 0..messages {
                let (reply, answer) = oneshot::channel();
                if sender.send((number, reply)).await.is_err() || answer.await.is_err() {
                    return;
                }
            }
            while news.recv().await.is_ok() {}
        });
    }
    drop(sender);
    let (mut count, mut sum) = (0, 0);
    while let Some((number, reply)) = receiver.recv().await {
        (count, sum) = (count + 1, sum + number);
        let _ = reply.send(());
        let _ = latest.send(count);
        drop(news.send(number));
        if count == senders * messages {
            // The senders wait for news until there will be none.
            break;
        }
    }
    drop((news, receiver));
    let last = *seen.borrow_and_update();
    if last != senders * messages || sum != senders * messages * (messages - 1) / 2 {
        return Err(format!(
            "{count} messages of {}, sum {sum}",
            senders * messages
        ));
    }
    Ok(count)
}

/// Threads outside of the runtime wake its tasks.
async fn foreign_wakes(mut rng: Rng) -> Result<u64, String> {
    let (wakes, wakers) = channel::<Waker>();
    let pause = Duration::from_micros(rng.u64(..50));
    let thread = thread::spawn(move || {
        for (number, waker) in wakers.into_iter().enumerate() {
            if number.is_multiple_of(16) {
                thread::sleep(pause);
            }
            waker.wake();
        }
    });
    let (tasks, rounds) = (rng.u64(1..50), rng.u64(1..50));
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        let wakes = wakes.clone();
        set.spawn(async move {
            for _ in 0..rounds {
                let mut asked = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut asked, true) {
                        return Poll::Ready(());
                    }
                    // The thread lives until the last sender is gone.
                    drop(wakes.send(cx.waker().clone()));
                    Poll::Pending
                })
                .await;
            }
        });
    }
    drop(wakes);
    while set.join_next().await.is_some() {}
    thread.join().map_err(|_| "the waking thread panicked")?;
    Ok(tasks * rounds)
}

/// Runtimes are built inside the runtime, loaded, and dropped amid their work.
async fn runtimes(mut rng: Rng) -> Result<u64, String> {
    let workers = rng.usize(..4);
    let until = Duration::from_micros(rng.u64(..2000));
    let built = spawn_blocking(move || {
        let mut builder = match workers {
            0 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder
            .worker_threads(workers.max(1))
            .enable_all()
            .build()?;
        for seed in 0..3 {
            runtime.spawn(tasks(Rng::with_seed(seed)));
            runtime.spawn(timers(Rng::with_seed(seed)));
            runtime.spawn(channels(Rng::with_seed(seed)));
            runtime.spawn(connections::burst(Rng::with_seed(seed)));
        }
        runtime.block_on(sleep_for(until));
        drop(runtime);
        std::io::Result::Ok(())
    });
    match built.await {
        Ok(Ok(())) => Ok(1),
        other => Err(format!("a runtime in a runtime: {other:?}")),
    }
}

async fn sleep_for(duration: Duration) {
    sleep(duration).await;
}

/// Random programs, each with runtimes of its own.
fn programs(scene: &Scene<'_>) -> Result<u64, String> {
    let mut played = 0;
    while std::time::Instant::now() < scene.until {
        programs::play(scene.seed.wrapping_add(played), PROGRAM_HANG)?;
        played += 1;
        watch::progress();
    }
    Ok(played)
}
