//! The queues tasks wait in: local queues, LIFO slots and the injector.
//!
//! Each worker owns a [`LocalQueue`], first in first out, whose tasks others
//! may steal, and a [`LifoSlot`] for the task woken last, which runs next. Wakes
//! from outside the workers go to the [`Injector`].
//!
//! The queues are crossbeam-deque's, which has its own verification. Under loom
//! `model` stands in for it: the same interface with as little order as can be, so
//! that a model explores the protocol around the queues and not their insides.
//!
//! This module knows neither tasks nor workers.

#[cfg(filch_loom)]
use self::model as deque;

pub(crate) use self::deque::{Injector, LocalQueue, Stealer};

#[cfg(filch_loom)]
mod model;

/// How often a steal that lost a race is repeated before the thief moves on.
const STEAL_RETRIES: usize = 4;

/// Holds the task that was made ready last, for its owner to run next.
///
/// Only the owner puts; the owner and thieves take. A hint beside the slot saves
/// a read-modify-write on an empty one:
///
/// | bits of `hint` | meaning |
/// |---|---|
/// | 0 | the slot is occupied |
/// | 1..64 | how often the owner has put |
///
/// Invariants:
/// - **L1** A slot that holds a task has bit 0 set, once the owner's put has
///   returned: a thief clears it only if the owner has not put since before the
///   thief emptied the slot.
/// - **L2** Bit 0 of an empty slot is cleared by the next thief that visits.
#[derive(Debug)]
pub(crate) struct LifoSlot<T> {
    cell: deque::SlotCell<T>,
    hint: deque::Hint,
}

const OCCUPIED: u64 = 1;
const PUT_ONE: u64 = 2;

impl<T> LifoSlot<T> {
    pub(crate) fn new() -> Self {
        Self {
            cell: deque::SlotCell::new(),
            hint: deque::Hint::new(),
        }
    }

    /// Puts `task` into the slot and returns the one it displaces. Owner only.
    pub(crate) fn replace(&self, task: T) -> Option<T> {
        let displaced = self.cell.swap(Some(task));
        // Only thieves write the hint besides, and they leave the count of puts
        // alone.
        let puts = self.hint.load() & !OCCUPIED;
        self.hint.store(puts.wrapping_add(PUT_ONE) | OCCUPIED);
        displaced
    }

    /// Takes the task out. Owner only.
    pub(crate) fn take(&self) -> Option<T> {
        // The owner reads its own put, or a thief's clear, after which the slot is
        // empty (L1).
        let hint = self.hint.load();
        if hint & OCCUPIED == 0 {
            return None;
        }
        self.hint.store(hint & !OCCUPIED);
        self.cell.swap(None)
    }

    /// Takes the task out from another thread.
    pub(crate) fn steal(&self) -> Option<T> {
        let hint = self.hint.load();
        if hint & OCCUPIED == 0 {
            return None;
        }
        let task = self.cell.swap(None);
        // Fails if the owner has put since the load (L1). The swap above is not
        // reordered after it: it releases and acquires.
        self.hint.replace(hint, hint & !OCCUPIED);
        task
    }

    /// Exact for the owner unless a thief was there; a hint for others.
    pub(crate) fn looks_occupied(&self) -> bool {
        self.hint.load() & OCCUPIED != 0
    }
}

#[cfg(not(filch_loom))]
mod deque {
    use super::STEAL_RETRIES;
    use crate::primitive::atomic::{AtomicU64, Ordering::*};
    use crossbeam_deque::{self as crossbeam, Steal};
    use crossbeam_utils::atomic::AtomicCell;
    use std::fmt;

    /// What stands beside a slot.
    // ORDERING: Relaxed throughout: a hint; the cell's swap publishes the task.
    #[derive(Debug)]
    pub(super) struct Hint(AtomicU64);

    impl Hint {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(0))
        }

        #[inline]
        pub(super) fn load(&self) -> u64 {
            self.0.load(Relaxed)
        }

        #[inline]
        pub(super) fn store(&self, hint: u64) {
            self.0.store(hint, Relaxed);
        }

        /// Stores `hint` unless somebody has stored since `seen`.
        #[inline]
        pub(super) fn replace(&self, seen: u64, hint: u64) {
            let _ = self.0.compare_exchange(seen, hint, Relaxed, Relaxed);
        }
    }

    pub(super) struct SlotCell<T>(AtomicCell<Option<T>>);

    impl<T> SlotCell<T> {
        pub(super) fn new() -> Self {
            const {
                assert!(
                    AtomicCell::<Option<T>>::is_lock_free(),
                    "a task is one pointer"
                )
            };
            Self(AtomicCell::new(None))
        }

        pub(super) fn swap(&self, value: Option<T>) -> Option<T> {
            self.0.swap(value)
        }
    }

    impl<T> fmt::Debug for SlotCell<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("SlotCell")
        }
    }

    /// A worker's own queue, first in first out.
    #[derive(Debug)]
    pub(crate) struct LocalQueue<T>(crossbeam::Worker<T>);

    impl<T> LocalQueue<T> {
        pub(crate) fn new() -> Self {
            Self(crossbeam::Worker::new_fifo())
        }

        #[inline]
        pub(crate) fn push(&self, task: T) {
            self.0.push(task);
        }

        #[inline]
        pub(crate) fn pop(&self) -> Option<T> {
            self.0.pop()
        }

        #[inline]
        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }

        #[inline]
        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(crate) fn stealer(&self) -> Stealer<T> {
            Stealer(self.0.stealer())
        }
    }

    /// The other workers' end of a [`LocalQueue`].
    #[derive(Debug)]
    pub(crate) struct Stealer<T>(crossbeam::Stealer<T>);

    impl<T> Stealer<T> {
        /// Moves about half of the tasks, a bounded batch, to `destination` and
        /// returns the first of them.
        pub(crate) fn steal_into(&self, destination: &LocalQueue<T>) -> Option<T> {
            retry(|| self.0.steal_batch_and_pop(&destination.0))
        }

        /// Takes one task.
        pub(crate) fn steal(&self) -> Option<T> {
            retry(|| self.0.steal())
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }
    }

    /// The queue of tasks made ready outside the workers.
    #[derive(Debug)]
    pub(crate) struct Injector<T>(crossbeam::Injector<T>);

    impl<T> Injector<T> {
        pub(crate) fn new() -> Self {
            Self(crossbeam::Injector::new())
        }

        pub(crate) fn push(&self, task: T) {
            self.0.push(task);
        }

        /// Takes one task.
        pub(crate) fn pop(&self) -> Option<T> {
            retry(|| self.0.steal())
        }

        /// Moves a bounded batch to `destination` and returns its first task.
        pub(crate) fn pop_into(&self, destination: &LocalQueue<T>) -> Option<T> {
            retry(|| self.0.steal_batch_and_pop(&destination.0))
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }
    }

    fn retry<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
        for _ in 0..STEAL_RETRIES {
            match steal() {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => std::hint::spin_loop(),
            }
        }
        None
    }
}
