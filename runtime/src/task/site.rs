//! Where tasks come from: a kind of task and the place of its spawn, in one word of its header.
//!
//! A *site* is what all tasks of one future and scheduler that were spawned in one place have
//! in common: the operations on them, and the place. There are as many as the program's text
//! has, so they are made once, when the first task is spawned there, and kept for good.
//! A task refers to its site where it would refer to both, which spares eight bytes for each.
//!
//! They are found by a hash of both addresses, in a table whose slots are filled once and never
//! emptied: finding one takes no lock and writes nothing. A full stretch of the table leads
//! to the next table.

use super::header::Vtable;
use std::panic::Location;
use std::ptr;
// Not `primitive`'s: a slot has its value before anyone sees it, and no other ever; and
// it outlives a model.
use std::sync::OnceLock;

/// What the tasks spawned in one place have in common.
pub(super) struct Site {
    pub(super) vtable: Vtable,
    pub(super) location: &'static Location<'static>,
    /// What `vtable` is a copy of.
    origin: &'static Vtable,
}

impl Site {
    /// The site of tasks with these operations that are spawned in this place.
    #[inline]
    pub(super) fn of(
        vtable: &'static Vtable,
        location: &'static Location<'static>,
    ) -> &'static Self {
        let start = start(vtable, location);
        match SITES.slots[start].get() {
            Some(site) if site.is_of(vtable, location) => site,
            _ => SITES.find(start, vtable, location),
        }
    }

    #[inline]
    fn is_of(&self, vtable: &'static Vtable, location: &'static Location<'static>) -> bool {
        ptr::eq(self.origin, vtable) && ptr::eq(self.location, location)
    }
}

static SITES: Table = Table::new();

/// Enough that most programs need one table.
const SLOTS: usize = 256;

/// How many slots from its own on a site may be in.
const STRETCH: usize = 8;

struct Table {
    slots: [OnceLock<&'static Site>; SLOTS],
    next: OnceLock<Box<Table>>,
}

impl Table {
    const fn new() -> Self {
        Self {
            slots: [const { OnceLock::new() }; SLOTS],
            next: OnceLock::new(),
        }
    }

    #[cold]
    fn find(
        &self,
        start: usize,
        vtable: &'static Vtable,
        location: &'static Location<'static>,
    ) -> &'static Site {
        let make = || -> &'static Site {
            Box::leak(Box::new(Site {
                vtable: *vtable,
                location,
                origin: vtable,
            }))
        };
        let stretch = (0..STRETCH).map(|offset| &self.slots[(start + offset) % SLOTS]);
        let mut sites = stretch.map(|slot| *slot.get_or_init(make));
        match sites.find(|site| site.is_of(vtable, location)) {
            Some(site) => site,
            None => {
                let next = self.next.get_or_init(|| Box::new(Self::new()));
                next.find(start, vtable, location)
            }
        }
    }
}

/// The first slot to look at.
#[inline]
fn start(vtable: &'static Vtable, location: &'static Location<'static>) -> usize {
    let [vtable, location] = [ptr::from_ref(vtable).addr(), ptr::from_ref(location).addr()];
    // Fibonacci hashing (Knuth, The Art of Computer Programming 3, section 6.4): of the
    // product, the upper bits depend on all bits of the addresses.
    let mixed = (vtable.rotate_left(16) ^ location) as u64;
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % SLOTS
}

#[cfg(all(test, not(filch_loom)))]
mod tests;
