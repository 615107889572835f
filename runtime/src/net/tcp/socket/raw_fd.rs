//! The file descriptor of a socket, in and out.

#![expect(unsafe_code, reason = "FromRawFd is an unsafe trait method")]

use super::TcpSocket;
use socket2::Socket;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd};

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_raw_fd()
    }
}

impl FromRawFd for TcpSocket {
    /// Takes ownership of a file descriptor, which must be in non-blocking
    /// mode.
    ///
    /// # Safety
    ///
    /// `fd` must be open and owned by nobody else, as
    /// [`FromRawFd::from_raw_fd`] asks.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpSocket {
        // SAFETY: the caller gives what this function asks: an open
        // descriptor that nobody else owns.
        let inner = unsafe { Socket::from_raw_fd(fd) };
        TcpSocket { inner }
    }
}
