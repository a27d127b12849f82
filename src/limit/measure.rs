//! A refusal as a measurement: the key allows as many as were held, less those that had ended by then and were not seen to.

use crate::time::{Instant, Millis};

/// For so long after a refusal, ends that come to light are weighed: they may lie before it. Two polls of the slowest usual gap.
pub const MEASURED_FOR: Millis = 1_200;

/// A refusal, and what is known by now of how many were really held.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    at: Instant,
    /// Thousandths of slots.
    held: u64,
    least: u32,
}

impl Measure {
    /// A submit was refused then, with so many held as far as was known, and so many at least.
    pub fn new(at: Instant, held: u32, least: u32) -> Measure {
        Measure { at, held: u64::from(held) * 1_000, least }
    }

    /// A task was seen to be over that was last seen to run at `seen`. Gives how many were held, or nothing if that is too late to tell.
    pub fn ended(&mut self, now: Instant, seen: Instant, weight: u32) -> Option<u32> {
        if self.at.until(now) > MEASURED_FOR {
            return None;
        }
        // It ended somewhere between the two sights; so much of that lies before the refusal.
        let (before, between) = (seen.until(self.at), seen.until(now).max(1));
        let share = (before.saturating_mul(1_000) / between).min(1_000) * u64::from(weight);
        self.held = self.held.saturating_sub(share);
        Some((((self.held + 500) / 1_000) as u32).max(self.least))
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn ends_count_by_how_much_of_the_time_between_two_sights_lies_before_the_refusal() {
        let mut measure = Measure::new(at(10_000), 8, 1);
        assert_eq!(measure.ended(at(10_100), at(9_100), 1), Some(7), "nine tenths of it");
        assert_eq!(measure.ended(at(10_400), at(10_000), 1), Some(7), "it ran when the refusal came");
        assert_eq!(measure.ended(at(10_500), at(9_500), 2), Some(6), "half of two");
        assert_eq!(measure.ended(at(11_201), at(9_000), 1), None, "too late");
    }

    #[test]
    fn what_is_sure_is_not_undone() {
        let mut measure = Measure::new(at(10_000), 2, 2);
        assert_eq!(measure.ended(at(10_000), at(9_000), 9), Some(2));
        let mut measure = Measure::new(at(0), u32::MAX, 1);
        assert_eq!(measure.ended(at(0), at(0), u32::MAX), Some(u32::MAX));
    }
}
