//! Performing effects: fetches are started here, everything else is handed to the host.

use alloc::string::String;
use core::cell::RefCell;

use wasm_bindgen::prelude::*;
use web_sys::{AbortController, Headers, RequestInit, RequestRedirect};

use super::host::{Host, global_fetch};
use crate::engine::{Effect, Engine, Input};
use crate::http::{Answer, Fault, Purpose, Request};
use crate::json::{Json, ObjectBuilder};
use crate::table::Table;
use crate::task::{CallId, OwnerId, PartId};
use crate::time::Instant;
use crate::view;

/// One client's engine and its surroundings.
pub struct Shell<H> {
    pub(super) host: H,
    pub(super) engine: RefCell<Engine>,
    /// Calls whose credential is awaited, or whose answer is.
    outgoing: RefCell<Table<CallId, Outgoing>>,
}

/// A call from its effect to its answer.
pub struct Outgoing {
    part: PartId,
    purpose: Purpose,
    request: Request,
    headers: Headers,
    since: f64,
}

impl<H: Host> Shell<H> {
    pub(super) fn new(host: H, engine: Engine) -> Shell<H> {
        Shell { host, engine: RefCell::new(engine), outgoing: RefCell::default() }
    }

    pub(super) fn clock(&self) -> (Instant, u64) {
        (Instant::from_millis(self.host.now() as u64), self.host.wall() as u64)
    }

    pub(super) fn handle(&self, input: Input) {
        let (now, wall) = self.clock();
        if let Ok(mut engine) = self.engine.try_borrow_mut() {
            engine.handle(now, wall, input);
        }
    }

    /// Performs the effects of the owner whom the latest input concerned, and sets its timer.
    pub(super) fn run(&self) {
        let Some(owner) = self.engine.try_borrow().ok().map(|engine| engine.context()) else { return };
        while let Some(effect) = self.engine.try_borrow_mut().ok().and_then(|mut engine| engine.poll(owner)) {
            self.perform(effect);
        }
        self.arm(owner);
    }

    fn arm(&self, owner: OwnerId) {
        let deadline = self.engine.try_borrow().ok().and_then(|engine| engine.deadline(owner));
        let now = Instant::from_millis(self.host.now() as u64);
        // setTimeout takes 31 bits; a longer wait wakes early and is set again.
        let wait = deadline.map_or(-1.0, |at| now.until(at).min(i32::MAX as u64) as f64);
        self.host.arm(owner, wait);
    }

    fn perform(&self, effect: Effect) {
        if let Some(name) = view::event_name(&effect).filter(|name| self.host.listens(name)) {
            let view = self.engine.try_borrow().ok().and_then(|engine| view::event(&engine, &effect));
            view.iter().for_each(|view| self.host.event(name, view));
        }
        match effect {
            Effect::Send { call, part, purpose, request, refresh } => self.send(call, part, purpose, request, refresh),
            Effect::Abort { call } => {
                let _ = self.take_outgoing(call);
                self.host.abort(call);
            }
            other => self.host.perform(other),
        }
    }

    fn send(&self, call: CallId, part: PartId, purpose: Purpose, request: Request, refresh: bool) {
        let Ok(headers) = Headers::new() else { return self.fail(call) };
        for (name, text) in &request.headers {
            if headers.set(name, text).is_err() {
                return self.fail(call);
            }
        }
        let credential = request.credential;
        let form = request.body.clone().filter(|_| request.form);
        let since = self.host.now();
        let outgoing = Outgoing { part, purpose, request, headers: headers.clone(), since };
        if let Ok(mut all) = self.outgoing.try_borrow_mut() {
            all.insert(call, outgoing);
        }
        self.hold_call(call, true);
        let ready =
            credential.is_none_or(|provider| self.host.authorize(call, provider, &headers, refresh, form.as_deref()));
        if ready {
            self.start_fetch(call);
        }
    }

    /// Starts the fetch of a call whose headers are complete.
    pub(super) fn start_fetch(&self, call: CallId) {
        let Some((init, url, part, purpose, form, limit)) = self.outgoing.try_borrow().ok().and_then(|all| {
            let outgoing = all.get(&call)?;
            let init = RequestInit::new();
            init.set_method(outgoing.request.method);
            init.set_headers(&outgoing.headers);
            // A redirect would carry the key to whoever is named in it; browsers, Node and workerd differ in which headers they keep.
            let with_key = outgoing.request.credential.is_some();
            init.set_redirect(if with_key { RequestRedirect::Manual } else { RequestRedirect::Follow });
            if let Some(body) = outgoing.request.body.as_ref().filter(|_| !outgoing.request.form) {
                init.set_body(&JsValue::from_str(body));
            }
            let request = &outgoing.request;
            Some((init, request.url.clone(), outgoing.part, outgoing.purpose, request.form, request.limit))
        }) else {
            return;
        };
        self.hold_call(call, false);
        if form {
            init.set_body(&self.host.form(call));
        }
        let Ok(controller) = AbortController::new() else { return self.fail(call) };
        init.set_signal(Some(&controller.signal()));
        let started = match self.host.own_fetch() {
            Some(fetch) => fetch
                .call2(&JsValue::UNDEFINED, &JsValue::from_str(&url), &init)
                .map(js_sys::Promise::unchecked_from_js),
            None => global_fetch(&url, &init),
        };
        match started {
            Ok(promise) => self.host.file(call, part, purpose, &promise, &controller, limit),
            Err(_) => self.fail(call),
        }
    }

    fn hold_call(&self, call: CallId, is_held: bool) {
        if let Ok(mut engine) = self.engine.try_borrow_mut() {
            engine.hold_call(call, is_held);
        }
    }

    fn fail(&self, call: CallId) {
        self.tell_http(call, None);
        self.handle(Input::Failed { call, fault: Fault::Network, message: String::new() });
    }

    fn take_outgoing(&self, call: CallId) -> Option<Outgoing> {
        self.outgoing.try_borrow_mut().ok()?.remove(&call)
    }

    /// The `http` event of a call that is over. Queries stay out of it: those of image addresses are signatures.
    pub(super) fn tell_http(&self, call: CallId, answer: Option<&Answer>) {
        let Some(outgoing) = self.take_outgoing(call).filter(|_| self.host.listens("http")) else { return };
        let url = outgoing.request.url.split('?').next().unwrap_or_default();
        let status = answer.map(|answer| u64::from(answer.status)).filter(|status| *status > 0);
        let event = ObjectBuilder::new()
            .with("method", outgoing.request.method)
            .with("url", url)
            .maybe("status", status)
            .with("ms", Json::Number(self.host.now() - outgoing.since))
            .maybe("requestId", answer.and_then(|answer| answer.header("x-request-id")));
        self.host.event("http", &event.build());
    }
}
