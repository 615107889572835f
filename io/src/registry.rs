//! Which sources are registered, and the delivery of events to them.
//!
//! # Invariant: a key resolves to its own entry or to nothing
//! The selector reports keys, and it may report one whose source has been
//! deregistered meanwhile, even one whose slot has a new occupant: it fetched
//! the event before. A key therefore names a slot *and* the generation of its
//! occupant. Generations come from a counter that every registration advances,
//! so that a slot's next occupant has another one. Resolving happens under the
//! lock that registering and deregistering take, so a late event finds the
//! generation changed or the slot vacant, and is dropped. The counter would
//! have to run through its whole range between the fetch of an event and its
//! delivery in the same turn to deceive, and then the effect would be a
//! spurious wake-up: readiness is a hint.
//!
//! This holds whatever the kernel reports, also when a source was closed behind
//! our back while a duplicate of it lives on in the selector. That is why keys
//! are not addresses of entries, which would save the lock. The lock is taken
//! once a batch of wakers, not once an event.
//!
//! Lock order: the registry before the waiters of an entry.

use std::fmt;
use std::io;

use slab::Slab;

use crate::entry::{Entry, Taken, WakePosition};
use crate::key::Key;
use crate::primitive::{Arc, Mutex};
use crate::readiness::shut_down_error;
use crate::selector::Selector;
use crate::wake::{Panics, WakeBatch};
use crate::{Interest, Ready};

/// One report of the selector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    pub(crate) key: Key,
    pub(crate) ready: Ready,
}

/// Totals since the driver was created.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) registered: u64,
    pub(crate) deregistered: u64,
    pub(crate) ready: u64,
}

pub(crate) struct Registry {
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    entries: Slab<Arc<Entry>>,
    next_generation: usize,
    is_shut_down: bool,
    counters: Counters,
}

impl Slots {
    fn resolve(&self, key: Key) -> Option<&Arc<Entry>> {
        self.entries
            .get(key.index())
            .filter(|entry| entry.key() == key)
    }
}

impl Registry {
    pub(crate) fn new() -> Registry {
        Registry {
            slots: Mutex::new(Slots::default()),
        }
    }

    /// Makes an entry, with a key that no event has named so far.
    pub(crate) fn insert(&self, interest: Interest, assumed: Ready) -> io::Result<Arc<Entry>> {
        let mut slots = self.slots.lock();
        if slots.is_shut_down {
            return Err(shut_down_error());
        }
        let generation = slots.next_generation;
        let slot = slots.entries.vacant_entry();
        let key = Key::new(slot.key(), generation).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "too many sources for one I/O driver",
            )
        })?;
        let entry = Arc::new(Entry::new(key, interest, assumed));
        slot.insert(Arc::clone(&entry));
        slots.next_generation = generation.wrapping_add(1);
        slots.counters.registered += 1;
        Ok(entry)
    }

    /// Retires a key: events that name it are dropped from now on.
    pub(crate) fn remove(&self, key: Key) {
        let mut slots = self.slots.lock();
        if slots.resolve(key).is_none() {
            return;
        }
        let removed = slots.entries.remove(key.index());
        slots.counters.deregistered += 1;
        drop(slots);
        drop(removed);
    }

    /// Delivers a batch of events and wakes whom they concern. Returns how many
    /// had an addressee.
    ///
    /// # Panics
    ///
    /// If a waker does; all events have been delivered by then.
    pub(crate) fn deliver(
        &self,
        selector: &Selector,
        events: impl Iterator<Item = Event>,
    ) -> usize {
        let mut delivered = 0;
        let mut batch = WakeBatch::default();
        let mut panics = Panics::default();
        let mut slots = self.slots.lock();
        for Event { key, ready } in events {
            let Some(entry) = slots.resolve(key) else {
                continue;
            };
            delivered += 1;
            entry.announce(ready);
            selector.rearm(key, || entry.state().ready());
            let mut position = WakePosition::default();
            let mut taken = entry.take_wakers(ready, &mut position, &mut batch);
            while taken == Taken::Full {
                drop(slots);
                batch.wake_all(&mut panics);
                slots = self.slots.lock();
                let Some(entry) = slots.resolve(key) else {
                    break;
                };
                taken = entry.take_wakers(ready, &mut position, &mut batch);
            }
        }
        slots.counters.ready += delivered as u64;
        drop(slots);
        batch.wake_all(&mut panics);
        panics.resume();
        delivered
    }

    /// Refuses further registrations and ends every wait with an error.
    ///
    /// # Panics
    ///
    /// If a waker does; every wait has been ended by then.
    pub(crate) fn shut_down(&self) {
        let mut slots = self.slots.lock();
        slots.is_shut_down = true;
        let entries: Vec<Arc<Entry>> = slots
            .entries
            .iter()
            .map(|(_, entry)| Arc::clone(entry))
            .collect();
        drop(slots);
        let mut panics = Panics::default();
        for entry in entries {
            entry.shut_down(&mut panics);
        }
        panics.resume();
    }

    pub(crate) fn counters(&self) -> Counters {
        self.slots.lock().counters
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, filch_loom))]
mod loom_delivery;
