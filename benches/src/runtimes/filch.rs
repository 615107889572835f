//! filch, through the same calls as tokio: the two files differ in the crate's name alone.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;

use ::filch::io::{AsyncReadExt, AsyncWriteExt};
use ::filch::net::{TcpListener, TcpStream};
use ::filch::task::JoinHandle;

use super::{Join, Listener, Runtime, Stream, Tasks};

/// The multi-thread runtime of filch.
#[derive(Debug)]
pub struct Filch(::filch::runtime::Runtime);

/// Reaches the runtime through the thread-local context, as programs do.
#[derive(Debug, Clone, Copy)]
pub struct InContext;

/// A `JoinHandle` whose errors are panics.
#[derive(Debug)]
pub struct Joined<T>(JoinHandle<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|output| output.expect("the task neither panics nor is cancelled"))
    }
}

impl Runtime for Filch {
    const NAME: &'static str = "filch";
    type Tasks = InContext;

    fn new(workers: usize) -> Self {
        let runtime = ::filch::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build();
        Self(runtime.expect("a runtime can be built"))
    }

    fn tasks(&self) -> InContext {
        InContext
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn_from_outside<F>(&self, future: F) -> Join<Self, F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Joined(self.0.spawn(future))
    }
}

impl Tasks for InContext {
    type Join<T: Send + 'static> = Joined<T>;
    type Sleep = ::filch::time::Sleep;
    type Elapsed = ::filch::time::error::Elapsed;
    type Listener = TcpListener;

    #[inline]
    fn spawn<F>(self, future: F) -> Joined<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Joined(::filch::spawn(future))
    }

    fn detach<T: Send + 'static>(join: Joined<T>) {
        drop(join);
    }

    fn cancel<T: Send + 'static>(join: Joined<T>) {
        join.0.abort();
    }

    fn yield_now(self) -> impl Future<Output = ()> + Send {
        ::filch::task::yield_now()
    }

    fn sleep(self, duration: Duration) -> Self::Sleep {
        ::filch::time::sleep(duration)
    }

    fn sleep_until(self, deadline: Instant) -> Self::Sleep {
        ::filch::time::sleep_until(deadline.into())
    }

    fn timeout<F: Future + Send>(
        self,
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Self::Elapsed>> + Send
    where
        F::Output: Send,
    {
        ::filch::time::timeout(duration, future)
    }

    fn spawn_blocking<F, T>(self, work: F) -> impl Future<Output = T> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Joined(::filch::task::spawn_blocking(work))
    }

    fn listen(self, listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Stream for TcpStream {
    type Hyper = TokioIo<Self>;

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        AsyncReadExt::read(self, buffer).await
    }

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        AsyncWriteExt::write_all(self, bytes).await
    }

    fn into_hyper(self) -> TokioIo<Self> {
        TokioIo::new(self)
    }
}
