//! A task is what a caller holds; its parts are what providers hold. A part's states and their legal order are the heart of the promises:
//! nothing is sent before it is written down, and nothing that may have been accepted is forgotten.

mod sent;
pub mod verdict;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Attempt, Error};
use crate::limit::Token;
use crate::options::CallOptions;
use crate::provider::Image;
use crate::request::ImageRequest;
use crate::time::Instant;
pub use sent::{MaybeSent, Sent};

/// The host's number for a task.
pub type TaskId = u32;
/// The host's number for a context that may perform effects: one in a page, one per request where requests may not share I/O.
pub type OwnerId = u32;
/// The engine's number for an HTTP call.
pub type CallId = u64;

/// One part of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartId {
    /// The task.
    pub task: TaskId,
    /// Its place among the parts, from 0.
    pub index: u16,
}

impl PartId {
    /// A number that orders as the parts do.
    pub fn code(self) -> u64 {
        u64::from(self.task) << 16 | u64::from(self.index)
    }
}

/// Where a part stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartState {
    /// In its lane's queue; nothing is written down yet.
    Waiting,
    /// Near the head of the queue: its `planned` record is on the way to the store.
    Planning,
    /// Written down; waits for a permit.
    Planned,
    /// A fault left nothing behind; back to the queue at `until`. Holds no permit.
    Backoff {
        /// When.
        until: Instant,
    },
    /// The submit is on the wire.
    Submitting {
        /// The HTTP call.
        call: CallId,
        /// The permit.
        token: Token,
    },
    /// The answer was lost; the same bytes go out again under the same key at `until`. Keeps its permit: the task may be running.
    Replaying {
        /// When.
        until: Instant,
        /// The permit.
        token: Token,
    },
    /// The provider has it.
    Running {
        /// The permit; `None` if it was accepted by another process.
        token: Option<Token>,
        /// The poll on the wire.
        call: Option<CallId>,
    },
    /// The answer was lost and nothing can be asked: the slot is held until then.
    Ghost {
        /// When.
        until: Instant,
        /// The permit.
        token: Token,
    },
    /// It has its images, and their bytes are being fetched. Holds no permit.
    Fetching {
        /// The HTTP call, unless waiting to try again.
        call: Option<CallId>,
    },
    /// At its end.
    Over,
}

impl PartState {
    /// Whether the law allows to go from here to there.
    pub fn may_become(&self, next: &PartState) -> bool {
        use PartState::*;
        match self {
            Waiting => matches!(next, Planning | Over),
            Planning => matches!(next, Planned | Over),
            Planned => matches!(next, Submitting { .. } | Over),
            Backoff { .. } => matches!(next, Planned | Over),
            Submitting { .. } => {
                matches!(
                    next,
                    Planned
                        | Backoff { .. }
                        | Replaying { .. }
                        | Running { .. }
                        | Ghost { .. }
                        | Fetching { .. }
                        | Over
                )
            }
            Replaying { .. } => matches!(next, Submitting { .. } | Ghost { .. } | Over),
            Running { .. } => matches!(next, Running { .. } | Fetching { .. } | Over),
            Ghost { .. } => matches!(next, Over),
            Fetching { .. } => matches!(next, Fetching { .. } | Over),
            Over => false,
        }
    }

    /// The permit that is held.
    pub fn token(&self) -> Option<Token> {
        match self {
            PartState::Submitting { token, .. }
            | PartState::Replaying { token, .. }
            | PartState::Ghost { token, .. } => Some(*token),
            PartState::Running { token, .. } => *token,
            _ => None,
        }
    }

    /// Whether the part stands in its lane's queue.
    pub fn is_queued(&self) -> bool {
        matches!(self, PartState::Waiting | PartState::Planning | PartState::Planned)
    }

    /// Whether a provider has it, or may have it.
    pub fn is_out(&self) -> bool {
        matches!(
            self,
            PartState::Submitting { .. }
                | PartState::Replaying { .. }
                | PartState::Running { .. }
                | PartState::Ghost { .. }
        )
    }
}

/// What a provider holds, or will hold: one submit.
#[derive(Debug)]
pub struct Part {
    /// Where it stands.
    pub state: PartState,
    /// Its place in the client's list of providers.
    pub provider: usize,
    /// Its lane's place in the engine's list.
    pub lane: usize,
    /// The provider's name for the model.
    pub model: String,
    /// Made before the first send and kept.
    pub key: String,
    /// The bytes of the submit; empty if the part was resumed by its id alone.
    pub body: String,
    /// The body is what an edit's form is made of.
    pub edit: bool,
    /// How many images it asks for.
    pub count: u16,
    /// Its place in the queue: first come, first served, and a refused part keeps it.
    pub order: u64,
    /// Its batch is paused.
    pub paused: bool,
    /// It stands in its lane's queue.
    pub in_queue: bool,
    /// Its tenant has been charged for its turn.
    pub charged: bool,
    /// What it waits for and until when, as its caller was last told.
    pub told: Option<(&'static str, Option<u64>)>,
    /// When it should be over, by what its caller was last told.
    pub told_end: Option<Instant>,
    /// When it began to wait for a permit.
    pub waiting_since: Instant,
    /// Submits that met a fault.
    pub faults: u32,
    /// Submits that were refused.
    pub refusals: u32,
    /// Submits so far.
    pub submits: u32,
    /// The last error, for when patience ends.
    pub last_error: Option<Error>,
    /// What is known of it since its submit left.
    pub sent: MaybeSent,
    /// The provider's id.
    pub task_id: Option<String>,
    /// The next poll, fetch or other try.
    pub due: Option<Instant>,
    /// When patience ends: `max_wait` while waiting, `deadline` once out.
    pub expires: Instant,
    /// A submit went out and its answer was lost: it may have been accepted, whatever later answers say.
    pub in_doubt: bool,
    /// The credential was asked for anew after a 401; a second one is final.
    pub refreshed: bool,
    /// The next request asks for the credential anew.
    pub refresh_next: bool,
    /// When it was first written down, ms since the epoch; 0 before.
    pub planned_wall: u64,
    /// Its end, as far as the caller is concerned.
    pub outcome: Option<Result<Vec<Image>, Error>>,
}

impl Part {
    /// Whether the provider has it, or may have it, as far as is known: then there is something to go on with.
    pub fn may_exist(&self) -> bool {
        self.task_id.is_some() || self.in_doubt || self.state.is_out() || self.has_images()
    }

    /// Whether its images are known: they are its outcome, or their bytes are being fetched, or could not be.
    pub fn has_images(&self) -> bool {
        !self.sent.images.is_empty() || matches!(self.outcome, Some(Ok(_)))
    }

    /// Goes to another state. An illegal step is a defect of the engine; the property tests run with it denied.
    pub fn go(&mut self, next: PartState) {
        debug_assert!(self.state.may_become(&next), "{:?} may not become {next:?}", self.state);
        self.state = next;
    }
}

/// What a caller holds.
#[derive(Debug)]
pub struct Task {
    /// Who performs its effects.
    pub owner: OwnerId,
    /// Who wants it besides: owners of before, or of the same key.
    pub watchers: Vec<OwnerId>,
    /// What was asked for; `None` where it was resumed.
    pub request: Option<Box<ImageRequest>>,
    /// The model in the caller's words.
    pub requested_model: String,
    /// What holds for it.
    pub options: CallOptions,
    /// The key of part 0; empty until it is known.
    pub key: String,
    /// What providers hold.
    pub parts: Vec<Part>,
    /// Every submit.
    pub attempts: Vec<Attempt>,
    /// When it began.
    pub began: Instant,
    /// The caller has its answer; parts may live on as ghosts.
    pub settled: bool,
    /// Records are being looked up before anything else is done.
    pub lookup: Option<Box<Lookup>>,
    /// What the caller should know besides.
    pub warnings: Vec<(&'static str, String)>,
    /// What tells its request from others, where the caller chose the key.
    pub fingerprint: Option<u64>,
    /// Whether its result has reached anybody.
    pub delivery: Delivery,
    /// Those who wanted it have left: what is out goes on, and nothing more is sent.
    pub left: bool,
}

/// What has become of a task's result. Nothing is forgotten before somebody has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The host has not been given one.
    None,
    /// The host has it.
    Told,
    /// A caller has it.
    Taken,
}

/// What a task waits for before it begins.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    /// Found so far.
    pub records: Vec<crate::journal::Record>,
    /// Still asked for.
    pub awaiting: usize,
    /// Parts that a reference names by the provider's id.
    pub known: Vec<KnownPart>,
    /// It is a resumption: nothing found means that there is nothing to resume.
    pub resuming: bool,
}

/// A part that a reference names.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPart {
    /// Its place among the parts.
    pub index: u16,
    /// The caller's name for the provider.
    pub provider: String,
    /// The provider's name for the model; empty if unknown.
    pub model: String,
    /// The provider's id.
    pub task_id: Option<String>,
    /// Its key; empty if unknown.
    pub key: String,
    /// Where it can be asked after, if that is no place of the dialect's.
    pub url: Option<String>,
    /// When it was submitted, ms since the epoch.
    pub submitted_at: Option<u64>,
}

/// The most attempts that are kept; a part can be refused any number of times.
const MAX_ATTEMPTS: usize = 100;

impl Task {
    /// Remembers a submit; of too many, the first and the latest.
    pub fn note(&mut self, attempt: Attempt) {
        if self.attempts.len() >= MAX_ATTEMPTS {
            self.attempts.remove(1);
        }
        self.attempts.push(attempt);
    }
}
