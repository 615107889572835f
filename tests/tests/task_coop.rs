//! The cooperative budget, as seen from a program.

mod every_runtime;

use every_runtime::{current_thread, on_every_runtime};
use filch::task::coop::{self, consume_budget, cooperative, has_budget_remaining, unconstrained};
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// What a poll may spend, as in tokio.
const BUDGET: usize = 128;

/// Polls `future` once under the current task's budget.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Spends units until none is left; returns how many there were.
fn spend_all() -> usize {
    let mut spent = 0;
    while poll_once(pin!(consume_budget())).is_ready() {
        spent += 1;
        assert!(spent <= BUDGET, "the budget has no end");
    }
    spent
}

#[test]
fn a_task_has_a_budget_of_its_own() {
    current_thread().block_on(async {
        for _ in 0..2 {
            let spent = filch::spawn(async {
                assert!(has_budget_remaining());
                let spent = spend_all();
                assert!(!has_budget_remaining());
                spent
            });
            assert_eq!(spent.await.unwrap(), BUDGET);
        }
    });
    on_every_runtime(|| async {
        assert_eq!(filch::spawn(async { spend_all() }).await.unwrap(), BUDGET);
    });
}

#[test]
fn every_poll_starts_with_a_new_budget() {
    on_every_runtime(|| async {
        filch::spawn(async {
            for _ in 0..3 {
                assert_eq!(spend_all(), BUDGET);
                filch::task::yield_now().await;
                assert!(has_budget_remaining());
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_loop_that_consumes_budget_lets_others_run() {
    on_every_runtime(|| async {
        let stop = Arc::new(AtomicBool::new(false));
        let busy = filch::spawn({
            let stop = stop.clone();
            async move {
                while !stop.load(Ordering::Relaxed) {
                    consume_budget().await;
                }
            }
        });
        filch::spawn(async move { stop.store(true, Ordering::Relaxed) })
            .await
            .unwrap();
        busy.await.unwrap();
    });
}

#[test]
fn unconstrained_futures_have_no_end_to_their_budget() {
    on_every_runtime(|| async {
        filch::spawn(async {
            let units = unconstrained(async {
                for _ in 0..10 * BUDGET {
                    consume_budget().await;
                    assert!(has_budget_remaining());
                }
            });
            assert!(poll_once(pin!(units)).is_ready(), "never yields");
            assert_eq!(spend_all(), BUDGET, "and spends nothing");
        })
        .await
        .unwrap();
    });
}

#[test]
fn cooperative_futures_take_a_unit_for_their_result_only() {
    on_every_runtime(|| async {
        filch::spawn(async {
            assert!(poll_once(pin!(cooperative(ready(1)))).is_ready());
            assert!(poll_once(pin!(cooperative(std::future::pending::<()>()))).is_pending());
            assert_eq!(spend_all(), BUDGET - 1);
            // Now it does not even look.
            let looked = AtomicBool::new(false);
            let look = poll_fn(|_| {
                looked.store(true, Ordering::Relaxed);
                Poll::Ready(())
            });
            assert!(poll_once(pin!(cooperative(look))).is_pending());
            assert!(!looked.load(Ordering::Relaxed));
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_unit_without_progress_is_given_back() {
    on_every_runtime(|| async {
        filch::spawn(poll_fn(|cx| {
            for _ in 0..10 * BUDGET {
                assert!(coop::poll_proceed(cx).is_ready());
            }
            for _ in 0..BUDGET {
                match coop::poll_proceed(cx) {
                    Poll::Ready(unit) => unit.made_progress(),
                    Poll::Pending => panic!("there was budget for this"),
                }
            }
            assert!(coop::poll_proceed(cx).is_pending());
            Poll::Ready(())
        }))
        .await
        .unwrap();
    });
}

#[test]
fn outside_of_a_task_there_is_no_limit() {
    assert!(has_budget_remaining());
    for _ in 0..10 * BUDGET {
        assert!(poll_once(pin!(consume_budget())).is_ready());
    }
}

#[test]
fn the_older_paths_still_work() {
    use filch::task::{Unconstrained, consume_budget, unconstrained};
    on_every_runtime(|| async {
        consume_budget().await;
        let unconstrained: Unconstrained<_> = unconstrained(ready(1));
        assert_eq!(unconstrained.await, 1);
    });
}

/// Outside of all polls there is no budget, and nobody who would fill one up.
#[test]
fn a_unit_that_outlives_its_poll_leaves_no_budget_behind() {
    let unit = current_thread().block_on(poll_fn(coop::poll_proceed));
    drop(unit);
    for _ in 0..2 * BUDGET {
        assert!(poll_once(pin!(consume_budget())).is_ready());
    }
}
