//! Which kinds of readiness a caller asks for.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

const READABLE: u8 = 0b0_0001;
const WRITABLE: u8 = 0b0_0010;
const PRIORITY: u8 = 0b0_0100;
const ERROR: u8 = 0b0_1000;

/// A non-empty set of the readiness kinds a caller is interested in.
///
/// An interest is given twice: when a source is registered, to say which
/// events the operating system shall report, and when waiting, to say which of
/// them to wait for.
///
/// # Examples
///
/// ```
/// use filch_io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Interest in reading: data has arrived, or the reading side was closed.
    pub const READABLE: Interest = Interest(READABLE);

    /// Interest in writing: there is room, or the writing side was closed.
    pub const WRITABLE: Interest = Interest(WRITABLE);

    /// Interest in urgent data, such as TCP's out-of-band byte (`EPOLLPRI`).
    ///
    /// Platforms that report no such event accept the interest and never
    /// satisfy it.
    pub const PRIORITY: Interest = Interest(PRIORITY);

    /// Interest in error conditions, such as a message on the error queue of
    /// a socket.
    pub const ERROR: Interest = Interest(ERROR);

    /// Whether the set contains [`READABLE`](Self::READABLE).
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Whether the set contains [`WRITABLE`](Self::WRITABLE).
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Whether the set contains [`PRIORITY`](Self::PRIORITY).
    #[must_use]
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Whether the set contains [`ERROR`](Self::ERROR).
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// The union of two sets; `|` outside of `const` contexts.
    ///
    /// # Examples
    ///
    /// ```
    /// use filch_io::Interest;
    ///
    /// const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
    /// assert!(BOTH.is_readable() && BOTH.is_writable());
    /// ```
    #[must_use = "this returns the union without modifying the original"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// The set without the kinds in `other`, or `None` if none is left.
    #[must_use = "this returns the difference without modifying the original"]
    pub const fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (self.is_readable(), "READABLE"),
            (self.is_writable(), "WRITABLE"),
            (self.is_priority(), "PRIORITY"),
            (self.is_error(), "ERROR"),
        ];
        let mut separator = "";
        for (_, name) in named.into_iter().filter(|(set, _)| *set) {
            write!(f, "{separator}{name}")?;
            separator = " | ";
        }
        Ok(())
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_set_never_becomes_empty() {
        let all = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY | Interest::ERROR;
        assert_eq!(all.remove(all), None);
        assert_eq!(
            Interest::READABLE.remove(Interest::WRITABLE),
            Some(Interest::READABLE)
        );
    }

    #[test]
    fn a_union_has_what_either_has() {
        let mut both = Interest::READABLE;
        both |= Interest::WRITABLE;
        assert_eq!(both, Interest::READABLE | Interest::WRITABLE);
        assert!(both.is_readable() && both.is_writable());
        assert_eq!(both | Interest::READABLE, both);
    }

    #[test]
    fn debug_names_the_members() {
        assert_eq!(
            format!("{:?}", Interest::READABLE | Interest::ERROR),
            "READABLE | ERROR"
        );
        assert_eq!(format!("{:?}", Interest::WRITABLE), "WRITABLE");
    }
}
