//! Seeded randomness: the same seed gives the same jitter and the same keys, natively and in wasm.

use alloc::string::String;

use crate::text::hex_digit;

/// A generator of the wyrand family: eight bytes of state, good enough for jitter and for spreading a seed over keys. Not for secrets.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator that yields the same sequence for the same seed.
    pub const fn new(seed: u64) -> Rng {
        Rng { state: seed }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0xa076_1d64_78bd_642f);
        let product = u128::from(self.state) * u128::from(self.state ^ 0xe703_7ed1_a0b4_28db);
        (product >> 64) as u64 ^ product as u64
    }

    /// A whole number from 0 to `bound` inclusive, near enough uniform (bias below 2⁻³² for the bounds used here, which are milliseconds).
    pub fn up_to(&mut self, bound: u64) -> u64 {
        let range = u128::from(bound) + 1;
        ((u128::from(self.next_u64()) * range) >> 64) as u64
    }

    /// 128 bits as 32 lower-case hexadecimal digits: the body of an idempotency key.
    pub fn hex_key(&mut self) -> String {
        let mut key = String::with_capacity(32);
        for _ in 0..2 {
            let mut word = self.next_u64();
            for _ in 0..16 {
                key.push(hex_digit(word));
                word >>= 4;
            }
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        let (mut one, mut same, mut other) = (Rng::new(1), Rng::new(1), Rng::new(2));
        assert_eq!(one.hex_key(), same.hex_key());
        assert_ne!(one.hex_key(), other.hex_key());
        assert_ne!(one.hex_key(), one.hex_key());
    }

    #[test]
    fn bounds_are_kept_and_reached() {
        let mut rng = Rng::new(7);
        let drawn: Vec<u64> = (0..2_000).map(|_| rng.up_to(3)).collect();
        assert!(drawn.iter().all(|value| *value <= 3));
        for value in 0..=3 {
            let share = drawn.iter().filter(|one| **one == value).count();
            assert!((400..600).contains(&share), "{value}: {share}");
        }
        assert_eq!(rng.up_to(0), 0);
    }
}
