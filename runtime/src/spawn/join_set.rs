//! A set of tasks, joined in the order in which they complete.
//!
//! Every task has a *key*: its place in a slab of handles. Its join waker is
//! one that knows this key, and on completion puts it into the list of
//! [`Completions`], from which joining takes it. So the work per task is
//! constant, however many there are; polling every handle at every wake-up,
//! the obvious alternative, would make joining a large set quadratic.
//!
//! A key in the list is a hint. It may be that of a detached task whose place
//! has been taken since, and therefore the handle is asked whether its task has
//! finished. The reverse holds strictly: the task of every handle either has
//! its waker in place or its key in the list.

mod completions;
#[cfg(not(filch_loom))]
mod conversions;
#[cfg(not(filch_loom))]
mod start;

use crate::coop;
use crate::task::{AbortHandle, Id, JoinError, JoinHandle};
use completions::Completions;
use slab::Slab;
use std::future::poll_fn;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// A set of tasks that return the same type.
///
/// Tasks are added with [`spawn`](Self::spawn) and its siblings, and their
/// outputs taken with [`join_next`](Self::join_next), in the order in which
/// they complete. Dropping the set aborts every task in it, unless it was
/// [detached](Self::detach_all), but does not wait for the end: what is being polled
/// goes on to its next await. [`shutdown`](Self::shutdown) waits.
///
/// # Examples
///
/// ```
/// use filch::task::JoinSet;
///
/// #[filch::main]
/// async fn main() {
///     let mut set = JoinSet::new();
///     for number in 0..10 {
///         set.spawn(async move { number * number });
///     }
///
///     let mut sum = 0;
///     while let Some(square) = set.join_next().await {
///         sum += square.expect("no task panics");
///     }
///     assert_eq!(sum, 285);
/// }
/// ```
pub struct JoinSet<T> {
    /// The waker of each carries its key, or its key is in the list.
    handles: Slab<JoinHandle<T>>,
    completions: Arc<Completions>,
}

impl<T> JoinSet<T> {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self {
            handles: Slab::new(),
            completions: Arc::default(),
        }
    }

    /// Returns the number of tasks in the set, completed ones included until
    /// they are joined.
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Returns whether the set has no tasks.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Waits until one of the tasks completes, removes it and returns its
    /// output.
    ///
    /// Returns `None` at once if the set is empty.
    ///
    /// # Errors
    ///
    /// The inner result is an error if the task panicked or was aborted.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch of a `select!` completes first, no task
    /// has been removed from the set.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`join_next`](Self::join_next), with the task's [`Id`] beside its
    /// output. A [`JoinError`] has the id in it.
    ///
    /// # Errors
    ///
    /// The inner result is an error if the task panicked or was aborted.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch of a `select!` completes first, no task
    /// has been removed from the set.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Removes a task that has completed already and returns its output.
    ///
    /// Returns `None` if there is none, be it that the set is empty or that
    /// all of its tasks still run.
    ///
    /// # Errors
    ///
    /// The inner result is an error if the task panicked or was aborted.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.take_completed().map(|(_, result)| result)
    }

    /// As [`try_join_next`](Self::try_join_next), with the task's [`Id`] beside
    /// its output.
    ///
    /// # Errors
    ///
    /// The inner result is an error if the task panicked or was aborted.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        self.take_completed()
            .map(|(id, result)| result.map(|output| (id, output)))
    }

    /// Aborts all tasks and waits until they are gone.
    ///
    /// Outputs and panics are discarded. Use [`abort_all`](Self::abort_all) and
    /// [`join_next`](Self::join_next) to see them.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the tasks are aborted on the first poll; those that are
    /// not gone yet stay in the set.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks and returns their outputs in the order in which
    /// they completed.
    ///
    /// # Panics
    ///
    /// Panics as soon as one of the tasks panics, with the same payload, and if
    /// one was aborted. The other tasks are then aborted, as the set is dropped.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropping the future aborts the tasks that are left, and drops the
    /// outputs of the others. In a `select!`, take [`join_next`](Self::join_next).
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::task::JoinSet;
    /// use filch::time::{Duration, sleep};
    ///
    /// #[filch::main]
    /// async fn main() {
    ///     let set: JoinSet<_> = [30, 10, 20]
    ///         .into_iter()
    ///         .map(|delay| async move {
    ///             sleep(Duration::from_millis(delay)).await;
    ///             delay
    ///         })
    ///         .collect();
    ///     assert_eq!(set.join_all().await.len(), 3);
    /// }
    /// ```
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(result) = self.join_next().await {
            match result {
                Ok(output) => outputs.push(output),
                Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
                Err(error) => panic!("{error}"),
            }
        }
        outputs
    }

    /// Aborts all tasks in the set, without removing them.
    ///
    /// Each of them still has to be joined, and returns a cancelled
    /// [`JoinError`] unless it had completed already.
    pub fn abort_all(&mut self) {
        for (_, handle) in &self.handles {
            handle.abort();
        }
    }

    /// Removes all tasks from the set without aborting them.
    ///
    /// They run on, and their outputs are dropped.
    pub fn detach_all(&mut self) {
        self.handles.clear();
        self.completions.clear();
    }

    /// Polls for a task that has completed.
    ///
    /// - `Ready(Some(result))`: a task completed, and was removed from the set.
    /// - `Ready(None)`: the set is empty.
    /// - `Pending`: all tasks still run. The waker of the last call with this
    ///   outcome is woken when one completes. It may also mean that the
    ///   caller's cooperative budget is used up, and then the waker has been
    ///   woken already.
    ///
    /// # Errors
    ///
    /// The inner result is an error if the task panicked or was aborted.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_completed(cx)
            .map(|joined| joined.map(|(_, result)| result))
    }

    /// As [`poll_join_next`](Self::poll_join_next), with the task's [`Id`]
    /// beside its output.
    ///
    /// # Errors
    ///
    /// The inner result is an error if the task panicked or was aborted.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.poll_completed(cx)
            .map(|joined| joined.map(|(id, result)| result.map(|output| (id, output))))
    }

    fn insert(&mut self, mut handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        let entry = self.handles.vacant_entry();
        let key = entry.key();
        // Its output stays where it is, which takes care of what that does when it is dropped.
        let is_over = handle.poll_finished(&Completions::waker(&self.completions, key));
        entry.insert(handle);
        if is_over {
            self.completions.push(key);
        }
        abort
    }

    fn poll_completed(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        loop {
            if self.handles.is_empty() {
                return Poll::Ready(None);
            }
            let coop = ready!(coop::poll_proceed(cx));
            let key = ready!(self.completions.poll_pop(cx));
            coop.made_progress();
            if let Some(joined) = self.remove_if_finished(key) {
                return Poll::Ready(Some(joined));
            }
        }
    }

    fn take_completed(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        loop {
            let key = self.completions.pop()?;
            if let Some(joined) = self.remove_if_finished(key) {
                return Some(joined);
            }
        }
    }

    /// `None` means that the key was that of an earlier task in this place.
    fn remove_if_finished(&mut self, key: usize) -> Option<(Id, Result<T, JoinError>)> {
        if !self.handles.get(key)?.is_finished() {
            return None;
        }
        let mut handle = self.handles.remove(key);
        // On the set's own account, not on the caller's budget.
        let mut cx = Context::from_waker(Waker::noop());
        match coop::with_unconstrained(|| Pin::new(&mut handle).poll(&mut cx)) {
            Poll::Ready(result) => Some((handle.id(), result)),
            Poll::Pending => unreachable!("a task that has finished has a result"),
        }
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for (_, handle) in &self.handles {
            handle.abort();
        }
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;
#[cfg(all(test, not(filch_loom)))]
mod tests;
