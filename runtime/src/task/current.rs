//! Which task this thread is in.
//!
//! That is the task whose future it polls, or whose future or output it is
//! dropping.

use super::id::Id;
use crate::primitive::const_thread_local;
use std::cell::Cell;

pub(crate) use crate::coop::yield_current;

const_thread_local! {
    static CURRENT: Cell<Option<Id>> = Cell::new(None);
}

/// The id of the task that this thread is in, if any.
#[inline]
pub(crate) fn try_id() -> Option<Id> {
    CURRENT.with(Cell::get)
}

/// Marks this thread as being in the task `id` until the result is dropped.
#[inline]
pub(super) fn enter(id: Id) -> Entered {
    Entered { outer: CURRENT.with(|current| current.replace(Some(id))) }
}

/// Returned by [`enter`].
pub(super) struct Entered {
    outer: Option<Id>,
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.outer));
    }
}
