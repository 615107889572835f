//! A handle to a runtime.

use super::context::{self, Duty, EnterGuard, OnDuty};
use super::metrics::RuntimeMetrics;
use crate::scheduler::services::Services;
use crate::scheduler::{current_thread, root, shared};
use crate::task::{Id, JoinHandle};
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// A future larger than this is boxed before it is spawned, so that moving it
/// into its task does not copy it through several stack frames.
const MAX_UNBOXED_FUTURE_BYTES: usize = if cfg!(debug_assertions) { 2048 } else { 16_384 };

/// A handle to a runtime: spawns tasks onto it from anywhere.
///
/// Cheap to clone. It does not keep the runtime running: once the
/// [`Runtime`](crate::runtime::Runtime) is dropped, what is spawned through a
/// handle resolves as cancelled.
///
/// ```
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let handle = filch::runtime::Handle::current();
/// let sum = handle.spawn(async { 1 + 1 }).await.unwrap();
/// assert_eq!(sum, 2);
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(super) scheduler: Scheduler,
}

// As for `Runtime`.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

#[derive(Clone)]
pub(super) enum Scheduler {
    CurrentThread(Arc<current_thread::Shared>),
    MultiThread(Arc<shared::Shared>),
}

/// Which scheduler a runtime has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// All tasks run on the thread that is in `block_on`.
    CurrentThread,
    /// Tasks run on worker threads that steal work from one another.
    MultiThread,
}

impl Handle {
    /// The runtime this thread belongs to.
    ///
    /// # Panics
    ///
    /// Outside a runtime. [`try_current`](Self::try_current) returns an error instead.
    #[track_caller]
    pub fn current() -> Self {
        Handle::clone(&context::expect_handle())
    }

    /// The runtime this thread belongs to.
    ///
    /// # Errors
    ///
    /// Outside a runtime.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        context::with_current(Self::clone).ok_or(TryCurrentError { _private: () })
    }

    /// Enters the runtime's context: until the guard is dropped, `spawn`,
    /// sockets and timers on this thread belong to this runtime.
    ///
    /// # Panics
    ///
    /// The guard panics when guards are not dropped in the reverse order of
    /// their making.
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard::new(self)
    }

    /// Spawns `future` onto the runtime, where it starts at once.
    ///
    /// After the runtime's shutdown, the handle resolves as cancelled.
    #[inline]
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_from(future, Location::caller())
    }

    /// As [`spawn`](Self::spawn), for a caller at `location`.
    #[inline]
    pub(crate) fn spawn_from<F>(
        &self,
        future: F,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if size_of::<F>() > MAX_UNBOXED_FUTURE_BYTES {
            self.spawn_at(Box::pin(future), location)
        } else {
            self.spawn_at(future, location)
        }
    }

    #[inline]
    fn spawn_at<F>(&self, future: F, location: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let id = Id::next();
        match &self.scheduler {
            Scheduler::CurrentThread(shared) => shared.spawn(future, id, location),
            Scheduler::MultiThread(shared) => shared.spawn(future, id, location),
        }
    }

    /// Runs `function`, which may block, on a thread of the blocking pool.
    ///
    /// # Panics
    ///
    /// If no thread can be created and none exists that could run it.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, function: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.services().spawn_blocking(function, Id::next())
    }

    /// Runs `future` to its end on this thread, inside the runtime's context.
    ///
    /// On a current-thread runtime this does not run the runtime's own tasks,
    /// sockets and timers: some thread has to be in
    /// [`Runtime::block_on`](crate::runtime::Runtime::block_on) for that.
    ///
    /// # Panics
    ///
    /// If the thread polls asynchronous tasks already; if `future` panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _duty = OnDuty::start(Duty::Polls);
        let _entered = self.enter();
        root::block_on(future)
    }

    /// Which scheduler the runtime has.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match &self.scheduler {
            Scheduler::CurrentThread(_) => RuntimeFlavor::CurrentThread,
            Scheduler::MultiThread(_) => RuntimeFlavor::MultiThread,
        }
    }

    /// A view of what the runtime does and has done.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.clone())
    }

    pub(crate) fn services(&self) -> &Services {
        match &self.scheduler {
            Scheduler::CurrentThread(shared) => &shared.services,
            Scheduler::MultiThread(shared) => &shared.services,
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Handle");
        match &self.scheduler {
            Scheduler::CurrentThread(shared) => debug.field("current_thread", shared),
            Scheduler::MultiThread(shared) => debug.field("multi_thread", shared),
        };
        debug.finish()
    }
}

/// [`Handle::try_current`] was called outside a runtime.
#[derive(Clone, PartialEq, Eq)]
pub struct TryCurrentError {
    _private: (),
}

impl TryCurrentError {
    /// Whether the thread has no runtime context.
    pub fn is_missing_context(&self) -> bool {
        true
    }

    /// Whether the thread-local that holds the context was destroyed already.
    /// That is reported as a missing context here, so this is always false.
    pub fn is_thread_local_destroyed(&self) -> bool {
        false
    }
}

impl fmt::Debug for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryCurrentError(NoContext)")
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(context::OUTSIDE)
    }
}

impl std::error::Error for TryCurrentError {}
