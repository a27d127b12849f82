//! How much longer it takes, by what has been learned: said only where something has been, and no better than it is known.

use super::slot::LaneSlot;
use super::{Effect, Engine, Update};
use crate::limit::LaneSnapshot;
use crate::poll::PRESUMED_DURATION;
use crate::task::{Part, PartId, PartState, TaskId};
use crate::time::{Instant, Millis};

/// What a task costs besides its work: its submit, and the time until its end is seen.
const AROUND: Millis = 550;
/// Between two words to those who wait for a lane.
const TELL_EVERY: Millis = 5_000;
/// So many from the head on hear them, however many wait: a batch hands in no more at a time.
const MOST_TOLD: usize = 256;
/// And so many tasks of those further back, in turn: of n that wait each hears it every n · 80 ms, in which little of its own wait has passed.
const BEHIND_TOLD: usize = 64;
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

    /// In how long a part behind so many others should have its turn; before anything is learned of its model, by what images are presumed to take.
    pub(super) fn turn_in(&self, id: PartId, ahead: usize) -> Option<Millis> {
        let part = self.part(id)?;
        let width = u64::from(self.lanes.get(part.lane)?.lane.snapshot().limit.max(1));
        Some((ahead as u64 + 1) * self.mean(part).unwrap_or(PRESUMED_DURATION) / width)
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
            self.tell_eta(waiting.part, ahead);
        }
    }

    /// Of those further back some hear it, and the next time the next.
    pub(super) fn tell_etas_behind(&mut self) {
        let (at, mut next) = self.told_behind;
        if at > self.now || self.lanes.iter().all(|slot| slot.queue.len() <= MOST_TOLD) {
            return;
        }
        for _ in 0..BEHIND_TOLD {
            let Some((task, state)) = self.tasks.starting_at(next).next() else {
                next = 0;
                break;
            };
            next = task + 1;
            // Its last part waits longest.
            let index = state.parts.len().saturating_sub(1) as u16;
            let id = PartId { task, index };
            let Some((lane, place)) = self.place(id).filter(|_| self.part(id).is_some_and(|part| part.in_queue)) else {
                continue;
            };
            let ahead = self.lanes.get(lane).map_or(0, |slot| slot.queue.ahead(&place));
            if ahead >= MOST_TOLD {
                self.tell_eta(id, ahead);
            }
        }
        self.told_behind = (self.now.after(TELL_EVERY), next);
    }

    /// A part that waits behind so many others hears when it should be over, if that is news.
    fn tell_eta(&mut self, id: PartId, ahead: usize) {
        let Some(eta) = self.waiting_eta(id, ahead).filter(|_| self.waits_longest(id)) else { return };
        let end = self.now.after(eta);
        let Some(part) = self.part_mut(id) else { return };
        let is_news = part.told_end.is_none_or(|told| told.until(end).max(end.until(told)) > MOVED.max(eta / 4));
        if let Some((reason, until)) = part.told.filter(|_| is_news) {
            part.told_end = Some(end);
            let update = Update::Waiting { reason, ahead, until, eta: Some(eta) };
            self.effect_for(id.task, Effect::Update { task: id.task, update });
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
        let is_own = |id: PartId| self.tasks.get(&id.task).is_some_and(|task| task.options.batch == Some(batch));
        let mut last: Option<Millis> = Some(0);
        for (place, slot) in self.lanes.iter().enumerate() {
            let out = || self.parts_out().filter(move |(_, part)| part.lane == place);
            let waits = self.waits.get(&waits_code(batch, place));
            let sample = waits
                .and_then(|waits| self.part(waits.latest).or_else(|| self.part(slot.queue.heads(1).first()?.part)));
            let own = || out().filter(|(id, _)| is_own(*id)).map(|(_, part)| part);
            let Some(sample) = sample.or_else(|| own().next()) else { continue };
            let lane = slot.lane.snapshot();
            let width = u64::from(lane.limit.max(1));
            let is_over_with_them = waits.is_none() && more == 0;
            let lane_eta = if is_over_with_them {
                let count = out().count();
                let mut ends = own().map(|part| self.left(part, count).0.or(self.left(part, 1).0));
                ends.try_fold(0, |latest: Millis, end| Some(latest.max(end?)))
            } else {
                let waiting = (slot.queue.len() as u64).saturating_add(more);
                let work = out().filter_map(|(_, part)| self.left(part, 1).0).fold(0, Millis::saturating_add);
                self.mean(sample).map(|mean| {
                    let p95 =
                        self.models.get(sample.provider, &sample.model).map_or(mean, |model| model.durations.p95());
                    // When the last has its slot, the others are half done on average, and the slowest of them decides.
                    let rest = p95.saturating_sub(mean / 2) * (width - 1) / width;
                    let slots = work.saturating_add(waiting.saturating_mul(mean)) / width;
                    slots.saturating_add(rest).max(window_wait(&lane, waiting).saturating_add(mean))
                })
            };
            last = last.zip(lane_eta).map(|(last, eta)| last.max(eta));
        }
        last.filter(|eta| *eta > 0)
    }

    /// What providers have, or may have.
    fn parts_out(&self) -> impl Iterator<Item = (PartId, &Part)> {
        let parts = self.out.values().filter_map(|id| Some((*id, self.part(*id)?)));
        parts.filter(|(_, part)| part.state.is_out())
    }

    /// A part is out, or at its end: what came back to the queue in between stays known until then.
    pub(super) fn note_out(&mut self, id: PartId, is_out: bool) {
        if is_out {
            self.out.insert(id.code(), id);
        } else {
            self.out.remove(&id.code());
        }
    }

    /// One part more or less of a batch stands in the queue of a lane.
    pub(super) fn count_in_batch(&mut self, id: PartId, lane: usize, more: bool) {
        let Some(batch) = self.tasks.get(&id.task).and_then(|task| task.options.batch) else { return };
        let code = waits_code(batch, lane);
        let count = self.waits.get(&code).map_or(0, |waits| waits.count);
        if more {
            self.waits.insert(code, Waits { count: count + 1, latest: id });
        } else if count > 1 {
            self.waits.get_mut(&code).into_iter().for_each(|waits| waits.count -= 1);
        } else {
            self.waits.remove(&code);
        }
    }
}

/// The parts of a batch that stand in the queue of a lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    count: u32,
    /// The one that came last.
    latest: PartId,
}

fn waits_code(batch: u32, lane: usize) -> u64 {
    u64::from(batch) << 32 | lane as u64
}

/// How long a lane's window takes to let so many through.
fn window_wait(lane: &LaneSnapshot, many: u64) -> Millis {
    let Some(window) = lane.window else { return 0 };
    let beyond = many.saturating_sub(u64::from(window.limit.saturating_sub(window.used)));
    beyond.saturating_mul(window.length) / u64::from(window.limit.max(1))
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::engine::{Input, Outcome};
    use crate::http::{Answer, Body, Fault, Purpose};
    use crate::json::{Json, ObjectBuilder};
    use crate::options::{CallOptions, Config, Priority, ProviderConfig};
    use crate::provider::hiapi::HIAPI;
    use crate::request::ImageRequest;
    use crate::rng::Rng;
    use alloc::boxed::Box;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    const MODELS: [&str; 2] = ["gpt-image-1", "gpt-image-2"];

    /// An engine of two lanes, and what it waits for.
    struct Walk {
        engine: Engine,
        rng: Rng,
        now: u64,
        calls: Vec<(crate::task::CallId, Purpose)>,
        tasks: u32,
    }

    impl Walk {
        fn new(seed: u64) -> Walk {
            let mut provider = ProviderConfig::new("hiapi", &HIAPI);
            provider.limits.scope = crate::limit::Scope::Model;
            let config = Config { providers: vec![provider], ..Config::default() };
            Walk { engine: Engine::new(config, seed), rng: Rng::new(seed), now: 0, calls: vec![], tasks: 0 }
        }

        fn tell(&mut self, input: Input) {
            self.engine.handle(Instant::from_millis(self.now), self.now, input);
            while let Some(effect) = self.engine.poll(0) {
                let answer = match effect {
                    Effect::Store { seq, .. } => Input::Stored { seq, ok: true },
                    Effect::Load { seq, .. } => Input::Loaded { seq, record: None },
                    Effect::Send { call, purpose, .. } => {
                        self.calls.push((call, purpose));
                        continue;
                    }
                    Effect::Abort { call } => {
                        self.calls.retain(|(known, _)| *known != call);
                        continue;
                    }
                    Effect::Settle { outcome, .. } => {
                        assert!(!matches!(*outcome, Outcome::Checked(_)));
                        continue;
                    }
                    _ => continue,
                };
                self.engine.handle(Instant::from_millis(self.now), self.now, answer);
            }
        }

        fn submit(&mut self) {
            self.tasks += 1;
            let (task, model) = (self.tasks, MODELS[self.rng.up_to(1) as usize]);
            let mut request = Box::new(ImageRequest::new(model, "an apple"));
            request.n = 1 + self.rng.up_to(1) as u16;
            let defaults = self.engine.config().defaults.clone();
            let mut options = Box::new(CallOptions::from_defaults(&defaults, Priority::Batch));
            options.batch = (self.rng.up_to(2) > 0).then(|| self.rng.up_to(1) as u32);
            self.tell(Input::Submit { task, owner: 0, request: Ok(request), options, records: vec![] });
        }

        fn answer(&mut self) {
            if self.calls.is_empty() {
                return;
            }
            let place = self.rng.up_to(self.calls.len() as u64 - 1) as usize;
            let (call, purpose) = self.calls.swap_remove(place);
            let id = alloc::format!("tk-{call}");
            let data = ObjectBuilder::new().with("taskId", id.as_str());
            let image = ObjectBuilder::new().with("url", "https://cdn.example.com/a.png").with("type", "image").build();
            let (status, data) = match (self.rng.up_to(9), purpose) {
                (0, _) => return self.tell(Input::Failed { call, fault: Fault::Network, message: String::new() }),
                (1, _) => (503, data),
                (2, Purpose::Submit) => (429, data),
                (4, _) => (402, data),
                (5..8, Purpose::Poll) => (200, data.with("status", "success").with("output", Json::List(vec![image]))),
                (_, Purpose::Poll) => (200, data.with("status", "handling")),
                _ => (200, data),
            };
            let json = ObjectBuilder::new().with("code", u64::from(status)).with("data", data.build()).build();
            self.tell(Input::Answer { call, answer: Answer { status, headers: vec![], body: Body::Json(json) } });
        }

        fn step(&mut self) {
            match self.rng.up_to(9) {
                0..3 => self.submit(),
                3..7 => self.answer(),
                7 => {
                    self.engine.cancel(
                        Instant::from_millis(self.now),
                        self.now,
                        self.rng.up_to(u64::from(self.tasks)) as u32,
                    );
                    self.tell(Input::Wake { owner: 0 });
                }
                8 if self.rng.up_to(9) == 0 => {
                    let (batch, paused) = (self.rng.up_to(1) as u32, self.rng.up_to(1) == 0);
                    self.tell(Input::Pause { batch, paused });
                }
                _ => {
                    self.now += self.rng.up_to(3_000);
                    self.tell(Input::Wake { owner: 0 });
                }
            }
        }

        /// What a look at every part gives.
        fn audit(&self) {
            let engine = &self.engine;
            let tasks = || {
                engine.tasks.iter().flat_map(|(task, state)| state.parts.iter().map(move |part| (task, state, part)))
            };
            let out = tasks().filter(|(_, _, part)| part.state.is_out()).count();
            assert_eq!(engine.parts_out().count(), out);
            assert!(engine.out.len() <= tasks().count());
            let mut waits = 0;
            for (lane, batch) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let own = |task: &crate::task::Task| task.options.batch == Some(batch);
                let count = tasks().filter(|(_, task, part)| own(task) && part.in_queue && part.lane == lane).count();
                let known = engine.waits.get(&waits_code(batch, lane)).map_or(0, |waits| waits.count);
                assert_eq!(known as usize, count, "batch {batch} in lane {lane}");
                waits += usize::from(count > 0);
            }
            assert_eq!(engine.waits.len(), waits);
        }
    }

    #[test]
    fn what_is_counted_is_what_a_look_at_every_part_gives() {
        let (mut most_out, mut told) = (0, 0);
        for seed in 1..=20 {
            let mut walk = Walk::new(seed);
            for _ in 0..600 {
                walk.step();
                walk.audit();
                most_out = most_out.max(walk.engine.parts_out().count());
                told += usize::from(walk.engine.batch_eta(1, 0).is_some());
            }
            walk.tell(Input::Close);
            while !walk.calls.is_empty() {
                walk.answer();
            }
            walk.now += 1 << 40;
            walk.tell(Input::Wake { owner: 0 });
            walk.audit();
            assert_eq!((walk.engine.out.len(), walk.engine.waits.len()), (0, 0));
        }
        assert!(most_out > 10 && told > 50, "{most_out} out at most, {told} words");
    }
}
