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
const DOUBT_EVERY: Millis = 180_000;

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
    /// All that was asked when it was found.
    pub all: u32,
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
            all: limit,
            taken: Taken::All,
            known: Known::Configured,
            doubt_at: Instant::NEVER,
            doubt_every: 0,
            step: 1,
        }
    }

    /// A window that explains what was refused when so many were accepted, and so many asked.
    pub fn inferred((limit, all): (u32, u32), taken: Taken, known: Known, now: Instant) -> Rolling {
        let doubt_every = if known == Known::Confirmed { DOUBT_EVERY } else { FIRST_DOUBT };
        Rolling { limit: limit.max(1), all, taken, known, doubt_at: now.after(doubt_every), doubt_every, step: 1 }
    }

    /// Nobody told of it.
    pub fn is_inferred(&self) -> bool {
        self.known != Known::Configured
    }

    /// It refused when so much of it was used: it is there, and no larger than that.
    pub fn confirm(&mut self, now: Instant, used: u32) {
        if self.known != Known::Configured {
            (self.known, self.step) = (Known::Confirmed, 1);
            self.limit = self.limit.min(used).max(1);
            self.doubt_every = self.doubt_every.saturating_mul(2).clamp(DOUBT_EVERY, DOUBT_EVERY * 8);
            self.doubt_at = now.after(self.doubt_every);
        }
    }

    /// One went through although it was full: there is more, and by ever larger steps it is found out how much.
    pub fn grow(&mut self, now: Instant) {
        self.limit = self.limit.saturating_add(self.step);
        self.step = self.step.saturating_mul(2);
        self.doubt_at = now;
    }
}
