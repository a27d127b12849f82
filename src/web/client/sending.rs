//! Requests on their way: headers with their credential, forms, and the fetch itself.

use alloc::string::String;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{AbortController, FormData, Headers, RequestInit, RequestRedirect};

use super::fetch;
use super::form::Form;
use super::host::ClientHost;
use crate::http::{Purpose, Request};
use crate::task::{CallId, TaskId};
use crate::text::concat;
use crate::web::host::Sent;

/// A call whose form is awaited.
pub(super) struct Outgoing {
    task: TaskId,
    purpose: Purpose,
    request: Request,
    headers: Headers,
}

impl ClientHost {
    /// Sends a request, at once unless its form has to be fetched first.
    pub(super) fn post(&self, call: CallId, task: TaskId, purpose: Purpose, request: Request) -> Sent {
        let Ok(headers) = self.headers(&request) else { return Sent::Never };
        let form = request.body.as_deref().filter(|_| request.form);
        let form = form.map(|form| Form::read(form, |handle| self.input(handle)));
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
    }

    /// Takes a call that awaits its form; `None`: it was given up meanwhile.
    pub(super) fn take_outgoing(&self, call: CallId) -> Option<Outgoing> {
        self.outgoing.try_borrow_mut().ok()?.remove(&call)
    }

    /// Starts the fetch of a call whose headers and form are complete.
    pub(super) fn start(&self, call: CallId, outgoing: Outgoing, form: Option<FormData>) -> Sent {
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
            drop(self.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&call)));
            return Sent::Never;
        };
        let (client, limit) = (self.client.clone(), request.limit);
        spawn_local(async move {
            let fetched = fetch::read(promise, limit, purpose == Purpose::Image).await;
            if let Some(client) = client.upgrade() {
                client.arrive(call, task, fetched);
            }
        });
        Sent::Now
    }
}
