//! The client for Rust programs compiled to wasm: the same engine and the same shell as the npm package's, with a host in Rust.
//!
//! A trait has two hosts, rather than one host object whose functions would be closures of this client: so results, errors and updates stay what they
//! are and need not be plain data in between.

mod asked;
mod batch;
mod builder;
mod bytes;
mod error;
mod fetch;
mod form;
mod host;
mod inner;
mod inquiry;
mod news;
mod options;
mod probe;
mod reference;
mod result;
mod sending;
mod task;
mod task_state;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use js_sys::Uint8Array;

use asked::Asked;
pub use batch::{Batch, BatchItem};
pub use builder::{ClientBuilder, Provider};
use bytes::Data;
pub use error::Error;
use inner::Inner;
pub use options::Options;
pub use probe::ProbeReport;
pub use reference::TaskReference;
pub use result::{Image, ImageResult, Timing};
pub use task::{Task, Updates};
pub use task_state::TaskUpdate;

pub use crate::engine::{Budget, KeyReport};
use crate::engine::{Input, Outcome};
use crate::error::Code;
use crate::gather::gather;
use crate::limit::{Phase, Window};
use crate::request::{ImageInput, ImageRequest};

/// One gate to the image APIs that a program pays for. Clones are handles to the same client.
///
/// It needs a JavaScript host with `fetch`, timers and promises: a window, a worker, Node, Deno, Bun, or Cloudflare Workers. It does its work in callbacks of
/// that host, so its futures may be awaited by any executor that runs there (`wasm_bindgen_futures::spawn_local`, an `async fn` exported to
/// JavaScript, a framework's own).
///
/// ```
/// use tidegate::request::ImageRequest;
/// use tidegate::web::{Client, Error, Provider};
///
/// async fn draw(key: &str) -> Result<Vec<u8>, Error> {
///     let client = Client::builder().provider("hiapi", Provider::hiapi(key)).build()?;
///     let result = client.generate(ImageRequest::new("hiapi/gpt-image-2", "a red apple")).await?;
///     result.image().bytes().await
/// }
/// ```
///
/// What is written down of unfinished tasks is kept in memory, for as long as the client lives; whoever wants it to last stores a [`TaskReference`].
/// A client that is dropped, with all its tasks, batches and images, lets go of everything; [`Client::close`] does so at once. Credentials are in this
/// program's memory, where the caller has put them, and go nowhere but into the headers of requests to their provider.
#[derive(Clone)]
pub struct Client(
    Rc<Inner>,
    #[allow(dead_code, reason = "it is never read: results that nobody has taken live as long as a client does")]
    Rc<inner::Untaken>,
);

impl Client {
    /// Sets a client up.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    fn of(inner: Rc<Inner>) -> Client {
        let untaken = inner.open_untaken();
        Client(inner, untaken)
    }

    /// Makes an image, or several. The [`Task`] is a future of the result; dropping it cancels.
    ///
    /// ```
    /// # use tidegate::request::ImageRequest;
    /// # use tidegate::web::{Client, Error};
    /// # async fn story(client: Client) -> Result<(), Error> {
    /// let task = client.generate(ImageRequest::new("hiapi/gpt-image-2", "a red apple").size(1024, 1024));
    /// match task.await {
    ///     Ok(result) => assert!(result.image().url().is_some()),
    ///     Err(error) if error.retryable() => eprintln!("again in {:?}: {error}", error.retry_after()),
    ///     Err(error) => eprintln!("{error}; money has gone: {}", error.billed.name()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn generate(&self, request: ImageRequest) -> Task {
        self.generate_with(request, &Options::new())
    }

    /// The same, with options of its own.
    pub fn generate_with(&self, request: ImageRequest, options: &Options) -> Task {
        Task::of(&self.0, &self.0.launch(request, options, self.0.next_owner(), None))
    }

    /// Hands a request in: the future ends as soon as a provider has it, and the task goes on. Dropping the future before that cancels.
    ///
    /// ```
    /// # use tidegate::request::ImageRequest;
    /// # use tidegate::web::{Client, Error, TaskReference};
    /// # fn store(_: String) {}
    /// # fn stored() -> String { String::new() }
    /// # async fn story(client: Client) -> Result<(), Error> {
    /// let reference = client.submit(ImageRequest::new("hiapi/gpt-image-2", "a red apple")).await?;
    /// store(reference.to_json());
    /// // Later, perhaps in another process:
    /// let reference: TaskReference = stored().parse()?;
    /// let result = client.resume(reference).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// With the task's end, if that comes first.
    pub fn submit(&self, request: ImageRequest) -> impl Future<Output = Result<TaskReference, Error>> + use<> {
        self.submit_with(request, &Options::new())
    }

    /// The same, with options of its own.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub fn submit_with(
        &self,
        request: ImageRequest,
        options: &Options,
    ) -> impl Future<Output = Result<TaskReference, Error>> + use<> {
        let task = self.generate_with(request, options);
        async move {
            let reference = task.reference().await?;
            task.detach();
            Ok(reference)
        }
    }

    /// Goes on with an earlier task, of this client or another.
    pub fn resume(&self, reference: TaskReference) -> Task {
        self.resume_with(reference, &Options::new())
    }

    /// The same, with options of its own.
    pub fn resume_with(&self, reference: TaskReference, options: &Options) -> Task {
        Task::of(&self.0, &self.0.resume(reference, options))
    }

    /// Many requests as one stream of results, in the order in which they come.
    ///
    /// ```
    /// # use tidegate::request::ImageRequest;
    /// # use tidegate::web::Client;
    /// # async fn story(client: Client, prompts: Vec<String>) {
    /// let requests = prompts.into_iter().map(|prompt| ImageRequest::new("hiapi/gpt-image-2", &prompt));
    /// let mut batch = client.batch(requests);
    /// while let Some(item) = batch.next().await {
    ///     match item.result {
    ///         Ok(result) => println!("{}: {:?}", item.index, result.image().size()),
    ///         Err(error) => println!("{}: {error}", item.index),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn batch<I>(&self, requests: I) -> Batch
    where
        I: IntoIterator<Item = ImageRequest>,
        I::IntoIter: 'static,
    {
        self.batch_with(requests, &Options::new())
    }

    /// The same, with options of its own for every item; an idempotency key, which would be one for all, is left out.
    pub fn batch_with<I>(&self, requests: I, options: &Options) -> Batch
    where
        I: IntoIterator<Item = ImageRequest>,
        I::IntoIter: 'static,
    {
        Batch::new(&self.0, Box::new(requests.into_iter()), options.clone())
    }

    /// An image to edit, from its bytes; for [`ImageRequest::image`] and [`ImageRequest::mask`] of requests to this client, in which it is kept.
    ///
    /// ```
    /// # use tidegate::request::ImageRequest;
    /// # use tidegate::web::{Client, Error};
    /// # async fn story(client: Client, photograph: &[u8]) -> Result<(), Error> {
    /// let photograph = client.input(photograph);
    /// let request = ImageRequest::new("openai/gpt-image-1", "the same in winter").image(photograph);
    /// let result = client.generate(request).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn input(&self, bytes: &[u8]) -> ImageInput {
        ImageInput::Handle(self.0.host().keep(None, Data::Bytes(Uint8Array::from(bytes))))
    }

    /// What is wrong with a provider's key, if anything, as far as a free request can tell. While the key is in a cooldown nothing is sent.
    ///
    /// ```
    /// # use tidegate::web::{Client, Error};
    /// # async fn story(client: Client) -> Result<(), Error> {
    /// let report = client.check("hiapi").await?;
    /// match report.ok {
    ///     Some(true) => println!("it takes {:?}", report.limits),
    ///     Some(false) => eprintln!("{:?}: {}", report.code, report.advice),
    ///     None => println!("only a paid call could tell: {}", report.advice),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `InvalidRequest` where the client has no provider of this name, `Cancelled` where it is closed; what is wrong with the key is no error.
    pub fn check(&self, provider: &str) -> impl Future<Output = Result<KeyReport, Error>> + use<> {
        let (owner, provider) = (self.0.next_owner(), String::from(provider));
        let inquiry = self.0.inquire(owner, |task| Input::Check { task, owner, provider });
        let asked = inquiry.map(|inquiry| Asked::of(&self.0, inquiry));
        async move {
            match asked?.await? {
                Outcome::Checked(report) => Ok(*report),
                _ => Err(crate::error::Error::new(Code::Protocol).into()),
            }
        }
    }

    /// How many tasks a key takes at once, by real ones: they are billed, at most `max` of them, and at most `budget` by [`Provider::price`]. It takes as many
    /// images as the key takes at once, and one more to be sure unless the provider names the limit that refuses.
    ///
    /// Dropping the future submits nothing more; what was bought by then is in [`Client::pending`].
    ///
    /// ```
    /// # use tidegate::request::ImageRequest;
    /// # use tidegate::web::{Budget, Client, Error};
    /// # async fn story(client: Client) -> Result<(), Error> {
    /// let report = client.probe(ImageRequest::new("hiapi/gpt-image-2", "a red apple"), 40, Budget::per_day(2.0)).await?;
    /// println!("{:?} at once, for {} dollars", report.ceiling, report.cost);
    /// for task in report.tasks {
    ///     println!("{:?}", task.await?.image().url());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Budget` where one image costs more than what is left of the budget, `InvalidRequest` where the price is not known or the limit is told, and what ended
    /// the first task where none was accepted.
    pub fn probe<B: Into<Budget>>(
        &self,
        request: ImageRequest,
        max: u32,
        budget: B,
    ) -> impl Future<Output = Result<ProbeReport, Error>> + use<B> {
        probe::run(&self.0, request, max, budget.into())
    }

    /// References to all tasks that a provider has, or may have, or that have finished and whose results nobody has taken.
    pub fn pending(&self) -> Vec<TaskReference> {
        self.0.pending()
    }

    /// What the client believes.
    pub fn status(&self) -> ClientStatus {
        let status = self.0.ask(|engine| {
            let (waiting, running) = engine.counts();
            let lanes = engine.lanes().enumerate().map(|(place, (lane, provider, snapshot))| LaneStatus {
                lane: String::from(lane),
                provider: String::from(engine.config().name_of(provider)),
                model: engine.lane_model(place).map(String::from),
                limit: snapshot.limit,
                phase: snapshot.phase,
                held: snapshot.held,
                paused_until: snapshot.paused_until.map(|until| engine.wall_clock(until)),
                window: snapshot.window,
                refusals: snapshot.refusals,
            });
            ClientStatus { waiting, running, lanes: gather(lanes) }
        });
        status.unwrap_or_default()
    }

    /// Submits nothing more, gives up what is on the wire, and ends all tasks as cancelled. [`Client::pending`] still says what providers have.
    pub fn close(&self) {
        self.0.close();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// What a client believes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStatus {
    /// Submits that wait for leave.
    pub waiting: usize,
    /// What providers have.
    pub running: usize,
    /// The quotas that it knows of.
    pub lanes: Vec<LaneStatus>,
}

/// One quota.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneStatus {
    /// Its name: provider, place and account.
    pub lane: String,
    /// The client's name for the provider.
    pub provider: String,
    /// The model whose limits they are; `None` where all models share them.
    pub model: Option<String>,
    /// Tasks at once, as far as is known.
    pub limit: u32,
    /// How the limit is gone about.
    pub phase: Phase,
    /// Slots in use.
    pub held: u32,
    /// The end of a cooldown, in milliseconds since the epoch.
    pub paused_until: Option<u64>,
    /// The tightest limit over time: told, in the provider's headers, or concluded from refusals.
    pub window: Option<Window>,
    /// Refusals so far.
    pub refusals: u32,
}
