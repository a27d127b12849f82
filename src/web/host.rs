//! What the shell asks of whoever keeps timers, fetches, bytes and callers: the facade in JavaScript, or the client in Rust. None of it is called under a
//! borrow.

use js_sys::{Function, JsString, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, Headers, RequestInit};

use super::value;
use crate::engine::Effect;
use crate::http::Purpose;
use crate::json::Json;
use crate::task::{CallId, OwnerId, PartId};
use crate::view;

/// Performs what the shell does not do itself. A trait, because the two hosts speak of different things: plain data to JavaScript, types to Rust.
pub trait Host {
    /// Monotonic milliseconds.
    fn now(&self) -> f64;

    /// Milliseconds since the epoch.
    fn wall(&self) -> f64;

    /// Adds a provider's credential to the headers, and makes the form that a text describes (see [`crate::http::Request::form`]); false: later, by the
    /// shell's `start_fetch`.
    fn authorize(&self, call: CallId, provider: usize, headers: &Headers, refresh: bool, form: Option<&str>) -> bool;

    /// The form that was made for a call; asked for once.
    fn form(&self, call: CallId) -> JsValue;

    /// The caller's own fetch, if there is one.
    fn own_fetch(&self) -> Option<Function>;

    /// A fetch is under way, of whose body at most `limit` bytes are read.
    fn file(
        &self,
        call: CallId,
        part: PartId,
        purpose: Purpose,
        promise: &Promise,
        controller: &AbortController,
        limit: u32,
    );

    /// A fetch is given up.
    fn abort(&self, call: CallId);

    /// Sets an owner's timer, at most 2³¹ - 1 ms; below zero: none.
    fn arm(&self, owner: OwnerId, wait: f64);

    /// Whether anybody listens to events of this name: else none is put together.
    fn listens(&self, name: &str) -> bool;

    /// Something happened that listeners want to know.
    fn event(&self, name: &str, value: &Json);

    /// Performs an effect that is no HTTP: those of the store, and those that concern a caller.
    fn perform(&self, effect: Effect);
}

#[wasm_bindgen]
extern "C" {
    /// The facade's half of the shell; see `Host` there.
    pub type JsHost;

    /// Monotonic milliseconds.
    #[wasm_bindgen(method)]
    pub fn now(this: &JsHost) -> f64;

    /// Milliseconds since the epoch.
    #[wasm_bindgen(method)]
    pub fn wall(this: &JsHost) -> f64;

    /// Adds a provider's credential to the headers, and makes the form that a text describes; false: later, by `begin`.
    #[wasm_bindgen(method)]
    pub fn authorize(
        this: &JsHost,
        call: f64,
        provider: u32,
        headers: &Headers,
        refresh: bool,
        form: Option<&str>,
    ) -> bool;

    /// The form that was made for a call, once.
    #[wasm_bindgen(method)]
    pub fn form(this: &JsHost, call: f64) -> JsValue;

    /// The caller's own fetch, if there is one.
    #[wasm_bindgen(method, getter, js_name = fetch)]
    pub fn own_fetch(this: &JsHost) -> Option<Function>;

    /// A fetch is under way.
    #[wasm_bindgen(method)]
    pub fn file(
        this: &JsHost,
        call: f64,
        task: u32,
        part: u32,
        purpose: u32,
        promise: &Promise,
        controller: &AbortController,
        limit: u32,
    );

    /// A fetch is given up.
    #[wasm_bindgen(method)]
    pub fn abort(this: &JsHost, call: f64);

    /// Keeps a long string, under the number that it returns.
    #[wasm_bindgen(method)]
    pub fn hold(this: &JsHost, value: &JsString) -> u32;

    /// A string of an answer is an image of this task: it goes with the task.
    #[wasm_bindgen(method)]
    pub fn keep(this: &JsHost, handle: u32, task: u32);

    /// Lets a string go, unless it is kept for a task.
    #[wasm_bindgen(method)]
    pub fn release(this: &JsHost, handle: u32);

    /// Writes a record down.
    #[wasm_bindgen(method)]
    pub fn put(this: &JsHost, seq: f64, key: &str, record: &str);

    /// Removes a record.
    #[wasm_bindgen(method)]
    pub fn remove(this: &JsHost, key: &str);

    /// Looks a record up.
    #[wasm_bindgen(method)]
    pub fn load(this: &JsHost, seq: f64, key: &str);

    /// A task stands elsewhere now.
    #[wasm_bindgen(method)]
    pub fn update(this: &JsHost, task: u32, update: &JsValue);

    /// A task is over for its caller.
    #[wasm_bindgen(method)]
    pub fn settle(this: &JsHost, task: u32, kind: &str, value: &JsValue);

    /// Whether anybody listens to events of this name.
    #[wasm_bindgen(method)]
    pub fn listens(this: &JsHost, name: &str) -> bool;

    /// Something happened that listeners want to know.
    #[wasm_bindgen(method)]
    pub fn event(this: &JsHost, name: &str, value: &JsValue);

    /// A line for the log.
    #[wasm_bindgen(method)]
    pub fn log(this: &JsHost, level: &str, message: &str);

    /// Sets an owner's timer; below zero: none.
    #[wasm_bindgen(method)]
    pub fn arm(this: &JsHost, owner: u32, wait: f64);

    /// The global fetch, looked up at each call.
    #[wasm_bindgen(js_name = fetch, catch)]
    pub fn global_fetch(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

impl Host for JsHost {
    fn now(&self) -> f64 {
        self.now()
    }

    fn wall(&self) -> f64 {
        self.wall()
    }

    fn authorize(&self, call: CallId, provider: usize, headers: &Headers, refresh: bool, form: Option<&str>) -> bool {
        self.authorize(call as f64, provider as u32, headers, refresh, form)
    }

    fn form(&self, call: CallId) -> JsValue {
        self.form(call as f64)
    }

    fn own_fetch(&self) -> Option<Function> {
        self.own_fetch()
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
        self.file(call as f64, part.task, u32::from(part.index), purpose.number(), promise, controller, limit);
    }

    fn abort(&self, call: CallId) {
        self.abort(call as f64);
    }

    fn arm(&self, owner: OwnerId, wait: f64) {
        self.arm(owner, wait);
    }

    fn listens(&self, name: &str) -> bool {
        self.listens(name)
    }

    fn event(&self, name: &str, value: &Json) {
        self.event(name, &value::write(value));
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Keep { task, handle } => self.keep(handle, task),
            Effect::Store { seq, key, record } => self.put(seq as f64, &key, &record),
            Effect::Forget { key } => self.remove(&key),
            Effect::Load { seq, key } => self.load(seq as f64, &key),
            Effect::Update { task, update } => self.update(task, &value::write(&view::update(&update))),
            Effect::Settle { task, outcome } => {
                let (kind, view) = view::outcome(&outcome);
                self.settle(task, kind, &value::write(&view));
            }
            Effect::Warn { message } => self.log("warn", &message),
            Effect::Send { .. } | Effect::Abort { .. } | Effect::Refusal { .. } | Effect::Limit { .. } => {}
        }
    }
}
