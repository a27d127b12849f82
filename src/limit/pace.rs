//! Submits one by one with a distance between them: a limit of 60 a minute that is kept as one a second.

use crate::time::{Instant, Millis};

/// A distance longer than this is no pace but a slot that comes free.
const LONGEST: Millis = 5_000;
/// A distance shorter than this is none.
const SHORTEST: Millis = 50;
/// The distance is known well enough if the shortest that is let in and the longest that is refused differ by so many hundredths.
const CLOSE: Millis = 106;
/// So often what was found is doubted, and doubled each time that it was right.
const DOUBT_EVERY: Millis = 60_000;
/// What is seen in this time is compared.
const HALF: Millis = 45_000;

/// A distance that is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// The longest at which one was refused.
    low: Millis,
    /// The shortest at which one was accepted.
    high: Millis,
    doubt_at: Instant,
    doubt_every: Millis,
}

/// What distance there has to be.
#[derive(Debug, Default)]
pub struct Pace {
    sent: Option<Instant>,
    accepted: Option<Instant>,
    half_began: Instant,
    /// The shortest distances at which one was accepted, in this half of the time and in the one before.
    shortest: [Option<Millis>; 2],
    /// The longest at which one was refused, and how many were.
    longest: [(Millis, u32); 2],
    kept: Option<Kept>,
}

impl Pace {
    fn go_on(&mut self, now: Instant) {
        let halves = self.half_began.until(now) / HALF;
        if halves > 0 {
            let ([shortest, _], [longest, _]) = (self.shortest, self.longest);
            self.shortest = [None, shortest.filter(|_| halves == 1)];
            self.longest = [(0, 0), if halves == 1 { longest } else { (0, 0) }];
            self.half_began = self.half_began.after(halves * HALF);
        }
    }

    /// A submit is about to go out.
    pub fn goes(&mut self, now: Instant) {
        self.sent = Some(now);
    }

    /// The submit that went out then was accepted.
    pub fn accepted(&mut self, now: Instant, since: Instant) {
        self.go_on(now);
        if let Some(last) = self.accepted {
            let distance = last.until(since);
            let [shortest, _] = &mut self.shortest;
            *shortest = Some(shortest.map_or(distance, |known| known.min(distance)));
            if let Some(kept) = self.kept.as_mut().filter(|kept| distance < kept.high) {
                kept.high = distance;
                kept.low = kept.low.min(distance / 2);
            }
        }
        self.accepted = self.accepted.max(Some(since));
        self.kept = self.kept.filter(|kept| kept.high >= SHORTEST);
    }

    /// The submit that went out then was refused. Says whether that was for its being too early.
    pub fn refused(&mut self, now: Instant, since: Instant) -> bool {
        self.go_on(now);
        let Some(last) = self.accepted else { return false };
        let distance = last.until(since);
        if let Some(kept) = self.kept.as_mut().filter(|kept| distance < kept.high) {
            kept.low = kept.low.max(distance);
            kept.doubt_every = kept.doubt_every.saturating_mul(2);
            kept.doubt_at = now.after(kept.doubt_every);
            return true;
        }
        let [(longest, count), _] = &mut self.longest;
        (*longest, *count) = ((*longest).max(distance), *count + 1);
        false
    }

    /// Tasks at once don't explain what was refused of late: perhaps distances do. Says whether one was found.
    pub fn infer(&mut self, now: Instant) -> bool {
        let [(later, some), (earlier, more)] = self.longest;
        let low = later.max(earlier);
        let Some(high) = self.shortest.iter().flatten().min().copied() else { return false };
        if self.kept.is_some() || some + more < 2 || low >= high || high > LONGEST {
            return false;
        }
        self.longest = [(0, 0); 2];
        self.kept = Some(Kept { low, high, doubt_at: now.after(DOUBT_EVERY), doubt_every: DOUBT_EVERY });
        true
    }

    /// When the next may go out, if not now.
    pub fn obstacle(&self, now: Instant) -> Option<Instant> {
        let (kept, sent) = (self.kept?, self.sent?);
        let distance = if kept.doubt_at <= now {
            kept.high / 2
        } else if kept.high * 100 > kept.low * CLOSE {
            kept.low + (kept.high - kept.low) / 2
        } else {
            kept.high
        };
        Some(sent.after(distance)).filter(|at| *at > now)
    }
}
