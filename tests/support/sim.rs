//! The loop: an engine, a world, a store and a clock that jumps from one event to the next.

mod wire;

use std::collections::BTreeMap;

use tidegate::engine::{Effect, Engine, Input, Outcome, Success};
use tidegate::http::Purpose;
use tidegate::limit::LaneSnapshot;
use tidegate::options::{CallOptions, Config};
use tidegate::rng::Rng;
use tidegate::task::{OwnerId, TaskId};
use tidegate::time::Instant;
use tidegate_simulator::{Pending, Reply, World};

pub use super::stage::*;
use super::store::{Store, prompt, request};

/// Nothing takes longer than this, else a wait has no end.
const HORIZON: u64 = 40 * 24 * 3_600_000;
const MAX_STEPS: u32 = 400_000;

enum Event {
    Arrive(usize),
    /// A synchronous provider's answer may be there.
    Due(usize, Pending, bool),
    Answer(usize, Reply),
    Said(usize, Said),
    Input(OwnerId, Input),
    Write {
        owner: OwnerId,
        seq: Option<u64>,
        key: String,
        record: Option<String>,
        ok: bool,
    },
    Act(Act),
}

/// Decides on an answer in the world's place.
pub type Script = Box<dyn FnMut(&Sent, u64) -> Option<Reply>>;

/// The whole.
pub struct Sim {
    pub engine: Engine,
    pub world: World,
    pub store: Store,
    pub now: u64,
    pub sent: Vec<Sent>,
    pub settled: Vec<Settled>,
    /// Results that the host holds until somebody takes them.
    pub held: BTreeMap<TaskId, Success>,
    /// Results that callers have, by the prompts that they asked with.
    pub taken: Vec<(String, Success)>,
    /// Whose results are not taken at once, and after how long; `None`: never.
    pub slow: BTreeMap<TaskId, Option<u64>>,
    pub effects: Vec<(u64, Effect)>,
    /// What each task asked for.
    pub prompts: BTreeMap<TaskId, (String, u16)>,
    /// The most permits that the lanes said were held.
    pub most_held: u32,
    /// Dies at this boundary between two effects or inputs.
    pub crash_at: Option<u64>,
    /// Boundaries so far.
    pub boundaries: u64,
    /// How often the process died.
    pub generation: u32,
    pub script: Option<Script>,
    /// Answers everything, if there is one: the world is not asked.
    pub exchange: Option<Exchange>,
    /// Between a crash and the next start, ms.
    pub down_for: u64,
    lost: Vec<usize>,
    config: Config,
    around: Surroundings,
    rng: Rng,
    events: BTreeMap<(u64, u64), (u32, Event)>,
    next_event: u64,
    timers: BTreeMap<OwnerId, Option<u64>>,
    dead: Vec<OwnerId>,
    plans: BTreeMap<TaskId, OwnerId>,
    handles: Vec<String>,
    next_task: TaskId,
}

impl Sim {
    /// At time 0, with nothing to do.
    pub fn new(config: Config, world: tidegate_simulator::Config, around: Surroundings) -> Sim {
        Sim {
            engine: Engine::new(config.clone(), around.seed),
            world: World::new(tidegate_simulator::Config { base_url: String::from(BASE), epoch_ms: EPOCH, ..world }),
            store: Store::default(),
            now: 0,
            sent: Vec::new(),
            settled: Vec::new(),
            held: BTreeMap::new(),
            taken: Vec::new(),
            slow: BTreeMap::new(),
            effects: Vec::new(),
            prompts: BTreeMap::new(),
            most_held: 0,
            crash_at: None,
            boundaries: 0,
            generation: 0,
            script: None,
            exchange: None,
            down_for: 0,
            lost: Vec::new(),
            config,
            rng: Rng::new(around.seed ^ 0x5eed),
            around,
            events: BTreeMap::new(),
            next_event: 0,
            timers: BTreeMap::new(),
            dead: Vec::new(),
            plans: BTreeMap::new(),
            handles: Vec::new(),
            next_task: 10_000,
        }
    }

    /// Does this at that time.
    pub fn at(&mut self, at: u64, act: Act) {
        self.schedule(at, Event::Act(act));
    }

    /// Asks for one image at that time.
    pub fn ask(&mut self, at: u64, task: TaskId, options: CallOptions) {
        self.at(at, Act::Submit(Plan { task, owner: 0, n: 1, options }));
    }

    /// Loses the answer to the request with this number, from 1.
    pub fn lose_answer(&mut self, number: usize) {
        self.lost.push(number - 1);
    }

    /// Runs until nothing is left to do here, and for long after at the provider.
    pub fn run(&mut self) {
        self.run_on();
        self.world.advance(self.now + HORIZON);
    }

    /// Runs until nothing is left to do; more may follow.
    pub fn run_on(&mut self) {
        self.run_until(HORIZON);
        assert!(
            self.events.is_empty() && self.timers.values().all(Option::is_none),
            "a wait without an end: {:?}",
            self.engine
        );
    }

    /// Runs until that time.
    pub fn run_until(&mut self, end: u64) {
        for _ in 0..MAX_STEPS {
            let event = self.events.keys().next().map(|(at, _)| *at);
            let timer = self.timers.iter().filter_map(|(owner, at)| Some(((*at)?, *owner))).min();
            match (event, timer) {
                (Some(at), timer) if at <= end && timer.is_none_or(|(due, _)| at <= due) => {
                    let ((at, _), (generation, event)) = self.events.pop_first().unwrap();
                    self.now = self.now.max(at);
                    self.perform(generation, event);
                }
                (_, Some((due, owner))) if due <= end => {
                    self.now = self.now.max(due);
                    self.feed(Input::Wake { owner });
                }
                _ => return,
            }
        }
        panic!("{MAX_STEPS} steps and no end in sight at {} ms", self.now);
    }

    /// The first lane as it stands.
    pub fn lane(&self) -> Option<LaneSnapshot> {
        self.engine.lanes().next().map(|(_, _, snapshot)| snapshot)
    }

    /// How a task ended.
    pub fn outcome(&self, task: TaskId) -> &Outcome {
        let mut ends = self.settled.iter().filter(|settled| settled.task == task);
        let end = ends.next().unwrap_or_else(|| panic!("task {task} did not settle"));
        assert!(ends.next().is_none(), "task {task} settled twice");
        &end.outcome
    }

    /// The submits that went out, oldest first.
    pub fn submits(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(|sent| sent.purpose == Purpose::Submit)
    }

    /// What the host keeps under a number: the text of a long string, or of an image in bytes its bytes, each as the character of that number.
    pub fn held(&self, handle: u32) -> &str {
        &self.handles[handle as usize]
    }

    fn draw(&mut self, (least, most): (u64, u64)) -> u64 {
        least + self.rng.up_to(most - least)
    }

    fn strikes(&mut self, share: f64) -> bool {
        (self.rng.up_to(999_999) as f64) < share * 1e6
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((at, self.next_event), (self.generation, event));
    }

    fn perform(&mut self, generation: u32, event: Event) {
        // A request that left goes its way, whatever becomes of its sender.
        let stale = generation != self.generation;
        match event {
            Event::Arrive(place) => self.arrive(place, stale),
            Event::Due(place, pending, is_stale) => {
                let reply = self.world.collect(self.now, &pending);
                self.send_back(place, reply, stale || is_stale);
            }
            Event::Answer(place, reply) if !stale => self.answer(place, reply),
            Event::Said(place, said) if !stale => self.hear(place, said),
            Event::Input(owner, input) if !stale && !self.dead.contains(&owner) => self.feed_by(owner, input),
            Event::Write { owner, seq, key, record, ok } if !stale => {
                if ok {
                    self.write(key, record);
                }
                if let Some(seq) = seq.filter(|_| !self.dead.contains(&owner)) {
                    self.feed_by(owner, Input::Stored { seq, ok });
                }
            }
            Event::Act(act) => self.act(act),
            _ => {}
        }
    }

    fn write(&mut self, key: String, record: Option<String>) {
        self.store.put(key, record);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Submit(plan) => {
                let prompt = format!("picture {}", plan.task);
                self.prompts.insert(plan.task, (prompt.clone(), plan.n));
                let request = Ok(Box::new(request(&prompt, plan.n)));
                let options = Box::new(plan.options);
                let input = Input::Submit { task: plan.task, owner: plan.owner, request, options, records: vec![] };
                self.plans.insert(plan.task, plan.owner);
                self.feed_by(plan.owner, input);
            }
            Act::Cancel(task) => {
                let owner = self.plans.get(&task).copied().unwrap_or(0);
                if self.dead.contains(&owner) {
                    return;
                }
                self.engine.enter(owner);
                self.engine.cancel(Instant::from_millis(self.now), self.wall(), task);
                self.drain(self.engine.context());
            }
            Act::Pause(batch, paused) => self.feed(Input::Pause { batch, paused }),
            Act::Close => self.feed(Input::Close),
            Act::Kill(owner) => {
                self.dead.push(owner);
                self.timers.remove(&owner);
            }
            Act::Crash => self.crash(),
            Act::Take(task) => self.take(task),
            Act::Leave(task) => {
                self.engine.enter(0);
                self.engine.leave(Instant::from_millis(self.now), self.wall(), task);
                self.drain(self.engine.context());
            }
            Act::ResumeAll => self.resume_all(),
            Act::Input(input) => self.feed(*input),
        }
    }

    /// The wall's clock.
    pub fn wall(&self) -> u64 {
        EPOCH + self.now
    }

    /// In whose context something happens is for the host to say.
    fn feed_by(&mut self, owner: OwnerId, input: Input) {
        self.engine.enter(owner);
        self.feed(input);
    }

    fn feed(&mut self, input: Input) {
        if self.dies() {
            return self.crash();
        }
        self.engine.handle(Instant::from_millis(self.now), self.wall(), input);
        for (_, _, lane) in self.engine.lanes() {
            self.most_held = self.most_held.max(lane.held);
        }
        // As the shell does: whoever is here performs what came of it. Everybody else finds out by his own timer.
        self.drain(self.engine.context());
    }

    fn dies(&mut self) -> bool {
        self.boundaries += 1;
        self.crash_at == Some(self.boundaries)
    }

    fn drain(&mut self, owner: OwnerId) {
        if self.dead.contains(&owner) {
            return;
        }
        while let Some(effect) = self.engine.poll(owner) {
            if self.dies() {
                return self.crash();
            }
            self.effects.push((self.now, effect.clone()));
            self.carry_out(owner, effect);
        }
        self.timers.insert(owner, self.engine.deadline(owner).map(Instant::millis));
    }

    fn carry_out(&mut self, owner: OwnerId, effect: Effect) {
        match effect {
            Effect::Send { call, part, purpose, request, .. } => {
                let known = request.body.as_deref().map(prompt).unwrap_or_default();
                let generation = self.generation;
                self.sent.push(Sent {
                    at: self.now,
                    call,
                    part,
                    purpose,
                    prompt: known,
                    request,
                    owner,
                    generation,
                    answer: None,
                });
                let there = self.draw(self.around.rtt) / 2;
                self.schedule(self.now + there, Event::Arrive(self.sent.len() - 1));
            }
            Effect::Store { seq, key, record } => self.later_write(owner, Some(seq), key, Some(record)),
            Effect::Forget { key } => self.later_write(owner, None, key, None),
            Effect::Load { seq, key } => {
                let at = self.now + self.draw(self.around.store);
                let record = self.store.get(&key);
                self.schedule(at, Event::Input(owner, Input::Loaded { seq, record }));
            }
            Effect::Settle { task, outcome } => {
                let prompt = self.prompts.get(&task).map(|(prompt, _)| prompt.clone()).unwrap_or_default();
                if let Outcome::Succeeded(success) | Outcome::Late(success, _) = &*outcome {
                    self.held.insert(task, (**success).clone());
                }
                if matches!(*outcome, Outcome::Late(..)) {
                    return;
                }
                match self.slow.get(&task) {
                    None => self.take(task),
                    Some(Some(delay)) => self.schedule(self.now + delay, Event::Act(Act::Take(task))),
                    Some(None) => {}
                }
                self.settled.push(Settled { at: self.now, task, prompt, outcome: *outcome });
            }
            Effect::Release { task } => drop(self.held.remove(&task)),
            Effect::Abort { .. }
            | Effect::Keep { .. }
            | Effect::Update { .. }
            | Effect::Refusal { .. }
            | Effect::Limit { .. }
            | Effect::Inform { .. }
            | Effect::Warn { .. } => {}
        }
    }

    /// A caller gets a result, if the host has it.
    pub fn take(&mut self, task: TaskId) {
        let Some(success) = self.held.remove(&task) else { return };
        let prompt = self.prompts.get(&task).map(|(prompt, _)| prompt.clone()).unwrap_or_default();
        self.taken.push((prompt, success));
        self.engine.taken(task);
        self.drain(self.engine.context());
    }

    /// Goes on with all that is unfinished or was not taken, as an application does that lists it.
    pub fn resume_all(&mut self) {
        for pending in self.store.pending_at(self.wall()) {
            if let Some(living) = self.engine.find_key(&pending.key) {
                self.slow.remove(&living);
                self.take(living);
                continue;
            }
            let task = self.next_task;
            self.next_task += 1;
            self.prompts.insert(task, (pending.prompt, pending.parts.len() as u16));
            let (key, parts, options) = (Some(pending.key), Ok(pending.parts), Box::new(options()));
            self.feed_by(0, Input::Resume { task, owner: 0, key, parts, options, records: vec![] });
        }
    }

    /// Writes to one key keep their order, as they do in every store that the package has.
    fn later_write(&mut self, owner: OwnerId, seq: Option<u64>, key: String, record: Option<String>) {
        let before = self.events.iter().filter_map(|((at, _), (_, event))| match event {
            Event::Write { key: other, .. } if *other == key => Some(*at),
            _ => None,
        });
        let before = before.max().unwrap_or(0);
        let at = (self.now + self.draw(self.around.store)).max(before);
        let ok = !self.strikes(self.around.store_fails);
        self.schedule(at, Event::Write { owner, seq, key, record, ok });
    }

    /// The process dies here: what it had on its mind is lost, what had left goes on, a write under way may or may not have come through.
    fn crash(&mut self) {
        self.generation += 1;
        let generation = self.generation;
        let mut cut = Vec::new();
        for (at, (_, event)) in &self.events {
            if let Event::Write { key, record, ok: true, .. } = event {
                if !cut.iter().any(|(_, known, _)| known == key) {
                    cut.push((*at, key.clone(), record.clone()));
                }
            }
        }
        for (_, key, record) in cut {
            if self.strikes(0.5) {
                self.write(key, record);
            }
        }
        // What the application had in mind, it still has.
        self.events
            .values_mut()
            .filter(|(_, event)| matches!(event, Event::Act(_)))
            .for_each(|(of, _)| *of = generation);
        self.engine = Engine::new(self.config.clone(), self.around.seed ^ u64::from(generation) << 32);
        self.timers.clear();
        self.dead.clear();
        self.held.clear();
        self.now += self.down_for;
        self.resume_all();
    }
}
