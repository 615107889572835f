//! The timers themselves: a slab whose entries are linked by index.
//!
//! An entry is *live* while it holds a payload and *vacant* otherwise. Its
//! generation steps when it becomes vacant, so that the keys given out for it
//! grow stale; an entry whose generations are used up is *retired*, never to be
//! used again, which keeps a stale key stale at the price of one entry for
//! every four thousand million timers.
//!
//! Vacant entries are used again from a list, the latest first, which is the
//! likeliest to be cached. When none is live the list is forgotten, and all
//! are used again in the order of their places: a burst of timers then walks
//! through memory, instead of jumping about in it as the last burst fired.

use crate::Tick;
use crate::levels::Slot;
use std::num::NonZeroU32;

/// The place of an entry in the slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Index(u32);

impl Index {
    /// No entry: the end of a list.
    pub(crate) const NONE: Index = Index(u32::MAX);

    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self == Index::NONE
    }
}

/// Names a payload in a [`Wheel`](crate::Wheel) until it fires or is cancelled.
///
/// A key is meaningful to the wheel that returned it, and to no other. `Key` and
/// `Option<Key>` are 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: NonZeroU32,
}

impl Key {
    #[inline]
    pub(crate) fn index(self) -> Index {
        Index(self.index)
    }
}

/// One timer, or room for one.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    /// When it is due, as rounded.
    pub(crate) deadline: Tick,
    /// The next entry of the slot's list or, when vacant, of the free list as it was
    /// then. A retired entry names itself, and no other does.
    pub(crate) next: Index,
    /// The previous entry of the slot's list; that of its head means nothing.
    pub(crate) previous: Index,
    generation: NonZeroU32,
    /// The slot whose list it is in.
    pub(crate) slot: Slot,
    /// Present exactly while the entry is live.
    payload: Option<T>,
}

/// The slab.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    entries: Vec<Entry<T>>,
    /// The head of the free list: the most recently vacated entry.
    free: Index,
    /// The entries from here on are vacant, or retired, and not in the free list.
    untaken: u32,
    /// The entries before are retired.
    first: u32,
}

impl<T> Entries<T> {
    pub(crate) const fn new() -> Self {
        Entries {
            entries: Vec::new(),
            free: Index::NONE,
            untaken: 0,
            first: 0,
        }
    }

    /// Makes an entry live, in no list yet.
    #[inline]
    pub(crate) fn add(&mut self, deadline: Tick, payload: T) -> Key {
        let index = self.free;
        if index.is_none() {
            return self.add_untaken(deadline, payload);
        }
        self.free = self.get(index).next;
        self.fill(index, deadline, payload)
    }

    /// Makes the first untaken entry live, or a new one.
    fn add_untaken(&mut self, deadline: Tick, payload: T) -> Key {
        while let Some(entry) = self.entries.get(self.untaken as usize) {
            let index = Index(self.untaken);
            self.untaken += 1;
            if entry.next != index {
                return self.fill(index, deadline, payload);
            }
            if index.0 == self.first {
                self.first += 1;
            }
        }
        self.grow(deadline, payload)
    }

    #[inline]
    fn fill(&mut self, index: Index, deadline: Tick, payload: T) -> Key {
        let entry = self.get_mut(index);
        debug_assert!(entry.payload.is_none(), "a free entry is vacant");
        entry.deadline = deadline;
        entry.payload = Some(payload);
        Key {
            index: index.0,
            generation: entry.generation,
        }
    }

    #[cold]
    fn grow(&mut self, deadline: Tick, payload: T) -> Key {
        let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        assert!(
            index != u32::MAX,
            "a timing wheel holds at most {index} timers"
        );
        let generation = NonZeroU32::MIN;
        self.entries.push(Entry {
            deadline,
            next: Index::NONE,
            previous: Index::NONE,
            generation,
            slot: Slot::FIRST,
            payload: Some(payload),
        });
        self.untaken = index + 1;
        Key { index, generation }
    }

    /// Makes an entry vacant; it must have been unlinked from its slot.
    #[inline]
    pub(crate) fn remove(&mut self, index: Index) -> T {
        let free = self.free;
        let entry = self.get_mut(index);
        let payload = entry.payload.take().expect("a linked entry has a payload");
        if let Some(generation) = entry.generation.checked_add(1) {
            entry.generation = generation;
            entry.next = free;
            self.free = index;
        } else {
            entry.next = index;
        }
        payload
    }

    /// Has the entries used again in the order of their places. None may be live.
    #[inline]
    pub(crate) fn start_over(&mut self) {
        (self.free, self.untaken) = (Index::NONE, self.first);
    }

    /// The live entry that `key` names.
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<&Entry<T>> {
        let entry = self.entries.get(key.index as usize)?;
        // The payload tells the last key of a retired entry from a live one's.
        (entry.generation == key.generation && entry.payload.is_some()).then_some(entry)
    }

    /// The payload that `key` names.
    #[inline]
    pub(crate) fn payload_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation == key.generation {
            entry.payload.as_mut()
        } else {
            None
        }
    }

    #[inline]
    pub(crate) fn get(&self, index: Index) -> &Entry<T> {
        &self.entries[index.0 as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: Index) -> &mut Entry<T> {
        &mut self.entries[index.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        /// The slab against a map: a key finds its own payload or nothing, and room
        /// is used again.
        #[test]
        fn a_key_names_one_payload_for_ever(
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200),
        ) {
            let mut entries = Entries::new();
            let (mut keys, mut live) = (Vec::<Key>::new(), HashMap::new());
            let mut most = 0;
            for (id, (add, which)) in steps.into_iter().enumerate() {
                if add || keys.is_empty() {
                    keys.push(entries.add(Tick::from_nanos(id as u64), id));
                    prop_assert!(live.insert(keys[keys.len() - 1], id).is_none());
                } else {
                    let key = *which.get(&keys);
                    match live.remove(&key) {
                        Some(id) => prop_assert_eq!(entries.remove(key.index()), id),
                        None => prop_assert!(entries.find(key).is_none()),
                    }
                    if live.is_empty() {
                        entries.start_over();
                    }
                }
                most = most.max(live.len());
                prop_assert_eq!(entries.entries.len(), most);
                for key in &keys {
                    let mut id = live.get(key).copied();
                    let deadline = id.map(|id| Tick::from_nanos(id as u64));
                    prop_assert_eq!(entries.find(*key).map(|entry| entry.deadline), deadline);
                    prop_assert_eq!(entries.payload_mut(*key), id.as_mut());
                }
            }
        }
    }

    #[test]
    fn an_entry_is_small() {
        use std::task::Waker;
        assert_eq!(size_of::<Entry<Waker>>(), 40);
        assert_eq!(size_of::<Option<Key>>(), 8);
    }

    #[test]
    fn an_entry_without_generations_left_is_retired() {
        let mut entries = Entries::new();
        let key = entries.add(Tick::ZERO, 'a');
        entries.get_mut(key.index()).generation = NonZeroU32::MAX;
        let last = Key {
            generation: NonZeroU32::MAX,
            ..key
        };
        assert!(entries.find(key).is_none());
        assert!(entries.find(last).is_some());
        assert_eq!(entries.remove(last.index()), 'a');
        assert!(
            entries.find(last).is_none(),
            "the last key must grow stale too"
        );
        assert!(entries.payload_mut(last).is_none());

        let next = entries.add(Tick::ZERO, 'b');
        assert_ne!(next.index(), key.index());
        assert_eq!(entries.remove(next.index()), 'b');
        assert_eq!(entries.add(Tick::ZERO, 'c').index(), next.index());
        assert_eq!(entries.remove(next.index()), 'c');

        entries.start_over();
        assert_eq!(entries.add(Tick::ZERO, 'd').index(), next.index());
        assert_eq!(entries.first, 1, "it is not looked at again");
    }

    #[test]
    fn entries_start_over_in_the_order_of_their_places() {
        let mut entries = Entries::new();
        for round in 0..3 {
            let keys: Vec<Key> = (0..5).map(|id| entries.add(Tick::ZERO, id)).collect();
            let places: Vec<u32> = keys.iter().map(|key| key.index).collect();
            assert_eq!(places, [0, 1, 2, 3, 4], "round {round}");
            for place in [3, 0, 4, 2, 1] {
                entries.remove(keys[place].index());
            }
            entries.start_over();
            assert!(keys.iter().all(|&key| entries.find(key).is_none()));
        }
    }
}
