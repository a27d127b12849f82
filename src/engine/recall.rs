//! What lanes find out outlives the process, in the store. A hint only: nothing waits for the store, and where it fails nothing changes.

use alloc::string::String;

use super::learning::Learning;
use super::{Effect, Engine};
use crate::gather::gather;
use crate::journal::{LaneRecord, Stored};
use crate::limit::{LaneIn, Learned};

impl Engine {
    /// Asks the store what an earlier process learned of a lane. The lane begins without.
    pub(super) fn recall(&mut self, lane: usize) {
        self.next_seq += 1;
        let seq = self.next_seq;
        let now = self.now;
        let Some(slot) = self.lanes.get_mut(lane) else { return };
        slot.learning.asked = Some((seq, now));
        let key = LaneRecord::key(&slot.name);
        self.effect(self.context, Effect::Load { seq, key });
    }

    /// The store has answered; whether it was a lane's look-up.
    pub(super) fn recalled(&mut self, seq: u64, record: Option<&Stored>) -> bool {
        let is_asked = |learning: &Learning| learning.asked.is_some_and(|(asked, _)| asked == seq);
        let Some(lane) = self.lanes.iter().position(|slot| is_asked(&slot.learning)) else { return false };
        let wall = self.wall_at(self.now);
        let Some(slot) = self.lanes.get_mut(lane) else { return true };
        slot.learning.asked = None;
        let Some(Stored::Lane(known)) = record else { return true };
        if known.holds(&slot.name, wall) {
            let provider = slot.provider;
            slot.learning.kept.clone_from(&known.models);
            if let Some(learned) = known.learned {
                slot.learning.latest.get_or_insert(learned);
                self.tell_lane(lane, LaneIn::Recall(learned));
            }
            for (model, summary) in &known.models {
                self.recall_model(provider, model, *summary);
            }
        }
        true
    }

    /// A task of a lane is over, and its model's durations are known the better for it.
    pub(super) fn duration_learned(&mut self, lane: usize, provider: usize, model: &str) {
        let Some(now) = self.models.get(provider, model).and_then(|model| model.durations.summary()) else { return };
        self.lanes.get_mut(lane).into_iter().for_each(|slot| slot.learning.took(model, now));
    }

    /// A lane has found something out.
    pub(super) fn learned(&mut self, lane: usize, learned: Learned) {
        self.lanes.get_mut(lane).into_iter().for_each(|slot| slot.learning.learned(learned));
    }

    /// What was learned of a provider's limits, by the first of its lanes that has learned any.
    pub(super) fn learned_of(&self, provider: usize) -> Option<Learned> {
        self.lanes.iter().filter(|slot| slot.provider == provider).find_map(|slot| slot.learning.latest)
    }

    /// Writes down what was found out: every ten seconds at most, and once more when the lane has nothing left to do or the client closes, for after
    /// that a process may end at any time.
    pub(super) fn save_learned(&mut self, lane: usize) {
        let (now, at) = (self.now, self.wall_at(self.now));
        let closing = self.closing;
        let Some(slot) = self.lanes.get_mut(lane) else { return };
        let (queue, machine) = (&slot.queue, &slot.lane);
        let is_idle = || queue.len() == 0 && machine.snapshot().held == 0;
        if !slot.learning.is_due(now, || closing || is_idle()) {
            return;
        }
        let (lane_name, learned, provider) = (slot.name.clone(), slot.learning.latest, slot.provider);
        let own = self.models().filter(|(place, ..)| *place == provider);
        let models = gather(own.map(|(_, name, summary)| (String::from(name), summary)));
        if let Some(slot) = self.lanes.get_mut(lane) {
            slot.learning.kept.clone_from(&models);
        }
        let record = LaneRecord { lane: lane_name, at, learned, models };
        self.next_seq += 1;
        let effect = Effect::Store { seq: self.next_seq, key: LaneRecord::key(&record.lane), record: record.write() };
        self.effect(self.context, effect);
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::engine::Input;
    use crate::engine::timers::STORE_PATIENCE;
    use crate::options::{CallOptions, Config, Priority, ProviderConfig};
    use crate::poll::Summary;
    use crate::provider::hiapi::HIAPI;
    use crate::request::ImageRequest;
    use crate::time::Instant;
    use alloc::boxed::Box;
    use alloc::vec;

    const WALL: u64 = 1_795_309_783_000;
    const TOOK: Summary = Summary { p5: 8_000, p50: 12_000, p95: 20_000 };
    const LANE: &str = "hiapi https://api.hiapi.ai";

    fn at(engine: &mut Engine, now: u64, input: Input) {
        engine.handle(Instant::from_millis(now), WALL + now, input);
    }

    /// A client that has just been asked for a picture, and the number of its look-up.
    fn asked() -> (Engine, u64) {
        let config = Config { providers: vec![ProviderConfig::new("hiapi", &HIAPI)], ..Config::default() };
        let mut engine = Engine::new(config, 1);
        let options = Box::new(CallOptions::from_defaults(&engine.config().defaults, Priority::Interactive));
        let request = Ok(Box::new(ImageRequest::new("gpt-image-2", "an apple")));
        at(&mut engine, 0, Input::Submit { task: 1, owner: 0, request, options, records: vec![] });
        let loads = effects(&mut engine).into_iter().filter_map(|effect| match effect {
            Effect::Load { seq, key } => Some((seq, key)),
            _ => None,
        });
        let loads: Vec<_> = loads.collect();
        assert_eq!(loads.len(), 1);
        assert_eq!(loads[0].1, LaneRecord::key(LANE));
        (engine, loads[0].0)
    }

    fn effects(engine: &mut Engine) -> Vec<Effect> {
        core::iter::from_fn(|| engine.poll(0)).collect()
    }

    /// The lanes' records that were written since.
    fn written(engine: &mut Engine) -> Vec<String> {
        let stores = effects(engine).into_iter().filter_map(|effect| match effect {
            Effect::Store { key, record, .. } if key == LaneRecord::key(LANE) => Some(record),
            _ => None,
        });
        stores.collect()
    }

    fn limit(limit: u32) -> Learned {
        Learned { limit, bounded: true, window: None }
    }

    fn record(limit_at: u32, at: u64) -> Option<Stored> {
        Some(Stored::Lane(LaneRecord {
            lane: String::from(LANE),
            at,
            learned: Some(limit(limit_at)),
            models: vec![(String::from("gpt-image-2"), TOOK)],
        }))
    }

    fn of_another(record: Option<Stored>) -> Option<Stored> {
        let Some(Stored::Lane(record)) = record else { return None };
        Some(Stored::Lane(LaneRecord { lane: String::from("another"), ..record }))
    }

    #[test]
    fn durations_are_written_when_they_are_news_and_recalled() {
        let (mut engine, seq) = asked();
        at(&mut engine, 1, Input::Loaded { seq, record: None });
        engine.recall_model(0, "gpt-image-2", TOOK);
        engine.duration_learned(0, 0, "gpt-image-2");
        at(&mut engine, 2, Input::Wake { owner: 0 });
        let texts = written(&mut engine);
        assert_eq!(texts.len(), 1);
        let tree = crate::journal::tests::tree(serde_json::from_str(&texts[0]).unwrap());
        let record = Stored::read(&tree);
        let (mut second, seq) = asked();
        at(&mut second, 1, Input::Loaded { seq, record });
        let known: Vec<_> = second.models().map(|(_, name, summary)| (String::from(name), summary)).collect();
        assert_eq!(known, [(String::from("gpt-image-2"), TOOK)]);
        assert!(second.waiting_eta(crate::task::PartId { task: 1, index: 0 }, 0).is_some(), "told at once");
        second.duration_learned(0, 0, "gpt-image-2");
        at(&mut second, 20_000, Input::Wake { owner: 0 });
        assert!(written(&mut second).is_empty(), "no news");
    }

    #[test]
    fn nothing_is_written_over_what_has_not_been_read() {
        let (mut engine, seq) = asked();
        engine.learned(0, limit(7));
        at(&mut engine, 5_000, Input::Wake { owner: 0 });
        assert!(written(&mut engine).is_empty(), "the store has not answered");
        at(&mut engine, 5_001, Input::Loaded { seq, record: None });
        let texts = written(&mut engine);
        assert_eq!(texts.len(), 1);
        assert!(texts[0].starts_with(&alloc::format!("{{\"v\":1,\"lane\":\"{LANE}\",\"at\":{}", WALL + 5_001)));
        let (mut engine, _) = asked();
        engine.learned(0, limit(7));
        at(&mut engine, STORE_PATIENCE, Input::Wake { owner: 0 });
        assert_eq!(written(&mut engine).len(), 1, "it never will");
    }

    #[test]
    fn it_is_written_every_ten_seconds_at_most_and_at_the_close() {
        let (mut engine, seq) = asked();
        at(&mut engine, 1, Input::Loaded { seq, record: None });
        let mut count = 0;
        for second in 0..60u32 {
            engine.learned(0, limit(second + 1));
            at(&mut engine, u64::from(second) * 1_000 + 2, Input::Wake { owner: 0 });
            count += written(&mut engine).len();
        }
        assert_eq!(count, 6);
        at(&mut engine, 59_500, Input::Close);
        let last = written(&mut engine);
        assert_eq!(last.len(), 1);
        assert!(last[0].ends_with("\"limit\":60,\"bounded\":true}"), "{last:?}");
        at(&mut engine, 90_000, Input::Wake { owner: 0 });
        assert!(written(&mut engine).is_empty(), "nothing new");
    }

    #[test]
    fn a_lane_with_nothing_left_to_do_is_written_at_once() {
        let (mut engine, seq) = asked();
        at(&mut engine, 1, Input::Loaded { seq, record: None });
        engine.learned(0, limit(5));
        at(&mut engine, 2, Input::Wake { owner: 0 });
        assert_eq!(written(&mut engine).len(), 1);
        engine.learned(0, limit(6));
        at(&mut engine, 3, Input::Wake { owner: 0 });
        assert!(written(&mut engine).is_empty());
        engine.cancel(Instant::from_millis(4), WALL, 1);
        assert_eq!(written(&mut engine).len(), 1);
    }

    #[test]
    fn only_what_is_recent_and_its_own_is_recalled() {
        let age = crate::journal::LEARNED_LIFE;
        for (record, known) in [
            (record(23, WALL - age), Some(limit(23))),
            (record(23, WALL - age - 1_000), None),
            (None, None),
            (of_another(record(23, WALL)), None),
        ] {
            let (mut engine, seq) = asked();
            at(&mut engine, 0, Input::Loaded { seq, record });
            assert_eq!(engine.learned_of(0), known);
            assert_eq!(engine.models().count(), usize::from(known.is_some()));
            assert!(written(&mut engine).is_empty(), "what was read is not written back");
        }
    }
}
