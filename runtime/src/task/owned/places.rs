#![expect(
    unsafe_code,
    reason = "keeps a task and the next vacant place in the same word"
)]
//! The places of the tasks in one shard.
//!
//! A place has a number, which finds it: a task that comes or goes touches no
//! other. Places that tasks have left form a list, threaded through them; the one
//! left last, which is the likeliest to be cached, is given out first.
//!
//! Places come in segments, which never move, so that room for one more task among a
//! million does not mean to copy a million places under the lock. As the last task
//! leaves a shard, all segments but one are given back.

use crate::task::header::Header;
use crate::task::notified::Task;
use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};

/// Places in a segment. On a 64-bit machine it is a page of memory.
#[cfg(not(filch_loom))]
const SEGMENT: usize = 512;

/// Small enough for a model to need a second one.
#[cfg(filch_loom)]
const SEGMENT: usize = 2;

/// The end of the list of vacant places.
const NONE: usize = usize::MAX >> 1;

type Segment = Box<[Place]>;

/// The tasks of one shard.
///
/// **Kept**: a place that holds the pointer of a task holds one reference of it.
pub(super) struct Places<S> {
    segments: Vec<Segment>,
    /// The first vacant place of those that were taken before, or [`NONE`].
    vacant: usize,
    /// The lowest place that was not taken since segments were last given back.
    untaken: usize,
    /// How many tasks there are.
    len: usize,
    /// Where [`take_lowest`](Self::take_lowest) goes on.
    lowest: usize,
    tasks: PhantomData<Task<S>>,
}

/// Segments that an empty shard does not need, to be dropped without its lock.
#[must_use = "drop it when the lock is free again"]
pub(super) struct Unneeded {
    _segments: Vec<Segment>,
}

// SAFETY: places consist of references (**Kept**), and a reference is `Send`.
unsafe impl<S> Send for Places<S> {}

impl<S> Places<S> {
    pub(super) fn new() -> Self {
        Self {
            segments: Vec::new(),
            vacant: NONE,
            untaken: 0,
            len: 0,
            lowest: 0,
            tasks: PhantomData,
        }
    }

    /// The place that the next task [put](Self::put) gets.
    #[inline]
    pub(super) fn next(&self) -> usize {
        if self.vacant == NONE {
            self.untaken
        } else {
            self.vacant
        }
    }

    /// Puts a task into the [next](Self::next) place.
    #[inline]
    pub(super) fn put(&mut self, task: Task<S>) {
        let index = self.next();
        if index == self.segments.len() * SEGMENT {
            self.segments
                .push((0..SEGMENT).map(|_| Place::EMPTY).collect());
        }
        let place = &mut self.segments[index / SEGMENT][index % SEGMENT];
        if index == self.untaken {
            self.untaken += 1;
        } else {
            self.vacant = place.next_vacant().expect("a vacant place names the next");
        }
        *place = Place(task.into_raw().as_ptr());
        self.len += 1;
    }

    /// Takes `task` out, if it is in that place.
    #[inline]
    pub(super) fn take(&mut self, index: usize, task: &Task<S>) -> Option<Task<S>> {
        let segment = self.segments.get_mut(index / SEGMENT)?;
        let place = &mut segment[index % SEGMENT];
        if place.task() != Some(task.as_raw()) {
            return None;
        }
        *place = Place::vacant(mem::replace(&mut self.vacant, index));
        self.len -= 1;
        // SAFETY: the reference of the place, which has just been given up
        // (**Kept**).
        Some(unsafe { Task::from_raw(task.as_raw()) })
    }

    /// Takes the task in the lowest place, of a shard that none is put into any
    /// more.
    pub(super) fn take_lowest(&mut self) -> Option<Task<S>> {
        while self.lowest < self.untaken {
            let place = &mut self.segments[self.lowest / SEGMENT][self.lowest % SEGMENT];
            self.lowest += 1;
            if let Some(task) = place.task() {
                *place = Place::EMPTY;
                self.len -= 1;
                // SAFETY: as in `take`.
                return Some(unsafe { Task::from_raw(task) });
            }
        }
        None
    }

    /// What can be given back, if the shard is empty.
    #[inline]
    pub(super) fn unneeded(&mut self) -> Option<Unneeded> {
        if self.len > 0 || self.segments.len() <= 1 {
            return None;
        }
        (self.vacant, self.untaken) = (NONE, 0);
        let first = self.segments.swap_remove(0);
        let unneeded = mem::replace(&mut self.segments, vec![first]);
        Some(Unneeded {
            _segments: unneeded,
        })
    }
}

impl<S> Drop for Places<S> {
    fn drop(&mut self) {
        while let Some(task) = self.take_lowest() {
            drop(task);
        }
    }
}

/// The pointer of a task; or, with the lowest bit set, the number of the next vacant
/// place.
#[derive(Clone, Copy)]
struct Place(*mut Header);

const _: () = assert!(
    align_of::<Header>() > 1,
    "a task's pointer has no bit to spare"
);

impl Place {
    /// Vacant, and the last one in the list.
    const EMPTY: Place = Place::vacant(NONE);

    #[inline]
    const fn vacant(next: usize) -> Place {
        Place(ptr::without_provenance_mut(next << 1 | 1))
    }

    #[inline]
    fn task(self) -> Option<NonNull<Header>> {
        match self.next_vacant() {
            Some(_) => None,
            None => NonNull::new(self.0),
        }
    }

    #[inline]
    fn next_vacant(self) -> Option<usize> {
        let word = self.0.addr();
        (word & 1 == 1).then_some(word >> 1)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests;
