#![expect(unsafe_code, reason = "implements a waker's table of functions")]
//! The waker of a task: a reference behind std's interface.
//!
//! There is one table of functions for all tasks: it tells our wakers from
//! others', and what depends on the future goes through the header's own table.

use super::header::Header;
use super::raw::Reference;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

// A static, not a const: its address is the identity that `will_wake` and
// `coop` compare.
pub(super) static WAKER: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

/// The waker of `task`, for the duration of a poll, without a reference of its
/// own.
///
/// # Safety
///
/// The task outlives the result, and the result is not taken out of its
/// `ManuallyDrop`.
#[inline]
pub(super) unsafe fn borrowed(task: NonNull<Header>) -> ManuallyDrop<Waker> {
    // SAFETY: the functions of the table treat their argument as the reference
    // that std's contract says it is; this one is never released.
    ManuallyDrop::new(unsafe { Waker::new(task.as_ptr().cast(), &WAKER) })
}

/// The reference that a waker is.
///
/// # Safety
///
/// `data` comes from a waker with the table above, which outlives the result.
#[inline]
unsafe fn reference(data: *const ()) -> ManuallyDrop<Reference> {
    // SAFETY: our wakers hold the pointer of a task, which is not null.
    let header = unsafe { NonNull::new_unchecked(data.cast::<Header>().cast_mut()) };
    // SAFETY: the waker is a reference of that task (**Counted**). Whether it
    // is to be used up is the caller's decision.
    ManuallyDrop::new(unsafe { Reference::from_raw(header) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: std calls this on a waker that exists.
    let reference = unsafe { reference(data) };
    let added = ManuallyDrop::into_inner(reference.clone());
    RawWaker::new(added.into_raw().as_ptr().cast(), &WAKER)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: std calls this once, with a waker that is thereby used up.
    let reference = unsafe { reference(data) };
    ManuallyDrop::into_inner(reference).wake_by_val();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: std calls this on a waker that exists.
    let reference = unsafe { reference(data) };
    reference.wake_by_ref();
}

unsafe fn drop(data: *const ()) {
    // SAFETY: std calls this once, with a waker that is thereby used up.
    let reference = unsafe { reference(data) };
    std::mem::drop(ManuallyDrop::into_inner(reference));
}
