//! Starting the tasks of a set.

use super::JoinSet;
use crate::runtime::Handle;
use crate::spawn::blocking::spawn_blocking;
use crate::spawn::spawn;
use crate::task::AbortHandle;
use std::future::Future;

impl<T: 'static> JoinSet<T> {
    /// Spawns a task on the current runtime and adds it to the set.
    ///
    /// It starts running at once, whether or not the set is joined. The handle
    /// that is returned can abort it.
    ///
    /// # Panics
    ///
    /// Panics outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(spawn(task))
    }

    /// Spawns a task on the runtime of `handle` and adds it to the set.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(task))
    }

    /// Runs a blocking function on the current runtime's blocking pool and
    /// adds it to the set.
    ///
    /// A function that has started cannot be aborted; see
    /// [`spawn_blocking`].
    ///
    /// # Panics
    ///
    /// Panics outside of a runtime, and if no thread can be created and none exists that could
    /// run the function.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::task::JoinSet;
    ///
    /// #[filch::main]
    /// async fn main() {
    ///     let mut set = JoinSet::new();
    ///     for number in 1..=4_u64 {
    ///         set.spawn_blocking(move || (1..=number).product::<u64>());
    ///     }
    ///     let mut factorials = set.join_all().await;
    ///     factorials.sort();
    ///     assert_eq!(factorials, [1, 2, 6, 24]);
    /// }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(spawn_blocking(f))
    }

    /// Runs a blocking function on the blocking pool of `handle`'s runtime and
    /// adds it to the set.
    ///
    /// # Panics
    ///
    /// If no thread can be created and none exists that could run the function.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(f))
    }
}
