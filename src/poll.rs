//! When to ask after a task, and what has been learned of how long they take.

use alloc::vec::Vec;

use crate::retry::backoff;
use crate::rng::Rng;
use crate::time::Millis;

/// Between two polls of a task that somebody waits for: 0.5 s, as fal and replicate do. Half of it is what polling adds to a task.
pub const GAP: Millis = 500;
/// Between two polls of a task that nobody waits for any more: it is asked after only to know when its slot is free.
pub const GHOST_GAP: Millis = 2_000;
/// What a task without a known end is taken to last until something has been learned: the documented range is 8 to 30 s, doubled.
pub const PRESUMED_DURATION: Millis = 60_000;

/// The wait before the next poll. Faults stretch it with full jitter above the usual gap, up to 30 s: they delay a task and never fail it.
pub fn gap(rng: &mut Rng, watched: bool, faults: u32, hint: Option<Millis>) -> Millis {
    let usual = if watched { GAP } else { GHOST_GAP };
    let stretched = match faults {
        0 => usual,
        faults => usual + backoff::full_jitter(rng, faults, GAP, 30_000),
    };
    match hint {
        Some(hint) => stretched.max(backoff::after_hint(rng, hint)),
        None => stretched,
    }
}

/// How long the latest tasks of a lane took, from accepted to seen ended.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    ring: Vec<Millis>,
    next: usize,
}

/// Enough for an exact 95th percentile, few enough to follow a change.
const KEPT: usize = 200;

impl Durations {
    /// Learns one.
    pub fn note(&mut self, took: Millis) {
        if self.ring.len() < KEPT {
            self.ring.push(took);
        } else if let Some(place) = self.ring.get_mut(self.next) {
            *place = took;
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// What 95 of 100 tasks don't exceed; [`PRESUMED_DURATION`] before eight are known.
    pub fn p95(&self) -> Millis {
        if self.ring.len() < 8 {
            return PRESUMED_DURATION;
        }
        // Selection by counting: asked for rarely, and sorting code is 8 KB of wasm.
        let wanted = self.ring.len() * 95 / 100;
        let below = |bound: Millis| self.ring.iter().filter(|took| **took <= bound).count();
        self.ring.iter().copied().filter(|took| below(*took) > wanted).min().unwrap_or(PRESUMED_DURATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_hints_only_delay() {
        let mut rng = Rng::new(1);
        assert_eq!(gap(&mut rng, true, 0, None), GAP);
        for faults in 1..40 {
            let wait = gap(&mut rng, true, faults, None);
            assert!((GAP..=GAP + 30_000).contains(&wait));
        }
        assert!(gap(&mut rng, true, 3, Some(45_000)) >= 45_000);
    }

    #[test]
    fn the_ninety_fifth_percentile_follows_what_came_last() {
        let mut durations = Durations::default();
        assert_eq!(durations.p95(), PRESUMED_DURATION);
        (0..100).for_each(|n| durations.note(n));
        assert_eq!(durations.p95(), 95);
        (0..KEPT).for_each(|_| durations.note(7));
        assert_eq!(durations.p95(), 7);
    }
}
