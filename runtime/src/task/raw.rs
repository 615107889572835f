#![expect(
    unsafe_code,
    reason = "counts references by hand and dispatches to the code of a future"
)]
//! One reference of a task, whatever its future.
//!
//! [`Reference`] is what every handle is made of: `Task`, `Notified`,
//! `JoinHandle` and `AbortHandle` own one each, and so does a waker. It derives
//! its safety from one invariant of [`cell`](super::cell), **Counted**.

use super::header::Header;
use super::join_waker::JoinWaker;
use super::state::{
    State, TransitionToScheduledByRef, TransitionToScheduledByVal, TransitionToShutdown,
};
use std::fmt;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// One reference of a task. Cloning adds one, dropping releases it.
pub(super) struct Reference {
    header: NonNull<Header>,
}

// SAFETY: a task is made only of a future, an output and a scheduler handle
// that are `Send` (**Sendable**), so that whichever thread releases the last
// reference may drop them.
unsafe impl Send for Reference {}
// SAFETY: what a shared `Reference` gives access to is the state word, whose
// transitions are atomic, and the parts of the header that never change.
unsafe impl Sync for Reference {}

// A panic in a future is caught on its way out, and leaves a complete task.
impl UnwindSafe for Reference {}
impl RefUnwindSafe for Reference {}

/// The state word of a task, without a reference to anything around it.
///
/// A transition may release the caller's last claim on the task, after which
/// another thread may free it while the transition's own frame still exists.
/// That is fine for a reference to an atomic, but not for one to a `Header`,
/// which is why none may be an argument there.
///
/// # Safety
///
/// The caller holds a reference of the task at `header` until the transition
/// that it makes through the result, and does not use the result thereafter.
#[inline]
pub(super) unsafe fn state<'a>(header: NonNull<Header>) -> &'a State {
    // SAFETY: the caller holds a reference, so the header exists (**Counted**).
    let state = unsafe { &raw const (*header.as_ptr()).state };
    // SAFETY: as above; the state is only ever accessed through `&State`.
    unsafe { &*state }
}

/// Frees a task.
///
/// # Safety
///
/// The caller made the transition that released the last reference, or holds
/// the only one and does not use it again.
pub(super) unsafe fn dealloc(header: NonNull<Header>) {
    // SAFETY: nobody else has a reference, so the header still exists.
    let vtable = unsafe { &(*header.as_ptr()).site.vtable };
    // SAFETY: the table belongs to this cell; the rest is the caller's promise.
    unsafe { (vtable.dealloc)(header) }
}

/// Hands the scheduler a `Notified`.
///
/// # Safety
///
/// The caller made the transition that added a reference for it, and holds
/// another one until this returns.
unsafe fn submit(header: NonNull<Header>) {
    // SAFETY: the caller's own reference keeps the header alive (**Counted**).
    let vtable = unsafe { &(*header.as_ptr()).site.vtable };
    // SAFETY: the table belongs to this cell; the rest is the caller's promise.
    unsafe { (vtable.schedule)(header) }
}

impl Reference {
    /// # Safety
    ///
    /// `header` is the pointer that a cell was created with, and the caller
    /// passes on one reference that it owns.
    #[inline]
    pub(super) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self { header }
    }

    /// Gives the reference up without releasing it.
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<Header> {
        let header = self.header;
        mem::forget(self);
        header
    }

    #[inline]
    pub(super) fn as_raw(&self) -> NonNull<Header> {
        self.header
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: this is a reference, so the header exists (**Counted**), and
        // all that is ever written of it is within cells and atomics.
        unsafe { self.header.as_ref() }
    }

    /// The slot of the join waker. Access to it follows **Join waker**.
    pub(super) fn join_waker(&self) -> &JoinWaker {
        let offset = self.header().site.vtable.join_waker;
        // SAFETY: the offset is that of the slot within the cell that starts
        // with this header, and the pointer is one to all of the cell.
        let slot = unsafe { self.header.as_ptr().byte_add(offset) };
        // SAFETY: the cell exists for as long as this reference (**Counted**).
        unsafe { &*slot.cast::<JoinWaker>() }
    }

    /// Schedules the task unless it is already, or complete.
    #[inline]
    pub(super) fn wake_by_ref(&self) {
        match self.header().state.transition_to_scheduled_by_ref() {
            // SAFETY: the transition added the reference; `self` is the other.
            TransitionToScheduledByRef::Submit => unsafe { submit(self.header) },
            TransitionToScheduledByRef::DoNothing => {}
        }
    }

    /// As [`wake_by_ref`](Self::wake_by_ref), consuming the reference.
    #[inline]
    pub(super) fn wake_by_val(self) {
        let header = self.into_raw();
        // SAFETY: the reference just taken out of `self` is held until here.
        match unsafe { state(header) }.transition_to_scheduled_by_val() {
            TransitionToScheduledByVal::Submit => {
                // SAFETY: the transition left the reference to us (**Counted**).
                let vtable = unsafe { &(*header.as_ptr()).site.vtable };
                // SAFETY: the table belongs to this cell. The transition made the
                // reference, which is passed on, that of a `Notified`.
                unsafe { (vtable.schedule_by_val)(header) };
            }
            TransitionToScheduledByVal::Released => {}
            // SAFETY: the transition released the last reference.
            TransitionToScheduledByVal::Dealloc => unsafe { dealloc(header) },
        }
    }

    /// Has the future dropped by the runtime, unless it completes before.
    pub(super) fn abort(&self) {
        match self.header().state.transition_to_cancelled() {
            // SAFETY: the transition added the reference; `self` is the other.
            TransitionToScheduledByRef::Submit => unsafe { submit(self.header) },
            TransitionToScheduledByRef::DoNothing => {}
        }
    }

    /// Has the future dropped: here and now, unless another thread runs it.
    pub(super) fn shutdown(self) {
        match self.header().state.transition_to_shutdown() {
            // SAFETY: the transition made us the one who runs the task.
            TransitionToShutdown::Cancel => unsafe { self.cancel() },
            TransitionToShutdown::DoNothing => {}
        }
    }

    /// Drops the future and completes the task.
    ///
    /// # Safety
    ///
    /// The caller runs the task.
    #[cold]
    pub(super) unsafe fn cancel(self) {
        let vtable = &self.header().site.vtable;
        // SAFETY: as the caller promises; the reference is passed on.
        unsafe { (vtable.cancel)(self.into_raw()) };
    }
}

impl Clone for Reference {
    #[inline]
    fn clone(&self) -> Self {
        self.header().state.add_reference();
        Self {
            header: self.header,
        }
    }
}

impl Drop for Reference {
    #[inline]
    fn drop(&mut self) {
        let header = self.header;
        // SAFETY: this reference is held until here, and not used again.
        if unsafe { state(header) }.release_reference() {
            // SAFETY: that was the last reference.
            unsafe { dealloc(header) };
        }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header().fmt(f)
    }
}
