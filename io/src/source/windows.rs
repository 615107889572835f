//! Windows: sockets.

pub(crate) use std::os::windows::io::{AsRawSocket, RawSocket as RawSource};
use std::os::windows::io::{AsSocket, BorrowedSocket};

pub(crate) type BorrowedSource<'a> = BorrowedSocket<'a>;

/// What can be registered with the driver: anything that owns a socket, in
/// non-blocking mode.
///
/// The socket must stay the same as long as the source is registered. If it
/// does not, events get lost; nothing worse happens.
pub trait Source: AsSocket {}

impl<T: AsSocket> Source for T {}

pub(crate) fn borrow(source: &impl Source) -> BorrowedSource<'_> {
    source.as_socket()
}

pub(crate) fn raw(source: BorrowedSource<'_>) -> RawSource {
    source.as_raw_socket()
}
