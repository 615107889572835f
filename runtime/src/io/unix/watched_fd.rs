//! The descriptor that an [`AsyncFd`](super::AsyncFd) has promised to keep.

#![expect(
    unsafe_code,
    reason = "AsRawFd promises nothing, so that somebody has to vouch for the descriptor"
)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};

/// Borrows a descriptor, for a time the type system cannot express.
///
/// # Invariant: the descriptor stays open
/// From [`watch`](Self::watch) until the value is dropped, the number names
/// the same open file description. The caller of `watch` vouches for it, and
/// `AsyncFd` declares this field before the owner of the descriptor, so that
/// it is dropped first.
#[derive(Debug)]
pub(super) struct WatchedFd(RawFd);

impl WatchedFd {
    /// Vouches for `fd`.
    ///
    /// # Errors
    ///
    /// If `fd` is negative, and so no descriptor at all.
    ///
    /// # Safety
    ///
    /// `fd` must satisfy the type's invariant.
    pub(super) unsafe fn watch(fd: RawFd) -> io::Result<Self> {
        if fd < 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the object's file descriptor is negative: it has been closed or never opened",
            ));
        }
        Ok(Self(fd))
    }
}

impl AsFd for WatchedFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: by the type's invariant the descriptor is open for as long as
        // `self` lives, and `watch` has excluded -1.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}
