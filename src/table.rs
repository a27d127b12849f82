//! One ordered map for everything. Each instance of `BTreeMap` costs 8 KB of wasm, and the engine needs ten of them; here the ordering is compiled once,
//! for 128-bit codes, and only a thin wrapper for each type.
//!
//! Entries come and go at the ends: numbers grow, and the oldest go first. A sorted ring moves the shorter side when it doesn't, so the usual case costs
//! what a search does; removing from the middle of 100,000 moves 1 MB at most.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::time::Instant;

/// A key that orders as its code does.
pub trait Key: Copy {
    /// The code; different keys have different codes.
    fn code(self) -> u128;

    /// The key of a code.
    fn of(code: u128) -> Self;
}

impl Key for u32 {
    fn code(self) -> u128 {
        u128::from(self)
    }

    fn of(code: u128) -> u32 {
        code as u32
    }
}

impl Key for u64 {
    fn code(self) -> u128 {
        u128::from(self)
    }

    fn of(code: u128) -> u64 {
        code as u64
    }
}

impl Key for u128 {
    fn code(self) -> u128 {
        self
    }

    fn of(code: u128) -> u128 {
        code
    }
}

/// Codes that fall due at an instant order by the instant first.
pub fn at(instant: Instant, code: u64) -> u128 {
    u128::from(instant.millis()) << 64 | u128::from(code)
}

/// A text's code: two 64-bit FNV-1a hashes. Two texts may share one, so whoever finds by it compares the texts.
pub fn text_code(text: &str) -> u128 {
    let hash =
        |seed: u64| text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    u128::from(hash(0xcbf2_9ce4_8422_2325)) << 64 | u128::from(hash(0x9e37_79b9_7f4a_7c15))
}

/// Codes in order, and the slots that they lead to. Nothing here knows what is in the slots, so it is compiled once.
#[derive(Debug, Default)]
struct Index {
    sorted: VecDeque<(u128, usize)>,
    free: Vec<usize>,
}

impl Index {
    fn place(&self, code: u128) -> Result<usize, usize> {
        match self.sorted.back() {
            Some((last, _)) if *last < code => Err(self.sorted.len()),
            _ => self.sorted.binary_search_by(|(other, _)| other.cmp(&code)),
        }
    }

    fn find(&self, code: u128) -> Option<usize> {
        let place = self.place(code).ok()?;
        self.nth(place).map(|(_, slot)| slot)
    }

    fn nth(&self, place: usize) -> Option<(u128, usize)> {
        self.sorted.get(place).copied()
    }

    /// The slot of a code; a free one, or the next after all, if it had none.
    fn claim(&mut self, code: u128) -> usize {
        match self.place(code) {
            Ok(place) => self.nth(place).map_or(0, |(_, slot)| slot),
            Err(place) => {
                let slot = self.free.pop().unwrap_or(self.sorted.len());
                self.sorted.insert(place, (code, slot));
                slot
            }
        }
    }

    fn release(&mut self, code: u128) -> Option<usize> {
        let place = self.place(code).ok()?;
        let (_, slot) = self.sorted.remove(place)?;
        self.free.push(slot);
        Some(slot)
    }
}

/// A map whose keys have an order.
#[derive(Debug)]
pub struct Table<K, T> {
    index: Index,
    slots: Vec<Option<T>>,
    keys: PhantomData<K>,
}

impl<K, T> Default for Table<K, T> {
    fn default() -> Table<K, T> {
        Table { index: Index::default(), slots: Vec::new(), keys: PhantomData }
    }
}

impl<K: Key, T> Table<K, T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.index.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.sorted.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&T> {
        self.slots.get(self.index.find(key.code())?)?.as_ref()
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        self.slots.get_mut(self.index.find(key.code())?)?.as_mut()
    }

    /// Sets a key's value and says whether the key is new.
    pub fn insert(&mut self, key: K, value: T) -> bool {
        let slot = self.index.claim(key.code());
        if slot >= self.slots.len() {
            self.slots.push(None);
        }
        let Some(place) = self.slots.get_mut(slot) else { return false };
        let new = place.is_none();
        *place = Some(value);
        new
    }

    /// Takes a key's value out.
    pub fn remove(&mut self, key: &K) -> Option<T> {
        self.slots.get_mut(self.index.release(key.code())?)?.take()
    }

    /// The lowest key.
    pub fn first(&self) -> Option<K> {
        self.index.nth(0).map(|(code, _)| K::of(code))
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> Entries<'_, K, T> {
        Entries { table: self, next: 0 }
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }
}

/// As a queue.
impl<T> Table<u64, T> {
    /// Adds a value behind all others.
    pub fn push(&mut self, value: T) {
        let next = self.index.sorted.back().map_or(0, |(last, _)| u64::of(*last) + 1);
        self.insert(next, value);
    }

    /// The value that has been here longest.
    pub fn front(&self) -> Option<&T> {
        self.values().next()
    }

    /// Takes that value out.
    pub fn pop(&mut self) -> Option<T> {
        self.remove(&self.first()?)
    }
}

impl<K: Key, T: Default> Table<K, T> {
    /// The value of a key, made if there was none.
    pub fn or_default(&mut self, key: K) -> Option<&mut T> {
        if self.index.find(key.code()).is_none() {
            self.insert(key, T::default());
        }
        self.get_mut(&key)
    }
}

/// The walk over a table. By hand: chained adaptors over the two halves of a ring are a kilobyte for each type.
pub struct Entries<'a, K, T> {
    table: &'a Table<K, T>,
    next: usize,
}

impl<'a, K: Key, T> Iterator for Entries<'a, K, T> {
    type Item = (K, &'a T);

    fn next(&mut self) -> Option<(K, &'a T)> {
        let (code, slot) = self.table.index.nth(self.next)?;
        self.next += 1;
        Some((K::of(code), self.table.slots.get(slot)?.as_ref()?))
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::task::PartId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_sorted_map(steps in prop::collection::vec((any::<bool>(), 0u64..40, any::<u8>()), 0..400)) {
            let mut table: Table<u64, u8> = Table::default();
            let mut model = BTreeMap::new();
            for (insert, key, value) in steps {
                if insert {
                    prop_assert_eq!(table.insert(key, value), model.insert(key, value).is_none());
                } else {
                    prop_assert_eq!(table.remove(&key), model.remove(&key));
                }
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(table.first(), model.keys().next().copied());
                prop_assert_eq!(table.get(&key), model.get(&key));
            }
            let entries: Vec<(u64, u8)> = table.iter().map(|(key, value)| (key, *value)).collect();
            prop_assert_eq!(entries, model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn keys_order_as_what_they_stand_for() {
        assert!(at(Instant::from_millis(1), u64::MAX) < at(Instant::from_millis(2), 0));
        assert!(PartId { task: 1, index: 65_535 }.code() < PartId { task: 2, index: 0 }.code());
        assert_ne!(text_code("tg-1"), text_code("tg-2"));
    }
}
