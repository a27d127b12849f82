//! `Core` against a host of a few lines: effects reach JavaScript, answers come back, and callbacks may call in again.

use js_sys::{Array, JSON, Promise};
use tidegate::web::Core;
use tidegate::web::host::JsHost;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen(inline_js = r#"
export class TestHost {
  constructor(script) {
    this.script = script; this.written = []; this.clock = 0; this.requests = []; this.updates = [];
    this.over = new Promise((resolve) => { this.finish = resolve; });
    this.fetch = (url, init) => {
      this.requests.push({ url, method: init.method, body: init.body, redirect: init.redirect, headers: Object.fromEntries(init.headers) });
      return Promise.resolve(this.script.shift());
    };
  }
  now() { return this.clock; }
  wall() { return 1795309783000 + this.clock; }
  authorize(call, provider, headers) { headers.set("authorization", "Bearer k" + provider); return true; }
  file(call, task, part, purpose, promise) {
    promise.then(([status, headers, body]) => this.core.answer(call, status, new Headers(headers), 0, body));
  }
  abort() {}
  hold() { return 0; }
  release() {}
  put(seq, key, record) { this.written.push(JSON.parse(record).stage); this.core.stored(seq, true); }
  remove() { this.written.push("removed"); }
  load(seq) { this.core.loaded(seq, undefined); }
  update(task, update) { this.core.status(); this.updates.push(update.status); }
  settle(task, kind, value) { this.core.cancel(task); this.finish({ kind, value, ...this.summary() }); }
  summary() { return { written: this.written, requests: this.requests, updates: this.updates }; }
  listens() { return true; }
  event() { this.core.find("nobody"); }
  log() {}
  // Time goes on once every promise has had its turn; the latest timer replaces the one before.
  arm(owner, wait) {
    const armed = (this.armed = {});
    if (wait >= 0) setTimeout(() => { if (this.armed === armed) { this.clock += wait; this.core.wake(owner); } }, 0);
  }
}
export function start(host, core, request) {
  host.core = core;
  host.key = core.submit(1, 0, request, {}, undefined);
  core.wake(0);
  return host.over.then((end) => ({ ...end, key: host.key }));
}
"#)]
extern "C" {
    #[derive(Clone)]
    type TestHost;
    #[wasm_bindgen(constructor)]
    fn new(script: &JsValue) -> TestHost;
    fn start(host: &TestHost, core: Core, request: &JsValue) -> Promise;
}

async fn run(script: &str, request: &str) -> String {
    let host = TestHost::new(&JSON::parse(script).unwrap());
    let config =
        r#"{ "seed": 7, "firstCall": 0, "providers": [{ "name": "hiapi", "dialect": "hiapi", "keyed": true }] }"#;
    let core = Core::new(JsValue::from(host.clone()).unchecked_into::<JsHost>(), &JSON::parse(config).unwrap());
    let end = JsFuture::from(start(&host, core, &JSON::parse(request).unwrap())).await.unwrap();
    JSON::stringify(&end).unwrap().into()
}

#[wasm_bindgen_test]
async fn an_image_comes_from_submit_refusal_poll_and_result() {
    let script = r#"[
        [429, { "retry-after": "3" }, { "error": { "code": "rate_limit_exceeded", "request_id": "req_1" } }],
        [200, {}, { "code": 200, "data": { "taskId": "tk-1" } }],
        [200, {}, { "data": { "taskId": "tk-1", "status": "handling" } }],
        [200, {}, { "data": { "taskId": "tk-1", "status": "success", "output": [{ "type": "image", "url": "https://cdn.hiapi.ai/1.png" }] } }]
    ]"#;
    let end = run(script, r#"{ "model": "gpt-image-2", "prompt": "a red apple", "size": "512x512" }"#).await;
    for part in [
        r#""kind":"succeeded""#,
        r#""url":"https://cdn.hiapi.ai/1.png""#,
        r#""updates":["waiting","submitting","waiting","submitting","queued","processing"]"#,
        r#""written":["planned","submitted","removed"]"#,
        r#""authorization":"Bearer k0""#,
        r#""redirect":"manual""#,
        r#""url":"https://api.hiapi.ai/v1/tasks/tk-1""#,
    ] {
        assert!(end.contains(part), "{part} is not in {end}");
    }
    let keys = end.matches(r#""idempotency-key":"tg-"#).count();
    assert_eq!(keys, 2, "both submits carry the key: {end}");
}

#[wasm_bindgen_test]
async fn a_bad_request_settles_before_anything_is_sent() {
    let end = run("[]", r#"{ "model": "gpt-image-2", "prompt": "x", "n": 99 }"#).await;
    assert!(end.contains(r#""code":"invalid-request""#) && end.contains(r#""param":"n""#), "{end}");
    assert!(end.contains(r#""requests":[]"#), "{end}");
}

#[wasm_bindgen_test]
fn cores_are_apart() {
    let hosts: Vec<TestHost> = (0..2).map(|_| TestHost::new(&Array::new())).collect();
    let config =
        JSON::parse(r#"{ "firstCall": 0, "providers": [{ "name": "a", "dialect": "hiapi", "keyed": false }] }"#)
            .unwrap();
    let request = JSON::parse(r#"{ "model": "m", "prompt": "p" }"#).unwrap();
    let key = |host: &TestHost| {
        let core = Core::new(JsValue::from(host.clone()).unchecked_into::<JsHost>(), &config);
        core.submit(1, 0, &request, &JsValue::UNDEFINED, &JsValue::UNDEFINED)
    };
    let (one, other) = (key(&hosts[0]), key(&hosts[1]));
    assert_ne!(one, other, "the host's randomness seeds each engine anew");
    assert_eq!(one.len(), "tg-".len() + 32);
}
