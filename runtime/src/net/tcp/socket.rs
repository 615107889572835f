//! A TCP socket before it becomes a stream or a listener.

mod options;
#[cfg(target_os = "linux")]
mod options_linux;
#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
mod options_unix;
mod raw_fd;

use crate::net::{TcpListener, TcpStream, platform};
use crate::runtime::context;
use socket2::{Domain, Socket};
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// A TCP socket that is neither connected nor listening yet.
///
/// Set its options, then turn it into a [`TcpStream`] with
/// [`connect`](Self::connect) or into a [`TcpListener`] with
/// [`listen`](Self::listen). Until then it needs no runtime. Options that are
/// not offered here can be set through the `socket2` crate, whose `SockRef`
/// takes a reference to this type.
///
/// # Examples
///
/// ```
/// use filch::net::TcpSocket;
///
/// #[filch::main]
/// async fn main() -> std::io::Result<()> {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_reuseaddr(true)?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let listener = socket.listen(1024)?;
///
///     let socket = TcpSocket::new_v4()?;
///     socket.set_nodelay(true)?;
///     let stream = socket.connect(listener.local_addr()?).await?;
///     assert!(stream.nodelay()?);
///     Ok(())
/// }
/// ```
pub struct TcpSocket {
    inner: Socket,
}

impl TcpSocket {
    /// Creates a socket for IPv4.
    ///
    /// # Errors
    ///
    /// Those of `socket`, among them too many open files.
    pub fn new_v4() -> io::Result<TcpSocket> {
        platform::stream_socket(Domain::IPV4).map(|inner| TcpSocket { inner })
    }

    /// Creates a socket for IPv6.
    ///
    /// # Errors
    ///
    /// Those of `socket`, among them too many open files.
    pub fn new_v6() -> io::Result<TcpSocket> {
        platform::stream_socket(Domain::IPV6).map(|inner| TcpSocket { inner })
    }

    /// Takes a socket of another origin, for example one whose options were
    /// set with the `socket2` crate.
    ///
    /// It must not be connected, whatever its type says, and must be in
    /// non-blocking mode.
    ///
    /// # Examples
    ///
    /// ```
    /// use socket2::{Domain, Socket, Type};
    /// # fn main() -> std::io::Result<()> {
    /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    /// socket.set_nonblocking(true)?;
    /// let socket = filch::net::TcpSocket::from_std_stream(socket.into());
    /// # drop(socket);
    /// # Ok(()) }
    /// ```
    pub fn from_std_stream(std_stream: std::net::TcpStream) -> TcpSocket {
        TcpSocket {
            inner: Socket::from(std_stream),
        }
    }

    /// Binds the socket to a local address.
    ///
    /// # Errors
    ///
    /// Those of `bind`.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.bind(&addr.into())
    }

    /// Connects the socket to `addr`.
    ///
    /// # Errors
    ///
    /// Those of `connect`, or an error when the runtime is shut down.
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the attempt and closes the socket.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let handle = context::expect_io();
        TcpStream::connect_socket(self.inner, addr, &handle).await
    }

    /// Makes the socket listen, with room for `backlog` connections that wait
    /// to be accepted. Systems lower the number to a limit of their own.
    ///
    /// # Errors
    ///
    /// Those of `listen`, or when the listener cannot be registered with the
    /// runtime's driver.
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let handle = context::expect_io();
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        TcpListener::listen(self.inner, backlog, &handle)
    }

    /// The local address of the socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`; of kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the socket is of
    /// another family than IPv4 and IPv6.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()?.as_socket().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the socket's address is neither IPv4 nor IPv6",
            )
        })
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`), if any.
    ///
    /// # Errors
    ///
    /// When the option cannot be read.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
