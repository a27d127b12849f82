//! Dialects: one provider's wire format each, as a table. The functions here read any table; a dialect's file holds data.

pub mod hiapi;
mod read;
mod write;

pub use read::{Image, Reading, Refusal, Running, read_poll, read_submit};
pub use write::{Submission, poll_request, poll_url, submission, submit_request};

use crate::error::{Axis, Code};
use crate::time::Millis;

/// Where a value may stand in an answer: paths of field names, tried in order.
pub type Paths = &'static [&'static [&'static str]];

/// One provider's wire format.
#[derive(Debug)]
pub struct Dialect {
    /// The function's name in the facade.
    pub name: &'static str,
    /// The usual address, without the version.
    pub base_url: &'static str,
    /// Where tasks are created.
    pub submit_path: &'static str,
    /// Where a task is asked after; its id is appended.
    pub poll_path: &'static str,
    /// The object of the submit's body that holds the request's fields; `None` if they stand beside the model.
    pub section: Option<&'static str>,
    /// Which fields of a request the provider takes, and under which names.
    pub fields: &'static [(Field, &'static str)],
    /// Names in `providerOptions` that stand beside the model and not in the section.
    pub root_options: &'static [&'static str],
    /// Where things stand in answers.
    pub answer: AnswerTable,
    /// Provider codes and what they mean. Looked at first.
    pub codes: &'static [(&'static str, Meaning)],
    /// HTTP statuses and what they mean, where no code says more.
    pub statuses: &'static [(u16, Meaning)],
    /// Idempotency keys, if the provider takes them.
    pub idempotency: Option<Idempotency>,
    /// How long after its submit a task may not be visible yet, ms.
    pub visible_after: Millis,
}

/// A field of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `prompt`
    Prompt,
    /// `size`, as `1024x1024`
    Size,
    /// `aspectRatio`, as `16:9`
    AspectRatio,
    /// `seed`
    Seed,
    /// `format`
    Format,
    /// `quality`
    Quality,
    /// `background`
    Background,
    /// `negativePrompt`
    NegativePrompt,
    /// `images`, as a list of addresses
    ImageUrls,
}

/// Where things stand in a provider's answers.
#[derive(Debug)]
pub struct AnswerTable {
    /// The task's id.
    pub id: Paths,
    /// The task's status.
    pub status: Paths,
    /// Statuses (in lower case) that mean that the task waits for a slot. Unknown ones mean that it runs.
    pub queued: &'static [&'static str],
    /// Statuses that mean success.
    pub succeeded: &'static [&'static str],
    /// Statuses that mean failure.
    pub failed: &'static [&'static str],
    /// Statuses that mean that somebody cancelled it.
    pub cancelled: &'static [&'static str],
    /// How far the task is, from 0 to 1 (or 100).
    pub progress: Paths,
    /// The list of results.
    pub output: Paths,
    /// In a result: its address.
    pub output_url: &'static str,
    /// In a result: a field and the value that makes it an image; results without the field are taken as images.
    pub output_kind: (&'static str, &'static str),
    /// In a result: when its address dies, in seconds since the epoch.
    pub output_expires: &'static str,
    /// The provider's code of an error.
    pub error_code: Paths,
    /// The provider's words on an error.
    pub error_message: Paths,
    /// A status in the body, which outdoes the one in the status line.
    pub status_code: Paths,
    /// What support asks for.
    pub request_id: Paths,
}

/// How a provider recognises a submit that it has seen.
#[derive(Debug)]
pub struct Idempotency {
    /// The header that carries the key, in lower case.
    pub header: &'static str,
    /// The longest key, bytes.
    pub max_length: usize,
    /// How long the provider remembers, ms. Later, the same key buys again.
    pub lifetime: Millis,
    /// The provider's code for "the first one is still on its way": send the same bytes again.
    pub processing_code: &'static str,
}

/// What an error code or a status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It ends the task.
    Fatal(Code),
    /// It ends the task; the provider's filter said no.
    Filtered,
    /// Leave to submit was refused; costs nothing, spends no retry.
    Refused(Axis),
    /// Rejected before any work; costs nothing, may be tried again.
    Rejected(Code),
    /// It failed; how far it got is unknown.
    Failed(Code),
    /// The same submit is still being processed.
    Processing,
}

/// The built-in dialect of that name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    [&hiapi::HIAPI].into_iter().find(|dialect| dialect.name == name)
}
