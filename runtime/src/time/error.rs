//! The errors of this module.

use std::error;
use std::fmt;
use std::io;

/// A [`timeout`](fn@crate::time::timeout) passed before its future completed.
///
/// Converts into an [`io::Error`] of kind [`TimedOut`](io::ErrorKind::TimedOut),
/// so that `?` works in functions that return one.
///
/// ```
/// use filch::time::{Duration, timeout};
/// use std::io;
///
/// async fn patient() -> io::Result<()> {
///     timeout(Duration::from_secs(1), std::future::pending::<()>()).await?;
///     Ok(())
/// }
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// assert_eq!(patient().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(super) fn new() -> Self {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("deadline has elapsed")
    }
}

impl error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> io::Error {
        io::ErrorKind::TimedOut.into()
    }
}

/// A timer could not do what it was asked to.
///
/// Nothing in this crate returns it; libraries that build on timers of tokio's
/// kind make and match it.
#[derive(Clone, Copy, Debug)]
pub struct Error(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Shutdown,
    AtCapacity,
    Invalid,
}

impl Error {
    /// The runtime whose timer it is was shut down: the timer will never fire.
    pub fn shutdown() -> Error {
        Error(Kind::Shutdown)
    }

    /// Whether the runtime was shut down.
    pub fn is_shutdown(&self) -> bool {
        self.0 == Kind::Shutdown
    }

    /// There is no room for another timer at the moment.
    pub fn at_capacity() -> Error {
        Error(Kind::AtCapacity)
    }

    /// Whether there is no room for another timer at the moment.
    pub fn is_at_capacity(&self) -> bool {
        self.0 == Kind::AtCapacity
    }

    /// The timer was asked for something that it cannot represent.
    pub fn invalid() -> Error {
        Error(Kind::Invalid)
    }

    /// Whether the timer was asked for something that it cannot represent.
    pub fn is_invalid(&self) -> bool {
        self.0 == Kind::Invalid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            Kind::Shutdown => {
                "the timer is shutdown, must be called from the context of filch runtime"
            }
            Kind::AtCapacity => "timer is at capacity and cannot create a new entry",
            Kind::Invalid => "timer duration exceeds maximum duration",
        })
    }
}

impl error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_only_itself() {
        let kinds = [Error::shutdown(), Error::at_capacity(), Error::invalid()];
        let answers = kinds.map(|error| {
            [
                error.is_shutdown(),
                error.is_at_capacity(),
                error.is_invalid(),
            ]
        });
        assert_eq!(
            answers,
            [
                [true, false, false],
                [false, true, false],
                [false, false, true]
            ]
        );
        let texts = kinds.map(|error| error.to_string());
        assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2]);
    }

    #[test]
    fn elapsed_is_a_timeout_to_io() {
        assert_eq!(
            io::Error::from(Elapsed::new()).kind(),
            io::ErrorKind::TimedOut
        );
        assert_eq!(format!("{:>22}", Elapsed::new()), "  deadline has elapsed");
    }
}
