//! What the shell asks of JavaScript; see `Host` in the facade. None of it is called under a borrow.

use js_sys::{Function, JsString, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, Headers, RequestInit};

#[wasm_bindgen]
extern "C" {
    /// The facade's half of the shell.
    pub type Host;

    /// Monotonic milliseconds.
    #[wasm_bindgen(method)]
    pub fn now(this: &Host) -> f64;

    /// Milliseconds since the epoch.
    #[wasm_bindgen(method)]
    pub fn wall(this: &Host) -> f64;

    /// Adds a provider's credential to the headers; false: later, by `begin`.
    #[wasm_bindgen(method)]
    pub fn authorize(this: &Host, call: f64, provider: u32, headers: &Headers, refresh: bool) -> bool;

    /// The caller's own fetch, if there is one.
    #[wasm_bindgen(method, getter, js_name = fetch)]
    pub fn own_fetch(this: &Host) -> Option<Function>;

    /// A fetch is under way.
    #[wasm_bindgen(method)]
    pub fn file(
        this: &Host,
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
    pub fn abort(this: &Host, call: f64);

    /// Keeps a long string, under the number that it returns.
    #[wasm_bindgen(method)]
    pub fn hold(this: &Host, value: &JsString) -> u32;

    /// Lets a kept string go.
    #[wasm_bindgen(method)]
    pub fn release(this: &Host, handle: u32);

    /// Writes a record down.
    #[wasm_bindgen(method)]
    pub fn put(this: &Host, seq: f64, key: &str, record: &str);

    /// Removes a record.
    #[wasm_bindgen(method)]
    pub fn remove(this: &Host, key: &str);

    /// Looks a record up.
    #[wasm_bindgen(method)]
    pub fn load(this: &Host, seq: f64, key: &str);

    /// A task stands elsewhere now.
    #[wasm_bindgen(method)]
    pub fn update(this: &Host, task: u32, update: &JsValue);

    /// A task is over for its caller.
    #[wasm_bindgen(method)]
    pub fn settle(this: &Host, task: u32, kind: &str, value: &JsValue);

    /// Something happened that listeners may want to know.
    #[wasm_bindgen(method)]
    pub fn event(this: &Host, name: &str, value: &JsValue);

    /// A line for the log.
    #[wasm_bindgen(method)]
    pub fn log(this: &Host, level: &str, message: &str);

    /// Sets an owner's timer; below zero: none.
    #[wasm_bindgen(method)]
    pub fn arm(this: &Host, owner: u32, wait: f64);

    /// The global fetch, looked up at each call.
    #[wasm_bindgen(js_name = fetch, catch)]
    pub fn global_fetch(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}
