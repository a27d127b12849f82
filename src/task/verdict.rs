//! What became of a submit, and what follows from it: the one question on which money hangs.
//!
//! `provider` reads the evidence: who answered, what was said, how long it took. [`certainty`] says what can have come of it, [`decide`] what is done
//! then, [`billed`] what may be promised of money, and [`told`] how it is told when nothing more is done. Nothing else decides on any of these.

use alloc::string::String;

use crate::error::{AttemptOutcome, Billed, Code, Error, FilterStage};
use crate::options::Ambiguous;
use crate::provider::Reading;
use crate::text::concat;
use crate::time::Millis;

/// Who wrote the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The provider, in an envelope of its dialect.
    Provider,
    /// A proxy, a load balancer or a CDN on the way to it.
    Intermediary,
    /// Nobody: there is no answer.
    Nobody,
}

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// An image, or what should be one.
    Image,
    /// A task's id.
    Task,
    /// That a limit is reached.
    Limit,
    /// A verdict that precedes work: on the request, the key, the model or the account.
    Verdict,
    /// That the filter refused the picture, or that it refused something.
    FilteredLate,
    /// That it failed, or has no room.
    Fault,
    /// That the first submit under this key is still on its way.
    Processing,
    /// That a task which it had accepted has failed.
    TaskFailed,
    /// That it is done; there is no image.
    NothingMade,
    /// That the provider was not reached.
    NotReached,
    /// That the request was not let through to the provider.
    Blocked,
    /// Nothing, for nothing had left: there was no key, a body could not be made, or no connection came about.
    NothingLeft,
    /// Nothing that could be understood, or nothing at all.
    Unclear,
}

/// What is known of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Who answered.
    pub who: Who,
    /// What was said.
    pub said: Said,
    /// How long after the submit left, ms.
    pub after: Millis,
    /// How long it takes until work on an image can have begun, ms: what fails sooner has cost nothing.
    pub floor: Millis,
}

/// What can have come of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The provider has seen nothing of it.
    NeverLeft,
    /// A limit refused it.
    Refused,
    /// The provider turned it down before any work.
    Rejected,
    /// Anything.
    Unknown,
    /// The provider accepted it, and reports its end without an image.
    Failed,
    /// The provider has it.
    Accepted,
    /// An image was made.
    Paid,
}

/// What can have come of a submit, by the evidence.
pub fn certainty(evidence: &Evidence) -> Certainty {
    let Evidence { who, said, after, floor } = *evidence;
    match (who, said) {
        (_, Said::Image) => Certainty::Paid,
        (_, Said::Task) => Certainty::Accepted,
        (_, Said::Limit) => Certainty::Refused,
        (Who::Nobody, Said::NothingLeft) => Certainty::NeverLeft,
        (Who::Intermediary, Said::NotReached | Said::Blocked) => Certainty::NeverLeft,
        (Who::Provider, Said::Verdict) => Certainty::Rejected,
        (Who::Provider, Said::TaskFailed | Said::NothingMade | Said::FilteredLate) => Certainty::Failed,
        // Its own word that it failed is worth something only as long as it can't have begun.
        (Who::Provider, Said::Fault) if after < floor => Certainty::Rejected,
        _ => Certainty::Unknown,
    }
}

/// What holds for the part, beside the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// An earlier submit of it may have been accepted.
    pub in_doubt: bool,
    /// The same bytes may go out again although the outcome is unknown: under a key that the provider remembers, or because the caller says so.
    pub may_replay: bool,
    /// Somebody waits for it, and new work is begun.
    pub is_wanted: bool,
    /// The server says not to try again.
    pub forbidden: bool,
    /// There are retries left for one more fault.
    pub has_retries: bool,
    /// The server asks for a longer wait than the caller grants.
    pub waits_too_long: bool,
    /// The key was refused, and another one can be asked for.
    pub may_refresh: bool,
    /// There is a way to ask after a task.
    pub may_follow: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The images are handed over.
    Deliver,
    /// The task is asked after.
    Follow,
    /// It waits for leave, at its old place; that spends no retry.
    Wait,
    /// It is sent once more with a new credential.
    Refresh,
    /// It is sent again after a while; that spends a retry.
    Retry,
    /// The same bytes are sent again under the same key, and its slot is kept; that spends a retry.
    Replay,
    /// The same, and it spends none: the provider asks for it.
    ReplayFree,
    /// Nothing more is sent. It may be running, so its slot is kept for as long as such tasks run, and its record stays.
    Tell,
    /// Nothing more is sent, and nothing is left behind.
    Fail,
}

/// What is done about a submit of which this came.
pub fn decide(said: Said, certainty: Certainty, facts: &Facts) -> Then {
    let Facts { in_doubt, may_replay, is_wanted, forbidden, has_retries, waits_too_long, may_refresh, may_follow } =
        *facts;
    let may_try = is_wanted && !forbidden && has_retries;
    let give_up = if in_doubt { Then::Tell } else { Then::Fail };
    let replay = if may_replay && may_try { Then::Replay } else { Then::Tell };
    match certainty {
        Certainty::Paid => Then::Deliver,
        Certainty::Accepted if may_follow => Then::Follow,
        Certainty::Accepted => Then::Tell,
        // It is about the very task, whichever submit made it.
        Certainty::Failed => Then::Fail,
        Certainty::Refused if is_wanted && !forbidden && has_retries => Then::Wait,
        Certainty::Refused => give_up,
        Certainty::Rejected if said == Said::Verdict => {
            if may_refresh {
                Then::Refresh
            } else {
                give_up
            }
        }
        Certainty::NeverLeft if said == Said::Blocked => give_up,
        Certainty::NeverLeft | Certainty::Rejected if in_doubt => replay,
        Certainty::NeverLeft | Certainty::Rejected if may_try && !waits_too_long => Then::Retry,
        Certainty::NeverLeft | Certainty::Rejected => Then::Fail,
        Certainty::Unknown if said == Said::Processing => {
            if is_wanted {
                Then::ReplayFree
            } else {
                Then::Tell
            }
        }
        Certainty::Unknown => replay,
    }
}

/// What may be promised of money. `in_doubt`: another submit of the part may have been accepted. `failures_are_free`: the provider bills no task
/// that failed.
pub fn billed(said: Said, certainty: Certainty, in_doubt: bool, failures_are_free: bool) -> Billed {
    match certainty {
        Certainty::Paid => Billed::Yes,
        Certainty::Failed if failures_are_free && said != Said::NothingMade => Billed::No,
        Certainty::NeverLeft | Certainty::Refused | Certainty::Rejected if !in_doubt => Billed::No,
        _ => Billed::Unknown,
    }
}

/// Whether the same bytes may go out again although nobody knows what came of them (law 7). `remembers`: the provider takes keys, and still remembers
/// this one.
pub fn may_replay(policy: Ambiguous, remembers: bool) -> bool {
    match policy {
        Ambiguous::Never => false,
        Ambiguous::IfIdempotent => remembers,
        Ambiguous::Always => true,
    }
}

/// An error as its caller is told it, by what is known of all submits of the part. `is_unknown`: one of them may have been accepted, and there is no
/// task that could be asked after.
pub fn told(mut error: Error, is_unknown: bool) -> Error {
    if !is_unknown {
        return error;
    }
    error.billed = Billed::Unknown;
    if !matches!(error.code, Code::Cancelled | Code::UnknownOutcome | Code::Deadline) {
        error.message = concat(&[Code::UnknownOutcome.message(), " Last heard: ", &error.message]);
        error.code = Code::UnknownOutcome;
    }
    error
}

/// Whether the record of a part that ended with this error is still of use: the task may be running, or its images can be asked for again.
pub fn is_findable(error: &Error) -> bool {
    let is_over = matches!(
        error.code,
        Code::NotFound
            | Code::Expired
            | Code::ContentFiltered
            | Code::TaskFailed
            | Code::EmptyResult
            | Code::InvalidRequest
            | Code::RateLimited
            | Code::QuotaExhausted
            | Code::Overloaded
            | Code::ModelUnavailable
            | Code::Budget
    );
    !is_over && error.billed != Billed::No
}

/// How an attempt is told of.
pub fn attempt_outcome(certainty: Certainty) -> AttemptOutcome {
    match certainty {
        Certainty::Paid | Certainty::Accepted => AttemptOutcome::Accepted,
        Certainty::Refused => AttemptOutcome::Refused,
        Certainty::NeverLeft | Certainty::Rejected | Certainty::Failed => AttemptOutcome::Failed,
        Certainty::Unknown => AttemptOutcome::Unknown,
    }
}

impl Reading {
    /// Who answered, and what was said, as the verdict needs it.
    pub fn evidence(&self) -> (Who, Said) {
        let said = match self {
            Reading::Succeeded { .. } | Reading::Spoilt { .. } => Said::Image,
            Reading::Running { .. } => Said::Task,
            Reading::Refused(_) => Said::Limit,
            Reading::Fatal(error) => match &error.filter {
                Some(filter) if filter.stage != FilterStage::Prompt => Said::FilteredLate,
                _ => Said::Verdict,
            },
            Reading::Rejected { .. } => Said::Fault,
            Reading::Processing { .. } => Said::Processing,
            Reading::TaskFailed { error, .. } if error.code == Code::Cancelled => Said::NothingMade,
            Reading::TaskFailed { .. } => Said::TaskFailed,
            Reading::Empty { .. } => Said::NothingMade,
            Reading::NotReached { .. } => return (Who::Intermediary, Said::NotReached),
            Reading::Blocked(_) => return (Who::Intermediary, Said::Blocked),
            Reading::Failed { .. } => return (Who::Intermediary, Said::Unclear),
        };
        (Who::Provider, said)
    }

    /// The error that it tells of, if it does.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Reading::Fatal(error)
            | Reading::Blocked(error)
            | Reading::Spoilt { error }
            | Reading::NotReached { error, .. }
            | Reading::Rejected { error, .. }
            | Reading::Failed { error, .. }
            | Reading::TaskFailed { error, .. }
            | Reading::Empty { error, .. } => Some(error),
            Reading::Refused(refusal) => Some(&refusal.error),
            Reading::Running { .. } | Reading::Succeeded { .. } | Reading::Processing { .. } => None,
        }
    }

    /// When to come back, ms, if it says so.
    pub fn hint(&self) -> Option<Millis> {
        match self {
            Reading::NotReached { hint, .. }
            | Reading::Rejected { hint, .. }
            | Reading::Failed { hint, .. }
            | Reading::Processing { hint } => *hint,
            Reading::Refused(refusal) => refusal.hint,
            _ => None,
        }
    }

    /// Whether the server says not to try again.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Reading::Rejected { forbidden, .. } | Reading::Failed { forbidden, .. } => *forbidden,
            Reading::Refused(refusal) => refusal.forbidden,
            _ => false,
        }
    }
}

/// The error of a task that was accepted, and of which nothing shows how to ask after it.
pub fn unfollowable(id: &str) -> Error {
    let mut error = Error::new(Code::UnknownOutcome).billed(Billed::Unknown);
    error.message = concat(&[
        "The provider accepted a task where an image was due (",
        id,
        "), and nothing shows how to ask after it: it may be running, and billed.",
    ]);
    error.task_id = Some(String::from(id));
    error
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
