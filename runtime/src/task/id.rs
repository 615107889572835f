//! The number of a task.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that a thread takes at a time, so that spawning touches nothing
/// shared: one visit to the counter in a thousand spawns does not show.
const BLOCK: u64 = 1024;

/// An opaque number that tells a task from every other of this process.
///
/// Ids are not given out in the order of spawning and say nothing about the
/// runtime that a task belongs to. None is ever used twice.
///
/// # Examples
///
/// ```
/// use filch::task;
///
/// #[filch::main]
/// async fn main() {
///     let handle = filch::spawn(async { task::id() });
///     let id = handle.id();
///     assert_eq!(handle.await.unwrap(), id);
/// }
/// ```
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub(crate) NonZeroU64);

/// The first number that no thread has taken yet. Used under loom as well: it
/// hands out numbers and orders nothing.
static UNTAKEN: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The next number of this thread, and the end of its block.
    static BLOCK_LEFT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

impl Id {
    /// A number not given out before.
    #[inline]
    pub(crate) fn next() -> Self {
        BLOCK_LEFT.with(|left| {
            let (mut next, mut end) = left.get();
            if next == end {
                next = take_block();
                end = next + BLOCK;
            }
            left.set((next + 1, end));
            Self(NonZeroU64::new(next).expect("task ids start at 1 and do not wrap"))
        })
    }
}

#[cold]
fn take_block() -> u64 {
    // Relaxed: uniqueness is all that is asked for. 2⁶⁴ ids outlast any process.
    UNTAKEN.fetch_add(BLOCK, Ordering::Relaxed)
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread;

    #[test]
    fn ids_of_several_threads_and_blocks_are_distinct() {
        let ids = |_| (0..3 * BLOCK).map(|_| Id::next()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|n| thread::spawn(move || ids(n))).collect();
        let all: Vec<Id> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect();
        let distinct: HashSet<Id> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn an_id_displays_as_its_number() {
        let id = Id::next();
        assert_eq!(id.to_string(), id.0.get().to_string());
    }
}
