//! An allocator that can count what is asked of it.
//!
//! It forwards to the system allocator. While counting is off, which is always except in the
//! memory workload, the price is one relaxed load of a flag that no thread writes, the same for
//! every contender. Counted are the bytes requested, not what malloc rounds them up to: the
//! rounding belongs to the allocator that a program chooses.

#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ENABLED: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);

#[derive(Debug)]
struct Counting;

// Relaxed throughout: the counts publish nothing, and `LiveBytes::stop` reads them only after the
// work it measured has been awaited.
fn count(bytes: isize) {
    if ENABLED.load(Relaxed) {
        LIVE.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: every method forwards to `System` with the caller's arguments; counting allocates
// nothing and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller upholds `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller upholds `alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller upholds `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as isize - layout.size() as isize);
        // SAFETY: the caller upholds `realloc`'s contract.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Counts the bytes that the whole process allocates and does not free.
///
/// Work of all threads is counted, so measurements must not overlap.
#[derive(Debug)]
pub struct LiveBytes(());

impl LiveBytes {
    /// Starts counting at zero.
    pub fn start() -> Self {
        LIVE.store(0, Relaxed);
        ENABLED.store(true, Relaxed);
        Self(())
    }

    /// Stops counting; how many more bytes are allocated than at the start.
    pub fn stop(self) -> isize {
        ENABLED.store(false, Relaxed);
        LIVE.load(Relaxed)
    }
}

/// Keeps apart the tests that count.
#[cfg(test)]
pub(crate) static COUNTING: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_stays_allocated() {
        let _alone = COUNTING.lock();
        let mut kept = Vec::new();
        let counter = LiveBytes::start();
        drop(Box::new([0u8; 1 << 20]));
        kept.resize(1 << 22, 0u8);
        let bytes = counter.stop();
        // Other threads of the test process may allocate a little meanwhile.
        assert!((bytes - (1 << 22)).abs() < 1 << 19, "{bytes} bytes counted");
        assert_eq!(kept.len(), 1 << 22);
    }
}
