#![expect(
    unsafe_code,
    reason = "turns the pointer of a header back into that of its cell"
)]
//! One run of a task: what is compiled once per future.
//!
//! Poll, then idle, reschedule or complete. The functions here are the entries
//! of a task's [`Vtable`](super::header::Vtable). They take the bare pointer,
//! not a reference to the cell, wherever they may release the last claim on it:
//! another thread may free the cell before such a function has returned.
//!
//! **Contract of all entries**: the pointer is that of a task whose future and
//! scheduler are of the types `F` and `S`, and the caller owns a reference.

use super::cell::Cell;
use super::current;
use super::error::JoinError;
use super::header::Header;
use super::notified::{Notified, Task};
use super::raw;
use super::raw::state;
use super::state::{
    TransitionToComplete, TransitionToIdle, TransitionToRunning, TransitionToTerminal,
};
use super::waker;
use super::{Again, Schedule};
use crate::coop;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// The cell that a header is part of, for as long as the caller's reference.
///
/// # Safety
///
/// As all entries; and the caller's reference outlives the result.
#[inline]
unsafe fn cell<'a, F: Future, S>(task: NonNull<Header>) -> &'a Cell<F, S> {
    // SAFETY: the header is the first field of its cell, and the pointer is one
    // to all of it. The reference keeps it alive (**Counted**).
    unsafe { task.cast::<Cell<F, S>>().as_ref() }
}

/// Runs the task once.
///
/// `scheduler` is null or points to the scheduler of the caller, which then
/// outlives the call: it lets a task that goes on be handed over without
/// keeping the cell, and with it the cell's own scheduler, alive meanwhile.
///
/// # Safety
///
/// As all entries. The reference is that of a `Notified`, and consumed.
pub(super) unsafe fn poll<F: Future, S: Schedule>(task: NonNull<Header>, scheduler: *const ()) {
    // SAFETY: the caller's reference is held until the transition.
    match unsafe { begin(task) } {
        TransitionToRunning::Poll => {}
        // SAFETY: the transition made us the one who runs the task.
        TransitionToRunning::Cancel => return unsafe { cancel::<F, S>(task) },
        TransitionToRunning::Released => return,
        // SAFETY: the transition released the last reference.
        TransitionToRunning::Dealloc => return unsafe { raw::dealloc(task) },
    }
    // SAFETY: we run the task.
    let (polled, yielded) = unsafe { poll_future::<F, S>(task) };
    if polled.is_ready() {
        // SAFETY: we run the task, and the output is in its place.
        return unsafe { complete::<F, S>(task) };
    }
    // SAFETY: we run the task.
    if !yielded && !unsafe { keep::<F, S>(task) } {
        // SAFETY: we still do.
        return unsafe { cancel::<F, S>(task) };
    }
    // SAFETY: the reference is still ours until this transition.
    match unsafe { state(task) }.transition_to_idle(yielded) {
        TransitionToIdle::Released => {}
        TransitionToIdle::Reschedule => {
            let again = if yielded {
                Again::Yielded
            } else {
                Again::Woken
            };
            // SAFETY: the transition left us running the task.
            unsafe { reschedule::<F, S>(task, scheduler, again) };
        }
        // SAFETY: the transition left us running the task.
        TransitionToIdle::Cancel => unsafe { cancel::<F, S>(task) },
    }
}

/// Takes the right to run, or finds that the `Notified` has brought it.
///
/// # Safety
///
/// The caller owns the reference of a `Notified` of `task`, up to what the
/// result says has become of it.
#[inline]
unsafe fn begin(task: NonNull<Header>) -> TransitionToRunning {
    // SAFETY: the caller's reference keeps the header alive.
    let entitled = unsafe { task.as_ref() }.take_entitlement();
    // SAFETY: the caller's reference is held until the transition.
    let state = unsafe { state(task) };
    if entitled {
        state.transition_to_resumed()
    } else {
        state.transition_to_running()
    }
}

/// Polls the future with a budget and the task's own waker.
///
/// The boolean tells whether the task asked to be polled again.
///
/// # Safety
///
/// As all entries; and the caller runs the task.
#[inline]
unsafe fn poll_future<F: Future, S: Schedule>(task: NonNull<Header>) -> (Poll<()>, bool) {
    // SAFETY: the caller's reference outlives this function.
    let cell = unsafe { cell::<F, S>(task) };
    // SAFETY: the same goes for the waker, which is only lent out.
    let waker = unsafe { waker::borrowed(task) };
    coop::poll_task(&waker, || {
        // SAFETY: the caller runs the task.
        unsafe { cell.poll_future(&mut Context::from_waker(&waker)) }
    })
}

/// Has the scheduler keep a task that may be about to wait: from then on, only
/// handles and wakers may refer to it. `false`: it keeps no task any more.
///
/// # Safety
///
/// As all entries; and the caller runs the task.
#[inline]
unsafe fn keep<F: Future, S: Schedule>(task: NonNull<Header>) -> bool {
    // SAFETY: the caller's reference outlives this function.
    let cell = unsafe { cell::<F, S>(task) };
    if cell.header().residence().is_some() {
        return true;
    }
    // SAFETY: until the task is kept, the list's reference is its runner's.
    match cell.scheduler().keep(unsafe { Task::from_raw(task) }) {
        Ok(()) => true,
        Err(refused) => {
            debug_assert_eq!(refused.as_raw(), task, "another task was refused");
            // Still the runner's.
            refused.into_raw();
            false
        }
    }
}

/// Hands the task back to the scheduler that polled it, along with the right to
/// run it.
///
/// # Safety
///
/// As all entries; and the caller runs the task, which is thereby given up. The
/// reference is consumed.
#[inline]
unsafe fn reschedule<F: Future, S: Schedule>(
    task: NonNull<Header>,
    scheduler: *const (),
    again: Again,
) {
    // SAFETY: the caller's reference is alive until the `Notified` takes it.
    unsafe { cell::<F, S>(task) }.header().entitle();
    // SAFETY: the caller's right to run is the `Notified`'s from here on, and
    // so is the reference.
    let notified = unsafe { Notified::from_raw(task) };
    if let Some(scheduler) = NonNull::new(scheduler.cast::<S>().cast_mut()) {
        // SAFETY: `poll`'s caller vouches for it, for the time of the call.
        unsafe { scheduler.as_ref() }.reschedule(notified, again);
        return;
    }
    // Released after the scheduler inside of the cell has been used.
    let retained = notified.add_reference();
    // SAFETY: `retained` keeps the cell alive.
    unsafe { cell::<F, S>(retained.as_raw()) }
        .scheduler()
        .reschedule(notified, again);
}

/// Drops the future, and completes the task.
///
/// # Safety
///
/// As all entries; and the caller runs the task. The reference is consumed.
#[cold]
pub(super) unsafe fn cancel<F: Future, S: Schedule>(task: NonNull<Header>) {
    // SAFETY: the reference is ours until `complete`.
    let cell = unsafe { cell::<F, S>(task) };
    // SAFETY: the caller runs the task.
    unsafe { cell.cancel_future() };
    // SAFETY: we still do, and the outcome is in place of the future.
    unsafe { complete::<F, S>(task) };
}

/// Makes the output final and tells who waits for it.
///
/// The task leaves its list first, so that it is not counted as alive any more
/// by the time that its end can be observed, and so that the list's reference
/// goes together with ours. The latter is ours as well if it was never kept.
///
/// # Safety
///
/// As all entries; and the caller runs the task, whose output is in its place.
/// The reference is consumed.
unsafe fn complete<F: Future, S: Schedule>(task: NonNull<Header>) {
    // SAFETY: the reference is ours until the transitions below release it.
    let cell = unsafe { cell::<F, S>(task) };
    let kept = cell.header().residence().is_some();
    let left = leave_list(cell, task);
    let held = 1 + usize::from(left || !kept);
    let mut output_dropped = false;
    loop {
        // SAFETY: the held references are ours until this transition.
        match unsafe { state(task) }.transition_to_complete(held, output_dropped) {
            TransitionToComplete::Released => return,
            TransitionToComplete::WakeJoiner => break,
            TransitionToComplete::DropOutput => {
                // SAFETY: we still run the task.
                unsafe { cell.drop_stage() };
                output_dropped = true;
            }
            // SAFETY: the held references are the only ones.
            TransitionToComplete::Dealloc => return unsafe { raw::dealloc(task) },
        }
    }
    current::while_waking_joiner(|| {
        // SAFETY: the task is complete and the join waker set: access is shared.
        unsafe { cell.join_waker().wake() };
    });
    let mut join_waker_dropped = false;
    loop {
        // SAFETY: the held references are ours until this transition.
        match unsafe { state(task) }.transition_to_terminal(held, join_waker_dropped) {
            TransitionToTerminal::Released => return,
            TransitionToTerminal::DropJoinWaker => {
                // SAFETY: the handle is gone: access is exclusive.
                unsafe { cell.join_waker().clear() };
                join_waker_dropped = true;
            }
            // SAFETY: the held references are the only ones.
            TransitionToTerminal::Dealloc => return unsafe { raw::dealloc(task) },
        }
    }
}

/// Takes the task out of its list; on `true` the list's reference is now ours.
/// Called once for each task, kept or not.
#[inline]
fn leave_list<F: Future, S: Schedule>(cell: &Cell<F, S>, task: NonNull<Header>) -> bool {
    // SAFETY: `cell` is alive, and the reference made up here is not released.
    let lent = ManuallyDrop::new(unsafe { Task::<S>::from_raw(task) });
    match cell.scheduler().release(&lent) {
        Some(listed) => {
            debug_assert_eq!(
                listed.as_raw(),
                task,
                "another task's reference was released"
            );
            listed.into_raw();
            true
        }
        None => false,
    }
}

/// Hands the scheduler a `Notified`.
///
/// # Safety
///
/// As all entries. The transition before added a reference for the `Notified`.
pub(super) unsafe fn schedule<F: Future, S: Schedule>(task: NonNull<Header>) {
    // SAFETY: as the caller promises.
    let notified = unsafe { Notified::from_raw(task) };
    // SAFETY: the caller's own reference outlives the call.
    unsafe { cell::<F, S>(task) }.scheduler().schedule(notified);
}

/// Hands the scheduler a `Notified`, whose reference may be the last: another thread
/// may run it to its end, and free the cell with the scheduler's handle in it, before
/// the scheduler is done with it.
///
/// # Safety
///
/// As all entries. The reference is that of the `Notified`, and consumed.
pub(super) unsafe fn schedule_by_val<F: Future, S: Schedule>(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the cell, up to the hand-over.
    let address = unsafe { cell::<F, S>(task) }.scheduler().address();
    // SAFETY: as the caller promises.
    let notified = unsafe { Notified::<S>::from_raw(task) };
    if let Err(notified) = S::schedule_here(address, notified) {
        let retained = notified.add_reference();
        // SAFETY: `retained` keeps the cell alive.
        unsafe { cell::<F, S>(retained.as_raw()) }
            .scheduler()
            .schedule(notified);
    }
}

/// Returns the output, or panics if it has been returned. Always ready.
///
/// # Safety
///
/// As all entries; and the output is the caller's.
pub(super) unsafe fn take_output<F: Future, S: Schedule>(
    task: NonNull<Header>,
) -> Poll<Result<F::Output, JoinError>> {
    // SAFETY: the caller's reference outlives the call.
    let cell = unsafe { cell::<F, S>(task) };
    // SAFETY: as the caller promises.
    unsafe { cell.take_output() }
}

/// Drops the output, if it is still there.
///
/// # Safety
///
/// As all entries; and the output is the caller's.
pub(super) unsafe fn drop_output<F: Future, S: Schedule>(task: NonNull<Header>) {
    // SAFETY: the caller's reference outlives the call.
    let cell = unsafe { cell::<F, S>(task) };
    // SAFETY: as the caller promises.
    unsafe { cell.drop_stage() };
}

/// Frees the task.
///
/// # Safety
///
/// As all entries; and the reference is the only one, or was the last.
pub(super) unsafe fn dealloc<F: Future, S: Schedule>(task: NonNull<Header>) {
    // SAFETY: nobody else uses the task any more, and neither does the caller.
    unsafe { Cell::<F, S>::deallocate(task.cast()) };
}
