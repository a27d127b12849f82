//! What a run is made of.

use tidegate::engine::{Input, Outcome};
use tidegate::http::{Purpose, Request};
use tidegate::limit::Limits;
use tidegate::options::{CallOptions, Config, Priority, ProviderConfig};
use tidegate::provider::Dialect;
use tidegate::task::{CallId, OwnerId, PartId, TaskId};
use tidegate_simulator::{Reply, Response};

/// Where the world is.
pub const BASE: &str = "http://127.0.0.1:8787";
/// The wall's clock at virtual time 0.
pub const EPOCH: u64 = 1_767_225_600_000;

/// What an application does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Ask for an image.
    Submit(Plan),
    /// Give one up.
    Cancel(TaskId),
    /// Hold a batch, or let it go on.
    Pause(u32, bool),
    /// Close the client.
    Close,
    /// An owner stops ticking: it performs no effect and hears of nothing.
    Kill(OwnerId),
    /// The process dies and another one resumes what is written down.
    Crash,
    /// A caller gets the result of a task, if there is one.
    Take(TaskId),
    /// Those who wanted a task have left.
    Leave(TaskId),
    /// Go on with all that is unfinished or was not taken.
    ResumeAll,
    /// Any other input.
    Input(Box<Input>),
}

/// One call of an application.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its number.
    pub task: TaskId,
    /// Its owner.
    pub owner: OwnerId,
    /// Images.
    pub n: u16,
    /// What holds for it.
    pub options: CallOptions,
}

/// How long things take and what goes wrong on this side of the provider.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// There and back, ms, from least to most.
    pub rtt: (u64, u64),
    /// Until a record is durable, ms, from least to most.
    pub store: (u64, u64),
    /// The share of stores that fail.
    pub store_fails: f64,
    /// The share of lost answers that show as no answer at all, and not as a broken connection.
    pub hangs: f64,
    /// Randomness of all this.
    pub seed: u64,
}

impl Default for Surroundings {
    fn default() -> Surroundings {
        Surroundings { rtt: (200, 200), store: (2, 2), store_fails: 0.0, hangs: 0.0, seed: 1 }
    }
}

/// A request that went out.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When.
    pub at: u64,
    /// The engine's number, unique within a generation.
    pub call: CallId,
    /// Whose.
    pub part: PartId,
    /// What for.
    pub purpose: Purpose,
    /// The prompt that a submit is for.
    pub prompt: String,
    /// What was sent.
    pub request: Request,
    /// Who sent it.
    pub owner: OwnerId,
    /// Of which engine.
    pub generation: u32,
    /// When its answer reached the engine: status and hint.
    pub answer: Option<Heard>,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// When.
    pub at: u64,
    /// The status; 0 if the connection broke.
    pub status: u16,
    /// The hint, ms.
    pub hint: Option<u64>,
}

/// What comes back for a request that an [`Exchange`] answers.
#[derive(Clone, Debug)]
pub enum Said {
    /// An answer.
    Answer(Response),
    /// An answer whose body ends before it is whole.
    Cut(Response),
    /// No answer: the host's fetch fails, and these are its words as the facade passes them on.
    Fails(String),
}

/// Answers every request in the world's place: how many milliseconds after the request, and what. The time is that of the request.
pub type Exchange = Box<dyn FnMut(&Sent, u64) -> (u64, Said)>;

/// How a task ended.
#[derive(Clone, Debug)]
pub struct Settled {
    /// When.
    pub at: u64,
    /// The task.
    pub task: TaskId,
    /// Its prompt.
    pub prompt: String,
    /// How.
    pub outcome: Outcome,
}

/// A client of one provider.
pub fn client(dialect: &'static Dialect, concurrency: u32) -> Config {
    let folder = if dialect.name == "creativeai" { "/creativeai" } else { "" };
    let base_url = [BASE, folder, if dialect.base_has_version { "/v1" } else { "" }].concat();
    let provider =
        ProviderConfig { base_url, limits: Limits::told(concurrency), ..ProviderConfig::new("hiapi", dialect) };
    Config { providers: vec![provider], ..Config::default() }
}

/// A call's options: interactive and without a download unless changed.
pub fn options() -> CallOptions {
    CallOptions::from_defaults(&tidegate::options::Defaults::default(), Priority::Interactive)
}

/// An answer with a JSON body.
pub fn json(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| (String::from(*name), String::from(*value)));
    Reply::Answer(Response { status, headers: headers.collect(), body: body.as_bytes().to_vec() })
}
