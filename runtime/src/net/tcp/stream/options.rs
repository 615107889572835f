//! The settings of a connection.

use super::TcpStream;
use crate::net::tcp::whole_seconds;
use socket2::SockRef;
use std::io;
use std::time::Duration;

impl TcpStream {
    /// Whether Nagle's algorithm is off (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.get_ref().nodelay()
    }

    /// Turns Nagle's algorithm off (`true`) or on (`TCP_NODELAY`).
    ///
    /// With the algorithm on, which is the default, the kernel holds small
    /// segments back for a moment to send more at once. Request-and-response
    /// protocols want it off.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.get_ref().set_nodelay(nodelay)
    }

    /// How long closing the stream waits for unsent data (`SO_LINGER`); `None`
    /// means that closing returns at once and the kernel sends on.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Sets how long closing the stream waits for unsent data (`SO_LINGER`),
    /// rounded up to seconds, 2 147 483 647 at most.
    ///
    /// Closing happens when the stream is dropped, on a worker thread, which
    /// would be blocked for that long. To close once the peer has everything,
    /// call [`shutdown`](crate::io::AsyncWriteExt::shutdown) and read to the
    /// end of the stream instead. For a duration of zero use
    /// [`set_zero_linger`](Self::set_zero_linger), which does not block.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    #[deprecated = "`SO_LINGER` makes dropping the stream block its thread"]
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_linger(dur.map(whole_seconds))
    }

    /// Makes dropping the stream reset the connection.
    ///
    /// Instead of an orderly end the peer gets a reset, and data that was not
    /// yet sent or read is discarded on both sides. Nothing remains of the
    /// connection, no `TIME_WAIT` either.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use filch::net::{TcpListener, TcpStream};
    /// # #[filch::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_zero_linger()?;
    /// assert_eq!(stream.linger()?, Some(std::time::Duration::ZERO));
    /// drop(stream); // the peer's next read fails with ConnectionReset
    /// # Ok(()) }
    /// ```
    pub fn set_zero_linger(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(Duration::ZERO))
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
