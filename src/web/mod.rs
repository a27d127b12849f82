//! The shell: the only part that knows JavaScript. It decides nothing: it turns calls into inputs, and effects into fetches and calls of the host.
//!
//! No exported method holds a borrow while JavaScript runs: effects are taken out of the engine one by one and performed with the engine free, so that
//! a callback may call back in. A JavaScript exception that passes through here runs no Rust destructors; a held borrow would then be held for ever.

#[cfg(feature = "client")]
mod client;
pub mod host;
mod perform;
pub mod text;
#[cfg(feature = "client")]
pub mod value;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use wasm_bindgen::prelude::*;

use crate::engine::{self, Cancelled, Engine, Input, Period, ProbeBounds};
use crate::gather::gather;
use crate::http::{Answer, Body, Fault, READ_HEADERS};
use crate::journal::{Record, Stored};
use crate::json::reader::{Strings, Unreadable};
use crate::json::{MAX_STRING, Written};
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
use text::own;

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

/// The engine of one client.
#[wasm_bindgen]
pub struct Core {
    shell: Shell<JsHost>,
}

#[wasm_bindgen]
impl Core {
    /// A client's engine. `host` performs what needs JavaScript, `config` is JSON text, as all data here; keys are as unlike as the `seed`s in it.
    #[wasm_bindgen(constructor)]
    pub fn new(host: JsHost, config: &str) -> Core {
        let config = own(config);
        let told = config.get("seed");
        // Of 64 bits, which no number of JavaScript's has, the digits.
        let seed = told.and_then(|seed| seed.whole().or_else(|| crate::text::whole(seed.text()?)));
        let seed = seed.unwrap_or_else(|| host.wall().to_bits());
        Core { shell: Shell::new(host, Engine::new(Config::read(&config), seed)) }
    }

    /// Registers a task; its first effects run at the next `wake`. Returns its idempotency key.
    pub fn submit(&self, task: u32, owner: u32, request: &str, options: &str, records: &str) -> String {
        let request = ImageRequest::read(&own(request)).map(Box::new);
        let options = self.options(options);
        self.shell.handle(Input::Submit { task, owner, request, options, records: read_records(records) });
        self.key_of(task)
    }

    /// Registers a task that goes on with an earlier one. Returns its idempotency key, if the reference has it.
    pub fn resume(&self, task: u32, owner: u32, reference: &str, options: &str, records: &str) -> String {
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
    pub fn find(&self, reference: &str) -> i32 {
        let (key, parts) = view::read_reference(&own(reference));
        let Ok(engine) = self.shell.engine.try_borrow() else { return -1 };
        let by_key = key.as_deref().and_then(|key| engine.find_key(key));
        let known = parts.unwrap_or_default();
        let mut by_id = known.iter().filter_map(|part| engine.find_task(&part.provider, part.task_id.as_deref()?));
        by_key.or_else(|| by_id.next()).map_or(-1, |task| task as i32)
    }

    /// Why a request can't be had by joining a task that goes by its key, as an error; "" where it can.
    pub fn mismatch(&self, task: u32, request: &str) -> String {
        let Ok(request) = ImageRequest::read(&own(request)) else { return String::new() };
        let error = self.shell.engine.try_borrow().ok().and_then(|engine| engine.mismatch(task, &request));
        error.map_or(String::new(), |error| Written::of(view::error(&error, None)).0)
    }

    /// A caller has the result of a task: its records are of no use any more. Says whether the task was known.
    pub fn taken(&self, task: u32) -> bool {
        let is_known = self.shell.engine.try_borrow_mut().is_ok_and(|mut engine| engine.taken(task));
        self.shell.run();
        is_known
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

    /// A call that waited for its credential or its form is on its way now.
    pub fn begin(&self, call: f64) {
        self.shell.hold_call(call as CallId, false);
    }

    /// The names of the headers that the core reads, in the order in which `answer` numbers them.
    pub fn headers(&self) -> String {
        let mut names = String::new();
        for (number, name) in READ_HEADERS.iter().enumerate() {
            names.push_str(if number > 0 { " " } else { "" });
            names.push_str(name);
        }
        names
    }

    /// An answer came. `headers` has a line for each that is there: its number, a blank and its value. `kind` says what became of the body, and `handle`
    /// is that of an image, of which `body` is the head then.
    pub fn answer(&self, call: f64, status: u16, headers: &str, kind: u32, body: Vec<u8>, handle: u32) {
        let body = match kind {
            0 => json_body(&body, Strings::Plain),
            7 => json_body(&body, Strings::Cut),
            8 => match json_body(&body, Strings::Cut) {
                Body::Json(json) => Body::Cut(json),
                _ => Body::Broken,
            },
            1 => String::from_utf8(body).map_or(Body::Broken, Body::Text),
            2 => Body::TooLarge,
            3 => Body::Broken,
            4 => Body::Bytes { handle, head: body },
            5 => Body::Redirect,
            _ => Body::Empty,
        };
        let headers = gather(headers.split('\n').filter_map(read_header));
        self.shell.handle(Input::Answer { call: call as CallId, answer: Answer { status, headers, body } });
        self.shell.run();
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
        self.shell.handle(Input::Failed { call, fault, message });
        self.shell.run();
    }

    /// The store has a record, or failed.
    pub fn stored(&self, seq: f64, ok: bool) {
        if !ok || self.shell.is_awaited(seq as u64) {
            self.shell.handle(Input::Stored { seq: seq as u64, ok });
            self.shell.run();
        }
    }

    /// The store was looked at.
    pub fn loaded(&self, seq: f64, record: &str) {
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

    /// Nobody waits for a task any more: what is with its provider goes on, the rest is cancelled. Says whether anything goes on.
    pub fn leave(&self, task: u32) -> bool {
        let (now, wall) = self.shell.clock();
        let Ok(mut engine) = self.shell.engine.try_borrow_mut() else { return false };
        let left = engine.leave(now, wall, task);
        drop(engine);
        self.shell.run();
        left == Cancelled::Unsupported
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

    /// References to the unfinished tasks among all records, one a line; those that are spent are removed.
    pub fn refs(&self, records: &str) -> String {
        let records = read_records(records);
        let (_, wall) = self.shell.clock();
        for record in records.iter().filter(|record| record.is_spent(wall)) {
            self.shell.host.remove(&record.key);
        }
        view::pending(&records, wall).0
    }

    /// What the client believes.
    pub fn status(&self) -> String {
        self.shell.engine.try_borrow().map_or_else(|_| String::from("null"), |engine| view::status(&engine).0)
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

    fn options(&self, options: &str) -> Box<CallOptions> {
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

fn json_body(bytes: &[u8], strings: Strings) -> Body {
    // A mark at the beginning that says that it is UTF-8.
    let Ok(text) = core::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) else {
        return Body::Broken;
    };
    match text::read_documents(text, strings) {
        Ok(json) => Body::Json(json),
        Err(Unreadable::TooLarge(_)) => Body::TooLarge,
        Err(Unreadable::NotJson) => Body::Text(text.chars().take(MAX_STRING).collect()),
    }
}

fn read_header(line: &str) -> Option<(&'static str, String)> {
    let (number, value) = line.split_once(' ')?;
    let name = READ_HEADERS.get(crate::text::whole(number)? as usize)?;
    Some((*name, String::from(value)))
}

/// Records as texts, one a line.
fn read_records(records: &str) -> Vec<Record> {
    gather(records.split('\n').filter(|record| !record.is_empty()).filter_map(|record| Record::read(&own(record))))
}
