//! Cooperative scheduling: the budget of a poll, and yielding without a wake.
//!
//! A task whose sockets and channels are always ready would never return
//! `Pending`, and everything else on its worker would wait. Therefore each
//! poll of a task starts with a *budget* of 128 units; a leaf future takes one
//! with [`poll_proceed`] before it looks whether it is ready, and returns
//! `Pending` once none is left. The task then goes to the back of the queue.
//!
//! **Vocabulary.** A *poll scope* is one poll of a task, opened by
//! [`poll_task`] on the thread that polls. Code within it is *constrained*;
//! [`unconstrained`] and everything outside a scope is not. A poll that ran
//! out of budget is a *forced yield*.
//!
//! **Yielding.** A future that wants to run again may wake its own waker, at
//! the cost of an atomic operation and a look at the task's state. When that
//! waker is the very one of the poll scope, [`yield_current`] notes the wish in
//! the thread local instead, and the task's runner merges it into the
//! transition that ends the poll. The note only ever stands for a wake: should
//! the future finish after all, it is dropped with the scope.
//!
//! This module knows neither tasks nor schedulers: a scope is a waker's
//! identity and a few cells.

mod futures;
#[cfg(all(test, not(filch_loom)))]
mod tests;

pub use self::futures::{Coop, Unconstrained, consume_budget, cooperative, unconstrained};

use crate::primitive::{const_thread_local, with_local};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::task::{Context, Poll, RawWakerVTable, Waker};

/// Units of work in one poll, a leaf operation each. As tokio's: large enough
/// to amortise a trip through the queue, small enough that a poll of cheap
/// operations stays in the tens of microseconds.
const BUDGET: u8 = 128;

/// What is left of a poll's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Budget(u8);

impl Budget {
    const INITIAL: Self = Self(BUDGET);
    /// Not a count: no leaf future ever has to yield.
    const UNCONSTRAINED: Self = Self(u8::MAX);

    fn is_unconstrained(self) -> bool {
        self == Self::UNCONSTRAINED
    }

    fn has_remaining(self) -> bool {
        self.0 > 0
    }
}

/// How the poll goes that this thread is inside of. One word, to be swapped at once.
#[derive(Clone, Copy)]
#[repr(align(4))]
struct Course {
    budget: Budget,
    /// The budget ran out during this poll and a leaf future was turned away.
    exhausted: bool,
    /// The task asked, through [`yield_current`], to be polled again.
    yielded: bool,
}

impl Course {
    const fn with(budget: Budget) -> Self {
        Self {
            budget,
            exhausted: false,
            yielded: false,
        }
    }
}

/// The poll that this thread is inside of.
struct Scope {
    course: Cell<Course>,
    /// Identity of the polled task's waker; null outside of a poll scope.
    waker_data: Cell<*const ()>,
    waker_vtable: Cell<*const RawWakerVTable>,
    /// Polls on this thread that ran out of budget, not yet collected.
    forced_yields: Cell<u64>,
    /// What is to be done when this poll ends, or one inside of it.
    at_end: Cell<Option<fn()>>,
}

impl Scope {
    #[inline]
    fn budget(&self) -> Budget {
        self.course.get().budget
    }

    #[inline]
    fn set_budget(&self, budget: Budget) {
        self.course.set(Course {
            budget,
            ..self.course.get()
        });
    }
}

const_thread_local! {
    static SCOPE: Scope = Scope {
        course: Cell::new(Course::with(Budget::UNCONSTRAINED)),
        waker_data: Cell::new(ptr::null()),
        waker_vtable: Cell::new(ptr::null()),
        forced_yields: Cell::new(0),
        at_end: Cell::new(None),
    };
}

/// What a scope found, to be put back by its end, unwinding included.
///
/// Values, not a borrow of the thread local: each access to it is then small
/// enough to be compiled in place.
struct Outer {
    course: Course,
    waker_data: *const (),
    waker_vtable: *const RawWakerVTable,
}

impl Outer {
    /// Opens a scope for the task whose waker is `waker`.
    #[inline]
    fn enter(waker: &Waker) -> Self {
        Self::replace(Budget::INITIAL, waker.data(), waker.vtable())
    }

    /// Is outside of any poll for a while; what is to be done at the end of the one that
    /// this thread is inside of is done now.
    #[inline]
    fn leave() -> Self {
        drop(End);
        Self::replace(Budget::UNCONSTRAINED, ptr::null(), ptr::null())
    }

    #[inline]
    fn replace(budget: Budget, waker_data: *const (), waker_vtable: *const RawWakerVTable) -> Self {
        with_local(&SCOPE, |scope| Self {
            course: scope.course.replace(Course::with(budget)),
            waker_data: scope.waker_data.replace(waker_data),
            waker_vtable: scope.waker_vtable.replace(waker_vtable),
        })
    }
}

impl Drop for Outer {
    #[inline]
    fn drop(&mut self) {
        with_local(&SCOPE, |scope| {
            scope.course.set(self.course);
            scope.waker_data.set(self.waker_data);
            scope.waker_vtable.set(self.waker_vtable);
        });
        drop(End);
    }
}

/// The end of a poll: does what is to be done then.
struct End;

impl Drop for End {
    #[inline]
    fn drop(&mut self) {
        if with_local(&SCOPE, |scope| scope.at_end.get().is_some()) {
            do_at_end();
        }
    }
}

#[cold]
fn do_at_end() {
    if let Some(at_end) = with_local(&SCOPE, |scope| scope.at_end.take()) {
        at_end();
    }
}

/// What another budget found, to be put back by its end, unwinding included.
struct OuterBudget {
    budget: Budget,
    exhausted: bool,
}

impl OuterBudget {
    #[inline]
    fn replace(budget: Budget) -> Self {
        with_local(&SCOPE, |scope| {
            let course = scope.course.get();
            scope.course.set(Course {
                budget,
                exhausted: false,
                ..course
            });
            Self {
                budget: course.budget,
                exhausted: course.exhausted,
            }
        })
    }
}

impl Drop for OuterBudget {
    #[inline]
    fn drop(&mut self) {
        with_local(&SCOPE, |scope| {
            scope.course.set(Course {
                budget: self.budget,
                exhausted: self.exhausted,
                ..scope.course.get()
            });
        });
    }
}

/// Runs one poll of a task whose waker is `waker`, with a full budget.
///
/// The boolean tells whether the task asked to be polled again with
/// [`yield_current`]; it matters only if the poll returned `Pending`.
#[inline]
pub(crate) fn poll_task<R>(waker: &Waker, poll: impl FnOnce() -> R) -> (R, bool) {
    let _outer = Outer::enter(waker);
    let result = poll();
    (
        result,
        with_local(&SCOPE, |scope| scope.course.get().yielded),
    )
}

/// Whether this thread is inside the poll of a task.
#[inline]
pub(crate) fn is_in_poll() -> bool {
    with_local(&SCOPE, |scope| !scope.waker_vtable.get().is_null())
}

/// Has `f` called at the end of the poll that this thread is inside of, or of one
/// inside of that, unwinding included. Once, however often it is asked for; there is one
/// such `f` in the crate. `false` outside of the poll of a task.
#[must_use = "outside of a poll nothing happens"]
#[inline]
pub(crate) fn at_end_of_poll(f: fn()) -> bool {
    let is_in_poll = is_in_poll();
    if is_in_poll {
        with_local(&SCOPE, |scope| scope.at_end.set(Some(f)));
    }
    is_in_poll
}

/// Runs `f`, a poll of something that is not a task, with a full budget.
#[inline]
pub(crate) fn with_budget<R>(f: impl FnOnce() -> R) -> R {
    let _end = End;
    let _outer = OuterBudget::replace(Budget::INITIAL);
    f()
}

/// Runs `f` without a budget; what is left of it afterwards is as before.
#[inline]
pub(crate) fn with_unconstrained<R>(f: impl FnOnce() -> R) -> R {
    let _outer = OuterBudget::replace(Budget::UNCONSTRAINED);
    f()
}

/// Runs `f`, which may block for long, as outside of any poll: without a budget, and with
/// nothing put off to the end of one.
#[inline]
pub(crate) fn outside_of_polls<R>(f: impl FnOnce() -> R) -> R {
    let _outer = Outer::leave();
    f()
}

/// Asks that the task polled on this thread be polled again, from the back of
/// the queue, if `cx` carries the very waker of that task.
///
/// Returns `false` if it does not (a combinator with wakers of its own, a
/// `block_on`): the caller then wakes `cx.waker()` itself. After `true` the
/// caller returns `Pending`.
#[must_use = "on `false` the waker has to be woken"]
#[inline]
pub(crate) fn yield_current(cx: &Context<'_>) -> bool {
    with_local(&SCOPE, |scope| {
        let waker = cx.waker();
        let is_current = waker.data() == scope.waker_data.get()
            && ptr::eq(waker.vtable(), scope.waker_vtable.get());
        if is_current {
            scope.course.set(Course {
                yielded: true,
                ..scope.course.get()
            });
        }
        is_current
    })
}

/// Takes the number of polls that ran out of budget on this thread since the
/// last call, for a worker's metrics.
pub(crate) fn take_forced_yields() -> u64 {
    with_local(&SCOPE, |scope| scope.forced_yields.take())
}

/// Whether the current task has budget left; `true` outside of a task.
///
/// A future that combines others can tell by it, without spending any, whether
/// the one it polled last was turned away for lack of budget.
///
/// # Examples
///
/// ```
/// use filch::task::coop;
///
/// #[filch::main]
/// async fn main() {
///     assert!(coop::has_budget_remaining());
/// }
/// ```
#[inline]
#[must_use]
pub fn has_budget_remaining() -> bool {
    with_local(&SCOPE, |scope| scope.budget().has_remaining())
}

/// Takes one unit of the task's budget, or returns `Pending` if none is left.
///
/// A leaf future calls this before it looks whether it is ready. On `Pending`
/// the task has been scheduled to run again and the future returns `Pending`
/// too. Otherwise it calls [`RestoreOnPending::made_progress`] when it turned
/// out to be ready; if it does not, the unit is given back as the returned
/// guard is dropped.
///
/// Dropping the guard restores the budget to what it was before this call:
/// anything that was spent in between without progress on this guard is given
/// back along with it.
///
/// # Examples
///
/// ```
/// use filch::task::coop;
/// use std::pin::Pin;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::task::{Context, Poll, ready};
///
/// /// Waits, impatiently, for a flag.
/// struct Spin<'a>(&'a AtomicBool);
///
/// impl Future for Spin<'_> {
///     type Output = ();
///
///     fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
///         let coop = ready!(coop::poll_proceed(cx));
///         if self.0.swap(false, Ordering::Acquire) {
///             coop.made_progress();
///             return Poll::Ready(());
///         }
///         cx.waker().wake_by_ref();
///         Poll::Pending
///     }
/// }
///
/// #[filch::main]
/// async fn main() {
///     Spin(&AtomicBool::new(true)).await;
/// }
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    with_local(&SCOPE, |scope| {
        let budget = scope.budget();
        if budget.is_unconstrained() {
            return Poll::Ready(RestoreOnPending::new(budget));
        }
        if budget.has_remaining() {
            scope.set_budget(Budget(budget.0 - 1));
            return Poll::Ready(RestoreOnPending::new(budget));
        }
        turn_away(scope, cx);
        Poll::Pending
    })
}

/// Sees to it that the task out of budget is polled again.
#[cold]
fn turn_away(scope: &Scope, cx: &Context<'_>) {
    let course = scope.course.get();
    scope.course.set(Course {
        exhausted: true,
        ..course
    });
    if !course.exhausted {
        scope.forced_yields.set(scope.forced_yields.get() + 1);
    }
    if !yield_current(cx) {
        cx.waker().wake_by_ref();
    }
}

/// Gives the unit of budget back when dropped, unless progress was made.
///
/// Returned by [`poll_proceed`].
#[must_use]
pub struct RestoreOnPending {
    /// What to restore; unconstrained if nothing.
    budget: Cell<Budget>,
    /// The budget is this thread's: the guard stays on it.
    thread_bound: PhantomData<*mut ()>,
}

impl RestoreOnPending {
    fn new(budget: Budget) -> Self {
        Self {
            budget: Cell::new(budget),
            thread_bound: PhantomData,
        }
    }

    /// Makes the spending of the unit final: the operation was ready.
    #[inline]
    pub fn made_progress(&self) {
        self.budget.set(Budget::UNCONSTRAINED);
    }
}

impl Drop for RestoreOnPending {
    #[inline]
    fn drop(&mut self) {
        let budget = self.budget.get();
        if !budget.is_unconstrained() {
            with_local(&SCOPE, |scope| {
                // The poll may be over, in which case nobody would ever fill it up again.
                if !scope.budget().is_unconstrained() {
                    scope.set_budget(budget);
                }
            });
        }
    }
}

impl fmt::Debug for RestoreOnPending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestoreOnPending").finish_non_exhaustive()
    }
}
