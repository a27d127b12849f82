//! How many tasks at once: found by the answers to submits, which come in a fraction of the time that tasks take.
//!
//! A refusal that comes while so many are held is a measurement: the key allows that many, less those that had ended unseen. A refusal costs no slot,
//! so the limit is looked for from above; what a refusal does cost, the provider's patience, is bounded by finished work.

use super::apart::FEW_SLOTS;
use super::measure::Measure;
use super::message::Phase;
use super::probes::Probes;
use super::settings::{Concurrency, Counts, LaneConfig};
use crate::retry::backoff;
use crate::rng::Rng;
use crate::time::{Instant, Millis};

/// While nothing has refused, so many thousandths of what is held may be asked for at once: that is how far a ramp overshoots. 28 % reaches 64 slots in
/// fifteen round trips and meets 18 refusals there.
const RAMP_SHARE: u32 = 280;
/// The same where an acceptance has to be presumed: ten times as slow a clock asks for longer steps.
const PRESUMING_SHARE: u32 = 600;
/// A lane that knows nothing begins with two: a key that allows one refuses one.
const RAMP_LEAST: u32 = 2;
/// The default start; whoever says more knows more.
const USUAL_START: u32 = 4;
/// A refusal below the limit so long after that was found has another cause than its being one too many: others use the key.
const SETTLED: Millis = 5_000;
/// A refusal below the limit is tried again at the next end of a task; or after this, doubled each time, where ends are slow.
const RETRY_FIRST: Millis = 20_000;
/// The same at most.
const RETRY_RAREST: Millis = 160_000;

/// What can be undone if another limit explains a refusal after all.
#[derive(Clone, Copy, Debug)]
struct Before {
    limit: u32,
    phase: Phase,
    base: u32,
}

/// What is known of a refusal.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// How many in a row it makes that nobody expected.
    pub row: u32,
    /// More was tried than was known to be there.
    pub expected: bool,
    /// The server said when to come back.
    pub hinted: bool,
    /// So many tasks wait for a slot.
    pub waiting: u32,
}

/// Whether one more may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Within the limit.
    Within,
    /// Beyond it, to see whether there is more.
    Beyond,
    /// No.
    No,
}

/// The concurrency limiter of a lane.
#[derive(Debug)]
pub struct Limiter {
    most: u32,
    limit: u32,
    phase: Phase,
    /// What was there before the trial, or the ramp, began.
    base: u32,
    /// A provider's refusal, or its queue, has bounded it.
    bounded: bool,
    /// The whole start may go out at once.
    trusted: bool,
    presumes: bool,
    /// A slot is free when its submit was answered.
    on_wire: bool,
    answers: u32,
    best: u32,
    /// The limit before the first refusal of this row.
    best_before: u32,
    dropped: bool,
    /// What is free is taken by and by.
    slowly: bool,
    before: Option<Before>,
    measure: Option<Measure>,
    probes: Probes,
    retry_at: Option<Instant>,
    /// When the last probe or ramp came to its end.
    found_at: Instant,
    queues: bool,
}

impl Limiter {
    /// A limiter that knows what the caller says.
    pub fn new(config: &LaneConfig) -> Limiter {
        let (limit, most, phase) = match config.limits.concurrency {
            Concurrency::Told(limit) => (limit, limit, Phase::Steady),
            Concurrency::Learn { start, most } => (start.min(most), most, Phase::Ramp),
        };
        Limiter {
            most: most.max(1),
            limit: limit.max(1),
            phase,
            base: 0,
            bounded: false,
            trusted: limit > USUAL_START,
            presumes: config.presumes,
            on_wire: config.limits.counts == Counts::Request,
            answers: 0,
            best: 0,
            best_before: 0,
            dropped: false,
            slowly: false,
            before: None,
            measure: None,
            probes: Probes::default(),
            retry_at: None,
            found_at: Instant::default(),
            queues: false,
        }
    }

    /// Tasks at once.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Tasks at once before the refusals of late.
    pub fn usual(&self) -> u32 {
        self.before.map_or(self.limit, |before| before.limit)
    }

    /// How it is gone about.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// It looks for its limit, and nobody has said where that is.
    pub fn is_ramping(&self) -> bool {
        self.phase == Phase::Ramp && !self.trusted
    }

    /// Whether others seem to use the key.
    pub fn is_contended(&self, now: Instant) -> bool {
        self.probes.are_contended(now)
    }

    /// Whether the provider has shown that there is no more.
    pub fn is_bounded(&self) -> bool {
        self.bounded
    }

    /// Begins where an earlier process ended, unless something was learned already: so many are held, and that is less than what is known of.
    pub fn recall(&mut self, limit: u32, bounded: bool, held: u32) {
        let limit = limit.max(held).clamp(1, self.most);
        if self.phase == Phase::Ramp && !self.bounded && (bounded || limit > self.limit) {
            self.limit = limit;
            self.trusted = true;
            if bounded {
                (self.phase, self.bounded) = (Phase::Steady, true);
            }
        }
    }

    fn burst(&self, held: u32) -> u32 {
        if self.on_wire {
            return self.limit;
        }
        let grown = held.saturating_sub(self.base);
        let least = if self.trusted && self.base == 0 { self.limit.saturating_sub(held) } else { 0 };
        let (share, few) = if self.presumes { (PRESUMING_SHARE, USUAL_START) } else { (RAMP_SHARE, RAMP_LEAST) };
        // The first few are heard before there are more.
        let few = if grown < few { few - grown } else { few };
        (grown.saturating_mul(share) / 1_000).max(few).max(least)
    }

    /// Whether a submit of this weight may go out beside those that are held, and those whose answer is awaited: all,
    /// those of them that went beyond the limit; and those that wait at the provider.
    pub fn leave(&self, now: Instant, held: u32, (asking, beyond, queued): (u32, u32, u32), weight: u32) -> Leave {
        let wanted = held.saturating_add(asking).saturating_add(weight);
        let few = self.limit / 32;
        if held == 0 && asking == 0 {
            return Leave::Within;
        }
        match self.phase {
            Phase::Ramp
                if wanted <= self.limit
                    && asking.saturating_add(queued).saturating_add(weight) <= self.burst(held).max(weight) =>
            {
                Leave::Within
            }
            Phase::Ramp => Leave::No,
            Phase::Steady
                if wanted <= self.limit
                    && self.slowly
                    && asking.saturating_add(weight) > self.burst(held).max(weight) =>
            {
                Leave::No
            }
            Phase::Steady if wanted <= self.limit => Leave::Within,
            // Where an answer is the image, no end is unseen, and what was let in was no end's room.
            Phase::Trial if wanted <= if self.presumes { self.limit } else { self.base } => Leave::Within,
            // Whatever goes beyond goes one by one, where ends are many a few by a few.
            _ if wanted > self.most
                || beyond > few
                || wanted > self.limit.saturating_add(weight).saturating_add(few) =>
            {
                Leave::No
            }
            Phase::Trial => Leave::Beyond,
            Phase::Steady if self.wants_probe(now) => Leave::Beyond,
            Phase::Steady => Leave::No,
        }
    }

    fn wants_probe(&self, now: Instant) -> bool {
        if let Some(retry_at) = self.retry_at {
            return retry_at <= now;
        }
        !self.queues && self.probes.due(now).is_some_and(|due| due <= now)
    }

    /// When a full lane may ask all the same.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.phase != Phase::Steady || self.limit >= self.most {
            return self.retry_at;
        }
        self.retry_at.or_else(|| self.probes.due(now).filter(|_| !self.queues))
    }

    /// A submit beyond the limit goes out.
    pub fn goes_beyond(&mut self) {
        if self.phase == Phase::Steady && self.retry_at.is_none() {
            (self.phase, self.base) = (Phase::Trial, self.limit);
        }
    }

    /// Nobody knows what refuses: what is free is not taken all at once.
    pub fn goes_slowly(&mut self) {
        self.slowly = !self.presumes;
    }

    /// A submit was accepted; it is among those held.
    pub fn accepted(&mut self, held: u32, beyond: bool) {
        self.retry_at = None;
        self.before = None;
        self.slowly = self.slowly && held < self.limit;
        if core::mem::take(&mut self.dropped) || (beyond && self.phase == Phase::Steady && self.limit <= FEW_SLOTS) {
            // It fell by steps, and may have fallen too far; or more than it was let in.
            (self.phase, self.base) = (Phase::Trial, self.limit);
        }
        match self.phase {
            // Nothing is held where a slot is free when its submit is answered: every few answers are one more.
            Phase::Ramp if self.on_wire => {
                self.answers += RAMP_SHARE;
                self.limit = self.limit.saturating_add(self.answers / 1_000).min(self.most);
                self.answers %= 1_000;
            }
            Phase::Ramp => self.limit = self.limit.max(held.saturating_add(self.burst(held))).min(self.most),
            // A provider that queues takes in whatever comes: that says nothing.
            _ if self.queues => {}
            _ => self.limit = self.limit.max(held).min(self.most),
        }
        // More than can have ended unseen: there is room, and it is taken as at the start.
        if self.phase == Phase::Trial && self.limit >= self.base.saturating_add(3 + self.base / 8) {
            self.phase = Phase::Ramp;
            self.limit = self.limit.max(held.saturating_add(RAMP_LEAST)).min(self.most);
        }
    }

    /// A submit was refused, the `row`-th time in a row, and so many were held `at` that time.
    pub fn refused(&mut self, (at, now): (Instant, Instant), rng: &mut Rng, held: u32, cause: Cause) {
        let Cause { row, expected, hinted, waiting } = cause;
        if row == 1 && !expected {
            self.best_before = self.limit;
            self.before = Some(Before { limit: self.limit, phase: self.phase, base: self.base });
        }
        if held == 0 {
            // Others have it all, or there is nothing for a while: that measures nothing. Once there is something it is looked for from below.
            if row >= 2 {
                (self.phase, self.base, self.trusted) = (Phase::Ramp, 0, false);
                self.limit = self.limit.min(USUAL_START);
            }
            return self.put_off_probe(now, rng);
        }
        (self.bounded, self.trusted) = (true, false);
        let least = match self.phase {
            Phase::Trial => self.base.min(held),
            Phase::Steady if expected => self.limit.min(held),
            // So soon after more was tried, what was there before stands.
            Phase::Steady if self.found_at.until(now) <= SETTLED => self.base.min(held),
            _ => 1,
        };
        let was_ramp = self.phase == Phase::Ramp;
        self.limit = if self.phase == Phase::Steady { self.limit.min(held) } else { held.min(self.most) };
        self.phase = Phase::Steady;
        self.measure = Some(Measure::new(at, held, least));
        if expected {
            self.found_at = now;
            if was_ramp {
                self.probes.give(self.limit, waiting);
            } else {
                self.probes.spend();
            }
        } else if self.found_at.until(now) > SETTLED {
            self.probes.is_contended(now);
        }
        if !expected || self.retry_at.is_some() {
            let wait = backoff::bound(row.saturating_sub(1), RETRY_FIRST, RETRY_RAREST);
            // Where the server says when to come back, there will be room by then, of whatever kind.
            self.retry_at = Some(if hinted { now } else { now.after(wait + rng.up_to(wait / 2)) });
        }
        if !expected && row >= 3 {
            // Ends of ours made no room, twice: it is less than it was, and not by one.
            self.limit = (u64::from(self.limit) * if row == 3 { 7 } else { 5 } / 8).max(1) as u32;
            self.best = self.best.max(self.best_before);
            (self.measure, self.dropped) = (None, true);
            self.probes.is_unstable(now);
        }
        self.put_off_probe(now, rng);
    }

    fn put_off_probe(&mut self, now: Instant, rng: &mut Rng) {
        self.probes.put_off(now, rng, self.limit < self.best / 4 * 3);
    }

    /// It was no limit on tasks at once that refused: it is looked for anew.
    pub fn reopen(&mut self, held: u32) {
        (self.phase, self.base, self.bounded, self.dropped) = (Phase::Ramp, 0, false, false);
        (self.measure, self.retry_at, self.before) = (None, None, None);
        self.limit = self.limit.max(held.saturating_add(RAMP_LEAST)).min(self.most);
    }

    /// Another limit explains the refusals of late: what was cut for them comes back.
    pub fn undo(&mut self) {
        if let Some(before) = self.before.take() {
            (self.limit, self.phase, self.base) = (before.limit, before.phase, before.base);
        }
        (self.measure, self.retry_at, self.dropped) = (None, None, false);
    }

    /// A task was seen to have ended; it was last seen to run at `seen`.
    pub fn ended(&mut self, now: Instant, seen: Instant, weight: u32, waiting: u32) {
        self.probes.earn(now, self.limit, waiting);
        // An answer that is the image says at once that its slot is free.
        let Some(measure) = self.measure.as_mut().filter(|_| !self.presumes) else { return };
        match measure.ended(now, seen, weight) {
            Some(measured) => self.limit = self.limit.min(measured).max(1),
            None => self.measure = None,
        }
    }

    /// A task waits at the provider, and so many that came before it don't: that is what it works on at once. Some are kept waiting there, so that
    /// none of its slots is ever empty; the others wait here, where they can still be cancelled and overtaken.
    pub fn queues(&mut self, working: u32) {
        (self.queues, self.bounded, self.phase) = (true, true, Phase::Steady);
        self.limit = self.with_queue(working.max(1));
    }

    /// A task is worked on together with so many that came before it.
    pub fn works(&mut self, before: impl FnOnce() -> u32) {
        if self.queues {
            self.limit = self.limit.max(self.with_queue(before().saturating_add(1)));
        }
    }

    /// What a provider works on, and what is kept waiting there.
    fn with_queue(&self, working: u32) -> u32 {
        working.saturating_add((working / 8).max(2)).min(self.most)
    }
}
