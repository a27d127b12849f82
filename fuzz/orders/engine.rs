//! An engine: calls, answers of every kind, stores that fail, owners, cancels, pauses and time in any order.

use std::collections::BTreeMap;

use tidegate::engine::{Effect, Engine, Input, Outcome};
use tidegate::http::{Answer, Body, Fault, Purpose};
use tidegate::json::{Json, ObjectBuilder};
use tidegate::limit::{Concurrency, Limits};
use tidegate::options::{CallOptions, Config, Defaults, Priority, ProviderConfig};
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::OPENAI;
use tidegate::request::ImageRequest;
use tidegate::task::{CallId, OwnerId, TaskId};
use tidegate::time::Instant;

use super::Bytes;

const EPOCH: u64 = 1_767_225_600_000;
/// So many steps at most until everything that was asked for has ended, when all goes well from now on.
const PATIENCE: u32 = 20_000;
const OWNERS: usize = 3;

struct Stage {
    engine: Engine,
    now: u64,
    /// On the wire: what for, and whose.
    calls: BTreeMap<CallId, (Purpose, OwnerId)>,
    writes: Vec<(OwnerId, u64)>,
    looks: Vec<(OwnerId, u64)>,
    /// Whether each task has ended.
    tasks: Vec<bool>,
    paused: Vec<u32>,
    handles: u32,
    synchronous: bool,
}

/// Plays these bytes.
///
/// # Panics
/// When something does not hold that must.
pub fn play(bytes: &[u8]) {
    let bytes = &mut Bytes::new(bytes);
    let mut stage = Stage::new(bytes);
    while !bytes.is_over() {
        stage.step(bytes);
    }
    stage.end();
}

impl Stage {
    fn new(bytes: &mut Bytes<'_>) -> Stage {
        let (kind, size) = (bytes.next(), u32::from(bytes.next() % 6) + 1);
        let synchronous = kind & 1 == 1;
        let concurrency =
            if kind & 2 == 0 { Concurrency::Told(size) } else { Concurrency::Learn { start: size, most: u32::MAX } };
        let limits = Limits { concurrency, rpm: (kind & 4 != 0).then_some(size * 3), ..Limits::default() };
        let dialect = if synchronous { &OPENAI } else { &HIAPI };
        let provider = ProviderConfig { limits, ..ProviderConfig::new("provider", dialect) };
        let config = Config { providers: vec![provider], ..Config::default() };
        Stage {
            engine: Engine::new(config, u64::from(bytes.next())),
            now: 0,
            calls: BTreeMap::new(),
            writes: Vec::new(),
            looks: Vec::new(),
            tasks: Vec::new(),
            paused: Vec::new(),
            handles: 0,
            synchronous,
        }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(16) {
            0..=2 => self.submit(bytes),
            3 => self.now += bytes.span(),
            4 | 5 => self.wake(bytes.below(OWNERS) as OwnerId),
            6..=9 => {
                let place = bytes.below(self.calls.len());
                if let Some(call) = self.calls.keys().nth(place).copied() {
                    self.answer(call, bytes);
                }
            }
            10 | 11 => {
                if let Some((owner, seq)) = bytes.take(&mut self.writes) {
                    self.feed(owner, Input::Stored { seq, ok: bytes.below(8) > 0 });
                }
            }
            12 => {
                if let Some((owner, seq)) = bytes.take(&mut self.looks) {
                    self.feed(owner, Input::Loaded { seq, record: None });
                }
            }
            13 => {
                let task = bytes.below(self.tasks.len() + 1) as TaskId;
                let owner = bytes.below(OWNERS) as OwnerId;
                self.engine.enter(owner);
                self.engine.cancel(Instant::from_millis(self.now), EPOCH + self.now, task);
                self.drain();
            }
            14 => {
                let (batch, paused) = (u32::from(bytes.next() & 1), bytes.next() & 1 == 1);
                self.pause(batch, paused);
            }
            _ => match bytes.next() {
                255 => self.feed(0, Input::Close),
                task => {
                    let (task, owner) =
                        (u32::from(task) % (self.tasks.len() as u32 + 1), bytes.below(OWNERS) as OwnerId);
                    self.feed(owner, Input::Join { task, owner });
                }
            },
        }
    }

    fn submit(&mut self, bytes: &mut Bytes<'_>) {
        let (task, owner, kind) = (self.tasks.len() as TaskId, bytes.below(OWNERS) as OwnerId, bytes.next());
        let priority = if kind & 1 == 1 { Priority::Batch } else { Priority::Interactive };
        let mut request = ImageRequest::new("gpt-image-2", "a red apple");
        request.n = u16::from(kind >> 1 & 3) + 1;
        let mut options = CallOptions::from_defaults(&Defaults::default(), priority);
        options.batch = (kind & 8 != 0).then_some(u32::from(kind >> 4 & 1));
        options.download = kind & 32 != 0;
        options.tenant = String::from(["", "a"][usize::from(kind >> 6 & 1)]);
        options.idempotency_key = (kind & 128 != 0).then(|| format!("key-{task}"));
        self.tasks.push(false);
        let request = Ok(Box::new(request));
        self.feed(owner, Input::Submit { task, owner, request, options: Box::new(options), records: Vec::new() });
    }

    fn pause(&mut self, batch: u32, paused: bool) {
        self.paused.retain(|other| *other != batch);
        if paused {
            self.paused.push(batch);
        }
        self.feed(0, Input::Pause { batch, paused });
    }

    fn wake(&mut self, owner: OwnerId) {
        self.now = self.engine.deadline(owner).map_or(self.now, |at| at.millis().max(self.now));
        self.feed(owner, Input::Wake { owner });
    }

    fn answer(&mut self, call: CallId, bytes: &mut Bytes<'_>) {
        let Some((purpose, owner)) = self.calls.remove(&call) else { return };
        let plain = |status, json| Answer { status, headers: Vec::new(), body: Body::Json(json) };
        let nothing = || ObjectBuilder::new().build();
        let answer = match bytes.below(12) {
            0..=3 => self.success(purpose, call),
            4 => plain(429, nothing()),
            5 => {
                let after = ("retry-after", bytes.next().to_string());
                Answer { headers: vec![after], ..plain(429, nothing()) }
            }
            6 => plain(503, nothing()),
            7 => plain(200, task(call, "handling")),
            8 => plain(200, task(call, "fail")),
            9 => plain([400, 401, 404, 409, 500, 502][bytes.below(6)], nothing()),
            10 => {
                Answer { status: 200, headers: Vec::new(), body: [Body::Broken, Body::Empty][bytes.below(2)].clone() }
            }
            _ => {
                let fault = [Fault::Network, Fault::Aborted, Fault::Credential, Fault::Body][bytes.below(4)];
                return self.feed(owner, Input::Failed { call, fault, message: String::new() });
            }
        };
        self.feed(owner, Input::Answer { call, answer });
    }

    /// The best that can come.
    fn success(&mut self, purpose: Purpose, call: CallId) -> Answer {
        let body = match purpose {
            Purpose::Submit if self.synchronous => Body::Json(images()),
            Purpose::Submit => Body::Json(task(call, "queued")),
            Purpose::Poll | Purpose::Check | Purpose::List => Body::Json(task(call, "success")),
            Purpose::Image => {
                self.handles += 1;
                Body::Bytes { handle: self.handles, head: vec![137, 80, 78, 71, 13, 10, 26, 10, 0, 0] }
            }
        };
        Answer { status: 200, headers: Vec::new(), body }
    }

    fn feed(&mut self, owner: OwnerId, input: Input) {
        self.engine.enter(owner);
        self.engine.handle(Instant::from_millis(self.now), EPOCH + self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        let owner = self.engine.context();
        while let Some(effect) = self.engine.poll(owner) {
            match effect {
                Effect::Send { call, purpose, .. } => {
                    assert!(self.calls.insert(call, (purpose, owner)).is_none(), "call {call} goes out twice");
                }
                Effect::Abort { call } => drop(self.calls.remove(&call)),
                Effect::Store { seq, .. } => self.writes.push((owner, seq)),
                Effect::Load { seq, .. } => self.looks.push((owner, seq)),
                // What comes late comes after its end.
                Effect::Settle { outcome, .. } if matches!(*outcome, Outcome::Late(..)) => {}
                Effect::Settle { task, .. } => {
                    // Every other caller never takes what came.
                    if task % 2 == 0 {
                        self.engine.taken(task);
                    }
                    let ended = self.tasks.get_mut(task as usize);
                    assert!(ended.is_some_and(|ended| !std::mem::replace(ended, true)), "task {task} ends twice");
                }
                _ => {}
            }
        }
        self.check();
    }

    fn check(&self) {
        for (name, _, lane) in self.engine.lanes() {
            assert!(lane.limit > 0 && lane.held < 1 << 20, "{name}: {lane:?}: a counter went below zero");
        }
        let (waiting, out) = self.engine.counts();
        let moves = !self.calls.is_empty() || !self.writes.is_empty() || !self.looks.is_empty();
        let timers = (0..OWNERS as OwnerId).any(|owner| self.engine.deadline(owner).is_some());
        let quiet = waiting + out == 0 || !self.paused.is_empty();
        assert!(
            quiet || moves || timers,
            "{waiting} wait and {out} are out, and nothing will ever happen: {:?}",
            self.engine
        );
    }

    /// All goes well from now on: everything ends, once, and nothing is left.
    fn end(&mut self) {
        for batch in std::mem::take(&mut self.paused) {
            self.feed(0, Input::Pause { batch, paused: false });
        }
        for _ in 0..PATIENCE {
            let first = self.calls.iter().next().map(|(call, (purpose, owner))| (*call, *purpose, *owner));
            if let Some((call, purpose, owner)) = first {
                self.calls.remove(&call);
                let answer = self.success(purpose, call);
                self.feed(owner, Input::Answer { call, answer });
            } else if let Some((owner, seq)) = self.writes.pop() {
                self.feed(owner, Input::Stored { seq, ok: true });
            } else if let Some((owner, seq)) = self.looks.pop() {
                self.feed(owner, Input::Loaded { seq, record: None });
            } else {
                let due = |owner| Some((self.engine.deadline(owner)?.millis(), owner));
                let Some((_, owner)) = (0..OWNERS as OwnerId).filter_map(due).min() else { break };
                self.wake(owner);
            }
        }
        assert!(self.tasks.iter().all(|ended| *ended), "some never end: {:?} {:?}", self.tasks, self.engine);
        assert_eq!(self.engine.counts(), (0, 0), "something is left: {:?}", self.engine);
        assert!(self.engine.lanes().all(|(_, _, lane)| lane.held == 0), "permits are missing: {:?}", self.engine);
    }
}

fn task(call: CallId, status: &str) -> Json {
    let image = ObjectBuilder::new().with("type", "image").with("url", "https://images.test/1.png").build();
    let data = ObjectBuilder::new().with("taskId", format!("tk-{call}").as_str()).with("status", status);
    let data = data.with("output", Json::List(vec![image])).build();
    ObjectBuilder::new().with("code", Json::Number(200.0)).with("data", data).build()
}

fn images() -> Json {
    let image = ObjectBuilder::new().with("b64_json", "iVBORw0KGgo=").build();
    ObjectBuilder::new().with("data", Json::List(vec![image])).build()
}
