//! One quota bucket (provider, origin, account) as a machine of its own: messages in, messages out, no clock. The engine speaks to it the same
//! way whether it stands beside it or at the other end of a wire.

use super::message::{Known, LaneIn, LaneOut, LaneSnapshot, NotUntil, Phase, Token, Verdict, Wait, Window};
use super::settings::{Concurrency, LaneConfig};
use crate::error::Axis;
use crate::gather::gather;
use crate::options::Priority;
use crate::retry::backoff;
use crate::retry::hint::Rate;
use crate::rng::Rng;
use crate::table::Table;
use crate::time::{Instant, Millis};

/// A grant that nobody used comes back after this long: a client that died took none with it.
const GRANT_LIFE: Millis = 30_000;
/// A permit whose holder went silent comes back after this long: each poll that sees its task renews it.
const PERMIT_LIFE: Millis = 3_600_000;
/// Where the answer to a submit is the image, a submit that was not refused by then counts as accepted: limits are looked at before work begins.
const PRESUMED_AFTER: Millis = 2_000;
/// A limit over more than a minute comes back little by little (OpenAI's 200 a day are one every 7m12s): where a provider's doesn't, one refusal tells.
const WHOLE_WINDOW: Millis = 60_000;
/// So many probes refused in a row with nothing of ours held is no wave that passes: the key is used up elsewhere, or closed.
const STALL_AFTER: u32 = 8;
/// Nor has a lane stalled before this: twice the longest window that a provider documents.
const STALL_TIME: Millis = 120_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permit {
    /// Given, not used yet.
    Granted,
    /// The submit is on the wire.
    Sent,
    /// It was on the wire already when another one was refused: its answer is of the same wave, and no probe's.
    Stale,
    /// It was not refused in the time that refusals take here: it is presumed to run.
    Presumed,
    /// The task runs.
    Held,
    /// The task may run; nobody can ask.
    Ghost,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    permit: Permit,
    /// When its submit went out.
    since: Instant,
    /// When it comes back by itself.
    until: Instant,
}

/// One quota bucket.
#[derive(Debug)]
pub struct Lane {
    limit: u32,
    rng: Rng,
    base: Millis,
    cap: Millis,
    next_token: Token,
    permits: Table<Token, Slot>,
    /// The answer to a submit is the image, so that acceptance has to be presumed.
    presumes: bool,
    /// The longest that a refusal took.
    slowest_refusal: Millis,
    /// `in_a_row` as it was before an acceptance was presumed: a late refusal undoes that.
    doubted_row: u32,
    /// What answers told of a window, and when it is empty again.
    window: Option<(Window, Instant)>,
    waiting: [u32; 2],
    /// The end of the cooldown of our own making; a slot that comes free ends it, too.
    cooldown: Option<Instant>,
    /// Before this the server does not want to be asked. Nothing but time ends it.
    hinted: Option<Instant>,
    /// Refusals since the last acceptance; while there are any, one attempt is out at a time.
    in_a_row: u32,
    /// Of those, how many while nothing was held, and since when.
    idle_in_a_row: u32,
    idle_since: Option<Instant>,
    refusals: u32,
    told: Option<NotUntil>,
    snapshot: Option<LaneSnapshot>,
    out: Table<u64, LaneOut>,
}

impl Lane {
    /// A lane. The same configuration, seed and messages give the same answers.
    pub fn new(config: LaneConfig, seed: u64) -> Lane {
        let limit = match config.limits.concurrency {
            Concurrency::Told(limit) => limit,
            Concurrency::Learn { start, most } => start.min(most),
        };
        Lane {
            limit: limit.max(1),
            rng: Rng::new(seed),
            base: config.base,
            cap: config.cap,
            next_token: 0,
            permits: Table::default(),
            presumes: config.presumes,
            slowest_refusal: 0,
            doubted_row: 0,
            window: None,
            waiting: [0, 0],
            cooldown: None,
            hinted: None,
            in_a_row: 0,
            idle_in_a_row: 0,
            idle_since: None,
            refusals: 0,
            told: None,
            snapshot: None,
            out: Table::default(),
        }
    }

    /// Takes a message.
    pub fn handle(&mut self, now: Instant, message: LaneIn) {
        self.presume(now);
        match message {
            LaneIn::Demand { band, waiting, .. } => match band {
                Priority::Interactive => self.waiting[0] = waiting,
                Priority::Batch => self.waiting[1] = waiting,
            },
            LaneIn::Adopt { token } => {
                self.permits.insert(token, Slot { permit: Permit::Held, since: now, until: now.after(PERMIT_LIFE) });
            }
            LaneIn::Sent { token, .. } => {
                self.set(token, Permit::Sent, now.after(PERMIT_LIFE));
                if let Some(slot) = self.permits.get_mut(&token) {
                    slot.since = now;
                }
            }
            LaneIn::Rate(rate) => self.rated(now, rate),
            LaneIn::Hold { wait } => self.hold(now, wait),
            LaneIn::Answered { token, verdict } => self.answered(now, token, verdict),
            LaneIn::Seen { token, .. } => self.set(token, Permit::Held, now.after(PERMIT_LIFE)),
            LaneIn::Ended { token } => {
                if self.permits.remove(&token).is_some() {
                    self.slot_freed();
                }
            }
            LaneIn::Unknown { token, until } => self.set(token, Permit::Ghost, until),
            LaneIn::Return { token } => {
                self.permits.remove(&token);
            }
            LaneIn::Recall(_) | LaneIn::Wake => {}
        }
        self.expire(now);
        self.grant(now);
        self.tell();
    }

    /// The next message to the engine.
    pub fn poll(&mut self) -> Option<LaneOut> {
        self.out.pop()
    }

    /// When the lane wants to be woken.
    pub fn deadline(&self) -> Option<Instant> {
        let permits = self.permits.values().map(|slot| slot.until).min();
        let waited_for = self.waiting != [0, 0];
        let cooldown = self.paused_until().filter(|_| waited_for);
        // A probe's silence lets others go.
        let probe = self.permits.values().filter(|slot| slot.permit == Permit::Sent).map(|slot| slot.since).min();
        let presumed = probe.filter(|_| self.presumes && waited_for && self.in_a_row > 0);
        [permits, cooldown, presumed.map(|since| since.after(self.presumed_after()))].into_iter().flatten().min()
    }

    fn presumed_after(&self) -> Millis {
        PRESUMED_AFTER.max(self.slowest_refusal.saturating_mul(2))
    }

    fn presume(&mut self, now: Instant) {
        if !self.presumes {
            return;
        }
        let after = self.presumed_after();
        for token in gather(self.permits.keys()) {
            let Some(slot) = self.permits.get_mut(&token) else { continue };
            if slot.permit == Permit::Sent && slot.since.after(after) <= now {
                self.doubted_row = self.doubted_row.max(self.in_a_row);
                self.in_a_row = 0;
                slot.permit = Permit::Presumed;
            }
        }
    }

    /// The provider's own count is better than any of ours: where nothing is left, nobody asks.
    fn rated(&mut self, now: Instant, rate: Rate) {
        let used = rate.limit.saturating_sub(rate.remaining);
        self.window =
            Some((Window { limit: rate.limit, used, length: rate.reset, known: Known::Header }, now.after(rate.reset)));
        if rate.remaining == 0 && rate.reset > 0 {
            let first = rate.reset / u64::from(rate.limit.max(1));
            self.hold(now, rate.reset.min(first.max(WHOLE_WINDOW)));
        }
    }

    /// What the lane believes.
    pub fn snapshot(&self) -> LaneSnapshot {
        LaneSnapshot {
            limit: self.limit,
            held: self.permits.len() as u32,
            queued: 0,
            phase: Phase::Steady,
            paused_until: self.paused_until(),
            refusals: self.refusals,
            window: self.window.map(|(window, _)| window),
        }
    }

    /// The end of the cooldown, whoever's word it is.
    pub fn paused_until(&self) -> Option<Instant> {
        self.cooldown.max(self.hinted)
    }

    fn set(&mut self, token: Token, permit: Permit, until: Instant) {
        if let Some(entry) = self.permits.get_mut(&token) {
            (entry.permit, entry.until) = (permit, until);
        }
    }

    fn answered(&mut self, now: Instant, token: Token, verdict: Verdict) {
        match verdict {
            Verdict::Accepted => {
                if self.permits.get(&token).is_none_or(|slot| slot.permit != Permit::Stale) {
                    self.in_a_row = 0;
                    self.doubted_row = 0;
                }
                self.idle_in_a_row = 0;
                self.idle_since = None;
                self.set(token, Permit::Held, now.after(PERMIT_LIFE));
            }
            // It may run, so it keeps its slot; but nobody knows when its holder asks again, so it is no probe that others wait for.
            Verdict::Unknown => self.set(token, Permit::Ghost, now.after(PERMIT_LIFE)),
            Verdict::Failed => {
                self.permits.remove(&token);
            }
            Verdict::Refused { axis, hint } => {
                if let Some(slot) = self.permits.remove(&token) {
                    self.slowest_refusal = self.slowest_refusal.max(slot.since.until(now));
                    if slot.permit == Permit::Presumed {
                        self.in_a_row = self.in_a_row.max(self.doubted_row);
                    }
                    self.refused(now, axis, hint, slot.permit == Permit::Stale);
                }
            }
        }
    }

    fn refused(&mut self, now: Instant, axis: Axis, hint: Option<Millis>, wave: bool) {
        self.refusals = self.refusals.saturating_add(1);
        if let Some(hint) = hint {
            self.hold(now, hint);
        }
        // A probe that kept to a hint and was refused all the same: such hints need some distance of our own.
        // Those of one wave are one event: only the first grows the backoff.
        if !wave && (hint.is_none() || self.in_a_row > 0) {
            let floor = if axis == Axis::Concurrency { 1_000 } else { 0 };
            let wait = backoff::full_jitter(&mut self.rng, self.in_a_row, self.base, self.cap).max(floor);
            self.cooldown = self.cooldown.max(Some(now.after(wait)));
        }
        self.revoke_unused();
        for token in gather(self.permits.keys()) {
            let slot = self.permits.get_mut(&token).filter(|_| !wave);
            if let Some(slot) = slot.filter(|slot| matches!(slot.permit, Permit::Sent | Permit::Presumed)) {
                slot.permit = Permit::Stale;
            }
        }
        if !wave {
            self.in_a_row += 1;
        }
        if self.permits.is_empty() {
            self.idle_in_a_row += 1;
            let since = *self.idle_since.get_or_insert(now);
            if self.idle_in_a_row >= STALL_AFTER && since.until(now) >= STALL_TIME {
                self.idle_in_a_row = 0;
                self.idle_since = None;
                self.out.push(LaneOut::Stalled);
            }
        }
    }

    /// Nobody asks before the server's time is over.
    fn hold(&mut self, now: Instant, wait: Millis) {
        self.hinted = self.hinted.max(Some(now.after(backoff::after_hint(&mut self.rng, wait))));
        self.revoke_unused();
    }

    /// Leave that was given before the news, and not used yet, is taken back.
    fn revoke_unused(&mut self) {
        for token in gather(self.permits.keys()) {
            if self.permits.get(&token).is_some_and(|slot| slot.permit == Permit::Granted) {
                self.permits.remove(&token);
                self.out.push(LaneOut::Revoked { token });
            }
        }
    }

    /// A cooldown of our own making waited for just this; one that the server asked for stands.
    fn slot_freed(&mut self) {
        self.cooldown = None;
    }

    fn expire(&mut self, now: Instant) {
        let over = self.permits.iter().filter(|(_, slot)| slot.until <= now).map(|(token, _)| token);
        for token in gather(over) {
            self.permits.remove(&token);
        }
        self.cooldown = self.cooldown.filter(|until| *until > now);
        self.hinted = self.hinted.filter(|until| *until > now);
        if let Some((window, _)) = self.window.as_mut().filter(|(_, reset)| *reset <= now) {
            window.used = 0;
        }
    }

    fn grant(&mut self, now: Instant) {
        loop {
            let granted = self.permits.values().filter(|slot| slot.permit == Permit::Granted).count() as u32;
            let wanted = self.waiting[0].saturating_add(self.waiting[1]);
            if wanted <= granted {
                self.told = None;
                return;
            }
            if let Some(wait) = self.obstacle() {
                if self.told != Some(wait) {
                    self.told = Some(wait);
                    self.out.push(LaneOut::NotUntil(wait));
                }
                return;
            }
            let until = now.after(GRANT_LIFE);
            self.permits.insert(self.next_token, Slot { permit: Permit::Granted, since: now, until });
            self.out.push(LaneOut::Grant { token: self.next_token, until });
            self.next_token += 1;
        }
    }

    fn obstacle(&self) -> Option<NotUntil> {
        if let Some(until) = self.paused_until() {
            let hinted = self.hinted == Some(until);
            return Some(NotUntil { wait: Wait::Cooldown, at: Some(until), hinted });
        }
        let asking = |slot: &Slot| matches!(slot.permit, Permit::Granted | Permit::Sent);
        if self.in_a_row > 0 && self.permits.values().any(asking) {
            return Some(NotUntil { wait: Wait::Probe, at: None, hinted: false });
        }
        let full = self.permits.len() >= self.limit as usize;
        full.then_some(NotUntil { wait: Wait::Concurrency, at: None, hinted: false })
    }

    fn tell(&mut self) {
        let snapshot = self.snapshot();
        if self.snapshot.as_ref() != Some(&snapshot) {
            self.snapshot = Some(snapshot.clone());
            self.out.push(LaneOut::Snapshot(snapshot));
        }
    }
}
