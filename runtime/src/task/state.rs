//! The state word of a task: lifecycle, who waits for it, and how many refer
//! to it, in one `usize`.
//!
//! Every change of state is one atomic read-modify-write of this word, made by
//! one of the `transition_to_…` methods below; each returns what its caller
//! has to do next. The rules that these transitions uphold, and the names by
//! which the unsafe code cites them, stand in [`cell`](super::cell).
//!
//! **Transitions**, `OLD => NEW`. `R` running, `C` complete, `S` scheduled, `A`
//! abort requested, `J` join interest, `W` join waker; `!x` a flag that has to
//! be clear, `±n` references; what is not named stays as it is.
//!
//! ```text
//! transition_to_running            S !R !C     =>  R !S          poll it (A: cancel it)
//!                                  S R | S C   =>  −1            stale: nothing to do
//! transition_to_resumed            R S         =>  !S            poll it (A: cancel it)
//!                                  R !S        =>  unchanged     poll it
//! transition_to_idle               R A         =>  unchanged     cancel it
//!                                  R S | yield =>  unchanged     reschedule it, entitled
//!                                  R !S        =>  !R −1         it waits for a wake
//! transition_to_complete(n)        R !J        =>  unchanged     drop the output, come back
//!                                  only n refs =>  unchanged     deallocate
//!                                  R W         =>  C !R          wake the joiner, then:
//!                                  R J !W      =>  C !R −n       done
//! transition_to_terminal(n)        only n refs =>  unchanged     deallocate
//!                                  C W !J      =>  unchanged     drop the join waker, come back
//!                                  C W         =>  !W −n         done
//! transition_to_scheduled_by_ref   !C !R !S    =>  S +1          submit it
//!                                  R | S       =>  S             nothing to do
//!                                  C           =>  unchanged     nothing to do
//! transition_to_scheduled_by_val   as by_ref, −1  submit the reference given, or nothing to do
//! transition_to_cancelled          !C !A !R    =>  S A, +1 if !S submit it if it was !S
//!                                  R           =>  S A           its runner will see
//!                                  C | A       =>  unchanged     nothing to do
//! transition_to_shutdown           !R !C       =>  R A           cancel it, in place
//!                                  R           =>  A             its runner will see
//!                                  C           =>  unchanged     nothing to do
//! transition_to_join_waker_set     J !W !C     =>  W
//! transition_to_join_waker_unset   J W !C      =>  !W
//! transition_to_detached           only 1 ref  =>  unchanged     deallocate
//!                                  J !C W      =>  !W            drop the join waker, come back
//!                                  J !C !W     =>  !J −1         done
//!                                  J C         =>  unchanged     drop the output, come back
//!                                  J C !W      =>  unchanged     drop the join waker, come back
//!                                  J C         =>  !J −1         done
//! ```
//!
//! "Only n refs": whoever holds every reference there is needs no atomic
//! operation to be the last.
//!
//! **What it costs**, in atomic read-modify-writes of the state word, which is
//! what a task's overhead consists of:
//!
//! | what happens | how many |
//! |---|---|
//! | a wake that schedules the task | 1; 3 if it uses the waker up on a thread that does not run the scheduler's tasks |
//! | a wake that finds it scheduled | 1 |
//! | a poll that ends waiting | 2; 1 if it is the first |
//! | a poll that yields | 0, unless it is the first after a wait |
//! | a poll during which it is woken | 1, unless it is the first after a wait |
//! | a poll that completes, and the completion | 2, 3 if there is a join waker, 1 if nobody else refers to the task; one less if the task has not waited since it was polled last |
//! | setting the join waker; replacing it | 1; 2 |
//! | dropping the `JoinHandle` | 1; 0 if its reference is the last; 2 if the task is not complete and has a join waker |
//! | cloning or dropping a waker | 1 |
//!
//! Entering and leaving the list of owned tasks is a lock and an unlock each, for
//! a task that waits at all.
//!
//! Rejected: a table of waker functions for each future type (code for nothing,
//! and no identity to tell our wakers by); cache line alignment (slower to
//! allocate, and half as much again for a small task); keeping the scheduler
//! alive through a reschedule by a reference of the task (two more
//! read-modify-writes a yield, see [`Notified::run_on`](super::notified::Notified::run_on)).

use crate::primitive::atomic::{AtomicUsize, Ordering};
use std::fmt;

/// Somebody has the right to run: a thread that polls the future or drops it,
/// or an entitled `Notified`.
const RUNNING: usize = 1 << 0;
/// The output is final. Never unset.
const COMPLETE: usize = 1 << 1;
/// Another poll is due that has not begun: a `Notified` exists, or whoever runs
/// the task will make one.
const SCHEDULED: usize = 1 << 2;
/// The future is to be dropped at the next opportunity. Never unset.
const CANCELLED: usize = 1 << 3;
/// The `JoinHandle` exists. Never set again once unset.
const JOIN_INTEREST: usize = 1 << 4;
/// The join waker is shared between the handle and who completes the task.
const JOIN_WAKER: usize = 1 << 5;

/// Of the `Notified`, of the `JoinHandle`, and the one that goes to the list of
/// owned tasks.
const INITIAL_REFERENCES: usize = 3;

const REFERENCE_SHIFT: u32 = 6;
const REFERENCE: usize = 1 << REFERENCE_SHIFT;
const FLAGS: usize = RUNNING | COMPLETE | SCHEDULED | CANCELLED | JOIN_INTEREST | JOIN_WAKER;

/// A word beyond this is a count about to overflow, for example because of
/// wakers cloned and forgotten in a loop. Half of the range, so that threads
/// which count up at the same moment stay clear of the end.
const REFERENCES_EXHAUSTED: usize = isize::MAX as usize;

const _: () = assert!(
    FLAGS == REFERENCE - 1,
    "flags and count share bits or leave a gap"
);

/// The word of one task.
///
/// | bits | 6.. | 5 | 4 | 3 | 2 | 1 | 0 |
/// |------|-----|---|---|---|---|---|---|
/// |      | references | `JOIN_WAKER` | `JOIN_INTEREST` | `CANCELLED` | `SCHEDULED` | `COMPLETE` | `RUNNING` |
pub(super) struct State {
    word: AtomicUsize,
}

/// A value that the word had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot(usize);

/// See [`State::transition_to_running`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToRunning {
    /// The caller runs the task, and polls it.
    Poll,
    /// The caller runs the task, but drops the future instead of polling it.
    Cancel,
    /// The reference is released; the task is not touched again.
    Released,
    /// That was the last reference: deallocate.
    Dealloc,
}

/// See [`State::transition_to_idle`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToIdle {
    /// The reference is released; the task is not touched again.
    Released,
    /// The task is still running: hand an entitled `Notified` to the scheduler.
    Reschedule,
    /// The task is still running: drop the future and complete it.
    Cancel,
}

/// See [`State::transition_to_complete`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToComplete {
    /// Nobody will read the output: drop it and call again.
    DropOutput,
    /// The held references are released; the task is not touched again.
    Released,
    /// The held references are the only ones: deallocate.
    Dealloc,
    /// Wake the join waker by reference, then make the transition to terminal.
    WakeJoiner,
}

/// See [`State::transition_to_terminal`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToTerminal {
    /// The handle is gone and left the join waker behind: drop it and call again.
    DropJoinWaker,
    /// The held references are released; the task is not touched again.
    Released,
    /// The held references are the only ones: deallocate.
    Dealloc,
}

/// See [`State::transition_to_scheduled_by_ref`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToScheduledByRef {
    /// A reference was added for a `Notified`: hand it to the scheduler.
    Submit,
    /// The task will run anyway, or never again.
    DoNothing,
}

/// See [`State::transition_to_scheduled_by_val`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToScheduledByVal {
    /// The waker's reference is that of a `Notified` now: hand it to the
    /// scheduler.
    Submit,
    /// The waker's reference is released; the task is not touched again.
    Released,
    /// That was the last reference: deallocate.
    Dealloc,
}

/// See [`State::transition_to_shutdown`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToShutdown {
    /// The caller runs the task: drop the future and complete it.
    Cancel,
    /// Another thread runs or has completed it.
    DoNothing,
}

/// See [`State::transition_to_join_waker_set`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToJoinWaker {
    /// The flag is as asked for.
    Done,
    /// The task completed first; nothing was changed.
    Complete,
}

/// See [`State::transition_to_detached`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransitionToDetached {
    /// The output is the handle's: drop it and call again.
    DropOutput,
    /// The join waker is the handle's: drop it and call again.
    DropJoinWaker,
    /// The reference is released; the task is not touched again.
    Released,
    /// That was the last reference: deallocate.
    Dealloc,
}

/// What a handle that is going away has already disposed of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Disposed {
    pub(super) output: bool,
    pub(super) join_waker: bool,
}

impl State {
    /// The state of a new task: running, as its `Notified` is entitled, with a
    /// handle, and [`INITIAL_REFERENCES`].
    pub(super) fn new() -> Self {
        Self {
            word: AtomicUsize::new(Snapshot::INITIAL.0),
        }
    }

    /// Reads the word.
    #[inline]
    pub(super) fn load(&self) -> Snapshot {
        // ORDERING: Acquire pairs with the release of `transition_to_complete`:
        // who sees COMPLETE may read the output.
        Snapshot(self.word.load(Ordering::Acquire))
    }

    /// Applies a transition to the word; `None` leaves it as it is.
    ///
    /// The only loop of its kind: every transition that depends on the old
    /// value goes through here. Compiled in place, so that what a transition
    /// returns is a branch and not a value.
    #[inline(always)]
    fn update<T>(&self, transition: impl Fn(Snapshot) -> (T, Option<Snapshot>)) -> T {
        let mut current = self.load();
        loop {
            let (duty, next) = transition(current);
            let Some(next) = next else { return duty };
            // ORDERING: Release publishes what this thread did to the parts of
            // the task it had access to (the stage, the join waker, and, for a
            // wake, what it is a wake for) to whoever makes the next
            // transition; Acquire takes that over from the previous one. All
            // transitions are read-modify-writes, so a release sequence never
            // breaks.
            match self.word.compare_exchange_weak(
                current.0,
                next.0,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return duty,
                Err(actual) => current = Snapshot(actual),
            }
        }
    }

    /// Takes the right to run for a `Notified` that is not entitled. Consumes its
    /// reference unless the caller now runs the task, and so goes on holding it.
    #[inline]
    pub(super) fn transition_to_running(&self) -> TransitionToRunning {
        self.update(Snapshot::running)
    }

    /// Begins another poll of a task whose `Notified` is entitled, and is
    /// therefore running already. Never releases the reference.
    #[inline]
    pub(super) fn transition_to_resumed(&self) -> TransitionToRunning {
        self.update(Snapshot::resumed)
    }

    /// Ends a poll that returned `Pending`; `yielded`: the task asked to be
    /// polled again.
    ///
    /// A task that is ready already goes on running while it is queued, which
    /// takes no write, and hardly one when it is resumed.
    #[inline]
    pub(super) fn transition_to_idle(&self, yielded: bool) -> TransitionToIdle {
        self.update(|snapshot| snapshot.idle(yielded))
    }

    /// Makes the output final and releases the `held` references along with
    /// it, unless there is a joiner to wake first.
    #[inline]
    pub(super) fn transition_to_complete(
        &self,
        held: usize,
        output_dropped: bool,
    ) -> TransitionToComplete {
        self.update(|snapshot| snapshot.complete(held, output_dropped))
    }

    /// Gives the join waker back and releases the `held` references.
    pub(super) fn transition_to_terminal(
        &self,
        held: usize,
        join_waker_dropped: bool,
    ) -> TransitionToTerminal {
        self.update(|snapshot| snapshot.terminal(held, join_waker_dropped))
    }

    /// Wakes the task; the caller keeps its reference.
    #[inline]
    pub(super) fn transition_to_scheduled_by_ref(&self) -> TransitionToScheduledByRef {
        self.update(Snapshot::scheduled_by_ref)
    }

    /// Wakes the task; the caller's reference is consumed, or becomes that of the
    /// `Notified`.
    #[inline]
    pub(super) fn transition_to_scheduled_by_val(&self) -> TransitionToScheduledByVal {
        self.update(Snapshot::scheduled_by_val)
    }

    /// Requests that the future be dropped, by the runtime.
    pub(super) fn transition_to_cancelled(&self) -> TransitionToScheduledByRef {
        self.update(Snapshot::cancelled)
    }

    /// Requests that the future be dropped, by the caller if nobody runs it.
    pub(super) fn transition_to_shutdown(&self) -> TransitionToShutdown {
        self.update(Snapshot::shutdown)
    }

    /// Shares the join waker that the handle has stored.
    pub(super) fn transition_to_join_waker_set(&self) -> TransitionToJoinWaker {
        self.update(Snapshot::join_waker_set)
    }

    /// Takes the join waker back, so that the handle may replace it.
    pub(super) fn transition_to_join_waker_unset(&self) -> TransitionToJoinWaker {
        self.update(Snapshot::join_waker_unset)
    }

    /// Gives up the handle's interest and its reference.
    ///
    /// What the handle has to dispose of comes back as a duty, for as long as
    /// `disposed` does not say that it has been seen to.
    #[inline]
    pub(super) fn transition_to_detached(&self, disposed: Disposed) -> TransitionToDetached {
        self.update(|snapshot| snapshot.detached(disposed))
    }

    /// Adds a reference. The caller holds one.
    #[inline]
    pub(super) fn add_reference(&self) {
        // ORDERING: Relaxed, as in `Arc`: a reference is made from another, and
        // how it gets to another thread publishes it.
        let previous = self.word.fetch_add(REFERENCE, Ordering::Relaxed);
        Snapshot(previous).assert_countable();
    }

    /// Releases a reference. On `true` it was the last: deallocate.
    #[must_use = "the last reference has to deallocate"]
    #[inline]
    pub(super) fn release_reference(&self) -> bool {
        // ORDERING: Release so that whatever was done through this reference
        // comes before the deallocation; Acquire for the one who makes it.
        let previous = Snapshot(self.word.fetch_sub(REFERENCE, Ordering::AcqRel));
        debug_assert!(
            previous.references() >= 1,
            "released more than there was: {previous:?}"
        );
        previous.references() == 1
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

mod snapshot;

#[cfg(all(test, not(filch_loom)))]
mod table;
#[cfg(all(test, not(filch_loom)))]
mod tests;
