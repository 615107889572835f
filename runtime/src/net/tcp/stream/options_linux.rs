//! Settings of a connection that only Linux has.

use super::TcpStream;
use socket2::SockRef;
use std::io;

impl TcpStream {
    /// Whether received data is acknowledged at once (`TCP_QUICKACK`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn quickack(&self) -> io::Result<bool> {
        SockRef::from(self).tcp_quickack()
    }

    /// Acknowledges received data at once (`true`) or after a short delay
    /// (`TCP_QUICKACK`).
    ///
    /// The kernel changes the setting on its own as the connection goes on;
    /// set it again after reading where it matters.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        SockRef::from(self).set_tcp_quickack(quickack)
    }
}
