//! Options that every system has.

use super::TcpSocket;
use crate::net::tcp::whole_seconds;
use std::io;
use std::time::Duration;

impl TcpSocket {
    /// Sets whether an idle connection is probed from time to time
    /// (`SO_KEEPALIVE`).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.inner.set_keepalive(keepalive)
    }

    /// Whether an idle connection is probed from time to time
    /// (`SO_KEEPALIVE`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn keepalive(&self) -> io::Result<bool> {
        self.inner.keepalive()
    }

    /// Sets whether an address can be bound that is only held by connections
    /// in `TIME_WAIT` (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.inner.set_reuse_address(reuseaddr)
    }

    /// Whether an address can be bound that is only held by connections in
    /// `TIME_WAIT` (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.inner.reuse_address()
    }

    /// Sets the size of the send buffer, in bytes (`SO_SNDBUF`).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_send_buffer_size(size as usize)
    }

    /// The size of the send buffer, in bytes (`SO_SNDBUF`).
    ///
    /// Linux returns twice what was set: it counts its bookkeeping.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.inner.send_buffer_size().map(saturate)
    }

    /// Sets the size of the receive buffer, in bytes (`SO_RCVBUF`).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_recv_buffer_size(size as usize)
    }

    /// The size of the receive buffer, in bytes (`SO_RCVBUF`).
    ///
    /// Linux returns twice what was set: it counts its bookkeeping.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.inner.recv_buffer_size().map(saturate)
    }

    /// Sets how long closing waits for unsent data (`SO_LINGER`), rounded up
    /// to seconds, 2 147 483 647 at most.
    ///
    /// Closing happens on a worker thread, which would be blocked for that
    /// long. For a duration of zero use
    /// [`set_zero_linger`](Self::set_zero_linger), which does not block.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    #[deprecated = "`SO_LINGER` makes dropping the socket block its thread"]
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        self.inner.set_linger(dur.map(whole_seconds))
    }

    /// Makes closing reset the connection and discard what is unsent; see
    /// [`TcpStream::set_zero_linger`](crate::net::TcpStream::set_zero_linger).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.inner.set_linger(Some(Duration::ZERO))
    }

    /// How long closing waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.inner.linger()
    }

    /// Turns Nagle's algorithm off (`true`) or on (`TCP_NODELAY`); see
    /// [`TcpStream::set_nodelay`](crate::net::TcpStream::set_nodelay).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.inner.set_tcp_nodelay(nodelay)
    }

    /// Whether Nagle's algorithm is off (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.inner.tcp_nodelay()
    }
}

fn saturate(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
