//! Aborting a task without being able to await it.

use super::id::Id;
use super::raw::Reference;
use std::fmt;

/// Permission to abort a task, without that to await it.
///
/// Unlike [`JoinHandle`](super::JoinHandle) it can be cloned. Dropping it does
/// nothing to the task.
///
/// # Examples
///
/// ```
/// #[filch::main]
/// async fn main() {
///     let stuck = filch::spawn(std::future::pending::<()>());
///     let abort_handle = stuck.abort_handle();
///     filch::spawn(async move { abort_handle.abort() });
///     assert!(stuck.await.unwrap_err().is_cancelled());
/// }
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    task: Reference,
}

impl AbortHandle {
    pub(super) fn new(task: Reference) -> Self {
        Self { task }
    }

    /// Aborts the task: its future is dropped at its next await.
    ///
    /// Awaiting the [`JoinHandle`](super::JoinHandle) then results in an error
    /// of which [`is_cancelled`](super::JoinError::is_cancelled) is true,
    /// unless the task had completed, or completes in the poll under way.
    /// The future is dropped by the runtime, not before this returns. A
    /// blocking task that has begun to run is not affected.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Whether the task has ended, aborted or not.
    ///
    /// An aborted task has not ended before its future has been dropped.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.header().state.load().is_complete()
    }

    /// The id of the task.
    #[must_use]
    pub fn id(&self) -> Id {
        self.task.header().id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .finish()
    }
}
