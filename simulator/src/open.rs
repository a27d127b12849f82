//! Requests that are being answered, and those whose answers are due later.

use crate::faults::Hostile;
use crate::message::Response;
use crate::provider::Provider;

/// What belongs to a request besides its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The request's number, the index of its draws.
    pub number: u64,
    pub provider: Provider,
    pub arrived_ms: u64,
    /// The limit scope whose state the answer's headers tell.
    pub scope: Option<usize>,
    /// Whether the answer gets to the client; else an intermediary throws it away.
    pub reaches: bool,
}

/// What an answer waits for.
#[derive(Debug)]
pub(crate) enum Due {
    /// Nothing.
    Now(Response),
    /// A time.
    At(u64, Response),
    /// The end of a task.
    Task(usize),
}

/// A request whose answer is due later.
#[derive(Debug)]
pub(crate) struct Open {
    pub origin: Origin,
    pub due: Due,
    pub is_lost: bool,
    pub hostile: Option<Hostile>,
}
