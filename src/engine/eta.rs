//! How much longer it takes, by what has been learned: said only where something has been, and no better than it is known.

use super::lanes::LaneSlot;
use super::{Effect, Engine, Update};
use crate::limit::LaneSnapshot;
use crate::task::{Part, PartId, PartState, TaskId};
use crate::time::{Instant, Millis};

/// What a task costs besides its work: its submit, and the time until its end is seen.
const AROUND: Millis = 550;
/// Between two words to those who wait for a lane.
const TELL_EVERY: Millis = 5_000;
/// So many from the head on hear them, however many wait: a batch hands in no more at a time.
const MOST_TOLD: usize = 256;
/// It is no news unless the end has moved by so much, and by a quarter of what is left.
const MOVED: Millis = 5_000;

impl LaneSlot {
    /// Nobody may ask for so long that all who wait should hear it at once: perhaps nothing else happens meanwhile.
    pub fn hurry_etas(&mut self, now: Instant) {
        if self.lane.paused_until().is_some_and(|until| now.until(until) > MOVED) {
            self.tell_etas_at = now;
        }
    }
}

impl Engine {
    /// The median of what is left of a task that a provider has, and whether it is past what 99 of 100 take. The last of its parts decides.
    pub(super) fn running_eta(&self, task: TaskId) -> (Option<Millis>, bool) {
        let (mut eta, mut late) = (Some(0), false);
        for part in self.tasks.get(&task).map_or(&[][..], |task| &task.parts) {
            let (left, is_late) = match part.state {
                PartState::Fetching { .. } | PartState::Over => continue,
                PartState::Running { .. } | PartState::Submitting { .. } => self.left(part, 1),
                _ => (None, false),
            };
            (eta, late) = (eta.zip(left).map(|(eta, left)| eta.max(left)), late || is_late);
        }
        (eta, late)
    }

    /// What is left of a part: so long that of `many` alike the last is over, and whether it is late.
    fn left(&self, part: &Part, many: usize) -> (Option<Millis>, bool) {
        let Some(model) = self.models.get(part.provider, &part.model) else { return (None, false) };
        let age = part.age(self.now);
        (model.durations.remaining(age, many).map(|left| left + AROUND / 2), model.durations.is_late(age))
    }

    fn mean(&self, part: &Part) -> Option<Millis> {
        Some(self.models.get(part.provider, &part.model)?.durations.mean()? + AROUND)
    }

    /// When a part that waits behind so many others should be over.
    pub(super) fn waiting_eta(&self, id: PartId, ahead: usize) -> Option<Millis> {
        let part = self.part(id).filter(|part| !part.paused)?;
        let lane = self.lanes.get(part.lane)?.lane.snapshot();
        let (mean, width) = (self.mean(part)?, u64::from(lane.limit.max(1)));
        let many = ahead as u64 + 1;
        let turns = |beside: u64| many.saturating_sub(width.saturating_sub(beside)) * mean / width;
        // Where nobody may ask for longer than what runs takes, all slots are free by then.
        let paused = lane.paused_until.map_or(0, |until| self.now.until(until) + turns(0));
        Some(turns(u64::from(lane.held)).max(paused).max(window_wait(&lane, many)) + mean)
    }

    /// Those near the head of a lane hear how much longer it takes, where that has become known, or is not what they were told.
    pub(super) fn tell_etas(&mut self, lane: usize) {
        let now = self.now;
        let Some(slot) = self.lanes.get_mut(lane).filter(|slot| slot.is_waited_for() && slot.tell_etas_at <= now)
        else {
            return;
        };
        slot.tell_etas_at = now.after(TELL_EVERY);
        for (ahead, waiting) in slot.queue.heads(MOST_TOLD).iter().enumerate() {
            let id = waiting.part;
            let Some(eta) = self.waiting_eta(id, ahead).filter(|_| self.waits_longest(id)) else { continue };
            let end = now.after(eta);
            let Some(part) = self.part_mut(id) else { continue };
            let is_news = part.told_end.is_none_or(|told| told.until(end).max(end.until(told)) > MOVED.max(eta / 4));
            if let Some((reason, until)) = part.told.filter(|_| is_news) {
                part.told_end = Some(end);
                let update = Update::Waiting { reason, ahead, until, eta: Some(eta) };
                self.effect_for(id.task, Effect::Update { task: id.task, update });
            }
        }
    }

    /// Of the parts of a task that stand in a queue it is the last.
    fn waits_longest(&self, id: PartId) -> bool {
        let parts = self.tasks.get(&id.task).map_or(&[][..], |task| &task.parts);
        !parts.iter().skip(usize::from(id.index) + 1).any(|part| part.in_queue)
    }

    /// When the last of a batch should be over, of which `more` parts are still to be handed in; `None` before anything is learned, or while it is paused.
    pub fn batch_eta(&self, batch: u32, more: u64) -> Option<Millis> {
        if self.paused_batches.contains(&batch) {
            return None;
        }
        let own =
            |part: &&(TaskId, &Part)| self.tasks.get(&part.0).is_some_and(|task| task.options.batch == Some(batch));
        let parts = || self.tasks.iter().flat_map(|(task, state)| state.parts.iter().map(move |part| (task, part)));
        let mut last: Option<Millis> = Some(0);
        for (place, slot) in self.lanes.iter().enumerate() {
            let here = || parts().filter(move |(_, part)| part.lane == place);
            let out = here().filter(|(_, part)| part.state.is_out());
            let waits = here().filter(|(_, part)| !part.state.is_out() && part.outcome.is_none() && !is_past(part));
            let (out, waiting) = (out.count() as u64, waits.count() as u64);
            let Some((_, sample)) = here().find(|part| own(&part)) else { continue };
            let own_waits = here().any(|part| own(&&part) && !part.1.state.is_out() && !is_past(part.1));
            let lane = slot.lane.snapshot();
            let width = u64::from(lane.limit.max(1));
            let waiting = if own_waits || more > 0 { waiting + more } else { 0 };
            let mut work = 0;
            let mut latest = Some(0);
            for (task, part) in here().filter(|(_, part)| part.state.is_out()) {
                let (median, _) = self.left(part, 1);
                work += median.unwrap_or(0);
                if own(&&(task, part)) {
                    latest = latest
                        .zip(self.left(part, out as usize).0.or(median))
                        .map(|(one, other): (Millis, Millis)| one.max(other));
                }
            }
            let lane_eta = if waiting == 0 {
                latest
            } else {
                self.mean(sample).map(|mean| {
                    let p95 =
                        self.models.get(sample.provider, &sample.model).map_or(mean, |model| model.durations.p95());
                    // When the last has its slot, the others are half done on average, and the slowest of them decides.
                    let rest = p95.saturating_sub(mean / 2) * (width - 1) / width;
                    ((work + waiting * mean) / width + rest).max(window_wait(&lane, waiting) + mean)
                })
            };
            last = last.zip(lane_eta).map(|(last, eta)| last.max(eta));
        }
        last.filter(|eta| *eta > 0)
    }
}

/// It has its image, or its end.
fn is_past(part: &Part) -> bool {
    matches!(part.state, PartState::Fetching { .. } | PartState::Over)
}

/// How long a lane's window takes to let so many through.
fn window_wait(lane: &LaneSnapshot, many: u64) -> Millis {
    let Some(window) = lane.window else { return 0 };
    let beyond = many.saturating_sub(u64::from(window.limit.saturating_sub(window.used)));
    beyond * window.length / u64::from(window.limit.max(1))
}
