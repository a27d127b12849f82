//! When each task is asked after, and what polls teach of how long its model takes.

use super::Engine;
use crate::limit::Phase;
use crate::options::Priority;
use crate::poll::{self, Durations, Model, Pace, Summary};
use crate::retry::backoff;
use crate::task::{Part, PartId};
use crate::time::{Instant, Millis};

/// While a lane finds out how much it may hold, one of the newest tasks is asked after so soon: a provider that queues what it accepts shows it then.
const EARLY: Millis = 700;
/// A task that waits at the provider is asked after at least so often: from when it runs on, its age tells when it ends.
const QUEUED: Millis = 2_000;
/// A poll that left so much later than planned says nothing of when the task ended.
const LATE: Millis = 1_000;

impl Part {
    /// From when on it may run: since its acceptance, or since it was last seen to wait at the provider.
    fn runs_from(&self) -> Option<Instant> {
        self.sent.accepted_at.or(self.sent.submitted_at).max(self.sent.queued_at)
    }

    /// How long it has run at an instant, ms.
    pub(super) fn age(&self, at: Instant) -> Millis {
        self.runs_from().map_or(0, |from| from.until(at))
    }
}

impl Engine {
    /// The provider has the task: when it is asked after first.
    pub(super) fn plan_first_poll(&mut self, id: PartId) {
        let Some(due) = self.plan(id, self.pace(id), None) else { return };
        let (now, early) = (self.now, self.now.after(EARLY));
        let Some(part) = self.part_mut(id) else { return };
        part.sent.ripe = due;
        let (provider, model, lane) = (part.provider, part.model.clone(), part.lane);
        let learns = self.lanes.get(lane).is_some_and(|slot| slot.lane.snapshot().phase != Phase::Steady);
        if let Some(model) = self.models.used(provider, &model) {
            model.newest = id;
        }
        let early = if learns && early < due { early } else { due };
        self.set_due(id, Some(early.max(now)));
    }

    /// Asked after ahead of its time: whether that would tell anything. It does of the newest, and of one in each wave.
    pub(super) fn is_too_early(&mut self, id: PartId) -> bool {
        let now = self.now;
        let Some(part) = self.part(id) else { return false };
        let (ripe, accepted_at) = (part.sent.ripe, part.sent.accepted_at);
        if ripe <= now {
            return false;
        }
        let (provider, model) = (part.provider, part.model.clone());
        let Some(model) = self.models.used(provider, &model) else { return false };
        if model.newest == id || Some(model.early) < accepted_at {
            model.early = now;
            return false;
        }
        self.set_due(id, Some(ripe));
        true
    }

    /// Asks again later. Faults stretch the wait with full jitter above the usual gap, up to 30 s: they delay a task and never fail it.
    pub(super) fn poll_again(&mut self, id: PartId, hint: Option<Millis>, fault: bool, progress: Option<f64>) {
        let Some(part) = self.part_mut(id) else { return };
        part.sent.poll_faults = if fault { part.sent.poll_faults + 1 } else { 0 };
        let faults = part.sent.poll_faults;
        let Some(mut due) = self.plan(id, self.pace(id), progress) else { return };
        if faults > 0 {
            due = due.after(backoff::full_jitter(&mut self.rng, faults - 1, poll::FIRST, 30_000));
        }
        if let Some(hint) = hint {
            due = due.max(self.now.after(backoff::after_hint(&mut self.rng, hint)));
        }
        self.set_ripe(id, due);
    }

    /// Asks again later, with others in one request.
    pub(super) fn list_again(&mut self, id: PartId) {
        let Some(part) = self.part_mut(id) else { return };
        part.sent.poll_faults = 0;
        let pace = self.pace(id);
        let Some(due) = self.plan(id, if pace == poll::WATCHED { poll::LISTED } else { pace }, None) else { return };
        self.set_ripe(id, due);
    }

    /// It should be asked after then, and is.
    fn set_ripe(&mut self, id: PartId, due: Instant) {
        if let Some(part) = self.part_mut(id) {
            part.sent.ripe = due;
        }
        self.set_due(id, Some(due));
    }

    fn plan(&mut self, id: PartId, pace: Pace, progress: Option<f64>) -> Option<Instant> {
        let part = self.part(id)?;
        let now = self.now;
        let Some(from) = part.runs_from() else { return Some(now.after(poll::FIRST)) };
        let age = from.until(now);
        // Never seen to run is seen at its beginning.
        let seen = from.until(part.sent.seen_at);
        let nothing = Durations::default();
        let durations = self.models.get(part.provider, &part.model).map_or(&nothing, |model| &model.durations);
        let mut gap = poll::next(durations, pace, seen, age) - age;
        if part.sent.queued_at == Some(part.sent.seen_at) {
            gap = gap.min(QUEUED);
        }
        if let Some(progress) = progress {
            gap = poll::by_progress(gap, age, progress);
        }
        let at = now.millis() + gap;
        Some(Instant::from_millis(poll::jitter(&mut self.rng, at, pace.longest.min(gap))))
    }

    /// A slot that is free and not known to be is a slot lost, so tasks of a batch are only at leisure when nobody waits for theirs.
    fn pace(&self, id: PartId) -> Pace {
        let Some(part) = self.part(id) else { return poll::UNWATCHED };
        let waits = self.lanes.get(part.lane).is_some_and(|slot| slot.is_waited_for());
        if waits {
            return poll::WATCHED;
        }
        match self.tasks.get(&id.task).map(|task| task.options.priority) {
            _ if part.outcome.is_some() => poll::UNWATCHED,
            Some(Priority::Interactive) | None => poll::WATCHED,
            Some(Priority::Batch) => poll::AT_LEISURE,
        }
    }

    /// A poll saw the task go on.
    pub(super) fn seen_running(&mut self, id: PartId, asked_at: Instant, queued: bool) {
        let Some(part) = self.part_mut(id) else { return };
        part.sent.seen_at = asked_at;
        if queued {
            part.sent.queued_at = Some(asked_at);
        }
    }

    /// A task is seen to be done: that is how long they take.
    pub(super) fn learn_duration(&mut self, id: PartId) {
        let synchronous = self.is_synchronous(id);
        let now = self.now;
        let Some(part) = self.part(id) else { return };
        let known = part
            .sent
            .accepted_at
            .and(part.runs_from())
            .map(|from| (from.until(part.sent.seen_at), part.age(part.sent.asked_at)));
        let on_time = part.sent.ripe.after(LATE) >= part.sent.asked_at && part.sent.poll_faults == 0;
        let submitted_at = part.sent.submitted_at;
        let (lane, provider, model) = (part.lane, part.provider, part.model.clone());
        let Some(Model { durations, quickest, .. }) = self.models.used(provider, &model) else { return };
        if let Some(took) = submitted_at.map(|at| at.until(now)) {
            *quickest = Some(quickest.unwrap_or(took).min(took));
        }
        match (known, submitted_at) {
            (None, Some(at)) if synchronous => durations.note(at.until(now)),
            (Some((seen, age)), _) if on_time || seen >= age - age / 8 => durations.saw(seen, age),
            _ => {}
        }
        self.duration_learned(lane, provider, &model);
    }

    /// How long half of such tasks take; before that is known, so long as this one has taken.
    pub(super) fn usual_duration(&self, id: PartId) -> Millis {
        let Some(part) = self.part(id) else { return 0 };
        let model = self.models.get(part.provider, &part.model);
        model.and_then(|model| model.durations.percentile(50)).unwrap_or(part.age(self.now))
    }

    /// How long such tasks usually run.
    pub(super) fn durations_p95(&self, id: PartId) -> Millis {
        let model = self.part(id).and_then(|part| self.models.get(part.provider, &part.model));
        model.map_or(poll::PRESUMED_DURATION, |model| model.durations.p95())
    }

    /// What has been learned of each model: its provider's place, its name, and how long its tasks take.
    pub fn models(&self) -> impl Iterator<Item = (usize, &str, Summary)> {
        self.models.iter().filter_map(|model| Some((model.provider, model.name.as_str(), model.durations.summary()?)))
    }

    /// What an earlier process learned of a model; where this one has learned something, that counts more.
    pub fn recall_model(&mut self, provider: usize, model: &str, summary: Summary) {
        if let Some(model) = self.models.used(provider, model).filter(|model| !model.durations.is_known()) {
            model.durations = Durations::seeded(summary);
        }
    }
}
