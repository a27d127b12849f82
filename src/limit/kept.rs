//! A distance between submits that is kept: what is known of it, and which one is tried next.

use super::distance::Spacing;
use crate::time::{Instant, Millis};

/// The distance is known well enough if the shortest that is let in and the longest that is refused differ by so many hundredths.
const CLOSE: Millis = 106;
/// So often what was found is doubted, and doubled each time that it was right.
const DOUBT_EVERY: Millis = 60_000;
/// The same at most.
const DOUBT_RAREST: Millis = 24 * DOUBT_EVERY;
/// More submits than this in a row prove a distance, however many may come at once.
const LONGEST_RUN: u32 = 64;

/// A distance that is kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// The longest at which one was refused; half of what is let in once that shows this to be of yesterday.
    low: Millis,
    /// The shortest that was let in, run after run,
    pub high: Millis,
    /// and the one before that.
    before: Millis,
    /// The one that is tried now.
    pub tried: Millis,
    /// So many may come at once.
    pub at_once: u32,
    /// So many were accepted at that distance in a row,
    run: u32,
    /// and so many have to be, for a few may come at once whatever the distance.
    needed: u32,
    /// Whole runs at the distance that is let in.
    pub whole: u32,
    /// A whole run, or an earlier process, has shown that it is let in.
    pub proved: bool,
    /// Refusals at a distance that was let in before, with no whole run since.
    pub strikes: u32,
    doubt_at: Instant,
    doubt_every: Millis,
}

impl Kept {
    /// Such a distance explains what was refused.
    pub fn new(now: Instant, Spacing { low, high, at_once }: Spacing) -> Kept {
        Kept {
            low,
            high,
            before: high,
            // What is sure comes first: the burst that was refused is still in the way of what isn't.
            tried: high,
            at_once,
            run: 0,
            needed: at_once + 1,
            whole: 0,
            proved: false,
            strikes: 0,
            doubt_at: now.after(DOUBT_EVERY),
            doubt_every: DOUBT_EVERY,
        }
    }

    fn choose(&mut self) {
        self.run = 0;
        let is_close = self.high * 100 <= self.low * CLOSE;
        // A refusal costs less time than a run at a long distance: far below the middle first.
        let (middle, below) = (self.low + (self.high - self.low) / 2, (self.low * 2).max(self.high / 4));
        self.tried = if is_close { self.high } else { middle.min(below) };
    }

    /// Nothing came at the distance that is tried for a while, or what came before it came too fast: its run begins anew.
    pub fn interrupt(&mut self) {
        self.run = 0;
    }

    /// What has long been let in may have changed: a shorter one is tried.
    pub fn doubt(&mut self, now: Instant) {
        if self.doubt_at <= now && self.tried >= self.high {
            (self.tried, self.run) = (self.high * 3 / 4, 0);
        }
    }

    /// One was accepted at the distance that is tried.
    pub fn accepted(&mut self) {
        self.run += 1;
        if self.run < self.needed {
            return;
        }
        self.proved = true;
        if self.tried < self.high {
            (self.before, self.high, self.whole) = (self.high, self.tried, 0);
            if self.tried <= self.low {
                // It has changed: more than that may be let in.
                self.low = self.tried / 2;
            }
        } else {
            (self.whole, self.strikes) = (self.whole.saturating_add(1), 0);
        }
        self.choose();
    }

    /// One was refused at the distance that is tried.
    pub fn too_early(&mut self, now: Instant) {
        if self.tried < self.high {
            if self.tried <= self.low {
                self.doubt_every = (self.doubt_every * 2).min(DOUBT_RAREST);
            }
            self.low = self.low.max(self.tried);
        } else {
            // More may come at once than was thought, and it was that number that was let in.
            self.low = self.high;
            self.high = self.before.max(self.high + self.high / 4);
            self.before = self.high;
            self.needed = (self.needed * 2).min(LONGEST_RUN);
            (self.whole, self.proved, self.strikes) = (0, false, self.strikes + 1);
        }
        self.doubt_at = now.after(self.doubt_every);
        self.choose();
    }
}
