//! The contenders behind two traits: what owns a runtime, and what a task does with it.

mod filch;
pub mod raw;
mod smol;
mod tokio;

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::time::{Duration, Instant};

pub use self::filch::Filch;
pub use self::smol::Smol;
pub use self::tokio::Tokio;

/// A runtime with its worker threads; dropping it stops them.
pub trait Runtime: Sized + Send + Sync + 'static {
    /// What the reports call it.
    const NAME: &'static str;

    /// What its tasks hold.
    type Tasks: Tasks;

    /// Starts a runtime of `workers` worker threads, with I/O and timers.
    fn new(workers: usize) -> Self;

    /// The way to this runtime for code that runs on it.
    fn tasks(&self) -> Self::Tasks;

    /// Runs `future` on the calling thread.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Spawns from a thread that is no worker.
    fn spawn_from_outside<F>(&self, future: F) -> Join<Self, F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Runs `body` as a task on the workers and waits for what it returns.
    fn run<B, F>(&self, body: B) -> F::Output
    where
        B: FnOnce(Self::Tasks) -> F,
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let future = body(self.tasks());
        let join = self.spawn_from_outside(future);
        self.block_on(join)
    }
}

/// The join handle of runtime `R`.
pub type Join<R, T> = <<R as Runtime>::Tasks as Tasks>::Join<T>;

/// What a task may ask of the runtime it runs on.
pub trait Tasks: Copy + Debug + Send + Sync + 'static {
    /// Awaits a task's output; a panic in the task continues in the waiter.
    type Join<T: Send + 'static>: Future<Output = T> + Send + Unpin + 'static;
    /// The future of a sleep.
    type Sleep: Future + Send + 'static;
    /// The error of a timeout.
    type Elapsed: Debug + Send;
    /// A listening socket.
    type Listener: Listener;

    /// Spawns a task from a task.
    fn spawn<F>(self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Lets a task run on without a handle.
    fn detach<T: Send + 'static>(join: Self::Join<T>);

    /// Cancels a task.
    fn cancel<T: Send + 'static>(join: Self::Join<T>);

    /// Lets other tasks run.
    fn yield_now(self) -> impl Future<Output = ()> + Send;

    /// Sleeps for a duration.
    fn sleep(self, duration: Duration) -> Self::Sleep;

    /// Sleeps until an instant.
    fn sleep_until(self, deadline: Instant) -> Self::Sleep;

    /// Awaits `future` for at most `duration`.
    fn timeout<F: Future + Send>(
        self,
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> + Send
    where
        F::Output: Send;

    /// Runs `work` on a thread where it may block.
    fn spawn_blocking<F, T>(self, work: F) -> impl Future<Output = T> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// Takes over a listening socket of the standard library.
    fn listen(self, listener: TcpListener) -> io::Result<Self::Listener>;
}

/// A runtime's listening socket.
pub trait Listener: Send + Sync + 'static {
    /// What it accepts.
    type Stream: Stream;

    /// Accepts one connection and turns Nagle's algorithm off on it.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// A runtime's connected socket.
pub trait Stream: Send + Unpin + 'static {
    /// The socket in the form in which hyper takes it.
    type Hyper: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static;

    /// Reads what is there, or 0 bytes at the end of the stream.
    fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes all of `bytes`.
    fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Wraps the socket for hyper.
    fn into_hyper(self) -> Self::Hyper;
}
