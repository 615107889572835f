//! smol: its multi-thread executor, async-io and the blocking pool.
//!
//! The threads are set up as `smol::spawn` sets up its own (each runs the executor inside
//! `block_on`, which lets it drive the reactor when idle), with the number of threads and the
//! end of the executor under our control.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use smol::channel::Sender;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::{Async, Executor, Task, Timer, future};
use smol_hyper::rt::FuturesIo;

use super::{Join, Listener, Runtime, Stream, Tasks};

/// An executor of smol and the threads that run it.
#[derive(Debug)]
pub struct Smol {
    tasks: OnExecutor,
    stop: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

/// Holds the executor as a program's `static` would: free to copy, never freed.
#[derive(Clone, Copy)]
pub struct OnExecutor(&'static Executor<'static>);

impl fmt::Debug for OnExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnExecutor")
    }
}

/// The error of a timeout.
#[derive(Debug)]
pub struct Elapsed;

impl Runtime for Smol {
    const NAME: &'static str = "smol";
    type Tasks = OnExecutor;

    fn new(workers: usize) -> Self {
        let executor: &'static Executor<'static> = Box::leak(Box::new(Executor::new()));
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let threads = (0..workers)
            .map(|number| {
                let stopped = stopped.clone();
                std::thread::Builder::new()
                    .name(format!("smol-{number}"))
                    .spawn(move || {
                        // The channel closes when the runtime is dropped.
                        let _ = smol::block_on(executor.run(stopped.recv()));
                    })
                    .expect("a thread can be spawned")
            })
            .collect();
        Self {
            tasks: OnExecutor(executor),
            stop,
            threads,
        }
    }

    fn tasks(&self) -> OnExecutor {
        self.tasks
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        smol::block_on(future)
    }

    fn spawn_from_outside<F>(&self, future: F) -> Join<Self, F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.0.spawn(future)
    }
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.stop.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Tasks for OnExecutor {
    type Join<T: Send + 'static> = Task<T>;
    type Sleep = Timer;
    type Elapsed = Elapsed;
    type Listener = Async<TcpListener>;

    #[inline]
    fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(future)
    }

    fn detach<T: Send + 'static>(join: Task<T>) {
        join.detach();
    }

    fn cancel<T: Send + 'static>(join: Task<T>) {
        drop(join);
    }

    fn yield_now(self) -> impl Future<Output = ()> + Send {
        future::yield_now()
    }

    fn sleep(self, duration: Duration) -> Timer {
        Timer::after(duration)
    }

    fn sleep_until(self, deadline: Instant) -> Timer {
        Timer::at(deadline)
    }

    fn timeout<F: Future + Send>(
        self,
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Elapsed>> + Send
    where
        F::Output: Send,
    {
        future::or(async { Ok(future.await) }, async move {
            Timer::after(duration).await;
            Err(Elapsed)
        })
    }

    fn spawn_blocking<F, T>(self, work: F) -> impl Future<Output = T> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        smol::unblock(work)
    }

    fn listen(self, listener: TcpListener) -> io::Result<Async<TcpListener>> {
        Async::new(listener)
    }
}

impl Listener for Async<TcpListener> {
    type Stream = Async<TcpStream>;

    async fn accept(&self) -> io::Result<Async<TcpStream>> {
        let (stream, _) = Async::<TcpListener>::accept(self).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(stream)
    }
}

impl Stream for Async<TcpStream> {
    type Hyper = FuturesIo<Self>;

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        AsyncReadExt::read(self, buffer).await
    }

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        AsyncWriteExt::write_all(self, bytes).await
    }

    fn into_hyper(self) -> FuturesIo<Self> {
        FuturesIo::new(self)
    }
}
