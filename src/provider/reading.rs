//! What an answer can mean.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Axis, Error};
use crate::time::Millis;

/// A finished image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// Where it can be fetched, without a credential.
    pub url: Option<String>,
    /// Its bytes, or their text in base64, kept by the host.
    pub handle: Option<u32>,
    /// Its bytes in base64, where they are so few that they came in.
    pub base64: Option<String>,
    /// Its kind, as far as known.
    pub media_type: Option<String>,
    /// When its address dies, ms since the epoch.
    pub expires_at: Option<u64>,
    /// Its address is none that may be fetched from here: it is handed over as it is.
    pub is_barred: bool,
    /// Pixels, where the bytes were seen.
    pub size: Option<(u32, u32)>,
    /// The prompt that was used in place of the caller's.
    pub revised_prompt: Option<String>,
}

impl Image {
    /// Whether its bytes are here.
    pub fn is_here(&self) -> bool {
        self.handle.is_some() || self.base64.is_some()
    }
}

/// How a list shows a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It waits for a slot at the provider.
    Queued,
    /// It runs.
    Running,
    /// It is over, one way or the other.
    Over,
}

/// A task that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// It waits for a slot at the provider.
    pub queued: bool,
    /// From 0 to 1.
    pub progress: Option<f64>,
}

/// A refused submit, or a poll that was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Which limit.
    pub axis: Axis,
    /// When to come back, ms.
    pub hint: Option<Millis>,
    /// The whole story.
    pub error: Error,
    /// The server forbids another try.
    pub forbidden: bool,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// The task is there and not over. `id` is the provider's, where the answer gives one.
    Running {
        /// The provider's id of the task.
        id: Option<String>,
        /// How it stands.
        running: Running,
        /// Where the answer says that it can be asked after, at the configured origin.
        poll_url: Option<String>,
        /// And where its pictures will be.
        result_url: Option<String>,
    },
    /// The task is over, with images.
    Succeeded {
        /// The provider's id of the task.
        id: Option<String>,
        /// What it made; never empty.
        images: Vec<Image>,
        /// What it used, in the provider's names.
        usage: Vec<(String, u64)>,
    },
    /// The task is over, with what should be an image and can't be read.
    Spoilt {
        /// What came.
        error: Error,
    },
    /// The task is over, without an image, and without a word of a failure.
    Empty {
        /// The provider's id of the task.
        id: Option<String>,
        /// What it says instead.
        error: Error,
    },
    /// The task itself is over, without an image.
    TaskFailed {
        /// The provider's id of the task.
        id: Option<String>,
        /// Why.
        error: Error,
    },
    /// Not now.
    Refused(Refusal),
    /// Something between us and the provider says that it did not reach it.
    NotReached {
        /// Who, and how.
        error: Error,
        /// When to come back, ms.
        hint: Option<Millis>,
    },
    /// Something between us and the provider did not let it pass, and won't.
    Blocked(Error),
    /// The provider itself says that it has no room, or that it failed. Whether work had begun by then is a matter of time.
    Rejected {
        /// Why.
        error: Error,
        /// When to come back, ms.
        hint: Option<Millis>,
        /// The server forbids another try.
        forbidden: bool,
    },
    /// Failed; for a submit, the task may exist all the same.
    Failed {
        /// Why.
        error: Error,
        /// When to come back, ms.
        hint: Option<Millis>,
        /// The server forbids another try.
        forbidden: bool,
    },
    /// The first submit under this key is still on its way.
    Processing {
        /// When to ask again, ms.
        hint: Option<Millis>,
    },
    /// The provider's verdict: no other try helps.
    Fatal(Error),
}
