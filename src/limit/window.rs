//! Limits over time: so much in so long, rolling.

use alloc::collections::VecDeque;

use super::message::Known;
use crate::time::{Instant, Millis};

/// A window is cut into so many pieces: what came within one piece leaves together, at the time of the last. 0.4 % of a minute is 234 ms.
const PIECES: Millis = 256;

/// How much there was in the last so many ms.
#[derive(Debug)]
pub struct Counter {
    length: Millis,
    entries: VecDeque<(Instant, u32)>,
    total: u32,
}

impl Counter {
    /// Counts over `length` ms.
    pub fn new(length: Millis) -> Counter {
        Counter { length, entries: VecDeque::new(), total: 0 }
    }

    /// Counts one more, or several.
    pub fn add(&mut self, now: Instant, weight: u32) {
        self.total = self.total.saturating_add(weight);
        // By a grid that stands still: measured from the one before, a steady stream would be one piece that never leaves.
        let piece = |at: Instant| at.millis() / (self.length / PIECES).max(1);
        match self.entries.back_mut() {
            Some((at, count)) if now <= *at || piece(*at) == piece(now) => {
                (*at, *count) = (now.max(*at), count.saturating_add(weight));
            }
            _ => self.entries.push_back((now, weight)),
        }
    }

    /// Counts what another one has counted. Of what came before the latest here it is as if it had come with that.
    pub fn add_all(&mut self, other: &Counter) {
        other.entries.iter().for_each(|(at, weight)| self.add(*at, *weight));
    }

    /// So much that was counted at that time was none. If it has left by now, nothing is taken from the others.
    pub fn take_back(&mut self, now: Instant, when: Instant, weight: u32) {
        let counted = when.after(self.length) > now;
        if let Some((_, count)) = self.entries.iter_mut().find(|(at, _)| counted && *at >= when) {
            let taken = weight.min(*count);
            *count -= taken;
            self.total = self.total.saturating_sub(taken);
        }
    }

    /// How much is in the window now.
    pub fn count(&mut self, now: Instant) -> u32 {
        while let Some((_, weight)) = self.entries.front().copied().filter(|(at, _)| at.after(self.length) <= now) {
            self.entries.pop_front();
            self.total = self.total.saturating_sub(weight);
        }
        self.total
    }

    /// When so few are left that one more makes `limit`.
    pub fn room_at(&self, limit: u32) -> Option<Instant> {
        let mut left = self.total;
        let mut at = None;
        for (when, weight) in &self.entries {
            if left < limit {
                break;
            }
            left = left.saturating_sub(*weight);
            at = Some(when.after(self.length));
        }
        at
    }

    /// When the oldest leaves.
    pub fn first_leaves_at(&self) -> Option<Instant> {
        self.entries.front().map(|(at, _)| at.after(self.length))
    }

    /// How much there was when it was last looked at.
    pub fn total(&self) -> u32 {
        self.total
    }
}

/// A window that is only suspected is tried after this: one refusal more, against a minute without work if it is not there.
const FIRST_DOUBT: Millis = 20_000;
/// Between two tries whether a window that was only inferred is still there.
const DOUBT_EVERY: Millis = 60_000;

/// What counts in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Submits that were accepted.
    Accepted,
    /// Every submit that was answered.
    All,
    /// Submits that were accepted, of other models of the same key, too.
    Key,
}

/// A window that is kept.
#[derive(Clone, Copy, Debug)]
pub struct Rolling {
    /// So much.
    pub limit: u32,
    /// It was so much when it was found, or grew.
    found: u32,
    /// What is counted.
    pub taken: Taken,
    /// Who says so.
    pub known: Known,
    /// When one submit may go out although it is full, to see whether it is still there.
    pub doubt_at: Instant,
    doubt_every: Millis,
    step: u32,
}

impl Rolling {
    /// A window that the caller told of; it is never doubted.
    pub fn told(limit: u32) -> Rolling {
        Rolling {
            limit,
            found: limit,
            taken: Taken::All,
            known: Known::Configured,
            doubt_at: Instant::NEVER,
            doubt_every: 0,
            step: 1,
        }
    }

    /// A window that explains what was refused when there was so much in it.
    pub fn inferred(limit: u32, taken: Taken, known: Known, now: Instant) -> Rolling {
        let doubt_every = if known == Known::Confirmed { DOUBT_EVERY } else { FIRST_DOUBT };
        Rolling {
            limit: limit.max(1),
            found: limit,
            taken,
            known,
            doubt_at: now.after(doubt_every),
            doubt_every,
            step: 1,
        }
    }

    /// Nobody told of it.
    pub fn is_inferred(&self) -> bool {
        self.known != Known::Configured
    }

    /// Whether it may be no larger than that: what gives less and less is no window.
    pub fn may_be(&self, used: u32) -> bool {
        self.known == Known::Confirmed && used > self.found / 4 * 3
    }

    /// It refused when so much of it was used: it is there, and no larger than that.
    pub fn confirm(&mut self, now: Instant, used: u32) {
        if self.is_inferred() {
            (self.known, self.step) = (Known::Confirmed, 1);
            self.limit = self.limit.min(used).max(1);
            self.doubt_every = self.doubt_every.saturating_mul(2).clamp(DOUBT_EVERY, DOUBT_EVERY * 24);
            self.doubt_at = now.after(self.doubt_every);
        }
    }

    /// One went through although it was full: there is more, and by ever larger steps it is found out how much.
    pub fn grow(&mut self, now: Instant) {
        self.limit = self.limit.saturating_add(self.step);
        self.found = self.limit;
        self.step = self.step.saturating_mul(2);
        self.doubt_at = now;
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_steady_stream_leaves_as_it_came() {
        // Thirteen a second: each comes sooner after the one before than a piece is long.
        let mut counter = Counter::new(60_000);
        for submit in 0..7_800 {
            counter.add(at(submit * 77), 1);
            let exact = (60_000 / 77).min(submit) as u32;
            let counted = counter.count(at(submit * 77));
            assert!((exact..=exact + 5).contains(&counted), "{counted} of {exact}");
        }
    }

    #[test]
    fn nothing_leaves_before_its_time_and_no_later_than_a_piece_after_it() {
        let mut counter = Counter::new(60_000);
        let came: Vec<u64> = (0..400).map(|submit| submit * submit % 7_919 + submit * 211).collect();
        let mut came_by = came.clone();
        came_by.sort_unstable();
        for now in 0..150_000 {
            came_by.iter().filter(|time| **time == now).for_each(|_| counter.add(at(now), 1));
            let exact = |lag: u64| came_by.iter().filter(|time| **time <= now && **time + 60_000 + lag > now).count();
            if now % 97 == 0 {
                let counted = counter.count(at(now)) as usize;
                assert!((exact(0)..=exact(235)).contains(&counted), "{counted} at {now}");
            }
        }
    }

    #[test]
    fn there_is_room_when_enough_have_left() {
        let mut counter = Counter::new(60_000);
        [0, 1_000, 2_000].into_iter().for_each(|time| counter.add(at(time), 2));
        assert_eq!(counter.room_at(7), None);
        assert_eq!(counter.room_at(6), Some(at(60_000)));
        assert_eq!(counter.room_at(3), Some(at(61_000)));
        assert_eq!(counter.room_at(1), Some(at(62_000)));
        assert_eq!(counter.count(at(59_999)), 6);
        assert_eq!(counter.count(at(60_000)), 4);
    }

    #[test]
    fn what_is_taken_back_was_counted_and_is_there() {
        let mut counter = Counter::new(60_000);
        counter.add(at(0), 2);
        counter.add(at(30_000), 1);
        counter.take_back(at(40_000), at(0), 1);
        assert_eq!((counter.count(at(59_999)), counter.count(at(60_000))), (2, 1));
        // It has left: those that came later are none of its.
        counter.take_back(at(61_000), at(0), 1);
        assert_eq!(counter.count(at(61_000)), 1);
        counter.take_back(at(61_000), at(30_000), 5);
        assert_eq!(counter.count(at(61_000)), 0);
    }

    #[test]
    fn the_largest_figures_are_no_overflow() {
        let mut counter = Counter::new(u64::MAX);
        counter.add(Instant::NEVER, u32::MAX);
        counter.add(Instant::NEVER, u32::MAX);
        assert_eq!(counter.count(at(0)), u32::MAX);
        let mut window = Rolling::inferred(u32::MAX, Taken::All, Known::Confirmed, Instant::NEVER);
        (0..40).for_each(|_| window.grow(Instant::NEVER));
        window.confirm(Instant::NEVER, u32::MAX);
        assert_eq!(window.limit, u32::MAX);
    }

    #[test]
    fn what_gives_less_and_less_is_no_window() {
        let mut window = Rolling::inferred(40, Taken::Accepted, Known::Suspected, at(0));
        assert!(!window.may_be(39), "it is only suspected");
        window.confirm(at(0), 40);
        (31..40).rev().for_each(|used| {
            assert!(window.may_be(used));
            window.confirm(at(0), used);
        });
        assert!(!window.may_be(30), "a quarter less than it was found to be");
        window.grow(at(0));
        assert!(window.may_be(30), "and it grew from there");
    }

    #[test]
    fn a_window_that_was_told_is_neither_doubted_nor_changed() {
        let mut window = Rolling::told(60);
        window.confirm(at(0), 3);
        assert_eq!((window.limit, window.doubt_at, window.known), (60, Instant::NEVER, Known::Configured));
        let mut window = Rolling::inferred(60, Taken::Accepted, Known::Suspected, at(0));
        assert_eq!(window.doubt_at, at(20_000));
        window.confirm(at(20_000), 58);
        assert_eq!((window.limit, window.known, window.doubt_at), (58, Known::Confirmed, at(80_000)));
        (0..3).for_each(|_| window.grow(at(80_000)));
        assert_eq!(window.limit, 58 + 1 + 2 + 4);
    }
}
