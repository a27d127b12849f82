//! Requests on their way: headers with their credential, forms, and the fetch itself.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{AbortController, FormData, Headers, RequestInit, RequestRedirect};

use super::fetch;
use super::form::Form;
use super::news::{News, Tell};
use crate::http::{Purpose, Request};
use crate::table::Table;
use crate::task::{CallId, TaskId};
use crate::text::concat;
use crate::web::host::Sent;

/// What a provider's requests carry besides the core's own headers.
pub(super) struct Credential {
    pub key: Option<String>,
    pub headers: Vec<(String, String)>,
}

/// A call whose form is awaited.
struct Outgoing {
    task: TaskId,
    purpose: Purpose,
    request: Request,
    headers: Headers,
}

/// A client's requests. Nothing here is borrowed while JavaScript runs.
pub(super) struct Requests {
    credentials: Vec<Credential>,
    fetch: Option<Function>,
    tell: Tell,
    calls: RefCell<Table<CallId, AbortController>>,
    /// Calls whose forms are awaited.
    outgoing: RefCell<Table<CallId, Outgoing>>,
}

impl Requests {
    pub fn new(credentials: Vec<Credential>, fetch: Option<Function>, tell: Tell) -> Requests {
        Requests { credentials, fetch, tell, calls: RefCell::default(), outgoing: RefCell::default() }
    }

    /// Sends a request, at once unless its form has to be fetched first; `input` gives the bytes that are kept under a number.
    pub fn send(
        &self,
        call: CallId,
        task: TaskId,
        purpose: Purpose,
        request: Request,
        input: impl Fn(u32) -> Option<Uint8Array>,
    ) -> Sent {
        let Ok(headers) = self.headers(&request) else { return Sent::Never };
        let form = request.body.as_deref().filter(|_| request.form);
        let form = form.map(|form| Form::read(form, input));
        let outgoing = Outgoing { task, purpose, request, headers };
        let Some(form) = form else { return self.start(call, outgoing, None) };
        match form.as_ref().filter(|form| form.is_here()).map(Form::build) {
            Some(Ok(made)) => self.start(call, outgoing, Some(made)),
            _ => {
                self.await_form(call, outgoing, form);
                Sent::Later
            }
        }
    }

    /// The form of a call is there, or can't be had. `None`: it was given up meanwhile.
    pub fn begin(&self, call: CallId, form: Result<FormData, String>) -> Option<Result<Sent, String>> {
        let outgoing = self.outgoing.try_borrow_mut().ok()?.remove(&call)?;
        Some(form.map(|form| self.start(call, outgoing, Some(form))))
    }

    /// The fetch of a call is over; false: it was given up meanwhile.
    pub fn end(&self, call: CallId) -> bool {
        self.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&call)).is_some()
    }

    pub fn abort(&self, call: CallId) {
        drop(self.outgoing.try_borrow_mut().ok().and_then(|mut outgoing| outgoing.remove(&call)));
        let controller = self.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&call));
        if let Some(controller) = controller {
            controller.abort();
        }
    }

    /// Gives up what is on the wire.
    pub fn abort_all(&self) {
        let calls = self.calls.try_borrow_mut().map(|mut calls| core::mem::take(&mut *calls)).unwrap_or_default();
        calls.values().for_each(AbortController::abort);
    }

    fn headers(&self, request: &Request) -> Result<Headers, JsValue> {
        let headers = Headers::new()?;
        for (name, text) in &request.headers {
            headers.set(name, text)?;
        }
        if let Some(credential) = request.credential.and_then(|provider| self.credentials.get(provider)) {
            for (name, value) in &credential.headers {
                // Names and values were checked when the client was built.
                let _ = headers.set(name, value);
            }
            if let Some(key) = &credential.key {
                let _ = headers.set("authorization", &concat(&["Bearer ", key]));
            }
        }
        Ok(headers)
    }

    fn await_form(&self, call: CallId, outgoing: Outgoing, form: Option<Form>) {
        if let Ok(mut all) = self.outgoing.try_borrow_mut() {
            all.insert(call, outgoing);
        }
        let tell = self.tell.clone();
        spawn_local(async move {
            let made = match form {
                Some(form) => form.fetch().await,
                None => Err(String::from("an image that goes in is not this client's")),
            };
            tell(News::Form(call, made));
        });
    }

    /// Starts the fetch of a call whose headers and form are complete.
    fn start(&self, call: CallId, outgoing: Outgoing, form: Option<FormData>) -> Sent {
        let Outgoing { task, purpose, request, headers } = outgoing;
        let init = RequestInit::new();
        init.set_method(request.method);
        init.set_headers(&headers);
        let with_key = request.credential.is_some();
        init.set_redirect(if with_key { RequestRedirect::Manual } else { RequestRedirect::Follow });
        match (&form, &request.body) {
            (Some(form), _) => init.set_body(form),
            (None, Some(body)) => init.set_body(&JsValue::from_str(body)),
            (None, None) => {}
        }
        let Ok(controller) = AbortController::new() else { return Sent::Never };
        init.set_signal(Some(&controller.signal()));
        // Before the call, for a fetch of the caller's may cancel while it runs, and that must reach its signal.
        if let Ok(mut calls) = self.calls.try_borrow_mut() {
            calls.insert(call, controller);
        }
        let started = match &self.fetch {
            Some(fetch) => fetch
                .call2(&JsValue::UNDEFINED, &JsValue::from_str(&request.url), &init)
                .map(Promise::unchecked_from_js),
            None => fetch::global_fetch(&request.url, &init),
        };
        let Ok(promise) = started else {
            self.end(call);
            return Sent::Never;
        };
        let (tell, limit) = (self.tell.clone(), request.limit);
        spawn_local(async move {
            let fetched = fetch::read(promise, limit, purpose == Purpose::Image).await;
            tell(News::Fetched(call, task, fetched));
        });
        Sent::Now
    }
}
