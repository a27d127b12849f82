//! Which limit a refusal came from, where the provider doesn't say: by the counts at which it accepts and at which it refuses.
//!
//! A limit on a count explains the answers if every acceptance lay below every refusal on that count.

use alloc::collections::VecDeque;

use crate::time::{Instant, Millis};

/// Answers older than this say little of today's limits; a rolling minute and a half of another.
const HORIZON: Millis = 90_000;
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

/// Where a submit stood on each axis when it was answered, itself not counted.
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
    /// The highest counts of an acceptance, of this half of the horizon and of the one before.
    highest: [Option<Counts>; 2],
    half_began: Instant,
    refusals: VecDeque<(Instant, Counts)>,
}

impl Evidence {
    fn go_on(&mut self, now: Instant) {
        let halves = self.half_began.until(now) / (HORIZON / 2);
        if halves > 0 {
            let [latest, _] = self.highest;
            self.highest = [None, latest.filter(|_| halves == 1)];
            self.half_began = self.half_began.after(halves * (HORIZON / 2));
        }
        while self.refusals.front().is_some_and(|(at, _)| at.after(HORIZON) <= now) || self.refusals.len() > KEPT {
            self.refusals.pop_front();
        }
    }

    /// A submit was accepted.
    pub fn accepted(&mut self, now: Instant, counts: Counts) {
        self.go_on(now);
        let [latest, _] = &mut self.highest;
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
        self.highest.iter().flatten().all(|accepted| accepted.on(axis) < counts.on(axis))
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
