//! The transitions themselves: pure functions from a word to the next one.
//!
//! Each is one block of the table in [the parent module](super).

use super::{
    CANCELLED, COMPLETE, Disposed, INITIAL_REFERENCES, JOIN_INTEREST, JOIN_WAKER, REFERENCE,
    REFERENCE_SHIFT, REFERENCES_EXHAUSTED, RUNNING, SCHEDULED, Snapshot, TransitionToComplete,
    TransitionToDetached, TransitionToIdle, TransitionToJoinWaker, TransitionToRunning,
    TransitionToScheduledByRef, TransitionToScheduledByVal, TransitionToShutdown,
    TransitionToTerminal,
};
use std::{fmt, process};

impl Snapshot {
    pub(super) const INITIAL: Self =
        Self(INITIAL_REFERENCES << REFERENCE_SHIFT | RUNNING | JOIN_INTEREST);

    #[inline]
    pub(in crate::task) fn is_running(self) -> bool {
        self.has(RUNNING)
    }

    #[inline]
    pub(in crate::task) fn is_complete(self) -> bool {
        self.has(COMPLETE)
    }

    #[inline]
    pub(super) fn is_scheduled(self) -> bool {
        self.has(SCHEDULED)
    }

    #[inline]
    pub(super) fn is_cancelled(self) -> bool {
        self.has(CANCELLED)
    }

    #[inline]
    pub(super) fn has_join_interest(self) -> bool {
        self.has(JOIN_INTEREST)
    }

    #[inline]
    pub(in crate::task) fn has_join_waker(self) -> bool {
        self.has(JOIN_WAKER)
    }

    #[inline]
    pub(super) fn references(self) -> usize {
        self.0 >> REFERENCE_SHIFT
    }

    #[inline]
    pub(super) fn running(self) -> (TransitionToRunning, Option<Self>) {
        debug_assert!(
            self.is_scheduled(),
            "a Notified of a task not scheduled: {self:?}"
        );
        if self.has(RUNNING | COMPLETE) {
            let duty = if self.references() == 1 {
                TransitionToRunning::Dealloc
            } else {
                TransitionToRunning::Released
            };
            return (duty, Some(self.less(1)));
        }
        let duty = if self.is_cancelled() {
            TransitionToRunning::Cancel
        } else {
            TransitionToRunning::Poll
        };
        (duty, Some(self.without(SCHEDULED).with(RUNNING)))
    }

    #[inline]
    pub(super) fn resumed(self) -> (TransitionToRunning, Option<Self>) {
        // The safety of the poll that follows relies on it.
        assert!(
            self.is_running(),
            "entitled to what it does not have: {self:?}"
        );
        let duty = if self.is_cancelled() {
            TransitionToRunning::Cancel
        } else {
            TransitionToRunning::Poll
        };
        // A wake is taken note of before the poll that it is for. One that this
        // misses is found by the transition at the end of that poll.
        let next = self.is_scheduled().then(|| self.without(SCHEDULED));
        (duty, next)
    }

    #[inline]
    pub(super) fn idle(self, yielded: bool) -> (TransitionToIdle, Option<Self>) {
        debug_assert!(
            self.is_running(),
            "the end of a poll that never began: {self:?}"
        );
        if self.is_cancelled() {
            return (TransitionToIdle::Cancel, None);
        }
        if yielded || self.is_scheduled() {
            return (TransitionToIdle::Reschedule, None);
        }
        // The shutdown, which takes it out of the list, cancels it.
        debug_assert!(
            self.references() > 1,
            "waits without being kept by anyone: {self:?}"
        );
        (
            TransitionToIdle::Released,
            Some(self.without(RUNNING).less(1)),
        )
    }

    #[inline]
    pub(super) fn complete(
        self,
        held: usize,
        output_dropped: bool,
    ) -> (TransitionToComplete, Option<Self>) {
        debug_assert!(
            self.is_running(),
            "completed by who does not run it: {self:?}"
        );
        debug_assert!(
            self.references() >= held,
            "{held} references held of {self:?}"
        );
        if !self.has_join_interest() && !output_dropped {
            return (TransitionToComplete::DropOutput, None);
        }
        if self.references() == held {
            return (TransitionToComplete::Dealloc, None);
        }
        let next = self.without(RUNNING).with(COMPLETE);
        if self.has_join_waker() {
            return (TransitionToComplete::WakeJoiner, Some(next));
        }
        (TransitionToComplete::Released, Some(next.less(held)))
    }

    pub(super) fn terminal(
        self,
        held: usize,
        join_waker_dropped: bool,
    ) -> (TransitionToTerminal, Option<Self>) {
        debug_assert!(
            self.is_complete() && self.has_join_waker(),
            "no joiner woken: {self:?}"
        );
        debug_assert!(
            self.references() >= held,
            "{held} references held of {self:?}"
        );
        if self.references() == held {
            return (TransitionToTerminal::Dealloc, None);
        }
        if !self.has_join_interest() && !join_waker_dropped {
            return (TransitionToTerminal::DropJoinWaker, None);
        }
        (
            TransitionToTerminal::Released,
            Some(self.without(JOIN_WAKER).less(held)),
        )
    }

    #[inline]
    pub(super) fn scheduled_by_ref(self) -> (TransitionToScheduledByRef, Option<Self>) {
        if self.is_complete() {
            return (TransitionToScheduledByRef::DoNothing, None);
        }
        if self.has(RUNNING | SCHEDULED) {
            // Written even if nothing changes: the poll to come has to see
            // what this wake is for, see the ordering in `update`.
            return (
                TransitionToScheduledByRef::DoNothing,
                Some(self.with(SCHEDULED)),
            );
        }
        (
            TransitionToScheduledByRef::Submit,
            Some(self.with(SCHEDULED).more()),
        )
    }

    #[inline]
    pub(super) fn scheduled_by_val(self) -> (TransitionToScheduledByVal, Option<Self>) {
        match self.scheduled_by_ref() {
            (TransitionToScheduledByRef::Submit, _) => (
                TransitionToScheduledByVal::Submit,
                Some(self.with(SCHEDULED)),
            ),
            (TransitionToScheduledByRef::DoNothing, next) => {
                let duty = if self.references() == 1 {
                    TransitionToScheduledByVal::Dealloc
                } else {
                    TransitionToScheduledByVal::Released
                };
                (duty, Some(next.unwrap_or(self).less(1)))
            }
        }
    }

    pub(super) fn cancelled(self) -> (TransitionToScheduledByRef, Option<Self>) {
        if self.has(COMPLETE | CANCELLED) {
            return (TransitionToScheduledByRef::DoNothing, None);
        }
        let next = self.with(SCHEDULED | CANCELLED);
        if self.has(RUNNING | SCHEDULED) {
            return (TransitionToScheduledByRef::DoNothing, Some(next));
        }
        (TransitionToScheduledByRef::Submit, Some(next.more()))
    }

    pub(super) fn shutdown(self) -> (TransitionToShutdown, Option<Self>) {
        if self.is_complete() {
            (TransitionToShutdown::DoNothing, None)
        } else if self.is_running() {
            (TransitionToShutdown::DoNothing, Some(self.with(CANCELLED)))
        } else {
            (
                TransitionToShutdown::Cancel,
                Some(self.with(RUNNING | CANCELLED)),
            )
        }
    }

    pub(super) fn join_waker_set(self) -> (TransitionToJoinWaker, Option<Self>) {
        debug_assert!(
            self.has_join_interest() && !self.has_join_waker(),
            "{self:?}"
        );
        if self.is_complete() {
            (TransitionToJoinWaker::Complete, None)
        } else {
            (TransitionToJoinWaker::Done, Some(self.with(JOIN_WAKER)))
        }
    }

    pub(super) fn join_waker_unset(self) -> (TransitionToJoinWaker, Option<Self>) {
        if self.is_complete() {
            return (TransitionToJoinWaker::Complete, None);
        }
        debug_assert!(
            self.has_join_interest() && self.has_join_waker(),
            "{self:?}"
        );
        (TransitionToJoinWaker::Done, Some(self.without(JOIN_WAKER)))
    }

    #[inline]
    pub(super) fn detached(self, disposed: Disposed) -> (TransitionToDetached, Option<Self>) {
        debug_assert!(self.has_join_interest(), "detached twice: {self:?}");
        if self.references() == 1 {
            return (TransitionToDetached::Dealloc, None);
        }
        if self.is_complete() {
            if !disposed.output {
                return (TransitionToDetached::DropOutput, None);
            }
            if !self.has_join_waker() && !disposed.join_waker {
                return (TransitionToDetached::DropJoinWaker, None);
            }
        } else if self.has_join_waker() {
            return (
                TransitionToDetached::DropJoinWaker,
                Some(self.without(JOIN_WAKER)),
            );
        }
        (
            TransitionToDetached::Released,
            Some(self.without(JOIN_INTEREST).less(1)),
        )
    }

    /// Any of `flags`.
    #[inline]
    fn has(self, flags: usize) -> bool {
        self.0 & flags != 0
    }

    #[inline]
    fn with(self, flags: usize) -> Self {
        Self(self.0 | flags)
    }

    #[inline]
    fn without(self, flags: usize) -> Self {
        Self(self.0 & !flags)
    }

    #[inline]
    fn more(self) -> Self {
        self.assert_countable();
        Self(self.0 + REFERENCE)
    }

    #[inline]
    fn less(self, references: usize) -> Self {
        debug_assert!(
            self.references() >= references,
            "{references} references of {self:?}"
        );
        Self(self.0 - references * REFERENCE)
    }

    /// Ends the process if another reference might overflow the count, as
    /// `Arc` does: memory would be freed while in use.
    #[inline]
    pub(super) fn assert_countable(self) {
        if self.0 > REFERENCES_EXHAUSTED {
            exhausted();
        }
    }
}

#[cold]
fn exhausted() -> ! {
    process::abort()
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("running", &self.is_running())
            .field("complete", &self.is_complete())
            .field("scheduled", &self.is_scheduled())
            .field("cancelled", &self.is_cancelled())
            .field("join_interest", &self.has_join_interest())
            .field("join_waker", &self.has_join_waker())
            .field("references", &self.references())
            .finish()
    }
}
