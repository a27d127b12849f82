//! One quota bucket (provider, origin, account) as a machine of its own: messages in, messages out, no clock. The engine speaks to it the same
//! way whether it stands beside it or at the other end of a wire.

use super::apart::Apart;
use super::evidence::Evidence;
use super::limiter::Limiter;
use super::message::{LaneIn, LaneOut, LaneSnapshot, Learned, NotUntil, Token, Verdict, Wait, Window};
use super::pace::Pace;
use super::ramp::Ramp;
use super::settings::LaneConfig;
use super::slots::{PERMIT_LIFE, Permit, Slot, Slots};
use super::windows::{MINUTE, Windows};
use crate::gather::gather;
use crate::options::Priority;
use crate::retry::backoff;
use crate::rng::Rng;
use crate::table::Table;
use crate::time::{Instant, Millis};

/// Where the answer to a submit is the image, a submit that was not refused by then counts as accepted: limits are looked at before work begins.
pub const PRESUMED_AFTER: Millis = 2_000;
/// A task that waits at the provider for less than this is only being taken in.
const TAKEN_IN: Millis = 1_000;
/// What was learned is told again when it has changed, and not more often than this.
const TELL_LEARNED: Millis = 5_000;

/// One quota bucket.
#[derive(Debug)]
pub struct Lane {
    pub(super) config: LaneConfig,
    pub(super) rng: Rng,
    pub(super) next_token: Token,
    pub(super) slots: Slots,
    pub(super) limiter: Limiter,
    pub(super) apart: Apart,
    pub(super) windows: Windows,
    pub(super) evidence: Evidence,
    pub(super) pace: Pace,
    pub(super) ramp: Ramp,
    /// The longest that a refusal took.
    pub(super) slowest_refusal: Millis,
    /// The shortest that an acceptance took: the way there and back.
    pub(super) fastest_answer: Millis,
    pub(super) waiting: [u32; 2],
    pub(super) weights: [u32; 2],
    /// The end of the cooldown of our own making; a slot that comes free ends it, too.
    pub(super) cooldown: Option<Instant>,
    /// Before this the server does not want to be asked. Nothing but time ends it.
    pub(super) hinted: Option<Instant>,
    /// Before this nobody asks, for faults come in waves. Nothing but time ends it either, but it is nobody's word.
    caution: Option<Instant>,
    /// Refusals since the last acceptance; while there are any, one attempt is out at a time.
    pub(super) row: u32,
    /// Of those, how many came where there should have been room.
    pub(super) unexpected: u32,
    /// When the last of those was heard of.
    pub(super) refused_at: Option<Instant>,
    /// `row` as it was before an acceptance was presumed: a late refusal undoes that.
    pub(super) doubted_row: u32,
    /// Of those, how many while nothing was held, and since when.
    pub(super) idle_row: u32,
    pub(super) idle_since: Option<Instant>,
    pub(super) refusals: u32,
    pub(super) told: Option<NotUntil>,
    snapshot: Option<LaneSnapshot>,
    learned: Option<Learned>,
    learned_at: Instant,
    out: Table<u64, LaneOut>,
}

impl Lane {
    /// A lane. The same configuration, seed and messages give the same answers.
    pub fn new(config: LaneConfig, seed: u64) -> Lane {
        Lane {
            config,
            rng: Rng::new(seed),
            next_token: 0,
            slots: Slots::default(),
            limiter: Limiter::new(&config),
            apart: Apart::default(),
            windows: Windows::new(&config.limits),
            evidence: Evidence::default(),
            pace: Pace::default(),
            ramp: Ramp::default(),
            slowest_refusal: 0,
            fastest_answer: Millis::MAX,
            waiting: [0, 0],
            weights: [1, 1],
            cooldown: None,
            hinted: None,
            caution: None,
            row: 0,
            unexpected: 0,
            refused_at: None,
            doubted_row: 0,
            idle_row: 0,
            idle_since: None,
            refusals: 0,
            told: None,
            snapshot: None,
            learned: None,
            learned_at: Instant::default(),
            out: Table::default(),
        }
    }

    /// Takes a message.
    pub fn handle(&mut self, now: Instant, message: LaneIn) {
        self.presume(now);
        match message {
            LaneIn::Demand { band, waiting, weight } => {
                let [interactive, batch] = &mut self.waiting;
                let [light, heavy] = &mut self.weights;
                match band {
                    Priority::Interactive => (*interactive, *light) = (waiting, weight.max(1)),
                    Priority::Batch => (*batch, *heavy) = (waiting, weight.max(1)),
                }
            }
            LaneIn::Adopt { token, weight } => {
                let slot = Slot { weight: weight.max(1), ..Slot::new(now, Permit::Held, PERMIT_LIFE) };
                self.slots.insert(token, slot);
            }
            LaneIn::Sent { token, weight } => {
                let until = now.after(PERMIT_LIFE);
                let (counts, ahead) = (self.counts(now, token), self.slots.on_wire());
                self.slots.change(token, |slot| {
                    (slot.permit, slot.since, slot.seen, slot.until) = (Permit::Sent, now, now, until);
                    (slot.counts, slot.ahead) = (counts, ahead);
                    slot.weight = weight.max(1);
                });
                self.windows.sent(weight.max(1));
            }
            LaneIn::Recall(learned) => {
                self.limiter.recall(learned.limit, learned.bounded, self.slots.held());
                self.windows.recall(now, learned.window);
                self.pace.recall(now, learned.window);
                self.learned = Some(Learned { window: learned.window, ..self.found_out() });
            }
            LaneIn::Rate(rate) => {
                if let Some(wait) = self.windows.rated(now, rate, self.slots.on_wire()) {
                    self.hold(now, wait);
                }
            }
            LaneIn::Beside { weight } => self.windows.accepted_beside(now, weight),
            LaneIn::Hold { wait, hinted: true } => self.hold(now, wait),
            LaneIn::Hold { wait, hinted: false } => {
                self.caution = self.caution.max(Some(now.after(backoff::after_hint(&mut self.rng, wait))));
                self.revoke_unused();
            }
            LaneIn::Answered { token, verdict } => self.answered(now, token, verdict),
            LaneIn::Seen { token, queued } => self.seen(now, token, queued),
            LaneIn::Ended { token } => self.ended(now, token),
            // It may run, so it keeps its slot.
            LaneIn::Unknown { token, until } => {
                self.slots.change(token, |slot| (slot.permit, slot.until) = (Permit::Ghost, until))
            }
            LaneIn::Return { token } => {
                self.slots.remove(token);
            }
            LaneIn::Asked => self.windows.asked(now),
            LaneIn::Wake => {}
        }
        self.slots.expire(now);
        self.cooldown = self.cooldown.filter(|until| *until > now);
        self.hinted = self.hinted.filter(|until| *until > now);
        self.caution = self.caution.filter(|until| *until > now);
        self.grant(now);
        self.tell(now);
    }

    /// The next message to the engine.
    pub fn poll(&mut self) -> Option<LaneOut> {
        self.out.pop()
    }

    fn is_waited_for(&self) -> bool {
        self.waiting != [0, 0]
    }

    /// How many parts wait, of both bands.
    pub(super) fn all_waiting(&self) -> u32 {
        let [interactive, batch] = self.waiting;
        interactive.saturating_add(batch)
    }

    /// When the lane wants to be woken.
    pub fn deadline(&self) -> Option<Instant> {
        let expiry = self.slots.deadline();
        if !self.is_waited_for() {
            return expiry;
        }
        // A probe's silence lets others go.
        let oldest =
            || self.slots.in_state(Permit::Sent).next().map(|(_, slot)| slot.since.after(self.presumed_after()));
        let presumed = if self.config.presumes { oldest() } else { None };
        let wait = match self.told {
            Some(NotUntil { wait: Wait::Concurrency, at: None, .. }) => self.limiter.deadline(self.windows.now()),
            Some(NotUntil { at, .. }) => at,
            None => None,
        };
        // What has passed and brought nothing waits for an event.
        [expiry, presumed, wait].into_iter().flatten().filter(|at| *at > self.windows.now()).min()
    }

    fn presumed_after(&self) -> Millis {
        PRESUMED_AFTER.max(self.slowest_refusal.saturating_mul(2))
    }

    fn presume(&mut self, now: Instant) {
        self.windows.go_on(now);
        if !self.config.presumes {
            return;
        }
        let after = self.presumed_after();
        let silent = self.slots.in_state(Permit::Sent).filter(|(_, slot)| slot.since.after(after) <= now);
        for token in gather(silent.map(|(token, _)| token)) {
            self.doubted_row = self.doubted_row.max(self.row);
            self.accepted(now, token, Permit::Presumed);
        }
    }

    /// What the lane believes.
    pub fn snapshot(&self) -> LaneSnapshot {
        LaneSnapshot {
            limit: self.limiter.limit(),
            held: self.slots.held().saturating_add(self.slots.asking()),
            queued: self.slots.queued(),
            phase: self.limiter.phase(),
            paused_until: self.paused_until(),
            refusals: self.refusals,
            window: self.window(),
        }
    }

    /// It is new, and this one of the same key is not: what that had accepted in the last minute counts in the windows of the whole key.
    pub fn comes_beside(&mut self, other: &Lane) {
        self.windows.come_beside(&other.windows);
    }

    /// The end of the cooldown, whoever's word it is.
    pub fn paused_until(&self) -> Option<Instant> {
        self.cooldown.max(self.hinted).max(self.caution)
    }

    fn seen(&mut self, now: Instant, token: Token, queued: bool) {
        let Some(slot) = self.slots.get(token).copied() else { return };
        let until = now.after(PERMIT_LIFE);
        self.slots.change(token, |slot| {
            (slot.permit, slot.seen, slot.until, slot.queued) = (Permit::Held, now, until, queued);
        });
        if !queued {
            self.limiter.works(|| self.slots.working_before(token));
        } else if slot.since.until(now) >= TAKEN_IN {
            self.limiter.queues(self.slots.working_before(token));
        }
    }

    fn ended(&mut self, now: Instant, token: Token) {
        let Some(slot) = self.slots.remove(token) else { return };
        // An answer that is the image is an end that is seen at once.
        if !self.config.presumes {
            self.evidence.ended(now, slot.seen.until(now));
        }
        self.limiter.ended(now, slot.seen, slot.weight, self.all_waiting());
        // A cooldown of our own making waited for just this; one that the server asked for stands.
        self.cooldown = None;
    }

    fn answered(&mut self, now: Instant, token: Token, verdict: Verdict) {
        let asked = self.slots.get(token).filter(|slot| matches!(slot.permit, Permit::Sent | Permit::Stale));
        if let Some(weight) =
            asked.map(|slot| slot.weight).filter(|_| matches!(verdict, Verdict::Unknown | Verdict::Failed))
        {
            self.windows.answered(now, weight, verdict == Verdict::Unknown);
        }
        match verdict {
            Verdict::Accepted => self.accepted(now, token, Permit::Held),
            // It may run, so it keeps its slot; but nobody knows when its holder asks again, so it is no probe that others wait for.
            Verdict::Unknown => {
                let until = now.after(PERMIT_LIFE);
                self.slots.change(token, |slot| (slot.permit, slot.until) = (Permit::Ghost, until));
            }
            Verdict::Failed => {
                self.slots.remove(token);
            }
            Verdict::Refused { axis, hint } => self.refused(now, token, axis, hint),
        }
    }

    /// Nobody asks before the server's time is over.
    pub(super) fn hold(&mut self, now: Instant, wait: Millis) {
        self.hinted = self.hinted.max(Some(now.after(backoff::after_hint(&mut self.rng, wait))));
        self.revoke_unused();
    }

    /// Leave that was given before the news, and not used yet, is taken back.
    pub(super) fn revoke_unused(&mut self) {
        for token in gather(self.slots.in_state(Permit::Granted).map(|(token, _)| token)) {
            self.slots.remove(token);
            self.out.push(LaneOut::Revoked { token });
        }
    }

    pub(super) fn say(&mut self, message: LaneOut) {
        self.out.push(message);
    }

    fn found_out(&self) -> Learned {
        // A minute that was found before is worth keeping until it is shown to be wrong.
        let is_open = self.windows.minute.is_some_and(|window| window.is_inferred());
        let before = self.learned.and_then(|known| known.window).filter(|(_, length)| is_open && *length == MINUTE);
        let window = self.windows.learned().or(before).or_else(|| self.pace.learned());
        Learned { limit: self.limiter.limit(), bounded: self.limiter.is_bounded(), window }
    }

    /// The limit over time that leaves least.
    fn window(&self) -> Option<Window> {
        let (window, pace) = (self.windows.tightest(), self.pace.window(self.windows.now()));
        let rate = |window: &Window| u64::from(window.limit) * MINUTE / window.length.max(1);
        window.into_iter().chain(pace).min_by_key(rate)
    }

    fn tell(&mut self, now: Instant) {
        let snapshot = self.snapshot();
        if self.snapshot.as_ref() != Some(&snapshot) {
            self.snapshot = Some(snapshot.clone());
            self.out.push(LaneOut::Snapshot(snapshot));
        }
        let learned = self.found_out();
        let had_window = self.learned.is_some_and(|known| known.window.is_some());
        let is_worth_it = learned.bounded || learned.window.is_some() || had_window;
        if is_worth_it && self.learned != Some(learned) && self.learned_at <= now {
            (self.learned, self.learned_at) = (Some(learned), now.after(TELL_LEARNED));
            self.out.push(LaneOut::Learned(learned));
        }
    }
}
