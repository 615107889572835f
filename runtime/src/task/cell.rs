#![expect(
    unsafe_code,
    reason = "keeps future and output in the same place, accessed by turns"
)]
//! The allocation of a task, and what happens to the future inside.
//!
//! `Cell` starts with the [`Header`], so that a pointer to one is a pointer to
//! the other. The allocation has the natural alignment of its parts: asking an
//! allocator for whole cache lines costs more, in time and in memory, than a
//! header that straddles two of them.
//!
//! **Vocabulary.** A *reference* keeps the allocation alive. A
//! [`Notified`](super::notified::Notified) is a reference with the right to poll
//! once; it is what run queues hold. A task is *running* while somebody has the
//! right to touch its future: the thread that polls it, drops it or stores its
//! output. It is *scheduled* while another poll is due, else *idle*, and finally
//! *complete*. A task that is new, or ready again right after a poll, goes on
//! running while it is queued: its `Notified` is *entitled*. It is *kept* in the
//! list of owned tasks from its first wait on. *Shutting down* a task drops its
//! future here and now; *aborting* it has the runtime do so.
//!
//! **Invariants**, which SAFETY comments cite by name:
//!
//! - **Counted.** The word counts the references: one each for the list of
//!   owned tasks, the `Notified`, the thread that runs the task, the
//!   `JoinHandle`, and every `AbortHandle` and waker. Until the task is kept,
//!   the list's goes along with the right to run. Transitions pass references
//!   from one to another; the cell exists until the last is released.
//! - **Stage.** Future and output belong to who runs the task. Only one does:
//!   the transition that sets RUNNING is made by one, and an entitled `Notified`
//!   is the only way to pass that right on. Once the task is COMPLETE they belong
//!   to the `JoinHandle`, whose exclusive borrow is needed to take the output.
//!   Without a `JoinHandle` the output is dropped before COMPLETE is set.
//!   Whoever releases the last reference has everything to itself.
//! - **Join waker.** While JOIN_WAKER is unset the slot belongs to the
//!   `JoinHandle`. While it is set, the handle and who completes the task may
//!   both look at it and wake by reference, but nothing else. The handle sets
//!   and unsets it as long as the task is not COMPLETE; after that only who
//!   completes the task unsets it. If the handle goes away first, without being
//!   able to unset it, the slot becomes exclusively the completer's.
//! - **Sendable.** Future, output and scheduler handle are `Send`, and the
//!   scheduler handle is `Sync`, as the functions that make a task demand.
//!
//! Nothing here changes the state word, from which it follows who may call what.

use super::Schedule;
use super::current;
use super::error::{Failure, JoinError};
use super::header::{Header, Holds, TakeOutput, Vtable};
use super::id::Id;
use super::join_waker::JoinWaker;
use super::poll;
use super::site::Site;
use super::state::State;
use crate::primitive::UnsafeCell;
use crate::unwind::swallow;
use std::future::Future;
use std::mem::{ManuallyDrop, offset_of, transmute};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};

/// A task.
#[repr(C)]
pub(super) struct Cell<F: Future, S> {
    header: Header,
    /// Never changes; dropped with the cell, when no waker is left either.
    scheduler: S,
    /// Accessed according to **Stage**.
    stage: UnsafeCell<Stage<F>>,
    /// Accessed according to **Join waker**.
    join_waker: JoinWaker,
}

/// Room for the future, and then for its output: a pointer to the one is a pointer
/// to the other. Which of them it is, if any, the header says, where there is a
/// byte to spare: see [`Holds`].
#[repr(C)]
union Stage<F: Future> {
    /// Pinned: it is dropped in place.
    future: ManuallyDrop<F>,
    /// Accessed by casting, so that no more than the output is copied.
    output: ManuallyDrop<Result<F::Output, Failure>>,
}

impl<F: Future, S: Schedule> Cell<F, S> {
    const VTABLE: &'static Vtable = &Vtable {
        poll: poll::poll::<F, S>,
        schedule: poll::schedule::<F, S>,
        schedule_by_val: poll::schedule_by_val::<F, S>,
        cancel: poll::cancel::<F, S>,
        // SAFETY: any function has a pointer; this one is called as what it is, nothing else.
        take_output: unsafe {
            transmute::<TakeOutput<F::Output>, unsafe fn()>(poll::take_output::<F, S>)
        },
        drop_output: poll::drop_output::<F, S>,
        dealloc: poll::dealloc::<F, S>,
        join_waker: offset_of!(Self, join_waker),
    };

    /// Makes a task in `state`, all of whose references the caller owns.
    #[inline]
    pub(super) fn allocate(
        future: F,
        scheduler: S,
        state: State,
        id: Id,
        location: &'static Location<'static>,
    ) -> NonNull<Header> {
        // Written where it is to stay: futures are often large.
        let mut cell = Box::<Self>::new_uninit();
        cell.write(Self {
            header: Header::new(state, Site::of(Self::VTABLE, location), id),
            scheduler,
            stage: UnsafeCell::new(Stage {
                future: ManuallyDrop::new(future),
            }),
            join_waker: JoinWaker::new(),
        });
        let cell = NonNull::from(Box::leak(cell));
        cell.cast()
    }

    /// Frees the task, and first drops whatever it still holds.
    ///
    /// # Safety
    ///
    /// `cell` comes from [`allocate`](Self::allocate), and nobody has a
    /// reference of the task or the right to use one any more.
    pub(super) unsafe fn deallocate(cell: NonNull<Self>) {
        // SAFETY: the cell was leaked from a box of this type, and is the
        // caller's alone.
        let cell = unsafe { Box::from_raw(cell.as_ptr()) };
        // SAFETY: with no references left, nobody else accesses the stage.
        unsafe { cell.drop_stage() };
        // SAFETY: the same goes for the join waker.
        unsafe { cell.join_waker.clear() };
    }
}

impl<F: Future, S> Cell<F, S> {
    #[inline]
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    #[inline]
    pub(super) fn scheduler(&self) -> &S {
        &self.scheduler
    }

    #[inline]
    pub(super) fn join_waker(&self) -> &JoinWaker {
        &self.join_waker
    }

    /// Polls the future. On `Ready`, its output or its panic is in its place.
    ///
    /// # Safety
    ///
    /// The caller runs the task, which has not completed.
    #[inline]
    pub(super) unsafe fn poll_future(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _current = current::enter(self.header.id);
        self.header.count_poll();
        // Outside of what may panic, for the case that the output exists but
        // dropping the future fails.
        let mut output = None;
        let polled = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: who runs the task has the stage to itself (**Stage**).
            let Poll::Ready(value) = (unsafe { self.poll_stage(cx) }) else {
                return Poll::Pending;
            };
            output = Some(value);
            // SAFETY: as above.
            unsafe { self.consume() };
            Poll::Ready(())
        }));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => Ok(output.expect("the future was ready")),
            Err(payload) => {
                swallow(|| drop(output));
                // SAFETY: as above.
                unsafe { self.drop_stage() };
                Err(Failure::panic(payload))
            }
        };
        // SAFETY: as above; the future has been dropped.
        unsafe { self.store(result) };
        Poll::Ready(())
    }

    /// Drops the future, and puts in its place that the task was cancelled, or
    /// how dropping the future panicked.
    ///
    /// # Safety
    ///
    /// The caller runs the task, which has not completed.
    pub(super) unsafe fn cancel_future(&self) {
        let _current = current::enter(self.header.id);
        // SAFETY: who runs the task has the stage to itself (**Stage**).
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { self.consume() }));
        let failure = match dropped {
            Ok(()) => Failure::CANCELLED,
            Err(payload) => Failure::panic(payload),
        };
        // SAFETY: as above; the future has been dropped.
        unsafe { self.store(Err(failure)) };
    }

    /// Takes the output.
    ///
    /// # Panics
    ///
    /// If it has been taken.
    ///
    /// # Safety
    ///
    /// The output is the caller's, see **Stage**.
    #[inline]
    pub(super) unsafe fn take_output(&self) -> Poll<Result<F::Output, JoinError>> {
        // SAFETY: as the caller promises.
        let holds = unsafe { self.holds() };
        assert!(
            holds == Holds::Output,
            "a JoinHandle was polled after it had returned the output"
        );
        // SAFETY: as above. The output is read out once, right after.
        unsafe { self.set_holds(Holds::Nothing) };
        self.stage.with(|stage| {
            // SAFETY: the caller has the stage to itself, and it held the output.
            let result = unsafe { ptr::read(stage.cast::<Result<F::Output, Failure>>()) };
            Poll::Ready(result.map_err(|failure| JoinError::new(self.header.id, failure)))
        })
    }

    /// Drops what the task holds, future or output. A panic goes no further.
    ///
    /// # Safety
    ///
    /// The caller has the stage to itself, see **Stage**.
    #[inline]
    pub(super) unsafe fn drop_stage(&self) {
        // SAFETY: as the caller promises.
        if unsafe { self.holds() } == Holds::Nothing {
            return;
        }
        let _current = current::enter(self.header.id);
        // SAFETY: as the caller promises.
        swallow(|| unsafe { self.consume() });
    }

    /// Polls the future where it is.
    ///
    /// # Safety
    ///
    /// The caller has the stage to itself.
    #[inline]
    unsafe fn poll_stage(&self, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: as the caller promises.
        let holds = unsafe { self.holds() };
        assert_eq!(
            holds,
            Holds::Future,
            "a task that has not completed holds its future"
        );
        self.stage.with_mut(|stage| {
            // SAFETY: the caller has the stage to itself, and it holds the future.
            let future = unsafe { &mut *stage.cast::<F>() };
            // SAFETY: the future stays where it is until `consume` drops it.
            let future = unsafe { Pin::new_unchecked(future) };
            future.poll(cx)
        })
    }

    /// Puts the output where the future was.
    ///
    /// # Safety
    ///
    /// The caller has the stage to itself, and it holds nothing.
    #[inline]
    unsafe fn store(&self, result: Result<F::Output, Failure>) {
        self.stage.with_mut(|stage| {
            // SAFETY: as the caller promises; there is nothing to drop there.
            unsafe { ptr::write(stage.cast::<Result<F::Output, Failure>>(), result) };
        });
        // SAFETY: as the caller promises.
        unsafe { self.set_holds(Holds::Output) };
    }

    /// Drops what the stage holds, in place. It holds nothing thereafter, even
    /// if that panicked.
    ///
    /// # Safety
    ///
    /// The caller has the stage to itself.
    #[inline]
    unsafe fn consume(&self) {
        // SAFETY: as the caller promises.
        let held = unsafe { self.holds() };
        // SAFETY: as the caller promises. First, so that a panic comes after.
        unsafe { self.set_holds(Holds::Nothing) };
        self.stage.with_mut(|stage| match held {
            // SAFETY: the caller has the stage to itself, and it held the future.
            Holds::Future => unsafe { ptr::drop_in_place(stage.cast::<F>()) },
            // SAFETY: likewise, the output.
            Holds::Output => unsafe {
                ptr::drop_in_place(stage.cast::<Result<F::Output, Failure>>())
            },
            Holds::Nothing => {}
        });
    }

    /// What the stage holds.
    ///
    /// # Safety
    ///
    /// The caller has the stage to itself.
    #[inline]
    unsafe fn holds(&self) -> Holds {
        // SAFETY: the byte is part of the stage, and so the caller's.
        self.header.holds.with(|holds| unsafe { *holds })
    }

    /// # Safety
    ///
    /// The caller has the stage to itself, and it is as the caller says.
    #[inline]
    unsafe fn set_holds(&self, to: Holds) {
        // SAFETY: the byte is part of the stage, and so the caller's.
        self.header.holds.with_mut(|holds| unsafe { *holds = to });
    }
}
