//! Dice and smooth noise.

use crate::random::mix;

/// A sequence of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// A number between two others.
    pub fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    /// An index below a count, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        (self.bits() % count.max(1) as u64) as usize
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Noise of its own seed.
    pub fn noise(&mut self) -> Noise {
        Noise(self.bits() as u32)
    }
}

/// Smooth value noise over the plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise(u32);

impl Noise {
    /// A value in `[0, 1)` for a cell of the integer grid.
    pub fn cell(self, x: i32, y: i32) -> f32 {
        let mut z = self.0 ^ (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
        z = (z ^ (z >> 15)).wrapping_mul(0x2c1b_3c6d);
        z = (z ^ (z >> 12)).wrapping_mul(0x297a_2d39);
        ((z ^ (z >> 15)) >> 8) as f32 / (1_u32 << 24) as f32
    }

    /// Noise in -1 to 1, smooth over a distance of 1.
    pub fn at(self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let ease = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
        let (u, v) = (ease(x - left), ease(y - top));
        let (i, j) = (left as i32, top as i32);
        let row = |j: i32| {
            let (from, to) = (self.cell(i, j), self.cell(i.wrapping_add(1), j));
            from + (to - from) * u
        };
        let (upper, lower) = (row(j), row(j.wrapping_add(1)));
        (upper + (lower - upper) * v) * 2.0 - 1.0
    }

    /// Several octaves of noise, each twice as fine and half as strong; about -1 to 1.
    pub fn fractal(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut scale) = (0.0, 0.5, 1.0);
        for octave in 0..octaves {
            let layer = Noise(self.0.wrapping_add(octave.wrapping_mul(0x9e37_79b9)));
            sum += weight * layer.at(x * scale, y * scale);
            weight *= 0.5;
            scale *= 2.03;
        }
        sum
    }
}
