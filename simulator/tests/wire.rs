//! The wire formats, against the provider's published answers.
mod common;

use common::*;
use serde_json::json;
use tidegate_simulator::{Config, Dialect, Distribution, HintMode, Reply, Request, World};

fn config(dialect: Dialect) -> Config {
    Config { dialect, duration: Distribution::Fixed(10_000), queued_ms: 1000, archiving_ms: 2000, ..Config::default() }
}

#[test]
fn dialect_a_walks_through_its_statuses() {
    let mut world = World::new(Config { base_url: "https://cdn.test".to_owned(), ..config(Dialect::A) });
    let response = answer(&mut world, 0, &submit("p"));
    let body = json_of(&response);
    let id = body["data"]["taskId"].as_str().unwrap().to_owned();
    assert_eq!(body, json!({"code": 200, "message": "success", "data": {"taskId": id}}));
    assert!(id.starts_with("tk-hiapi-") && id.len() == "tk-hiapi-".len() + 26);
    for (at, status) in
        [(0, "queued"), (1000, "handling"), (7999, "handling"), (8000, "archiving"), (9999, "archiving")]
    {
        let detail = poll(&mut world, at, &id);
        assert_eq!((detail["code"].clone(), detail["data"]["status"].clone()), (json!(200), json!(status)), "{at}");
        assert_eq!(detail["data"]["completed"], 0);
        assert!(detail["data"].get("output").is_none());
    }
    let detail = poll(&mut world, 10_000, &id)["data"].clone();
    let completed = 1_767_225_610;
    assert_eq!(
        detail,
        json!({
            "taskId": id, "model": "gpt-image-2", "status": "success", "storage": "temp",
            "created": 1_767_225_600, "completed": completed,
            "output": [{"url": detail["output"][0]["url"], "type": "image", "expireAt": completed + 7 * 86_400}],
        })
    );
    assert!(detail["output"][0]["url"].as_str().unwrap().starts_with(&format!("https://cdn.test/images/{id}.png?")));
}

#[test]
fn dialect_b_walks_through_its_statuses() {
    let mut world = World::new(config(Dialect::B));
    let body = json_of(&answer(&mut world, 0, &submit("p")));
    let id = body["id"].as_str().unwrap().to_owned();
    assert_eq!(body, json!({"id": id, "status": "queued"}));
    assert!(id.starts_with("task_"));
    for (at, status) in [(0, "queued"), (1000, "processing"), (9000, "processing"), (10_000, "succeeded")] {
        assert_eq!(poll(&mut world, at, &id)["status"], status, "{at}");
    }
    assert!(poll(&mut world, 10_000, &id)["output"][0]["url"].is_string());
}

#[test]
fn a_mixed_provider_knows_its_tasks_in_both_dialects() {
    let mut world = World::new(Config { concurrency: None, ..config(Dialect::Mixed) });
    let ids: Vec<String> = (0..20).map(|_| accepted(&mut world, 0, &submit("p"))).collect();
    assert!(ids.iter().any(|id| id.starts_with("task_")) && ids.iter().any(|id| id.starts_with("tk-hiapi-")));
    let polled: Vec<_> = ids.iter().map(|id| poll(&mut world, 20_000, id)).collect();
    assert!(polled.iter().any(|body| body["status"] == "succeeded"));
    assert!(polled.iter().any(|body| body["data"]["status"] == "success"));
}

#[test]
fn failures_say_why() {
    let mut world = World::new(config(Dialect::A));
    let failing = accepted(&mut world, 0, &submit("a [fail]"));
    let filtered = accepted(&mut world, 0, &submit("a [filtered]"));
    let failed = poll(&mut world, 10_000, &failing)["data"].clone();
    assert_eq!((failed["status"].clone(), failed["error"]["code"].clone()), (json!("fail"), json!("TASK_FAILED")));
    assert!(failed.get("output").is_none());
    let filtered = poll(&mut world, 10_000, &filtered)["data"]["error"]["message"].clone();
    assert!(filtered.as_str().unwrap().contains("moderation_blocked"));
    assert!(world.ledger().is_empty());
    assert_eq!(world.stats().failed, 2);
}

#[test]
fn errors_have_the_envelope_of_their_dialect() {
    let bad_key = Request::new("POST", "/v1/tasks").with_header("Authorization", "Bearer sk-bad").with_body(body("p"));
    let no_prompt = submit("p").with_body(r#"{"model":"m","input":{}}"#);
    let wrong_model = submit("p").with_body(r#"{"model":"nope","input":{"prompt":"p"}}"#);
    let table = [
        (bad_key, 401, None, "permission_denied"),
        (no_prompt, 400, Some("INVALID_REQUEST"), "invalid_request"),
        (wrong_model, 400, Some("MODEL_UNAVAILABLE"), "model_not_available"),
        (submit("p").with_header("Idempotency-Key", &"k".repeat(256)), 400, Some("INVALID_REQUEST"), "invalid_request"),
        (get("/v1/tasks/nobody"), 404, None, "not_found"),
        (submit("p"), 429, Some("rate_limit_exceeded"), "rate_limit_exceeded"),
    ];
    for (request, status, code_a, code_b) in table {
        for dialect in [Dialect::A, Dialect::B] {
            let models = vec!["m".to_owned(), "gpt-image-2".to_owned()];
            let mut world = World::new(Config { models, concurrency: Some(0), ..config(dialect) });
            let response = answer(&mut world, 0, &request);
            let body = json_of(&response);
            assert_eq!(response.status, status, "{body}");
            let request_id = response.header("X-Request-Id").unwrap();
            if dialect == Dialect::A {
                assert_eq!(body["code"], status);
                assert!(body["message"].is_string() && body["data"].is_null());
                assert_eq!(body.get("error_code").and_then(|code| code.as_str()), code_a);
            } else {
                assert_eq!(body["error"]["code"], code_b);
                assert_eq!(body["error"]["type"], "hiapi_error");
                assert_eq!(body["error"]["request_id"], request_id);
            }
        }
    }
    // The published 429 has no message, and no message gives the limit away.
    let mut world = World::new(Config { concurrency: Some(0), ..config(Dialect::B) });
    let body = json_of(&answer(&mut world, 0, &submit("p")));
    assert_eq!(body["error"].as_object().unwrap().len(), 3);
}

#[test]
fn tasks_belong_to_their_account_and_are_listed_newest_first() {
    let mut world = World::new(config(Dialect::A));
    let ids: Vec<String> = (0..3).map(|at| accepted(&mut world, at, &submit("p"))).collect();
    let stranger = Request::new("GET", &format!("/v1/tasks/{}", ids[0])).with_header("Authorization", "Bearer sk-2");
    assert_eq!(answer(&mut world, 10, &stranger).status, 404);
    let page = json_of(&answer(&mut world, 10, &get("/v1/tasks?page=1&size=2")))["data"].clone();
    let listed: Vec<_> = page["tasks"].as_array().unwrap().iter().map(|task| task["taskId"].clone()).collect();
    assert_eq!(listed, [json!(ids[2]), json!(ids[1])]);
    assert_eq!((page["total"].clone(), page["size"].clone()), (json!(3), json!(2)));
    assert!(page["tasks"][0].get("input").is_none());
    assert_eq!(answer(&mut world, 10, &get("/v1/tasks?size=0")).status, 400);
    let models = json_of(&answer(&mut world, 10, &get("/v1/models")));
    assert_eq!(models["data"][0]["id"], "gpt-image-2");
}

#[test]
fn pictures_have_the_asked_size_and_their_links_expire() {
    let mut world = World::new(Config { url_ttl_ms: 5000, ..config(Dialect::A) });
    let id = accepted(&mut world, 0, &submit("a quiet lake"));
    let url = poll(&mut world, 10_000, &id)["data"]["output"][0]["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("http://127.0.0.1:8787").unwrap();
    assert!(!world.ledger()[0].image_fetched);
    let image = answer(&mut world, 14_999, &Request::new("GET", path));
    assert_eq!((image.status, image.header("Content-Type")), (200, Some("image/png")));
    let info = png::Decoder::new(std::io::Cursor::new(&image.body)).read_info().unwrap();
    assert_eq!(info.info().size(), (64, 64));
    assert!(world.ledger()[0].image_fetched);
    assert_eq!(answer(&mut world, 15_000, &Request::new("GET", path)).status, 403);
    assert_eq!(world.stats().leaked_credentials, 0);
    answer(&mut world, 15_000, &get(path));
    assert_eq!(world.stats().leaked_credentials, 1);
}

#[test]
fn hints_tell_when_the_window_opens_and_only_it() {
    let limited = Config { rpm: Some(1), concurrency: Some(1), hint: HintMode::Seconds, ..config(Dialect::A) };
    let mut world = World::new(Config { name_axis: true, ..limited });
    accepted(&mut world, 0, &submit("p"));
    let slots = answer(&mut world, 5_000, &submit("p"));
    assert_eq!((slots.status, slots.header("retry-after")), (429, None));
    let window = answer(&mut world, 20_500, &submit("p"));
    assert_eq!((window.status, window.header("retry-after")), (429, Some("40")));
    assert!(json_of(&window)["message"].as_str().unwrap().contains("per minute"));
    let shown = Config { hint_slots: true, ..world.config().clone() };
    world.reconfigure(60_000, shown);
    accepted(&mut world, 60_000, &submit("p"));
    assert_eq!(answer(&mut world, 62_000, &submit("p")).header("retry-after"), Some("8"));
    assert_eq!((world.stats().refused_slots, world.stats().refused_window), (2, 1));
}

#[test]
fn dates_follow_the_skewed_clock_and_browsers_read_headers_when_let() {
    let mut world = World::new(Config { clock_skew_ms: -86_400_000, ..config(Dialect::A) });
    let response = answer(&mut world, 1000, &submit("p"));
    assert_eq!(response.header("Date"), Some("Wed, 31 Dec 2025 00:00:01 GMT"));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert!(response.header("access-control-expose-headers").unwrap().contains("Retry-After-Ms"));
    let preflight = answer(&mut world, 1000, &Request::new("OPTIONS", "/v1/tasks"));
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("Idempotency-Key"));
    let hidden = Config { expose_headers: Some(false), ..world.config().clone() };
    world.reconfigure(1000, hidden);
    assert_eq!(answer(&mut world, 1000, &submit("p")).header("access-control-expose-headers"), None);
}

#[test]
fn hostile_answers_hide_what_the_server_did() {
    let mut world = World::new(Config { truncated_json: 1.0, ..config(Dialect::A) });
    assert!(serde_json::from_slice::<serde_json::Value>(&answer(&mut world, 0, &submit("p")).body).is_err());
    assert_eq!(world.stats().accepted, 1);
    let mut world = World::new(Config { redirect: 1.0, ..config(Dialect::A) });
    let redirect = answer(&mut world, 0, &submit("p"));
    assert_eq!((redirect.status, redirect.header("location")), (307, Some("http://localhost:8787/stolen")));
    assert_eq!(world.stats().accepted, 0);
    let stolen = Request { path: "/stolen".to_owned(), ..submit("p") };
    answer(&mut world, 0, &stolen);
    assert_eq!(world.stats().leaked_credentials, 1);
}

#[test]
fn faults_strike_at_their_rate_and_early_polls_find_nothing() {
    let faulty =
        Config { submit_503: 0.3, lost_request: 0.2, concurrency: None, poll_404_ms: 500, ..config(Dialect::A) };
    let mut world = World::new(faulty);
    let (mut lost, mut refused) = (0, 0);
    for _ in 0..1000 {
        match world.handle(0, &submit("p")) {
            Reply::Lost => lost += 1,
            Reply::Answer(response) if response.status == 503 => refused += 1,
            Reply::Answer(response) => assert_eq!(response.status, 200),
            Reply::Later(_) => panic!("HiAPI answers at once"),
        }
    }
    assert!((150..250).contains(&lost) && (190..290).contains(&refused), "{lost} {refused}");
    assert_eq!(world.stats().submits, 1000 - lost);
    assert_eq!(world.stats().accepted, 1000 - lost - refused);
    let calm = Config { submit_503: 0.0, lost_request: 0.0, ..world.config().clone() };
    world.reconfigure(0, calm);
    let id = accepted(&mut world, 0, &submit("p"));
    assert_eq!(answer(&mut world, 499, &get(&format!("/v1/tasks/{id}"))).status, 404);
    assert_eq!(answer(&mut world, 500, &get(&format!("/v1/tasks/{id}"))).status, 200);
}
