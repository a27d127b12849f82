//! Dialects: one provider's wire format each, as a table. The functions here read any table; a dialect's file holds data.

mod complaint;
mod content;
pub mod hiapi;
mod images;
mod meaning;
pub mod openai;
mod origin;
mod read;
mod reading;
mod relayed;
mod write;

pub use meaning::is_forbidden;
pub use origin::request_id;
pub use read::{read_check, read_list, read_poll, read_submit};
pub use reading::{Image, Reading, Refusal, Running, Shown};
pub use relayed::{GUESSES, GUESSING};
pub use write::{Submission, check_request, list_request, poll_request, submission, submit_request};

use crate::error::{Axis, Code};
use crate::time::Millis;

/// Where a value may stand in an answer: paths, tried in order. See [`crate::json::Json::at`]; there are blanks between them.
pub type Paths = &'static str;

/// One provider's wire format.
#[derive(Debug)]
pub struct Dialect {
    /// The function's name in the facade.
    pub name: &'static str,
    /// The usual address.
    pub base_url: &'static str,
    /// Its SDKs take an address that ends with the version, and what callers give is used as it is; else the paths bring the version.
    pub base_has_version: bool,
    /// Where images are asked for.
    pub submit_path: &'static str,
    /// What tells for free whether a key is good.
    pub check: CheckTable,
    /// How a task is asked after; `None`: the answer to the submit is the result.
    pub tasks: Option<TaskTable>,
    /// How requests with images travel; `None`: as addresses, among the other fields.
    pub edits: Option<EditTable>,
    /// The most images of one submit; beyond that a call is several submits.
    pub most_images: u16,
    /// Which pixels a ratio of the sides stands for, where the provider takes pixels only.
    pub ratio: Ratio,
    /// The object of the submit's body that holds the request's fields; `None` if they stand beside the model.
    pub section: Option<&'static str>,
    /// Which fields of a request the provider takes, and under which names.
    pub fields: &'static [(Field, &'static str)],
    /// Names in `providerOptions` that stand beside the model and not in the section.
    pub root_options: &'static [&'static str],
    /// Names in `providerOptions` that would change what is paid for, or how the answer comes, behind our back.
    pub refused_options: &'static [&'static str],
    /// Where things stand in answers.
    pub answer: AnswerTable,
    /// Provider codes and what they mean. Looked at first.
    pub codes: &'static [(&'static str, Meaning)],
    /// HTTP statuses and what they mean, where no code says more.
    pub statuses: &'static [(u16, Meaning)],
    /// Whether an error's words tell money and content where its codes don't; OpenAI's say "run out of credits" of what is a matter of time.
    pub trusts_words: bool,
    /// Idempotency keys, if the provider takes them.
    pub idempotency: Option<Idempotency>,
    /// From when on a failure may have cost something, ms after the submit, by how the model's name begins; [`WORK_FLOOR`] for all others.
    pub work_floors: &'static [(&'static str, Millis)],
    /// The provider bills no task that failed or was filtered.
    pub failures_are_free: bool,
}

/// Work on an image can have begun this long after its submit, ms, unless a dialect's table says otherwise: no provider's documents name a shorter one,
/// and verdicts on the request, the key or the account come within a second.
pub const WORK_FLOOR: Millis = 2_000;

/// What tells for free whether a key is good.
#[derive(Clone, Copy, Debug)]
pub struct CheckTable {
    /// A list that costs nothing to ask for.
    pub path: &'static str,
    /// Only a key gets it; some relays show their models to anybody.
    pub proves: bool,
}

/// How a provider's tasks are asked after.
#[derive(Clone, Copy, Debug)]
pub struct TaskTable {
    /// Where; the task's id is appended.
    pub poll_path: &'static str,
    /// In an answer: the task's id.
    pub id: Paths,
    /// In an answer: the task's status.
    pub status: Paths,
    /// Statuses (in lower case) that mean that the task waits for a slot.
    pub queued: &'static [&'static str],
    /// Statuses that mean that it runs. Others that stand in no list are taken to mean the same, and said in the log.
    pub running: &'static [&'static str],
    /// Statuses that mean success.
    pub succeeded: &'static [&'static str],
    /// Statuses that mean failure.
    pub failed: &'static [&'static str],
    /// Statuses that mean that somebody cancelled it.
    pub cancelled: &'static [&'static str],
    /// How far the task is, from 0 to 1 (or 100).
    pub progress: Paths,
    /// How long after its submit a task may not be visible yet, ms.
    pub visible_after: Millis,
    /// The list of the newest tasks, with the status of each.
    pub list: Option<ListTable>,
    /// A poll may wait at the provider for the end.
    pub long_poll: Option<LongPoll>,
}

/// Many tasks in one answer.
#[derive(Clone, Copy, Debug)]
pub struct ListTable {
    /// Where.
    pub path: &'static str,
    /// The list; in each row the task's id and status stand where they stand in an answer about that task alone.
    pub rows: Paths,
}

/// A poll that is answered when the task ends, or after a while.
#[derive(Clone, Copy, Debug)]
pub struct LongPoll {
    /// The header that asks for it, as in `prefer: wait=30`.
    pub header: (&'static str, &'static str),
    /// How long the provider then waits at most, ms.
    pub length: Millis,
}

/// How requests with images travel: as `multipart/form-data`, or as JSON where all of them are addresses and the provider fetches those.
#[derive(Clone, Copy, Debug)]
pub struct EditTable {
    /// Where to.
    pub path: &'static str,
    /// The name of the part of an only image: servers that read one file don't know the other name.
    pub image: &'static str,
    /// The name of each image's part where there are several.
    pub images: &'static str,
    /// The name of the mask's part.
    pub mask: &'static str,
    /// The most images that go in.
    pub most: usize,
    /// How addresses stand in JSON; `None`: they are fetched from here, and travel as bytes.
    pub addresses: Option<AddressTable>,
}

/// How the addresses of an edit's images stand in JSON.
#[derive(Clone, Copy, Debug)]
pub struct AddressTable {
    /// The list of images.
    pub images: &'static str,
    /// In each of them, as in the mask: its address.
    pub url: &'static str,
    /// The only sizes that are taken so; others travel in a form.
    pub sizes: &'static [&'static str],
}

/// What becomes of a ratio of the sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// It is a field of its own, or unsupported.
    AsGiven,
    /// OpenAI's pixels: see [`crate::size::Aspect::openai_pixels`].
    OpenAiPixels,
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
    /// `n`, if it is not 1
    Count,
}

/// Where things stand in a provider's answers.
#[derive(Clone, Copy, Debug)]
pub struct AnswerTable {
    /// The list of results.
    pub output: Paths,
    /// In a result: its address.
    pub output_url: &'static str,
    /// In a result: its bytes, in base64.
    pub output_base64: &'static str,
    /// In a result: the prompt that was used in place of the caller's.
    pub output_prompt: &'static str,
    /// In a result: a field and the value that makes it an image; results without the field are taken as images.
    pub output_kind: (&'static str, &'static str),
    /// In a result: when its address dies, in seconds since the epoch.
    pub output_expires: &'static str,
    /// The format of all results, as in `png`.
    pub format: Paths,
    /// An object whose numbers say what was used.
    pub usage: Paths,
    /// The provider's code of an error.
    pub error_code: Paths,
    /// A coarser word for it, looked at where the code says nothing.
    pub error_type: Paths,
    /// The provider's words on an error.
    pub error_message: Paths,
    /// The field at fault.
    pub error_param: Paths,
    /// At which stage a filter said no.
    pub filter_stage: Paths,
    /// What the filter saw, as a list of words.
    pub filter_categories: Paths,
    /// A status in the body, which outdoes the one in the status line.
    pub status_code: Paths,
    /// What support asks for.
    pub request_id: Paths,
}

/// How a provider recognises a submit that it has seen.
#[derive(Clone, Copy, Debug)]
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
    /// It is known that nothing came of it; may be tried again.
    Rejected(Code),
    /// It failed; how far it got is unknown.
    Failed(Code),
    /// The same submit is still being processed.
    Processing,
}

impl Dialect {
    /// The answer to the submit is the result.
    pub fn is_synchronous(&self) -> bool {
        self.tasks.is_none()
    }

    /// How its tasks are read; of a dialect that has none, those that relays make.
    pub fn task_table(&self) -> &TaskTable {
        self.tasks.as_ref().unwrap_or(&relayed::RELAYED)
    }

    /// From when on a failure of this model may have cost something, ms after the submit.
    pub fn work_floor(&self, model: &str) -> Millis {
        let own = self.work_floors.iter().find(|(name, _)| model.starts_with(name));
        own.map_or(WORK_FLOOR, |(_, floor)| *floor)
    }
}

/// The built-in dialect of that name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    let all = [&hiapi::HIAPI, &openai::OPENAI, &openai::OPENAI_COMPATIBLE, &openai::CREATIVEAI];
    all.into_iter().find(|dialect| dialect.name == name)
}
