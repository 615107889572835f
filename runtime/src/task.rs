//! Tasks: what a runtime runs.
//!
//! A task is a future that makes progress by itself, next to others, on the
//! threads of a runtime. It costs one allocation and a fraction of a
//! microsecond, and switching between tasks is no system call: start one for
//! every connection, every request, every page.
//!
//! # Starting and awaiting
//!
//! [`spawn`] starts a task and returns a [`JoinHandle`], a future of its output.
//! The task runs whether or not the handle is awaited; dropping the handle
//! detaches it. A [`JoinSet`] holds any number of tasks of the same type and
//! returns their outputs as they come.
//!
//! ```
//! #[filch::main]
//! async fn main() {
//!     let squares: Vec<_> = (1..=3).map(|n| filch::spawn(async move { n * n })).collect();
//!     let mut sum = 0;
//!     for square in squares {
//!         sum += square.await.unwrap();
//!     }
//!     assert_eq!(sum, 14);
//! }
//! ```
//!
//! # Cancellation and panics
//!
//! [`JoinHandle::abort`] and [`AbortHandle::abort`] have the future of a task
//! dropped at its next await; so does shutting its runtime down. A panic in a
//! task ends that task and no other. Whoever awaits the handle gets a
//! [`JoinError`] in each of these cases.
//!
//! # Sharing a thread
//!
//! A task keeps its thread until it awaits something that is not ready. Work
//! that takes long, or that blocks, belongs in [`spawn_blocking`] or
//! [`block_in_place`]; a loop that never waits can let others run with
//! [`yield_now`]. How tasks whose awaits are always ready are kept from starving
//! others is described in [`coop`].

mod abort;
mod cell;
mod create;
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
mod site;
mod state;
mod waker;

pub use self::abort::AbortHandle;
pub(crate) use self::create::create;
pub use self::error::JoinError;
pub use self::id::Id;
pub use self::join::JoinHandle;
pub(crate) use self::notified::{Notified, Task};
pub(crate) use self::owned::OwnedTasks;

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
pub(crate) mod loom_tests;
#[cfg(test)]
pub(crate) mod model;
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

    /// The address by which [`schedule_here`](Self::schedule_here) finds the scheduler.
    fn address(&self) -> *const () {
        std::ptr::null()
    }

    /// As [`schedule`](Self::schedule), without a handle, if this thread runs tasks of
    /// the scheduler at `address`, and keeps it in existence meanwhile.
    ///
    /// # Errors
    ///
    /// The task, on any other thread.
    fn schedule_here(_address: *const (), task: Notified<Self>) -> Result<(), Notified<Self>> {
        Err(task)
    }

    /// Takes a task that is ready again right after its poll, because it
    /// yielded or was woken meanwhile. Called on the thread that polled it.
    fn reschedule(&self, task: Notified<Self>, again: Again);

    /// Takes a task that is about to wait for the first time into the list of
    /// owned tasks, so that a shutdown finds it. Called on the thread that
    /// polled it, at most once for each task.
    ///
    /// # Errors
    ///
    /// The task, if the list is closed: it is cancelled then.
    fn keep(&self, task: Task<Self>) -> Result<(), Task<Self>>;

    /// Takes note of a task about to complete, once for each task. If it is in
    /// the list of owned tasks, takes it out and returns the list's reference.
    fn release(&self, task: &Task<Self>) -> Option<Task<Self>>;
}
