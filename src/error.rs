//! What can go wrong, and the attempts that led there, in the words of the public contract. Every error says what it was, whose, and whether money may have gone.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::text::concat;
use crate::time::Millis;

/// The kinds of error; each has one class in the facade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The key is missing, wrong or revoked.
    Authentication,
    /// The key is good and may not do this.
    Permission,
    /// The request can't be served as it is; the same request will fail again.
    InvalidRequest,
    /// The provider's filter refused the prompt or the picture.
    ContentFiltered,
    /// Too many requests, tasks or images at once, in a minute or in a day.
    RateLimited,
    /// `maxWait` has passed in our own queue: nothing came of it, and nothing was paid.
    QueueTimeout,
    /// Money or prepaid credit is spent.
    QuotaExhausted,
    /// The provider has no room for anybody just now.
    Overloaded,
    /// The provider failed.
    ServerError,
    /// The model is gone, or not offered to this key.
    ModelUnavailable,
    /// The provider doesn't know the task.
    NotFound,
    /// The task or its images are past their life.
    Expired,
    /// By the caller.
    Cancelled,
    /// No answer within `timeout`.
    Timeout,
    /// No result within `deadline`.
    Deadline,
    /// The connection failed.
    Network,
    /// A submit went out and its answer never came: it may have been accepted and billed.
    UnknownOutcome,
    /// The provider accepted the task and could not finish it.
    TaskFailed,
    /// Finished, without an image.
    EmptyResult,
    /// The answer is not what the provider's protocol allows.
    Protocol,
    /// It would cost more than the caller allows.
    Budget,
}

impl Code {
    /// The name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            Code::Authentication => "authentication",
            Code::Permission => "permission",
            Code::InvalidRequest => "invalid-request",
            Code::ContentFiltered => "content-filtered",
            Code::RateLimited => "rate-limited",
            Code::QueueTimeout => "queue-timeout",
            Code::QuotaExhausted => "quota-exhausted",
            Code::Overloaded => "overloaded",
            Code::ServerError => "server-error",
            Code::ModelUnavailable => "model-unavailable",
            Code::NotFound => "not-found",
            Code::Expired => "expired",
            Code::Cancelled => "cancelled",
            Code::Timeout => "timeout",
            Code::Deadline => "deadline",
            Code::Network => "network",
            Code::UnknownOutcome => "unknown-outcome",
            Code::TaskFailed => "task-failed",
            Code::EmptyResult => "empty-result",
            Code::Protocol => "protocol",
            Code::Budget => "budget",
        }
    }

    /// Whether a new image of the same request has a chance, later or elsewhere. `UnknownOutcome` is not: it would be a second bill.
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Code::RateLimited
                | Code::QueueTimeout
                | Code::Overloaded
                | Code::ServerError
                | Code::Timeout
                | Code::Network
                | Code::TaskFailed
                | Code::EmptyResult
                | Code::Protocol
                | Code::Deadline
        )
    }

    /// What is said where the provider said nothing.
    pub const fn message(self) -> &'static str {
        match self {
            Code::Authentication => "The provider refused the key.",
            Code::Permission => "The key may not do this.",
            Code::InvalidRequest => "The provider refused the request as invalid.",
            Code::ContentFiltered => "The provider's content filter refused this.",
            Code::RateLimited => "The provider refused the request for its rate limit.",
            Code::QueueTimeout => "There was no turn within `maxWait`.",
            Code::QuotaExhausted => "The account's money or quota is spent.",
            Code::Overloaded => "The provider is overloaded.",
            Code::ServerError => "The provider failed.",
            Code::ModelUnavailable => "The model is not available.",
            Code::NotFound => "The provider does not know this task.",
            Code::Expired => "The task or its images have expired.",
            Code::Cancelled => "The task was cancelled.",
            Code::Timeout => "The provider did not answer within `timeout`.",
            Code::Deadline => {
                "There was no image within `deadline`; the task goes on: `resume(error.ref)` asks for it again."
            }
            Code::Network => "The connection to the provider failed.",
            Code::UnknownOutcome => "The answer to a submit was lost: the task may exist and may have been billed.",
            Code::TaskFailed => "The provider could not finish the task.",
            Code::EmptyResult => "The task finished without an image.",
            Code::Protocol => "The provider's answer could not be understood.",
            Code::Budget => "It would cost more than the budget.",
        }
    }
}

/// Whether money has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billed {
    /// Certainly not.
    No,
    /// Certainly.
    Yes,
    /// It may have.
    Unknown,
}

impl Billed {
    /// The name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            Billed::No => "no",
            Billed::Yes => "yes",
            Billed::Unknown => "unknown",
        }
    }
}

/// Which limit refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Tasks in flight.
    Concurrency,
    /// A rolling or fixed window of about a minute.
    Minute,
    /// A day's allowance.
    Day,
    /// The provider did not say.
    Unknown,
}

impl Axis {
    /// The name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            Axis::Concurrency => "concurrency",
            Axis::Minute => "minute",
            Axis::Day => "day",
            Axis::Unknown => "unknown",
        }
    }
}

/// What a content filter said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// When it looked.
    pub stage: FilterStage,
    /// How grave it is.
    pub severity: Severity,
    /// What it saw, in the provider's words; for logs, not for the public.
    pub categories: Vec<String>,
}

/// When a content filter looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterStage {
    /// Before anything was drawn.
    Prompt,
    /// At the finished picture: it may have been billed.
    Output,
    /// The provider did not say.
    Unknown,
}

impl FilterStage {
    /// The name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            FilterStage::Prompt => "prompt",
            FilterStage::Output => "output",
            FilterStage::Unknown => "unknown",
        }
    }
}

/// How grave a filter's verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Another model may see it otherwise.
    Soft,
    /// No model should be asked.
    Hard,
    /// The provider did not say; treated as hard.
    Unknown,
}

impl Severity {
    /// The name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Soft => "soft",
            Severity::Hard => "hard",
            Severity::Unknown => "unknown",
        }
    }
}

/// A provider and a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The caller's name for the provider.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
}

/// One submit and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Who was asked.
    pub target: Target,
    /// When, ms since the epoch.
    pub at: u64,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// The error, if there was one.
    pub code: Option<Code>,
    /// The limit that refused.
    pub axis: Option<Axis>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What support asks for.
    pub request_id: Option<String>,
    /// How long the part had waited for leave to submit, ms.
    pub waited: Millis,
}

/// What came of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The provider has it.
    Accepted,
    /// Not now; free.
    Refused,
    /// An error that certainly left nothing behind.
    Failed,
    /// Nobody knows.
    Unknown,
}

impl AttemptOutcome {
    /// The name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            AttemptOutcome::Accepted => "accepted",
            AttemptOutcome::Refused => "refused",
            AttemptOutcome::Failed => "failed",
            AttemptOutcome::Unknown => "unknown",
        }
    }
}

/// An error as it reaches the caller; `attempts`, `provider` and `model` are filled in where the task is known. On the heap, for it is large and rare.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Details>);

impl Deref for Error {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

/// What an [`Error`] says.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// What it is.
    pub code: Code,
    /// One sentence or two, for people. Never holds a prompt or a key.
    pub message: String,
    /// Whether money has gone.
    pub billed: Billed,
    /// The name that the caller gave the provider.
    pub provider: Option<String>,
    /// The model that was asked.
    pub model: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What the provider's support asks for.
    pub request_id: Option<String>,
    /// The provider's task.
    pub task_id: Option<String>,
    /// The provider's own code, verbatim.
    pub provider_code: Option<String>,
    /// When the provider said to come back, in milliseconds from the error.
    pub retry_after: Option<Millis>,
    /// Which limit; for `RateLimited`.
    pub axis: Option<Axis>,
    /// What the filter said; for `ContentFiltered`.
    pub filter: Option<Filter>,
    /// The field at fault; for `InvalidRequest`.
    pub param: Option<String>,
    /// Every submit that led here.
    pub attempts: Vec<Attempt>,
}

impl Error {
    /// An error of that kind with its usual message, which cost nothing.
    pub fn new(code: Code) -> Error {
        Error(Box::new(Details {
            code,
            message: String::from(code.message()),
            billed: Billed::No,
            provider: None,
            model: None,
            status: None,
            request_id: None,
            task_id: None,
            provider_code: None,
            retry_after: None,
            axis: None,
            filter: None,
            param: None,
            attempts: Vec::new(),
        }))
    }

    /// A request that is refused before anything is sent.
    pub fn invalid(param: &str, message: &str) -> Error {
        let mut error = Error::new(Code::InvalidRequest);
        error.param = Some(String::from(param));
        error.message = concat(&[param, ": ", message]);
        error
    }

    /// Whether sending the same request again has a chance and can't pay for a lost image too: what is paid for, or may be, is resumed and not bought again.
    pub fn retryable(&self) -> bool {
        self.code.retryable() && self.billed == Billed::No
    }

    /// The same, with another word on money.
    pub fn billed(mut self, billed: Billed) -> Error {
        self.billed = billed;
        self
    }
}
