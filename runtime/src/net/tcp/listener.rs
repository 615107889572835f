//! Accepting TCP connections.

use crate::io::cooperative;
use crate::net::addr::{no_address, to_socket_addrs};
use crate::net::{TcpStream, ToSocketAddrs, platform};
use crate::runtime::context;
use filch_io::{Direction, Handle, Interest, Ready, Registered};
use socket2::{Domain, SockRef, Socket};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

/// How many connections may wait to be accepted. Systems lower this to their
/// own limit, whose default on Linux is this number (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// A TCP socket that accepts connections.
///
/// The listener takes `&self` for everything: several tasks may accept from
/// one listener. Dropping it closes the socket.
///
/// # Examples
///
/// ```no_run
/// use filch::net::TcpListener;
///
/// #[filch::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:8080").await?;
///     loop {
///         let Ok((mut stream, _peer)) = listener.accept().await else {
///             // Out of files, say: others will be closed.
///             filch::time::sleep(std::time::Duration::from_millis(50)).await;
///             continue;
///         };
///         filch::spawn(async move {
///             let (mut reader, mut writer) = stream.split();
///             filch::io::copy(&mut reader, &mut writer).await
///         });
///     }
/// }
/// ```
pub struct TcpListener {
    io: Registered<std::net::TcpListener>,
}

impl TcpListener {
    /// Creates a listener at `addr`.
    ///
    /// Port 0 lets the system choose a port, which
    /// [`local_addr`](Self::local_addr) tells. Where `addr` resolves to several
    /// addresses the first that can be bound is used. On Unix the socket has
    /// `SO_REUSEADDR` set, so that a restarted server need not wait for its
    /// predecessor's connections to be forgotten. For other options, use
    /// [`TcpSocket`](crate::net::TcpSocket).
    ///
    /// # Errors
    ///
    /// What resolving `addr` reports, or the error of the last address tried;
    /// an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) when
    /// `addr` resolves to nothing.
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future closes the socket, if there is one yet.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[filch::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let listener = filch::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok(()) }
    /// ```
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let mut last_error = None;
        for addr in to_socket_addrs(addr).await? {
            match Self::bind_address(addr) {
                Ok(listener) => return Ok(listener),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(no_address))
    }

    fn bind_address(addr: SocketAddr) -> io::Result<TcpListener> {
        let handle = context::expect_io();
        let socket = platform::stream_socket(Domain::for_address(addr))?;
        // Elsewhere the option means that others may take the address away.
        if cfg!(unix) {
            socket.set_reuse_address(true)?;
        }
        socket.bind(&addr.into())?;
        Self::listen(socket, BACKLOG, &handle)
    }

    /// Makes a non-blocking, bound `socket` listen.
    pub(super) fn listen(socket: Socket, backlog: i32, handle: &Handle) -> io::Result<TcpListener> {
        socket.listen(backlog)?;
        Self::register(socket.into(), handle)
    }

    fn register(listener: std::net::TcpListener, handle: &Handle) -> io::Result<TcpListener> {
        let io = Registered::new(listener, Interest::READABLE, Ready::EMPTY, handle)?;
        Ok(TcpListener { io })
    }

    /// Waits for a connection, and returns it with its peer's address.
    ///
    /// # Errors
    ///
    /// Those of `accept`. Most of them concern one connection or one moment,
    /// not the listener: a client that has given up already, or a process with
    /// as many open files as it may have (in that case the connection stays in
    /// the queue, so wait a little before trying again). Further: when the
    /// stream cannot be registered with the driver, which closes it, and when
    /// the runtime has been shut down.
    ///
    /// # Panics
    ///
    /// When a connection is accepted outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, no connection has been
    /// accepted by it; it is used safely in [`select!`](crate::select).
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let listener = self.io.get_ref();
        let accept = || platform::accept(listener);
        let accepted = cooperative::operation(&self.io, Interest::READABLE, accept).await?;
        register_accepted(accepted)
    }

    /// Polls for what [`accept`](Self::accept) waits for.
    ///
    /// Of several tasks polling, the last is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Panics
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        cooperative::poll_operation(&self.io, cx, Direction::Read, platform::accept)
            .map(|accepted| register_accepted(accepted?))
    }

    /// Makes a listener of the standard library awaitable.
    ///
    /// The listener must already be in non-blocking mode
    /// ([`set_nonblocking(true)`](std::net::TcpListener::set_nonblocking));
    /// a blocking one would block a worker thread at each accept.
    ///
    /// # Errors
    ///
    /// When the listener cannot be registered with the runtime's driver.
    ///
    /// # Panics
    ///
    /// When called outside a runtime; in builds with debug assertions, when
    /// the listener is in blocking mode.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[filch::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let plain = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// plain.set_nonblocking(true)?;
    /// let listener = filch::net::TcpListener::from_std(plain)?;
    /// # drop(listener);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        let handle = context::expect_io();
        debug_assert!(
            SockRef::from(&listener).nonblocking().unwrap_or(true),
            "this TcpListener is in blocking mode and would block a worker thread: \
             call set_nonblocking(true) before TcpListener::from_std"
        );
        Self::register(listener, &handle)
    }

    /// Returns the listener to the standard library.
    ///
    /// It remains in non-blocking mode; change that with
    /// [`set_nonblocking`](std::net::TcpListener::set_nonblocking).
    ///
    /// # Errors
    ///
    /// When the listener cannot be removed from the driver; it is closed then.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        self.io.into_inner()
    }

    /// The address the listener is bound to.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// The time to live, in hops, of the packets sent (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets the time to live, in hops, of the packets sent (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`; the value must be between 1 and 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }
}

/// Registers an accepted stream with the runtime which the caller runs on; that
/// is where its events will be wanted, even if the listener is elsewhere.
fn register_accepted(
    (stream, peer): (std::net::TcpStream, SocketAddr),
) -> io::Result<(TcpStream, SocketAddr)> {
    Ok((TcpStream::accepted(stream, &context::expect_io())?, peer))
}

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// As [`TcpListener::from_std`].
    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.get_ref().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.io.get_ref().as_raw_fd()
    }
}
