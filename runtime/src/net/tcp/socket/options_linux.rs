//! Options that only Linux has.

use super::TcpSocket;
use std::io;

impl TcpSocket {
    /// The name of the network interface the socket is bound to, if any
    /// (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.inner.device()
    }

    /// Binds the socket to the network interface of that name; `None` or an
    /// empty name undoes it (`SO_BINDTODEVICE`).
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`: there may be no such interface, or it may take a
    /// privilege.
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.inner.bind_device(interface)
    }
}
