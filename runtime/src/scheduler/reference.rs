#![expect(
    unsafe_code,
    reason = "counts references by hand, so that workers need not share a count"
)]
//! How tasks keep their scheduler in existence: a count of references for each worker.
//!
//! A task refers to its scheduler until it is freed, for a waker may outlive the
//! runtime. With one count of all references, every spawn and every end on every
//! worker would write the same cache line. Instead each worker counts for itself,
//! without an atomic read-modify-write, and everyone else counts *elsewhere*. The
//! counts are *open* until the last worker has ended, which *closes* them: from
//! then on there is one count, as of any shared pointer. Such counts with a biased
//! part are due to Choi, Shull and Torrellas, *Biased Reference Counting* (PACT 2018).
//!
//! # Invariants
//!
//! Arithmetic wraps: a worker that frees what others have made counts down from zero.
//!
//! - **R1** There are as many references as *elsewhere* and the workers' counts say
//!   together, less [`OPEN`], while the counts are open, and as *elsewhere* says alone
//!   once they are closed. That of a new task is counted before anybody else gets hold of
//!   the task; until then the `Arc` that its maker borrows stands for it, and nothing
//!   happens that may unwind.
//! - **R2** A worker's count is written by the thread in whose context its core
//!   lies, and by nobody from the core's end on.
//! - **R3** While *elsewhere* is not zero, it owns one reference of the scheduler's
//!   `Arc`. Whoever makes it zero releases that. Whoever makes it more than zero
//!   again, as one may who spawns on a scheduler that has ended, adds one.
//!
//! While the counts are open, *elsewhere* is about [`OPEN`] and not zero: to get there
//! takes 2^62 tasks made by workers and freed elsewhere, a billion a second for 146 years.

use super::context;
use super::shared::{Ready, Shared};
use crate::primitive::atomic::{AtomicU64, Ordering::*};
use crate::task::{Id, JoinHandle, create};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ops::Deref;
use std::panic::Location;
use std::ptr::NonNull;
// Not `primitive`'s: as for `Shared`.
use std::sync::Arc;

/// What *elsewhere* counts from while workers count as well.
const OPEN: u64 = 1 << 62;

/// A reference to a scheduler, of a task: counted, but for a moment at the beginning (R1).
pub(crate) struct SchedulerRef {
    /// From `Arc::as_ptr`.
    shared: NonNull<Shared>,
}

// SAFETY: what it gives access to is a `&Shared`, and any thread may be the last to
// drop one; the assertion below demands both of `Shared`.
unsafe impl Send for SchedulerRef {}
// SAFETY: as above.
unsafe impl Sync for SchedulerRef {}

const _: () = {
    const fn is_sharable<T: Send + Sync>() {}
    is_sharable::<Shared>();
};

impl Shared {
    /// Spawns `future`; its handle resolves as cancelled after shutdown.
    #[inline]
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        future: F,
        id: Id,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (handle, new) = create(future, SchedulerRef::uncounted(self), id, location);
        self.start(new);
        handle
    }

    /// Counts the reference of a new task, and hands the task over to who runs it.
    ///
    /// Both at once: a look for the worker's core less. Not compiled for each type of future.
    #[inline(never)]
    fn start(self: &Arc<Self>, new: Ready) {
        let refused = context::with_core(self, new, |core, new| {
            let remote = &self.remotes[core.index];
            remote.references.add();
            self.start_here(core, remote, new)
        });
        match refused {
            Ok(None) => {}
            // Where its destructor may spawn in turn.
            Ok(Some(refused)) => drop(refused),
            Err(new) => {
                if self.elsewhere.references.add() {
                    own(self);
                }
                self.start_elsewhere(new);
            }
        }
    }
}

impl SchedulerRef {
    /// A reference that the worker on this thread counts, of a task that a model places itself.
    #[cfg(all(test, filch_loom))]
    pub(super) fn counted_here(shared: &Arc<Shared>) -> Self {
        let counted = context::with_core(shared, (), |core, ()| {
            shared.remotes[core.index].references.add();
        });
        counted.expect("this thread plays a worker");
        Self::uncounted(shared)
    }

    #[inline]
    fn uncounted(shared: &Arc<Shared>) -> Self {
        let shared = Arc::as_ptr(shared).cast_mut();
        Self {
            shared: NonNull::new(shared).expect("an `Arc` points to something"),
        }
    }
}

impl Deref for SchedulerRef {
    type Target = Shared;

    #[inline]
    fn deref(&self) -> &Shared {
        // SAFETY: this reference is counted, or about to be (R1), or lent. In the first case the counts
        // add up to more than nothing, so that *elsewhere* owns a reference of the
        // `Arc` (R3), in the others the borrowed `Arc` is one.
        unsafe { self.shared.as_ref() }
    }
}

impl Drop for SchedulerRef {
    #[inline]
    fn drop(&mut self) {
        let shared = &**self;
        let counted = context::with_core(shared, (), |core, ()| {
            shared.remotes[core.index].references.subtract();
        });
        if counted.is_err() && shared.elsewhere.references.subtract() {
            // SAFETY: the pointer comes from `Arc::as_ptr`, and the reference is that
            // of *elsewhere*, which has just become zero (R3).
            drop(unsafe { Arc::from_raw(self.shared.as_ptr()) });
        }
    }
}

impl fmt::Debug for SchedulerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A reference that is not counted, while the scheduler is borrowed.
pub(super) struct Lent<'a> {
    reference: ManuallyDrop<SchedulerRef>,
    shared: PhantomData<&'a Arc<Shared>>,
}

impl<'a> Lent<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>) -> Self {
        Self {
            reference: ManuallyDrop::new(SchedulerRef::uncounted(shared)),
            shared: PhantomData,
        }
    }
}

impl Deref for Lent<'_> {
    type Target = SchedulerRef;

    #[inline]
    fn deref(&self) -> &SchedulerRef {
        &self.reference
    }
}

/// Has the counts of `shared` own the reference that they do while *elsewhere* is not
/// zero (R3).
pub(super) fn own(shared: &Arc<Shared>) {
    mem::forget(Arc::clone(shared));
}

/// Closes the counts of `shared`, all of whose workers have ended.
pub(super) fn close(shared: &Arc<Shared>) {
    let counts = shared.remotes.iter().map(|remote| &remote.references.0);
    // ORDERING: Relaxed: the lock on the number of ended workers orders it.
    let of_workers = counts.fold(0_u64, |sum, count| sum.wrapping_add(count.load(Relaxed)));
    if shared.elsewhere.references.close(of_workers) {
        // SAFETY: the reference is that of *elsewhere*, which has just become zero
        // (R3). The caller has another one.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(shared)) };
    }
}

/// The references that one worker has made, less those it has dropped.
#[derive(Debug)]
pub(super) struct WorkerReferences(AtomicU64);

impl WorkerReferences {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one more.
    #[inline]
    fn add(&self) {
        self.count(1);
    }

    /// Counts one less.
    #[inline]
    fn subtract(&self) {
        self.count(1_u64.wrapping_neg());
    }

    /// Adds `n`, modulo 2^64. Only the thread that has the worker's core may (R2).
    #[inline]
    fn count(&self, n: u64) {
        // ORDERING: Relaxed: one writer at a time. Who takes the core over, and who
        // closes the counts, is ordered after it by a lock.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }
}

/// The references that were made, less those that were dropped, elsewhere.
#[derive(Debug)]
pub(super) struct References(AtomicU64);

impl References {
    /// Open counts, of no reference.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(OPEN))
    }

    /// Counts one more; `true` if the count was zero.
    fn add(&self) -> bool {
        // ORDERING: Relaxed: the caller has a reference of the `Arc`, so that nothing
        // is freed meanwhile.
        self.0.fetch_add(1, Relaxed) == 0
    }

    /// Counts one less; `true` if the count is zero now.
    fn subtract(&self) -> bool {
        // ORDERING: Release: what was done by means of this reference comes before
        // the release of the last; partner: the load below, and `close`.
        let is_zero = self.0.fetch_sub(1, Release) == 1;
        if is_zero {
            // ORDERING: Acquire, see above. ThreadSanitizer does not know fences.
            let _ = self.0.load(Acquire);
        }
        is_zero
    }

    /// Closes the counts; `true` if the count is zero now.
    fn close(&self, of_workers: u64) -> bool {
        let change = of_workers.wrapping_sub(OPEN);
        // ORDERING: Release and Acquire as in `subtract`, for the workers' references.
        self.0.fetch_add(change, AcqRel).wrapping_add(change) == 0
    }
}

#[cfg(all(test, filch_loom))]
mod loom_tests;
