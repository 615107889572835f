//! Starting a task on the current runtime.

use crate::runtime::context::expect_current;
use crate::task::JoinHandle;
use std::future::Future;
use std::panic::Location;

/// Spawns a task on the current runtime, to run beside the caller.
///
/// It starts at once, on whichever worker gets to it first, whether or not the
/// [`JoinHandle`] is awaited. Dropping the handle detaches the task; the
/// runtime drops what is left of it when it shuts down.
///
/// The future is `Send` because it moves between worker threads; so nothing
/// that is not `Send` may be held across an `.await` in it.
///
/// # Panics
///
/// Panics outside of a runtime: call it from async code that filch runs, or
/// while a [`Handle::enter`](crate::runtime::Handle::enter) guard is alive, or
/// use [`Handle::spawn`](crate::runtime::Handle::spawn).
///
/// # Examples
///
/// ```
/// #[filch::main]
/// async fn main() {
///     let (left, right) = (filch::spawn(async { 1 + 1 }), filch::spawn(async { 2 + 2 }));
///     assert_eq!(left.await.unwrap() + right.await.unwrap(), 6);
/// }
/// ```
///
/// A value that is not `Send` may be used between two awaits, not across one:
///
/// ```compile_fail
/// use std::rc::Rc;
///
/// #[filch::main]
/// async fn main() {
///     filch::spawn(async {
///         let shared = Rc::new(1);
///         filch::task::yield_now().await;
///         println!("{shared}");
///     });
/// }
/// ```
#[inline]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    // Borrowed rather than cloned: a count that all workers change is dear.
    expect_current(|handle| handle.spawn_from(future, location))
}
