//! The HTTP server: routes without a socket, and broken connections over a loopback one.
#![allow(clippy::unwrap_used)]
mod common;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use common::body;
use serde_json::{Value, json};
use std::time::Duration;
use tidegate_simulator::server::{Broken, Shared, router, serve};
use tidegate_simulator::{Config, Distribution};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

fn shared(config: Config) -> Shared {
    Shared::new(Config { duration: Distribution::Fixed(1), ..config }, 0, true)
}

async fn ask(shared: &Shared, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bearer sk-12345678")
        .body(body.into())
        .unwrap();
    let response = router(shared.clone()).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status, head.headers, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

async fn ask_json(shared: &Shared, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let (status, _, bytes) = ask(shared, method, path, body).await;
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_task_goes_from_submit_to_picture_and_into_the_ledger() {
    let shared = shared(Config::default());
    let (status, accepted) = ask_json(&shared, "POST", "/v1/tasks", body("a lake")).await;
    assert_eq!(status, StatusCode::OK);
    let path = format!("/v1/tasks/{}", accepted["data"]["taskId"].as_str().unwrap());
    let url = loop {
        let (_, detail) = ask_json(&shared, "GET", &path, "").await;
        if detail["data"]["status"] == "success" {
            break detail["data"]["output"][0]["url"].as_str().unwrap().to_owned();
        }
    };
    let (status, headers, picture) = ask(&shared, "GET", &url.replace("http://127.0.0.1:8787", ""), "").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "image/png"));
    assert!(picture.starts_with(b"\x89PNG"));
    let (_, ledger) = ask_json(&shared, "GET", "/admin/ledger", "").await;
    assert_eq!((&ledger[0]["key"], &ledger[0]["image_fetched"]), (&json!("sk-…78"), &json!(true)));
    let (_, stats) = ask_json(&shared, "GET", "/admin/stats", "").await;
    assert_eq!((&stats["accepted"], &stats["leaked_credentials"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn admin_changes_settings_and_names_bad_ones() {
    let shared = shared(Config::default());
    let (status, config) = ask_json(&shared, "PUT", "/admin/config", r#"{"rpm":7,"latency_ms":0,"dialect":"b"}"#).await;
    assert_eq!((status, &config["rpm"], &config["concurrency"]), (StatusCode::OK, &json!(7), &json!(4)));
    let (_, answer) = ask_json(&shared, "POST", "/v1/tasks", body("p")).await;
    assert_eq!(answer["status"], "queued");
    for (patch, field) in [
        (r#"{"rpm":"x"}"#, "rpm"),
        (r#"{"speed":1}"#, "speed"),
        (r#"{"latency_ms":-1}"#, "latency_ms"),
        ("{", "body"),
        ("[]", "settings"),
    ] {
        let (status, refused) = ask_json(&shared, "PUT", "/admin/config", patch).await;
        assert_eq!((status, &refused["error"]["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{patch}");
    }
    let (_, config) = ask_json(&shared, "POST", "/admin/reset", r#"{"seed":9}"#).await;
    assert_eq!((&config["seed"], &config["rpm"]), (&json!(9), &json!(7)));
    assert_eq!(ask_json(&shared, "GET", "/admin/stats", "").await.1["accepted"], 0);
    let (_, settings) = ask_json(&shared, "GET", "/admin/settings", "").await;
    assert!(settings.as_array().unwrap().iter().any(|row| row["name"] == "latency_ms"));
    assert_eq!(ask_json(&shared, "GET", "/admin/nothing", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn browsers_may_ask_and_bodies_are_bounded() {
    let shared = shared(Config::default());
    let (status, headers, _) = ask(&shared, "OPTIONS", "/v1/tasks", "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("Idempotency-Key"));
    let (_, headers, _) = ask(&shared, "OPTIONS", "/admin/config", "").await;
    assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("PUT"));
    for size in [10_000_001, 12_000_001] {
        let (status, headers, _) = ask(&shared, "POST", "/v1/tasks", vec![b' '; size]).await;
        assert_eq!(
            (status, &headers["access-control-allow-origin"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &"*".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_lost_answer_breaks_the_connection_after_the_server_acted() {
    let shared = shared(Config { lost_answer: 1.0, ..Config::default() });
    let request = Request::post("/v1/tasks").header("authorization", "Bearer k").body(Body::from(body("p"))).unwrap();
    let response = router(shared.clone()).oneshot(request).await.unwrap();
    assert!(response.extensions().get::<Broken>().is_some());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, shared.clone(), async move {
        let _ = stopped.await;
    }));
    let exchange = async |text: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let body = body("p");
    let submit = format!(
        "POST /v1/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\nidempotency-key: i\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(exchange(submit.clone()).await, "");
    let replay = exchange(submit).await;
    assert!(replay.starts_with("HTTP/1.1 200 OK\r\n") && replay.contains("idempotent-replay: true"), "{replay}");
    assert!(replay.contains("connection: close"));
    let (_, stats) = ask_json(&shared, "GET", "/admin/stats", "").await;
    assert_eq!((&stats["accepted"], &stats["lost"], &stats["replays"]), (&json!(2), &json!(2), &json!(1)));
    drop(stop);
    tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn turning_losses_on_closes_connections_that_stood_open() {
    let shared = shared(Config::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, shared.clone(), std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /admin/stats HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 4096];
    assert!(stream.read(&mut some).await.unwrap() > 0);
    ask(&shared, "PUT", "/admin/config", r#"{"lost_answer":0.5}"#).await;
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    server.abort();
}

fn picture_request() -> Request<Body> {
    let body = json!({"model": "gpt-image-2", "prompt": "a lake", "size": "32x32"});
    let request = Request::post("/v1/images/generations").header("authorization", "Bearer k");
    request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}

#[tokio::test]
async fn a_synchronous_answer_comes_when_its_task_ends_or_when_settings_let_it_begin() {
    let shared = shared(Config { concurrency: Some(0), queue: true, least_pixels: 1, ..Config::default() });
    let waiting = tokio::spawn(router(shared.clone()).oneshot(picture_request()));
    while ask_json(&shared, "GET", "/admin/stats", "").await.1["waiting"] != 1 {
        tokio::task::yield_now().await;
    }
    ask(&shared, "PUT", "/admin/config", r#"{"concurrency":1}"#).await;
    let response = tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key("openai-processing-ms"));
    let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
    assert!(body["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    let (_, ledger) = ask_json(&shared, "GET", "/admin/ledger", "").await;
    assert_eq!((&ledger[0]["provider"], &ledger[0]["delivered"]), (&json!("openai"), &json!(true)));
}

#[tokio::test]
async fn a_client_that_hangs_up_is_noticed_and_a_reset_breaks_what_waits() {
    let shared = shared(Config { concurrency: Some(0), queue: true, least_pixels: 1, ..Config::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, shared.clone(), std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = r#"{"model":"gpt-image-2","prompt":"p"}"#;
    let head =
        "POST /v1/images/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-type: application/json";
    stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let until = async |name: &str| {
        while ask_json(&shared, "GET", "/admin/stats", "").await.1[name] != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), until("waiting")).await.unwrap();
    drop(stream);
    tokio::time::timeout(Duration::from_secs(30), until("abandoned")).await.unwrap();
    let waiting = tokio::spawn(router(shared.clone()).oneshot(picture_request()));
    while ask_json(&shared, "GET", "/admin/stats", "").await.1["waiting"] != 2 {
        tokio::task::yield_now().await;
    }
    ask(&shared, "POST", "/admin/reset", "").await;
    let response = tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap().unwrap();
    assert!(response.extensions().get::<Broken>().is_some());
    server.abort();
}

#[tokio::test]
async fn admin_puts_an_intermediary_in_between_and_takes_it_away() {
    let shared = shared(Config::default());
    let change = json!({"cdn_challenge": 1.0, "relay_base64": "url-safe", "store_late_ms": 3000}).to_string();
    let (status, settings) = ask_json(&shared, "PUT", "/admin/config", change).await;
    assert_eq!((status, &settings["relay_base64"]), (StatusCode::OK, &json!("url-safe")));
    let (status, headers, page) = ask(&shared, "POST", "/v1/tasks", body("a lake")).await;
    assert_eq!((status, headers["cf-mitigated"].to_str().unwrap()), (StatusCode::FORBIDDEN, "challenge"));
    assert!(page.starts_with(b"<!DOCTYPE html>"));
    let (_, stats) = ask_json(&shared, "GET", "/admin/stats", "").await;
    assert_eq!((&stats["submits"], &stats["intermediary"]), (&json!(0), &json!(1)));
    ask(&shared, "PUT", "/admin/config", json!({"cdn_challenge": 0}).to_string()).await;
    let (status, _, _) = ask(&shared, "POST", "/v1/tasks", body("a lake")).await;
    assert_eq!(status, StatusCode::OK);
}
