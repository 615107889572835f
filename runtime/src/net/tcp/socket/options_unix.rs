//! Options that most Unix systems have.

use super::TcpSocket;
use std::io;

impl TcpSocket {
    /// Sets whether several sockets may be bound to the same address
    /// (`SO_REUSEPORT`); on Linux the kernel spreads connections among them.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.inner.set_reuse_port(reuseport)
    }

    /// Whether several sockets may be bound to the same address
    /// (`SO_REUSEPORT`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn reuseport(&self) -> io::Result<bool> {
        self.inner.reuse_port()
    }

    /// The type-of-service field of the IPv4 packets sent (`IP_TOS`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.inner.tos_v4()
    }

    /// Sets the type-of-service field of the IPv4 packets sent (`IP_TOS`).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.inner.set_tos_v4(tos)
    }

    /// The older name of [`tos_v4`](Self::tos_v4).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    #[doc(hidden)]
    #[deprecated = "renamed to `tos_v4`, as the option belongs to IPv4"]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// The older name of [`set_tos_v4`](Self::set_tos_v4).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    #[doc(hidden)]
    #[deprecated = "renamed to `set_tos_v4`, as the option belongs to IPv4"]
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// The traffic class of the IPv6 packets sent (`IPV6_TCLASS`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.inner.tclass_v6()
    }

    /// Sets the traffic class of the IPv6 packets sent (`IPV6_TCLASS`).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.inner.set_tclass_v6(tclass)
    }
}
