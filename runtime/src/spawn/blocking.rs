//! Code that blocks: on another thread, or in place.

use crate::runtime::context;
use crate::task::JoinHandle;

/// Runs a function that blocks on a thread of its own.
///
/// A worker thread that blocks, in a system call, on a lock or in a long
/// computation, keeps every task queued behind it waiting. The runtime has a
/// pool of threads for such work. It grows on demand up to
/// [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads);
/// beyond that, functions queue.
///
/// A function that has started runs to its end: aborting its handle only
/// prevents one that is still queued, and shutting the runtime down waits for
/// those that run, unless
/// [`shutdown_timeout`](crate::runtime::Runtime::shutdown_timeout) or
/// [`shutdown_background`](crate::runtime::Runtime::shutdown_background) is
/// used. For computations, take a pool that is sized for them, or bound their
/// number with a [`Semaphore`](crate::sync::Semaphore).
///
/// # Panics
///
/// Panics outside of a runtime: call it from async code that filch runs, or
/// while a [`Handle::enter`](crate::runtime::Handle::enter) guard is alive, or use
/// [`Handle::spawn_blocking`](crate::runtime::Handle::spawn_blocking). Panics as well if no
/// thread can be created and none exists that could run the function.
///
/// # Examples
///
/// ```
/// #[filch::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let manifest = filch::task::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
///     assert!(manifest.await??.contains("[package]"));
///     Ok(())
/// }
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    context::expect_handle().spawn_blocking(f)
}

/// Runs a function that blocks on the current thread, after handing this
/// worker's queue to another thread.
///
/// Unlike with [`spawn_blocking`] the function may borrow from the caller and
/// runs where it stands. Other branches of the same task, in a `join!` or a
/// `select!`, wait for it all the same. Inside the function,
/// [`Handle::block_on`](crate::runtime::Handle::block_on) is allowed.
///
/// Outside of a runtime, and on a thread of the blocking pool, it just calls
/// the function.
///
/// # Panics
///
/// Panics on a current-thread runtime, which has no other thread to hand its
/// queue to: use [`spawn_blocking`] there.
///
/// # Examples
///
/// ```
/// #[filch::main]
/// async fn main() {
///     let words = vec!["a", "few", "words"];
///     filch::spawn(async move {
///         let length = filch::task::block_in_place(|| words.concat().len());
///         assert_eq!(length, 9);
///     })
///     .await
///     .unwrap();
/// }
/// ```
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    crate::runtime::block_in_place(f)
}
