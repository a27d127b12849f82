//! Submits one by one with a distance between them: a limit of 60 a minute that is kept as one a second.

use super::halves::Halves;
use crate::time::{Instant, Millis};

/// A distance longer than this is no pace but a slot that comes free.
const LONGEST: Millis = 5_000;
/// A distance shorter than this is none.
const SHORTEST: Millis = 50;
/// The distance is known well enough if the shortest that is let in and the longest that is refused differ by so many hundredths.
const CLOSE: Millis = 106;
/// So often what was found is doubted, and doubled each time that it was right.
const DOUBT_EVERY: Millis = 60_000;

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

/// The distances that were met.
#[derive(Clone, Copy, Debug, Default)]
struct Distances {
    /// The shortest at which one was accepted.
    shortest: Option<Millis>,
    /// The longest at which one was refused,
    longest: Millis,
    /// and how many were.
    refused: u32,
}

/// What distance there has to be.
#[derive(Debug, Default)]
pub struct Pace {
    sent: Option<Instant>,
    accepted: Option<Instant>,
    distances: Halves<Distances>,
    kept: Option<Kept>,
}

impl Pace {
    /// A submit is about to go out.
    pub fn goes(&mut self, now: Instant) {
        self.sent = Some(now);
    }

    /// The submit that went out then was accepted.
    pub fn accepted(&mut self, now: Instant, since: Instant) {
        self.distances.go_on(now);
        if let Some(last) = self.accepted {
            let distance = last.until(since);
            let shortest = &mut self.distances.latest.shortest;
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
        self.distances.go_on(now);
        let Some(last) = self.accepted else { return false };
        let distance = last.until(since);
        if let Some(kept) = self.kept.as_mut().filter(|kept| distance < kept.high) {
            kept.low = kept.low.max(distance);
            kept.doubt_every = kept.doubt_every.saturating_mul(2);
            kept.doubt_at = now.after(kept.doubt_every);
            return true;
        }
        let met = &mut self.distances.latest;
        (met.longest, met.refused) = (met.longest.max(distance), met.refused + 1);
        false
    }

    /// Tasks at once don't explain what was refused of late: perhaps distances do. Says whether one was found.
    pub fn infer(&mut self, now: Instant) -> bool {
        let met = self.distances.both();
        let low = met.iter().map(|met| met.longest).max().unwrap_or(0);
        let refused: u32 = met.iter().map(|met| met.refused).sum();
        let Some(high) = met.iter().filter_map(|met| met.shortest).min() else { return false };
        if self.kept.is_some() || refused < 2 || low >= high || high > LONGEST {
            return false;
        }
        for met in [&mut self.distances.latest, &mut self.distances.earlier] {
            (met.longest, met.refused) = (0, 0);
        }
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

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    /// As many submits as fit, with this distance between those that a server lets in; gives how many it refused, and when the last went out.
    fn play(pace: &mut Pace, distance: u64, submits: u32) -> (u32, u64) {
        let (mut now, mut last, mut refused) = (0, None, 0);
        for _ in 0..submits {
            let at = pace.obstacle(Instant::from_millis(now)).map_or(now + 20, Instant::millis);
            now = at;
            pace.goes(Instant::from_millis(now));
            let since = Instant::from_millis(now);
            if last.is_some_and(|last| now - last < distance) {
                refused += 1;
                pace.refused(since, since);
                pace.infer(since);
            } else {
                last = Some(now);
                pace.accepted(since, since);
            }
        }
        (refused, now)
    }

    #[test]
    fn a_distance_is_found_between_what_is_refused_and_what_is_let_in() {
        for distance in [200, 1_000, 3_000] {
            let mut pace = Pace::default();
            play(&mut pace, distance, 400);
            let kept = pace.kept.unwrap();
            assert!(kept.low <= distance && kept.high >= distance, "{distance}: {kept:?}");
            assert!(kept.high <= distance + distance / 8, "{distance}: {kept:?}");
        }
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_refused() {
        let mut pace = Pace::default();
        assert_eq!(play(&mut pace, 0, 1_000), (0, 20_000));
        assert!(pace.kept.is_none() && pace.obstacle(Instant::from_millis(20_000)).is_none());
    }

    #[test]
    fn what_has_gone_is_not_kept_for_long() {
        let mut pace = Pace::default();
        let (_, end) = play(&mut pace, 1_000, 400);
        let mut now = end;
        for _ in 0..4_000 {
            now = pace.obstacle(Instant::from_millis(now)).map_or(now + 20, Instant::millis);
            pace.goes(Instant::from_millis(now));
            pace.accepted(Instant::from_millis(now), Instant::from_millis(now));
        }
        assert!(pace.kept.is_none(), "{:?}", pace.kept);
    }
}
