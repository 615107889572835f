//! Waking: tasks that yield, hand values to and fro, and are woken by a plain thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::sync::{Notify, mpsc, oneshot};

use super::Setting;
use crate::measure::{Pass, Stopwatch};
use crate::runtimes::{Runtime, Tasks};

/// 200 tasks yield 1000 times each; the unit is one yield.
pub fn yields<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let (tasks_count, yields) = (200, setting.size(1_000));
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let watch = Stopwatch::start();
            let spawn = |_| {
                tasks.spawn(async move {
                    for _ in 0..yields {
                        tasks.yield_now().await;
                    }
                })
            };
            let joins: Vec<_> = (0..tasks_count).map(spawn).collect();
            for join in joins {
                join.await;
            }
            watch.stop(tasks_count * yields)
        })
    })
}

/// 1000 pairs of tasks, each handing a value to its partner and back over two oneshots.
pub fn ping_pong<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let pairs = setting.size(1_000);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let (done, mut all) = mpsc::channel(1);
            let missing = Arc::new(AtomicUsize::new(pairs));
            let watch = Stopwatch::start();
            for _ in 0..pairs {
                let (done, missing) = (done.clone(), missing.clone());
                R::Tasks::detach(tasks.spawn(async move {
                    play_one(tasks).await;
                    // ORDERING: AcqRel orders every game before the report of the last.
                    if missing.fetch_sub(1, Ordering::AcqRel) == 1 {
                        done.send(()).await.expect("the first task waits");
                    }
                }));
            }
            all.recv().await.expect("the last pair reports");
            watch.stop(pairs)
        })
    })
}

async fn play_one<T: Tasks>(tasks: T) {
    let (ping, pinged) = oneshot::channel();
    let (pong, ponged) = oneshot::channel();
    T::detach(tasks.spawn(async move {
        pinged.await.expect("the partner pings");
        pong.send(()).expect("the partner waits");
    }));
    ping.send(()).expect("the partner waits");
    ponged.await.expect("the partner answers");
}

/// Two tasks hand a value to and fro over two bounded channels; the unit is one round trip.
pub fn channel<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let rounds = setting.size(10_000);
    setting.repeat(|| {
        runtime.run(move |tasks| async move {
            let (ping, mut pinged) = mpsc::channel::<usize>(1);
            let (pong, mut ponged) = mpsc::channel::<usize>(1);
            let partner = tasks.spawn(async move {
                while let Some(number) = pinged.recv().await {
                    pong.send(number).await.expect("the first task listens");
                }
            });
            let watch = Stopwatch::start();
            for number in 0..rounds {
                ping.send(number).await.expect("the partner listens");
                assert_eq!(ponged.recv().await, Some(number));
            }
            let pass = watch.stop(rounds);
            drop(ping);
            partner.await;
            pass
        })
    })
}

/// A plain thread wakes a task, which wakes the thread; the unit is one round trip.
pub fn thread_and_task<R: Runtime>(runtime: &R, setting: &Setting) -> Vec<Pass> {
    let rounds = setting.size(2_000);
    setting.repeat(|| {
        let call = Arc::new(Notify::new());
        let answered = Arc::new(AtomicUsize::new(0));
        let task = runtime.spawn_from_outside({
            let (call, answered, caller) = (call.clone(), answered.clone(), thread::current());
            async move {
                for number in 1..=rounds {
                    call.notified().await;
                    answered.store(number, Ordering::Release);
                    caller.unpark();
                }
            }
        });
        let watch = Stopwatch::start();
        for number in 1..=rounds {
            call.notify_one();
            while answered.load(Ordering::Acquire) != number {
                thread::park();
            }
        }
        let pass = watch.stop(rounds);
        runtime.block_on(task);
        pass
    })
}
