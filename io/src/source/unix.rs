//! Unix: file descriptors.

use std::os::fd::{AsFd, BorrowedFd};
#[cfg(any(filch_loom, not(target_os = "linux"), filch_portable))]
pub(crate) use std::os::fd::{AsRawFd, RawFd as RawSource};

pub(crate) type BorrowedSource<'a> = BorrowedFd<'a>;

/// What can be registered with the driver: anything that owns a file
/// descriptor, in non-blocking mode.
///
/// The descriptor must stay the same as long as the source is registered. If it
/// does not, events get lost; nothing worse happens.
pub trait Source: AsFd {}

impl<T: AsFd> Source for T {}

pub(crate) fn borrow(source: &impl Source) -> BorrowedSource<'_> {
    source.as_fd()
}

#[cfg(any(filch_loom, not(target_os = "linux"), filch_portable))]
pub(crate) fn raw(source: BorrowedSource<'_>) -> RawSource {
    source.as_raw_fd()
}
