//! Tasks: the unit of scheduling.
//!
//! A task is one allocation: a [`header`], the scheduler's handle, the future
//! that its output replaces, and the join waker. What state it is in, who waits
//! for it and how many refer to it is one word, see [`state`].
//!
//! **Vocabulary.** A *reference* keeps the allocation alive. A [`Notified`] is
//! a reference with the right to poll once; it is what run queues hold. A task
//! is *running* while somebody has the right to touch its future: the thread
//! that polls it, drops it or stores its output. It is *scheduled* while
//! another poll is due, else *idle*, and finally *complete*. A task that is
//! ready again right after a poll goes on running while it is queued: its
//! `Notified` is *entitled*. *Shutting down* a task drops its future here and
//! now; *aborting* it has the runtime do so.
//!
//! **Invariants**, which SAFETY comments cite by name:
//!
//! - **Counted.** The word counts the references: one each for the list of
//!   owned tasks, the `Notified`, the thread that runs the task, the
//!   [`JoinHandle`], and every [`AbortHandle`] and waker. Transitions pass them
//!   from one to another; the cell exists until the last is released.
//! - **Stage.** Future and output belong to who runs the task. Only one does:
//!   the transition that sets RUNNING is made by one, and an entitled `Notified`
//!   is the only way to pass that right on. Once the task is COMPLETE they belong
//!   to the `JoinHandle`, whose exclusive borrow is needed to take the output.
//!   Without a `JoinHandle` the output is dropped before COMPLETE is set.
//!   Whoever releases the last reference has everything to itself.
//! - **Join waker.** While JOIN_WAKER is unset the slot belongs to the
//!   `JoinHandle`. While it is set, the handle and who completes the task may
//!   both look at it and wake by reference, but nothing else. The handle sets
//!   and unsets it as long as the task is not COMPLETE; after that only who
//!   completes the task unsets it. If the handle goes away first, without being
//!   able to unset it, the slot becomes exclusively the completer's.
//! - **Sendable.** Future, output and scheduler handle are `Send`, and the
//!   scheduler handle is `Sync`, as the functions that make a task demand.
//!
//! **What it costs**, in atomic read-modify-writes of the state word, which is
//! what a task's overhead consists of:
//!
//! | what happens | how many |
//! |---|---|
//! | a wake that schedules the task | 1, or 2 if it uses the waker up |
//! | a wake that finds it scheduled | 1 |
//! | a poll that ends waiting | 2 |
//! | a poll that yields | 0, after the first |
//! | a poll during which it is woken | 1, after the first |
//! | a poll that completes, and the completion | 2; 3 if there is a join waker; 1 if nobody else refers to the task |
//! | setting the join waker; replacing it | 1; 2 |
//! | dropping the `JoinHandle` | 1; 0 if its reference is the last; 2 if the task is not complete and has a join waker |
//! | cloning or dropping a waker | 1 |
//!
//! Entering and leaving the list of owned tasks is a lock and an unlock each.
//!
//! Rejected: a table of waker functions for each future type (code for nothing,
//! and no identity to tell our wakers by); cache line alignment (slower to
//! allocate, and half as much again for a small task); keeping the scheduler
//! alive through a reschedule by a reference of the task (two more
//! read-modify-writes a yield, see [`Notified::run_on`]); creating tasks
//! entitled (one less for a spawn, but a shutdown could not drop the future of
//! a task that waits for its first poll).
//!
//! This module knows of schedulers only that they are [`Schedule`].

mod abort;
mod cell;
pub(crate) mod current;
mod error;
mod header;
mod id;
mod join;
mod join_waker;
mod notified;
mod owned;
mod poll;
mod raw;
mod state;
mod unwind;
mod waker;

pub use self::abort::AbortHandle;
pub use self::error::JoinError;
pub use self::id::Id;
pub use self::join::JoinHandle;
pub(crate) use self::notified::{Notified, Task};
pub(crate) use self::owned::{OwnedTasks, unowned};

#[cfg(not(filch_loom))]
pub use self::public::*;

/// What programs call, from the floor above.
#[cfg(not(filch_loom))]
mod public {
    pub use crate::spawn::blocking::{block_in_place, spawn_blocking};
    pub use crate::spawn::coop;
    #[doc(hidden)] // Older paths, as tokio has them too.
    pub use crate::spawn::coop::{Unconstrained, consume_budget, unconstrained};
    pub use crate::spawn::join_set::JoinSet;
    pub use crate::spawn::local::{AccessError, LocalKey};
    pub use crate::spawn::spawn;
    pub use crate::spawn::yield_now::yield_now;
    pub use crate::task::current::{id, try_id};

    /// Futures that this module's functions return.
    pub mod futures {
        pub use crate::spawn::local::TaskLocalFuture;
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;
#[cfg(test)]
mod model;
#[cfg(all(test, not(filch_loom)))]
mod tests;

/// Why a task is ready again right after its poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It asked to go behind everything else that is ready.
    Yielded,
    /// It was woken while it was polled.
    Woken,
}

/// What tasks need of the scheduler that polls them. Each task holds one.
pub(crate) trait Schedule: Sized + Send + Sync + 'static {
    /// Takes a task that a waker or an abort made ready. Called on any thread.
    fn schedule(&self, task: Notified<Self>);

    /// Takes a task that is ready again right after its poll, because it
    /// yielded or was woken meanwhile. Called on the thread that polled it.
    fn reschedule(&self, task: Notified<Self>, again: Again);

    /// Takes a task out of the list of owned tasks, before it completes, and
    /// returns the list's reference; `None` if it is in none any more.
    fn release(&self, task: &Task<Self>) -> Option<Task<Self>>;
}
