//! The wheel: entries linked into the slots of levels, and time passing.
//!
//! The invariants are those of [`levels`](crate::levels); every method keeps
//! them. Time passes only in [`Wheel::expire`], and when an empty wheel is
//! inserted into.

use crate::Tick;
use crate::entries::{Entries, Index, Key};
use crate::granularity::coalesce;
use crate::levels::{Levels, Slot};
use std::fmt;
use std::hint::black_box;

#[cfg(test)]
mod tests;

/// A hashed hierarchical timing wheel that keeps payloads until they are due.
///
/// See the [crate's documentation](crate) for the order in which payloads come
/// out, how deadlines are rounded and what the operations cost.
pub struct Wheel<T> {
    levels: Levels,
    entries: Entries<T>,
    /// Every deadline up to here is due; see the invariants of `levels`.
    elapsed: Tick,
    len: usize,
}

impl<T> Wheel<T> {
    /// An empty wheel, its time at [`Tick::ZERO`].
    pub fn new() -> Self {
        Wheel {
            levels: Levels::new(),
            entries: Entries::new(),
            elapsed: Tick::ZERO,
            len: 0,
        }
    }

    /// Keeps `payload` until `deadline`, rounded up as [`coalesce`] does.
    ///
    /// `now` may lag or lead the time of the last [`expire`](Wheel::expire): the
    /// time from `now` to `deadline` chooses the granule, nothing else. A
    /// deadline that is not after `now` is due at the next `expire`.
    ///
    /// # Panics
    /// If there are 2^32 − 1 entries already.
    #[inline]
    pub fn insert(&mut self, now: Tick, deadline: Tick, payload: T) -> Key {
        self.insert_exact(now, coalesce(now, deadline), payload)
    }

    /// Keeps `payload` until `deadline`, to the nanosecond.
    ///
    /// # Panics
    /// If there are 2^32 − 1 entries already.
    #[inline]
    pub fn insert_exact(&mut self, now: Tick, deadline: Tick, payload: T) -> Key {
        if self.len == 0 {
            // Nothing is placed relative to the old time, and a nearer one spares
            // the new entry levels.
            self.elapsed = self.elapsed.max(now);
        }
        let key = self.entries.add(deadline, payload);
        self.len += 1;
        self.link(key.index());
        key
    }

    /// The payload that `key` names, unless it left the wheel.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries.payload_mut(key)
    }

    /// Whether the payload that `key` names is still in the wheel.
    #[inline]
    pub fn contains(&self, key: Key) -> bool {
        self.entries.find(key).is_some()
    }

    /// The deadline, as rounded, of the payload that `key` names.
    #[inline]
    pub fn deadline(&self, key: Key) -> Option<Tick> {
        self.entries.find(key).map(|entry| entry.deadline)
    }

    /// Takes the payload that `key` names out of the wheel; `None` if it fired
    /// or was cancelled before.
    #[inline]
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        self.entries.find(key)?;
        self.unlink(key.index());
        Some(self.take(key.index()))
    }

    /// Gives the payload that `key` names another deadline, rounded up as
    /// [`coalesce`] does; `false` if it is no longer in the wheel. The key stays
    /// valid, and the payload comes out after those that have the same deadline.
    #[inline]
    pub fn reset(&mut self, key: Key, now: Tick, deadline: Tick) -> bool {
        self.reset_exact(key, coalesce(now, deadline))
    }

    /// Gives the payload that `key` names another deadline, to the nanosecond;
    /// `false` if it is no longer in the wheel.
    #[inline]
    pub fn reset_exact(&mut self, key: Key, deadline: Tick) -> bool {
        if self.entries.find(key).is_none() {
            return false;
        }
        self.unlink(key.index());
        self.entries.get_mut(key.index()).deadline = deadline;
        self.link(key.index());
        true
    }

    /// Takes out one payload that is due at `now`, `None` if there is none.
    ///
    /// A caller that wants all of them calls until `None`, with the bound on the
    /// number that suits it; the wheel is consistent in between. `now` may be any
    /// number of years after the last one.
    ///
    /// ```
    /// # use filch_timer::{Tick, Wheel};
    /// let mut wheel = Wheel::new();
    /// wheel.insert(Tick::ZERO, Tick::MAX, "the end of time");
    /// wheel.insert(Tick::ZERO, Tick::from_nanos(1), "soon");
    /// assert_eq!(wheel.expire(Tick::ZERO), None);
    /// assert_eq!(wheel.expire(Tick::MAX), Some("soon"));
    /// assert_eq!(wheel.expire(Tick::MAX), Some("the end of time"));
    /// assert_eq!(wheel.expire(Tick::MAX), None);
    /// ```
    #[inline]
    pub fn expire(&mut self, now: Tick) -> Option<T> {
        let now = now.max(self.elapsed);
        loop {
            let Some(slot) = self.levels.first() else {
                self.elapsed = now;
                return None;
            };
            let list = *self.levels.list(slot);
            if list.minimum > now {
                // Not into the slot's span: its entries would have to move.
                self.elapsed = now.min(self.eve_of(slot));
                return None;
            }
            if slot.level() == 0 {
                // Such a slot spans one nanosecond, so all of it is due.
                self.elapsed = self.elapsed.max(list.minimum);
                return Some(self.pop(list.head));
            }
            if list.uniform {
                self.elapsed = self.elapsed.max(self.eve_of(slot));
                let payload = self.pop(list.head);
                if list.head == list.tail {
                    self.elapsed = list.minimum;
                }
                return Some(payload);
            }
            if list.head == list.tail {
                // Others were cancelled; the bounds that they left are too wide.
                let deadline = self.entries.get(list.head).deadline;
                let list = self.levels.list_mut(slot);
                (list.minimum, list.uniform, list.exact) = (deadline, true, true);
                continue;
            }
            self.cascade(slot);
        }
    }

    /// When [`expire`](Wheel::expire) should be called next; `None` if the wheel
    /// is empty.
    ///
    /// Nothing is due earlier. It is the earliest deadline exactly, unless timers
    /// were cancelled or reset whose neighbours in a slot remain: then it may be
    /// the deadline of one that is gone, and a call of `expire` at that time
    /// returns `None` and puts it right. At most ten such calls precede a payload.
    #[inline]
    pub fn next_deadline(&self) -> Option<Tick> {
        self.levels
            .first()
            .map(|slot| self.levels.list(slot).minimum)
    }

    /// The earliest deadline, for a caller to whom a needless
    /// [`expire`](Wheel::expire) is more than a small cost, as when simulated
    /// time is set to the next deadline. After the cancellation that made
    /// [`next_deadline`](Wheel::next_deadline) inexact it visits all entries of
    /// a slot, and puts it right.
    pub fn exact_next_deadline(&mut self) -> Option<Tick> {
        let slot = self.levels.first()?;
        if !self.levels.list(slot).exact {
            self.tighten(slot);
        }
        Some(self.levels.list(slot).minimum)
    }

    /// The time of the wheel: every deadline up to here counts as due, even for a caller
    /// to whom it is earlier.
    ///
    /// ```
    /// # use filch_timer::{Tick, Wheel};
    /// let [early, late] = [1, 2].map(Tick::from_nanos);
    /// let mut wheel = Wheel::new();
    /// assert_eq!(wheel.expire(late), None);
    /// assert_eq!(wheel.elapsed(), late);
    /// wheel.insert_exact(early, late, "late");
    /// assert_eq!(wheel.expire(early), Some("late"));
    /// ```
    #[inline]
    pub fn elapsed(&self) -> Tick {
        self.elapsed
    }

    /// The number of payloads in the wheel.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the wheel holds no payload.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes out every payload, due or not, in no order that is promised. Those
    /// which the iterator was not asked for are dropped with it.
    pub fn drain(&mut self) -> Drain<'_, T> {
        Drain { wheel: self }
    }

    /// Drops every payload.
    pub fn clear(&mut self) {
        drop(self.drain());
    }

    /// The last tick before the span of an occupied slot.
    #[inline]
    fn eve_of(&self, slot: Slot) -> Tick {
        let start = slot.start(self.elapsed).as_nanos();
        Tick::from_nanos(start.saturating_sub(1))
    }

    /// Makes the slot's minimum exact.
    #[cold]
    fn tighten(&mut self, slot: Slot) {
        let mut index = self.levels.list(slot).head;
        let (mut minimum, mut maximum) = (Tick::MAX, Tick::ZERO);
        while !index.is_none() {
            let entry = self.entries.get(index);
            minimum = minimum.min(entry.deadline);
            maximum = maximum.max(entry.deadline);
            index = entry.next;
        }
        let list = self.levels.list_mut(slot);
        (list.minimum, list.uniform, list.exact) = (minimum, minimum == maximum, true);
    }

    /// Moves the entries of a slot to lower levels, entering its span.
    #[cold]
    fn cascade(&mut self, slot: Slot) {
        let list = self.levels.clear(slot);
        // No deadline is earlier, so the new time may as well be that one: what
        // is due then goes straight to level zero.
        self.elapsed = list.minimum;
        // Among many timers every entry is a cache miss, which the one before has
        // to end for. A second walk, from the tail, fetches the other half
        // meanwhile, until the two meet.
        let (mut index, mut ahead) = (list.head, list.tail);
        while !index.is_none() {
            let next = self.entries.get(index).next;
            if ahead == index || ahead == next {
                ahead = Index::NONE;
            }
            if !ahead.is_none() {
                ahead = black_box(self.entries.get(ahead).previous);
            }
            self.link(index);
            index = next;
        }
    }

    /// Appends the entry to the list of the slot in which its deadline belongs.
    #[inline]
    fn link(&mut self, index: Index) {
        let entry = self.entries.get_mut(index);
        let deadline = entry.deadline;
        let slot = Slot::of(deadline, self.elapsed);
        let list = self.levels.list_mut(slot);
        let tail = list.tail;
        entry.slot = slot;
        entry.previous = tail;
        entry.next = Index::NONE;
        list.tail = index;
        if tail.is_none() {
            list.head = index;
            list.minimum = deadline;
            (list.uniform, list.exact) = (true, true);
            self.levels.mark_occupied(slot);
        } else {
            list.uniform &= deadline == list.minimum;
            list.exact |= deadline <= list.minimum;
            list.minimum = list.minimum.min(deadline);
            self.entries.get_mut(tail).next = index;
        }
    }

    /// Takes the entry out of its slot's list.
    #[inline]
    fn unlink(&mut self, index: Index) {
        let entry = self.entries.get(index);
        let (previous, next, slot) = (entry.previous, entry.next, entry.slot);
        let list = self.levels.list_mut(slot);
        list.exact &= list.uniform || list.minimum != entry.deadline;
        // The new head keeps its link to the old one, so that it need not be
        // fetched yet.
        match (list.head == index, list.tail == index) {
            (true, true) => {
                self.levels.clear(slot);
            }
            (true, false) => list.head = next,
            (false, true) => {
                list.tail = previous;
                self.entries.get_mut(previous).next = Index::NONE;
            }
            (false, false) => {
                self.entries.get_mut(next).previous = previous;
                self.entries.get_mut(previous).next = next;
            }
        }
    }

    #[inline]
    fn pop(&mut self, index: Index) -> T {
        self.unlink(index);
        self.take(index)
    }

    #[inline]
    fn take(&mut self, index: Index) -> T {
        self.len -= 1;
        let payload = self.entries.remove(index);
        if self.len == 0 {
            self.entries.start_over();
        }
        payload
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Wheel::new()
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("len", &self.len)
            .field("elapsed", &self.elapsed)
            .field("next_deadline", &self.next_deadline())
            .finish_non_exhaustive()
    }
}

/// The iterator that [`Wheel::drain`] returns.
#[derive(Debug)]
pub struct Drain<'a, T> {
    wheel: &'a mut Wheel<T>,
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let slot = self.wheel.levels.first()?;
        let head = self.wheel.levels.list(slot).head;
        Some(self.wheel.pop(head))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.wheel.len, Some(self.wheel.len))
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
