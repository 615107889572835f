//! Tests of the budget.

use super::*;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

/// A waker of its own, which counts.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn counter() -> (Arc<Counter>, Waker) {
    let counter = Arc::new(Counter::default());
    (counter.clone(), Waker::from(counter))
}

fn remaining() -> Budget {
    SCOPE.with(|scope| scope.budget())
}

/// Spends one unit; `false` if there was none.
fn spend(cx: &mut Context<'_>) -> bool {
    match poll_proceed(cx) {
        Poll::Ready(coop) => {
            coop.made_progress();
            true
        }
        Poll::Pending => false,
    }
}

#[test]
fn a_poll_has_128_units_and_the_next_one_again() {
    let (count, waker) = counter();
    for _ in 0..2 {
        let (spent, yielded) = poll_task(&waker, || {
            let mut cx = Context::from_waker(&waker);
            (0..1000).take_while(|_| spend(&mut cx)).count()
        });
        assert_eq!((spent, yielded), (128, true));
    }
    assert_eq!(
        count.0.load(Relaxed),
        0,
        "yielding to the scope's own waker is not a wake"
    );
    assert_eq!(take_forced_yields(), 2);
    assert_eq!(take_forced_yields(), 0);
}

#[test]
fn a_unit_without_progress_is_given_back() {
    let (_, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    poll_task(&waker, || {
        let coop = poll_proceed(&mut cx);
        assert_eq!(remaining(), Budget(127));
        drop(coop);
        assert_eq!(remaining(), Budget(128));
        assert!(spend(&mut cx));
        assert_eq!(remaining(), Budget(127));
    });
    assert_eq!(remaining(), Budget::UNCONSTRAINED);
}

#[test]
fn outside_of_a_scope_nothing_is_limited_or_yields() {
    let (count, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    assert!((0..1000).all(|_| spend(&mut cx)));
    assert!(has_budget_remaining());
    assert!(!yield_current(&cx));
    assert_eq!(count.0.load(Relaxed), 0);
}

#[test]
fn a_foreign_waker_is_woken_instead() {
    let (_, own) = counter();
    let (count, foreign) = counter();
    let mut cx = Context::from_waker(&foreign);
    let ((), yielded) = poll_task(&own, || {
        while spend(&mut cx) {}
        assert!(!has_budget_remaining());
        // A second leaf future that is turned away in the same poll.
        assert!(!spend(&mut cx));
    });
    assert!(!yielded);
    assert_eq!(count.0.load(Relaxed), 2);
    assert_eq!(take_forced_yields(), 1, "it is one poll that was cut short");
}

#[test]
fn the_waker_of_an_outer_scope_is_foreign() {
    let (outer_count, outer) = counter();
    let (_, inner) = counter();
    let ((), yielded) = poll_task(&outer, || {
        let cx = Context::from_waker(&outer);
        let ((), yielded) = poll_task(&inner, || assert!(!yield_current(&cx)));
        assert!(!yielded);
        assert!(yield_current(&cx), "the outer scope is back");
    });
    assert!(yielded);
    assert_eq!(outer_count.0.load(Relaxed), 0);
}

#[test]
fn unconstrained_spends_nothing() {
    let (_, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    let ((), yielded) = poll_task(&waker, || {
        let spender = poll_fn(|cx| {
            assert!((0..1000).all(|_| spend(cx)));
            Poll::Ready(())
        });
        assert!(pin!(unconstrained(spender)).poll(&mut cx).is_ready());
        assert_eq!(remaining(), Budget(128));
    });
    assert!(!yielded);
}

#[test]
fn cooperative_takes_a_unit_for_a_result_only() {
    let (_, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    poll_task(&waker, || {
        assert!(
            pin!(cooperative(std::future::pending::<()>()))
                .poll(&mut cx)
                .is_pending()
        );
        assert_eq!(remaining(), Budget(128));
        assert!(
            pin!(cooperative(std::future::ready(())))
                .poll(&mut cx)
                .is_ready()
        );
        assert_eq!(remaining(), Budget(127));
    });
}

#[test]
fn consume_budget_yields_when_there_is_none() {
    let (_, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    let units = Cell::new(0);
    let mut consumer = pin!(async {
        loop {
            consume_budget().await;
            units.set(units.get() + 1);
        }
    });
    for _ in 0..3 {
        let (poll, yielded): (Poll<()>, bool) =
            poll_task(&waker, || consumer.as_mut().poll(&mut cx));
        assert!(poll.is_pending() && yielded);
    }
    assert_eq!(units.get(), 3 * 128);
}

#[test]
fn a_nested_budget_leaves_the_outer_one_alone() {
    let (_, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    poll_task(&waker, || {
        assert!(spend(&mut cx));
        with_budget(|| while spend(&mut cx) {});
        assert_eq!(remaining(), Budget(127));
    });
}

#[test]
fn a_panic_restores_the_scope() {
    let (_, waker) = counter();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        poll_task(&waker, || {
            with_unconstrained(|| resume_unwind(Box::new("expected")));
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(remaining(), Budget::UNCONSTRAINED);
    assert!(!yield_current(&Context::from_waker(&waker)));
}

#[test]
fn the_guard_shows_its_name() {
    let (_, waker) = counter();
    let taken = poll_proceed(&mut Context::from_waker(&waker));
    assert!(format!("{taken:?}").contains("RestoreOnPending"));
}

std::thread_local! {
    static ENDS: Cell<usize> = const { Cell::new(0) };
}

fn end() {
    ENDS.set(ENDS.get() + 1);
}

/// How many ends there were since the last time.
fn ends() -> usize {
    ENDS.replace(0)
}

#[test]
fn what_is_to_be_done_at_the_end_of_a_poll_is_done_once() {
    assert!(!is_in_poll() && !at_end_of_poll(end));
    poll_task(Waker::noop(), || {
        assert!(is_in_poll() && at_end_of_poll(end) && at_end_of_poll(end));
        assert_eq!(ends(), 0);
    });
    assert_eq!(ends(), 1);
    poll_task(Waker::noop(), || ());
    assert_eq!(ends(), 0);

    let panics = || poll_task(Waker::noop(), || assert!(!at_end_of_poll(end)));
    catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    assert_eq!(ends(), 1);
}

#[test]
fn who_leaves_polls_ends_the_one_that_it_is_inside_of() {
    let mut cx = Context::from_waker(Waker::noop());
    poll_task(Waker::noop(), || {
        assert!(at_end_of_poll(end) && yield_current(&cx) && spend(&mut cx));
        let left = has_budget_remaining();
        outside_of_polls(|| {
            assert_eq!(ends(), 1);
            assert!(!is_in_poll() && !at_end_of_poll(end) && !yield_current(&cx));
            let mut cx = Context::from_waker(Waker::noop());
            assert!((0..1000).all(|_| spend(&mut cx)), "there is no budget");
        });
        assert!(is_in_poll() && has_budget_remaining() == left);
        let yielded = SCOPE.with(|scope| scope.course.get().yielded);
        assert_eq!((ends(), yielded), (0, true));
        while spend(&mut cx) {}
    });
    let panics = || outside_of_polls(|| resume_unwind(Box::new("expected")));
    poll_task(Waker::noop(), || {
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        assert!(is_in_poll());
    });
}

#[test]
fn it_is_done_at_the_end_of_a_poll_inside() {
    poll_task(Waker::noop(), || {
        assert!(at_end_of_poll(end));
        with_unconstrained(|| ());
        assert_eq!(ends(), 0, "that is no poll");
        poll_task(Waker::noop(), || ());
        assert_eq!(ends(), 1);
        assert!(at_end_of_poll(end));
        with_budget(|| ());
        assert_eq!(ends(), 1);
    });
    assert_eq!(ends(), 0);
}
