//! Creating an [`AsyncFd`].

#![expect(
    unsafe_code,
    reason = "registering takes the caller's word for the descriptor"
)]

use super::AsyncFd;
use super::watched_fd::WatchedFd;
use crate::runtime::context;
use filch_io::{Interest, Ready, Registered};
use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

impl<T: AsRawFd> AsyncFd<T> {
    /// Registers `inner` for reading and writing.
    ///
    /// The descriptor must be in non-blocking mode; otherwise the operations
    /// on it block the thread.
    ///
    /// # Errors
    ///
    /// When the system cannot watch the descriptor (a regular file, for
    /// example), or there is no room for a further one. The error returns
    /// `inner`.
    ///
    /// # Panics
    ///
    /// When called outside a runtime, or in one whose I/O driver is off.
    ///
    /// # Safety
    ///
    /// Until the `AsyncFd` is dropped or [`into_inner`](Self::into_inner) has
    /// returned, `inner.as_raw_fd()` must return the same descriptor, which
    /// must remain open and refer to the same open file description. Types
    /// that own their descriptor and do not hand it out, as
    /// [`OwnedFd`](std::os::fd::OwnedFd), `File` and the sockets do, keep this
    /// by themselves, provided nothing else is put in their place through
    /// [`get_mut`](Self::get_mut).
    ///
    /// # Examples
    ///
    /// ```
    /// use filch::io::unix::AsyncFd;
    ///
    /// # #[filch::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let (reader, _writer) = std::io::pipe()?;
    /// # let reader = std::os::fd::OwnedFd::from(reader);
    /// // SAFETY: a pipe owns its descriptor, and it is not exchanged.
    /// let reader = unsafe { AsyncFd::register(reader)? };
    /// # drop(reader);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: the caller promises the same to this function.
        unsafe { Self::register_with_interest(inner, Interest::READABLE | Interest::WRITABLE) }
    }

    /// Registers `inner` for what `interest` says.
    ///
    /// Waiting later for anything that is not in `interest` does not end but by a close, an error
    /// or the runtime's end.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// When called outside a runtime, or in one whose I/O driver is off.
    ///
    /// # Safety
    ///
    /// As [`register`](Self::register).
    #[track_caller]
    pub unsafe fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        let handle = context::expect_io();
        // SAFETY: the caller promises that the descriptor stays open until the
        // `AsyncFd` is dropped or taken apart, and it drops this before `inner`.
        let watched = unsafe { WatchedFd::watch(inner.as_raw_fd()) };
        let registered =
            watched.and_then(|fd| Registered::new(fd, interest, Ready::EMPTY, &handle));
        match registered {
            Ok(registered) => Ok(Self::from_parts(registered, inner)),
            Err(cause) => Err(AsyncFdRegisterError { inner, cause }),
        }
    }

    /// As [`register`](Self::register), without asking for the promise it
    /// needs.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register), but `inner` is dropped.
    ///
    /// # Panics
    ///
    /// When called outside a runtime, or in one whose I/O driver is off.
    #[track_caller]
    #[deprecated = "unsound, as nothing ensures that the descriptor stays open; use `AsyncFd::register`"]
    pub fn new(inner: T) -> io::Result<Self> {
        // SAFETY: not discharged here: the deprecated signature leaves the
        // promise to documentation.
        unsafe { Self::register(inner) }.map_err(io::Error::from)
    }

    /// As [`register_with_interest`](Self::register_with_interest), without
    /// asking for the promise it needs.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register), but `inner` is dropped.
    ///
    /// # Panics
    ///
    /// When called outside a runtime, or in one whose I/O driver is off.
    #[track_caller]
    #[deprecated = "unsound, as nothing ensures that the descriptor stays open; use \
                    `AsyncFd::register_with_interest`"]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        // SAFETY: as in `new`.
        unsafe { Self::register_with_interest(inner, interest) }.map_err(io::Error::from)
    }

    /// As [`register`](Self::register), without asking for the promise it
    /// needs.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// When called outside a runtime, or in one whose I/O driver is off.
    #[track_caller]
    #[deprecated = "unsound, as nothing ensures that the descriptor stays open; use `AsyncFd::register`"]
    pub fn try_new(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: as in `new`.
        unsafe { Self::register(inner) }
    }

    /// As [`register_with_interest`](Self::register_with_interest), without
    /// asking for the promise it needs.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// When called outside a runtime, or in one whose I/O driver is off.
    #[track_caller]
    #[deprecated = "unsound, as nothing ensures that the descriptor stays open; use \
                    `AsyncFd::register_with_interest`"]
    pub fn try_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        // SAFETY: as in `new`.
        unsafe { Self::register_with_interest(inner, interest) }
    }
}

/// The error of registering a descriptor; it holds the object that was given.
pub struct AsyncFdRegisterError<T> {
    inner: T,
    cause: io::Error,
}

/// The earlier name of [`AsyncFdRegisterError`].
#[deprecated = "renamed to `AsyncFdRegisterError`"]
pub type AsyncFdTryNewError<T> = AsyncFdRegisterError<T>;

impl<T> AsyncFdRegisterError<T> {
    /// The object that could not be registered, and why.
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.cause, f)
    }
}

impl<T> Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> Self {
        error.cause
    }
}
