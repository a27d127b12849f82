//! What the answers to submits teach a lane: how many slots there are, and which limit it was that refused.

use super::distance::Distances;
use super::evidence::{Axis as Counted, Counts};
use super::lane::Lane;
use super::limiter::Cause;
use super::message::{Known, LaneOut, Phase, Token};
use super::pace::Room;
use super::settings;
use super::slots::{PERMIT_LIFE, Permit};
use super::window::{Rolling, Taken};
use crate::error::Axis;
use crate::gather::gather;
use crate::retry::backoff;
use crate::time::{Instant, Millis};

/// A hint up to this is back-pressure, and says nothing of the limit behind it.
const BACK_PRESSURE: Millis = 3_000;
/// A hint fits a rolling minute if it names the moment at which the oldest submit leaves it, give or take the seconds that it is rounded to.
const HINT_SLACK: Millis = 2_500;
/// A limit on tasks at once that was named comes free with a task, and that takes a second at least.
const SLOT_WAIT: Millis = 1_000;
/// A day's quota that is spent, and nobody says until when: so long is not asked.
const DAY_WAIT: Millis = 900_000;
/// So many probes refused in a row with nothing of ours held is no wave that passes: the key is used up elsewhere, or closed.
const STALL_AFTER: u32 = 12;
/// Nor has a lane stalled before this: where five share four slots, one of them in thirty finds none free in ten minutes, and one in a thousand in twenty.
const STALL_TIME: Millis = 1_200_000;
/// Where it is a day's quota that refuses, so it says, one day has to pass, and the next one fail.
const DAY_STALL_TIME: Millis = 172_800_000;
/// A window of a minute is believed after so many.
const MINUTE_PROOF: usize = 2;

impl Lane {
    /// Where a submit stands that goes out now: behind those whose answer is awaited.
    pub(super) fn counts(&mut self, now: Instant, token: Token) -> Counts {
        let ahead = self.slots.on_wire();
        let [minute, all_minute, key_minute] = self.windows.counts(now);
        Counts {
            held: self.slots.held_beside(token).saturating_add(ahead),
            minute: minute.saturating_add(ahead),
            all_minute: all_minute.saturating_add(ahead),
            key_minute: key_minute.saturating_add(ahead),
        }
    }

    pub(super) fn accepted(&mut self, now: Instant, token: Token, permit: Permit) {
        let Some(slot) = self.slots.get(token).copied() else { return };
        if !matches!(slot.permit, Permit::Sent | Permit::Stale) {
            if slot.permit == Permit::Presumed {
                self.evidence.accepted(now, slot.counts);
            }
            // It was presumed, or its answer was lost and has come after all: all else was learned from before.
            return self.holds(now, token, slot.seen, permit);
        }
        if permit == Permit::Held {
            self.evidence.accepted(now, slot.counts.overtaking(slot.ahead));
            self.fastest_answer = self.fastest_answer.min(slot.since.until(now));
        }
        if self.windows.accepted(now, slot.weight) {
            self.limiter.goes_slowly();
        }
        self.evidence.accepted_at(now, slot.since);
        self.pace.accepted(slot.since);
        self.find_pace(now);
        self.holds(now, token, now, permit);
        (self.idle_row, self.idle_since) = (0, None);
        if slot.permit == Permit::Stale {
            return;
        }
        (self.row, self.unexpected) = (0, 0);
        if permit == Permit::Held {
            self.doubted_row = 0;
        }
        self.limiter.accepted(self.slots.held(), slot.beyond);
    }

    /// What was accepted holds its slot; where requests are counted, only for as long as it is on the wire.
    fn holds(&mut self, now: Instant, token: Token, seen: Instant, permit: Permit) {
        if permit == Permit::Held && self.config.limits.counts == settings::Counts::Request {
            self.slots.remove(token);
            return;
        }
        let until = now.after(PERMIT_LIFE);
        self.slots.change(token, |slot| (slot.permit, slot.seen, slot.until) = (permit, seen, until));
    }

    pub(super) fn refused(&mut self, now: Instant, token: Token, axis: Axis, hint: Option<Millis>) {
        let Some(slot) = self.slots.remove(token) else { return };
        let counts = slot.counts;
        self.slowest_refusal = self.slowest_refusal.max(slot.since.until(now));
        self.refusals = self.refusals.saturating_add(1);
        if slot.permit == Permit::Presumed {
            self.row = self.row.max(self.doubted_row);
            self.windows.take_back(now, slot.seen, slot.weight);
            self.evidence.latest.take_back(slot.since);
        }
        let wave = slot.permit == Permit::Stale || self.refused_at.is_some_and(|at| slot.since < at);
        let distances = self.distances(slot.since);
        self.evidence.refused(now, distances, counts, slot.beyond);
        let limit = self.limiter.usual();
        let has_slots = !wave && counts.held.saturating_add(1 + limit / 8) < limit;
        // Where a distance is kept, that it has become too short explains as much as a window that has become smaller.
        let window_was_full = self.windows.refused(now, slot.weight, has_slots && !self.pace.is_kept());
        if let Some(hint) = hint {
            self.hold(now, hint);
        }
        self.revoke_unused();
        if wave {
            return;
        }
        self.refused_at = Some(now);
        // Where more was tried than is known to be there, a refusal is what was looked for.
        let expected = hint.is_none() && counts.held > 0 && (slot.beyond || self.limiter.phase() == Phase::Ramp);
        // Where acceptance is presumed only, one at a time is dear.
        self.row += u32::from(!(expected && self.config.presumes));
        self.unexpected += u32::from(!expected);
        for token in gather(self.slots.in_state(Permit::Sent).map(|(token, _)| token)) {
            self.slots.change(token, |slot| slot.permit = Permit::Stale);
        }
        let slots = if has_slots && !self.evidence.is_explained_by(Counted::Minute) {
            Room::Sure
        } else if !has_slots && (slot.beyond || self.evidence.is_explained_by(Counted::Held)) {
            Room::Unproved
        } else {
            Room::Perhaps
        };
        if !window_was_full && self.pace.refused(now, distances, slots) {
            self.evidence.forget_latest();
            return;
        }
        if !window_was_full {
            self.windows.doubt();
        }
        if axis == Axis::Day {
            if hint.is_none() {
                self.hold(now, DAY_WAIT);
            }
        } else if window_was_full || (!slot.beyond && self.finds_window(now, axis, hint, counts)) {
            self.limiter.undo();
        } else if slot.beyond
            || self.evidence.is_explained_by(Counted::Held)
            || hint.is_none_or(|hint| hint <= BACK_PRESSURE)
        {
            // It was refused when it arrived, however late that was told.
            let at = slot.since.after(self.fastest_answer.min(slot.since.until(now)));
            let cause = Cause { row: self.unexpected, expected, hinted: hint.is_some(), waiting: self.all_waiting() };
            self.limiter.refused((at, now), &mut self.rng, counts.held, cause);
        }
        self.find_pace(now);
        self.cool_down(now, axis, hint);
        self.watch_for_stall(now, if axis == Axis::Day { DAY_STALL_TIME } else { STALL_TIME });
    }

    /// How far a submit of that time was from those that were accepted before. Where acceptance is silence, those that are silent yet were, too.
    fn distances(&self, since: Instant) -> Distances {
        let mut latest = self.evidence.latest;
        if self.config.presumes {
            let silent = self.slots.in_state(Permit::Sent).chain(self.slots.in_state(Permit::Stale));
            silent.for_each(|(_, slot)| latest.add(slot.since));
        }
        latest.distances(since)
    }

    /// Where as many were accepted as were refused, it may be for their distances. Requests on the wire end at a pace of their own.
    fn find_pace(&mut self, now: Instant) {
        // All answers of a minute and a half are gone through for it, at each answer.
        if self.config.limits.counts == settings::Counts::Request || !self.pace.is_sought(now) {
            return;
        }
        let found = self.evidence.pace();
        if found.is_some_and(|found| self.pace.keep(now, found)) {
            self.evidence.forget_refusals();
            self.unexpected = 0;
            self.limiter.reopen(self.slots.held());
        }
    }

    /// Whether a window explains what was refused of late; it is kept to from now on.
    fn finds_window(&mut self, now: Instant, axis: Axis, hint: Option<Millis>, counts: Counts) -> bool {
        let told = self.windows.minute.is_some_and(|window| !window.is_inferred());
        if axis == Axis::Concurrency || told {
            return false;
        }
        if let Some((limit, taken)) = self.explaining_minute(now, axis, hint, counts) {
            let known = if hint.is_some() { Known::Confirmed } else { Known::Suspected };
            self.windows.minute = Some(Rolling::inferred(limit, taken, known, now));
            self.evidence.forget_refusals();
            return true;
        }
        false
    }

    fn explaining_minute(
        &self,
        now: Instant,
        axis: Axis,
        hint: Option<Millis>,
        counts: Counts,
    ) -> Option<(u32, Taken)> {
        let figures =
            [(Taken::Accepted, counts.minute), (Taken::All, counts.all_minute), (Taken::Key, counts.key_minute)];
        if let Some(hint) = hint.filter(|hint| *hint > BACK_PRESSURE) {
            // Where the server says when, its word must fit; then one is enough.
            let reopens = now.after(hint);
            let fits = |taken: Taken| {
                self.windows
                    .first_leaves_at(taken)
                    .is_some_and(|at| at.until(reopens).max(reopens.until(at)) <= HINT_SLACK)
            };
            return figures
                .into_iter()
                .find(|(taken, count)| *count > 0 && fits(*taken))
                .map(|(taken, count)| (count, taken));
        }
        // Close to what is known to be there, that is the likelier cause: it was taken for one too many, or others use the key.
        // Where submits keep a distance, few of those that ended are unseen when the next goes out: what was held then was there.
        let most = self.evidence.most_held().filter(|_| self.pace.is_kept()).unwrap_or(0);
        let limit = self.limiter.usual().max(most);
        if self.unexpected <= 1 && counts.held.saturating_add(1 + limit / 8) >= limit {
            return None;
        }
        // A word for it is half of the proof; some providers say "requests" of whatever they refuse.
        let proof = if axis == Axis::Minute { 1 } else { MINUTE_PROOF };
        let minute = self.evidence.window(Counted::Minute, proof).map(|limit| (limit, Taken::Accepted));
        let all = || self.evidence.window(Counted::AllMinute, proof).map(|limit| (limit, Taken::All));
        let key = || self.evidence.window(Counted::KeyMinute, proof).map(|limit| (limit, Taken::Key));
        minute.or_else(all).or_else(key)
    }

    /// Where no end of ours will make room, and the server says nothing, time has to. A probe that kept to a hint and was refused all the same: such
    /// hints need some distance of our own.
    fn cool_down(&mut self, now: Instant, axis: Axis, hint: Option<Millis>) {
        let needed = if hint.is_some() { self.unexpected > 1 } else { self.slots.held() == 0 };
        if needed {
            let floor = if axis == Axis::Concurrency { SLOT_WAIT } else { 0 };
            let wait =
                backoff::full_jitter(&mut self.rng, self.row.saturating_sub(1), self.config.base, self.config.cap)
                    .max(floor);
            self.cooldown = self.cooldown.max(Some(now.after(wait)));
        }
    }

    fn watch_for_stall(&mut self, now: Instant, longest: Millis) {
        if !self.slots.is_empty() {
            return;
        }
        self.idle_row += 1;
        let since = *self.idle_since.get_or_insert(now);
        if self.idle_row >= STALL_AFTER && since.until(now) >= longest {
            (self.idle_row, self.idle_since) = (0, None);
            self.say(LaneOut::Stalled);
        }
    }
}
