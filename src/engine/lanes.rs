//! Between the queue and the lanes: who is written down in time, who gets a permit, who hears that it takes longer.

use alloc::string::String;
use core::mem::take;

use super::slot::{Grant, LaneSlot};
use super::timers::STORE_PATIENCE;
use super::{Effect, Engine};
use crate::gather::gather;
use crate::journal::Stage;
use crate::limit::{Counts, Lane, LaneConfig, LaneIn, LaneOut, Scope};
use crate::options::Priority;
use crate::poll::Asker;
use crate::queue::{Place, Waiting};
use crate::table::text_code;
use crate::task::{PartId, PartState};
use crate::text::concat;

/// So many parts more than there are free slots are written down ahead of their permit, so that a slot never waits for the disk.
const AHEAD: usize = 8;
/// And no more at a time, however many slots are free: a store is quicker than this many submits.
const MOST_NEAR: usize = 256;

impl Engine {
    /// The lane of a provider and, where each has limits of its own, a model; made at its first use.
    pub(super) fn lane_of(&mut self, provider: usize, model: &str) -> usize {
        let Some(config) = self.config.providers.get(provider) else { return 0 };
        let model = Some(model).filter(|model| config.limits.scope == Scope::Model && !model.is_empty());
        let name = concat(&[config.dialect.name, " ", &config.base_url, " ", &config.account]);
        let name = concat(&[name.trim_end(), if model.is_some() { " " } else { "" }, model.unwrap_or_default()]);
        if let Some(place) = self.lanes.iter().position(|slot| slot.name == name) {
            return place;
        }
        let retry = &self.config.defaults.retry;
        let settings = LaneConfig {
            limits: Asker::for_submits(&config.limits),
            presumes: config.dialect.is_synchronous(),
            base: retry.base,
            cap: retry.cap,
        };
        let mut lane = Lane::new(settings, self.rng.next_u64());
        for slot in self.lanes.iter().filter(|slot| slot.provider == provider) {
            lane.comes_beside(&slot.lane);
        }
        let counts_images = config.limits.counts == Counts::Image;
        self.lanes.push(LaneSlot::new((name, model.map(String::from)), provider, lane, counts_images));
        let lane = self.lanes.len() - 1;
        self.recall(lane);
        lane
    }

    pub(super) fn tell_lane(&mut self, lane: usize, message: LaneIn) {
        let now = self.now;
        if matches!(message, LaneIn::Ended { .. }) {
            self.probe_freed(lane);
        }
        if let Some(slot) = self.lanes.get_mut(lane) {
            slot.lane.handle(now, message);
            slot.changed = true;
        }
    }

    /// Where a part belongs in the queue of its lane.
    pub(super) fn place(&self, id: PartId) -> Option<(usize, Place)> {
        let options = &self.tasks.get(&id.task)?.options;
        let part = self.part(id)?;
        let (priority, tenant, weight) = (options.priority, text_code(&options.tenant), options.weight);
        Some((part.lane, Place { priority, tenant, weight, order: part.order }))
    }

    /// How many slots a part takes.
    pub(super) fn weight(&self, id: PartId) -> u32 {
        let part = self.part(id);
        part.and_then(|part| Some(self.lanes.get(part.lane)?.weight(part.count))).unwrap_or(1)
    }

    /// Puts a part at its place in the queue. What was sent before and came to nothing is not charged to its tenant.
    pub(super) fn enqueue(&mut self, id: PartId) {
        self.keep_waiting(id);
        let Some((lane, place)) = self.place(id) else { return };
        let Some(part) = self.part_mut(id).filter(|part| !part.paused && !part.in_queue) else { return };
        part.in_queue = true;
        let (returns, waiting) = (take(&mut part.charged), Waiting { part: id, cost: part.count });
        if let Some(slot) = self.lanes.get_mut(lane) {
            slot.queue.insert(&place, waiting, returns);
            (slot.looked, slot.changed) = (0, true);
        }
        self.count_waiting(id.task, true);
        self.count_in_batch(id, lane, true);
        self.refuse_hopeless(lane, Some(id));
    }

    /// Takes a part out of the queue, whether it stands there or not.
    pub(super) fn dequeue(&mut self, id: PartId) {
        let stands = self.part_mut(id).is_some_and(|part| take(&mut part.in_queue));
        let Some((lane, place)) = self.place(id).filter(|_| stands) else { return };
        if let Some(slot) = self.lanes.get_mut(lane) {
            slot.queue.remove(&place);
            (slot.looked, slot.changed) = (0, true);
        }
        self.count_waiting(id.task, false);
        self.count_in_batch(id, lane, false);
    }

    /// The part has its turn.
    fn have_turn(&mut self, id: PartId) {
        let Some((lane, place)) = self.place(id) else { return };
        let Some(part) = self.part_mut(id) else { return };
        (part.in_queue, part.charged) = (false, true);
        if let Some(slot) = self.lanes.get_mut(lane) {
            slot.queue.take(&place);
            (slot.looked, slot.changed) = (0, true);
        }
        self.count_waiting(id.task, false);
        self.count_in_batch(id, lane, false);
    }

    /// Back to the queue, at the old place.
    pub(super) fn requeue(&mut self, id: PartId) {
        if let Some(part) = self.part_mut(id) {
            part.go(PartState::Planned);
            self.enqueue(id);
            self.tell_waiting(id);
        }
    }

    pub(super) fn wake_lanes(&mut self) {
        let now = self.now;
        for slot in self.lanes.iter_mut().filter(|slot| slot.lane.deadline().is_some_and(|at| at <= now)) {
            slot.lane.handle(now, LaneIn::Wake);
            slot.changed = true;
        }
    }

    /// Lets every lane that something happened to come to rest.
    pub(super) fn drive_lanes(&mut self) {
        for lane in 0..self.lanes.len() {
            if let Some(slot) = self.lanes.get_mut(lane).filter(|slot| !slot.grants.is_empty()) {
                // Perhaps it is now that the one whose turn it is has come by.
                slot.changed = true;
            }
            while self.lanes.get_mut(lane).is_some_and(|slot| core::mem::take(&mut slot.changed)) {
                self.plan_ahead(lane);
                self.tell_demand(lane);
                self.hear_lane(lane);
                self.bind_grants(lane);
            }
            self.save_learned(lane);
        }
        self.tell_those_who_wait();
        (0..self.lanes.len()).for_each(|lane| self.tell_etas(lane));
        self.tell_etas_behind();
    }

    fn tell_demand(&mut self, lane: usize) {
        let now = self.now;
        let Some(slot) = self.lanes.get_mut(lane) else { return };
        let demand = [slot.demand(Priority::Interactive), slot.demand(Priority::Batch)];
        for (index, band) in [Priority::Interactive, Priority::Batch].into_iter().enumerate() {
            if let Some((waiting, weight)) = demand.get(index).filter(|_| slot.told.get(index) != demand.get(index)) {
                slot.lane.handle(now, LaneIn::Demand { band, waiting: *waiting, weight: *weight });
            }
        }
        slot.told = demand;
    }

    fn hear_lane(&mut self, lane: usize) {
        while let Some(message) = self.lanes.get_mut(lane).and_then(|slot| slot.lane.poll()) {
            let Some(slot) = self.lanes.get_mut(lane) else { return };
            match message {
                LaneOut::Grant { token, until } => {
                    let weight = slot.asked_weight();
                    slot.grants.push(Grant { token, until, weight });
                }
                LaneOut::Revoked { token } => slot.grants.retain(|grant| grant.token != token),
                LaneOut::NotUntil(not_until) => {
                    slot.not_until = Some(not_until);
                    slot.hurry_etas(self.now);
                    let heads = slot.queue.heads(AHEAD);
                    heads.iter().for_each(|waiting| self.tell_waiting(waiting.part));
                    self.refuse_hopeless(lane, None);
                }
                LaneOut::Stalled => self.stalled(lane),
                LaneOut::Learned(learned) => self.learned(lane, learned),
                LaneOut::Snapshot(_) => {
                    let owner = self.context;
                    self.effect(owner, Effect::Limit { lane });
                }
            }
        }
    }

    /// Writes down those that are near the head.
    fn plan_ahead(&mut self, lane: usize) {
        let Some(slot) = self.lanes.get_mut(lane) else { return };
        let believed = slot.lane.snapshot();
        let free = (believed.limit.saturating_sub(believed.held) as usize).min(MOST_NEAR) + slot.grants.len();
        let near = free.min(MOST_NEAR) + AHEAD;
        if near <= slot.looked {
            return;
        }
        slot.looked = near;
        slot.near = gather(slot.queue.heads(near).iter().map(|waiting| waiting.part));
        for id in slot.near.clone() {
            if self.part(id).is_some_and(|part| matches!(part.state, PartState::Waiting)) {
                let wall = self.wall_at(self.now);
                if let Some(part) = self.part_mut(id) {
                    part.go(PartState::Planning);
                    part.planned_wall = wall;
                }
                let seq = self.write_down(id, Stage::Planned);
                self.planning.insert(seq, id);
                if self.store_is_silent {
                    self.planned(id);
                } else {
                    self.set_due(id, Some(self.now.after(STORE_PATIENCE)));
                }
            }
        }
    }

    /// Gives each grant to the first part that is ready and whose owner is here to use it; what nobody needs goes back.
    fn bind_grants(&mut self, lane: usize) {
        let now = self.now;
        self.lanes.get_mut(lane).into_iter().for_each(|slot| slot.grants.retain(|grant| grant.until > now));
        loop {
            let Some(slot) = self.lanes.get_mut(lane) else { return };
            let count = slot.grants.len();
            if slot.queue.len() < count {
                slot.give_back(now);
                continue;
            }
            if count == 0 {
                return;
            }
            self.plan_ahead(lane);
            let Some(slot) = self.lanes.get(lane) else { return };
            let ready = slot.near.iter().copied().filter(|id| {
                self.part(*id).is_some_and(|part| matches!(part.state, PartState::Planned)) && self.comes_by(id.task)
            });
            let Some(id) = ready.take(count).find(|id| self.is_here(id.task)) else { return };
            let weight = self.weight(id);
            let Some(slot) = self.lanes.get_mut(lane) else { return };
            let Some(token) = slot.grants.iter().find(|grant| grant.weight >= weight).map(|grant| grant.token) else {
                // Leave that was given for fewer images than are next goes back, for one that fits; if others are next, it waits for them.
                if slot.near.first() == Some(&id) && slot.asked_weight() >= weight {
                    slot.give_back(now);
                }
                return;
            };
            slot.grants.retain(|grant| grant.token != token);
            self.have_turn(id);
            self.tell_demand(lane);
            self.send_submit(id, token);
        }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::engine::Input;
    use crate::limit::Limits;
    use crate::options::{CallOptions, Config, ProviderConfig};
    use crate::provider::openai::OPENAI;
    use crate::request::ImageRequest;
    use crate::time::Instant;
    use alloc::boxed::Box;

    /// An engine that was asked for these models, three images each, and has written down what it was about to send.
    fn asked_for(models: &[&str], limits: Limits) -> Engine {
        let provider = ProviderConfig { limits, ..ProviderConfig::new("openai", &OPENAI) };
        let mut engine = Engine::new(Config { providers: vec![provider], ..Config::default() }, 1);
        for (task, model) in models.iter().enumerate() {
            let mut request = Box::new(ImageRequest::new(model, "an apple"));
            request.n = 3;
            let options = Box::new(CallOptions::from_defaults(&engine.config().defaults, Priority::Interactive));
            let input = Input::Submit { task: task as u32, owner: 0, request: Ok(request), options, records: vec![] };
            engine.handle(Instant::from_millis(1), 1, input);
        }
        while let Some(effect) = engine.poll(0) {
            if let Effect::Store { seq, .. } = effect {
                engine.handle(Instant::from_millis(2), 2, Input::Stored { seq, ok: true });
            }
        }
        engine
    }

    const MODELS: [&str; 3] = ["gpt-image-1", "gpt-image-1-mini", "gpt-image-1"];

    #[test]
    fn models_share_a_lane_unless_each_has_limits_of_its_own() {
        let shared = asked_for(&MODELS, Limits::told(1));
        assert_eq!((shared.lanes().count(), shared.lane_model(0)), (1, None));
        let own = asked_for(&MODELS, Limits { scope: Scope::Model, ..Limits::told(1) });
        assert_eq!((own.lane_model(0), own.lane_model(1)), (Some("gpt-image-1"), Some("gpt-image-1-mini")));
        assert!(
            own.lanes()
                .all(|(name, _, lane)| lane.held == 1 && name.starts_with("openai https://api.openai.com/v1 gpt"))
        );
    }

    #[test]
    fn a_submit_takes_as_many_slots_as_images_where_those_are_counted() {
        let held = |counts| {
            let engine = asked_for(&MODELS[..2], Limits { counts, ..Limits::told(6) });
            gather(engine.lanes().map(|(_, _, lane)| lane.held))
        };
        assert_eq!((held(Counts::Task), held(Counts::Image)), (vec![2], vec![6]));
    }
}
