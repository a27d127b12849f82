use super::*;
use crate::engine::Input;
use crate::engine::timers::Timer;
use crate::http::{Answer, Body, Fault};
use crate::json::ObjectBuilder;
use crate::limit::Limits;
use crate::options::{CallOptions, Config, Priority, ProviderConfig};
use crate::provider::hiapi::HIAPI;
use crate::request::ImageRequest;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

/// What is counted and kept by owner is what there is.
fn recount(engine: &Engine) {
    let mut timers: Vec<(OwnerId, u128)> = Vec::new();
    for (number, task) in engine.tasks.iter() {
        let real = engine.timers_of(number).into_iter().filter(|(due, _)| *due != Instant::NEVER);
        timers.extend(real.map(|(due, timer)| (task.owner, at(due, timer.code()))));
    }
    timers.sort_unstable();
    // A call may outlive its task; then it ends by itself.
    let outlives = |timer: &Timer| match timer {
        Timer::Call(call) => engine.calls.get(call).is_none_or(|call| engine.tasks.get(&call.part.task).is_none()),
        _ => false,
    };
    let mut kept: Vec<(OwnerId, u128)> = Vec::new();
    for (owner, state) in engine.owners.iter() {
        let own = || engine.tasks.values().filter(move |task| task.owner == owner);
        assert_eq!(state.tasks, own().count());
        let waiting = own().flat_map(|task| &task.parts).filter(|part| part.in_queue).count();
        assert_eq!(state.waiting, waiting);
        let watches = engine.tasks.values().flat_map(|task| &task.watchers).filter(|watcher| **watcher == owner);
        assert_eq!(state.watches, watches.count());
        kept.extend(state.timers.keys().filter(|code| !outlives(&Timer::of(*code as u64))).map(|code| (owner, code)));
    }
    kept.sort_unstable();
    assert_eq!(kept, timers);
    let queued = || engine.tasks.values().flat_map(|task| &task.parts).filter(|part| part.in_queue);
    assert!(queued().all(|part| part.state.is_queued() && !part.paused && part.outcome.is_none()));
    assert_eq!(engine.lanes.iter().map(|slot| slot.waiting()).sum::<usize>(), queued().count());
}

#[derive(Clone, Debug)]
enum Event {
    Submit { task: TaskId, owner: OwnerId, images: u16, batch: bool, tenant: u8 },
    Cancel(TaskId),
    Join(TaskId, OwnerId),
    Pause(bool),
    Wake(OwnerId),
    Stored(u64),
    Answer(u64, u8),
    Lost(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..30u32, 0..4u32, 1..4u16, any::<bool>(), 0..3u8)
            .prop_map(|(task, owner, images, batch, tenant)| Event::Submit { task, owner, images, batch, tenant }),
        2 => (0..30u32).prop_map(Event::Cancel),
        2 => (0..30u32, 0..4u32).prop_map(|(task, owner)| Event::Join(task, owner)),
        1 => any::<bool>().prop_map(Event::Pause),
        4 => (0..4u32).prop_map(Event::Wake),
        8 => (0..60u64).prop_map(Event::Stored),
        8 => (0..40u64, 0..4u8).prop_map(|(call, kind)| Event::Answer(call, kind)),
        1 => (0..40u64).prop_map(Event::Lost),
    ]
}

fn answer(call: u64, kind: u8) -> Answer {
    let id = crate::json::decimal(call);
    let data = ObjectBuilder::new().with("taskId", id.as_str());
    let (status, data) = match kind {
        0 => (429, data),
        1 => (200, data.with("status", "fail")),
        _ => (200, data),
    };
    Answer { status, headers: Vec::new(), body: Body::Json(ObjectBuilder::new().with("data", data.build()).build()) }
}

proptest! {
    #[test]
    fn counts_never_go_wrong(events in prop::collection::vec((0..4_000u64, event()), 0..120), seed: u64) {
        let provider = ProviderConfig { limits: Limits::told(3), ..ProviderConfig::new("hiapi", &HIAPI) };
        let mut engine = Engine::new(Config { providers: vec![provider], ..Config::default() }, seed);
        let mut now = 0;
        for (wait, event) in events {
            now += wait;
            let input = match event {
                Event::Submit { task, owner, images, batch, tenant } => {
                    let priority = if batch { Priority::Batch } else { Priority::Interactive };
                    let mut options = Box::new(CallOptions::from_defaults(&engine.config().defaults, priority));
                    options.batch = batch.then_some(1);
                    options.tenant = crate::json::decimal(u64::from(tenant));
                    let mut request = ImageRequest::new("gpt-image-2", "x");
                    request.n = images;
                    Input::Submit { task, owner, request: Ok(Box::new(request)), options, records: Vec::new() }
                }
                Event::Cancel(task) => {
                    engine.cancel(Instant::from_millis(now), now, task);
                    recount(&engine);
                    continue;
                }
                Event::Join(task, owner) => Input::Join { task, owner },
                Event::Pause(paused) => Input::Pause { batch: 1, paused },
                Event::Wake(owner) => Input::Wake { owner },
                Event::Stored(seq) => Input::Stored { seq, ok: true },
                Event::Answer(call, kind) => Input::Answer { call, answer: answer(call, kind) },
                Event::Lost(call) => Input::Failed { call, fault: Fault::Network, message: String::new() },
            };
            engine.handle(Instant::from_millis(now), now, input);
            recount(&engine);
            let owner = engine.context();
            while engine.poll(owner).is_some() {}
        }
    }
}
