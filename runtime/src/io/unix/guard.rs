//! Readiness that was observed and waits for a verdict.

use super::AsyncFd;
use filch_io::{Readiness, Ready};
use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

/// Readiness observed at an [`AsyncFd`], and a shared reference to it.
///
/// Whoever holds the guard has to decide: after an operation returned
/// [`WouldBlock`](io::ErrorKind::WouldBlock), clear the readiness
/// ([`clear_ready`](Self::clear_ready)); otherwise leave it as it is, by
/// dropping the guard. [`try_io`](Self::try_io) decides by itself.
///
/// Clearing never affects readiness that was reported after this guard was
/// made.
#[must_use = "clear the readiness if the operation would have blocked, or say so with `retain_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    async_fd: &'a AsyncFd<T>,
    /// What was observed and is not cleared.
    observed: Readiness,
}

/// Readiness observed at an [`AsyncFd`], and an exclusive reference to it.
///
/// It is used as an [`AsyncFdReadyGuard`] is.
#[must_use = "clear the readiness if the operation would have blocked, or say so with `retain_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    async_fd: &'a mut AsyncFd<T>,
    /// What was observed and is not cleared.
    observed: Readiness,
}

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    pub(super) fn new(async_fd: &'a AsyncFd<T>, readiness: Readiness) -> Self {
        Self {
            async_fd,
            observed: readiness,
        }
    }

    /// Clears the observed readiness, so that the next wait really waits.
    ///
    /// Call this only after an operation returned `WouldBlock`. That an end
    /// was closed is not cleared: it does not become untrue.
    pub fn clear_ready(&mut self) {
        let observed = self.observed.ready;
        self.clear_ready_matching(observed);
    }

    /// Clears the states in `ready`, unless there has been an event since the observation.
    ///
    /// This is for waits with several interests, after an operation for one of
    /// them returned `WouldBlock`. That an end was closed is not cleared.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::io::{ErrorKind, Read, Result};
    /// # use std::os::unix::net::UnixStream;
    /// use filch::io::unix::AsyncFd;
    /// use filch::io::{Interest, Ready};
    ///
    /// # async fn run(fd: AsyncFd<UnixStream>) -> Result<()> {
    /// let mut buffer = [0; 64];
    /// let mut guard = fd.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// if guard.ready().is_readable() {
    ///     match fd.get_ref().read(&mut buffer) {
    ///         Ok(length) => println!("{length} bytes"),
    ///         Err(error) if error.kind() == ErrorKind::WouldBlock => {
    ///             guard.clear_ready_matching(Ready::READABLE);
    ///         }
    ///         Err(error) => return Err(error),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        let io = self.async_fd.registered();
        io.clear_part(&mut self.observed, ready);
    }

    /// Leaves the readiness as it is. It does nothing, but says so.
    pub fn retain_ready(&mut self) {}

    /// The states that were observed and are not cleared.
    pub fn ready(&self) -> Ready {
        self.observed.ready
    }

    /// Calls `f`, and if that returns `WouldBlock`, clears the readiness.
    ///
    /// # Errors
    ///
    /// [`TryIoError`] stands for `WouldBlock`. Every other result of `f` is in
    /// the [`Ok`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::io::{Read, Result};
    /// # use std::os::unix::net::UnixStream;
    /// # use filch::io::unix::AsyncFd;
    /// # async fn read(fd: AsyncFd<UnixStream>, buffer: &mut [u8]) -> Result<usize> {
    /// loop {
    ///     let mut guard = fd.readable().await?;
    ///     match guard.try_io(|fd| fd.get_ref().read(buffer)) {
    ///         Ok(result) => return result,
    ///         Err(_would_block) => continue,
    ///     }
    /// }
    /// # }
    /// ```
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The [`AsyncFd`].
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// The object in the [`AsyncFd`].
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<'a, T: AsRawFd> AsyncFdReadyMutGuard<'a, T> {
    pub(super) fn new(async_fd: &'a mut AsyncFd<T>, readiness: Readiness) -> Self {
        Self {
            async_fd,
            observed: readiness,
        }
    }

    /// As [`AsyncFdReadyGuard::clear_ready`].
    pub fn clear_ready(&mut self) {
        let observed = self.observed.ready;
        self.clear_ready_matching(observed);
    }

    /// As [`AsyncFdReadyGuard::clear_ready_matching`].
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        let io = self.async_fd.registered();
        io.clear_part(&mut self.observed, ready);
    }

    /// Leaves the readiness as it is. It does nothing, but says so.
    pub fn retain_ready(&mut self) {}

    /// The states that were observed and are not cleared.
    pub fn ready(&self) -> Ready {
        self.observed.ready
    }

    /// As [`AsyncFdReadyGuard::try_io`].
    ///
    /// # Errors
    ///
    /// As [`AsyncFdReadyGuard::try_io`].
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The [`AsyncFd`].
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// The [`AsyncFd`], mutable.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// The object in the [`AsyncFd`].
    pub fn get_inner(&self) -> &T {
        self.async_fd.get_ref()
    }

    /// The object in the [`AsyncFd`], mutable; see [`AsyncFd::get_mut`].
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.async_fd.get_mut()
    }
}

impl<T: fmt::Debug + AsRawFd> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard")
            .field("async_fd", &self.async_fd)
            .field("ready", &self.ready())
            .finish()
    }
}

impl<T: fmt::Debug + AsRawFd> fmt::Debug for AsyncFdReadyMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyMutGuard")
            .field("async_fd", &self.async_fd)
            .field("ready", &self.ready())
            .finish()
    }
}

/// Says that an operation would have blocked, and that the readiness it relied
/// on has been cleared.
#[derive(Debug)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would block")
    }
}

impl Error for TryIoError {}
