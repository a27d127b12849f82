//! A provider that answers at once, and a store that is always ready: what is left is what the engine itself costs.

mod counting;

use std::collections::{BTreeMap, VecDeque};

use tidegate::engine::{Effect, Engine, Input};
use tidegate::http::{Answer, Body, Purpose};
use tidegate::json::{Json, ObjectBuilder};
use tidegate::limit::Limits;
use tidegate::options::{CallOptions, Config, Defaults, Priority, ProviderConfig};
use tidegate::provider::hiapi::HIAPI;
use tidegate::request::ImageRequest;
use tidegate::task::{PartId, TaskId};
use tidegate::time::Instant;

pub use counting::{Counting, memory};

/// Tasks in flight, told.
pub const LIMIT: u32 = 16;
/// The wall's clock at virtual time 0.
const EPOCH: u64 = 1_767_225_600_000;
/// A task is seen to run so often before it is done.
const POLLS_BEFORE_THE_LAST: u32 = 1;

/// An engine and all that it knows of the world.
pub struct World {
    engine: Engine,
    now: u64,
    next: TaskId,
    waiting_inputs: VecDeque<Input>,
    polls: BTreeMap<PartId, u32>,
    options: CallOptions,
    tenants: Vec<String>,
    /// The bytes of the latest submit's body.
    pub body: usize,
    /// Tasks that came to their end.
    pub settled: usize,
}

impl World {
    /// An empty one. With several tenants, tasks are theirs in turn.
    pub fn new(priority: Priority, tenants: usize) -> World {
        let provider = ProviderConfig { limits: Limits::told(LIMIT), ..ProviderConfig::new("hiapi", &HIAPI) };
        let config = Config { providers: vec![provider], ..Config::default() };
        World {
            engine: Engine::new(config, 1),
            now: 0,
            next: 0,
            waiting_inputs: VecDeque::new(),
            polls: BTreeMap::new(),
            // Each has a timer for the end of its patience, and nobody loses it.
            options: CallOptions { max_wait: 1 << 40, ..CallOptions::from_defaults(&Defaults::default(), priority) },
            tenants: (0..tenants).map(|number| format!("tenant-{number}")).collect(),
            body: 0,
            settled: 0,
        }
    }

    /// One in which so many wait, and as many as may be are out.
    pub fn with(waiting: usize, tenants: usize) -> World {
        let mut world = World::new(Priority::Interactive, tenants);
        (0..waiting).for_each(|_| {
            world.submit();
        });
        world.turn_over(2 * LIMIT as usize);
        world
    }

    /// Asks for one more image.
    pub fn submit(&mut self) -> TaskId {
        self.next += 1;
        let mut options = Box::new(self.options.clone());
        options.batch = Some(1);
        let tenant = self.next as usize % self.tenants.len().max(1);
        options.tenant = self.tenants.get(tenant).cloned().unwrap_or_default();
        let request = Ok(Box::new(ImageRequest::new("gpt-image-2", "a lighthouse at dusk")));
        self.feed(Input::Submit { task: self.next, owner: 0, request, options, records: Vec::new() });
        self.next
    }

    /// Gives a task up.
    pub fn cancel(&mut self, task: TaskId) {
        self.engine.cancel(Instant::from_millis(self.now), EPOCH + self.now, task);
        self.drain();
    }

    /// Holds a batch, or lets it go on.
    pub fn pause(&mut self, batch: u32, paused: bool) {
        self.feed(Input::Pause { batch, paused });
    }

    /// When the batch should be over; all tasks are its.
    pub fn rest(&self) -> Option<u64> {
        self.engine.batch_eta(1, 0)
    }

    /// So many tasks come to their end, and for each another one begins.
    pub fn turn_over(&mut self, tasks: usize) {
        let (mut begun, end) = (self.settled, self.settled + tasks);
        while self.settled < end {
            self.step();
            while begun < self.settled {
                begun += 1;
                self.submit();
            }
        }
    }

    /// The next thing happens.
    fn step(&mut self) {
        match self.waiting_inputs.pop_front() {
            Some(input) => self.feed(input),
            None => {
                self.now = self.engine.deadline(0).map_or(self.now + 1, Instant::millis);
                self.feed(Input::Wake { owner: 0 });
            }
        }
    }

    fn feed(&mut self, input: Input) {
        self.engine.handle(Instant::from_millis(self.now), EPOCH + self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.engine.poll(0) {
            match effect {
                Effect::Send { call, part, purpose, request, .. } => {
                    self.body = request.body.map_or(self.body, |body| body.len());
                    let body = self.answer(part, purpose);
                    let answer = Answer { status: 200, headers: Vec::new(), body: Body::Json(body) };
                    self.waiting_inputs.push_back(Input::Answer { call, answer });
                }
                Effect::Store { seq, .. } => self.waiting_inputs.push_back(Input::Stored { seq, ok: true }),
                Effect::Settle { task, .. } => {
                    self.settled += 1;
                    self.engine.taken(task);
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self, part: PartId, purpose: Purpose) -> Json {
        let id = format!("tk-{}", part.task);
        let data = ObjectBuilder::new().with("taskId", id.as_str());
        let data = match purpose {
            Purpose::Submit => data,
            _ => {
                let polls = self.polls.entry(part).or_default();
                *polls += 1;
                if *polls <= POLLS_BEFORE_THE_LAST {
                    data.with("status", "handling")
                } else {
                    self.polls.remove(&part);
                    let image = ObjectBuilder::new().with("url", "https://cdn.example.com/a.png").with("type", "image");
                    data.with("status", "success").with("output", Json::List(vec![image.build()]))
                }
            }
        };
        ObjectBuilder::new().with("code", 200u64).with("data", data.build()).build()
    }
}
