//! Which limit a refusal came from, where the provider doesn't say: by the counts at which it accepts and at which it refuses.
//!
//! A limit on a count explains the answers if every acceptance lay below every refusal on that count.

use alloc::collections::VecDeque;

use super::halves::{HALF, Halves};
use crate::time::{Instant, Millis};

/// Refusals are looked at for as long as acceptances are.
const HORIZON: Millis = 2 * HALF;
/// More refusals than this in the horizon add nothing.
const KEPT: usize = 32;

/// What may be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Tasks at once.
    Held,
    /// Submits accepted in a second.
    Second,
    /// Submits accepted in a minute.
    Minute,
    /// Submits in a minute, refused ones included.
    AllMinute,
    /// Submits of a key accepted in a minute, whatever their model.
    KeyMinute,
}

/// Where a submit stood on each axis when it went out, itself not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks held.
    pub held: u32,
    /// Accepted in the last second.
    pub second: u32,
    /// Accepted in the last minute.
    pub minute: u32,
    /// Answered in the last minute.
    pub all_minute: u32,
    /// Accepted in the last minute, of the whole key.
    pub key_minute: u32,
}

impl Counts {
    fn on(&self, axis: Axis) -> u32 {
        match axis {
            Axis::Held => self.held,
            Axis::Second => self.second,
            Axis::Minute => self.minute,
            Axis::AllMinute => self.all_minute,
            Axis::KeyMinute => self.key_minute,
        }
    }

    /// The same if those ahead came later after all: on the wire one overtakes the other.
    pub fn overtaking(self, ahead: u32) -> Counts {
        Counts {
            held: self.held,
            second: self.second.saturating_sub(ahead),
            minute: self.minute.saturating_sub(ahead),
            all_minute: self.all_minute.saturating_sub(ahead),
            key_minute: self.key_minute.saturating_sub(ahead),
        }
    }

    fn highest(self, other: Counts) -> Counts {
        Counts {
            held: self.held.max(other.held),
            second: self.second.max(other.second),
            minute: self.minute.max(other.minute),
            all_minute: self.all_minute.max(other.all_minute),
            key_minute: self.key_minute.max(other.key_minute),
        }
    }
}

/// The answers of the last minute and a half.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The highest counts of an acceptance.
    highest: Halves<Option<Counts>>,
    refusals: VecDeque<(Instant, Counts)>,
}

impl Evidence {
    fn go_on(&mut self, now: Instant) {
        self.highest.go_on(now);
        while self.refusals.front().is_some_and(|(at, _)| at.after(HORIZON) <= now) || self.refusals.len() > KEPT {
            self.refusals.pop_front();
        }
    }

    /// A submit was accepted.
    pub fn accepted(&mut self, now: Instant, counts: Counts) {
        self.go_on(now);
        let latest = &mut self.highest.latest;
        *latest = Some(latest.unwrap_or_default().highest(counts));
    }

    /// A submit was refused.
    pub fn refused(&mut self, now: Instant, counts: Counts) {
        self.go_on(now);
        self.refusals.push_back((now, counts));
    }

    /// Whether a limit on tasks at once explains the latest refusal: nothing was accepted with as many.
    pub fn is_held_explained(&self) -> bool {
        self.refusals.back().is_some_and(|(_, counts)| self.lies_above(counts, Axis::Held))
    }

    /// Whether as many were accepted, since or before, as some that were refused.
    pub fn is_held_contradicted(&self) -> bool {
        self.refusals.iter().any(|(_, counts)| !self.lies_above(counts, Axis::Held))
    }

    fn lies_above(&self, counts: &Counts, axis: Axis) -> bool {
        self.highest.both().iter().flatten().all(|accepted| accepted.on(axis) < counts.on(axis))
    }

    /// The limit of a window on this axis, if it explains `least` refusals that tasks at once don't, and all of those.
    pub fn window(&self, axis: Axis, least: usize) -> Option<u32> {
        let open = || self.refusals.iter().map(|(_, counts)| counts).filter(|at| !self.lies_above(at, Axis::Held));
        let limit = open().map(|counts| counts.on(axis)).min()?;
        let explains = open().all(|counts| self.lies_above(counts, axis)) && open().count() >= least;
        (explains && limit > 0).then_some(limit)
    }

    /// What was refused is explained now.
    pub fn forget_refusals(&mut self) {
        self.refusals.clear();
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn counts(held: u32, minute: u32) -> Counts {
        Counts { held, second: 0, minute, all_minute: minute, key_minute: minute }
    }

    #[test]
    fn slots_explain_what_is_refused_above_all_that_was_accepted() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(3, 20));
        evidence.refused(at(1), counts(4, 4));
        assert!(evidence.is_held_explained());
        assert_eq!(evidence.window(Axis::Minute, 1), None, "it needs no window");
        evidence.accepted(at(2), counts(4, 4));
        assert!(!evidence.is_held_explained() && evidence.is_held_contradicted());
        assert_eq!(evidence.window(Axis::Minute, 1), None, "more were accepted in a minute");
    }

    #[test]
    fn a_window_explains_what_slots_do_not() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(8, 29));
        evidence.refused(at(1), counts(8, 30));
        assert_eq!((evidence.window(Axis::Minute, 1), evidence.window(Axis::Minute, 2)), (Some(30), None));
        evidence.refused(at(2), counts(5, 31));
        assert_eq!(evidence.window(Axis::Minute, 2), Some(30), "the fewest at which it refused");
        evidence.forget_refusals();
        assert_eq!(evidence.window(Axis::Minute, 1), None);
        assert!(!evidence.is_held_explained(), "there is nothing to explain");
    }

    #[test]
    fn nothing_at_all_is_no_window() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(0, 0));
        evidence.refused(at(1), counts(0, 0));
        assert_eq!(evidence.window(Axis::Minute, 1), None);
    }

    #[test]
    fn what_is_older_than_a_minute_and_a_half_says_nothing() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(9, 9));
        evidence.refused(at(89), counts(5, 5));
        assert!(evidence.is_held_contradicted());
        evidence.accepted(at(91), counts(1, 1));
        assert!(!evidence.is_held_contradicted(), "the acceptance is forgotten");
        evidence.accepted(at(180), counts(6, 6));
        assert!(!evidence.is_held_contradicted(), "and so is the refusal");
        (0..1_000).for_each(|_| evidence.refused(at(181), counts(9, 9)));
        assert!(evidence.refusals.len() <= KEPT + 1);
        evidence.accepted(Instant::NEVER, counts(u32::MAX, u32::MAX));
    }
}
