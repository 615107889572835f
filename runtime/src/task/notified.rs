#![expect(
    unsafe_code,
    reason = "knows the type of a scheduler, and carries the right to run"
)]
//! The references of a task that its scheduler handles.

use super::Schedule;
use super::header::Header;
use super::id::Id;
use super::raw::Reference;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::{self, NonNull};

/// One reference of a task, in a list of owned tasks for example.
pub(crate) struct Task<S> {
    reference: Reference,
    scheduler: PhantomData<fn() -> S>,
}

impl<S> Task<S> {
    /// # Safety
    ///
    /// `task` is a task of a scheduler `S`, and the caller passes on one
    /// reference that it owns.
    #[inline]
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        // SAFETY: as the caller promises.
        let reference = unsafe { Reference::from_raw(task) };
        Self {
            reference,
            scheduler: PhantomData,
        }
    }

    #[inline]
    pub(super) fn into_raw(self) -> NonNull<Header> {
        self.reference.into_raw()
    }

    #[inline]
    pub(super) fn as_raw(&self) -> NonNull<Header> {
        self.reference.as_raw()
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        self.reference.header()
    }

    /// Drops the future on this thread, unless another one is polling it: then
    /// that one drops it right after.
    pub(crate) fn shutdown(self) {
        self.reference.shutdown();
    }
}

impl<S> fmt::Debug for Task<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

/// A task that is ready: one reference, and the right to poll it once.
///
/// There is at most one of a task at a time. That of a new task, and after a poll
/// that left the task ready, is *entitled*: the task goes on running while it is
/// queued, and nobody else may touch the future. Dropped without being run, such a one
/// drops the future; any other releases its reference, and the task can only
/// be shut down from there. Either may run the program's destructors: not under
/// a lock.
pub(crate) struct Notified<S> {
    task: ManuallyDrop<Task<S>>,
}

impl<S> Notified<S> {
    /// # Safety
    ///
    /// `task` is a task of a scheduler `S`, and the caller passes on a reference
    /// that goes with SCHEDULED, or with the right to run.
    #[inline]
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        // SAFETY: as the caller promises.
        let task = unsafe { Task::from_raw(task) };
        Self {
            task: ManuallyDrop::new(task),
        }
    }

    /// Gives it up without running it, or releasing its reference.
    #[inline]
    fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).task.as_raw()
    }

    /// The id of the task.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for reports on what a worker runs")
    )]
    #[inline]
    pub(crate) fn id(&self) -> Id {
        self.task.header().id
    }

    /// Where the task was spawned.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for reports on what a worker runs")
    )]
    #[inline]
    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.task.header().site.location
    }

    /// A reference more, to keep the task from being freed.
    pub(super) fn add_reference(&self) -> Task<S> {
        Task {
            reference: self.task.reference.clone(),
            scheduler: PhantomData,
        }
    }

    /// Drops the future on this thread instead of polling it; the handle
    /// resolves as cancelled.
    pub(crate) fn shutdown(self) {
        let task = self.into_raw();
        // SAFETY: the reference is that of the `Notified`, which is used up.
        let task = unsafe { Task::<S>::from_raw(task) };
        if task.header().take_entitlement() {
            // SAFETY: the right to run was the `Notified`'s.
            unsafe { task.reference.cancel() };
        } else {
            task.reference.shutdown();
        }
    }
}

impl<S> Drop for Notified<S> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        let task = unsafe { ManuallyDrop::take(&mut self.task) };
        if task.header().take_entitlement() {
            // SAFETY: the right to run was the `Notified`'s.
            unsafe { task.reference.cancel() };
        }
    }
}

impl<S: Schedule> Notified<S> {
    /// Polls the future once, and sees to what follows.
    ///
    /// A scheduler that has a handle of its own at hand uses
    /// [`run_on`](Self::run_on), which spares two atomic operations whenever
    /// the task goes on.
    #[inline]
    pub(crate) fn run(self) {
        self.run_with(ptr::null());
    }

    /// As [`run`](Self::run); a task that is to be polled again is handed to
    /// `scheduler`, which has to be the one that it was spawned on.
    #[inline]
    pub(crate) fn run_on(self, scheduler: &S) {
        self.run_with(ptr::from_ref(scheduler));
    }

    #[inline]
    fn run_with(self, scheduler: *const S) {
        let vtable = &self.task.header().site.vtable;
        // SAFETY: the reference is that of a `Notified`, and passed on; the
        // scheduler is of the task's type, and null or borrowed by our caller.
        unsafe { (vtable.poll)(self.into_raw(), scheduler.cast()) };
    }
}

impl<S> fmt::Debug for Notified<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}
