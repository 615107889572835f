//! What the tests of this crate share: a thread that turns the driver, a
//! minimal executor, and pairs of connected sources.
#![allow(dead_code, reason = "each test file uses its part")]

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use filch_io::{Driver, Handle, Interest, Ready, Registered, Turn};

/// Only a hang takes this long.
pub(crate) const HANG: Duration = Duration::from_secs(60);

pub(crate) const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A driver with a thread that turns it until this is dropped.
pub(crate) struct Turning {
    handle: Handle,
    is_stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<Driver>>,
}

impl Turning {
    pub(crate) fn start() -> Turning {
        let mut driver = Driver::new(64).unwrap();
        let handle = driver.handle().clone();
        let is_stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopping);
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Acquire) {
                driver.turn(None).unwrap();
            }
            driver
        });
        Turning {
            handle,
            is_stopping,
            thread: Some(thread),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn register<S: filch_io::Source>(
        &self,
        source: S,
        interest: Interest,
    ) -> Registered<S> {
        Registered::new(source, interest, Ready::EMPTY, &self.handle).unwrap()
    }

    /// Stops turning and gives the driver back.
    pub(crate) fn stop(mut self) -> Driver {
        self.join().unwrap()
    }

    fn join(&mut self) -> Option<Driver> {
        self.is_stopping.store(true, Ordering::Release);
        self.handle.unpark();
        self.thread.take().map(|thread| thread.join().unwrap())
    }
}

impl Drop for Turning {
    fn drop(&mut self) {
        self.join();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future on this thread.
///
/// # Panics
///
/// If it hangs.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let deadline = Instant::now() + HANG;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "the future hangs");
        thread::park_timeout(left);
    }
}

/// Counts how often its waker was woken.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

impl Wakes {
    pub(crate) fn new() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// Turns the driver until `done`, which must come about.
pub(crate) fn turn_until(driver: &mut Driver, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + HANG;
    while !done() {
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "the events do not come");
        driver.turn(Some(left)).unwrap();
    }
}

/// Turns until there is nothing more to deliver.
///
/// # Panics
///
/// If that does not come about.
pub(crate) fn settle(driver: &mut Driver) {
    const BOUND: usize = 100_000;
    let is_quiet = |_| driver.turn(Some(Duration::ZERO)).unwrap() == Turn::default();
    assert!((0..BOUND).any(is_quiet), "the driver spins");
}

/// Two connected TCP streams, both non-blocking.
pub(crate) fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    (near, far)
}

/// Two connected Unix streams, both non-blocking.
pub(crate) fn unix_pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    (near, far)
}

/// Makes a peer's close a reset.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    socket2::SockRef::from(stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

/// Reads once, as soon as there is something to read.
pub(crate) async fn read<S: filch_io::Source>(
    source: &Registered<S>,
    buffer: &mut [u8],
) -> io::Result<usize>
where
    for<'a> &'a S: Read,
{
    source
        .async_io(Interest::READABLE, || source.get_ref().read(buffer))
        .await
}

/// Writes all of `data`.
pub(crate) async fn write_all<S: filch_io::Source>(
    source: &Registered<S>,
    mut data: &[u8],
) -> io::Result<()>
where
    for<'a> &'a S: Write,
{
    while !data.is_empty() {
        let written = source
            .async_io(Interest::WRITABLE, || source.get_ref().write(data))
            .await?;
        data = &data[written..];
    }
    Ok(())
}
