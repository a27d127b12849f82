//! How long the tasks of a model take, as far as it was seen.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::time::Millis;

/// Enough for an exact 95th percentile, few enough to follow a change.
const KEPT: usize = 200;
/// Fewer than these say nothing of a distribution.
const ENOUGH: usize = 5;
/// With fewer than these, the slowest hundredth is not known.
const ENOUGH_FOR_LATE: usize = 20;
/// So many that were over when they were first asked after are no chance.
const UNSEEN: u32 = 3;
/// What a task without a known end is taken to last until something has been learned: the documented range is 8 to 30 s, doubled.
pub const PRESUMED_DURATION: Millis = 60_000;
/// So many values stand for a summary: a tenth of what is kept, so that what is seen soon weighs more than what is remembered.
const REMEMBERED: u64 = 20;

/// The latest durations of a model, from acceptance to end: exact percentiles, for they are kept in order.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    /// As they came, oldest first.
    ring: VecDeque<u32>,
    /// The same by length.
    sorted: Vec<u32>,
    /// So many in a row were over when they were first asked after.
    unseen: u32,
}

/// What is worth keeping of a model's durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What 5 of 100 tasks don't exceed, ms.
    pub p5: Millis,
    /// What half of the tasks don't exceed, ms.
    pub p50: Millis,
    /// What 95 of 100 tasks don't exceed, ms.
    pub p95: Millis,
}

impl Durations {
    /// What an earlier process learned, to begin with.
    pub fn seeded(summary: Summary) -> Durations {
        let mut durations = Durations::default();
        let Summary { p5, p50, p95 } = summary;
        if p5 > p50 || p50 > p95 {
            return durations;
        }
        let half = REMEMBERED / 2;
        // Their summary is the one that was given, else each restart would lengthen it.
        for nth in 0..half {
            durations.note(p5 + (p50 - p5) * nth.saturating_sub(1) / half);
            durations.note(p50 + (p95 - p50) * nth / (half - 1));
        }
        durations
    }

    /// Learns from the sight of an end: the task was seen to run at the age `seen` (0: never), and over at `age`. It is taken for the middle of the
    /// two. One that nobody saw run may be much shorter, but is hardly so while others are seen: it moves the next first poll forward by a sixteenth,
    /// and from the third in a row on by a quarter, for then the model has become quicker.
    pub fn saw(&mut self, seen: Millis, age: Millis) {
        self.unseen = if seen == 0 { self.unseen + 1 } else { 0 };
        let least = if self.unseen < UNSEEN { age - age / 8 } else { age / 2 };
        self.note((seen.max(least) + age) / 2);
    }

    /// Learns one.
    pub fn note(&mut self, took: Millis) {
        let took = took.min(u64::from(u32::MAX)) as u32;
        if self.ring.len() >= KEPT {
            let oldest = self.ring.pop_front().unwrap_or_default();
            let place = self.rank(oldest).saturating_sub(1);
            if place < self.sorted.len() {
                self.sorted.remove(place);
            }
        }
        self.ring.push_back(took);
        self.sorted.insert(self.rank(took), took);
    }

    /// How many are not longer than this.
    fn rank(&self, age: u32) -> usize {
        self.sorted.partition_point(|took| *took <= age)
    }

    /// Those that are longer than this, shortest first.
    pub(super) fn beyond(&self, age: Millis) -> &[u32] {
        self.sorted.get(self.rank(age.min(u64::from(u32::MAX)) as u32)..).unwrap_or_default()
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether enough is known to plan by.
    pub fn is_known(&self) -> bool {
        self.sorted.len() >= ENOUGH
    }

    /// What so many of 100 tasks don't exceed, ms; `None` before enough are known.
    pub fn percentile(&self, percent: usize) -> Option<Millis> {
        let place = self.sorted.len() * percent / 100;
        self.sorted.get(place).filter(|_| self.is_known()).map(|took| u64::from(*took))
    }

    /// What 95 of 100 tasks don't exceed, ms; [`PRESUMED_DURATION`] before enough are known.
    pub fn p95(&self) -> Millis {
        self.percentile(95).unwrap_or(PRESUMED_DURATION)
    }

    /// The mean, ms; `None` before enough are known.
    pub fn mean(&self) -> Option<Millis> {
        let sum: u64 = self.sorted.iter().map(|took| u64::from(*took)).sum();
        self.is_known().then(|| sum / self.sorted.len() as u64)
    }

    /// How much longer a task of this age takes, ms: the median of those that lasted so long; of `many` alike, until the last is over. `None` where
    /// nothing is known of tasks that take so long.
    pub fn remaining(&self, age: Millis, many: usize) -> Option<Millis> {
        let rest = self.beyond(age);
        rest.get(rest.len() * many / (many + 1)).filter(|_| self.is_known()).map(|took| u64::from(*took) - age)
    }

    /// Whether a task of this age is past what 99 of 100 take.
    pub fn is_late(&self, age: Millis) -> bool {
        self.sorted.len() >= ENOUGH_FOR_LATE && self.percentile(99).is_some_and(|p99| age > p99)
    }

    /// What the next process should begin with; `None` before enough are known.
    pub fn summary(&self) -> Option<Summary> {
        Some(Summary { p5: self.percentile(5)?, p50: self.percentile(50)?, p95: self.percentile(95)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_and_follow_what_came_last() {
        let mut durations = Durations::default();
        assert_eq!((durations.p95(), durations.percentile(5), durations.mean()), (PRESUMED_DURATION, None, None));
        (0..100).rev().for_each(|n| durations.note(n));
        assert_eq!([5, 50, 95].map(|percent| durations.percentile(percent)), [Some(5), Some(50), Some(95)]);
        assert_eq!(durations.mean(), Some(49));
        (0..KEPT).for_each(|_| durations.note(7));
        assert_eq!((durations.p95(), durations.sorted.len()), (7, KEPT));
        durations.note(Millis::MAX);
        assert_eq!(durations.sorted.last(), Some(&u32::MAX), "what takes 50 days is kept as that");
    }

    #[test]
    fn what_remains_is_the_median_of_those_that_lasted_so_long() {
        let mut durations = Durations::default();
        (1..=100).for_each(|n| durations.note(n * 100));
        assert_eq!(durations.remaining(0, 1), Some(5_100));
        assert_eq!(durations.remaining(5_000, 1), Some(2_600));
        assert_eq!(durations.remaining(10_000, 1), None, "nothing is known of tasks that take so long");
        assert_eq!(durations.remaining(0, 9), Some(9_100), "the last of nine");
        assert!(!durations.is_late(9_900) && durations.is_late(10_100));
    }

    #[test]
    fn a_summary_is_enough_to_begin_with() {
        let mut durations = Durations::default();
        assert_eq!(durations.summary(), None);
        (1..=200).for_each(|n| durations.note(8_000 + n * 80));
        let summary = durations.summary().unwrap();
        let again = Durations::seeded(summary).summary().unwrap();
        assert_eq!(again, summary, "however often it is read and written");
        let odd = Summary { p5: 9, p50: 8, p95: 7 };
        assert_eq!(Durations::seeded(odd).summary(), None, "what contradicts itself was not learned here");
    }
}
