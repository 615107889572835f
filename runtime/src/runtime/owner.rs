//! The runtime's owner: runs futures, and shuts down.

use super::builder::Builder;
use super::context::{self, Duty, EnterGuard, Entered, OnDuty};
use super::handle::{Handle, Scheduler};
use super::metrics::RuntimeMetrics;
use crate::scheduler::root;
use crate::task::JoinHandle;
use crate::unwind::{Panics, discard};
use std::future::Future;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

/// A runtime: its threads, its driver, its tasks.
///
/// Dropping it shuts it down: every task's future is dropped inside the
/// runtime's context, at its next await point if it is being polled; worker
/// threads and the threads of the blocking pool are joined. Closures on the
/// pool that run already are waited for; use [`shutdown_timeout`] or
/// [`shutdown_background`] not to. Sockets and timers end as soon as no task is being polled any
/// more: whoever waits for one, in a destructor for instance, gets an error or, for a timer,
/// a panic.
///
/// # Panics
///
/// Dropping a runtime on a thread that polls asynchronous tasks panics, for it
/// would block that thread. Move it to [`task::spawn_blocking`], or call
/// [`shutdown_background`].
///
/// [`shutdown_timeout`]: Self::shutdown_timeout
/// [`shutdown_background`]: Self::shutdown_background
/// [`task::spawn_blocking`]: crate::task::spawn_blocking
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
    /// The workers' threads; those that lost their core end on their own.
    threads: Vec<thread::JoinHandle<()>>,
    /// Shut down already.
    down: bool,
}

// A panic in a task or a hook is caught inside: no runtime is left half-changed.
impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

/// How long a shutdown waits.
#[derive(Clone, Copy)]
enum Patience {
    Unlimited,
    Until(Instant),
    None,
}

impl Runtime {
    pub(super) fn from_parts(handle: Handle, threads: Vec<thread::JoinHandle<()>>) -> Self {
        Self {
            handle,
            threads,
            down: false,
        }
    }

    /// A multi-threaded runtime with sockets and timers and the default settings.
    ///
    /// # Errors
    ///
    /// If the operating system refuses a descriptor or a thread.
    pub fn new() -> io::Result<Self> {
        Builder::new_multi_thread().enable_all().build()
    }

    /// A handle to this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns `future` onto the runtime, where it starts at once: on a
    /// current-thread runtime when some thread is in [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
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
        self.handle.spawn_blocking(function)
    }

    /// Runs `future` to its end on this thread, inside the runtime's context.
    ///
    /// On a current-thread runtime, its tasks run on this thread meanwhile; if
    /// several threads call this, one of them runs the tasks.
    ///
    /// # Panics
    ///
    /// If the thread polls asynchronous tasks already; if `future` panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.handle.scheduler {
            Scheduler::CurrentThread(shared) => {
                let _duty = OnDuty::start(Duty::PollsAlone);
                let _entered = self.handle.enter();
                shared.block_on(future)
            }
            Scheduler::MultiThread(_) => {
                let _duty = OnDuty::start(Duty::Polls);
                let _entered = self.handle.enter();
                root::block_on(future)
            }
        }
    }

    /// Enters the runtime's context: until the guard is dropped, `spawn`,
    /// sockets and timers on this thread belong to this runtime.
    ///
    /// # Panics
    ///
    /// The guard panics when guards are not dropped in the reverse order of
    /// their making.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// A view of what the runtime does and has done.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Shuts down, waiting at most `duration` for polls and blocking closures
    /// that run already. What still runs then goes on in the background.
    ///
    /// # Panics
    ///
    /// On a thread that polls asynchronous tasks, unless `duration` is zero.
    #[track_caller]
    pub fn shutdown_timeout(mut self, duration: Duration) {
        let patience = match Instant::now().checked_add(duration) {
            _ if duration.is_zero() => Patience::None,
            Some(until) => Patience::Until(until),
            None => Patience::Unlimited,
        };
        self.shut_down(patience);
    }

    /// Shuts down without waiting: tasks end at their next await point, and
    /// blocking closures that run already go on in the background. May be
    /// called inside asynchronous code.
    ///
    /// Tasks are dropped on the threads of their workers, or on this one where such a thread has
    /// not come to its worker yet, or blocks in place with nobody to take it over.
    pub fn shutdown_background(mut self) {
        self.shut_down(Patience::None);
    }

    #[track_caller]
    fn shut_down(&mut self, patience: Patience) {
        if std::mem::replace(&mut self.down, true) {
            return;
        }
        let may_wait = context::duty() == Duty::None;
        // Of a waker that is woken to learn of the end.
        let mut panics = Panics::default();
        // What is dropped here, the closures that never ran among it, is dropped inside the runtime.
        let entered = Entered::new(self.handle.clone());
        match &self.handle.scheduler {
            Scheduler::CurrentThread(shared) => {
                panics.put_off(|| shared.shutdown());
            }
            Scheduler::MultiThread(shared) => shared.begin_shutdown(),
        }
        // Begun before the workers are waited for: one may wait for a core that waits in the
        // pool, and that ends as the pool gives its queue up.
        let blocking = &self.handle.services().blocking;
        blocking.shutdown(Some(Duration::ZERO));
        drop(entered);
        if !may_wait && !matches!(patience, Patience::None) {
            // Not waited for: nothing more than time is lost.
            panics.resume();
            assert!(
                thread::panicking(),
                "Cannot drop a runtime in a context where blocking is not allowed: this thread polls asynchronous \
                 tasks. Drop it in `task::spawn_blocking`, or call `Runtime::shutdown_background`"
            );
            return;
        }
        self.join_workers(patience);
        self.handle.services().blocking.shutdown(match patience {
            Patience::Unlimited => None,
            Patience::Until(until) => Some(until.saturating_duration_since(Instant::now())),
            Patience::None => Some(Duration::ZERO),
        });
        panics.resume();
    }

    fn join_workers(&mut self, patience: Patience) {
        let own = thread::current().id();
        for thread in self.threads.drain(..) {
            let join = match patience {
                // It is in `block_in_place`, and its worker elsewhere.
                _ if thread.thread().id() == own => false,
                Patience::Unlimited => true,
                // It may still run destructors of thread locals, for as long as they like.
                Patience::Until(until) => {
                    wait_for_end(&thread, until);
                    false
                }
                Patience::None => false,
            };
            // A worker's thread panics only if a hook of the user's does; that
            // was reported when it happened.
            if join && let Err(panic) = thread.join() {
                discard(panic);
            }
        }
    }
}

/// Waits for a thread to end, which std offers no timed way to do.
fn wait_for_end(thread: &thread::JoinHandle<()>, until: Instant) {
    const STEP: Duration = Duration::from_millis(1);
    while !thread.is_finished() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(STEP));
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down(Patience::Unlimited);
    }
}
