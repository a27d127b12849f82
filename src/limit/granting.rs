//! Which submit of a lane may go out now, and what the next one waits for.

use super::apart::FEW_SLOTS;
use super::lane::Lane;
use super::limiter::Leave;
use super::message::{LaneOut, NotUntil, Wait};
use super::settings;
use super::slots::{Permit, Slot};
use crate::time::{Instant, Millis};

/// A grant that nobody used comes back after this long: a client that died took none with it.
const GRANT_LIFE: Millis = 30_000;

impl Lane {
    /// Lets out whatever may go now, and says what the next waits for.
    pub(super) fn grant(&mut self, now: Instant) {
        loop {
            let [interactive, _] = self.waiting;
            let [light, heavy] = self.weights;
            if self.all_waiting() <= self.slots.granted() {
                self.told = None;
                return;
            }
            let weight = if interactive > 0 { light } else { heavy };
            let leave = match self.obstacle(now, weight) {
                Ok(leave) => leave,
                Err(wait) => {
                    if self.told != Some(wait) {
                        self.told = Some(wait);
                        self.say(LaneOut::NotUntil(wait));
                    }
                    return;
                }
            };
            let mut slot = Slot::new(now, Permit::Granted, GRANT_LIFE);
            slot.weight = weight;
            if leave == Leave::Beyond {
                slot.beyond = true;
                self.apart.goes();
                self.limiter.goes_beyond();
            }
            let until = slot.until;
            self.pace.goes(now);
            self.slots.insert(self.next_token, slot);
            self.say(LaneOut::Grant { token: self.next_token, until });
            self.next_token += 1;
        }
    }

    fn obstacle(&mut self, now: Instant, weight: u32) -> Result<Leave, NotUntil> {
        if let Some(until) = self.paused_until() {
            let hinted = self.hinted == Some(until);
            return Err(NotUntil { wait: Wait::Cooldown, at: Some(until), hinted });
        }
        let asking = self.slots.asking();
        if self.row > 0
            && self.slots.in_state(Permit::Sent).chain(self.slots.in_state(Permit::Granted)).next().is_some()
        {
            return Err(NotUntil { wait: Wait::Probe, at: None, hinted: false });
        }
        self.windows.obstacle(now, (asking, self.slots.unsent()), weight)?;
        if let Some(at) = self.pace.obstacle(now, &self.evidence.latest) {
            return Err(NotUntil { wait: Wait::Window, at: Some(at), hinted: false });
        }
        let out = self.slots.held().saturating_add(asking);
        if let Some(at) =
            self.ramp.obstacle(now, out, out.saturating_add(weight)).filter(|_| self.limiter.is_ramping() && out > 0)
        {
            return Err(NotUntil { wait: Wait::Concurrency, at: Some(at), hinted: false });
        }
        let asked = (asking, self.slots.beyond(), self.slots.queued());
        match self.limiter.leave(now, self.slots.held(), asked, weight) {
            Leave::No => Err(NotUntil { wait: Wait::Concurrency, at: None, hinted: false }),
            Leave::Within => Ok(Leave::Within),
            Leave::Beyond => match self.tells_too_little(now, asking) {
                Some(at) => Err(NotUntil { wait: Wait::Concurrency, at, hinted: false }),
                None => Ok(Leave::Beyond),
            },
        }
    }

    /// Whether the answer to a submit beyond the limit would say too little now: until then, or until an answer comes. Where others submit, too, how
    /// far it is from ours says nothing; and requests on the wire are never few for long.
    fn tells_too_little(&mut self, now: Instant, asking: u32) -> Option<Option<Instant>> {
        let counts_requests = self.config.limits.counts == settings::Counts::Request;
        if counts_requests || self.limiter.limit() > FEW_SLOTS || self.limiter.is_contended(now) {
            return None;
        }
        if asking > 0 {
            return Some(None);
        }
        self.apart.obstacle(now, self.limiter.phase(), &self.evidence).map(Some)
    }
}
