//! What a caller gets.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use js_sys::{JsString, Uint8Array};

use super::bytes::Data;
use super::inner::Inner;
use super::task_state::{TaskState, WeakTask};
use super::{Error, Task};
use crate::engine::Success;
use crate::error::{Attempt, Billed, Code};
use crate::gather::gather;
use crate::time::Millis;

/// An image, or several, and how it came about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageResult {
    /// In the order of the parts; never empty.
    pub images: Vec<Image>,
    /// The client's name for the provider that answered.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// The model in the caller's words.
    pub requested_model: String,
    /// What the provider's support asks for.
    pub request_id: Option<String>,
    /// The provider's id of the task.
    pub task_id: Option<String>,
    /// What the caller gave along.
    pub metadata: Vec<(String, String)>,
    /// Every submit.
    pub attempts: Vec<Attempt>,
    /// What the caller should know besides: a code and a sentence.
    pub warnings: Vec<(&'static str, String)>,
    /// The parts of several that are missing, by index, and why.
    pub failures: Vec<(u16, Error)>,
    /// What it used, in the provider's names.
    pub usage: Vec<(String, u64)>,
    /// Where the time went.
    pub timing: Timing,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Waiting for leave to submit, ms: the longest of the parts.
    pub waited: Millis,
    /// In the provider's queue, ms.
    pub queued: Millis,
    /// Running, ms.
    pub ran: Millis,
    /// How often the provider was asked.
    pub polls: u32,
}

impl ImageResult {
    pub(super) fn new(client: &Rc<Inner>, success: Success) -> ImageResult {
        ImageResult {
            images: gather(success.images.into_iter().map(|image| Image::new(client, image))),
            provider: success.target.provider,
            model: success.target.model,
            requested_model: success.requested_model,
            request_id: success.request_id,
            task_id: success.task_id,
            metadata: success.metadata,
            attempts: success.attempts,
            warnings: success.warnings,
            failures: gather(success.failures.into_iter().map(|(index, error)| (index, error.into()))),
            usage: success.usage,
            timing: Timing { waited: success.waited, queued: success.queued, ran: success.ran, polls: success.polls },
        }
    }

    /// The first image.
    pub fn image(&self) -> Image {
        self.images.first().cloned().unwrap_or_default()
    }
}

/// A picture: what is known of it, and its bytes once they are asked for. Clones share them.
#[derive(Clone, Default)]
pub struct Image(Rc<State>);

#[derive(Default)]
struct State {
    /// The two need each other: bytes are fetched by a task of the client, whose end is an image.
    client: Option<Rc<Inner>>,
    url: Option<String>,
    expires_at: Option<u64>,
    revised_prompt: Option<String>,
    seen: RefCell<Seen>,
    loading: RefCell<WeakTask>,
}

#[derive(Clone, Default)]
struct Seen {
    media_type: Option<String>,
    size: Option<(u32, u32)>,
    data: Option<Data>,
}

impl Image {
    fn new(client: &Rc<Inner>, image: crate::provider::Image) -> Image {
        let came_in = image.base64.map(|text| Data::Base64(JsString::from(text)));
        let data = came_in.or_else(|| client.host().take(image.handle?));
        let seen = Seen { media_type: image.media_type, size: image.size, data };
        Image(Rc::new(State {
            client: Some(client.clone()),
            url: image.url,
            expires_at: image.expires_at,
            revised_prompt: image.revised_prompt,
            seen: RefCell::new(seen),
            loading: RefCell::default(),
        }))
    }

    /// What kind of picture it is; "image/png" until something says otherwise. The bytes do, once they are here.
    pub fn media_type(&self) -> String {
        self.seen().media_type.unwrap_or_else(|| String::from("image/png"))
    }

    /// Its address, if the provider gave one; no credential is needed for it.
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// When the address dies, in milliseconds since the epoch, if the provider said so.
    pub fn expires_at(&self) -> Option<u64> {
        self.0.expires_at
    }

    /// The prompt that was used in place of the caller's, if the provider said so.
    pub fn revised_prompt(&self) -> Option<&str> {
        self.0.revised_prompt.as_deref()
    }

    /// Width and height in pixels, once the bytes were seen.
    pub fn size(&self) -> Option<(u32, u32)> {
        self.seen().size
    }

    /// The bytes, copied into this program's memory; fetched at the first call, with retries and without a credential.
    ///
    /// # Errors
    /// `Expired`, `Network` and what else becomes of a fetch. The next call tries again.
    pub async fn bytes(&self) -> Result<Vec<u8>, Error> {
        self.array().await.map(|array| array.to_vec())
    }

    /// The bytes where they are, in JavaScript: for a `Blob`, a canvas or a response, without a copy. Not to be written to.
    ///
    /// # Errors
    /// As [`Image::bytes`].
    pub async fn array(&self) -> Result<Uint8Array, Error> {
        let broken = || crate::error::Error::new(Code::Protocol).billed(Billed::Yes);
        let mut seen = self.seen();
        if seen.data.is_none() {
            seen = self.load()?.await?.image().seen();
        }
        let bytes = seen.data.as_ref().and_then(Data::bytes).ok_or_else(broken)?;
        seen.data = Some(Data::Bytes(bytes.clone()));
        if let Ok(mut own) = self.0.seen.try_borrow_mut() {
            *own = seen;
        }
        Ok(bytes)
    }

    /// The fetch that is under way, or a new one.
    fn load(&self) -> Result<Task, Error> {
        let missing = || crate::error::Error::new(Code::EmptyResult);
        let client = self.0.client.as_ref().ok_or_else(missing)?;
        let url = self.0.url.as_ref().ok_or_else(missing)?;
        let running = self.0.loading.try_borrow().ok().and_then(|loading| TaskState::living(&loading));
        let task = Task::of(client, &running.unwrap_or_else(|| client.download(url)));
        if let Ok(mut loading) = self.0.loading.try_borrow_mut() {
            *loading = task.weak();
        }
        Ok(task)
    }

    fn seen(&self) -> Seen {
        self.0.seen.try_borrow().map(|seen| seen.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the query of its address, which may be a signature.
        let url = self.url().map(|url| url.split('?').next().unwrap_or_default());
        formatter
            .debug_struct("Image")
            .field("media_type", &self.media_type())
            .field("url", &url)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
