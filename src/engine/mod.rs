//! The engine: inputs in, effects out. It owns tasks, lanes and timers; it has no clock, no network and no randomness of its own.

mod answers;
mod apply;
mod asking;
mod beside;
mod check;
mod eta;
mod lanes;
mod learning;
mod message;
mod owners;
mod polls;
mod probe;
mod recall;
mod records;
mod replays;
mod retries;
mod schedule;
mod settle;
mod slot;
mod spend;
mod standing;
mod start;
mod submits;
mod target;
mod telling;
mod timers;
mod untaken;
mod waiting;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::gather::gather;
use crate::http::Purpose;
use crate::json::decimal;
use crate::limit::{LaneSnapshot, Token};
use crate::options::Config;
use crate::poll::{Asker, Models};
use crate::retry::budget;
use crate::rng::Rng;
use crate::table::{Table, text_code};
use crate::task::{CallId, OwnerId, PartId, PartState, Task, TaskId};
use crate::text::concat;
use crate::time::Instant;

pub use message::{Effect, Input, KeyReport, Outcome, ProbeBounds, ProbeReport, Reference, Success, Update};
pub use settle::Cancelled;
pub use spend::{Budget, Period};

/// The state machine. See the crate's documentation for the loop around it.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    rng: Rng,
    now: Instant,
    /// The wall's clock at the instant when it was last told, ms since the epoch.
    wall: (Instant, u64),
    /// The time for which the engine has been awake.
    awake: Instant,
    context: OwnerId,
    /// Each in a box: of 100,000 that wait a table would keep as much room again in reserve.
    tasks: Table<TaskId, Box<Task>>,
    /// Tasks by the codes of their keys, and of what their providers call them.
    keys: Table<u128, TaskId>,
    lanes: Vec<slot::LaneSlot>,
    calls: Table<CallId, Call>,
    next_call: CallId,
    /// Submits that the engine before this one sent, and whose parts are yet to be registered.
    adopted: Table<CallId, PartId>,
    next_order: u64,
    next_seq: u64,
    next_adopted: Token,
    /// Stores whose acknowledgement lets a part go on.
    planning: Table<u64, PartId>,
    lookups: Table<u64, TaskId>,
    owners: Table<OwnerId, owners::Owner>,
    paused_batches: Vec<u32>,
    /// Parts whose callers may have to hear what they wait for, once the lanes are at rest.
    untold: Vec<PartId>,
    models: Models,
    /// What providers have, or may have; what came back to a queue, too.
    out: Table<u64, PartId>,
    /// By batch and lane.
    waits: Table<u64, eta::Waits>,
    /// When those far back may hear again how much longer it takes, and the first task whose turn that is.
    told_behind: (Instant, TaskId),
    /// How each provider may be asked, and what its list of tasks is good for.
    askers: Vec<(Asker, asking::List)>,
    /// Polls that wait for a connection, by when they were due.
    held_polls: Table<u128, PartId>,
    budgets: Vec<budget::Budget>,
    /// What is over and still written down.
    untaken: untaken::Untaken,
    /// Checks under way.
    checks: Table<TaskId, check::Check>,
    /// Probes under way.
    probes: Table<TaskId, probe::Probe>,
    /// What they bought.
    spend: spend::Spend,
    /// Tries of this input that failed, until it is clear what becomes of them.
    failed_tries: Vec<(PartId, crate::error::Error)>,
    /// Codes of the words for a task's status that no table has: each is told of once.
    unknown_words: Vec<u128>,
    warned_of_store: bool,
    /// It did not answer in time, and has not since: nobody waits for it.
    store_is_silent: bool,
    closing: bool,
}

/// An HTTP call on the wire.
#[derive(Clone, Copy, Debug)]
struct Call {
    part: PartId,
    /// Who holds the connection.
    owner: OwnerId,
    purpose: Purpose,
    times_out: Instant,
    /// It waits for its credential or its form: nothing of it has left.
    is_held: bool,
}

/// The code of a provider's id. No key has a blank in it.
fn id_code(provider: usize, id: &str) -> u128 {
    text_code(&concat(&[&decimal(provider as u64), " ", id]))
}

impl Engine {
    /// An engine without tasks. The same configuration, seed and inputs give the same effects.
    pub fn new(config: Config, seed: u64) -> Engine {
        let askers = config.providers.iter().map(|provider| Asker::new(&provider.limits));
        Engine {
            rng: Rng::new(seed),
            now: Instant::default(),
            wall: (Instant::default(), 0),
            awake: Instant::default(),
            context: 0,
            tasks: Table::default(),
            keys: Table::default(),
            lanes: Vec::new(),
            calls: Table::default(),
            next_call: config.first_call,
            adopted: Table::default(),
            next_order: 0,
            next_seq: 0,
            // Numbers that no lane gives out itself.
            next_adopted: 1 << 52,
            planning: Table::default(),
            lookups: Table::default(),
            owners: Table::default(),
            paused_batches: Vec::new(),
            untold: Vec::new(),
            models: Models::default(),
            out: Table::default(),
            waits: Table::default(),
            told_behind: (Instant::default(), 0),
            askers: gather(askers.map(|asker| (asker, asking::List::Usable))),
            held_polls: Table::default(),
            budgets: vec![budget::Budget::default(); config.providers.len()],
            untaken: untaken::Untaken::default(),
            checks: Table::default(),
            probes: Table::default(),
            spend: spend::Spend::default(),
            failed_tries: Vec::new(),
            unknown_words: Vec::new(),
            warned_of_store: false,
            store_is_silent: false,
            closing: false,
            config,
        }
    }

    /// Takes an input. `now` is monotonic and `wall` is milliseconds since the epoch, for dates that servers send and records that last.
    pub fn handle(&mut self, now: Instant, wall: u64, input: Input) {
        if let Input::Wake { owner } = input {
            self.enter(owner);
        }
        self.tick(now, wall);
        match input {
            Input::Submit { task, owner, request, options, records } => {
                self.hear(owner);
                self.submit(task, owner, request, *options, records);
            }
            Input::Resume { task, owner, key, parts, options, records } => {
                self.hear(owner);
                self.resume(task, owner, key, parts, *options, records);
            }
            Input::Fetch { task, owner, url } => {
                self.hear(owner);
                self.fetch(task, owner, url);
            }
            Input::Check { task, owner, provider } => {
                self.hear(owner);
                self.check(task, owner, &provider);
            }
            Input::Probe { task, owner, bounds } => {
                self.hear(owner);
                self.probe(task, owner, &bounds);
            }
            Input::Adopt { call, part } => self.adopt(call, part),
            Input::Answer { call, answer } => self.answer(call, answer),
            Input::Failed { call, fault, message } => self.failed(call, fault, message),
            Input::Stored { seq, ok } => self.stored(seq, ok),
            Input::Loaded { seq, record } => self.loaded(seq, record),
            Input::Wake { .. } => {}
            Input::Join { task, owner } => self.join(task, owner),
            Input::Pause { batch, paused } => self.pause(batch, paused),
            Input::Close => self.close(),
        }
        self.advance();
        self.drive_lanes();
        self.drive_probes();
        self.tell_failed_tries();
        self.expire_owners();
    }

    /// The next effect of an owner.
    pub fn poll(&mut self, owner: OwnerId) -> Option<Effect> {
        let next = self.owners.get_mut(&owner)?.effects.pop();
        if next.is_none() && owner == self.context && self.write_untaken() {
            return self.owners.get_mut(&owner)?.effects.pop();
        }
        next
    }

    /// The owner in whose context we are: its effects can be performed now.
    pub fn context(&self) -> OwnerId {
        self.context
    }

    /// Cancels a task for its caller and says what that came to.
    pub fn cancel(&mut self, now: Instant, wall: u64, task: TaskId) -> Cancelled {
        self.tick(now, wall);
        let cancelled = self.cancel_task(task);
        self.advance();
        self.drive_lanes();
        self.drive_probes();
        self.expire_owners();
        cancelled
    }

    /// Nobody waits for a task any more: what of it is not with its provider yet never is, the rest goes on. It ends for whoever wants it again, or as
    /// finished and not taken; only where nothing goes on, it is cancelled.
    pub fn leave(&mut self, now: Instant, wall: u64, task: TaskId) -> Cancelled {
        if self.leave_task(task) { Cancelled::Unsupported } else { self.cancel(now, wall, task) }
    }

    /// The key of a task, once it is known.
    pub fn key_of(&self, task: TaskId) -> Option<&str> {
        self.tasks.get(&task).map(|task| task.key.as_str()).filter(|key| !key.is_empty())
    }

    /// The part is found by its provider's id from now on.
    fn index_id(&mut self, id: PartId) {
        let code = self.part(id).and_then(|part| Some(id_code(part.provider, part.task_id.as_deref()?)));
        if let Some(code) = code {
            self.keys.insert(code, id.task);
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Every lane: its name, its provider's place, and what it believes.
    pub fn lanes(&self) -> impl Iterator<Item = (&str, usize, LaneSnapshot)> {
        self.lanes.iter().map(|slot| (slot.name.as_str(), slot.provider, slot.lane.snapshot()))
    }

    /// The model that a lane is for, by its place in [`Engine::lanes`]; `None` where all models share it.
    pub fn lane_model(&self, lane: usize) -> Option<&str> {
        self.lanes.get(lane)?.model.as_deref()
    }

    /// How many parts wait for leave to submit, and how many are out.
    pub fn counts(&self) -> (usize, usize) {
        let parts = || self.tasks.values().flat_map(|task| &task.parts);
        let out = parts().filter(|part| part.state.is_out()).count();
        let waits =
            |part: &&crate::task::Part| part.state.is_queued() || matches!(part.state, PartState::Backoff { .. });
        (parts().filter(waits).count(), out)
    }

    /// An instant on the wall's clock, ms since the epoch.
    pub fn wall_clock(&self, instant: Instant) -> u64 {
        self.wall_at(instant)
    }

    fn wall_at(&self, instant: Instant) -> u64 {
        let (then, wall) = self.wall;
        if instant >= then {
            wall.saturating_add(then.until(instant))
        } else {
            wall.saturating_sub(instant.until(then))
        }
    }

    fn part(&self, id: PartId) -> Option<&crate::task::Part> {
        self.tasks.get(&id.task)?.parts.get(usize::from(id.index))
    }

    fn part_mut(&mut self, id: PartId) -> Option<&mut crate::task::Part> {
        self.tasks.get_mut(&id.task)?.parts.get_mut(usize::from(id.index))
    }

    /// The provider of a part answers its submits with the images.
    fn is_synchronous(&self, id: PartId) -> bool {
        let config = self.part(id).and_then(|part| self.config.providers.get(part.provider));
        config.is_some_and(|config| config.dialect.is_synchronous())
    }

    fn effect(&mut self, owner: OwnerId, effect: Effect) {
        if let Some(owner) = self.owners.or_default(owner) {
            owner.effects.push(effect);
        }
    }

    fn effect_for(&mut self, task: TaskId, effect: Effect) {
        if let Effect::Send { part, request, .. } = &effect {
            if let Some(part) = self.part_mut(*part) {
                part.sent.url = request.url.clone();
            }
        }
        if let Some(owner) = self.tasks.get(&task).map(|task| task.owner) {
            self.effect(owner, effect);
        }
    }
}
