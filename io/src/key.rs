//! The name under which the selector reports a source.

use std::fmt;

/// A slot of the registry and the generation of its occupant.
///
/// | bits (64-bit machine) | (32-bit) | field      | meaning                      |
/// |-----------------------|----------|------------|------------------------------|
/// | 0–31                  | 0–19     | index      | the slot                     |
/// | 32–62                 | 20–30    | generation | which occupant of the slot   |
/// | 63                    | 31       | zero       | keys with it set are for the selector's own use |
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(usize);

const INDEX_BITS: u32 = if usize::BITS >= 64 { 32 } else { 20 };
const GENERATION_BITS: u32 = usize::BITS - 1 - INDEX_BITS;
const INDEX_MAX: usize = (1 << INDEX_BITS) - 1;
const GENERATION_MAX: usize = (1 << GENERATION_BITS) - 1;

const _: () = assert!(
    INDEX_BITS + GENERATION_BITS + 1 == usize::BITS,
    "one bit stays reserved"
);

impl Key {
    /// The key of a slot's occupant, or `None` if the index is out of range.
    /// Of `generation` the low bits count.
    pub(crate) const fn new(index: usize, generation: usize) -> Option<Key> {
        if index > INDEX_MAX {
            return None;
        }
        Some(Key(index | (generation & GENERATION_MAX) << INDEX_BITS))
    }

    pub(crate) const fn index(self) -> usize {
        self.0 & INDEX_MAX
    }

    pub(crate) const fn to_usize(self) -> usize {
        self.0
    }

    /// The key that the selector reports as `value`; `None` for a reserved one.
    pub(crate) const fn from_usize(value: usize) -> Option<Key> {
        if value >> (INDEX_BITS + GENERATION_BITS) != 0 {
            return None;
        }
        Some(Key(value))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("index", &self.index())
            .field("generation", &(self.0 >> INDEX_BITS))
            .finish()
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip() {
        for index in [0, 1, 4095, INDEX_MAX] {
            for generation in [0, 1, GENERATION_MAX] {
                let key = Key::new(index, generation).unwrap();
                assert_eq!(key.index(), index);
                assert_eq!(Key::from_usize(key.to_usize()), Some(key));
            }
        }
    }

    #[test]
    fn generations_tell_occupants_apart_and_wrap() {
        assert_ne!(Key::new(3, 0), Key::new(3, 1));
        assert_eq!(Key::new(3, 0), Key::new(3, GENERATION_MAX + 1));
    }

    #[test]
    fn fields_are_as_wide_as_documented() {
        let widths = if cfg!(target_pointer_width = "64") {
            (32, 31)
        } else {
            (20, 11)
        };
        assert_eq!((INDEX_BITS, GENERATION_BITS), widths);
    }

    #[test]
    fn debug_decodes() {
        let key = Key::new(7, 21).unwrap();
        assert_eq!(format!("{key:?}"), "Key { index: 7, generation: 21 }");
    }

    #[test]
    fn no_key_is_a_reserved_one() {
        assert_eq!(Key::from_usize(usize::MAX), None);
        assert_eq!(Key::from_usize(usize::MAX - 1), None);
        assert_eq!(Key::new(INDEX_MAX + 1, 0), None);
        assert!(Key::from_usize(Key::new(INDEX_MAX, GENERATION_MAX).unwrap().to_usize()).is_some());
    }
}
