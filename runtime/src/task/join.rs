#![expect(
    unsafe_code,
    reason = "takes the output, and shares the join waker with who completes"
)]
//! Awaiting a task.

use super::abort::AbortHandle;
use super::error::JoinError;
use super::header::TakeOutput;
use super::id::Id;
use super::raw::{self, Reference};
use super::state::{Disposed, TransitionToDetached, TransitionToJoinWaker};
use crate::coop;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, transmute};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// Permission to await a task, and to abort it.
///
/// A future of the task's output, or of a [`JoinError`] if the task panicked or
/// was cancelled. Dropping the handle *detaches* the task: it goes on, and its
/// output is dropped.
///
/// # Cancel safety
///
/// Awaiting `&mut JoinHandle` is cancel safe: the output stays in the task until
/// a poll returns it.
///
/// # Panics
///
/// When polled again after it returned the output.
///
/// # Examples
///
/// ```
/// #[filch::main]
/// async fn main() {
///     let sum = filch::spawn(async { 40 + 2 });
///     assert_eq!(sum.await.unwrap(), 42);
///
///     let stuck = filch::spawn(std::future::pending::<()>());
///     stuck.abort();
///     assert!(stuck.await.unwrap_err().is_cancelled());
/// }
/// ```
pub struct JoinHandle<T> {
    /// Released by the last transition of `drop`.
    task: ManuallyDrop<Reference>,
    /// `T` is the output type itself, not one that it is a subtype of: [`TakeOutput`] is called
    /// as what it is.
    output: PhantomData<fn(T) -> T>,
}

// SAFETY: the handle moves a `T` from the task to whoever polls it; all else
// that it can reach is as thread-safe as `Reference`.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: as above; a shared handle gives no access to the output.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// `T` is the output type of the task, which has just been made: there is
    /// no other handle of it.
    #[inline]
    pub(super) unsafe fn new(task: Reference) -> Self {
        Self {
            task: ManuallyDrop::new(task),
            output: PhantomData,
        }
    }

    /// Aborts the task: its future is dropped at its next await.
    ///
    /// Awaiting the handle then results in an error of which
    /// [`is_cancelled`](JoinError::is_cancelled) is true, unless the task had
    /// completed, or completes in the poll under way. The future is dropped by
    /// the runtime, not before this returns: await the handle to be sure. A
    /// blocking task that has begun to run is not affected.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Whether the task has ended, so that awaiting it would not wait.
    ///
    /// An aborted task has not ended before its future has been dropped.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.header().state.load().is_complete()
    }

    /// Whether the task has ended; if it has not, `waker` will be woken when it does, or whichever
    /// comes in its place. Leaves the output where it is.
    pub(crate) fn poll_finished(&mut self, waker: &Waker) -> bool {
        poll_complete(&self.task, waker)
    }

    /// A handle that can abort the task, and outlive this one.
    #[must_use = "an abort handle does nothing by itself"]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(Reference::clone(&self.task))
    }

    /// The id of the task.
    #[must_use]
    pub fn id(&self) -> Id {
        self.task.header().id
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx));
        if !poll_complete(&self.task, cx.waker()) {
            return Poll::Pending;
        }
        coop.made_progress();
        let take_output = self.task.header().site.vtable.take_output;
        // SAFETY: that is its type, as `T` is the output type of the task, to the letter.
        let take_output = unsafe { transmute::<unsafe fn(), TakeOutput<T>>(take_output) };
        // SAFETY: the task is complete, so the output is the handle's (**Stage**).
        unsafe { take_output(self.task.as_raw()) }
    }
}

/// Whether the task is complete; if it is not, `waker` will be woken once it is.
fn poll_complete(task: &Reference, waker: &Waker) -> bool {
    let state = &task.header().state;
    let snapshot = state.load();
    if snapshot.is_complete() {
        return true;
    }
    if snapshot.has_join_waker() {
        // SAFETY: the flag is ours to unset, so access is shared at least.
        if unsafe { task.join_waker().will_wake(waker) } {
            return false;
        }
        // Cloned before anything is changed: it may panic.
        let waker = waker.clone();
        return match state.transition_to_join_waker_unset() {
            TransitionToJoinWaker::Done => store_join_waker(task, waker),
            TransitionToJoinWaker::Complete => true,
        };
    }
    store_join_waker(task, waker.clone())
}

/// Stores the join waker and shares it; `true` if the task completed before.
///
/// Called with the flag unset, by the handle.
fn store_join_waker(task: &Reference, waker: Waker) -> bool {
    // SAFETY: while the flag is unset, access is the handle's alone.
    let previous = unsafe { task.join_waker().replace(Some(waker)) };
    let complete = match task.header().state.transition_to_join_waker_set() {
        TransitionToJoinWaker::Done => false,
        TransitionToJoinWaker::Complete => true,
    };
    // Last: dropping a waker may panic.
    drop(previous);
    complete
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let header = self.task.as_raw();
        let mut disposed = Disposed::default();
        loop {
            // SAFETY: the handle's reference is held until this transition.
            match unsafe { raw::state(header) }.transition_to_detached(disposed) {
                TransitionToDetached::Released => return,
                // SAFETY: ours is the only reference.
                TransitionToDetached::Dealloc => return unsafe { raw::dealloc(header) },
                TransitionToDetached::DropOutput => {
                    // SAFETY: the task is complete, so the output is the
                    // handle's (**Stage**).
                    unsafe { (self.task.header().site.vtable.drop_output)(header) };
                    disposed.output = true;
                }
                TransitionToDetached::DropJoinWaker => {
                    // SAFETY: the flag is unset, so access is the handle's.
                    unsafe { self.task.join_waker().clear() };
                    disposed.join_waker = true;
                }
            }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .finish()
    }
}
