//! What a source is ready for.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

use crate::Interest;

const READABLE: u8 = 0b0000_0001;
const WRITABLE: u8 = 0b0000_0010;
const READ_CLOSED: u8 = 0b0000_0100;
const WRITE_CLOSED: u8 = 0b0000_1000;
const PRIORITY: u8 = 0b0001_0000;
const ERROR: u8 = 0b0010_0000;

/// The set of operations that a source is ready for.
///
/// Readiness is a hint: an operation may still answer `WouldBlock`, for
/// instance because another task was faster.
///
/// # Examples
///
/// ```
/// use filch_io::Ready;
///
/// let ready = Ready::READABLE | Ready::WRITE_CLOSED;
/// assert!(ready.is_readable());
/// assert!(ready.is_writable(), "a write will not block: it fails at once");
/// assert!(!ready.is_read_closed());
/// assert_eq!(ready - Ready::READABLE, Ready::WRITE_CLOSED);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ready(u8);

impl Ready {
    /// Ready for nothing.
    pub const EMPTY: Ready = Ready(0);

    /// A read will not block.
    pub const READABLE: Ready = Ready(READABLE);

    /// A write will not block.
    pub const WRITABLE: Ready = Ready(WRITABLE);

    /// The reading side is closed: once what has arrived is read, a read
    /// reports the end.
    pub const READ_CLOSED: Ready = Ready(READ_CLOSED);

    /// The writing side is closed: a write fails.
    pub const WRITE_CLOSED: Ready = Ready(WRITE_CLOSED);

    /// Urgent data has arrived.
    pub const PRIORITY: Ready = Ready(PRIORITY);

    /// An error condition is pending.
    pub const ERROR: Ready = Ready(ERROR);

    /// Everything.
    pub const ALL: Ready =
        Ready(READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED | PRIORITY | ERROR);

    /// The two final states.
    pub(crate) const CLOSED: Ready = Ready(READ_CLOSED | WRITE_CLOSED);

    /// Whether nothing is ready.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a read will not block; a closed reading side counts.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.0 & (READABLE | READ_CLOSED) != 0
    }

    /// Whether a write will not block; a closed writing side counts.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & (WRITABLE | WRITE_CLOSED) != 0
    }

    /// Whether the reading side is closed.
    #[must_use]
    pub const fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether the writing side is closed.
    #[must_use]
    pub const fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Whether urgent data has arrived.
    #[must_use]
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Whether an error condition is pending.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Whether every member of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Ready) -> bool {
        self.0 & other.0 == other.0
    }

    /// Everything that satisfies `interest`: the closed states satisfy an
    /// interest in their direction.
    #[must_use]
    pub const fn from_interest(interest: Interest) -> Ready {
        let mut bits = 0;
        if interest.is_readable() {
            bits |= READABLE | READ_CLOSED;
        }
        if interest.is_writable() {
            bits |= WRITABLE | WRITE_CLOSED;
        }
        if interest.is_priority() {
            bits |= PRIORITY | READ_CLOSED;
        }
        if interest.is_error() {
            bits |= ERROR;
        }
        Ready(bits)
    }

    /// The members of this set that satisfy `interest`.
    #[must_use]
    pub const fn intersection(self, interest: Interest) -> Ready {
        Ready(self.0 & Ready::from_interest(interest).0)
    }

    /// Whether any member of this set satisfies `interest`.
    #[must_use]
    pub const fn satisfies(self, interest: Interest) -> bool {
        !self.intersection(interest).is_empty()
    }

    /// The members of `bits` that exist; the others are dropped.
    pub(crate) const fn from_bits_truncate(bits: usize) -> Ready {
        Ready(bits as u8 & Ready::ALL.0)
    }

    pub(crate) const fn bits(self) -> usize {
        self.0 as usize
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .field("is_error", &self.is_error())
            .field("is_priority", &self.is_priority())
            .finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const MEMBERS: [Ready; 6] = [
        Ready::READABLE,
        Ready::WRITABLE,
        Ready::READ_CLOSED,
        Ready::WRITE_CLOSED,
        Ready::PRIORITY,
        Ready::ERROR,
    ];

    #[test]
    fn all_of_them_are_six_bits() {
        let all = MEMBERS.into_iter().fold(Ready::EMPTY, |all, ready| {
            assert!((all & ready).is_empty(), "{ready:?} shares a bit");
            all | ready
        });
        assert_eq!(all, Ready::ALL);
        assert_eq!(all.bits(), (1 << MEMBERS.len()) - 1);
    }

    #[test]
    fn each_question_is_answered_by_its_members_only() {
        type Question = fn(Ready) -> bool;
        let questions: [(Question, &[Ready]); 6] = [
            (Ready::is_readable, &[Ready::READABLE, Ready::READ_CLOSED]),
            (Ready::is_writable, &[Ready::WRITABLE, Ready::WRITE_CLOSED]),
            (Ready::is_read_closed, &[Ready::READ_CLOSED]),
            (Ready::is_write_closed, &[Ready::WRITE_CLOSED]),
            (Ready::is_priority, &[Ready::PRIORITY]),
            (Ready::is_error, &[Ready::ERROR]),
        ];
        for ready in (0..=Ready::ALL.bits()).map(Ready::from_bits_truncate) {
            for (index, (asks, members)) in questions.into_iter().enumerate() {
                let expected = members.iter().any(|member| ready.contains(*member));
                assert_eq!(asks(ready), expected, "question {index} about {ready:?}");
            }
        }
    }

    #[test]
    fn closed_states_satisfy_their_direction_only() {
        assert!(Ready::READ_CLOSED.satisfies(Interest::READABLE));
        assert!(Ready::READ_CLOSED.satisfies(Interest::PRIORITY));
        assert!(!Ready::READ_CLOSED.satisfies(Interest::WRITABLE));
        assert!(Ready::WRITE_CLOSED.satisfies(Interest::WRITABLE));
        assert!(!Ready::WRITE_CLOSED.satisfies(Interest::READABLE));
        assert!(!Ready::ERROR.satisfies(Interest::READABLE | Interest::WRITABLE));
        assert!(Ready::ERROR.satisfies(Interest::ERROR));
    }

    #[test]
    fn bits_round_trip_and_unknown_bits_are_dropped() {
        for bits in 0..=usize::from(u8::MAX) {
            let ready = Ready::from_bits_truncate(bits);
            assert_eq!(ready.bits(), bits & Ready::ALL.bits());
            assert_eq!(Ready::from_bits_truncate(ready.bits()), ready);
        }
    }

    #[test]
    fn contains_asks_for_every_member() {
        let both = Ready::READABLE | Ready::WRITABLE;
        assert!(both.contains(Ready::READABLE) && both.contains(both));
        assert!(!Ready::READABLE.contains(both));
        assert!(Ready::EMPTY.contains(Ready::EMPTY));
    }
}
