//! Timers that succeed one another in one poll.
//!
//! A loop that waits with a timeout gives one timer up and registers the next one, in the
//! same poll and for the same task. So a timer that is dropped in a poll *leaves* its place
//! in the wheel, with the waker in it, to the first one that the same thread registers on
//! that shard before the poll ends. If there is none, the end of the poll cancels it.
//!
//! The next one moves the place, with one lock instead of two, and the waker in it stays; or
//! gives it up, if it is another task's.
//!
//! Until it is taken, a place counts as registered. If its deadline passes first, the task is
//! woken for nothing; and if it was the earliest one, the sleeper keeps it as its horizon,
//! as with any that is cancelled.
//!
//! With a paused clock nothing is left, for a deadline there may be seen
//! as a jump of time.
//!
//! Rejected: keeping a place that fires too early as it is, which needs no lock. It takes 10 ns off
//! each round of such a loop; but the wake-up is used up when the place fires, and a task
//! that does not poll the timer then, for it goes by `is_elapsed` or by another's news, is never
//! woken at the deadline.
//!
//! The shard's own count of references is spared likewise: a thread keeps one that a
//! timer has given back, until it leaves the runtime. Of another runtime's shard it keeps
//! none.

use super::TimerShard;
use super::shard::{Place, PlaceCell};
use crate::coop;
use crate::primitive::{Arc, const_thread_local, with_local};
use crate::unwind::swallow;
use filch_timer::Key;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr;

/// What timers on this thread have left.
struct Left {
    /// The shard of the place that is left, if one is.
    shard: Cell<Option<Arc<TimerShard>>>,
    place: PlaceCell,
    reference: Cell<Option<Arc<TimerShard>>>,
    /// The shard on which this thread last made a timer, for comparison only; null if
    /// it has left that runtime.
    own: Cell<*const TimerShard>,
}

const_thread_local! {
    /// Without a destructor, as it is empty when the thread ends: polls end before, and so does
    /// the stay in a runtime.
    static LEFT: ManuallyDrop<Left> = ManuallyDrop::new(Left {
        shard: Cell::new(None),
        place: PlaceCell::new(),
        reference: Cell::new(None),
        own: Cell::new(ptr::null()),
    });
}

/// A reference of `shard` for a timer made on this thread, perhaps the one that was
/// given back last.
#[inline]
pub(super) fn reference(shard: &Arc<TimerShard>) -> Arc<TimerShard> {
    let left = with_local(&LEFT, |left| {
        left.own.set(&raw const **shard);
        left.reference.take()
    });
    match left {
        Some(left) if Arc::ptr_eq(&left, shard) => left,
        _ => Arc::clone(shard),
    }
}

/// Gives a reference back, for the next timer of this poll or a later one.
#[inline]
pub(super) fn give_back(shard: Arc<TimerShard>) {
    if coop::is_in_poll() {
        with_local(&LEFT, |left| {
            if ptr::eq(left.own.get(), &raw const *shard) {
                left.reference.set(Some(shard));
            }
        });
    }
}

/// Leaves a place to the next timer of this poll, or cancels it.
#[inline]
pub(super) fn leave(shard: Arc<TimerShard>, place: Place) {
    if shard.clock().is_paused() || !coop::at_end_of_poll(cancel_left) {
        drop(shard.cancel(place.key));
        return;
    }
    let former = take_left();
    with_local(&LEFT, |left| {
        left.place.set(place);
        left.shard.set(Some(shard));
    });
    if let Some((shard, place)) = former {
        cancel(shard, place.key);
    }
}

/// The place that was left, and its shard.
#[inline]
fn take_left() -> Option<(Arc<TimerShard>, Place)> {
    with_local(&LEFT, |left| {
        let shard = left.shard.take()?;
        Some((shard, left.place.get()))
    })
}

/// The place on `shard` that was left to this timer, if there is one.
#[inline]
pub(super) fn succeed(shard: &Arc<TimerShard>) -> Option<Place> {
    let (left_on, place) = take_left()?;
    if !Arc::ptr_eq(&left_on, shard) {
        cancel(left_on, place.key);
        return None;
    }
    give_back(left_on);
    Some(place)
}

/// Cancels a place that nobody took. The poll is over, and nobody is there to learn that
/// its waker panics when dropped.
fn cancel_left() {
    if let Some((shard, place)) = take_left() {
        swallow(|| cancel(shard, place.key));
    }
}

/// Lets go of what this thread keeps of a runtime that it leaves.
pub(crate) fn leave_runtime() {
    let reference = with_local(&LEFT, |left| {
        left.own.set(ptr::null());
        left.reference.take()
    });
    drop(reference);
}

#[cold]
fn cancel(shard: Arc<TimerShard>, key: Key) {
    let waker = shard.cancel(key);
    give_back(shard);
    drop(waker);
}

#[cfg(all(test, not(filch_loom)))]
mod tests;
