#![expect(
    unsafe_code,
    reason = "shares a panic's payload between threads, see `Payload`"
)]
//! How a task ends other than with its output.

use super::id::Id;
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;

/// Why a task has no output: the part of a [`JoinError`] kept in the task. One
/// word, since most outputs are small and hardly any task fails.
pub(super) struct Failure {
    /// `None` if the task was cancelled.
    panic: Option<Box<Payload>>,
}

impl Failure {
    pub(super) const CANCELLED: Self = Self { panic: None };

    #[cold]
    pub(super) fn panic(payload: Box<dyn Any + Send + 'static>) -> Self {
        Self {
            panic: Some(Box::new(Payload(payload))),
        }
    }
}

/// The error of a task that did not run to completion: it was cancelled, or it
/// panicked.
///
/// Returned by awaiting a [`JoinHandle`](super::JoinHandle).
///
/// # Examples
///
/// A panic stops at the task. To let it go on in the task that waits:
///
/// ```should_panic
/// #[filch::main]
/// async fn main() {
///     let task = filch::spawn(async { panic!("out of ideas") });
///     if let Err(error) = task.await {
///         eprintln!("{error}");
///         std::panic::resume_unwind(error.into_panic());
///     }
/// }
/// ```
pub struct JoinError {
    failure: Failure,
    id: Id,
}

/// What a task panicked with.
struct Payload(Box<dyn Any + Send + 'static>);

// SAFETY: through a shared reference the payload is only looked at as one of
// two types that are `Sync`, in `message`.
unsafe impl Sync for Payload {}

impl Payload {
    /// The message, if the panic had a literal or a formatted one.
    fn message(&self) -> Option<&str> {
        if let Some(message) = self.0.downcast_ref::<String>() {
            return Some(message);
        }
        self.0.downcast_ref::<&'static str>().copied()
    }
}

impl JoinError {
    pub(super) fn new(id: Id, failure: Failure) -> Self {
        Self { failure, id }
    }

    /// Whether the task was cancelled: aborted, or its runtime shut down.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.failure.panic.is_none()
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.failure.panic.is_some()
    }

    /// What the task panicked with, for example to
    /// [resume](std::panic::resume_unwind) the panic.
    ///
    /// # Panics
    ///
    /// If the task was cancelled instead. Ask [`is_panic`](Self::is_panic)
    /// first, or use [`try_into_panic`](Self::try_into_panic).
    #[must_use]
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!(
                "{error}: there is no panic to take; ask `JoinError::is_panic` first, \
                 or call `try_into_panic`"
            ),
        }
    }

    /// What the task panicked with.
    ///
    /// # Errors
    ///
    /// Returns the error itself if the task was cancelled instead.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        match self.failure.panic {
            Some(payload) => Ok(payload.0),
            None => Err(self),
        }
    }

    /// The id of the task.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// `None` if there was no panic, `Some(None)` if it had no message.
    fn message(&self) -> Option<Option<&str>> {
        self.failure.panic.as_deref().map(Payload::message)
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match self.message() {
            None => write!(f, "task {id} was cancelled"),
            Some(Some(message)) => write!(f, "task {id} panicked with message {message:?}"),
            Some(None) => write!(f, "task {id} panicked"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match self.message() {
            None => write!(f, "JoinError::Cancelled({id:?})"),
            Some(Some(message)) => write!(f, "JoinError::Panic({id:?}, {message:?}, ...)"),
            Some(None) => write!(f, "JoinError::Panic({id:?}, ...)"),
        }
    }
}

impl Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        io::Error::other(if error.is_panic() {
            "task panicked"
        } else {
            "task was cancelled"
        })
    }
}
