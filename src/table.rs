//! One ordered map for everything. Each instance of `BTreeMap` costs 8 KB of wasm, and the engine needs ten of them; here the ordering is compiled once,
//! for 128-bit codes, and only a thin wrapper for each type.
//!
//! Entries come and go at the ends: numbers grow, and the oldest go first. A sorted ring moves the shorter side when it doesn't, so the usual case costs
//! what a search does; removing from the middle of 100,000 moves 1 MB at most.

use std::collections::VecDeque;
use std::marker::PhantomData;

use crate::options::Priority;
use crate::task::{OwnerId, PartId};
use crate::time::Instant;

/// A key that orders as its code does.
pub trait Key: Copy {
    /// The code; different keys have different codes.
    fn code(self) -> u128;
}

impl Key for u32 {
    fn code(self) -> u128 {
        u128::from(self)
    }
}

impl Key for u64 {
    fn code(self) -> u128 {
        u128::from(self)
    }
}

impl Key for u128 {
    fn code(self) -> u128 {
        self
    }
}

impl Key for (Priority, u64) {
    fn code(self) -> u128 {
        (self.0 as u128) << 64 | u128::from(self.1)
    }
}

impl Key for PartId {
    fn code(self) -> u128 {
        u128::from(self.task) << 16 | u128::from(self.index)
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

/// Codes in order, and the slots that they lead to.
#[derive(Debug, Default)]
struct Index {
    sorted: VecDeque<(u128, u32)>,
}

impl Index {
    fn place(&self, code: u128) -> Result<usize, usize> {
        match self.sorted.back() {
            Some((last, _)) if *last < code => Err(self.sorted.len()),
            _ => self.sorted.binary_search_by(|(other, _)| other.cmp(&code)),
        }
    }

    fn find(&self, code: u128) -> Option<u32> {
        let place = self.place(code).ok()?;
        self.sorted.get(place).map(|(_, slot)| *slot)
    }

    fn insert(&mut self, code: u128, slot: u32) {
        if let Err(place) = self.place(code) {
            self.sorted.insert(place, (code, slot));
        }
    }

    fn remove(&mut self, code: u128) -> Option<u32> {
        let place = self.place(code).ok()?;
        self.sorted.remove(place).map(|(_, slot)| slot)
    }
}

/// A map whose keys have an order.
#[derive(Debug)]
pub struct Table<K, T> {
    index: Index,
    slots: Vec<Option<(K, T)>>,
    free: Vec<u32>,
    keys: PhantomData<K>,
}

impl<K, T> Default for Table<K, T> {
    fn default() -> Table<K, T> {
        Table { index: Index::default(), slots: Vec::new(), free: Vec::new(), keys: PhantomData }
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
        self.at(self.index.find(key.code())?).map(|(_, value)| value)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        let slot = self.index.find(key.code())?;
        self.slots.get_mut(slot as usize)?.as_mut().map(|(_, value)| value)
    }

    /// Sets a key's value and returns the one that it had.
    pub fn insert(&mut self, key: K, value: T) -> Option<T> {
        if let Some(known) = self.get_mut(&key) {
            return Some(std::mem::replace(known, value));
        }
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = Some((key, value)),
            None => self.slots.push(Some((key, value))),
        }
        self.index.insert(key.code(), slot);
        None
    }

    /// Takes a key's value out.
    pub fn remove(&mut self, key: &K) -> Option<T> {
        let slot = self.index.remove(key.code())?;
        self.free.push(slot);
        self.slots.get_mut(slot as usize)?.take().map(|(_, value)| value)
    }

    /// The lowest key.
    pub fn first(&self) -> Option<K> {
        let (_, slot) = self.index.sorted.front()?;
        self.at(*slot).map(|(key, _)| *key)
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        self.index.sorted.iter().filter_map(|(_, slot)| self.at(*slot)).map(|(key, value)| (*key, value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    fn at(&self, slot: u32) -> Option<&(K, T)> {
        self.slots.get(slot as usize)?.as_ref()
    }
}

impl<T: Default> Table<OwnerId, T> {
    /// The value of a key, made if there was none.
    pub fn or_default(&mut self, key: OwnerId) -> Option<&mut T> {
        if self.index.find(key.code()).is_none() {
            self.insert(key, T::default());
        }
        self.get_mut(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_sorted_map(steps in prop::collection::vec((any::<bool>(), 0u64..40, any::<u8>()), 0..400)) {
            let mut table: Table<u64, u8> = Table::default();
            let mut model = BTreeMap::new();
            for (insert, key, value) in steps {
                if insert {
                    prop_assert_eq!(table.insert(key, value), model.insert(key, value));
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
        assert!((Priority::Interactive, u64::MAX).code() < (Priority::Batch, 0).code());
        assert!(at(Instant::from_millis(1), u64::MAX) < at(Instant::from_millis(2), 0));
        assert!(PartId { task: 1, index: 65_535 }.code() < PartId { task: 2, index: 0 }.code());
        assert_ne!(text_code("tg-1"), text_code("tg-2"));
    }
}
