//! Answers that no client should trust, to submits and to polls: told by their kind, bounded, and honest about money.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use serde_json::{Value, json};
use support::audit;
use support::sim::{Act, Sim, Surroundings, client, options};
use tidegate::engine::{Input, Outcome};
use tidegate::error::{Billed, Code};
use tidegate::http::{Answer, Body, Purpose};
use tidegate::json::{MAX_DEPTH, MAX_NODES};
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::{Config, Distribution, Reply, Response};

/// Bodies under status 200 of which nothing can be made.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    vec![
        ("nothing", vec![]),
        ("truncated", b"{\"code\":200,\"data\":{\"taskId\":\"tk-hia".to_vec()),
        ("html", b"<html><body>Welcome to the hotel's network</body></html>".to_vec()),
        ("not utf-8", vec![b'"', 0xff, 0xfe, b'"']),
        ("huge", vec![b' '; (1 << 20) + 1]),
        ("just too deep", deep(MAX_DEPTH + 1)),
        ("very deep", deep(100_000)),
        ("too many values", format!("[{}0]", "0,".repeat(MAX_NODES)).into_bytes()),
        ("a number", b"7".to_vec()),
        ("a list", b"[]".to_vec()),
        ("null", b"null".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{\"data\":".to_vec()),
    ]
}

/// Every field of a good answer with a value of every wrong type.
fn wrong_types(good: &Value) -> Vec<Value> {
    let wrong = [
        json!(null),
        json!(true),
        json!(-1.5e300),
        json!("\u{0}"),
        json!([]),
        json!([[{}]]),
        json!({}),
        json!("x".repeat(5_000)),
    ];
    let mut spoilt = Vec::new();
    let mut paths: Vec<Vec<String>> = vec![vec![]];
    while let Some(path) = paths.pop() {
        let place = path.iter().fold(good, |value, name| match value {
            Value::Array(values) => &values[name.parse::<usize>().unwrap()],
            other => &other[name],
        });
        let names: Vec<String> = match place {
            Value::Object(fields) => fields.keys().cloned().collect(),
            Value::Array(values) => (0..values.len()).map(|index| index.to_string()).collect(),
            _ => vec![],
        };
        paths.extend(names.into_iter().map(|name| [path.clone(), vec![name]].concat()));
        for value in &wrong {
            let mut copy = good.clone();
            let target = path.iter().fold(&mut copy, |value, name| match value {
                Value::Array(values) => &mut values[name.parse::<usize>().unwrap()],
                other => &mut other[name.as_str()],
            });
            *target = value.clone();
            spoilt.push(copy);
        }
    }
    spoilt
}

fn sim(wanted: Purpose, times: usize, response: Response) -> Sim {
    let world = Config { duration: Distribution::Fixed(2_000), ..Config::default() };
    let mut sim = Sim::new(client(&HIAPI, 4), world, Surroundings::default());
    let mut left = times;
    sim.script = Some(Box::new(move |sent, _| {
        let strikes = sent.purpose == wanted && left > 0;
        left -= usize::from(strikes);
        strikes.then(|| Reply::Answer(response.clone()))
    }));
    let mut call = options();
    call.deadline = 300_000;
    sim.ask(0, 1, call);
    sim
}

fn answer(status: u16, body: Vec<u8>) -> Response {
    Response { status, headers: vec![], body }
}

#[test]
fn a_submit_that_cannot_be_read_is_sent_again_and_then_told_as_in_doubt() {
    for (name, body) in unreadable() {
        let mut once = sim(Purpose::Submit, 1, answer(200, body.clone()));
        once.run();
        assert!(matches!(once.outcome(1), Outcome::Succeeded(_)), "{name}");
        assert_eq!(once.submits().count(), 2, "{name}");
        let mut always = sim(Purpose::Submit, usize::MAX, answer(200, body));
        always.run();
        audit::rest(&always);
        assert_eq!(audit::code(always.outcome(1)), Some(Code::UnknownOutcome), "{name}");
        assert_eq!(audit::billed(always.outcome(1)), Some(Billed::Unknown), "{name}");
        assert_eq!(always.submits().count(), 6, "{name}");
        // It stays written down: the caller can ask again later under the same key.
        assert_eq!(always.store.records.len(), 1, "{name}");
    }
}

#[test]
fn a_poll_that_cannot_be_read_only_delays() {
    for (name, body) in unreadable() {
        let mut some = sim(Purpose::Poll, 5, answer(200, body.clone()));
        some.run();
        assert!(matches!(some.outcome(1), Outcome::Succeeded(_)), "{name}");
        let mut always = sim(Purpose::Poll, usize::MAX, answer(200, body));
        always.run();
        audit::rest(&always);
        assert_eq!(audit::code(always.outcome(1)), Some(Code::Deadline), "{name}");
        assert_eq!(audit::billed(always.outcome(1)), Some(Billed::Unknown), "{name}");
        assert_eq!((always.submits().count(), always.store.records.len()), (1, 1), "{name}");
    }
}

#[test]
fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308, 300, 399] {
        let mut redirect = answer(status, vec![]);
        redirect.headers.push((String::from("location"), String::from("https://elsewhere.example/stolen")));
        let mut submit = sim(Purpose::Submit, usize::MAX, redirect.clone());
        submit.run();
        assert_eq!(audit::code(submit.outcome(1)), Some(Code::Protocol));
        assert_eq!(submit.sent.len(), 1);
        let mut poll = sim(Purpose::Poll, 3, redirect);
        poll.run();
        assert!(matches!(poll.outcome(1), Outcome::Succeeded(_)));
        assert!(poll.sent.iter().all(|sent| !sent.request.url.contains("elsewhere")));
    }
    // A browser shows such an answer with status 0.
    let mut opaque = sim(Purpose::Submit, 0, answer(200, vec![]));
    opaque.script = Some(Box::new(|_, _| Some(Reply::Lost)));
    opaque.at(
        150,
        Act::Input(Box::new(Input::Answer {
            call: 0,
            answer: Answer { status: 0, headers: vec![], body: Body::Redirect },
        })),
    );
    opaque.run();
    assert_eq!(audit::code(opaque.outcome(1)), Some(Code::Protocol));
}

#[test]
fn wrong_types_anywhere_end_in_an_end() {
    let accepted = json!({"code": 200, "message": "success", "data": {"taskId": "tk-1", "status": "queued"}, "error": {"code": "x", "message": "y"}});
    let done = json!({"code": 200, "data": {"taskId": "tk-1", "status": "success", "progress": 1, "error": {"code": "c", "message": "m"},
        "output": [{"url": "https://cdn.example.com/a.png", "type": "image", "expireAt": 1777886899}]}});
    for (wanted, good) in [
        (Purpose::Submit, accepted.clone()),
        (Purpose::Poll, accepted),
        (Purpose::Submit, done.clone()),
        (Purpose::Poll, done),
    ] {
        for spoilt in wrong_types(&good) {
            for status in [200, 400, 429, 500] {
                let mut sim = sim(wanted, 2, answer(status, spoilt.to_string().into_bytes()));
                sim.run();
                audit::rest(&sim);
            }
        }
    }
}

/// What is kept of a provider's words is short and plain.
#[test]
fn words_are_bounded() {
    let body = json!({"code": 400, "error_code": "E".repeat(3_000), "message": format!("a\u{7}\n{}", "m".repeat(4_000)), "data": null});
    let mut sim = sim(Purpose::Submit, usize::MAX, answer(400, body.to_string().into_bytes()));
    sim.run();
    let Outcome::Failed(error, _) = sim.outcome(1) else { panic!() };
    let (words, place) = error.message.rsplit_once(" (").unwrap();
    assert!(words.chars().count() <= 300 && !words.contains(char::is_control), "{words}");
    assert_eq!(place, "400 from POST http://127.0.0.1:8787/v1/tasks)", "and we say where they come from");
}

/// Images that are none, and bytes that never come whole.
#[test]
fn a_download_that_is_no_image_is_told_with_its_price() {
    for (body, status, code) in [
        (b"<svg onload=alert(1)>".to_vec(), 200, Code::Protocol),
        (vec![], 200, Code::Protocol),
        (b"gone".to_vec(), 403, Code::Expired),
        (b"oops".to_vec(), 500, Code::ServerError),
    ] {
        let mut sim = sim(Purpose::Image, usize::MAX, answer(status, body));
        let mut call = options();
        call.download = true;
        sim.ask(10, 2, call);
        sim.run();
        audit::rest(&sim);
        assert_eq!(audit::code(sim.outcome(2)), Some(code));
        assert_eq!(audit::billed(sim.outcome(2)), Some(Billed::Yes));
        assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)));
    }
}
