//! Timeouts.

use super::every_runtime::{current_thread, on_every_runtime};
use super::{by_hand, ms};
use filch::runtime::Builder;
use filch::sync::oneshot;
use filch::task::{consume_budget, yield_now};
use filch::time::error::Elapsed;
use filch::time::{Duration, Instant, advance, sleep, timeout, timeout_at};
use std::future::{pending, poll_fn, ready};
use std::io;
use std::task::Poll;

#[test]
fn the_future_wins_or_the_time_does() {
    on_every_runtime(|| async {
        assert_eq!(
            timeout(Duration::from_secs(3_600), async { 1 }).await,
            Ok(1)
        );
        let yielding = async {
            yield_now().await;
            2
        };
        assert_eq!(timeout(Duration::from_secs(3_600), yielding).await, Ok(2));
        let start = Instant::now();
        assert!(timeout(ms(2), pending::<()>()).await.is_err());
        assert!(start.elapsed() >= ms(2));
        let deadline = Instant::now() + ms(1);
        assert!(timeout_at(deadline, pending::<()>()).await.is_err());
        assert!(Instant::now() >= deadline);
    });
}

#[filch::test(start_paused = true)]
async fn a_future_that_is_ready_beats_a_deadline_that_has_passed() {
    assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
    let now = Instant::now();
    assert_eq!(timeout_at(now, ready(2)).await, Ok(2));
    assert_eq!(
        timeout_at(now, pending::<()>())
            .await
            .unwrap_err()
            .to_string(),
        "deadline has elapsed"
    );
    // Both are ready at the same moment: the future is polled first.
    assert_eq!(timeout(ms(5), sleep(ms(5))).await, Ok(()));
}

#[filch::test(start_paused = true)]
async fn the_time_counts_from_the_call() {
    let start = Instant::now();
    let mut timeout = by_hand(timeout(ms(50), pending::<()>()));
    advance(ms(49)).await;
    assert!(timeout.poll().is_pending());
    advance(ms(1)).await;
    assert_eq!(timeout.wakes(), 1);
    assert!(matches!(timeout.poll(), Poll::Ready(Err(Elapsed { .. }))));
    assert_eq!(start.elapsed(), ms(50));
}

#[filch::test(start_paused = true)]
async fn the_future_is_polled_whenever_it_wakes() {
    let (sender, receiver) = oneshot::channel();
    let mut timeout = by_hand(timeout(Duration::from_secs(10), receiver));
    assert!(timeout.poll().is_pending());
    sender.send("value").unwrap();
    assert_eq!(timeout.wakes(), 1);
    assert_eq!(timeout.poll(), Poll::Ready(Ok(Ok("value"))));
}

#[filch::test(start_paused = true)]
async fn an_unrepresentable_duration_is_no_timeout() {
    assert_eq!(
        timeout(Duration::MAX, sleep(Duration::from_secs(1 << 28))).await,
        Ok(())
    );
}

#[filch::test(start_paused = true)]
async fn the_future_can_be_reached_and_taken_out() {
    let mut timeout = timeout(ms(10), ready(7));
    assert_eq!(
        format!("{:?}", timeout.get_ref()),
        format!("{:?}", ready(7))
    );
    *timeout.get_mut() = ready(8);
    assert_eq!(timeout.into_inner().await, 8);
}

#[filch::test(start_paused = true)]
async fn anything_that_turns_into_a_future_will_do() {
    struct Seven;
    impl IntoFuture for Seven {
        type Output = i32;
        type IntoFuture = std::future::Ready<i32>;
        fn into_future(self) -> Self::IntoFuture {
            ready(7)
        }
    }
    assert_eq!(timeout(ms(1), Seven).await, Ok(7));
    assert_eq!(timeout_at(Instant::now(), Seven).await, Ok(7));
}

#[filch::test(start_paused = true)]
async fn an_elapsed_timeout_is_an_io_error_that_timed_out() {
    async fn fails() -> io::Result<()> {
        timeout(ms(1), pending::<()>()).await?;
        Ok(())
    }
    assert_eq!(fails().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_future_that_always_uses_up_the_budget_is_given_up_on() {
    on_every_runtime(|| async {
        let hungry = async {
            loop {
                consume_budget().await;
            }
        };
        assert!(timeout(ms(5), hungry).await.is_err());
    });
}

#[test]
fn timeouts_take_part_in_the_budget() {
    on_every_runtime(|| async {
        // Sleeps that are over are always ready, and would never yield.
        let mut polls = 0;
        let mut body = Box::pin(async {
            for _ in 0..10_000 {
                sleep(Duration::ZERO).await;
            }
        });
        poll_fn(|cx| {
            polls += 1;
            body.as_mut().poll(cx)
        })
        .await;
        assert!(polls > 10_000 / 1_000, "{polls} polls");
    });
}

#[test]
fn many_timeouts_that_are_cancelled_leave_a_runtime_at_rest() {
    on_every_runtime(|| async {
        for _ in 0..20_000 {
            timeout(Duration::from_secs(30), yield_now()).await.unwrap();
        }
        sleep(Duration::from_micros(10)).await;
    });
}

#[test]
fn a_timeout_in_the_place_of_an_earlier_one_lasts_its_own_time() {
    on_every_runtime(|| async {
        for duration in [ms(1), ms(3), ms(9)] {
            for _ in 0..100 {
                let start = Instant::now();
                let outcome = timeout(ms(2), yield_now()).await;
                // Its time may be over at its first poll, if the processor was taken away.
                assert!(outcome.is_ok() || start.elapsed() >= ms(2));
            }
            let start = Instant::now();
            timeout(duration, pending::<()>()).await.unwrap_err();
            assert!(start.elapsed() >= duration, "{:?}", start.elapsed());
            let _ = by_hand(sleep(ms(2))).poll();
            sleep(duration).await;
            assert!(start.elapsed() >= 2 * duration, "{:?}", start.elapsed());
        }
    });
}

#[test]
fn no_time_at_all_needs_no_timer() {
    let unlimited = timeout(Duration::MAX, async { 1 });
    assert_eq!(current_thread().block_on(unlimited), Ok(1));
    let runtime = Builder::new_current_thread().build().unwrap();
    let limitless = runtime.block_on(async { timeout(Duration::MAX, async { 2 }).await });
    assert_eq!(limitless, Ok(2));
}
