//! The scheduler's thread-local: the core of the worker this thread runs.
//!
//! While a worker polls a task or turns the driver, its core lies here, so that
//! a wake-up on the same thread reaches the worker's own queues. It is moved,
//! never borrowed: `block_in_place` may take it away for good, and the worker
//! notices when it looks for it after the poll.

use super::shared::Shared;
use super::worker::Core;
use crate::primitive::{const_thread_local, with_local};
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;

struct WorkerContext {
    /// Whose worker runs here. Compared, never dereferenced.
    shared: Cell<*const Shared>,
    /// Its index; meaningful while `shared` is not null.
    index: Cell<usize>,
    core: Cell<Option<Box<Core>>>,
    /// The same as `shared`, for the rare callers that need more than its identity.
    owner: RefCell<Option<Arc<Shared>>>,
}

const_thread_local! {
    /// Without a destructor, so that it can be used until the thread's end, when it is
    /// empty.
    static WORKER: ManuallyDrop<WorkerContext> = ManuallyDrop::new(WorkerContext {
        shared: Cell::new(ptr::null()),
        index: Cell::new(0),
        core: Cell::new(None),
        owner: RefCell::new(None),
    });
}

/// Marks this thread as a worker of `shared` until dropped. It may be one already, of another
/// runtime whose end it sees to: the core of that one is out of reach meanwhile.
#[derive(Debug)]
pub(super) struct WorkerGuard {
    previous: *const Shared,
    previous_index: usize,
    previous_core: Option<Box<Core>>,
    previous_owner: Option<Arc<Shared>>,
}

impl WorkerGuard {
    pub(super) fn enter(shared: &Arc<Shared>, index: usize) -> Self {
        with_local(&WORKER, |worker| Self {
            previous: worker.shared.replace(&**shared),
            previous_index: worker.index.replace(index),
            previous_core: worker.core.take(),
            previous_owner: worker.owner.replace(Some(Arc::clone(shared))),
        })
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        let left = with_local(&WORKER, |worker| {
            worker.shared.set(self.previous);
            worker.index.set(self.previous_index);
            let core = worker.core.replace(self.previous_core.take());
            let owner = worker.owner.replace(self.previous_owner.take());
            (core, owner)
        });
        // A core that a panic has left there, and the last reference, drop user data: not
        // inside the thread-local.
        drop(left);
    }
}

/// Lays the core down for the time of `f`; `None` if it was taken away.
#[inline]
pub(super) fn with_core_laid_down(core: Box<Core>, f: impl FnOnce()) -> Option<Box<Core>> {
    with_local(&WORKER, |worker| {
        worker.core.set(Some(core));
        f();
        worker.core.take()
    })
}

/// Calls `f` with the core, if this thread runs a worker of `shared` and the
/// core has not been taken away.
#[inline]
pub(super) fn with_core<A, R>(
    shared: &Shared,
    argument: A,
    f: impl FnOnce(&mut Core, A) -> R,
) -> Result<R, A> {
    let mut argument = Some(argument);
    let result = with_local(&WORKER, |worker| {
        if !ptr::eq(worker.shared.get(), shared) {
            return None;
        }
        let mut core = worker.core.take()?;
        let result = argument.take().map(|argument| f(&mut core, argument));
        worker.core.set(Some(core));
        result
    });
    match (result, argument) {
        (Some(result), _) => Ok(result),
        (_, Some(argument)) => Err(argument),
        (_, None) => unreachable!("the argument is used only for a result"),
    }
}

/// As [`with_core`], for who has no more than the scheduler's address.
#[inline]
pub(super) fn with_core_at<A, R>(
    address: *const (),
    argument: A,
    f: impl FnOnce(&Shared, &mut Core, A) -> R,
) -> Result<R, A> {
    let mut argument = Some(argument);
    let result = with_local(&WORKER, |worker| {
        if !ptr::eq(worker.shared.get().cast(), address) {
            return None;
        }
        let owner = worker.owner.borrow();
        let shared = owner.as_ref()?;
        let mut core = worker.core.take()?;
        let result = argument
            .take()
            .map(|argument| f(shared, &mut core, argument));
        worker.core.set(Some(core));
        result
    });
    match (result, argument) {
        (Some(result), _) => Ok(result),
        (_, Some(argument)) => Err(argument),
        (_, None) => unreachable!("the argument is used only for a result"),
    }
}

/// The index of the worker of `shared` that runs on this thread.
#[inline]
pub(super) fn current_index(shared: &Shared) -> Option<usize> {
    with_local(&WORKER, |worker| {
        ptr::eq(worker.shared.get(), shared).then(|| worker.index.get())
    })
}

/// The scheduler whose worker runs on this thread.
pub(super) fn owner() -> Option<Arc<Shared>> {
    with_local(&WORKER, |worker| worker.owner.borrow().clone())
}

/// Takes the core away from the worker on this thread.
pub(super) fn take_core() -> Option<Box<Core>> {
    with_local(&WORKER, |worker| worker.core.take())
}

/// As [`take_core`], unless the worker is turning the driver, which needs it back.
pub(super) fn take_core_from_poll() -> Option<Box<Core>> {
    with_local(&WORKER, |worker| {
        let core = worker.core.take()?;
        if core.dispatching {
            worker.core.set(Some(core));
            return None;
        }
        Some(core)
    })
}

/// Gives the core back to the worker on this thread.
pub(super) fn give_core(core: Box<Core>) {
    with_local(&WORKER, |worker| {
        let previous = worker.core.replace(Some(core));
        debug_assert!(previous.is_none(), "a worker has one core");
    });
}
