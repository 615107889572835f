//! Intervals.

use super::every_runtime::on_every_runtime;
use super::{ByHand, by_hand, ms};
use filch::time::{
    Duration, Instant, Interval, MissedTickBehavior, advance, interval, interval_at, sleep,
};
use std::task::Poll;

fn poll(interval: &mut ByHand<Interval>) -> Poll<Instant> {
    interval.with(|mut interval, cx| interval.poll_tick(cx))
}

#[test]
fn ticks_never_come_early() {
    on_every_runtime(|| async {
        let start = Instant::now();
        let mut interval = interval(Duration::from_micros(700));
        for index in 0..6 {
            let tick = interval.tick().await;
            let due = start + index * Duration::from_micros(700);
            assert!(tick >= due && Instant::now() >= tick);
        }
    });
}

#[filch::test(start_paused = true)]
async fn the_first_tick_is_immediate() {
    let start = Instant::now();
    let mut interval = interval(ms(300));
    assert_eq!(interval.period(), ms(300));
    assert_eq!(interval.missed_tick_behavior(), MissedTickBehavior::Burst);
    for index in 0..4 {
        assert_eq!(interval.tick().await, start + index * ms(300));
        assert_eq!(start.elapsed(), index * ms(300));
    }
}

#[filch::test(start_paused = true)]
async fn a_later_start_is_waited_for() {
    let start = Instant::now() + ms(50);
    let mut interval = interval_at(start, ms(10));
    assert_eq!(interval.tick().await, start);
    assert_eq!(interval.tick().await, start + ms(10));
    assert_eq!(Instant::now(), start + ms(10));
}

#[filch::test(start_paused = true)]
async fn a_tick_wakes_the_task_that_polled_last() {
    let start = Instant::now();
    let mut interval = by_hand(interval_at(start, ms(300)));
    assert_eq!(poll(&mut interval), Poll::Ready(start));
    assert_eq!(poll(&mut interval), Poll::Pending);
    advance(ms(100)).await;
    assert_eq!(interval.wakes(), 0);
    advance(ms(200)).await;
    assert_eq!(interval.wakes(), 1);
    assert_eq!(poll(&mut interval), Poll::Ready(start + ms(300)));
    assert_eq!(poll(&mut interval), Poll::Pending);
}

/// The ticks seen by a task that is busy for 170 ms in the middle.
async fn ticks_around_a_delay(behavior: MissedTickBehavior) -> Vec<(u128, u128)> {
    let start = Instant::now();
    let mut interval = interval(ms(50));
    interval.set_missed_tick_behavior(behavior);
    assert_eq!(interval.missed_tick_behavior(), behavior);
    let mut seen = Vec::new();
    for index in 0..7 {
        if index == 1 {
            advance(ms(170)).await;
        }
        let due = interval.tick().await - start;
        seen.push((due.as_millis(), start.elapsed().as_millis()));
    }
    seen
}

#[filch::test(start_paused = true)]
async fn missed_ticks_burst() {
    assert_eq!(
        ticks_around_a_delay(MissedTickBehavior::Burst).await,
        [
            (0, 0),
            (50, 170),
            (100, 170),
            (150, 170),
            (200, 200),
            (250, 250),
            (300, 300)
        ]
    );
}

#[filch::test(start_paused = true)]
async fn missed_ticks_delay() {
    assert_eq!(
        ticks_around_a_delay(MissedTickBehavior::Delay).await,
        [
            (0, 0),
            (50, 170),
            (220, 220),
            (270, 270),
            (320, 320),
            (370, 370),
            (420, 420)
        ]
    );
}

#[filch::test(start_paused = true)]
async fn missed_ticks_are_skipped() {
    assert_eq!(
        ticks_around_a_delay(MissedTickBehavior::Skip).await,
        [
            (0, 0),
            (50, 170),
            (200, 200),
            (250, 250),
            (300, 300),
            (350, 350),
            (400, 400)
        ]
    );
}

#[filch::test(start_paused = true)]
async fn a_slightly_late_tick_is_not_missed() {
    let start = Instant::now();
    let mut interval = interval(ms(50));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.tick().await;
    advance(ms(55)).await;
    interval.tick().await;
    interval.tick().await;
    assert_eq!(start.elapsed(), ms(100));
}

/// Five milliseconds are nothing to wait for, but many periods.
#[filch::test(start_paused = true)]
async fn a_tick_that_is_late_by_more_than_a_short_period_is_missed() {
    for behavior in [MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
        let start = Instant::now();
        let mut interval = interval(Duration::from_micros(100));
        interval.set_missed_tick_behavior(behavior);
        interval.tick().await;
        advance(ms(4)).await;
        interval.tick().await;
        interval.tick().await;
        assert_eq!(start.elapsed(), Duration::from_micros(4100), "{behavior:?}");
    }
}

#[filch::test(start_paused = true)]
async fn resetting_starts_a_new_rhythm() {
    let start = Instant::now();
    let mut interval = interval(ms(100));
    interval.tick().await;

    sleep(ms(50)).await;
    interval.reset();
    assert_eq!(interval.tick().await - start, ms(150));

    sleep(ms(50)).await;
    interval.reset_immediately();
    assert_eq!(interval.tick().await - start, ms(200));

    interval.reset_after(ms(20));
    assert_eq!(interval.tick().await - start, ms(220));

    interval.reset_at(start + ms(500));
    assert_eq!(interval.tick().await - start, ms(500));
    assert_eq!(interval.tick().await - start, ms(600));
    assert_eq!(start.elapsed(), ms(600));
}

#[filch::test(start_paused = true)]
async fn resetting_wakes_whoever_waits() {
    let start = Instant::now();
    let mut interval = by_hand(interval_at(start + ms(100), ms(100)));
    assert_eq!(poll(&mut interval), Poll::Pending);
    interval.with(|mut interval, _| interval.reset_after(ms(10)));
    advance(ms(10)).await;
    assert_eq!(interval.wakes(), 1);
    assert_eq!(poll(&mut interval), Poll::Ready(start + ms(10)));
}

#[filch::test(start_paused = true)]
async fn a_tick_that_is_not_awaited_is_not_lost() {
    let start = Instant::now();
    let mut interval = interval_at(start + ms(10), ms(10));
    for _ in 0..3 {
        filch::select! {
            biased;
            _ = interval.tick() => panic!("not yet"),
            () = sleep(ms(3)) => {}
        }
    }
    assert_eq!(interval.tick().await, start + ms(10));
}

#[filch::test(start_paused = true)]
async fn the_longest_period_is_accepted() {
    let mut interval = interval(Duration::MAX);
    let first = interval.tick().await;
    assert!(interval.tick().await - first > Duration::from_secs(86_400 * 365 * 29));
}
