//! Moving the paused clock by hand, and resetting sleeps around it.

use super::{by_hand, ms};
use filch::runtime::Handle;
use filch::task::yield_now;
use filch::time::{Duration, Instant, advance, sleep, sleep_until};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::thread;

#[filch::test(start_paused = true)]
async fn the_clock_moves_by_exactly_that_much() {
    for duration in [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_micros(51_592),
        ms(1),
        Duration::from_secs(86_400 * 365),
    ] {
        let before = Instant::now();
        advance(duration).await;
        assert_eq!(before.elapsed(), duration);
    }
}

#[filch::test(start_paused = true)]
async fn what_is_passed_fires_and_nothing_else() {
    let start = Instant::now();
    let (mut early, mut late) = (by_hand(sleep(ms(10))), by_hand(sleep(ms(11))));
    assert!(early.poll().is_pending() && late.poll().is_pending());
    advance(ms(10) - Duration::from_nanos(1)).await;
    assert_eq!((early.wakes(), late.wakes()), (0, 0));
    assert!(early.poll().is_pending());
    advance(Duration::from_nanos(1)).await;
    assert_eq!((early.wakes(), late.wakes()), (1, 0));
    assert!(early.poll().is_ready() && late.poll().is_pending());
    assert_eq!(start.elapsed(), ms(10));
}

#[filch::test(start_paused = true)]
async fn a_sleep_first_polled_after_its_deadline_is_ready() {
    let sleep = sleep(ms(10));
    advance(ms(20)).await;
    assert!(by_hand(sleep).poll().is_ready());
}

#[filch::test(start_paused = true)]
async fn one_jump_passes_many_deadlines() {
    let mut sleeps: Vec<_> = (1..=5_000).map(|index| by_hand(sleep(ms(index)))).collect();
    assert!(sleeps.iter_mut().all(|sleep| sleep.poll().is_pending()));
    advance(ms(4_000)).await;
    assert!(sleeps[..4_000].iter().all(|sleep| sleep.wakes() == 1));
    assert!(sleeps[4_000..].iter().all(|sleep| sleep.wakes() == 0));
}

#[filch::test(start_paused = true)]
async fn tasks_that_sleep_are_woken() {
    let sleeping = filch::spawn(async { sleep(Duration::from_secs(60)).await });
    yield_now().await;
    advance(Duration::from_secs(60)).await;
    let start = Instant::now();
    sleeping.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[filch::test(start_paused = true)]
async fn a_sleep_that_was_never_polled_is_not_elapsed() {
    let now = Instant::now();
    let mut sleep = by_hand(sleep_until(now));
    assert!(!sleep.future.is_elapsed());
    assert!(sleep.poll().is_ready());
    assert!(sleep.future.is_elapsed());
    assert_eq!(Instant::now(), now);
}

#[filch::test(start_paused = true)]
async fn resetting_moves_the_deadline_either_way() {
    let start = Instant::now();
    let mut sleep = by_hand(sleep(ms(100)));
    assert!(sleep.poll().is_pending());
    sleep.future.as_mut().reset(start + ms(200));
    assert_eq!(sleep.future.deadline(), start + ms(200));
    advance(ms(150)).await;
    assert_eq!(sleep.wakes(), 0);
    sleep.future.as_mut().reset(start + ms(160));
    advance(ms(10)).await;
    assert_eq!(sleep.wakes(), 1, "without another poll");
    assert!(sleep.future.is_elapsed());
    assert!(sleep.poll().is_ready());
}

#[filch::test(start_paused = true)]
async fn resetting_to_the_past_wakes_at_once() {
    let start = Instant::now();
    let mut sleep = by_hand(sleep(ms(100)));
    assert!(sleep.poll().is_pending());
    advance(ms(50)).await;
    sleep.future.as_mut().reset(start + ms(40));
    assert!(sleep.future.is_elapsed());
    assert_eq!(sleep.wakes(), 1);
    assert!(sleep.poll().is_ready());
}

#[filch::test(start_paused = true)]
async fn resetting_an_elapsed_sleep_starts_it_over() {
    let start = Instant::now();
    let mut sleep = by_hand(sleep(ms(100)));
    sleep.future.as_mut().await;
    assert!(sleep.poll().is_ready());
    sleep.future.as_mut().reset(start + ms(110));
    assert!(!sleep.future.is_elapsed());
    assert!(sleep.poll().is_pending());
    sleep.future.as_mut().await;
    assert_eq!(start.elapsed(), ms(110));
}

#[filch::test(start_paused = true)]
async fn resetting_before_the_first_poll_counts() {
    let start = Instant::now();
    let mut sleep = by_hand(sleep(Duration::from_secs(3_600)));
    sleep.future.as_mut().reset(start + ms(1));
    assert!(!sleep.future.is_elapsed());
    advance(ms(1)).await;
    assert!(sleep.future.is_elapsed());
    assert_eq!(sleep.poll(), Poll::Ready(()));
}

#[filch::test(start_paused = true)]
async fn dropping_neighbours_disturbs_nobody() {
    let start = Instant::now();
    let mut first = by_hand(sleep(ms(5)));
    let mut second = by_hand(sleep(ms(5)));
    let mut third = by_hand(sleep(ms(10)));
    assert!(first.poll().is_pending() && second.poll().is_pending() && third.poll().is_pending());
    second.future.as_mut().reset(start + ms(10));
    first.future.as_mut().await;
    drop(second);
    third.future.as_mut().await;
    assert_eq!(start.elapsed(), ms(10));
}

#[filch::test(start_paused = true)]
async fn a_long_sleep_does_not_disturb_short_ones() {
    let mut long = by_hand(sleep(Duration::from_secs(86_400 * 365 * 21)));
    assert!(long.poll().is_pending());
    advance(ms((1 << 30) - 1)).await;
    let start = Instant::now();
    sleep(ms(10)).await;
    assert_eq!(start.elapsed(), ms(10));
    filch::select! {
        () = pending::<()>() => unreachable!(),
        () = long.future.as_mut() => {}
    }
    assert_eq!(long.future.deadline(), Instant::now());
}

/// Another thread that is busy with the same timers does not keep the clock from firing what it
/// passes.
#[filch::test(start_paused = true)]
async fn what_is_passed_fires_although_another_thread_uses_the_timers() {
    let stop = Arc::new(AtomicBool::new(false));
    let (handle, stopped) = (Handle::current(), Arc::clone(&stop));
    let busy = thread::spawn(move || {
        let _context = handle.enter();
        while !stopped.load(SeqCst) {
            assert!(
                by_hand(sleep(Duration::from_secs(86_400 * 365)))
                    .poll()
                    .is_pending()
            );
        }
    });
    for _ in 0..5_000 {
        let task = filch::spawn(sleep(ms(1)));
        yield_now().await;
        advance(ms(1)).await;
        assert!(task.is_finished());
    }
    stop.store(true, SeqCst);
    busy.join().unwrap();
}
