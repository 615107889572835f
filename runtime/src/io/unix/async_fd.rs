//! A file descriptor whose readiness can be awaited.

use super::guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard};
use super::watched_fd::WatchedFd;
use crate::io::cooperative;
use filch_io::{Direction, Interest, Registered};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

/// An object with a file descriptor, and that descriptor's readiness.
///
/// Readiness is remembered: it begins when the operating system reports that
/// the descriptor has become readable or writable, and ends when it is
/// cleared. The system does not repeat a report. Hence the pattern: wait for
/// readiness, attempt the operation, and if that returns
/// [`WouldBlock`](io::ErrorKind::WouldBlock), clear the readiness and wait
/// again. The guards which the waiting methods return do the last part in
/// [`try_io`](AsyncFdReadyGuard::try_io); [`async_io`](Self::async_io) does all
/// of it. Clearing at any other occasion makes a task wait for a report that
/// does not come.
///
/// The object is dropped with the `AsyncFd`, after its descriptor has been
/// deregistered.
///
/// # Examples
///
/// ```
/// use filch::io::Interest;
/// use filch::io::unix::AsyncFd;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// #[filch::main]
/// async fn main() -> std::io::Result<()> {
///     let (mut near, far) = UnixStream::pair()?;
///     far.set_nonblocking(true)?;
///     // SAFETY: a `UnixStream` keeps its descriptor, and is not exchanged.
///     let far = unsafe { AsyncFd::register(far)? };
///
///     near.write_all(b"hello")?;
///     let mut buffer = [0; 16];
///     let length = far.async_io(Interest::READABLE, |mut far| far.read(&mut buffer)).await?;
///     assert_eq!(&buffer[..length], b"hello");
///     Ok(())
/// }
/// ```
///
/// The same without closures around the waiting, for implementing the I/O
/// traits:
///
/// ```
/// use filch::io::unix::AsyncFd;
/// use filch::io::{AsyncRead, ReadBuf};
/// use std::io::{self, Read};
/// use std::os::unix::net::UnixStream;
/// use std::pin::Pin;
/// use std::task::{Context, Poll, ready};
///
/// struct Receiver(AsyncFd<UnixStream>);
///
/// impl AsyncRead for Receiver {
///     fn poll_read(
///         self: Pin<&mut Self>,
///         cx: &mut Context<'_>,
///         buf: &mut ReadBuf<'_>,
///     ) -> Poll<io::Result<()>> {
///         loop {
///             let mut guard = ready!(self.0.poll_read_ready(cx))?;
///             let room = buf.initialize_unfilled();
///             if let Ok(result) = guard.try_io(|fd| fd.get_ref().read(room)) {
///                 return Poll::Ready(result.map(|length| buf.advance(length)));
///             }
///         }
///     }
/// }
/// ```
pub struct AsyncFd<T: AsRawFd> {
    /// Declared before `inner` and so dropped before it: deregistering needs
    /// the descriptor open.
    io: Registered<WatchedFd>,
    inner: T,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// `io` must watch the descriptor of `inner`.
    pub(super) fn from_parts(io: Registered<WatchedFd>, inner: T) -> Self {
        Self { io, inner }
    }

    pub(super) fn registered(&self) -> &Registered<WatchedFd> {
        &self.io
    }

    /// The object.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The object, for operations that need it mutable.
    ///
    /// It must not be exchanged for another:
    /// [`register`](Self::register) says what is asked of it.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Deregisters the descriptor and returns the object.
    pub fn into_inner(self) -> T {
        let Self { io, inner } = self;
        drop(io);
        inner
    }

    /// Polls for readiness to read.
    ///
    /// Of several tasks polling this direction the last is woken; use
    /// [`readable`](Self::readable) where several wait.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let readiness = ready!(cooperative::poll_ready(&self.io, cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, readiness)))
    }

    /// As [`poll_read_ready`](Self::poll_read_ready), with a guard that gives
    /// mutable access.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let readiness = ready!(cooperative::poll_ready(&self.io, cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, readiness)))
    }

    /// Polls for readiness to write.
    ///
    /// Of several tasks polling this direction the last is woken; use
    /// [`writable`](Self::writable) where several wait.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let readiness = ready!(cooperative::poll_ready(&self.io, cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, readiness)))
    }

    /// As [`poll_write_ready`](Self::poll_write_ready), with a guard that
    /// gives mutable access.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let readiness = ready!(cooperative::poll_ready(&self.io, cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, readiness)))
    }

    /// Waits until one of the states in `interest` may be the case.
    ///
    /// Any number of tasks may wait at the same time.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: readiness is not consumed
    /// by being observed.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let readiness = cooperative::ready(&self.io, interest).await?;
        Ok(AsyncFdReadyGuard::new(self, readiness))
    }

    /// As [`ready`](Self::ready), with a guard that gives mutable access.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// As [`ready`](Self::ready).
    pub async fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let readiness = cooperative::ready(&self.io, interest).await?;
        Ok(AsyncFdReadyMutGuard::new(self, readiness))
    }

    /// Waits until a read may succeed.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// As [`ready`](Self::ready).
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// As [`readable`](Self::readable), with a guard that gives mutable
    /// access.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// As [`ready`](Self::ready).
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits until a write may succeed.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// As [`ready`](Self::ready).
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// As [`writable`](Self::writable), with a guard that gives mutable
    /// access.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// As [`ready`](Self::ready).
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Waits for readiness and calls `f`, until it returns anything but
    /// `WouldBlock`.
    ///
    /// `f` must return `WouldBlock` only if the descriptor said so.
    ///
    /// # Errors
    ///
    /// What `f` returned, or an error when the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, `f` has not succeeded.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        cooperative::operation(&self.io, interest, || f(&self.inner)).await
    }

    /// As [`async_io`](Self::async_io), with mutable access.
    ///
    /// # Errors
    ///
    /// As [`async_io`](Self::async_io).
    ///
    /// # Cancel safety
    ///
    /// As [`async_io`](Self::async_io).
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let Self { io, inner } = self;
        cooperative::operation(io, interest, || f(inner)).await
    }

    /// Calls `f` if one of the states in `interest` may be the case, at most
    /// once, without waiting. If `f` returns `WouldBlock`, the readiness is
    /// cleared.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when the descriptor is not ready, or what `f` returned.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(interest, || f(&self.inner))
    }

    /// As [`try_io`](Self::try_io), with mutable access.
    ///
    /// # Errors
    ///
    /// As [`try_io`](Self::try_io).
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        f: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(interest, || f(&mut self.inner))
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl<T: AsRawFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.get_ref().as_fd()
    }
}

impl<T: fmt::Debug + AsRawFd> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
