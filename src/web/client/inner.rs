//! What the handles of one client share: the shell, and the ways into it.

use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use js_sys::JsString;
use wasm_bindgen_futures::spawn_local;
use web_sys::FormData;

use super::bytes::Data;
use super::fetch::{Fetched, FetchedBody, IMAGE_HEAD};
use super::host::ClientHost;
use super::inquiry::Inquiry;
use super::news::{News, Tell};
use super::task_state::TaskState;
use super::{Error, ImageResult, Options, TaskReference};
use crate::engine::{Cancelled, Engine, Input, Outcome};
use crate::error::{Billed, Code};
use crate::gather::gather;
use crate::http::{Answer, Body, Fault};
use crate::json::MAX_STRING;
use crate::json::reader::{Strings, Unreadable};
use crate::options::{CallOptions, Defaults};
use crate::request::ImageRequest;
use crate::table::Table;
use crate::task::{CallId, OwnerId, TaskId};
use crate::view;
use crate::web::host::Sent;
use crate::web::perform::Shell;
use crate::web::text::own;
use crate::web::value;

/// Tasks that have finished and whose results nobody has taken yet. They belong to whoever can resume them, and not to what the handles share: images need
/// that, so that neither would ever be gone.
pub(super) type Untaken = RefCell<Table<TaskId, Rc<TaskState>>>;

pub(super) struct Inner {
    shell: Shell<ClientHost>,
    /// Requests of a page or a script share I/O; on Workers each call has its own.
    separate: bool,
    numbers: Cell<TaskId>,
    tasks: RefCell<Table<TaskId, Rc<TaskState>>>,
    untaken: RefCell<Weak<Untaken>>,
    /// Checks and probes.
    inquiries: RefCell<Table<TaskId, Rc<Inquiry>>>,
    owners: Cell<OwnerId>,
    batches: Cell<u32>,
    waking: RefCell<Vec<OwnerId>>,
}

fn count(cell: &Cell<u32>) -> u32 {
    cell.set(cell.get().wrapping_add(1));
    cell.get()
}

impl Inner {
    pub fn new(engine: Engine, separate: bool, host: impl FnOnce(Tell) -> ClientHost) -> Rc<Inner> {
        Rc::new_cyclic(|me: &Weak<Inner>| {
            let me = me.clone();
            let tell: Tell = Rc::new(move |news| {
                if let Some(client) = me.upgrade() {
                    client.hear(news);
                }
            });
            Inner {
                shell: Shell::new(host(tell), engine),
                separate,
                numbers: Cell::new(0),
                tasks: RefCell::default(),
                untaken: RefCell::default(),
                inquiries: RefCell::default(),
                owners: Cell::new(0),
                batches: Cell::new(0),
                waking: RefCell::default(),
            }
        })
    }

    pub fn host(&self) -> &ClientHost {
        &self.shell.host
    }

    /// Looks at the engine; `None` if it is at work, which no caller ever sees.
    pub fn ask<T>(&self, question: impl FnOnce(&Engine) -> T) -> Option<T> {
        self.shell.engine.try_borrow().ok().map(|engine| question(&engine))
    }

    pub fn next_owner(&self) -> OwnerId {
        if self.separate { count(&self.owners) } else { 0 }
    }

    pub fn next_batch(&self) -> u32 {
        count(&self.batches)
    }

    /// A new task, or the one that goes by the caller's key already; what is wrong becomes its end.
    pub fn launch(
        self: &Rc<Self>,
        request: ImageRequest,
        options: &Options,
        owner: OwnerId,
        batch: Option<u32>,
    ) -> Rc<TaskState> {
        self.try_launch(request, options, owner, batch).unwrap_or_else(TaskState::failed)
    }

    fn try_launch(
        self: &Rc<Self>,
        request: ImageRequest,
        options: &Options,
        owner: OwnerId,
        batch: Option<u32>,
    ) -> Result<Rc<TaskState>, Error> {
        self.open()?;
        let call = Box::new(options.resolve(&self.defaults(), batch)?);
        let request = request.checked()?;
        let mut records = Vec::new();
        if let Some(key) = options.key() {
            if let Some(living) = self.ask(|engine| engine.find_key(key)).flatten().and_then(|task| self.task(task)) {
                let error = self.ask(|engine| engine.mismatch(living.number, &request)).flatten();
                return error.map_or(Ok(living), |error| Err(error.into()));
            }
            records = gather(self.host().records().into_iter().filter(|record| record.task_key == key));
        }
        Ok(self.register(owner, |task| Input::Submit {
            task,
            owner,
            request: Ok(Box::new(request)),
            options: call,
            records,
        }))
    }

    /// Goes on with an earlier task, or joins it if it is alive here.
    pub fn resume(self: &Rc<Self>, reference: TaskReference, options: &Options) -> Rc<TaskState> {
        self.try_resume(reference, options).unwrap_or_else(TaskState::failed)
    }

    fn try_resume(self: &Rc<Self>, reference: TaskReference, options: &Options) -> Result<Rc<TaskState>, Error> {
        self.open()?;
        let owner = self.next_owner();
        let mut call = Box::new(options.resolve(&self.defaults(), None)?);
        // The same check as for a reference from anywhere else: its ids become parts of addresses.
        let TaskReference { key, parts, metadata } = TaskReference::read(&own(&reference.plain().0))?;
        if call.metadata.is_empty() {
            call.metadata = metadata;
        }
        let by_id = |engine: &Engine| {
            parts.iter().filter_map(|part| engine.find_task(&part.provider, part.task_id.as_deref()?)).next()
        };
        let known = self.ask(|engine| key.as_deref().and_then(|key| engine.find_key(key)).or_else(|| by_id(engine)));
        if let Some(living) = known.flatten().and_then(|task| self.task(task)) {
            return Ok(living);
        }
        let records = Vec::new();
        Ok(self.register(owner, |task| Input::Resume { task, owner, key, parts: Ok(parts), options: call, records }))
    }

    /// One of a probe's tasks.
    pub fn launch_for(
        self: &Rc<Self>,
        probe: TaskId,
        request: &ImageRequest,
        options: &Options,
        owner: OwnerId,
    ) -> Result<Rc<TaskState>, Error> {
        let call = CallOptions { probe: Some(probe), ..options.resolve(&self.defaults(), None)? };
        let (request, options) = (Ok(Box::new(request.clone())), Box::new(call));
        Ok(self.register(owner, |task| Input::Submit { task, owner, request, options, records: Vec::new() }))
    }

    /// Asks what is no image.
    pub fn inquire(self: &Rc<Self>, owner: OwnerId, input: impl FnOnce(TaskId) -> Input) -> Result<Rc<Inquiry>, Error> {
        self.open()?;
        let number = count(&self.numbers);
        let inquiry = Inquiry::new(number, owner);
        if let Ok(mut inquiries) = self.inquiries.try_borrow_mut() {
            inquiries.insert(number, inquiry.clone());
        }
        self.shell.handle(input(number));
        self.wake_soon(owner);
        Ok(inquiry)
    }

    /// Fetches the bytes of an image, as a task of its own.
    pub fn download(self: &Rc<Self>, url: &str) -> Rc<TaskState> {
        if let Err(error) = self.open() {
            return TaskState::failed(error);
        }
        let (owner, url) = (self.next_owner(), String::from(url));
        self.register(owner, |task| Input::Fetch { task, owner, url })
    }

    fn register(self: &Rc<Self>, owner: OwnerId, input: impl FnOnce(TaskId) -> Input) -> Rc<TaskState> {
        let number = count(&self.numbers);
        let state = TaskState::new(number, owner);
        if let Ok(mut tasks) = self.tasks.try_borrow_mut() {
            tasks.insert(number, state.clone());
        }
        self.shell.handle(input(number));
        if let Some(key) = self.ask(|engine| engine.key_of(number).map(String::from)).flatten() {
            state.name(&key);
        }
        self.wake_soon(owner);
        state
    }

    fn task(&self, number: TaskId) -> Option<Rc<TaskState>> {
        let living = self.tasks.try_borrow().ok()?.get(&number).cloned();
        living.or_else(|| self.untaken()?.try_borrow().ok()?.get(&number).cloned())
    }

    /// A caller has the result of a task: it need not be kept any more.
    pub fn taken(&self, number: TaskId) {
        if self.release(number).is_none() {
            return;
        }
        if let Ok(mut engine) = self.shell.engine.try_borrow_mut() {
            engine.taken(number);
        }
        self.shell.run();
    }

    fn release(&self, number: TaskId) -> Option<Rc<TaskState>> {
        self.untaken()?.try_borrow_mut().ok()?.remove(&number)
    }

    fn keep(&self, state: Rc<TaskState>) {
        if let Some(mut untaken) = self.untaken().as_deref().and_then(|untaken| untaken.try_borrow_mut().ok()) {
            untaken.insert(state.number, state);
        }
    }

    /// Where results wait, as long as there is a client that could resume their tasks.
    fn untaken(&self) -> Option<Rc<Untaken>> {
        self.untaken.try_borrow().ok()?.upgrade()
    }

    /// Makes that place.
    pub fn open_untaken(&self) -> Rc<Untaken> {
        let untaken = Rc::default();
        if let Ok(mut place) = self.untaken.try_borrow_mut() {
            *place = Rc::downgrade(&untaken);
        }
        untaken
    }

    fn open(&self) -> Result<(), Error> {
        if self.host().closed.get() { Err(closed()) } else { Ok(()) }
    }

    fn defaults(&self) -> Defaults {
        self.ask(|engine| engine.config().defaults.clone()).unwrap_or_default()
    }

    /// References to all that is unfinished; records that are of no use any more are removed.
    pub fn pending(&self) -> Vec<TaskReference> {
        let records = self.host().records();
        let (_, wall) = self.shell.clock();
        for record in records.iter().filter(|record| record.is_spent(wall)) {
            self.host().forget(&record.key);
        }
        gather(view::references(&records, wall).into_iter().map(Into::into))
    }

    pub fn pause(self: &Rc<Self>, batch: u32, owner: OwnerId, paused: bool) {
        self.input(Input::Pause { batch, paused });
        self.wake_soon(owner);
    }

    /// Cancels a task for its caller.
    pub fn cancel(&self, task: TaskId) -> Cancelled {
        let (now, wall) = self.shell.clock();
        let cancelled = match self.shell.engine.try_borrow_mut() {
            Ok(mut engine) => engine.cancel(now, wall, task),
            Err(_) => return Cancelled::TooLate,
        };
        self.shell.run();
        cancelled
    }

    /// Nobody waits for a task any more: what is with its provider goes on, for whoever resumes it.
    pub fn leave(&self, task: TaskId) {
        let (now, wall) = self.shell.clock();
        if let Ok(mut engine) = self.shell.engine.try_borrow_mut() {
            engine.leave(now, wall, task);
        }
        self.shell.run();
    }

    pub fn close(&self) {
        if self.host().closed.get() {
            return;
        }
        self.input(Input::Close);
        let tasks = || self.tasks.try_borrow().map(|tasks| gather(tasks.values().cloned())).unwrap_or_default();
        tasks().iter().for_each(|task| self.wake(task.owner));
        let inquiries = self.inquiries.try_borrow_mut().map(|mut inquiries| core::mem::take(&mut *inquiries));
        inquiries.unwrap_or_default().values().for_each(|inquiry| {
            inquiry.settle(Err(closed()));
            self.wake(inquiry.owner);
        });
        self.host().let_go();
        let left = self.tasks.try_borrow_mut().map(|mut tasks| core::mem::take(&mut *tasks));
        left.unwrap_or_default().values().for_each(|task| task.settle(Err(closed())));
    }

    /// What the host tells.
    fn hear(self: &Rc<Self>, news: News) {
        match news {
            News::Time(owner) => self.wake(owner),
            News::Form(call, form) => self.begin(call, form),
            News::Fetched(call, task, fetched) => self.arrive(call, task, fetched),
            News::Update(task, update) => {
                if let Some(state) = self.task(task) {
                    state.show(update.into());
                }
            }
            News::Settled(task, outcome) => self.settle(task, *outcome),
            News::Released(task) => drop(self.release(task)),
        }
    }

    fn settle(self: &Rc<Self>, task: TaskId, outcome: Outcome) {
        let state = self.tasks.try_borrow_mut().ok().and_then(|mut tasks| tasks.remove(&task));
        let inquiry = self.inquiries.try_borrow_mut().ok().and_then(|mut inquiries| inquiries.remove(&task));
        let outcome = match outcome {
            Outcome::Late(success, reference) => {
                let state = TaskState::new(task, self.next_owner());
                state.name(&reference.key);
                state.settle(Ok(ImageResult::new(self, *success)));
                return self.keep(state);
            }
            Outcome::Failed(error, reference) | Outcome::Cancelled(error, reference) => {
                // What certainly cost nothing has left nothing to go on with.
                let reference = reference.filter(|_| error.billed != Billed::No);
                Err(Error::new(error, reference.map(Into::into)))
            }
            outcome => Ok(outcome),
        };
        if let Some(inquiry) = inquiry {
            inquiry.settle(outcome);
        } else if let Some(state) = state {
            match outcome {
                Ok(Outcome::Succeeded(success)) => {
                    if !state.key().is_empty() {
                        self.keep(state.clone());
                    }
                    state.settle(Ok(ImageResult::new(self, *success)));
                }
                Ok(_) => {}
                Err(error) => state.settle(Err(error)),
            }
        }
    }

    /// Time has passed for an owner, or it has something to begin.
    fn wake(&self, owner: OwnerId) {
        self.input(Input::Wake { owner });
    }

    /// Wakes in a microtask, so that what is dropped in the same turn sends nothing.
    fn wake_soon(self: &Rc<Self>, owner: OwnerId) {
        let Ok(mut waking) = self.waking.try_borrow_mut() else { return };
        if waking.contains(&owner) {
            return;
        }
        waking.push(owner);
        drop(waking);
        let client = Rc::downgrade(self);
        spawn_local(async move {
            let Some(client) = client.upgrade() else { return };
            if let Ok(mut waking) = client.waking.try_borrow_mut() {
                waking.retain(|other| *other != owner);
            }
            client.wake(owner);
        });
    }

    /// The form of a call is there, or can't be had. One that was given up meanwhile is not sent.
    fn begin(&self, call: CallId, form: Result<FormData, String>) {
        let Some(started) = self.host().requests.begin(call, form) else { return };
        if started.is_ok() {
            self.shell.hold_call(call, false);
        }
        let (fault, message) = match started {
            Ok(Sent::Now) => return,
            Ok(_) => (Fault::Network, String::new()),
            Err(message) => (Fault::Body, message),
        };
        self.input(Input::Failed { call, fault, message });
    }

    /// What a fetch brought. One that was given up brings nothing.
    fn arrive(&self, call: CallId, task: TaskId, fetched: Result<Fetched, String>) {
        if !self.host().requests.end(call) {
            return;
        }
        match fetched {
            Ok(Fetched { status, headers, body }) => {
                let mut held = Vec::new();
                let answer = Answer { status, headers, body: self.body(task, body, &mut held) };
                self.input(Input::Answer { call, answer });
                // Those that are images have been kept meanwhile.
                held.into_iter().for_each(|handle| self.host().release(handle));
            }
            Err(message) => {
                self.input(Input::Failed { call, fault: Fault::Network, message });
            }
        }
    }

    fn body(&self, task: TaskId, body: FetchedBody, held: &mut Vec<u32>) -> Body {
        match body {
            FetchedBody::Json(json) => {
                let mut hold = |long: &JsString| {
                    let handle = self.host().keep(None, Data::Base64(long.clone()));
                    held.push(handle);
                    handle
                };
                value::read(&json, MAX_STRING as u32, &mut hold).map_or(Body::TooLarge, Body::Json)
            }
            FetchedBody::Text(text) => text_body(&String::from(text)),
            FetchedBody::Cut(text) => match text_body(&String::from(text)) {
                Body::Json(json) => Body::Cut(json),
                _ => Body::Broken,
            },
            FetchedBody::TooLarge => Body::TooLarge,
            FetchedBody::Broken => Body::Broken,
            FetchedBody::Bytes(bytes) => {
                let head = bytes.slice(0, IMAGE_HEAD).to_vec();
                Body::Bytes { handle: self.host().keep(Some(task), Data::Bytes(bytes)), head }
            }
            FetchedBody::Redirect => Body::Redirect,
            FetchedBody::Empty => Body::Empty,
        }
    }

    fn input(&self, input: Input) {
        self.shell.handle(input);
        self.shell.run();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.host().let_go();
    }
}

/// Documents that JavaScript's parser doesn't make out. Rare, so what is long in them comes in.
fn text_body(text: &str) -> Body {
    match crate::web::text::read_documents(text, Strings::Plain) {
        Ok(json) => Body::Json(json),
        Err(Unreadable::TooLarge(_)) => Body::TooLarge,
        Err(Unreadable::NotJson) => Body::Text(text.chars().take(MAX_STRING).collect()),
    }
}

fn closed() -> Error {
    let mut error = crate::error::Error::new(Code::Cancelled);
    error.message = String::from("The client is closed.");
    error.into()
}
