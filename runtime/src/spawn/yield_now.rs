//! Letting other tasks run.

use crate::coop::yield_current;
use std::future::poll_fn;
use std::task::Poll;

/// Goes to the back of the queue once.
///
/// The current task is polled again after those that were ready before it had
/// their turn, as a rule; no order between tasks is promised.
///
/// Yielding does not wait for anything to happen. It works on any executor, at
/// the cost of a wake-up there.
///
/// # Cancel safety
///
/// Cancel safe: there is nothing to lose.
///
/// # Examples
///
/// ```
/// use filch::task;
///
/// #[filch::main(flavor = "current_thread")]
/// async fn main() {
///     let other = filch::spawn(async { "had its turn" });
///     task::yield_now().await;
///     assert!(other.is_finished());
/// }
/// ```
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        if !yield_current(cx) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}
