//! Which task this thread is in.
//!
//! That is the task whose future it polls, or whose future or output it is
//! dropping.

use super::id::Id;
use crate::primitive::{const_thread_local, with_local};
use std::cell::Cell;

const_thread_local! {
    static CURRENT: Cell<Option<Id>> = Cell::new(None);
}

const_thread_local! {
    static WAKING_JOINER: Cell<bool> = Cell::new(false);
}

/// Runs `wake`, which wakes who waits for the end of a task.
#[inline]
pub(super) fn while_waking_joiner(wake: impl FnOnce()) {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            with_local(&WAKING_JOINER, |waking| waking.set(false));
        }
    }
    with_local(&WAKING_JOINER, |waking| waking.set(true));
    let _reset = Reset;
    wake();
}

/// Whether a task that is woken now on this thread is so by the end of another
/// that it has waited for.
#[inline]
pub(crate) fn is_waking_joiner() -> bool {
    with_local(&WAKING_JOINER, Cell::get)
}

/// The id of the task that this thread is in; `None` outside of a task, as in
/// the future that `block_on` polls.
#[inline]
#[must_use]
pub fn try_id() -> Option<Id> {
    with_local(&CURRENT, Cell::get)
}

/// The id of the task that this thread is in.
///
/// # Panics
///
/// Outside of a task, as in the future that `block_on` polls; [`try_id`]
/// returns `None` there.
#[track_caller]
#[must_use]
pub fn id() -> Id {
    with_local(&CURRENT, Cell::get).expect(
        "Can't get a task id when not inside a task: use `task::try_id`, or spawn the future",
    )
}

/// Marks this thread as being in the task `id` until the result is dropped.
#[inline]
pub(super) fn enter(id: Id) -> Entered {
    Entered {
        outer: with_local(&CURRENT, |current| current.replace(Some(id))),
    }
}

/// Returned by [`enter`].
pub(super) struct Entered {
    outer: Option<Id>,
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        with_local(&CURRENT, |current| current.set(self.outer));
    }
}
