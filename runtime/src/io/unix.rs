//! Awaiting file descriptors of any kind.
//!
//! [`AsyncFd`] registers whatever the operating system can watch: pipes,
//! devices, event and timer descriptors, sockets of families that
//! [`filch::net`](crate::net) does not know.

mod async_fd;
mod guard;
mod register;
mod watched_fd;

pub use self::async_fd::AsyncFd;
pub use self::guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, TryIoError};
pub use self::register::AsyncFdRegisterError;
#[doc(hidden)]
#[expect(
    deprecated,
    reason = "programs written for earlier versions of this interface name it"
)]
pub use self::register::AsyncFdTryNewError;
