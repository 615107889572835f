#![expect(unsafe_code, reason = "hands out the references of a new task")]
//! How a task comes to be.
//!
//! A new task is in no list: its `Notified` is *entitled*, so that whoever drops
//! it drops the future, and the handle resolves as cancelled. It is kept in the
//! list of owned tasks from its first wait on. One that completes at its first poll,
//! as many do, is never in the list at all.

use super::Schedule;
use super::cell::Cell;
use super::id::Id;
use super::join::JoinHandle;
use super::notified::Notified;
use super::raw::Reference;
use super::state::State;
use std::future::Future;
use std::panic::Location;

/// Makes a task of `future`, which `scheduler` is to run.
#[inline]
pub(crate) fn create<F, S>(
    future: F,
    scheduler: S,
    id: Id,
    location: &'static Location<'static>,
) -> (JoinHandle<F::Output>, Notified<S>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    let task = Cell::allocate(future, scheduler, State::new(), id, location);
    // SAFETY: of the three references of a new task, this is the handle's.
    let handle = unsafe { Reference::from_raw(task) };
    // SAFETY: it is the only handle, and of the future's output type.
    let handle = unsafe { JoinHandle::new(handle) };
    // SAFETY: this reference is that of the `Notified`. It carries the right to
    // run, and with it the third reference, as the header says (`entitled`).
    let notified = unsafe { Notified::from_raw(task) };
    (handle, notified)
}
