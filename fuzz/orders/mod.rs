//! Bytes as orders of events: what a lane or an engine hears, one thing after the other, and what must hold after each; and as streams of events in the
//! body of an answer. The fuzz targets find the bytes;
//! `tests/orders.rs` plays random ones wherever there is no fuzzer.

pub mod engine;
pub mod lane;
pub mod sse;

/// Bytes that are read to their end, and zeros after it.
pub struct Bytes<'a> {
    left: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// All of them.
    pub fn new(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes { left: bytes }
    }

    /// Whether there is one more.
    pub fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// The next one.
    pub fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.left.split_first() else { return 0 };
        self.left = rest;
        *first
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.next()) % bound.max(1)
    }

    /// One of these, taken out.
    pub fn take<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        let place = self.below(from.len());
        (place < from.len()).then(|| from.remove(place))
    }

    /// A span of time: from nothing over seconds, which most waits are, to some minutes, ms.
    pub fn span(&mut self) -> u64 {
        let byte = u64::from(self.next());
        byte * byte * byte / 64
    }
}
