//! The provider: what it does with each request, and what happens in it as time passes. What stands before it is in [`crate::intermediary`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::choices::LimitScope;
use crate::config::Config;
use crate::drawing::Drawing;
use crate::hiapi::{Problem, Wire};
use crate::hint;
use crate::idempotency::Store;
use crate::intermediary::Intermediary;
use crate::ledger::Charge;
use crate::limits::{Axis, Refusal, Scope};
use crate::message::{Reply, Response};
use crate::open::{Open, Origin};
use crate::provider::Provider;
use crate::random::{Stream, bits, unit};
use crate::stats::Stats;
use crate::task::{Fate, Task};

/// A simulated provider. Pure: it acts only when called, at the time it is given.
#[derive(Debug)]
pub struct World {
    pub(crate) config: Config,
    /// World time: the latest that a call has brought.
    pub(crate) now_ms: u64,
    /// Requests so far; the index of the draws that belong to a request.
    pub(crate) requests: u64,
    pub(crate) tasks: Vec<Task>,
    pub(crate) by_id: HashMap<String, usize>,
    /// Ends of running tasks: (time, task).
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    /// When tasks take and leave their slots: (time, task, whether it takes them).
    turns: BinaryHeap<Reverse<(u64, bool, usize)>>,
    pub(crate) scopes: Vec<Scope>,
    scope_names: HashMap<(Provider, String, String), usize>,
    /// Requests whose answers are due later, by ticket.
    pub(crate) open: HashMap<u64, Open>,
    /// What the numbers of this world's tickets begin after.
    pub(crate) tickets_before: u64,
    /// The request that is being answered.
    pub(crate) origin: Origin,
    /// What stands between the clients and this provider.
    pub(crate) intermediary: Intermediary,
    pub(crate) idempotency: Store,
    ledger: Vec<Charge>,
    pub(crate) stats: Stats,
}

/// What a request came to, before a picture is drawn.
#[derive(Clone, Debug)]
pub enum Step {
    /// The answer is complete.
    Reply(Reply),
    /// The answer is a picture that is still to be drawn, which takes a while and needs the world no more.
    Draw(Drawing),
}

impl World {
    /// A world at time 0 in which nothing has happened.
    pub fn new(config: Config) -> World {
        World {
            config,
            now_ms: 0,
            requests: 0,
            tasks: Vec::new(),
            by_id: HashMap::new(),
            ends: BinaryHeap::new(),
            turns: BinaryHeap::new(),
            scopes: Vec::new(),
            scope_names: HashMap::new(),
            open: HashMap::new(),
            tickets_before: 0,
            origin: Origin { number: 0, provider: Provider::HiApi, arrived_ms: 0, scope: None, reaches: true },
            intermediary: Intermediary::default(),
            idempotency: Store::default(),
            ledger: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// A world at time 0 in which nothing has happened, and in which no answer is due that this one owes.
    pub fn successor(&self, config: Config) -> World {
        World {
            tickets_before: self.tickets_before + self.requests,
            intermediary: self.intermediary.successor(),
            ..World::new(config)
        }
    }

    /// Lets time pass: tasks end, queued ones start, successes are charged.
    pub fn advance(&mut self, now_ms: u64) {
        while let Some(at) = self.next_event().filter(|&at| at <= now_ms) {
            self.now_ms = at;
            while let Some(&Reverse((end, index))) = self.ends.peek() {
                if end > at {
                    break;
                }
                self.ends.pop();
                self.finish(index);
            }
            while let Some(&Reverse((turn, takes, index))) = self.turns.peek() {
                if turn > at {
                    break;
                }
                self.turns.pop();
                self.turn(index, takes);
            }
            self.start_waiting();
        }
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// Replaces the settings from `now_ms` on; tasks that exist keep their durations and fates.
    pub fn reconfigure(&mut self, now_ms: u64, config: Config) {
        self.advance(now_ms);
        self.config = config;
        self.start_waiting();
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// All charges up to the latest time that a call has brought, in the order of time.
    pub fn ledger(&self) -> &[Charge] {
        &self.ledger
    }

    /// The counts up to the latest time that a call has brought.
    pub fn stats(&self) -> Stats {
        Stats {
            in_flight: self.scopes.iter().map(|scope| u64::from(scope.running)).sum(),
            waiting: self.scopes.iter().map(|scope| scope.waiting.len() as u64).sum(),
            ..self.stats
        }
    }

    /// How many tasks hold a slot at a time not before the latest call's.
    pub fn in_flight(&mut self, now_ms: u64) -> u64 {
        self.advance(now_ms);
        self.stats().in_flight
    }

    /// How long the task with this acceptance index (from 0) runs, in milliseconds, by the present settings.
    pub fn duration_of(&self, index: u64) -> u64 {
        self.config.durations().of(index)
    }

    /// The latest time that a call has brought, in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The provider's clock at a world time, in Unix milliseconds.
    pub(crate) fn wall_ms(&self, at_ms: u64) -> u64 {
        (self.config.epoch_ms + at_ms).saturating_add_signed(self.config.clock_skew_ms)
    }

    /// Whether a fault of this probability strikes the present request.
    pub(crate) fn strikes(&self, stream: Stream, probability: f64) -> bool {
        unit(self.config.seed, stream, self.requests) < probability
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire::of(self.config.dialect, bits(self.config.seed, Stream::Dialect, self.requests))
    }

    /// The answer to a request that is not carried out.
    pub(crate) fn problem(&mut self, problem: &Problem) -> Response {
        let response = self.wire().problem(problem, &self.request_id(self.requests));
        match response.status {
            400 | 413 => self.stats.invalid += 1,
            401 => self.stats.unauthorized += 1,
            402 => self.stats.unpaid += 1,
            500.. => self.stats.errors += 1,
            _ => {}
        }
        response
    }

    /// The answer to a request that a limit refuses; `late_ms` later it is sent.
    pub(crate) fn refused(&mut self, refusal: Refusal, late_ms: u64) -> Response {
        self.stats.refusals += 1;
        let wait_ms = refusal.wait_ms.saturating_sub(late_ms);
        let hints = refusal.axis != Axis::Slots || self.config.hint_slots;
        let named = self.config.name_axis.then(|| refusal.axis.words().to_owned());
        let hinted = hint::words(&self.config, wait_ms).filter(|_| hints);
        let words = match (named, hinted) {
            (Some(named), Some(hinted)) => Some(format!("{named}. {hinted}")),
            (named, hinted) => named.or(hinted),
        };
        let mut response = self.problem(&Problem::Limited(words));
        if hints {
            hint::add(&mut response, &self.config, wait_ms, self.wall_ms(self.now_ms + late_ms));
        }
        response
    }

    /// The limit scope of a key and a model.
    pub(crate) fn scope_of(&mut self, provider: Provider, account: &str, model: &str) -> usize {
        let model = if self.config.scope == LimitScope::Key { "" } else { model };
        let name = (provider, account.to_owned(), model.to_owned());
        *self.scope_names.entry(name).or_insert_with(|| {
            self.scopes.push(Scope::default());
            self.scopes.len() - 1
        })
    }

    /// Gives a task its slot.
    pub(crate) fn start(&mut self, index: usize) {
        let Some(task) = self.tasks.get_mut(index) else { return };
        task.started_ms = Some(self.now_ms);
        self.ends.push(Reverse((self.now_ms + task.duration_ms, index)));
        let Some((from_ms, until_ms)) = task.holds_ms(self.config.queued_ms) else { return };
        if from_ms < until_ms {
            self.turns.push(Reverse((until_ms, false, index)));
            if from_ms > self.now_ms {
                self.turns.push(Reverse((from_ms, true, index)));
            } else {
                self.turn(index, true);
            }
        }
    }

    /// A task takes its slots, or leaves them.
    fn turn(&mut self, index: usize, takes: bool) {
        let Some(task) = self.tasks.get(index) else { return };
        let Some(scope) = self.scopes.get_mut(task.scope) else { return };
        scope.running = if takes { scope.running + task.slots } else { scope.running.saturating_sub(task.slots) };
        self.stats.peak_in_flight = self.stats.peak_in_flight.max(u64::from(scope.running));
    }

    /// Marks a task's charge as delivered or fetched.
    pub(crate) fn mark(&mut self, index: usize, mark: impl FnOnce(&mut Charge)) {
        let charge = self.tasks.get(index).and_then(|task| task.charge);
        if let Some(charge) = charge.and_then(|charge| self.ledger.get_mut(charge)) {
            mark(charge);
        }
    }

    /// How long until a task finds its slots free in this scope, if nobody takes them before; 0 if that is never.
    pub(crate) fn slot_wait(&self, scope: usize, slots: u32) -> u64 {
        let Some(limits) = self.scopes.get(scope) else { return 0 };
        let mine = |index: usize| self.tasks.get(index).filter(|task| task.scope == scope);
        let turns =
            self.turns.iter().filter_map(|Reverse((at, takes, index))| Some((*at, *takes, mine(*index)?.slots)));
        let mut turns: Vec<(u64, bool, u32)> = turns.collect();
        turns.sort_unstable();
        let mut turns = turns.into_iter().peekable();
        let (mut now_ms, mut running) = (self.now_ms, limits.running);
        while !self.config.fits(running, slots, now_ms) {
            let turn = turns.peek().map(|(at, ..)| *at);
            let step = self.config.concurrency_schedule.next_after(now_ms);
            let Some(next) = turn.into_iter().chain(step).min() else { return 0 };
            now_ms = next;
            while let Some((_, takes, slots)) = turns.next_if(|(at, ..)| *at <= now_ms) {
                running = if takes { running + slots } else { running.saturating_sub(slots) };
            }
        }
        now_ms - self.now_ms
    }

    pub(crate) fn next_event(&self) -> Option<u64> {
        let end = self.ends.peek().map(|&Reverse((end, _))| end);
        let waits = self.scopes.iter().any(|scope| !scope.waiting.is_empty());
        let step = if waits { self.config.concurrency_schedule.next_after(self.now_ms) } else { None };
        let turn = self.turns.peek().map(|&Reverse((at, ..))| at);
        end.into_iter().chain(turn).chain(step).min()
    }

    fn start_waiting(&mut self) {
        for scope in 0..self.scopes.len() {
            while let Some(index) = self.next_waiting(scope) {
                self.start(index);
            }
        }
    }

    fn next_waiting(&mut self, scope: usize) -> Option<usize> {
        let scope = self.scopes.get_mut(scope)?;
        let slots = scope.waiting.front().and_then(|&index| self.tasks.get(index))?.slots;
        if scope.has_slot(&self.config, slots, self.now_ms) { scope.waiting.pop_front() } else { None }
    }

    fn finish(&mut self, index: usize) {
        let Some(task) = self.tasks.get_mut(index) else { return };
        match task.fate {
            Fate::Success => self.stats.succeeded += 1,
            Fate::Failure | Fate::Filtered { .. } => self.stats.failed += 1,
        }
        if task.fate == Fate::Success || (matches!(task.fate, Fate::Filtered { .. }) && self.config.charge_filtered) {
            task.charge = Some(self.ledger.len());
            self.stats.charges += 1;
            let price_micro_usd = self.config.price_micro_usd * u64::from(task.images);
            self.stats.charged_micro_usd += price_micro_usd;
            self.ledger.push(Charge {
                task_id: task.id.clone(),
                provider: task.provider,
                key: task.account.clone(),
                model: task.model.clone(),
                idempotency_key: task.idempotency_key.clone(),
                prompt: task.sketch.prompt.clone(),
                images: task.images,
                amount_usd: price_micro_usd as f64 / 1e6,
                accepted_ms: task.created_ms,
                started_ms: task.started_ms.unwrap_or(task.created_ms),
                at_ms: self.now_ms,
                delivered: false,
                image_fetched: false,
            });
        }
    }
}
