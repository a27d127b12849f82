//! What goes into the engine and what comes out.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::spend::Budget;
use crate::error::{Attempt, Axis, Code, Error, Target};
use crate::http::{Answer, Fault, Purpose, Request};
use crate::journal::{Record, Stored};
use crate::limit::Limits;
use crate::options::CallOptions;
use crate::provider::Image;
use crate::request::ImageRequest;
use crate::task::{CallId, KnownPart, OwnerId, PartId, TaskId};
use crate::time::Millis;

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
        request: Result<Box<ImageRequest>, Error>,
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
        parts: Result<Vec<KnownPart>, Error>,
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
    /// A caller wants to know whether a key is good, at no cost.
    Check {
        /// The host's number for it.
        task: TaskId,
        /// Who performs its effects.
        owner: OwnerId,
        /// The caller's name for the provider.
        provider: String,
    },
    /// A caller wants to know how many tasks a key takes at once. The host then makes [`super::Engine::probe_size`] tasks that bear its number in
    /// [`CallOptions::probe`].
    Probe {
        /// The host's number for it.
        task: TaskId,
        /// Who performs its effects.
        owner: OwnerId,
        /// What may be tried.
        bounds: ProbeBounds,
    },
    /// Another owner wants a task, too.
    Join {
        /// The host's number for it.
        task: TaskId,
        /// Who performs its effects from now on.
        owner: OwnerId,
    },
    /// After a trap, before the task is registered anew: this part's submit is on the wire under that number.
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
        record: Option<Stored>,
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
    /// A long string of the latest answer is an image of this task: it stays for as long as the task's other things do.
    Keep {
        /// The task.
        task: TaskId,
        /// The host's number for it.
        handle: u32,
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
    /// Nobody needs to keep what was settled for this task: its records are gone, or its images can be fetched from where they are.
    Release {
        /// The task.
        task: TaskId,
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
        /// The lane's place in [`super::Engine::lanes`].
        lane: usize,
    },
    /// Something that people should read in a log.
    Warn {
        /// A sentence.
        message: String,
    },
    /// The same, for whoever wants to follow what happens.
    Inform {
        /// A sentence.
        message: String,
    },
}

/// Where a task stands, in the words of the public contract.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// It waits for leave to submit.
    Waiting {
        /// "concurrency", "window", "day", "cooldown" or "paused".
        reason: &'static str,
        /// How many go first.
        ahead: usize,
        /// Until when, ms since the epoch, if known.
        until: Option<u64>,
        /// How long until it should be over, ms, if anything has been learned.
        eta: Option<Millis>,
    },
    /// A try has failed, and there will be another one.
    Retrying {
        /// "waiting", "submitting", "queued" or "processing": where the task stands meanwhile.
        status: &'static str,
        /// Whom a submit goes to.
        target: Target,
        /// The number of the submit that failed, or was accepted.
        attempt: u32,
        /// When it is tried again, ms since the epoch.
        until: u64,
        /// What happened.
        error: Error,
        /// What it can be resumed by, once it was accepted.
        reference: Option<Reference>,
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
        /// How long until it should be over, ms, if anything has been learned of its model.
        eta: Option<Millis>,
        /// It takes longer than 99 of 100.
        late: bool,
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

/// What may be tried, as the caller says.
#[derive(Clone, Debug)]
pub struct ProbeBounds {
    /// The model in the caller's words.
    pub model: String,
    /// The most images.
    pub most: u32,
    /// The most that they may cost; per day or month that of all probes then.
    pub budget: Budget,
}

/// How a task ended for its caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With an image at least.
    Succeeded(Box<Success>),
    /// With an image, after its caller had heard that there would be none: for whoever comes for it.
    Late(Box<Success>, Reference),
    /// Without.
    Failed(Error, Option<Reference>),
    /// By the caller.
    Cancelled(Error, Option<Reference>),
    /// A check has its answer.
    Checked(Box<KeyReport>),
    /// A probe has its answer.
    Probed(Box<ProbeReport>),
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
    pub attempts: Vec<Attempt>,
    /// What was used, in the provider's names.
    pub usage: Vec<(String, u64)>,
    /// Code and sentence.
    pub warnings: Vec<(&'static str, String)>,
    /// The images that are missing, by their place among those asked for, and why.
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

/// What a check found: `KeyReport` in the public contract.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyReport {
    /// Whether the key is healthy; `None`: only a paid call could tell.
    pub ok: Option<bool>,
    /// What is wrong.
    pub code: Option<Code>,
    /// Which limit refuses.
    pub axis: Option<Axis>,
    /// What support asks for.
    pub request_id: Option<String>,
    /// What to make of it, in plain words.
    pub advice: String,
    /// The limits that were told or learned: `None` where nothing is known.
    pub limits: Option<Limits>,
}

/// What a probe found: `ProbeReport` in the public contract.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeReport {
    /// Tasks at once; `None`: it was not reached.
    pub ceiling: Option<u32>,
    /// Submits that were accepted: each is billed.
    pub accepted: u32,
    /// Submits that were refused, which costs nothing.
    pub refused: u32,
    /// Which limit refused.
    pub axis: Option<Axis>,
    /// The most that it can have cost, US dollars.
    pub cost: f64,
    /// What was accepted.
    pub references: Vec<Reference>,
}
