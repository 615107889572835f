//! The queues under loom: stand-ins for crossbeam's that promise less.
//!
//! Indices are atomics of loom's, and order what crossbeam documents or cannot do without:
//! who takes a task sees what was written before it was pushed, and nobody else
//! takes it. Nothing else is ordered, so that a model sees a fence of the scheduler's
//! that is missing. Where crossbeam does more, nothing here relies on it:
//!
//! | | crossbeam | here |
//! |---|---|---|
//! | push to a local queue | Release fence, then a store of `back` | Release store of `back` |
//! | taking from a local queue | SeqCst exchange of `front`; a thief's SeqCst fence between the two loads | Relaxed exchange, no fence |
//! | push to the injector | SeqCst exchange of `tail`, then the slot's Release | Release increment of `tail` |
//! | taking from the injector | SeqCst fence, SeqCst exchange of `head`, the slot's Acquire | Acquire load of `tail`, Relaxed exchange |
//! | `is_empty`, `len` | Acquire with a SeqCst fence, or SeqCst | Relaxed |
//! | swapping the LIFO slot's cell | AcqRel | the same |
//!
//! A claim that fails repeatedly gives up, as crossbeam's does through
//! [`STEAL_RETRIES`]. Blocks, buffers and their reclamation are crossbeam's own business:
//! an index is never used twice.
//!
//! The tasks themselves lie under locks of std's. Loom sees no order in those, and
//! switches threads at none: an index and its task move in one step.

use super::STEAL_RETRIES;
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicU64, Ordering::*};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

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

/// What lies in a queue, by index.
#[derive(Debug)]
struct Tasks<T>(Mutex<BTreeMap<u64, T>>);

impl<T> Tasks<T> {
    fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    fn put(&self, index: u64, task: T) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = tasks.insert(index, task);
        assert!(previous.is_none(), "index {index} is used once");
    }

    fn take(&self, index: u64) -> T {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks
            .remove(&index)
            .expect("who has claimed an index takes its task")
    }
}

/// The cell of a LIFO slot: the number of the put whose task is in it, or zero.
#[derive(Debug)]
pub(super) struct SlotCell<T> {
    occupant: AtomicU64,
    tasks: Tasks<T>,
    puts: std::sync::atomic::AtomicU64,
}

impl<T> SlotCell<T> {
    pub(super) fn new() -> Self {
        Self {
            occupant: AtomicU64::new(0),
            tasks: Tasks::new(),
            puts: std::sync::atomic::AtomicU64::new(0),
        }
    }

    pub(super) fn swap(&self, value: Option<T>) -> Option<T> {
        let occupant = value.map_or(0, |task| {
            let put = self.puts.fetch_add(1, Relaxed) + 1;
            self.tasks.put(put, task);
            put
        });
        // ORDERING: AcqRel between who puts a task and who takes it.
        match self.occupant.swap(occupant, AcqRel) {
            0 => None,
            put => Some(self.tasks.take(put)),
        }
    }
}

/// Tasks in the order of their indices, from one that moves up as they are taken
/// to one that moves up as they are pushed.
#[derive(Debug)]
struct Queue<T> {
    front: AtomicU64,
    back: AtomicU64,
    tasks: Tasks<T>,
}

impl<T> Queue<T> {
    fn new() -> Self {
        Self {
            front: AtomicU64::new(0),
            back: AtomicU64::new(0),
            tasks: Tasks::new(),
        }
    }

    /// Claims as many tasks as `batch` says of those that are seen.
    fn claim(&self, batch: impl Fn(u64) -> u64) -> Option<Range<u64>> {
        if self.looks_unused() {
            return None;
        }
        // ORDERING: Relaxed: the exchange below fails if it is not the newest.
        let mut front = self.front.load(Relaxed);
        for _ in 0..STEAL_RETRIES {
            // ORDERING: Acquire pairs with the pushes.
            let back = self.back.load(Acquire);
            let seen = back.checked_sub(front).filter(|&seen| seen > 0)?;
            let end = front + batch(seen);
            // ORDERING: Relaxed: the load of `back` has acquired the tasks.
            match self.front.compare_exchange(front, end, Relaxed, Relaxed) {
                Ok(_) => return Some(front..end),
                Err(newer) => front = newer,
            }
        }
        None
    }

    fn take_one(&self) -> Option<T> {
        Some(self.tasks.take(self.claim(|_| 1)?.start))
    }

    /// Moves half of the tasks to `destination`, except the first, which is returned.
    fn take_half(&self, destination: &LocalQueue<T>) -> Option<T> {
        let mut claimed = self.claim(|seen| seen.div_ceil(2))?;
        let first = claimed.next().map(|index| self.tasks.take(index));
        destination.extend(claimed.map(|index| self.tasks.take(index)));
        first
    }

    fn len(&self) -> usize {
        if self.looks_unused() {
            return 0;
        }
        // ORDERING: Relaxed: whoever relies on it has a fence of its own.
        let front = self.front.load(Relaxed);
        self.back.load(Relaxed).saturating_sub(front) as usize
    }

    /// Spares loom the second index where the first one says enough.
    fn looks_unused(&self) -> bool {
        // ORDERING: Relaxed, as in `len`.
        self.back.load(Relaxed) == 0
    }
}

#[derive(Debug)]
pub(crate) struct LocalQueue<T> {
    queue: Arc<Queue<T>>,
    /// What `queue.back` is: only the owner pushes.
    back: Cell<u64>,
}

impl<T> LocalQueue<T> {
    pub(crate) fn new() -> Self {
        Self {
            queue: Arc::new(Queue::new()),
            back: Cell::new(0),
        }
    }

    pub(crate) fn push(&self, task: T) {
        self.extend([task]);
    }

    fn extend(&self, tasks: impl IntoIterator<Item = T>) {
        let mut back = self.back.get();
        for task in tasks {
            self.queue.tasks.put(back, task);
            back += 1;
        }
        if self.back.replace(back) != back {
            // ORDERING: Release pairs with the load in `claim`.
            self.queue.back.store(back, Release);
        }
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let back = self.back.get();
        if back == 0 {
            return None;
        }
        // ORDERING: Relaxed, as in `claim`; the owner has pushed the tasks itself.
        let mut front = self.queue.front.load(Relaxed);
        while front < back {
            let claim = self
                .queue
                .front
                .compare_exchange(front, front + 1, Relaxed, Relaxed);
            match claim {
                Ok(_) => return Some(self.queue.tasks.take(front)),
                Err(newer) => front = newer,
            }
        }
        None
    }

    pub(crate) fn len(&self) -> usize {
        let back = self.back.get();
        if back == 0 {
            return 0;
        }
        // ORDERING: Relaxed: a thief may come at any time.
        (back - self.queue.front.load(Relaxed)) as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(self.queue.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Stealer<T>(Arc<Queue<T>>);

impl<T> Stealer<T> {
    pub(crate) fn steal_into(&self, destination: &LocalQueue<T>) -> Option<T> {
        self.0.take_half(destination)
    }

    pub(crate) fn steal(&self) -> Option<T> {
        self.0.take_one()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[derive(Debug)]
pub(crate) struct Injector<T>(Queue<T>);

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self(Queue::new())
    }

    pub(crate) fn push(&self, task: T) {
        // ORDERING: Release pairs with the load in `claim`.
        let index = self.0.back.fetch_add(1, Release);
        self.0.tasks.put(index, task);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.take_one()
    }

    pub(crate) fn pop_into(&self, destination: &LocalQueue<T>) -> Option<T> {
        self.0.take_half(destination)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
