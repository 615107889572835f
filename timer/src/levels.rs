//! The wheel's levels: which slot a deadline belongs in, and which is next.
//!
//! # Vocabulary
//! - Level `l` has 64 slots, each spanning 64^l ns. Eleven levels cover every
//!   `u64`; of the eleventh, 16 slots are used.
//! - *Elapsed* is the wheel's own time. A deadline after it belongs on the level
//!   of the highest base-64 digit in which the two differ, in the slot which that
//!   digit numbers.
//!
//! # Invariants
//! 1. A slot that is occupied on a level above zero starts after *elapsed*. Hence
//!    lower levels hold earlier deadlines, within a level lower slots do, and
//!    the first occupied slot of the lowest occupied level holds the earliest.
//! 2. Equal deadlines that are after *elapsed* are in one slot.
//! 3. A slot's *minimum* is at most every deadline in it, and lies in its span
//!    unless it had passed when it was inserted. A *uniform* slot's deadlines
//!    all equal it, an *exact* slot's earliest deadline does.
//!
//! The finest slot spans one nanosecond rather than the finest granule. So the
//! rounding of deadlines is a matter of the caller alone, which simulated time
//! can go without; it costs two levels that rounded deadlines do not visit, as
//! a uniform slot is fired without moving its entries.

use crate::Tick;
use crate::entries::Index;

const BITS_PER_LEVEL: u32 = 6;
const SLOTS_PER_LEVEL: usize = 1 << BITS_PER_LEVEL;
const LEVELS: usize = u64::BITS.div_ceil(BITS_PER_LEVEL) as usize;
const SLOTS: usize = LEVELS * SLOTS_PER_LEVEL;

/// A slot's number: its level times 64 plus its place in the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u16);

impl Slot {
    pub(crate) const FIRST: Slot = Slot(0);

    /// Where `deadline` belongs when the wheel's time is `elapsed`. A deadline
    /// that has passed belongs where one at `elapsed` does.
    #[inline]
    pub(crate) fn of(deadline: Tick, elapsed: Tick) -> Slot {
        let due = deadline.max(elapsed).as_nanos();
        let differing = (due ^ elapsed.as_nanos()) | (SLOTS_PER_LEVEL as u64 - 1);
        let level = differing.ilog2() / BITS_PER_LEVEL;
        let place = (due >> (level * BITS_PER_LEVEL)) as usize % SLOTS_PER_LEVEL;
        Slot((level as usize * SLOTS_PER_LEVEL + place) as u16)
    }

    #[inline]
    pub(crate) fn level(self) -> usize {
        usize::from(self.0) / SLOTS_PER_LEVEL
    }

    #[inline]
    fn place(self) -> usize {
        usize::from(self.0) % SLOTS_PER_LEVEL
    }

    /// The first tick of the slot's span, for an occupied slot (invariant 1).
    #[inline]
    pub(crate) fn start(self, elapsed: Tick) -> Tick {
        let shift = self.level() as u32 * BITS_PER_LEVEL;
        // On the last level the second shift leaves no bit set.
        let above = (u64::MAX << shift) << BITS_PER_LEVEL;
        Tick::from_nanos(elapsed.as_nanos() & above | (self.place() as u64) << shift)
    }
}

/// The list of a slot's entries, and what is known of their deadlines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) minimum: Tick,
    pub(crate) head: Index,
    pub(crate) tail: Index,
    pub(crate) uniform: bool,
    pub(crate) exact: bool,
}

impl List {
    const EMPTY: List = List {
        minimum: Tick::MAX,
        head: Index::NONE,
        tail: Index::NONE,
        uniform: true,
        exact: true,
    };
}

/// Every slot's list, and the bitmaps of those that are not empty.
#[derive(Debug)]
pub(crate) struct Levels {
    /// Bit `l`: level `l` has an occupied slot.
    occupied_levels: u16,
    /// Bit `s` of word `l`: slot `s` of level `l` is occupied.
    occupied_slots: [u64; LEVELS],
    lists: Box<[List; SLOTS]>,
}

impl Levels {
    pub(crate) fn new() -> Self {
        let lists = vec![List::EMPTY; SLOTS].into_boxed_slice();
        let Ok(lists) = lists.try_into() else {
            unreachable!("the slice has that length")
        };
        Levels {
            occupied_levels: 0,
            occupied_slots: [0; LEVELS],
            lists,
        }
    }

    /// The slot that holds the earliest deadline, if any is occupied.
    #[inline]
    pub(crate) fn first(&self) -> Option<Slot> {
        if self.occupied_levels == 0 {
            return None;
        }
        let level = self.occupied_levels.trailing_zeros() as usize;
        let place = self.occupied_slots[level].trailing_zeros() as usize;
        Some(Slot((level * SLOTS_PER_LEVEL + place) as u16))
    }

    #[inline]
    pub(crate) fn list(&self, slot: Slot) -> &List {
        &self.lists[usize::from(slot.0)]
    }

    #[inline]
    pub(crate) fn list_mut(&mut self, slot: Slot) -> &mut List {
        &mut self.lists[usize::from(slot.0)]
    }

    #[inline]
    pub(crate) fn mark_occupied(&mut self, slot: Slot) {
        self.occupied_levels |= 1 << slot.level();
        self.occupied_slots[slot.level()] |= 1 << slot.place();
    }

    /// Empties the slot, and returns what its list was.
    #[inline]
    pub(crate) fn clear(&mut self, slot: Slot) -> List {
        let level = slot.level();
        self.occupied_slots[level] &= !(1 << slot.place());
        if self.occupied_slots[level] == 0 {
            self.occupied_levels &= !(1 << level);
        }
        std::mem::replace(self.list_mut(slot), List::EMPTY)
    }

    /// The occupied slots, for the tests of the invariants.
    #[cfg(test)]
    pub(crate) fn occupied(&self) -> Vec<Slot> {
        let is_occupied = |slot: &Slot| {
            let marked = self.occupied_slots[slot.level()] >> slot.place() & 1 == 1;
            assert_eq!(marked, !self.list(*slot).head.is_none(), "{slot:?}");
            marked
        };
        for (level, slots) in self.occupied_slots.iter().enumerate() {
            assert_eq!(
                self.occupied_levels >> level & 1 == 1,
                *slots != 0,
                "level {level}"
            );
        }
        (0..SLOTS as u16).map(Slot).filter(is_occupied).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::Entries;
    use proptest::prelude::*;

    fn slot(deadline: u64, elapsed: u64) -> (usize, usize) {
        let slot = Slot::of(Tick::from_nanos(deadline), Tick::from_nanos(elapsed));
        (slot.level(), slot.place())
    }

    #[test]
    fn the_highest_differing_digit_chooses_the_level() {
        assert_eq!(slot(0, 0), (0, 0));
        assert_eq!(slot(63, 0), (0, 63));
        assert_eq!(slot(64, 0), (1, 1));
        assert_eq!(slot(64, 63), (1, 1));
        assert_eq!(slot(65, 64), (0, 1));
        assert_eq!(slot(4095, 0), (1, 63));
        assert_eq!(slot(4096, 4095), (2, 1));
        assert_eq!(slot(u64::MAX, 0), (10, 15));
        assert_eq!(slot(u64::MAX, u64::MAX), (0, 63));
    }

    #[test]
    fn what_has_passed_belongs_where_the_present_does() {
        assert_eq!(slot(3, 4100), slot(4100, 4100));
        assert_eq!(slot(0, u64::MAX), (0, 63));
    }

    /// A slot that some deadline belongs in; of the last level, 16 do.
    fn any_slot() -> impl Strategy<Value = Slot> {
        let levels = prop_oneof![0..LEVELS, Just(0), Just(LEVELS - 1)];
        (levels, 0..SLOTS_PER_LEVEL).prop_map(|(level, place)| {
            let places = if level == LEVELS - 1 { 16 } else { 64 };
            Slot((level * SLOTS_PER_LEVEL + place % places) as u16)
        })
    }

    proptest! {
        /// The bitmaps against a set.
        #[test]
        fn the_first_occupied_slot_is_the_least(
            steps in prop::collection::vec((any_slot(), any::<bool>()), 1..200),
        ) {
            let mut levels = Levels::new();
            let mut occupied = std::collections::BTreeSet::new();
            let index = Entries::new().add(Tick::ZERO, ()).index();
            for (slot, occupy) in steps {
                if occupy {
                    levels.list_mut(slot).head = index;
                    levels.mark_occupied(slot);
                    occupied.insert(slot.0);
                } else {
                    let was_empty = levels.clear(slot).head.is_none();
                    prop_assert_eq!(!was_empty, occupied.remove(&slot.0));
                }
                prop_assert_eq!(levels.first().map(|slot| slot.0), occupied.first().copied());
                let marked: Vec<u16> = levels.occupied().iter().map(|slot| slot.0).collect();
                prop_assert!(marked.iter().eq(&occupied));
            }
        }

        /// The level by the definition: the base-64 digits, compared one by one.
        #[test]
        fn the_slot_is_that_of_the_highest_differing_digit(
            (elapsed, shift) in (any::<u64>(), 0..64_u32),
            (away, other) in (any::<u64>(), 0..64_u32),
        ) {
            let elapsed = elapsed >> shift;
            let due = elapsed.saturating_add(away >> other);
            let digit = |value: u64, level: usize| (value >> (level * 6)) as usize % 64;
            let level = (0..LEVELS)
                .rev()
                .find(|&level| digit(due, level) != digit(elapsed, level))
                .unwrap_or(0);
            prop_assert_eq!(slot(due, elapsed), (level, digit(due, level)));
        }

        /// An earlier deadline is in an earlier slot, or in the same.
        #[test]
        fn slots_are_in_the_order_of_deadlines(
            (elapsed, shift) in (any::<u64>(), 0..64_u32),
            (a, b) in (any::<u64>(), any::<u64>()),
            (closer, still) in (0..64_u32, 0..64_u32),
        ) {
            let elapsed = elapsed >> shift;
            let a = elapsed.saturating_add(a >> closer);
            let b = a.saturating_add(b >> still);
            prop_assert!(slot(a, elapsed) <= slot(b, elapsed));
        }

        #[test]
        fn a_slot_spans_its_deadlines(
            (a, shift) in (any::<u64>(), 0..64_u32),
            (b, other) in (any::<u64>(), 0..64_u32),
        ) {
            let (a, b) = (a >> shift, b >> other);
            let (elapsed, deadline) = (Tick::from_nanos(a.min(b)), Tick::from_nanos(a.max(b)));
            let slot = Slot::of(deadline, elapsed);
            let start = slot.start(elapsed);
            let last = start.as_nanos() | ((1_u64 << (slot.level() as u32 * 6)) - 1);
            prop_assert!(start <= deadline && deadline.as_nanos() <= last);
            prop_assert!(slot.level() == 0 || start > elapsed);
            prop_assert_eq!(Slot::of(start, elapsed), slot);
        }
    }
}
