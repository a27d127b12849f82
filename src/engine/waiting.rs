//! Those who wait for a permit: what they hear of it, who is told at once that it will not come, and who is held back.

use alloc::vec;
use alloc::vec::Vec;

use super::telling::span;
use super::{Effect, Engine, Update};
use crate::error::{Axis, Code, Error};
use crate::gather::gather;
use crate::json::decimal;
use crate::limit::{MINUTE, NotUntil, Wait};
use crate::task::{PartId, PartState};
use crate::text::concat;
use crate::time::{Instant, Millis};

/// What a stalled lane says of itself.
pub(super) const STALLED: &str =
    " was refused again and again while it had nothing running here: it is used up elsewhere, or closed.";

impl Engine {
    /// Those who can't wait as long as the server asked, or until a day's allowance is back, are told at once; the others go on waiting.
    pub(super) fn refuse_hopeless(&mut self, lane: usize, only: Option<PartId>) {
        let Some(slot) = self.lanes.get(lane) else { return };
        let (at, is_asked) = match slot.not_until {
            Some(NotUntil { wait: Wait::Cooldown, at: Some(at), hinted: true }) => (at, true),
            Some(NotUntil { wait: Wait::Window, at: Some(at), .. }) if self.is_far(at) => (at, false),
            _ => return,
        };
        if at <= self.now {
            return;
        }
        let wait = self.now.until(at);
        let candidates: Vec<PartId> = match only {
            Some(id) => vec![id],
            None => slot.queue.all(),
        };
        for id in candidates {
            let longest = self.tasks.get(&id.task).map_or(Millis::MAX, |task| task.options.max_retry_after());
            if self.part(id).is_some_and(|part| (is_asked && part.expires < at) || wait > longest) {
                let mut error = self.last_refusal(id);
                error.message.push_str(" It would have to wait for longer than `maxRetryAfter` or `maxWait`.");
                error.retry_after = Some(wait);
                self.fail_part(id, error);
            }
        }
    }

    /// Of all windows only a day's is waited for so long: a minute's is told rounded up.
    fn is_far(&self, at: Instant) -> bool {
        at > self.now.after(2 * MINUTE)
    }

    pub(super) fn stalled(&mut self, lane: usize) {
        self.lanes.get_mut(lane).into_iter().for_each(|slot| slot.standing.stall());
        let Some(slot) = self.lanes.get(lane) else { return };
        let waiting: Vec<PartId> = slot.queue.all();
        let provider = self.config.name_of(slot.provider);
        let message = concat(&["The key of ", provider, STALLED, " Those who wait for it end as rate-limited."]);
        self.effect(self.context, Effect::Warn { message });
        for id in waiting {
            let mut error = self.last_refusal(id);
            error.message = concat(&["The key", STALLED, " Last heard: ", &error.message]);
            self.fail_part(id, error);
        }
    }

    /// The error of a part that its lane's limit keeps from going: the refusal that it last met, or that its lane is in.
    fn last_refusal(&self, id: PartId) -> Error {
        let last = self.part(id).and_then(|part| part.last_error.clone());
        let mut error = last.unwrap_or_else(|| {
            let mut error = Error::new(Code::RateLimited);
            error.axis = Some(Axis::Unknown);
            error
        });
        error.retry_after = self.cooldown_of(id).or(error.retry_after);
        error
    }

    /// How much longer the lane of a part pauses.
    fn cooldown_of(&self, id: PartId) -> Option<Millis> {
        let until = self.part(id).and_then(|part| self.lanes.get(part.lane))?.lane.paused_until()?;
        Some(self.now.until(until))
    }

    /// The error of a part that has waited as long as its caller wanted: in the queue, or between two tries.
    pub(super) fn out_of_patience(&self, id: PartId) -> Error {
        let Some(part) = self.part(id) else { return Error::new(Code::QueueTimeout) };
        if let (PartState::Backoff { .. }, Some(error)) = (&part.state, &part.last_error) {
            return error.clone();
        }
        let waited = span(part.waiting_since.until(self.now));
        let place = self.place(id).filter(|_| part.in_queue);
        let ahead = place.zip(self.lanes.get(part.lane)).map_or(0, |((_, place), slot)| slot.ahead(id, &place));
        let mut error = Error::new(Code::QueueTimeout);
        error.message = concat(&[
            "Waited ",
            &waited,
            " for a turn (`maxWait`), with ",
            &decimal(ahead as u64),
            " ahead: raise `maxWait`, send less, or raise the provider's limits.",
        ]);
        error.retry_after = self.turn_in(id, ahead).max(self.cooldown_of(id));
        error
    }

    /// Tells a task what it waits for, once it is clear.
    pub(super) fn tell_waiting(&mut self, id: PartId) {
        self.untold.push(id);
    }

    pub(super) fn tell_those_who_wait(&mut self) {
        let now = self.now;
        for id in core::mem::take(&mut self.untold) {
            let Some(part) = self.part(id).filter(|part| part.outcome.is_none() && part.state.is_queued()) else {
                continue;
            };
            let Some(slot) = self.lanes.get(part.lane) else { continue };
            let (reason, until) = match slot.not_until {
                _ if part.paused => ("paused", None),
                Some(NotUntil { wait: Wait::Cooldown, at: Some(at), .. }) if at > self.now => {
                    let is_day = slot.standing.refused_by == Some(Axis::Day);
                    (if is_day { "day" } else { "cooldown" }, Some(at))
                }
                Some(NotUntil { wait: Wait::Window, at: Some(at), .. }) if self.is_far(at) => ("day", Some(at)),
                Some(NotUntil { wait: Wait::Window, at, .. }) if at.is_none_or(|at| at > self.now) => ("window", at),
                _ => ("concurrency", None),
            };
            let told = Some((reason, until.map(|at| self.wall_at(at))));
            if part.told == told {
                continue;
            }
            let place = self.place(id).filter(|_| part.in_queue);
            let ahead = place.map_or(slot.queue.len(), |(_, place)| slot.ahead(id, &place));
            let eta = self.waiting_eta(id, ahead);
            if let Some(part) = self.part_mut(id) {
                (part.told, part.told_end) = (told, eta.map(|eta| now.after(eta)));
            }
            let update = Update::Waiting { reason, ahead, until: told.and_then(|(_, until)| until), eta };
            self.effect_for(id.task, Effect::Update { task: id.task, update });
        }
    }

    /// The parts of a batch wait, or go on.
    pub(super) fn pause(&mut self, batch: u32, paused: bool) {
        self.paused_batches.retain(|known| *known != batch);
        if paused {
            self.paused_batches.push(batch);
        }
        let tasks = self.tasks.iter().filter(|(_, task)| task.options.batch == Some(batch));
        let parts =
            tasks.flat_map(|(task, state)| (0..state.parts.len() as u16).map(move |index| PartId { task, index }));
        for id in gather(parts) {
            let Some(part) = self.part_mut(id) else { continue };
            let queued = part.state.is_queued();
            if part.paused != paused {
                part.paused = paused;
                if queued {
                    if paused {
                        self.dequeue(id)
                    } else {
                        self.enqueue(id)
                    }
                    self.tell_waiting(id);
                }
            }
        }
    }
}
