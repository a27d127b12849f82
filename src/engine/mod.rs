//! The engine: inputs in, effects out. It owns tasks, lanes and timers; it has no clock, no network and no randomness of its own.

mod answers;
mod lanes;
mod owners;
mod polls;
mod settle;
mod start;
mod submits;
mod timers;

use std::collections::VecDeque;

use crate::error::{Axis, Error};
use crate::http::{Answer, Fault, Purpose, Request};
use crate::journal::Record;
use crate::limit::{LaneSnapshot, Token};
use crate::options::{CallOptions, Config};
use crate::poll::Durations;
use crate::provider::Image;
use crate::request::ImageRequest;
use crate::rng::Rng;
use crate::table::{Table, text_code};
use crate::task::{CallId, KnownPart, OwnerId, PartId, Target, Task, TaskId};
use crate::time::{Instant, Millis};

pub use settle::Cancelled;

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A caller wants an image.
    Submit {
        /// The host's number for it.
        task: TaskId,
        /// Who performs its effects.
        owner: OwnerId,
        /// What is wanted, or why that can't be.
        request: Result<Box<ImageRequest>, Box<Error>>,
        /// What holds for it.
        options: Box<CallOptions>,
        /// What is written down of it, if the host knows (after a trap).
        records: Vec<Record>,
    },
    /// A caller wants to go on with an earlier task.
    Resume {
        /// The host's number for it.
        task: TaskId,
        /// Who performs its effects.
        owner: OwnerId,
        /// The key, if the reference has one.
        key: Option<String>,
        /// The parts that the reference names, or why it can't be read.
        parts: Result<Vec<KnownPart>, Box<Error>>,
        /// What holds for it.
        options: Box<CallOptions>,
        /// What is written down of it, if the host knows (after a trap).
        records: Vec<Record>,
    },
    /// A caller wants the bytes of an image.
    Fetch {
        /// The host's number for it.
        task: TaskId,
        /// Who performs its effects.
        owner: OwnerId,
        /// The address.
        url: String,
    },
    /// After a trap: this part's submit is on the wire under that number.
    Adopt {
        /// The HTTP call.
        call: CallId,
        /// The part.
        part: PartId,
    },
    /// An answer came.
    Answer {
        /// To which call.
        call: CallId,
        /// What it says.
        answer: Answer,
    },
    /// No answer will come.
    Failed {
        /// To which call.
        call: CallId,
        /// Why.
        fault: Fault,
        /// More, for people; may be empty.
        message: String,
    },
    /// The store has the record, or failed.
    Stored {
        /// Of [`Effect::Store`].
        seq: u64,
        /// Whether it is durable.
        ok: bool,
    },
    /// The store was looked at.
    Loaded {
        /// Of [`Effect::Load`].
        seq: u64,
        /// What it has.
        record: Option<Record>,
    },
    /// Time has passed for this owner.
    Wake {
        /// Whose timer it was.
        owner: OwnerId,
    },
    /// The parts of a batch wait, or go on.
    Pause {
        /// The batch.
        batch: u32,
        /// Wait.
        paused: bool,
    },
    /// Nothing more is submitted; what waits ends as cancelled, what was accepted is let go.
    Close,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a request; the answer comes back as [`Input::Answer`] or [`Input::Failed`].
    Send {
        /// The call's number.
        call: CallId,
        /// Whose it is.
        part: PartId,
        /// What for.
        purpose: Purpose,
        /// The request.
        request: Request,
        /// Ask for the credential anew: the last one was refused.
        refresh: bool,
    },
    /// Give a call up; its answer is not wanted any more.
    Abort {
        /// The call.
        call: CallId,
    },
    /// Write down; answered by [`Input::Stored`].
    Store {
        /// To match the answer.
        seq: u64,
        /// Under which key.
        key: String,
        /// The record's text.
        record: String,
    },
    /// Remove what is written down under a key.
    Forget {
        /// The key.
        key: String,
    },
    /// Look up; answered by [`Input::Loaded`].
    Load {
        /// To match the answer.
        seq: u64,
        /// The key.
        key: String,
    },
    /// The task stands elsewhere now.
    Update {
        /// The task.
        task: TaskId,
        /// Where.
        update: Update,
    },
    /// The task is over for its caller.
    Settle {
        /// The task.
        task: TaskId,
        /// How.
        outcome: Box<Outcome>,
    },
    /// A limit refused.
    Refusal {
        /// The lane's name.
        lane: String,
        /// Which limit.
        axis: Axis,
        /// The server's hint, ms.
        retry_after: Option<Millis>,
        /// What support asks for.
        request_id: Option<String>,
    },
    /// A lane changed its mind.
    Limit {
        /// The lane's place in [`Engine::lanes`].
        lane: usize,
    },
    /// Something that people should read in a log.
    Warn {
        /// A sentence.
        message: String,
    },
}

/// Where a task stands, in the words of the public contract.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// It waits for leave to submit.
    Waiting {
        /// "concurrency", "cooldown" or "paused".
        reason: &'static str,
        /// How many go first.
        ahead: usize,
        /// Until when, ms since the epoch, if known.
        until: Option<u64>,
    },
    /// A submit is on the wire.
    Submitting {
        /// To whom.
        target: Target,
        /// The how-manieth.
        attempt: u32,
    },
    /// The provider has it.
    Running {
        /// In its queue.
        queued: bool,
        /// What it can be resumed by.
        reference: Reference,
        /// From 0 to 1.
        progress: Option<f64>,
    },
}

/// What a task can be resumed by: `TaskRef` in the public contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The task's key.
    pub key: String,
    /// Its parts.
    pub parts: Vec<KnownPart>,
    /// Echoed.
    pub metadata: Vec<(String, String)>,
}

/// How a task ended for its caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With an image at least.
    Succeeded(Success),
    /// Without.
    Failed(Error, Option<Reference>),
    /// By the caller.
    Cancelled(Error, Option<Reference>),
}

/// What a caller gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Success {
    /// In the order of the parts.
    pub images: Vec<Image>,
    /// Who answered.
    pub target: Target,
    /// The model in the caller's words.
    pub requested_model: String,
    /// What support asks for.
    pub request_id: Option<String>,
    /// The provider's id of the first part.
    pub task_id: Option<String>,
    /// Echoed.
    pub metadata: Vec<(String, String)>,
    /// Every submit.
    pub attempts: Vec<crate::task::Attempt>,
    /// Code and sentence.
    pub warnings: Vec<(&'static str, String)>,
    /// The parts that are missing, and why.
    pub failures: Vec<(u16, Error)>,
    /// Waiting for leave, ms: the longest of the parts.
    pub waited: Millis,
    /// In the provider's queue, ms.
    pub queued: Millis,
    /// Running, ms.
    pub ran: Millis,
    /// Polls.
    pub polls: u32,
}

/// The state machine. See the crate's documentation for the loop around it.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    rng: Rng,
    now: Instant,
    /// The wall's clock at the instant when it was last told, ms since the epoch.
    wall: (Instant, u64),
    context: OwnerId,
    tasks: Table<TaskId, Task>,
    /// Tasks by the codes of their keys.
    keys: Table<u128, TaskId>,
    lanes: Vec<lanes::LaneSlot>,
    calls: Table<CallId, Call>,
    next_call: CallId,
    next_order: u64,
    next_seq: u64,
    next_adopted: Token,
    /// Stores whose acknowledgement lets a part go on.
    planning: Table<u64, PartId>,
    lookups: Table<u64, TaskId>,
    timers: Table<u128, timers::Timer>,
    owners: Table<OwnerId, owners::Owner>,
    paused_batches: Vec<u32>,
    durations: Vec<Durations>,
    /// Polls of a provider that said so wait until then.
    polls_paused: Vec<Instant>,
    /// Delivered records that are still written down, oldest first.
    delivered: VecDeque<(Instant, String)>,
    warned_of_store: bool,
    closing: bool,
}

/// An HTTP call on the wire.
#[derive(Clone, Copy, Debug)]
struct Call {
    part: PartId,
    purpose: Purpose,
    times_out: Instant,
}

impl Engine {
    /// An engine without tasks. The same configuration, seed and inputs give the same effects.
    pub fn new(config: Config, seed: u64) -> Engine {
        let count = config.providers.len();
        Engine {
            rng: Rng::new(seed),
            now: Instant::default(),
            wall: (Instant::default(), 0),
            context: 0,
            tasks: Table::default(),
            keys: Table::default(),
            lanes: Vec::new(),
            calls: Table::default(),
            next_call: config.first_call,
            next_order: 0,
            next_seq: 0,
            // Numbers that no lane gives out itself.
            next_adopted: 1 << 52,
            planning: Table::default(),
            lookups: Table::default(),
            timers: Table::default(),
            owners: Table::default(),
            paused_batches: Vec::new(),
            durations: (0..count).map(|_| Durations::default()).collect(),
            polls_paused: (0..count).map(|_| Instant::default()).collect(),
            delivered: VecDeque::new(),
            warned_of_store: false,
            closing: false,
            config,
        }
    }

    /// Takes an input. `now` is monotonic and `wall` is milliseconds since the epoch, for dates that servers send and records that last.
    pub fn handle(&mut self, now: Instant, wall: u64, input: Input) {
        self.now = self.now.max(now);
        self.wall = (self.now, wall);
        match input {
            Input::Submit { task, owner, request, options, records } => {
                self.enter(owner);
                self.submit(task, owner, request, *options, records);
            }
            Input::Resume { task, owner, key, parts, options, records } => {
                self.enter(owner);
                self.resume(task, owner, key, parts, *options, records);
            }
            Input::Fetch { task, owner, url } => {
                self.enter(owner);
                self.fetch(task, owner, url);
            }
            Input::Adopt { call, part } => self.adopt(call, part),
            Input::Answer { call, answer } => self.answer(call, answer),
            Input::Failed { call, fault, message } => self.failed(call, fault, message),
            Input::Stored { seq, ok } => self.stored(seq, ok),
            Input::Loaded { seq, record } => self.loaded(seq, record),
            Input::Wake { owner } => self.enter(owner),
            Input::Pause { batch, paused } => self.pause(batch, paused),
            Input::Close => self.close(),
        }
        self.advance();
        self.drive_lanes();
        self.expire_owners();
    }

    /// The next effect of an owner.
    pub fn poll(&mut self, owner: OwnerId) -> Option<Effect> {
        self.owners.get_mut(&owner)?.effects.pop_front()
    }

    /// The owner whom the latest input concerned: its effects can be performed now.
    pub fn context(&self) -> OwnerId {
        self.context
    }

    /// Cancels a task for its caller and says what that came to.
    pub fn cancel(&mut self, now: Instant, wall: u64, task: TaskId) -> Cancelled {
        self.now = self.now.max(now);
        self.wall = (self.now, wall);
        self.hear_owner(task);
        let cancelled = self.cancel_task(task);
        self.advance();
        self.drive_lanes();
        cancelled
    }

    /// The key of a task, once it is known.
    pub fn key_of(&self, task: TaskId) -> Option<&str> {
        self.tasks.get(&task).map(|task| task.key.as_str()).filter(|key| !key.is_empty())
    }

    /// The task that goes by this key and is not settled.
    pub fn find_key(&self, key: &str) -> Option<TaskId> {
        let task = *self.keys.get(&text_code(key))?;
        self.tasks.get(&task).filter(|found| !found.settled && found.key == key).map(|_| task)
    }

    /// The task that a provider knows by this id and that is not settled.
    pub fn find_task(&self, provider: &str, id: &str) -> Option<TaskId> {
        let place = self.config.providers.iter().position(|known| known.name == provider)?;
        let mut tasks = self.tasks.iter().filter(|(_, task)| !task.settled);
        tasks
            .find(|(_, task)| {
                task.parts.iter().any(|part| part.provider == place && part.task_id.as_deref() == Some(id))
            })
            .map(|(number, _)| number)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Every lane: its name, its provider's place, and what it believes.
    pub fn lanes(&self) -> impl Iterator<Item = (&str, usize, LaneSnapshot)> {
        self.lanes.iter().map(|slot| (slot.name.as_str(), slot.provider, slot.lane.snapshot()))
    }

    /// How many parts wait for leave to submit, and how many are out.
    pub fn counts(&self) -> (usize, usize) {
        let parts = || self.tasks.values().flat_map(|task| &task.parts);
        let out = parts().filter(|part| part.state.is_out()).count();
        (parts().filter(|part| part.outcome.is_none() && !part.state.is_out()).count(), out)
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

    fn effect(&mut self, owner: OwnerId, effect: Effect) {
        if let Some(owner) = self.owners.or_default(owner) {
            owner.effects.push_back(effect);
        }
    }

    fn effect_for(&mut self, task: TaskId, effect: Effect) {
        if let Some(owner) = self.tasks.get(&task).map(|task| task.owner) {
            self.effect(owner, effect);
        }
    }
}
