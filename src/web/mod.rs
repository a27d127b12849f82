//! The shell: the only part that knows JavaScript. It decides nothing: it turns calls into inputs, and effects into fetches and calls of the host.
//!
//! No exported method holds a borrow while JavaScript runs: effects are taken out of the engine one by one and performed with the engine free, so that
//! a callback may call back in. A JavaScript exception that passes through here runs no Rust destructors; a held borrow would then be held for ever.

#[cfg(feature = "client")]
mod client;
pub mod host;
mod perform;
pub mod value;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::engine::{self, Engine, Input, Period, ProbeBounds};
use crate::gather::gather;
use crate::http::{Answer, Body, Fault, read_headers};
use crate::journal::{Record, Stored};
use crate::json::{Json, MAX_STRING, TooLarge};
use crate::options::{CallOptions, Config};
use crate::request::ImageRequest;
use crate::task::{CallId, PartId};
use crate::view;
#[cfg(feature = "client")]
pub use client::{
    Batch, BatchItem, Budget, Client, ClientBuilder, ClientStatus, Error, Image, ImageResult, KeyReport, LaneStatus,
    Options, ProbeReport, Provider, Task, TaskReference, TaskUpdate, Timing, Updates,
};
use host::JsHost;
use perform::Shell;

/// 1.3 KB of wasm; the default allocator has 8. Not where a Rust program has its own say.
#[cfg(feature = "bare")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Nobody hears what a panic says: the facade starts anew after any trap. Without `std`, neither its words nor the code that puts them together are shipped.
#[cfg(feature = "bare")]
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// The longest string of a request or a record that is read: a prompt of 32,000 characters, escaped, in the body of a record.
const LONGEST_OWN_STRING: u32 = 1 << 20;

/// The engine of one client.
#[wasm_bindgen]
pub struct Core {
    shell: Shell<JsHost>,
}

#[wasm_bindgen]
impl Core {
    /// A client's engine. `host` performs what needs JavaScript, `config` is plain data; without a `seed` in it the host's randomness gives one.
    #[wasm_bindgen(constructor)]
    pub fn new(host: JsHost, config: &JsValue) -> Core {
        let config = own(config);
        let told = config.get("seed").and_then(Json::whole);
        let seed = told.or_else(|| getrandom::u64().ok()).unwrap_or_else(|| host.wall().to_bits());
        Core { shell: Shell::new(host, Engine::new(Config::read(&config), seed)) }
    }

    /// Registers a task; its first effects run at the next `wake`. Returns its idempotency key.
    pub fn submit(&self, task: u32, owner: u32, request: &JsValue, options: &JsValue, records: &JsValue) -> String {
        let request = ImageRequest::read(&own(request)).map(Box::new);
        let options = self.options(options);
        self.shell.handle(Input::Submit { task, owner, request, options, records: read_records(records) });
        self.key_of(task)
    }

    /// Registers a task that goes on with an earlier one. Returns its idempotency key, if the reference has it.
    pub fn resume(&self, task: u32, owner: u32, reference: &JsValue, options: &JsValue, records: &JsValue) -> String {
        let reference = own(reference);
        let (key, parts) = view::read_reference(&reference);
        let mut options = self.options(options);
        if options.metadata.is_empty() {
            options.metadata = reference.texts("metadata");
        }
        self.shell.handle(Input::Resume { task, owner, key, parts, options, records: read_records(records) });
        self.key_of(task)
    }

    /// The live task that a reference names, or -1.
    pub fn find(&self, reference: &JsValue) -> i32 {
        let (key, parts) = view::read_reference(&own(reference));
        let Ok(engine) = self.shell.engine.try_borrow() else { return -1 };
        let by_key = key.as_deref().and_then(|key| engine.find_key(key));
        let known = parts.unwrap_or_default();
        let mut by_id = known.iter().filter_map(|part| engine.find_task(&part.provider, part.task_id.as_deref()?));
        by_key.or_else(|| by_id.next()).map_or(-1, |task| task as i32)
    }

    /// After a trap, before its task is registered anew: this part's submit is on the wire already.
    pub fn adopt(&self, call: f64, task: u32, part: u32) {
        self.shell.handle(Input::Adopt { call: call as CallId, part: PartId { task, index: part as u16 } });
    }

    /// Says in whose context all that follows happens.
    pub fn enter(&self, owner: u32) {
        if let Ok(mut engine) = self.shell.engine.try_borrow_mut() {
            engine.enter(owner);
        }
    }

    /// Another owner wants the task, too, and from now on performs its effects.
    pub fn join(&self, task: u32, owner: u32) {
        self.shell.handle(Input::Join { task, owner });
    }

    /// Registers the fetch of an image's bytes.
    pub fn download(&self, task: u32, owner: u32, url: String) {
        self.shell.handle(Input::Fetch { task, owner, url });
    }

    /// Registers the check of a provider's key.
    pub fn check(&self, task: u32, owner: u32, provider: String) {
        self.shell.handle(Input::Check { task, owner, provider });
    }

    /// Registers a probe of at most so many images of a model, within so many US dollars, in all (0), a day (1) or a month (2); returns how many tasks are
    /// to be made for it.
    pub fn probe(&self, task: u32, owner: u32, model: String, most: u32, amount: f64, per: u32) -> u32 {
        let per = match per {
            0 => None,
            1 => Some(Period::Day),
            _ => Some(Period::Month),
        };
        let budget = engine::Budget { amount, per };
        self.shell.handle(Input::Probe { task, owner, bounds: ProbeBounds { model, most, budget } });
        self.shell.engine.try_borrow().map_or(0, |engine| engine.probe_size(task))
    }

    /// The credential of a call is in its headers now, and its form is there, if it has one.
    pub fn begin(&self, call: f64) {
        self.shell.start_fetch(call as CallId);
        self.shell.run();
    }

    /// An answer came; `kind` says what became of its body.
    pub fn answer(&self, call: f64, status: u16, headers: &web_sys::Headers, kind: u32, value: &JsValue) {
        let call = call as CallId;
        let mut held = Vec::new();
        let body = match kind {
            0 => match tree(value, MAX_STRING as u32, Some(&self.shell.host), &mut held) {
                Ok(json) => Body::Json(json),
                Err(_) => Body::TooLarge,
            },
            1 => Body::Text(value.as_string().unwrap_or_default()),
            2 => Body::TooLarge,
            3 => Body::Broken,
            4 => image_body(value),
            5 => Body::Redirect,
            _ => Body::Empty,
        };
        let known = read_headers().filter_map(|name| Some((name, headers.get(name).ok()??)));
        let answer = Answer { status, headers: gather(known), body };
        self.shell.tell_http(call, Some(&answer));
        self.shell.handle(Input::Answer { call, answer });
        self.shell.run();
        // Those that are images have been kept meanwhile; the others can go.
        held.into_iter().for_each(|handle| self.shell.host.release(handle));
    }

    /// No answer will come: 0 network, 1 aborted, 2 no credential, 3 no body.
    pub fn failed(&self, call: f64, fault: u32, message: String) {
        let call = call as CallId;
        let fault = match fault {
            3 => Fault::Body,
            2 => Fault::Credential,
            1 => Fault::Aborted,
            _ => Fault::Network,
        };
        self.shell.tell_http(call, None);
        self.shell.handle(Input::Failed { call, fault, message });
        self.shell.run();
    }

    /// The store has a record, or failed.
    pub fn stored(&self, seq: f64, ok: bool) {
        self.shell.handle(Input::Stored { seq: seq as u64, ok });
        self.shell.run();
    }

    /// The store was looked at.
    pub fn loaded(&self, seq: f64, record: &JsValue) {
        self.shell.handle(Input::Loaded { seq: seq as u64, record: Stored::read(&own(record)) });
        self.shell.run();
    }

    /// Time has passed for an owner, or it has something to begin.
    pub fn wake(&self, owner: u32) {
        self.shell.handle(Input::Wake { owner });
        self.shell.run();
    }

    /// Cancels a task for its caller: "before-submit", "too-late" or "unsupported".
    pub fn cancel(&self, task: u32) -> String {
        let (now, wall) = self.shell.clock();
        let Ok(mut engine) = self.shell.engine.try_borrow_mut() else { return String::new() };
        let cancelled = engine.cancel(now, wall, task);
        drop(engine);
        self.shell.run();
        String::from(cancelled.name())
    }

    /// The parts of a batch wait, or go on.
    pub fn pause(&self, batch: u32, paused: bool) {
        self.shell.handle(Input::Pause { batch, paused });
        self.shell.run();
    }

    /// How long until the last of a batch should be over, ms, of which so many parts are still to be handed in; negative if nothing is known.
    pub fn eta(&self, batch: u32, more: u32) -> f64 {
        let engine = self.shell.engine.try_borrow().ok();
        engine.and_then(|engine| engine.batch_eta(batch, u64::from(more))).map_or(-1.0, |eta| eta as f64)
    }

    /// References to the unfinished tasks among all parsed records; those that are spent are removed.
    pub fn refs(&self, records: &JsValue) -> JsValue {
        let records = read_records(records);
        let (_, wall) = self.shell.clock();
        for record in records.iter().filter(|record| record.is_spent(wall)) {
            self.shell.host.remove(&record.key);
        }
        value::write(&view::pending(&records))
    }

    /// What the client believes.
    pub fn status(&self) -> JsValue {
        let view = self.shell.engine.try_borrow().map_or(Json::Null, |engine| view::status(&engine));
        value::write(&view)
    }

    /// Submits nothing more and lets go.
    pub fn close(&self) {
        self.shell.handle(Input::Close);
        self.shell.run();
    }

    /// Traps, to test that a trap is survived.
    #[cfg(feature = "trap")]
    pub fn trap(&self) {
        core::arch::wasm32::unreachable();
    }

    fn options(&self, options: &JsValue) -> Box<CallOptions> {
        let options = own(options);
        let defaults =
            self.shell.engine.try_borrow().map(|engine| engine.config().defaults.clone()).unwrap_or_default();
        Box::new(CallOptions::read(&options, &defaults))
    }

    fn key_of(&self, task: u32) -> String {
        let key = self.shell.engine.try_borrow().ok().and_then(|engine| engine.key_of(task).map(String::from));
        key.unwrap_or_default()
    }
}

/// Plain data of our own making, or our caller's: long strings are read whole.
fn own(value: &JsValue) -> Json {
    tree(value, LONGEST_OWN_STRING, None, &mut Vec::new()).unwrap_or(Json::Null)
}

/// The one use of [`value::read`], which is compiled for each. Not by a pointer to a function: without any in the module, wasm-opt sees that `core`'s
/// formatting, which panics mention and nobody calls, is dead.
fn tree(value: &JsValue, longest: u32, host: Option<&JsHost>, held: &mut Vec<u32>) -> Result<Json, TooLarge> {
    value::read(value, longest, &mut |long| {
        let handle = host.map_or(0, |host| host.hold(long));
        held.push(handle);
        handle
    })
}

fn read_records(records: &JsValue) -> Vec<Record> {
    let records = records.dyn_ref::<Array>().map(Array::to_vec).unwrap_or_default();
    gather(records.iter().filter_map(|record| Record::read(&own(record))))
}

fn image_body(value: &JsValue) -> Body {
    let field = |name: &str| Reflect::get(value, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED);
    let head = field("head").dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default();
    Body::Bytes { handle: field("handle").as_f64().unwrap_or(0.0) as u32, head }
}
