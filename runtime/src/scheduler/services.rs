//! What both schedulers need around them: driver, blocking pool, hooks, seeds.

use crate::blocking::{Job, Pool, SubmitError};
use crate::driver::DriverHandle;
use crate::driver::clock::Clock;
use crate::primitive::Arc;
use crate::rng::SeedSource;
use crate::task::{Again, Id, JoinHandle, Notified, Schedule, Task, create};
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll};

/// A callback on a thread of the runtime.
pub(crate) type Hook = StdArc<dyn Fn() + Send + Sync>;

/// What the user wants to be called for.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) before_park: Option<Hook>,
    pub(crate) after_unpark: Option<Hook>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("before_park", &self.before_park.is_some())
            .field("after_unpark", &self.after_unpark.is_some())
            .finish()
    }
}

/// Which parts of the driver a program may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Enabled {
    pub(crate) io: bool,
    pub(crate) time: bool,
}

/// The parts of a runtime that are not its scheduler.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) driver: DriverHandle,
    pub(crate) enabled: Enabled,
    pub(crate) blocking: Pool<BlockingJob>,
    pub(crate) hooks: Hooks,
    pub(crate) seeds: SeedSource,
}

impl Services {
    /// Starts `function` on the blocking pool.
    ///
    /// After shutdown the handle resolves as cancelled.
    ///
    /// # Panics
    ///
    /// If no thread can be created and none exists that could run it.
    #[track_caller]
    pub(crate) fn spawn_blocking<F, R>(&self, function: F, id: Id) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match self.try_spawn_blocking(function, id) {
            (handle, Ok(())) => handle,
            (_, Err(error)) => panic!(
                "filch could not create a thread for blocking work: {error}; lower the number of threads \
                 with `Builder::max_blocking_threads` or raise the limits of the process"
            ),
        }
    }

    #[track_caller]
    pub(crate) fn try_spawn_blocking<F, R>(
        &self,
        function: F,
        id: Id,
    ) -> (JoinHandle<R>, io::Result<()>)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let inhibitor = AutoAdvanceInhibitor::new(&self.driver);
        let (handle, notified) = create(
            BlockingFuture(Some(function)),
            BlockingSchedule,
            id,
            Location::caller(),
        );
        let submitted = match self.blocking.submit(BlockingJob::Task(notified, inhibitor)) {
            Ok(()) => Ok(()),
            Err(SubmitError::Shutdown(job)) => {
                job.discard();
                Ok(())
            }
            Err(SubmitError::NoThread(job, error)) => {
                job.discard();
                Err(error)
            }
        };
        (handle, submitted)
    }
}

/// Work for the blocking pool.
pub(crate) enum BlockingJob {
    /// A closure, as a task, so that it has an id and a handle.
    Task(Notified<BlockingSchedule>, Option<AutoAdvanceInhibitor>),
    /// A worker's loop, whose thread is blocked in `block_in_place`.
    Worker(Box<dyn FnOnce() + Send>),
}

impl fmt::Debug for BlockingJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Task(..) => "Task",
            Self::Worker(_) => "Worker",
        })
    }
}

impl Job for BlockingJob {
    fn run(self) {
        match self {
            // The inhibitor goes last: whoever joins is woken before time may jump.
            Self::Task(task, _inhibitor) => task.run(),
            Self::Worker(run) => run(),
        }
    }

    fn discard(self) {
        match self {
            Self::Task(task, _inhibitor) => task.shutdown(),
            Self::Worker(run) => drop(run),
        }
    }
}

/// Keeps a paused clock from jumping while a closure runs elsewhere.
#[derive(Debug)]
pub(crate) struct AutoAdvanceInhibitor {
    clock: Arc<Clock>,
    io: filch_io::Handle,
}

impl AutoAdvanceInhibitor {
    /// `None` where the clock is never paused: closures then share no count with
    /// one another.
    fn new(driver: &DriverHandle) -> Option<Self> {
        let clock = driver.clock();
        clock.may_pause().then(|| {
            clock.inhibit_auto_advance();
            Self {
                clock: Arc::clone(clock),
                io: driver.io().clone(),
            }
        })
    }
}

impl Drop for AutoAdvanceInhibitor {
    fn drop(&mut self) {
        self.clock.allow_auto_advance();
        if self.clock.is_paused() {
            self.io.unpark();
        }
    }
}

/// A closure as a future that is ready at its first poll.
struct BlockingFuture<F>(Option<F>);

/// The closure is never pinned: it is moved out to be called.
impl<F> Unpin for BlockingFuture<F> {}

impl<F: FnOnce() -> R, R> Future for BlockingFuture<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let function = self.0.take().expect("a closure is polled once");
        Poll::Ready(crate::coop::outside_of_polls(function))
    }
}

/// Blocking closures run once, on a thread of the pool, in no owned list.
#[derive(Debug)]
pub(crate) struct BlockingSchedule;

impl Schedule for BlockingSchedule {
    fn schedule(&self, task: Notified<Self>) {
        debug_assert!(false, "a blocking closure never waits, so nothing wakes it");
        drop(task);
    }

    fn reschedule(&self, task: Notified<Self>, _: Again) {
        self.schedule(task);
    }

    fn keep(&self, task: Task<Self>) -> Result<(), Task<Self>> {
        debug_assert!(false, "a blocking closure never waits");
        Err(task)
    }

    fn release(&self, _: &Task<Self>) -> Option<Task<Self>> {
        None
    }
}
