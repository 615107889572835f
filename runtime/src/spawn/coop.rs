//! Cooperative scheduling: how tasks that never wait still share a thread.
//!
//! A task runs until it waits for something. One whose sockets and timers are
//! always ready would therefore never let go of its worker. Every poll of a
//! task has a *budget* of 128 units instead: each operation on a filch socket,
//! timer or join handle that succeeds takes one, and once they are used up
//! these report that they are not ready, the task goes to the back of its
//! queue, and its next poll starts with a new budget.
//!
//! Nothing has to be done for that, except where a task does not use any of
//! these: a loop over a channel of [`filch::sync`](crate::sync), which takes no
//! budget, or over a computation. There, [`consume_budget`] takes a unit by
//! hand, and [`cooperative`] makes any future take one for its result.
//! [`unconstrained`] is the opposite: it exempts a future.
//!
//! A future that implements a leaf operation itself takes part with
//! [`poll_proceed`].
//!
//! # Examples
//!
//! ```
//! use filch::sync::mpsc;
//! use filch::task::coop;
//!
//! async fn drain(mut numbers: mpsc::UnboundedReceiver<u64>) -> u64 {
//!     let mut sum = 0;
//!     while let Some(number) = numbers.recv().await {
//!         sum += number;
//!         coop::consume_budget().await;
//!     }
//!     sum
//! }
//!
//! #[filch::main]
//! async fn main() {
//!     let (sender, receiver) = mpsc::unbounded_channel();
//!     (0..1000).for_each(|number| sender.send(number).unwrap());
//!     drop(sender);
//!     assert_eq!(filch::spawn(drain(receiver)).await.unwrap(), 499_500);
//! }
//! ```

#[doc(inline)]
pub use crate::coop::{
    Coop, RestoreOnPending, Unconstrained, consume_budget, cooperative, has_budget_remaining,
    poll_proceed, unconstrained,
};
