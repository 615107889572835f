//! A TCP connection: making one, naming its ends, taking it apart.
//!
//! What a stream does besides is in the files below: `transfer` reads and
//! writes under the I/O traits, `readiness` offers the same without them, and
//! `options` are the socket's settings.

#[cfg(feature = "io-util")]
mod buf_mut;
mod options;
#[cfg(target_os = "linux")]
mod options_linux;
#[cfg(feature = "futures-io")]
mod poll_vectored;
mod readiness;
mod transfer;

use crate::io::cooperative;
use crate::net::addr::{no_address, to_socket_addrs};
use crate::net::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, split, split_owned};
use crate::net::{ToSocketAddrs, platform};
use crate::runtime::context;
use filch_io::{Direction, Handle, Ready, Registered};
use socket2::{Domain, SockRef, Socket};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// A TCP connection.
///
/// A stream comes from [`connect`](Self::connect), from
/// [`TcpListener::accept`](crate::net::TcpListener::accept), from a
/// [`TcpSocket`](crate::net::TcpSocket) whose options were set first, or from
/// the standard library by [`from_std`](Self::from_std).
///
/// Data goes through the I/O traits: `AsyncRead` and `AsyncWrite` of
/// [`filch::io`](crate::io) always, those of futures-io and
/// hyper with the features `futures-io` and `hyper`. The
/// methods [`readable`](Self::readable) and [`try_read`](Self::try_read),
/// [`writable`](Self::writable) and [`try_write`](Self::try_write) do without
/// the traits and need only `&self`.
///
/// Dropping the stream closes the connection. To send the peer an end of
/// stream and go on reading, call
/// [`shutdown`](crate::io::AsyncWriteExt::shutdown).
///
/// # Examples
///
/// ```
/// use filch::io::{AsyncReadExt, AsyncWriteExt};
/// use filch::net::{TcpListener, TcpStream};
///
/// #[filch::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
///     let (mut server, _) = listener.accept().await?;
///
///     client.write_all(b"ping").await?;
///     let mut received = [0; 4];
///     server.read_exact(&mut received).await?;
///     assert_eq!(&received, b"ping");
///     Ok(())
/// }
/// ```
pub struct TcpStream {
    io: Registered<std::net::TcpStream>,
}

impl TcpStream {
    /// Opens a connection to `addr`.
    ///
    /// Where `addr` resolves to several addresses they are tried one after the
    /// other, and the first connection that succeeds is returned. Each attempt
    /// lasts as long as the operating system makes it; bound it with
    /// [`timeout`](crate::time::timeout).
    ///
    /// # Errors
    ///
    /// What resolving `addr` reports, or the error of the last attempt; an
    /// error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) when `addr`
    /// resolves to nothing.
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the attempt and closes its socket.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run() -> std::io::Result<()> {
    /// let stream = filch::net::TcpStream::connect("example.org:80").await?;
    /// println!("connected to {}", stream.peer_addr()?);
    /// # Ok(()) }
    /// ```
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let mut last_error = None;
        for addr in to_socket_addrs(addr).await? {
            match Self::connect_address(addr).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(no_address))
    }

    async fn connect_address(addr: SocketAddr) -> io::Result<TcpStream> {
        let handle = context::expect_io();
        let socket = platform::stream_socket(Domain::for_address(addr))?;
        Self::connect_socket(socket, addr, &handle).await
    }

    /// Connects a non-blocking `socket`.
    ///
    /// The handshake of a connection within the machine is usually over when
    /// `connect` returns, although it still says "in progress". One question
    /// for the peer's name finds that out, and spares the task a turn of the
    /// driver; for a remote peer its price vanishes beside the round trip. (Two
    /// sockets that connect to each other at the same moment may have a name
    /// before the handshake is over. Then the first operation waits for it, and
    /// reports its failure.)
    pub(super) async fn connect_socket(
        socket: Socket,
        addr: SocketAddr,
        handle: &Handle,
    ) -> io::Result<TcpStream> {
        match socket.connect(&addr.into()) {
            Err(error) if !platform::connect_in_progress(&error) => return Err(error),
            _finished_or_in_progress => {}
        }
        let stream = std::net::TcpStream::from(socket);
        if stream.peer_addr().is_ok() {
            return Self::register(stream, Ready::WRITABLE, handle);
        }
        let stream = Self::register(stream, Ready::EMPTY, handle)?;
        // A socket becomes writable when its handshake has ended, well or not.
        let _writable =
            poll_fn(|cx| cooperative::poll_ready(&stream.io, cx, Direction::Write)).await?;
        match stream.take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    /// A stream that was just accepted: a new connection has an empty send
    /// queue, and most clients speak first and have already spoken by the time
    /// they are accepted. Where that is wrong, the first read costs one call
    /// more; where it is right, as under load, it spares a turn of the driver. Who waits
    /// for readiness without trying waits for what the selector says.
    pub(super) fn accepted(stream: std::net::TcpStream, handle: &Handle) -> io::Result<TcpStream> {
        Self::register(stream, Ready::READABLE | Ready::WRITABLE, handle)
    }

    fn register(
        stream: std::net::TcpStream,
        assumed: Ready,
        handle: &Handle,
    ) -> io::Result<TcpStream> {
        let io = Registered::new(stream, platform::stream_interest(), assumed, handle)?;
        Ok(TcpStream { io })
    }

    /// Makes a stream of the standard library awaitable.
    ///
    /// The stream must already be in non-blocking mode
    /// ([`set_nonblocking(true)`](std::net::TcpStream::set_nonblocking));
    /// a blocking one would block a worker thread at each operation. And nobody
    /// may have taken an urgent byte with `MSG_OOB` in front of which there is
    /// still data to read: a read stops at its place, and the stream would take
    /// that for all there is until more arrives. Once the stream is in here, wait
    /// for [`Interest::PRIORITY`](crate::io::Interest::PRIORITY) before taking one.
    ///
    /// # Errors
    ///
    /// When the stream cannot be registered with the runtime's driver.
    ///
    /// # Panics
    ///
    /// When called outside a runtime; in builds with debug assertions, when
    /// the stream is in blocking mode.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[filch::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let plain = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// plain.set_nonblocking(true)?;
    /// let stream = filch::net::TcpStream::from_std(plain)?;
    /// # drop(stream);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        let handle = context::expect_io();
        debug_assert!(
            SockRef::from(&stream).nonblocking().unwrap_or(true),
            "this TcpStream is in blocking mode and would block a worker thread: \
             call set_nonblocking(true) before TcpStream::from_std"
        );
        // Nothing is assumed: whoever connects a socket by other means relies
        // on `writable` to wait for the end of the handshake.
        Self::register(stream, Ready::EMPTY, &handle)
    }

    /// Returns the stream to the standard library, still connected.
    ///
    /// It remains in non-blocking mode; change that with
    /// [`set_nonblocking`](std::net::TcpStream::set_nonblocking).
    ///
    /// # Errors
    ///
    /// When the stream cannot be removed from the driver; it is closed then.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[filch::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = filch::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = filch::net::TcpStream::connect(listener.local_addr()?).await?;
    /// let plain: std::net::TcpStream = stream.into_std()?;
    /// plain.set_nonblocking(false)?;
    /// # Ok(()) }
    /// ```
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        self.io.into_inner()
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// Those of `getpeername`, among them `NotConnected` after a reset.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`), if any.
    ///
    /// # Errors
    ///
    /// When the option cannot be read.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    /// Lends the stream to a reader and a writer that may be used at the same
    /// time within one task.
    ///
    /// This costs nothing. Halves for different tasks come from
    /// [`into_split`](Self::into_split).
    pub fn split<'a>(&'a mut self) -> (ReadHalf<'a>, WriteHalf<'a>) {
        split::split(self)
    }

    /// Takes the stream apart into a reader and a writer that may live in
    /// different tasks, at the price of one allocation.
    ///
    /// Dropping the write half shuts down the stream's write direction. The
    /// connection closes when both halves are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use filch::net::{TcpListener, TcpStream};
    /// use filch::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// # #[filch::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut peer, _) = listener.accept().await?;
    /// let (mut reader, mut writer) = stream.into_split();
    /// let reading = filch::spawn(async move {
    ///     let mut answer = String::new();
    ///     reader.read_to_string(&mut answer).await.map(|_| answer)
    /// });
    /// writer.write_all(b"question").await?;
    /// # peer.read_exact(&mut [0; 8]).await?;
    /// # peer.write_all(b"answer").await?;
    /// # drop(peer);
    /// assert_eq!(reading.await.unwrap()?, "answer");
    /// # Ok(()) }
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split_owned::split_owned(self)
    }

    /// Ends the write direction. That the peer was faster and the connection
    /// is already gone is no error: what was asked for is the case.
    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        match self.io.get_ref().shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// As [`TcpStream::from_std`].
    fn try_from(stream: std::net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}

impl AsRef<TcpStream> for TcpStream {
    fn as_ref(&self) -> &TcpStream {
        self
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.get_ref().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.io.get_ref().as_raw_fd()
    }
}
