//! Turning names into addresses.

use crate::net::addr::{ToSocketAddrs, to_socket_addrs};
use std::io;
use std::net::SocketAddr;

/// Resolves a host name and port to socket addresses.
///
/// The system's resolver does the work (`getaddrinfo`, with its configuration
/// and its order of results), on a thread of the blocking pool. An address
/// literal is parsed on the spot.
///
/// # Errors
///
/// Those of the resolver; of kind [`InvalidInput`](io::ErrorKind::InvalidInput)
/// for a string without a port.
///
/// # Panics
///
/// When a name is looked up outside a runtime.
///
/// # Cancel safety
///
/// Dropping the future abandons the look-up; the thread it occupies is free
/// again only when the resolver returns.
///
/// # Examples
///
/// ```
/// # #[filch::main]
/// # async fn main() -> std::io::Result<()> {
/// for addr in filch::net::lookup_host("localhost:80").await? {
///     assert!(addr.ip().is_loopback());
/// }
/// # Ok(()) }
/// ```
pub async fn lookup_host<T>(host: T) -> io::Result<impl Iterator<Item = SocketAddr>>
where
    T: ToSocketAddrs,
{
    to_socket_addrs(host).await
}
