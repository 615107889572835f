//! The queues tasks wait in: local queues, LIFO slots and the injector.
//!
//! Each worker owns a [`LocalQueue`], first in first out, whose tasks others
//! may steal, and a [`LifoSlot`] for the task woken last, which runs next. Wakes
//! from outside the workers go to the [`Injector`].
//!
//! The queues are crossbeam-deque's, which has its own verification. Under loom
//! a deque of the same interface on a lock stands in for it, so that a model
//! explores the protocol around the queues and not their insides.
//!
//! This module knows neither tasks nor workers.

pub(crate) use self::deque::{Injector, LocalQueue, Stealer};

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

#[cfg(filch_loom)]
mod deque {
    use super::STEAL_RETRIES;
    use crate::primitive::atomic::{AtomicU64, Ordering::*};
    use crate::primitive::{Arc, Mutex};
    use std::collections::VecDeque;

    /// Stores by a read-modify-write. That a plain store comes after the exchange
    /// which did not see it is nothing that loom knows: it would let a later load
    /// see the exchange. In the order of two exchanges it has no choice.
    #[derive(Debug)]
    pub(super) struct Hint(AtomicU64);

    impl Hint {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(0))
        }

        pub(super) fn load(&self) -> u64 {
            self.0.load(Relaxed)
        }

        pub(super) fn store(&self, hint: u64) {
            self.0.swap(hint, Relaxed);
        }

        pub(super) fn replace(&self, seen: u64, hint: u64) {
            let _ = self.0.compare_exchange(seen, hint, Relaxed, Relaxed);
        }
    }

    const _: usize = STEAL_RETRIES;

    #[derive(Debug)]
    pub(super) struct SlotCell<T>(Mutex<Option<T>>);

    impl<T> SlotCell<T> {
        pub(super) fn new() -> Self {
            Self(Mutex::new(None))
        }

        pub(super) fn swap(&self, value: Option<T>) -> Option<T> {
            std::mem::replace(&mut *self.0.lock(), value)
        }
    }

    #[derive(Debug)]
    pub(crate) struct LocalQueue<T>(Arc<Mutex<VecDeque<T>>>);

    #[derive(Debug)]
    pub(crate) struct Stealer<T>(Arc<Mutex<VecDeque<T>>>);

    #[derive(Debug)]
    pub(crate) struct Injector<T>(Mutex<VecDeque<T>>);

    impl<T> LocalQueue<T> {
        pub(crate) fn new() -> Self {
            Self(Arc::new(Mutex::new(VecDeque::new())))
        }

        pub(crate) fn push(&self, task: T) {
            self.0.lock().push_back(task);
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.0.lock().pop_front()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.lock().len()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.len() == 0
        }

        pub(crate) fn stealer(&self) -> Stealer<T> {
            Stealer(self.0.clone())
        }
    }

    impl<T> Stealer<T> {
        pub(crate) fn steal_into(&self, destination: &LocalQueue<T>) -> Option<T> {
            let mut stolen = take_half(&mut self.0.lock());
            let first = stolen.pop_front();
            destination.0.lock().extend(stolen);
            first
        }

        pub(crate) fn steal(&self) -> Option<T> {
            self.0.lock().pop_front()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.lock().is_empty()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.lock().len()
        }
    }

    impl<T> Injector<T> {
        pub(crate) fn new() -> Self {
            Self(Mutex::new(VecDeque::new()))
        }

        pub(crate) fn push(&self, task: T) {
            self.0.lock().push_back(task);
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.0.lock().pop_front()
        }

        pub(crate) fn pop_into(&self, destination: &LocalQueue<T>) -> Option<T> {
            let mut taken = take_half(&mut self.0.lock());
            let first = taken.pop_front();
            destination.0.lock().extend(taken);
            first
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.lock().is_empty()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.lock().len()
        }
    }

    fn take_half<T>(queue: &mut VecDeque<T>) -> VecDeque<T> {
        let count = queue.len().div_ceil(2);
        queue.drain(..count).collect()
    }
}
