//! Sleeps on a clock that runs: never early, on every runtime.

use super::every_runtime::{
    current_thread, on_every_built_runtime, on_every_runtime, within_bounds, workers,
};
use super::{by_hand, ms};
use filch::runtime::Runtime;
use filch::sync::oneshot;
use filch::time::{Duration, Instant, Sleep, sleep, sleep_until};
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

#[test]
fn no_sleep_ends_early() {
    on_every_runtime(|| async {
        for nanos in [0, 1, 999, 1_024, 50_000, 130_001, 1_000_000, 3_141_592] {
            let duration = Duration::from_nanos(nanos);
            let start = Instant::now();
            sleep(duration).await;
            assert!(
                start.elapsed() >= duration,
                "{:?} of {duration:?}",
                start.elapsed()
            );
            let deadline = Instant::now() + duration;
            sleep_until(deadline).await;
            assert!(Instant::now() >= deadline);
        }
    });
}

#[test]
fn many_sleeps_all_end() {
    on_every_runtime(|| async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..2_000_u64)
            .map(|index| {
                filch::spawn(async move {
                    let duration = Duration::from_micros(index * 37 % 9_000);
                    sleep(duration).await;
                    assert!(start.elapsed() >= duration);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    on_every_runtime(|| async {
        let start = Instant::now();
        // Too far apart to share a wake-up, awaited from the last to the first.
        let tasks: Vec<_> = (1..6)
            .rev()
            .map(|index| {
                filch::spawn(async move { (index, sleep_and_look(start, index * 4).await) })
            })
            .collect();
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.await.unwrap());
        }
        ends.sort_by_key(|(index, _)| *index);
        assert!(
            ends.iter().all(|(index, end)| *end >= ms(index * 4)),
            "{ends:?}"
        );
    });
}

async fn sleep_and_look(start: Instant, millis: u64) -> Duration {
    sleep_until(start + ms(millis)).await;
    start.elapsed()
}

#[test]
fn a_sleep_moves_between_threads() {
    on_every_built_runtime(|runtime| {
        let mut sleep = by_hand(sleep_in(&runtime, ms(2)));
        let poll = sleep.poll();
        let deadline = sleep.future.deadline();
        assert!(poll.is_pending() || deadline <= Instant::now());
        // Polled from a task, with another waker, and then from another one.
        let (sender, receiver) = oneshot::channel();
        let first = runtime.spawn(async move {
            sleep.future.as_mut().await;
            assert!(sender.send(sleep).is_ok());
        });
        let second = runtime.spawn(async move {
            receiver.await.unwrap().future.as_mut().await;
        });
        runtime.block_on(first).unwrap();
        runtime.block_on(second).unwrap();
        assert!(Instant::now() >= deadline);
    });
}

/// A sleep of `runtime`, made outside of its tasks.
fn sleep_in(runtime: &Runtime, duration: Duration) -> Sleep {
    let _context = runtime.enter();
    sleep(duration)
}

#[test]
fn a_timer_registered_by_a_foreign_thread_ends_the_drivers_sleep() {
    on_every_built_runtime(|runtime| {
        runtime.block_on(async {
            let handle = filch::runtime::Handle::current();
            // The runtime is asleep, or about to be, without any deadline.
            let foreign = thread::spawn(move || {
                let _context = handle.enter();
                let sleep = sleep(ms(1));
                thread::sleep(ms(5));
                let mut sleep = Box::pin(sleep);
                let waiting = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                (sleep, waiting)
            });
            let joined = filch::task::spawn_blocking(|| foreign.join().unwrap());
            let (sleep, _) = joined.await.unwrap();
            sleep.await;
        });
    });
}

#[test]
fn an_earlier_deadline_overtakes_one_that_is_slept_for() {
    on_every_runtime(|| async {
        let long = filch::spawn(async { sleep(Duration::from_secs(3_600)).await });
        // On some runtimes another thread sleeps until the long one by now.
        for _ in 0..20 {
            sleep(Duration::from_micros(300)).await;
        }
        long.abort();
        assert!(long.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn dropping_sleeps_cancels_them() {
    on_every_runtime(|| async {
        // Tried again with more time if the first fell due before all were dropped.
        for time in (0..16).map(|attempt| ms(1 << attempt)) {
            let due = Instant::now() + time;
            let mut sleeps: Vec<_> = (0..200)
                .map(|index| by_hand(sleep_until(due + ms(index % 7))))
                .collect();
            let pending = sleeps.iter_mut().all(|sleep| sleep.poll().is_pending());
            let wakes: Vec<_> = sleeps.iter().map(|sleep| sleep.wakes.clone()).collect();
            drop(sleeps);
            // The last one's place is left to another timer until the poll ends.
            filch::task::yield_now().await;
            if Instant::now() >= due {
                continue;
            }
            assert!(pending);
            sleep_until(due + ms(10)).await;
            for wakes in wakes {
                assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
                assert_eq!(Arc::strong_count(&wakes), 1);
            }
            return;
        }
        panic!("a minute was too short for 200 sleeps");
    });
}

#[test]
fn an_elapsed_sleep_stays_elapsed() {
    on_every_runtime(|| async {
        let mut sleep = pin!(sleep(Duration::from_micros(10)));
        sleep.as_mut().await;
        assert!(sleep.is_elapsed());
        sleep.as_mut().await;
        sleep.as_mut().reset(Instant::now() + ms(1));
        let deadline = sleep.deadline();
        sleep.as_mut().await;
        assert!(Instant::now() >= deadline);
    });
}

#[test]
fn sleeps_of_any_length_are_accepted() {
    on_every_runtime(|| async {
        for duration in [
            Duration::MAX,
            Duration::from_secs(u64::MAX / 10),
            Duration::from_secs(1 << 34),
        ] {
            filch::select! {
                biased;
                () = sleep(duration) => panic!("{duration:?} did not take long"),
                () = sleep(Duration::from_micros(100)) => {}
            }
        }
    });
}

#[test]
fn a_sleep_is_woken_while_its_worker_is_busy_with_others() {
    on_every_runtime(|| async {
        let busy: Vec<_> = (0..4)
            .map(|_| {
                filch::spawn(async {
                    loop {
                        filch::task::yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..10 {
            sleep(Duration::from_micros(500)).await;
        }
        busy.iter().for_each(|task| task.abort());
    });
}

#[test]
fn a_runtime_with_sleepers_shuts_down() {
    on_every_built_runtime(|runtime| {
        for _ in 0..100 {
            runtime.spawn(async {
                sleep(Duration::from_secs(3_600)).await;
                pending::<()>().await;
            });
        }
        runtime.block_on(sleep_briefly());
        drop(runtime);
    });
}

async fn sleep_briefly() {
    sleep(Duration::from_micros(100)).await;
}

#[test]
fn a_sleep_may_outlive_its_runtime() {
    on_every_built_runtime(|runtime| {
        let mut registered = by_hand(sleep_in(&runtime, Duration::from_secs(3_600)));
        assert!(registered.poll().is_pending());
        let fresh = sleep_in(&runtime, Duration::from_secs(3_600));
        drop(runtime);
        assert_eq!(registered.wakes(), 1, "whoever waits is told");
        drop((registered, fresh));
    });
}

#[test]
fn a_sleep_of_one_runtime_can_be_awaited_in_another() {
    within_bounds("two runtimes", || {
        let (first, second) = (workers(1), current_thread());
        let sleep = sleep_in(&first, ms(2));
        let deadline = sleep.deadline();
        second.block_on(sleep);
        assert!(Instant::now() >= deadline);
    });
}

/// Polled with a waker of which `count` is the other reference.
fn polled(count: &Arc<NeverWoken>) -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(sleep(Duration::from_secs(3_600)));
    let waker = Waker::from(Arc::clone(count));
    let poll = sleep.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    drop(waker);
    assert_eq!(Arc::strong_count(count), 2);
    sleep
}

struct NeverWoken;

impl Wake for NeverWoken {
    fn wake(self: Arc<Self>) {
        panic!("nothing fires");
    }
}

#[filch::test(flavor = "multi_thread")]
async fn code_that_blocks_keeps_no_waker_of_a_dropped_sleep() {
    let count = Arc::new(NeverWoken);
    let (one, two, three) = (polled(&count), Arc::new(NeverWoken), Arc::new(NeverWoken));
    let dropping = filch::task::spawn_blocking(move || {
        drop(one);
        Arc::strong_count(&count)
    });
    assert_eq!(dropping.await.unwrap(), 1);
    let dropping = filch::spawn(async move {
        let other = polled(&three);
        drop(polled(&two));
        filch::task::block_in_place(|| {
            drop(other);
            (Arc::strong_count(&two), Arc::strong_count(&three))
        })
    });
    assert_eq!(dropping.await.unwrap(), (1, 1));
}

#[test]
fn a_sleep_between_futures_that_are_always_ready_ends() {
    on_every_runtime(|| async {
        let mut sleep = pin!(sleep(ms(2)));
        // All of this is one poll of one task, in which nobody else may turn to the timers.
        poll_fn(|cx| {
            while sleep.as_mut().poll(cx).is_pending() {}
            Poll::Ready(())
        })
        .await;
        assert!(sleep.is_elapsed());
    });
}

#[test]
fn a_sleep_that_is_polled_late_has_ended_if_later_ones_have() {
    on_every_built_runtime(|runtime| {
        runtime.block_on(async {
            let mut late = pin!(sleep(ms(1)));
            sleep(ms(5)).await;
            assert!(poll_once(late.as_mut()).await.is_ready());
        });
    });
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Whoever is woken may ask its sleep instead of polling it.
#[test]
fn a_sleep_in_the_place_of_an_earlier_one_wakes_its_task_in_time() {
    on_every_built_runtime(|runtime| {
        let waiting = runtime.spawn(async {
            let mut former = Box::pin(sleep(ms(5)));
            let poll = poll_once(former.as_mut()).await;
            assert!(poll.is_pending() || former.deadline() <= Instant::now());
            drop(former);
            let mut latter = pin!(sleep(ms(20)));
            let poll = poll_once(latter.as_mut()).await;
            assert!(poll.is_pending() || latter.deadline() <= Instant::now());
            poll_fn(|_| match latter.is_elapsed() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
        });
        runtime.block_on(waiting).unwrap();
    });
}
