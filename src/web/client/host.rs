//! What a client in Rust keeps: timers, fetches, bytes, records, credentials and callers.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use gloo_timers::callback::Timeout;
use js_sys::{Function, JSON, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{AbortController, FormData, Headers};

use super::bytes::Data;
use super::form::Form;
use super::inner::Inner;
use super::inquiry::Inquiry;
use super::task::TaskState;
use super::{Error, ImageResult, fetch};
use crate::engine::{Effect, Input, Outcome};
use crate::error::Billed;
use crate::gather::gather;
use crate::http::Purpose;
use crate::journal::{Record, Stored};
use crate::json::Json;
use crate::table::Table;
use crate::task::{CallId, OwnerId, PartId, TaskId};
use crate::web::host::Host;
use crate::web::own;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn monotonic() -> f64;

    #[wasm_bindgen(js_namespace = console)]
    fn warn(text: &str);
}

/// What a provider's requests carry besides the core's own headers.
pub(super) struct Credential {
    pub key: Option<String>,
    pub headers: Vec<(String, String)>,
}

/// What outlives a call. Nothing here is borrowed while JavaScript or a caller's code runs.
pub(super) struct ClientHost {
    client: Weak<Inner>,
    credentials: Vec<Credential>,
    fetch: Option<Function>,
    pub closed: Cell<bool>,
    pub calls: RefCell<Table<CallId, AbortController>>,
    timers: RefCell<Table<OwnerId, Timeout>>,
    pub tasks: RefCell<Table<TaskId, Rc<TaskState>>>,
    /// Checks and probes.
    pub inquiries: RefCell<Table<TaskId, Rc<Inquiry>>>,
    records: RefCell<BTreeMap<String, String>>,
    /// Image data, and the task in whose name it is kept; `None`: in the client's own.
    kept: RefCell<Table<u32, (Option<TaskId>, Data)>>,
    /// Forms whose fetches are about to start.
    forms: RefCell<Table<CallId, FormData>>,
    last_handle: Cell<u32>,
    /// What the store has to say; told when the engine has nothing left to be performed, so that a thousand records are no thousand calls deep.
    pub news: RefCell<VecDeque<Input>>,
}

impl ClientHost {
    pub fn new(client: Weak<Inner>, credentials: Vec<Credential>, fetch: Option<Function>) -> ClientHost {
        ClientHost {
            client,
            credentials,
            fetch,
            closed: Cell::new(false),
            calls: RefCell::default(),
            timers: RefCell::default(),
            tasks: RefCell::default(),
            inquiries: RefCell::default(),
            records: RefCell::default(),
            kept: RefCell::default(),
            forms: RefCell::default(),
            last_handle: Cell::new(0),
            news: RefCell::default(),
        }
    }

    pub fn task(&self, number: TaskId) -> Option<Rc<TaskState>> {
        self.tasks.try_borrow().ok()?.get(&number).cloned()
    }

    /// Keeps image data for a task or, without one, until it is let go.
    pub fn keep(&self, task: Option<TaskId>, data: Data) -> u32 {
        let handle = self.last_handle.get().wrapping_add(1);
        self.last_handle.set(handle);
        if let Ok(mut kept) = self.kept.try_borrow_mut() {
            kept.insert(handle, (task, data));
        }
        handle
    }

    /// Takes a task's data.
    pub fn take(&self, handle: u32) -> Option<Data> {
        self.kept.try_borrow_mut().ok()?.remove(&handle).map(|(_, data)| data)
    }

    /// Lets data go, unless it has become a task's.
    pub fn release(&self, handle: u32) {
        let unclaimed = self.kept.try_borrow().is_ok_and(|kept| matches!(kept.get(&handle), Some((None, _))));
        if unclaimed {
            drop(self.take(handle));
        }
    }

    /// A form that had to wait for its files.
    pub fn set_form(&self, call: CallId, form: FormData) {
        if let Ok(mut forms) = self.forms.try_borrow_mut() {
            forms.insert(call, form);
        }
    }

    fn input(&self, handle: u32) -> Option<Uint8Array> {
        let data = self.kept.try_borrow().ok()?.get(&handle).map(|(_, data)| data.clone());
        data.and_then(|data| data.bytes())
    }

    /// Every record that can be read.
    pub fn records(&self) -> Vec<Record> {
        let texts = self.records.try_borrow().map(|records| gather(records.values().cloned()));
        gather(texts.unwrap_or_default().iter().filter_map(|text| Record::read(&parse(text)?)))
    }

    fn stored(&self, key: &str) -> Option<Stored> {
        let text = self.records.try_borrow().ok()?.get(key).cloned()?;
        Stored::read(&parse(&text)?)
    }

    pub fn forget(&self, key: &str) {
        if let Ok(mut records) = self.records.try_borrow_mut() {
            records.remove(key);
        }
    }

    fn tell(&self, input: Input) {
        if let Ok(mut news) = self.news.try_borrow_mut() {
            news.push_back(input);
        }
    }

    /// Gives up what is on the wire and what is timed.
    pub fn let_go(&self) {
        self.closed.set(true);
        let calls = self.calls.try_borrow_mut().map(|mut calls| core::mem::take(&mut *calls)).unwrap_or_default();
        calls.values().for_each(AbortController::abort);
        let timers = self.timers.try_borrow_mut().map(|mut timers| core::mem::take(&mut *timers));
        drop(timers);
    }

    fn settle(&self, task: TaskId, outcome: Outcome) {
        let state = self.tasks.try_borrow_mut().ok().and_then(|mut tasks| tasks.remove(&task));
        let inquiry = self.inquiries.try_borrow_mut().ok().and_then(|mut inquiries| inquiries.remove(&task));
        let outcome = match outcome {
            Outcome::Failed(error, reference) | Outcome::Cancelled(error, reference) => {
                // What certainly cost nothing has left nothing to go on with.
                let reference = reference.filter(|_| error.billed != Billed::No);
                Err(Error::new(error, reference.map(Into::into)))
            }
            outcome => Ok(outcome),
        };
        if let Some(inquiry) = inquiry {
            inquiry.settle(outcome);
        } else if let (Some(state), Some(client)) = (state, self.client.upgrade()) {
            match outcome {
                Ok(Outcome::Succeeded(success)) => state.settle(Ok(ImageResult::new(&client, *success))),
                Ok(_) => {}
                Err(error) => state.settle(Err(error)),
            }
        }
        let left = self.kept.try_borrow_mut().map(|mut kept| {
            let of_task = gather(kept.iter().filter(|(_, (of, _))| *of == Some(task)).map(|(handle, _)| handle));
            gather(of_task.iter().filter_map(|handle| kept.remove(handle)))
        });
        drop(left);
    }
}

fn parse(text: &str) -> Option<Json> {
    Some(own(&JSON::parse(text).ok()?))
}

impl Host for ClientHost {
    fn now(&self) -> f64 {
        monotonic()
    }

    fn wall(&self) -> f64 {
        js_sys::Date::now()
    }

    fn authorize(&self, call: CallId, provider: usize, headers: &Headers, _: bool, form: Option<&str>) -> bool {
        let Some(credential) = self.credentials.get(provider) else { return true };
        for (name, value) in &credential.headers {
            // Names and values were checked when the client was built.
            let _ = headers.set(name, value);
        }
        if let Some(key) = &credential.key {
            let _ = headers.set("authorization", &crate::text::concat(&["Bearer ", key]));
        }
        let Some(form) = form else { return true };
        let form = Form::read(form, |handle| self.input(handle));
        if let Some(Ok(made)) = form.as_ref().filter(|form| form.is_here()).map(Form::build) {
            self.set_form(call, made);
            return true;
        }
        let client = self.client.clone();
        spawn_local(async move {
            let made = match form {
                Some(form) => form.fetch().await,
                None => Err(String::from("an image that goes in is not this client's")),
            };
            if let Some(client) = client.upgrade() {
                client.begin(call, made);
            }
        });
        false
    }

    fn form(&self, call: CallId) -> JsValue {
        let form = self.forms.try_borrow_mut().ok().and_then(|mut forms| forms.remove(&call));
        form.map_or(JsValue::UNDEFINED, JsValue::from)
    }

    fn own_fetch(&self) -> Option<Function> {
        self.fetch.clone()
    }

    fn file(
        &self,
        call: CallId,
        part: PartId,
        purpose: Purpose,
        promise: &Promise,
        controller: &AbortController,
        limit: u32,
    ) {
        if let Ok(mut calls) = self.calls.try_borrow_mut() {
            calls.insert(call, controller.clone());
        }
        let (client, promise) = (self.client.clone(), promise.clone());
        spawn_local(async move {
            let fetched = fetch::read(promise, limit, purpose == Purpose::Image).await;
            if let Some(client) = client.upgrade() {
                client.arrive(call, part.task, fetched);
            }
        });
    }

    fn abort(&self, call: CallId) {
        let controller = self.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&call));
        if let Some(controller) = controller {
            controller.abort();
        }
    }

    fn arm(&self, owner: OwnerId, wait: f64) {
        let former = self.timers.try_borrow_mut().ok().and_then(|mut timers| timers.remove(&owner));
        drop(former);
        if wait < 0.0 || self.closed.get() {
            return;
        }
        let client = self.client.clone();
        let timer = Timeout::new(wait as u32, move || {
            if let Some(client) = client.upgrade() {
                client.wake(owner);
            }
        });
        if let Ok(mut timers) = self.timers.try_borrow_mut() {
            timers.insert(owner, timer);
        }
    }

    fn listens(&self, _: &str) -> bool {
        false
    }

    fn event(&self, _: &str, _: &Json) {}

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Store { seq, key, record } => {
                if let Ok(mut records) = self.records.try_borrow_mut() {
                    records.insert(key, record);
                }
                self.tell(Input::Stored { seq, ok: true });
            }
            Effect::Keep { task, handle } => {
                if let Ok(mut kept) = self.kept.try_borrow_mut() {
                    if let Some((of, _)) = kept.get_mut(&handle) {
                        *of = Some(task);
                    }
                }
            }
            Effect::Forget { key } => self.forget(&key),
            Effect::Load { seq, key } => self.tell(Input::Loaded { seq, record: self.stored(&key) }),
            Effect::Update { task, update } => {
                if let Some(state) = self.task(task) {
                    state.show(update.into());
                }
            }
            Effect::Settle { task, outcome } => self.settle(task, *outcome),
            Effect::Warn { message } => warn(&message),
            Effect::Send { .. } | Effect::Abort { .. } | Effect::Refusal { .. } | Effect::Limit { .. } => {}
        }
    }
}
