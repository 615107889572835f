//! TCP sockets and name resolution.
//!
//! - [`TcpListener`] accepts connections, [`TcpStream`] is one connection.
//! - [`TcpSocket`] is a socket that is neither yet: set options on it, then
//!   connect it or make it listen.
//! - [`lookup_host()`] turns names into addresses; everything that takes an
//!   address takes any [`ToSocketAddrs`] and resolves in the same way.
//!
//! A file descriptor of another kind, a pipe or a device, is made awaitable by
//! [`AsyncFd`](crate::io::unix::AsyncFd).
//!
//! # How a socket waits
//!
//! A socket holds its registration with the runtime's I/O driver and nothing
//! else of the runtime. The registration remembers the readiness the operating
//! system last reported. An operation looks there first: where the socket may
//! be ready, the system call is tried at once; where the call says
//! [`WouldBlock`](std::io::ErrorKind::WouldBlock), the remembered readiness is
//! cleared and the task waits for the next report. After the runtime has been
//! shut down, whatever would have to wait returns an error instead.
//!
//! Creating a socket needs a runtime to register with: the one the calling
//! code runs on, or the one entered by
//! [`Handle::enter`](crate::runtime::Handle::enter). The socket stays with
//! that runtime for its life, wherever it is used.

mod addr;
mod lookup_host;
mod platform;
pub mod tcp;
mod uninit;

pub use self::addr::ToSocketAddrs;
pub use self::lookup_host::lookup_host;
pub use self::tcp::listener::TcpListener;
pub use self::tcp::socket::TcpSocket;
pub use self::tcp::stream::TcpStream;
