//! What surrounds a client in Rust: timers, requests, bytes and records.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use gloo_timers::callback::Timeout;
use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;

use super::bytes::Data;
use super::news::{News, Tell};
use super::sending::{Credential, Requests};
use crate::engine::{Effect, Input};
use crate::gather::gather;
use crate::http::{Purpose, Request};
use crate::journal::{Record, Stored};
use crate::json::Written;
use crate::table::Table;
use crate::task::{CallId, OwnerId, PartId, TaskId};
use crate::time::Instant;
use crate::web::host::{Host, Sent};
use crate::web::text::own;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn monotonic() -> f64;

    #[wasm_bindgen(js_namespace = console)]
    fn warn(text: &str);
}

/// What outlives a call. Nothing here is borrowed while JavaScript or a caller's code runs.
pub(super) struct ClientHost {
    pub requests: Requests,
    pub closed: Cell<bool>,
    tell: Tell,
    timers: RefCell<Table<OwnerId, Timeout>>,
    records: RefCell<BTreeMap<String, String>>,
    /// Image data, and the task in whose name it is kept; `None`: in the client's own.
    kept: RefCell<Table<u32, (Option<TaskId>, Data)>>,
    last_handle: Cell<u32>,
}

impl ClientHost {
    pub fn new(tell: Tell, credentials: Vec<Credential>, fetch: Option<Function>) -> ClientHost {
        ClientHost {
            requests: Requests::new(credentials, fetch, tell.clone()),
            closed: Cell::new(false),
            tell,
            timers: RefCell::default(),
            records: RefCell::default(),
            kept: RefCell::default(),
            last_handle: Cell::new(0),
        }
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

    pub fn input(&self, handle: u32) -> Option<Uint8Array> {
        let data = self.kept.try_borrow().ok()?.get(&handle).map(|(_, data)| data.clone());
        data.and_then(|data| data.bytes())
    }

    /// Every record that can be read.
    pub fn records(&self) -> Vec<Record> {
        let texts = self.records.try_borrow().map(|records| gather(records.values().cloned()));
        gather(texts.unwrap_or_default().iter().filter_map(|text| Record::read(&own(text))))
    }

    fn stored(&self, key: &str) -> Option<Stored> {
        let text = self.records.try_borrow().ok()?.get(key).cloned()?;
        Stored::read(&own(&text))
    }

    pub fn forget(&self, key: &str) {
        if let Ok(mut records) = self.records.try_borrow_mut() {
            records.remove(key);
        }
    }

    /// Gives up what is on the wire and what is timed.
    pub fn let_go(&self) {
        self.closed.set(true);
        self.requests.abort_all();
        let timers = self.timers.try_borrow_mut().map(|mut timers| core::mem::take(&mut *timers));
        drop(timers);
    }

    /// Lets go of what is kept for a task.
    fn release_all(&self, task: TaskId) {
        let left = self.kept.try_borrow_mut().map(|mut kept| {
            let of_task = gather(kept.iter().filter(|(_, (of, _))| *of == Some(task)).map(|(handle, _)| handle));
            gather(of_task.iter().filter_map(|handle| kept.remove(handle)))
        });
        drop(left);
    }
}

impl Host for ClientHost {
    fn now(&self) -> f64 {
        monotonic()
    }

    fn wall(&self) -> f64 {
        js_sys::Date::now()
    }

    fn send(&self, call: CallId, part: PartId, purpose: Purpose, request: Request, _: bool) -> Sent {
        self.requests.send(call, part.task, purpose, request, |handle| self.input(handle))
    }

    fn store(&self, _: u64, key: String, record: String) -> bool {
        if let Ok(mut records) = self.records.try_borrow_mut() {
            records.insert(key, record);
        }
        true
    }

    fn arm(&self, owner: OwnerId, at: Option<Instant>) {
        let former = self.timers.try_borrow_mut().ok().and_then(|mut timers| timers.remove(&owner));
        drop(former);
        let Some(at) = at.filter(|_| !self.closed.get()) else { return };
        // setTimeout takes 31 bits; a longer wait wakes early and is set again.
        let wait = Instant::from_millis(self.now() as u64).until(at).min(i32::MAX as u64);
        let tell = self.tell.clone();
        let timer = Timeout::new(wait as u32, move || tell(News::Time(owner)));
        if let Ok(mut timers) = self.timers.try_borrow_mut() {
            timers.insert(owner, timer);
        }
    }

    fn listens(&self, _: &str) -> bool {
        false
    }

    fn event(&self, _: &str, _: &Written) {}

    fn perform(&self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Abort { call } => self.requests.abort(call),
            Effect::Keep { task, handle } => {
                if let Ok(mut kept) = self.kept.try_borrow_mut() {
                    if let Some((of, _)) = kept.get_mut(&handle) {
                        *of = Some(task);
                    }
                }
            }
            Effect::Forget { key } => self.forget(&key),
            Effect::Load { seq, key } => return Some(Input::Loaded { seq, record: self.stored(&key) }),
            Effect::Update { task, update } => (self.tell)(News::Update(task, update)),
            Effect::Settle { task, outcome } => {
                (self.tell)(News::Settled(task, outcome));
                self.release_all(task);
            }
            Effect::Release { task } => (self.tell)(News::Released(task)),
            Effect::Warn { message } => warn(&message),
            Effect::Send { .. }
            | Effect::Store { .. }
            | Effect::Refusal { .. }
            | Effect::Limit { .. }
            | Effect::Inform { .. } => {}
        }
        None
    }
}
