//! The readiness interface: wait, then try, both by shared reference.

use super::TcpStream;
use crate::io::cooperative;
use crate::net::{platform, uninit};
use filch_io::{Direction, Interest, Readiness, Ready};
use std::io::{self, IoSlice, IoSliceMut};
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

impl TcpStream {
    /// Waits until one of the states in `interest` may be the case, and
    /// returns those that may.
    ///
    /// Use it together with [`try_read`](Self::try_read) and
    /// [`try_write`](Self::try_write), for example to read and write within
    /// one task without splitting the stream. Any number of tasks may wait at
    /// the same time.
    ///
    /// Readiness is what the operating system last said: the attempt that
    /// follows may still return [`WouldBlock`](io::ErrorKind::WouldBlock), and
    /// clears the readiness by doing so. Call this in a loop.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: readiness is not consumed
    /// by being observed.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use filch::io::Interest;
    /// # async fn run(stream: filch::net::TcpStream) -> std::io::Result<()> {
    /// let mut buffer = [0; 1024];
    /// loop {
    ///     let ready = stream.ready(Interest::READABLE | Interest::WRITABLE).await?;
    ///     if ready.is_readable() {
    ///         match stream.try_read(&mut buffer) {
    ///             Ok(0) => return Ok(()),
    ///             Ok(n) => println!("{n} bytes"),
    ///             Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    ///     if ready.is_writable() {
    ///         // try_write likewise
    ///     }
    /// }
    /// # }
    /// ```
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.io.withdraw_assumed(interest);
        let readiness = cooperative::ready(&self.io, interest).await?;
        Ok(readiness.ready)
    }

    /// Waits until a read may succeed: there is data, an end of stream, or an
    /// error to be read.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// As [`ready`](Self::ready).
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
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
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Polls for what [`readable`](Self::readable) waits for.
    ///
    /// Of several tasks polling the read direction (with this, `poll_read` or
    /// [`poll_peek`](Self::poll_peek)) the last is woken.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.withdraw_assumed(Interest::READABLE);
        cooperative::poll_ready(&self.io, cx, Direction::Read).map_ok(drop)
    }

    /// Polls for what [`writable`](Self::writable) waits for.
    ///
    /// Of several tasks polling the write direction (with this or
    /// `poll_write`) the last is woken.
    ///
    /// # Errors
    ///
    /// When the runtime has been shut down.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.withdraw_assumed(Interest::WRITABLE);
        cooperative::poll_ready(&self.io, cx, Direction::Write).map_ok(drop)
    }

    /// Reads what is there into `buf`, without waiting, and returns the number
    /// of bytes read: 0 at the end of the stream, or if `buf` is empty.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing is there; await
    /// [`readable`](Self::readable) then. Otherwise those of `read`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(stream: filch::net::TcpStream) -> std::io::Result<()> {
    /// let mut buffer = [0; 4096];
    /// let length = loop {
    ///     stream.readable().await?;
    ///     match stream.try_read(&mut buffer) {
    ///         Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
    ///         result => break result?,
    ///     }
    /// };
    /// println!("{:?}", &buffer[..length]);
    /// # Ok(()) }
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_operation(Interest::READABLE, |readiness| {
            let received = uninit::recv(self.io.get_ref(), &mut ReadBuf::new(buf))?;
            self.note_received(received, buf.len(), readiness);
            Ok(received)
        })
    }

    /// Reads what is there into several buffers, without waiting, filling one
    /// after the other.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.try_operation(Interest::READABLE, |readiness| {
            self.recv_vectored(bufs, readiness)
        })
    }

    /// Writes as much of `buf` as there is room for, without waiting, and
    /// returns the number of bytes written.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is no room; await
    /// [`writable`](Self::writable) then. Otherwise those of `write`.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_operation(Interest::WRITABLE, |readiness| {
            let sent = platform::send(self.io.get_ref(), buf)?;
            self.note_sent(sent, buf.len(), readiness);
            Ok(sent)
        })
    }

    /// Writes from several buffers as much as there is room for, without
    /// waiting.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_operation(Interest::WRITABLE, |readiness| {
            self.send_vectored(bufs, readiness)
        })
    }

    /// Calls `f`, an operation on this socket, if it may succeed.
    ///
    /// `f` is called only where one of the states in `interest` may be the
    /// case, and at most once. If it returns `WouldBlock`, the readiness is
    /// cleared, so that the next wait really waits; therefore `f` must return
    /// `WouldBlock` only if this socket said so.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when the socket is not ready,
    /// or what `f` returned.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(interest, f)
    }

    /// Waits for readiness and calls `f`, an operation on this socket, until
    /// it returns anything but `WouldBlock`.
    ///
    /// What [`try_io`](Self::try_io) says of `f` holds here.
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
        f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        cooperative::operation(&self.io, interest, f).await
    }

    /// Waits for data and copies it to `buf`, leaving it in the stream;
    /// returns the number of bytes copied, 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of `recv`, or an error when the runtime has been shut down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(stream: filch::net::TcpStream) -> std::io::Result<()> {
    /// let mut start = [0; 1];
    /// if stream.peek(&mut start).await? == 1 && start[0] == 0x16 {
    ///     println!("this looks like TLS");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let stream = self.io.get_ref();
        cooperative::operation(&self.io, Interest::READABLE, || stream.peek(buf)).await
    }

    /// Polls for what [`peek`](Self::peek) waits for, and returns the number
    /// of bytes by which `buf` was filled.
    ///
    /// Of several tasks polling the read direction the last is woken.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek).
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        cooperative::poll_operation(&self.io, cx, Direction::Read, |stream| {
            uninit::peek(stream, buf)
        })
    }

    /// As [`try_io`](Self::try_io), for system calls: they draw a conclusion from
    /// their success, and their `WouldBlock` is the system's own.
    pub(super) fn try_operation<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(Readiness) -> io::Result<R>,
    ) -> io::Result<R> {
        let Some(readiness) = self.io.try_readiness(interest) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let result = operation(readiness);
        if let Err(error) = &result
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.io.refute(readiness);
        }
        result
    }
}
