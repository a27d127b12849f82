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
  }
  now() { return this.clock; }
  wall() { return 1795309783000 + this.clock; }
  send(call, task, part, purpose, provider, kind, limit, head, body) {
    const [url, ...fields] = head.split("\n");
    const headers = { authorization: "Bearer k" + provider };
    for (let at = 0; at < fields.length; at += 2) headers[fields[at]] = fields[at + 1];
    this.requests.push({ url, method: kind & 2 ? "POST" : "GET", body, limit, headers });
    const [status, told, answer] = this.script.shift();
    const names = this.core.headers().split(" ");
    const lines = Object.entries(told).map(([name, value]) => `${names.indexOf(name)} ${value}\n`).join("");
    const bytes = new TextEncoder().encode(JSON.stringify(answer));
    Promise.resolve().then(() => this.core.answer(call, status, lines, 0, bytes, 0));
    return 1;
  }
  abort() {}
  // The first is durable at once, the others are said to be: only what is waited for is heard.
  put(seq, key, record) {
    const isFirst = this.written.push(JSON.parse(record).stage) === 1;
    if (!isFirst) this.core.stored(seq, true);
    return isFirst;
  }
  remove() { this.written.push("removed"); }
  load(seq) { this.core.loaded(seq, ""); }
  update(task, accepted, update) {
    const { status, ref } = JSON.parse(update);
    if (accepted !== (ref !== undefined)) throw new Error(update);
    this.core.status();
    this.updates.push(status);
  }
  settle(task, kind, value) { this.core.cancel(task); this.finish({ kind, value: JSON.parse(value), ...this.summary() }); }
  summary() { return { written: this.written, requests: this.requests, updates: this.updates }; }
  listens() { return true; }
  event() { this.core.find('"nobody"'); }
  log() {}
  // Time goes on once every promise has had its turn; the latest timer replaces the one before.
  arm(owner, at) {
    const armed = (this.armed = {});
    if (at >= 0) setTimeout(() => { if (this.armed === armed) { this.clock = Math.max(this.clock, at); this.core.wake(owner); } }, 0);
  }
}
export function start(host, core, request) {
  host.core = core;
  host.key = core.submit(1, 0, request, "{}", "");
  core.wake(0);
  return host.over.then((end) => ({ ...end, key: host.key }));
}
"#)]
extern "C" {
    #[derive(Clone)]
    type TestHost;
    #[wasm_bindgen(constructor)]
    fn new(script: &JsValue) -> TestHost;
    fn start(host: &TestHost, core: Core, request: &str) -> Promise;
}

async fn run(script: &str, request: &str) -> String {
    let host = TestHost::new(&JSON::parse(script).unwrap());
    let config =
        r#"{ "seed": 7, "firstCall": 0, "providers": [{ "name": "hiapi", "dialect": "hiapi", "keyed": true }] }"#;
    let core = Core::new(JsValue::from(host.clone()).unchecked_into::<JsHost>(), config);
    let end = JsFuture::from(start(&host, core, request)).await.unwrap();
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
        // Nobody has taken the result: it is written down as finished.
        r#""written":["planned","submitted","submitted"]"#,
        r#""authorization":"Bearer k0""#,
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
    let key = |host: &TestHost, seed: &str| {
        let config =
            r#"{ "seed": SEED, "firstCall": 0, "providers": [{ "name": "a", "dialect": "hiapi", "keyed": false }] }"#;
        let config = config.replace("SEED", seed);
        let core = Core::new(JsValue::from(host.clone()).unchecked_into::<JsHost>(), &config);
        core.submit(1, 0, r#"{ "model": "m", "prompt": "p" }"#, "", "")
    };
    let (one, other) = (key(&hosts[0], "\"18446744073709551614\""), key(&hosts[1], "\"18446744073709551615\""));
    assert_ne!(one, other, "no bit of a seed is lost");
    assert_eq!(one.len(), "tg-".len() + 32);
    assert_eq!(key(&hosts[0], "7"), key(&hosts[1], "7"));
}
