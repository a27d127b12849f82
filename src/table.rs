//! One ordered map for everything. Each instance of `BTreeMap` costs 8 KB of wasm, and the engine needs ten of them; here the ordering is compiled once,
//! for 128-bit codes, and only a thin wrapper for each type.
//!
//! Codes stand in leaves of a bounded size, and the leaves in a list: wherever something comes or goes, one leaf moves, and now and then the list, which is
//! short. Numbers that grow fill their leaves.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
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

/// So many codes stand in a leaf: to move half of them costs about what finding the place does.
const LEAF: usize = 64;
/// An empty table gives its memory back if it had more slots than this.
const KEPT: usize = 1_024;

/// A code, in halves because a `u128` would be padded to 32 bytes, and the slot that it leads to.
#[derive(Clone, Copy, Debug)]
struct Entry {
    high: u64,
    low: u64,
    slot: u32,
}

impl Entry {
    fn new(code: u128, slot: u32) -> Entry {
        Entry { high: (code >> 64) as u64, low: code as u64, slot }
    }

    fn code(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn is_before(&self, code: u128) -> bool {
        (self.high, self.low) < ((code >> 64) as u64, code as u64)
    }
}

/// Where a code stands, or would: the leaf, and the place in it.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    leaf: usize,
    within: usize,
}

/// The codes from a bound on, up to the bound of the next leaf.
#[derive(Debug)]
struct Leaf {
    /// Beside the entries and not among them: whoever looks for a leaf reads nothing else.
    from: Entry,
    entries: Vec<Entry>,
}

/// Codes in order, and the slots that they lead to. Nothing here knows what is in the slots, so it is compiled once.
#[derive(Debug, Default)]
struct Index {
    /// No leaf is empty.
    leaves: Vec<Leaf>,
    free: Vec<u32>,
    count: usize,
    /// What was found last, for it is mostly looked for again: one input concerns one task.
    recent: Cell<Option<Entry>>,
}

impl Index {
    /// The place of the first code that is not before this one; behind the last of a leaf, it is the beginning of the next.
    fn place(&self, code: u128) -> Place {
        // By hand: calls of a closure for each step were a twentieth of all that a task costs.
        let (mut leaf, mut end) = (0, self.leaves.len());
        while leaf + 1 < end {
            let middle = (leaf + end) / 2;
            match self.leaves.get(middle) {
                Some(Leaf { from, .. }) if from.code() <= code => leaf = middle,
                _ => end = middle,
            }
        }
        let Some(Leaf { entries, .. }) = self.leaves.get(leaf) else { return Place::default() };
        // Most are newer than all others.
        let Some(newest) = entries.last().filter(|newest| !newest.is_before(code)) else {
            return Place { leaf, within: entries.len() };
        };
        // Numbers that grow stand side by side: so far from the last one it would be.
        let back = newest.low.wrapping_sub(code as u64).min(entries.len() as u64) as usize;
        let guess = (entries.len() - 1).wrapping_sub(back);
        if entries.get(guess).is_some_and(|entry| entry.code() == code) {
            return Place { leaf, within: guess };
        }
        let (mut within, mut end) = (0, entries.len());
        while within < end {
            let middle = (within + end) / 2;
            match entries.get(middle) {
                Some(entry) if entry.is_before(code) => within = middle + 1,
                _ => end = middle,
            }
        }
        Place { leaf, within }
    }

    fn entry(&self, place: Place) -> Option<&Entry> {
        self.leaves.get(place.leaf)?.entries.get(place.within)
    }

    fn find(&self, code: u128) -> Option<usize> {
        if let Some(entry) = self.recent.get().filter(|entry| entry.code() == code) {
            return Some(entry.slot as usize);
        }
        let entry = self.entry(self.place(code)).filter(|entry| entry.code() == code)?;
        self.recent.set(Some(*entry));
        Some(entry.slot as usize)
    }

    /// The slot of a code; a free one, or the next after all, if it had none.
    fn claim(&mut self, code: u128) -> usize {
        let mut place = self.place(code);
        if let Some(entry) = self.entry(place).filter(|entry| entry.code() == code) {
            return entry.slot as usize;
        }
        let slot = self.free.pop().unwrap_or(self.count as u32);
        self.count += 1;
        let new = Entry::new(code, slot);
        if let Some(full) = self.leaves.get_mut(place.leaf).filter(|leaf| leaf.entries.len() >= LEAF) {
            // What grows at its end leaves full leaves behind.
            let middle = if place.within == LEAF { LEAF } else { LEAF / 2 };
            let entries = full.entries.split_off(middle);
            let from = entries.first().copied().unwrap_or(new);
            self.leaves.insert(place.leaf + 1, Leaf { from, entries });
            if place.within > middle || place.within == LEAF {
                place = Place { leaf: place.leaf + 1, within: place.within - middle };
            }
        }
        match self.leaves.get_mut(place.leaf) {
            Some(leaf) => leaf.entries.insert(place.within, new),
            None => self.leaves.push(Leaf { from: new, entries: vec![new] }),
        }
        slot as usize
    }

    fn release(&mut self, code: u128) -> Option<usize> {
        let place = self.place(code);
        self.entry(place).filter(|entry| entry.code() == code)?;
        let leaf = self.leaves.get_mut(place.leaf)?;
        let Entry { slot, .. } = leaf.entries.remove(place.within);
        self.recent.set(None);
        let left = leaf.entries.len();
        self.count -= 1;
        self.free.push(slot);
        if left == 0 {
            self.leaves.remove(place.leaf);
        } else if left < LEAF / 4 && self.leaves.get(place.leaf + 1).is_some_and(|next| next.entries.len() < LEAF / 2) {
            let mut next = self.leaves.remove(place.leaf + 1);
            if let Some(leaf) = self.leaves.get_mut(place.leaf) {
                leaf.entries.append(&mut next.entries);
            }
        }
        Some(slot as usize)
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
        self.index.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.count == 0
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
        let value = self.slots.get_mut(self.index.release(key.code())?)?.take();
        if self.index.count == 0 && self.slots.len() > KEPT {
            *self = Table::default();
        }
        value
    }

    /// The lowest key.
    pub fn first(&self) -> Option<K> {
        self.index.entry(Place::default()).map(|entry| K::of(entry.code()))
    }

    /// The highest key.
    pub fn last(&self) -> Option<K> {
        self.index.leaves.last().and_then(|leaf| leaf.entries.last()).map(|entry| K::of(entry.code()))
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> Entries<'_, K, T> {
        Entries { table: self, next: Place::default() }
    }

    /// The same from a key on, or from where it would stand.
    pub fn starting_at(&self, key: K) -> Entries<'_, K, T> {
        Entries { table: self, next: self.index.place(key.code()) }
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
        let next = self.last().map_or(0, |last| last + 1);
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

/// The walk over a table. By hand: chained adaptors over two lists are a kilobyte for each type.
#[derive(Debug)]
pub struct Entries<'a, K, T> {
    table: &'a Table<K, T>,
    next: Place,
}

impl<'a, K: Key, T> Iterator for Entries<'a, K, T> {
    type Item = (K, &'a T);

    fn next(&mut self) -> Option<(K, &'a T)> {
        let index = &self.table.index;
        if index.entry(self.next).is_none() {
            self.next = Place { leaf: self.next.leaf + 1, within: 0 };
        }
        let entry = index.entry(self.next)?;
        self.next.within += 1;
        Some((K::of(entry.code()), self.table.slots.get(entry.slot as usize)?.as_ref()?))
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
        fn it_is_a_sorted_map(
            steps in prop_oneof![
                prop::collection::vec((any::<bool>(), 0u64..40, any::<u8>()), 0..400),
                prop::collection::vec((prop::bool::weighted(0.7), 0u64..2_000, any::<u8>()), 0..4_000),
                // Filled in order, and then taken out at random: leaves empty, and join.
                (0u64..2_000).prop_flat_map(|count| {
                    let fill = move || (0..count).map(|key| (true, key, 0));
                    prop::collection::vec((prop::bool::weighted(0.1), 0..count.max(1), any::<u8>()), 0..2_000)
                        .prop_map(move |then| fill().chain(then).collect())
                }),
            ],
            from in 0u64..2_100,
        ) {
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
                prop_assert_eq!(table.last(), model.keys().next_back().copied());
                prop_assert_eq!(table.get(&key), model.get(&key));
            }
            let entries: Vec<(u64, u8)> = table.iter().map(|(key, value)| (key, *value)).collect();
            prop_assert_eq!(&entries, &model.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>());
            let upper: Vec<u64> = table.starting_at(from).map(|(key, _)| key).collect();
            prop_assert_eq!(upper, model.range(from..).map(|(key, _)| *key).collect::<Vec<_>>());
            prop_assert!(table.index.leaves.iter().all(|leaf| !leaf.entries.is_empty() && leaf.entries.len() <= LEAF));
        }
    }

    #[test]
    fn keys_order_as_what_they_stand_for() {
        assert!(at(Instant::from_millis(1), u64::MAX) < at(Instant::from_millis(2), 0));
        assert!(PartId { task: 1, index: 65_535 }.code() < PartId { task: 2, index: 0 }.code());
        assert_ne!(text_code("tg-1"), text_code("tg-2"));
    }
}
