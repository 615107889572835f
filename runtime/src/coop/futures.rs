//! Futures that spend budget, and one that does not.

use super::{poll_proceed, with_unconstrained};
use pin_project_lite::pin_project;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Takes one unit of budget, and yields to the scheduler if none is left.
///
/// For loops that do their work in between without ever awaiting something
/// that takes budget itself.
///
/// # Examples
///
/// ```
/// use filch::task::coop;
///
/// async fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
///     let mut sum = 0;
///     for number in numbers {
///         sum += number;
///         coop::consume_budget().await;
///     }
///     sum
/// }
///
/// #[filch::main]
/// async fn main() {
///     assert_eq!(filch::spawn(sum(1..=1000)).await.unwrap(), 500_500);
/// }
/// ```
///
/// # Cancel safety
///
/// Cancel safe: a unit may have been spent, nothing else is lost.
pub async fn consume_budget() {
    poll_fn(|cx| {
        let coop = ready!(poll_proceed(cx));
        coop.made_progress();
        Poll::Ready(())
    })
    .await;
}

pin_project! {
    /// A future polled without a budget. Returned by [`unconstrained`].
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

/// Exempts a future from the budget: it is never made to yield.
///
/// The future has to see to it itself that other tasks get their turn.
///
/// # Examples
///
/// ```
/// use filch::task::coop;
///
/// #[filch::main]
/// async fn main() {
///     let task = filch::spawn(coop::unconstrained(async {
///         for _ in 0..1000 {
///             coop::consume_budget().await;
///             assert!(coop::has_budget_remaining());
///         }
///     }));
///     task.await.unwrap();
/// }
/// ```
#[inline]
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        with_unconstrained(|| self.project().future.poll(cx))
    }
}

pin_project! {
    /// A future that takes a unit of budget for its result. Returned by
    /// [`cooperative`].
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct Coop<F> {
        #[pin]
        future: F,
    }
}

/// Makes a future that knows nothing of the budget take part in it.
///
/// Each poll of the returned future takes a unit first, and gives it back if
/// the inner future is pending.
///
/// # Examples
///
/// ```
/// use filch::sync::mpsc;
/// use filch::task::coop;
///
/// #[filch::main]
/// async fn main() {
///     let (sender, mut receiver) = mpsc::unbounded_channel();
///     sender.send("news").unwrap();
///     assert_eq!(coop::cooperative(receiver.recv()).await, Some("news"));
/// }
/// ```
#[inline]
pub fn cooperative<F: Future>(future: F) -> Coop<F> {
    Coop { future }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let coop = ready!(poll_proceed(cx));
        let output = ready!(self.project().future.poll(cx));
        coop.made_progress();
        Poll::Ready(output)
    }
}
