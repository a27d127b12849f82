//! How much longer it takes, by what has been learned: said only where something has been, and no better than it is known.

use super::Engine;
use crate::limit::LaneSnapshot;
use crate::task::{Part, PartId, PartState, TaskId};
use crate::time::Millis;

/// What a task costs besides its work: its submit, and the time until its end is seen.
const AROUND: Millis = 550;

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
        let behind = (ahead as u64 + 1).saturating_sub(width.saturating_sub(u64::from(lane.held)));
        let slots = behind * mean / width;
        let paused = lane.paused_until.map_or(0, |until| self.now.until(until));
        Some(slots.max(window_wait(&lane, ahead as u64 + 1)).max(paused) + mean)
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
