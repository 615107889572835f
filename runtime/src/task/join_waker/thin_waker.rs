#![expect(unsafe_code, reason = "takes a waker apart and puts it together again")]
//! A waker in one word.
//!
//! std's takes two, data and table of functions. A program has few such tables: that of our
//! tasks, those of the combinators it uses. Ours and the first others seen have a number, which
//! goes into the lower bits of the data's address, for that is mostly one of something that is
//! aligned. A waker of which either is not true goes into a box.
//!
//! **Invariants**, which SAFETY comments cite by name:
//!
//! - **Parts.** With another tag than `BOXED`, the rest of the word is the data, and the table of
//!   that number the table, of a waker that was given up for it, which this one is instead. A
//!   number always means the same table.
//! - **Boxed.** With the tag `BOXED`, the rest is a `Box<Boxed>` of its own.

use crate::task::waker;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::task::{RawWakerVTable, Waker};
// Not `primitive`'s: an entry has its value before anyone sees it, and no other ever; and
// it outlives a model.
use std::sync::OnceLock;

/// A [`Waker`] that takes one word.
pub(in crate::task) struct ThinWaker(NonNull<()>);

/// The bits of the tag.
const TAG: usize = 0b111;

/// The tag of a waker in a box.
const BOXED: usize = TAG;

/// The number of our tasks' table of functions; zero is none, so that the word is not null.
const TASK: usize = 1;

/// The number of the first other table.
const OTHERS: usize = TASK + 1;

/// The other tables that have a number.
static OTHER: [OnceLock<&'static RawWakerVTable>; BOXED - OTHERS] =
    [const { OnceLock::new() }; BOXED - OTHERS];

#[repr(align(8))]
struct Boxed(Waker);

const _: () =
    assert!(align_of::<Boxed>() > TAG && size_of::<Option<ThinWaker>>() == size_of::<usize>());

/// The number of a table, if it has one or there is one left for it.
#[inline]
fn tag_of(vtable: &'static RawWakerVTable) -> Option<usize> {
    if ptr::eq(vtable, &waker::WAKER) {
        Some(TASK)
    } else {
        other_tag_of(vtable)
    }
}

fn other_tag_of(vtable: &'static RawWakerVTable) -> Option<usize> {
    let is_it = |table: &OnceLock<&_>| ptr::eq(*table.get_or_init(|| vtable), vtable);
    OTHER.iter().position(is_it).map(|index| OTHERS + index)
}

/// The table of that number, which has been given.
#[inline]
fn vtable_of(tag: usize) -> &'static RawWakerVTable {
    if tag == TASK {
        &waker::WAKER
    } else {
        OTHER[tag - OTHERS]
            .get()
            .expect("a tag is given once it has a table")
    }
}

#[inline]
fn tagged(pointer: *mut (), tag: usize) -> NonNull<()> {
    let word = pointer.map_addr(|address| address | tag);
    NonNull::new(word).expect("a tag is not zero")
}

impl ThinWaker {
    #[inline]
    pub(super) fn new(waker: Waker) -> Self {
        let data = waker.data().cast_mut();
        // A number is not for a table whose wakers could not use it.
        let tag = match data.addr() & TAG {
            0 => tag_of(waker.vtable()),
            _ => None,
        };
        match tag {
            Some(tag) => {
                let _given_up = ManuallyDrop::new(waker);
                Self(tagged(data, tag))
            }
            None => {
                let boxed = Box::into_raw(Box::new(Boxed(waker)));
                Self(tagged(boxed.cast(), BOXED))
            }
        }
    }

    #[inline]
    fn tag(&self) -> usize {
        self.0.addr().get() & TAG
    }

    /// The word without its tag.
    #[inline]
    fn pointer(&self) -> *mut () {
        self.0.as_ptr().map_addr(|address| address & !TAG)
    }

    /// Hands out the waker that this one is, which goes on being that.
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&Waker) -> R) -> R {
        let tag = self.tag();
        if tag == BOXED {
            // SAFETY: **Boxed**.
            let boxed = unsafe { &*self.pointer().cast::<Boxed>() };
            return f(&boxed.0);
        }
        let vtable = vtable_of(tag);
        // SAFETY: **Parts**: they are those of a waker that exists as long as this one, and this
        // copy of it is neither used up nor dropped.
        f(&ManuallyDrop::new(unsafe {
            Waker::new(self.pointer(), vtable)
        }))
    }

    /// Whether it wakes what `waker` does, as far as can be told.
    #[inline]
    pub(super) fn will_wake(&self, waker: &Waker) -> bool {
        self.with(|this| this.will_wake(waker))
    }

    #[inline]
    pub(super) fn wake_by_ref(&self) {
        self.with(Waker::wake_by_ref);
    }
}

impl Drop for ThinWaker {
    #[inline]
    fn drop(&mut self) {
        let tag = self.tag();
        if tag == BOXED {
            // SAFETY: **Boxed**, and this is its last use.
            drop(unsafe { Box::from_raw(self.pointer().cast::<Boxed>()) });
            return;
        }
        let vtable = vtable_of(tag);
        // SAFETY: **Parts**, and this is the last use of them.
        drop(unsafe { Waker::new(self.pointer(), vtable) });
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests;
