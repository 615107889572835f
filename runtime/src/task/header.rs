//! What every task has, whatever its future: the first cache line of its cell.

use super::error::JoinError;
use super::id::Id;
use super::site::Site;
use super::state::State;
use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicBool, Ordering};
use std::fmt;
use std::ptr::NonNull;
use std::task::Poll;
// Not `primitive`'s: neither a statistic nor what is written by who runs the task
// and read by its next runner takes part in a protocol of its own; they would
// only multiply the interleavings of a model.
use std::sync::atomic::{AtomicU16, AtomicU32};

/// The part of a task that does not depend on its future, hot words first.
#[repr(C)]
pub(super) struct Header {
    pub(super) state: State,
    /// What it is a task of, and where it was spawned.
    pub(super) site: &'static Site,
    pub(super) id: Id,
    /// Where the task is kept once it has waited; until then there is none.
    residence: AtomicU32,
    /// How often the future has been polled, as far as it counts; written by who
    /// runs it.
    polls: AtomicU16,
    /// The `Notified` carries the right to run. Written by who runs the task
    /// and by who has that `Notified`.
    entitled: AtomicBool,
    /// Goes with the stage.
    pub(super) holds: UnsafeCell<Holds>,
}

#[cfg(not(filch_loom))]
const _: () = assert!(size_of::<Header>() <= 32, "a task's header has grown");

/// Where a task is kept once it has waited: a number, whose meaning is the
/// collection's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Residence(u32);

impl Residence {
    /// How many there are, counted from zero.
    pub(super) const COUNT: u32 = u32::MAX;

    /// # Panics
    ///
    /// If `number` is not below [`COUNT`](Self::COUNT).
    #[inline]
    pub(super) fn new(number: u32) -> Self {
        assert!(number < Self::COUNT, "that many tasks have no number");
        Self(number)
    }

    #[inline]
    pub(super) fn get(self) -> u32 {
        self.0
    }
}

/// What the stage of a task holds at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Future,
    Output,
    Nothing,
}

/// The operations on a task that do depend on its future and scheduler.
///
/// Each takes the pointer of a task whose cell is of that future and scheduler,
/// and which the caller holds a reference of; see `poll` for their contracts.
#[derive(Clone, Copy)]
pub(super) struct Vtable {
    /// Runs the task once. Consumes the reference of a `Notified`. The second
    /// argument is a `*const S`, or null.
    pub(super) poll: unsafe fn(NonNull<Header>, *const ()),
    /// Hands the scheduler a `Notified`, which takes one reference; the caller
    /// holds another one meanwhile.
    pub(super) schedule: unsafe fn(NonNull<Header>),
    /// Hands the scheduler a `Notified`, which takes the caller's reference.
    pub(super) schedule_by_val: unsafe fn(NonNull<Header>),
    /// Drops the future and completes the task, which the caller runs.
    /// Consumes a reference.
    pub(super) cancel: unsafe fn(NonNull<Header>),
    /// Returns the output, or panics if it has been returned. In truth a [`TakeOutput`] of
    /// the future's output type.
    pub(super) take_output: unsafe fn(),
    /// Drops the output, if it is still there.
    pub(super) drop_output: unsafe fn(NonNull<Header>),
    /// Frees the task. The caller holds the only reference.
    pub(super) dealloc: unsafe fn(NonNull<Header>),
    /// Where in the cell the join waker is, in bytes.
    pub(super) join_waker: usize,
}

/// Takes the output of a task. It returns what a `JoinHandle` does, so that the output is
/// written where that one's caller wants it: to copy it again would mean to wait for the first
/// copy, see *no wide loads of narrow stores* in ARCHITECTURE.md.
pub(super) type TakeOutput<T> = unsafe fn(NonNull<Header>) -> Poll<Result<T, JoinError>>;

impl Header {
    pub(super) fn new(state: State, site: &'static Site, id: Id) -> Self {
        Self {
            state,
            site,
            id,
            residence: AtomicU32::new(Residence::COUNT),
            polls: AtomicU16::new(0),
            // A new task goes on running, so to speak, until its first wait.
            entitled: AtomicBool::new(true),
            holds: UnsafeCell::new(Holds::Future),
        }
    }

    /// Counts a poll. Called by who runs the task, therefore by one thread.
    #[inline]
    pub(super) fn count_poll(&self) {
        // Relaxed, and no read-modify-write: there is one writer at a time, the
        // state word orders them, and readers take any recent value.
        let polls = self.polls.load(Ordering::Relaxed);
        self.polls.store(polls.saturating_add(1), Ordering::Relaxed);
    }

    /// Says that the `Notified` about to be made carries the right to run.
    #[inline]
    pub(super) fn entitle(&self) {
        // Relaxed: how the `Notified` gets to another thread publishes it.
        self.entitled.store(true, Ordering::Relaxed);
    }

    /// Whether the caller's `Notified` carries the right to run, which is
    /// thereby used up.
    #[inline]
    pub(super) fn take_entitlement(&self) -> bool {
        // Relaxed, and no read-modify-write: there is one `Notified` at a time.
        let entitled = self.entitled.load(Ordering::Relaxed);
        if entitled {
            self.entitled.store(false, Ordering::Relaxed);
        }
        entitled
    }

    /// Where the task has been kept since it first waited. Asked by who runs the
    /// task.
    #[inline]
    pub(super) fn residence(&self) -> Option<Residence> {
        // Relaxed: written once, by who ran the task then, and the right to run
        // has come from there.
        let number = self.residence.load(Ordering::Relaxed);
        (number != Residence::COUNT).then_some(Residence(number))
    }

    /// Says where the task is about to be kept. Called once, by who runs the task.
    #[inline]
    pub(super) fn set_residence(&self, residence: Residence) {
        // Relaxed: see `residence`.
        self.residence.store(residence.0, Ordering::Relaxed);
    }

    /// How often the future has been polled; 65 535 stands for that or more.
    pub(super) fn polls(&self) -> u16 {
        // Relaxed: nothing is published along with a statistic.
        self.polls.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("location", &format_args!("{}", self.site.location))
            .field("polls", &self.polls())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
