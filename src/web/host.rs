//! What the shell asks of whoever keeps timers, fetches, bytes and callers: the facade in JavaScript, or the client in Rust. None of it is called under a
//! borrow.

use alloc::string::String;

use wasm_bindgen::prelude::*;

use crate::engine::{Effect, Input, Update};
use crate::http::{Purpose, Request};
use crate::json::Written;
use crate::task::{CallId, OwnerId, PartId};
use crate::time::Instant;
use crate::view;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way.
    Now,
    /// It waits for its credential or its form.
    Later,
    /// The host can't send it.
    Never,
}

/// Performs what the shell does not do itself. A trait, because the two hosts speak of different things: JSON text to JavaScript, types to Rust.
pub trait Host {
    /// Monotonic milliseconds.
    fn now(&self) -> f64;

    /// Milliseconds since the epoch.
    fn wall(&self) -> f64;

    /// Sends a request, with its provider's credential if it names one, anew if `refresh`; of the answer's body at most `request.limit` bytes are read.
    /// A redirect would carry the key to whoever is named in it, and browsers, Node and workerd differ in which headers they keep: requests with a
    /// credential follow none.
    fn send(&self, call: CallId, part: PartId, purpose: Purpose, request: Request, refresh: bool) -> Sent;

    /// Writes a record down and says whether it is durable now.
    fn store(&self, seq: u64, key: String, record: String) -> bool;

    /// Sets an owner's timer; without an instant there is none.
    fn arm(&self, owner: OwnerId, at: Option<Instant>);

    /// Whether anybody listens to events of this name: else none is put together.
    fn listens(&self, name: &str) -> bool;

    /// Something happened that listeners want to know.
    fn event(&self, name: &str, value: &Written);

    /// Performs an effect that is neither a request nor a record, and gives back what there is to say to it at once.
    fn perform(&self, effect: Effect) -> Option<Input>;
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

    /// Sends a request and says what became of it (0 later, 1 now, 2 never). `head` has lines: the address, and the name and the
    /// value of each header; `provider` is that of the credential, or below zero; `kind` is bits.
    #[wasm_bindgen(method)]
    pub fn send(
        this: &JsHost,
        call: f64,
        task: u32,
        part: u32,
        purpose: u32,
        provider: i32,
        kind: u32,
        limit: u32,
        head: &str,
        body: Option<&str>,
    ) -> u32;

    /// A fetch is given up.
    #[wasm_bindgen(method)]
    pub fn abort(this: &JsHost, call: f64);

    /// A string of an answer is an image of this task: it goes with the task.
    #[wasm_bindgen(method)]
    pub fn keep(this: &JsHost, handle: u32, task: u32);

    /// Writes a record down; false: whether it is durable is told later, by `stored`.
    #[wasm_bindgen(method)]
    pub fn put(this: &JsHost, seq: f64, key: &str, record: &str) -> bool;

    /// Removes a record.
    #[wasm_bindgen(method)]
    pub fn remove(this: &JsHost, key: &str);

    /// Looks a record up.
    #[wasm_bindgen(method)]
    pub fn load(this: &JsHost, seq: f64, key: &str);

    /// A task stands elsewhere now; `accepted`: the update has its reference.
    #[wasm_bindgen(method)]
    pub fn update(this: &JsHost, task: u32, accepted: bool, update: &str);

    /// A task is over for its caller.
    #[wasm_bindgen(method)]
    pub fn settle(this: &JsHost, task: u32, kind: &str, value: &str);

    /// The result of a task need not be kept any more.
    #[wasm_bindgen(method)]
    pub fn release(this: &JsHost, task: u32);

    /// Whether anybody listens to events of this name.
    #[wasm_bindgen(method)]
    pub fn listens(this: &JsHost, name: &str) -> bool;

    /// Something happened that listeners want to know.
    #[wasm_bindgen(method)]
    pub fn event(this: &JsHost, name: &str, value: &str);

    /// A line for the log.
    #[wasm_bindgen(method)]
    pub fn log(this: &JsHost, level: &str, message: &str);

    /// Sets an owner's timer, by the clock of `now`; below zero: none.
    #[wasm_bindgen(method)]
    pub fn arm(this: &JsHost, owner: u32, at: f64);
}

/// Bits of a request's `kind`: ask for the credential anew, `POST` instead of `GET`, and the body describes a form.
const REFRESH: u32 = 1;
const POST: u32 = 2;
const FORM: u32 = 4;

impl Host for JsHost {
    fn now(&self) -> f64 {
        self.now()
    }

    fn wall(&self) -> f64 {
        self.wall()
    }

    fn send(&self, call: CallId, part: PartId, purpose: Purpose, request: Request, refresh: bool) -> Sent {
        let Request { method, url: mut head, headers, body, form, limit, credential } = request;
        for (name, value) in &headers {
            for line in [name, value.as_str()] {
                head.push('\n');
                head.push_str(line);
            }
        }
        let bit = |is: bool, bit: u32| if is { bit } else { 0 };
        let kind = bit(refresh, REFRESH) | bit(method == "POST", POST) | bit(form, FORM);
        let provider = credential.map_or(-1, |provider| provider as i32);
        let (purpose, index, body) = (purpose.number(), u32::from(part.index), body.as_deref());
        match self.send(call as f64, part.task, index, purpose, provider, kind, limit, &head, body) {
            0 => Sent::Later,
            1 => Sent::Now,
            _ => Sent::Never,
        }
    }

    fn store(&self, seq: u64, key: String, record: String) -> bool {
        self.put(seq as f64, &key, &record)
    }

    fn arm(&self, owner: OwnerId, at: Option<Instant>) {
        self.arm(owner, at.map_or(-1.0, |at| at.millis() as f64));
    }

    fn listens(&self, name: &str) -> bool {
        self.listens(name)
    }

    fn event(&self, name: &str, value: &Written) {
        self.event(name, &value.0);
    }

    fn perform(&self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Abort { call } => self.abort(call as f64),
            Effect::Keep { task, handle } => self.keep(handle, task),
            Effect::Forget { key } => self.remove(&key),
            Effect::Load { seq, key } => self.load(seq as f64, &key),
            Effect::Update { task, update } => {
                let accepted = matches!(update, Update::Running { .. });
                self.update(task, accepted, &view::update(&update).0);
            }
            Effect::Settle { task, outcome } => {
                let (kind, view) = view::outcome(&outcome);
                self.settle(task, kind, &view.0);
            }
            Effect::Release { task } => self.release(task),
            Effect::Warn { message } => self.log("warn", &message),
            Effect::Inform { message } => self.log("info", &message),
            Effect::Send { .. } | Effect::Store { .. } | Effect::Refusal { .. } | Effect::Limit { .. } => {}
        }
        None
    }
}
