//! One run of a cell: engines, a world, and a clock that jumps from one event to the next.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use tidegate::engine::{Effect, Engine, Input, Outcome};
use tidegate::http::{Fault, Purpose, Request};
use tidegate::options::{CallOptions, Defaults, Priority, Weight};
use tidegate::request::ImageRequest;
use tidegate::size::Size;
use tidegate::task::{CallId, TaskId};
use tidegate::time::{Instant, Millis};
use tidegate_simulator::{Pending, Reply, World};

use crate::ask::{Ask, prompt};
use crate::cell::{BASE, Cell, Load};
use crate::figures::Run;
use crate::trace::Trace;
use crate::walk;

/// A run that takes so many times the optimum, and an hour more, will never end.
const PATIENCE: u64 = 20;
const HOUR: u64 = 3_600_000;

enum Event {
    Ask(TaskId),
    Arrive(usize, CallId, Box<Request>, Purpose),
    Due(usize, CallId, Pending, u32),
    Answer(usize, CallId, Reply, Purpose, u32),
}

struct Due {
    at: u64,
    order: u64,
    event: Event,
}

impl Ord for Due {
    /// The earliest is the greatest, as the heap wants it.
    fn cmp(&self, other: &Due) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

struct Client {
    engine: Engine,
    timer: Option<u64>,
    /// Writes that the store has acknowledged.
    stored: VecDeque<u64>,
}

struct Loop<'a> {
    cell: &'a Cell,
    world: World,
    clients: Vec<Client>,
    asks: Vec<Ask>,
    events: BinaryHeap<Due>,
    next_order: u64,
    now: u64,
    open: usize,
    steps: u64,
    trace: Option<&'a mut Trace>,
}

/// Runs a cell with a seed, and shows each step to `trace` if there is one.
pub fn run(cell: &Cell, seed: u64, trace: Option<&mut Trace>) -> Run {
    let optimum = cell.optimum(seed);
    let visits = cell.visits(seed);
    let band = if cell.interactive { Priority::Interactive } else { Priority::Batch };
    // Who asks for how many at the start: client, tenant, tasks.
    let parties: Vec<(usize, usize, u32)> = match cell.load {
        Load::Batch(tasks) | Load::WithPerson(tasks, _) => {
            (0..cell.clients as usize).map(|client| (client, 0, tasks)).collect()
        }
        Load::Tenants(tenants) => tenants.iter().enumerate().map(|(tenant, (_, tasks))| (0, tenant, *tasks)).collect(),
    };
    let asked = |at, client, tenant, priority| Ask { at, client, tenant, priority, settled: None };
    let batch = parties.into_iter().flat_map(|(client, tenant, tasks)| (0..tasks).map(move |_| (client, tenant)));
    let batch = batch.map(|(client, tenant)| asked(0, client, tenant, band));
    let person = visits.into_iter().map(|at| asked(at, 0, 0, Priority::Interactive));
    let asks: Vec<Ask> = batch.chain(person).collect();
    let clients = (0..u64::from(cell.clients)).map(|client| Client {
        engine: Engine::new(cell.client(), seed.wrapping_mul(0x9e37_79b9).wrapping_add(client)),
        timer: None,
        stored: VecDeque::new(),
    });
    let mut state = Loop {
        cell,
        world: World::new(cell.world(seed)),
        clients: clients.collect(),
        open: asks.len(),
        events: BinaryHeap::new(),
        next_order: 0,
        now: 0,
        steps: 0,
        trace,
        asks,
    };
    for task in 0..state.asks.len() {
        let at = state.asks.get(task).map_or(0, |ask| ask.at);
        state.schedule(at, Event::Ask(task as TaskId));
    }
    let ended = state.run_until(optimum.saturating_mul(PATIENCE).saturating_add(HOUR));
    let (now, steps) = (state.now, state.steps);
    state.world.advance(now);
    Run::of(cell, optimum, &state.world, &state.asks, ended, steps)
}

impl Loop<'_> {
    /// Whether every task settled before `end`.
    fn run_until(&mut self, end: u64) -> bool {
        while self.open > 0 {
            let event = self.events.peek().map(|due| due.at);
            let timers = self.clients.iter().enumerate();
            let timer = timers.filter_map(|(client, state)| Some((state.timer?, client))).min();
            self.steps += 1;
            match (event, timer) {
                (Some(at), timer) if at <= end && timer.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    if let Some(due) = self.events.pop() {
                        self.perform(due.event);
                    }
                }
                (_, Some((due, client))) if due <= end => {
                    self.now = self.now.max(due);
                    self.feed(client, Input::Wake { owner: 0 });
                }
                _ => return false,
            }
        }
        true
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.next_order += 1;
        self.events.push(Due { at, order: self.next_order, event });
    }

    fn perform(&mut self, event: Event) {
        let accepted = self.world.stats().accepted;
        if let Some(trace) = &mut self.trace {
            self.world.advance(self.now);
            trace.pass(self.now, accepted < self.asks.len() as u64, &self.world);
        }
        match event {
            Event::Ask(task) => self.ask(task),
            Event::Arrive(client, call, request, purpose) => self.arrive(client, call, &request, purpose),
            Event::Due(client, call, pending, limit) => {
                let reply = self.world.collect(self.now, &pending);
                self.send_back(client, call, reply, Purpose::Submit, limit);
            }
            Event::Answer(client, call, reply, purpose, limit) => {
                let input = match reply {
                    Reply::Answer(response) => {
                        Input::Answer { call, answer: walk::answer(&response, purpose, limit, &mut Vec::new()) }
                    }
                    Reply::Lost | Reply::Later(_) => {
                        Input::Failed { call, fault: Fault::Network, message: String::new() }
                    }
                };
                self.feed(client, input);
            }
        }
    }

    fn ask(&mut self, task: TaskId) {
        let Some(ask) = self.asks.get(task as usize) else { return };
        let mut request = ImageRequest::new("gpt-image-2", &prompt(task));
        request.size = Size::parse("64x64");
        let mut options = CallOptions::from_defaults(&Defaults::default(), ask.priority);
        options.max_wait = Millis::MAX;
        if let Load::Tenants(tenants) = self.cell.load {
            options.tenant = format!("tenant {}", ask.tenant);
            let weight = tenants.get(ask.tenant).map_or(1, |(weight, _)| *weight);
            options.weight = Weight::of(f64::from(weight));
        }
        let (request, options) = (Ok(Box::new(request)), Box::new(options));
        let client = ask.client;
        self.feed(client, Input::Submit { task, owner: 0, request, options, records: Vec::new() });
    }

    /// An input, what came of it, and what the store's acknowledgements bring at once.
    fn feed(&mut self, place: usize, input: Input) {
        let wall = self.cell.world.epoch_ms + self.now;
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let Some(client) = self.clients.get_mut(place) else { return };
            client.engine.enter(0);
            client.engine.handle(Instant::from_millis(self.now), wall, input);
            while let Some(effect) = self.clients.get_mut(place).and_then(|client| client.engine.poll(0)) {
                self.carry_out(place, effect);
            }
            let Some(client) = self.clients.get_mut(place) else { return };
            next = client.stored.pop_front().map(|seq| Input::Stored { seq, ok: true });
        }
        if let Some(client) = self.clients.get_mut(place) {
            client.timer = client.engine.deadline(0).map(Instant::millis);
            if let Some(trace) = &mut self.trace {
                trace.lane(self.now, place, &client.engine, &self.world);
            }
        }
    }

    fn carry_out(&mut self, place: usize, effect: Effect) {
        match effect {
            Effect::Send { call, purpose, request, .. } => {
                let there = self.cell.rtt / 2;
                self.schedule(self.now + there, Event::Arrive(place, call, Box::new(request), purpose));
            }
            Effect::Store { seq, .. } => {
                if let Some(client) = self.clients.get_mut(place) {
                    client.stored.push_back(seq);
                }
            }
            Effect::Settle { task, outcome } => {
                let good = matches!(*outcome, Outcome::Succeeded(_));
                self.clients.get_mut(place).into_iter().for_each(|client| _ = client.engine.taken(task));
                if let Some(trace) = &mut self.trace {
                    trace.settled(self.now, place, task, &outcome);
                }
                if let Some(ask) = self.asks.get_mut(task as usize).filter(|ask| ask.settled.is_none()) {
                    ask.settled = Some((self.now, good));
                    self.open -= 1;
                }
            }
            Effect::Refusal { axis, retry_after, .. } => {
                if let Some(trace) = &mut self.trace {
                    trace.refusal(self.now, place, axis, retry_after);
                }
            }
            Effect::Warn { message } => {
                if let Some(trace) = &mut self.trace {
                    trace.warning(self.now, place, &message);
                }
            }
            Effect::Abort { .. }
            | Effect::Keep { .. }
            | Effect::Forget { .. }
            | Effect::Load { .. }
            | Effect::Inform { .. }
            | Effect::Release { .. }
            | Effect::Update { .. }
            | Effect::Limit { .. } => {}
        }
    }

    fn arrive(&mut self, client: usize, call: CallId, request: &Request, purpose: Purpose) {
        let path = request.url.strip_prefix(BASE).unwrap_or_default();
        let headers = request.headers.iter().map(|(name, value)| (String::from(*name), value.clone()));
        let key = request.credential.map(|place| (String::from("authorization"), format!("Bearer sk-{place}")));
        let sent = tidegate_simulator::Request {
            method: String::from(request.method),
            path: String::from(path),
            headers: headers.chain(key).collect(),
            body: request.body.clone().unwrap_or_default().into_bytes(),
        };
        let before = self.world.stats();
        let reply = self.world.handle(self.now, &sent);
        if let Some(trace) = &mut self.trace {
            trace.arrived(self.now, client, before, &self.world);
        }
        self.send_back(client, call, reply, purpose, request.limit);
    }

    fn send_back(&mut self, client: usize, call: CallId, reply: Reply, purpose: Purpose, limit: u32) {
        if let Reply::Later(pending) = reply {
            if let Some(at) = pending.at_ms {
                self.schedule(at.max(self.now), Event::Due(client, call, pending, limit));
            }
            return;
        }
        let back = self.cell.rtt - self.cell.rtt / 2;
        self.schedule(self.now + back, Event::Answer(client, call, reply, purpose, limit));
    }
}
