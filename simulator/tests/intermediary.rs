//! What stands before a provider, as a client meets it; the ledger says what the provider did meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/images.rs"]
mod images;
#[path = "common/mod.rs"]
mod tasks;

use images::{config, creativeai, openai, pictures, wait, waited};
use serde_json::{Value, json};
use tasks::{accepted, answer, get, json_of, keyed, poll, submit};
use tidegate_simulator::{
    Base64Form, Config, ErrorForm, PictureAddress, Reply, Request, SETTINGS, StoreStatus, TaskForm, World,
};

/// Asks for a picture that takes ten seconds, and lets them pass.
fn asked(config: Config) -> (World, u64, tidegate_simulator::Response) {
    let mut world = World::new(config);
    let (at, response) = waited(&mut world, 0, &openai(json!({})));
    world.advance(20_000);
    (world, at, response)
}

#[test]
fn what_cannot_be_reached_is_never_asked() {
    for (set, statuses) in [
        ("cdn_unreached", &[521, 522, 523, 530][..]),
        ("cdn_challenge", &[403]),
        ("cdn_1015", &[429]),
        ("gateway_503", &[503]),
    ] {
        let settings = config().patched(json!({ set: 1.0 })).unwrap();
        let (world, at, response) = asked(settings.clone());
        assert!(statuses.contains(&response.status) && at == 0, "{set}: {}", response.status);
        assert!(serde_json::from_slice::<Value>(&response.body).is_err(), "{set}");
        assert_eq!((world.stats().submits, world.ledger().len(), world.stats().intermediary), (0, 0, 1), "{set}");
        let mut world = World::new(settings);
        assert!(statuses.contains(&answer(&mut world, 0, &submit("a lake")).status), "{set}");
        assert_eq!(world.stats().submits, 0, "{set}");
    }
}

#[test]
fn what_is_thrown_away_was_made_and_is_charged() {
    for (set, status) in [
        ("cdn_520", 520),
        ("cdn_524", 524),
        ("gateway_502", 502),
        ("gateway_504", 504),
        ("gateway_460", 460),
        ("gateway_499", 499),
        ("relay_failure", 500),
    ] {
        let settings = config().patched(json!({ set: 1.0 })).unwrap();
        let (world, at, response) = asked(settings.clone());
        assert_eq!((at, response.status), (10_000, status), "{set}");
        assert_eq!((world.ledger().len(), world.ledger()[0].delivered), (1, false), "{set}");
        let mut world = World::new(settings);
        assert_eq!(answer(&mut world, 0, &keyed("a lake", "k")).status, status, "{set}");
        world.advance(100_000);
        assert_eq!((world.stats().accepted, world.ledger().len()), (1, 1), "{set}");
    }
    // The provider's own bill knows a replay, whatever became of the first answer.
    let mut world = World::new(Config { cdn_520: 1.0, ..Config::default() });
    answer(&mut world, 0, &keyed("a lake", "k"));
    world.reconfigure(1, Config::default());
    accepted(&mut world, 2, &keyed("a lake", "k"));
    assert_eq!((world.stats().accepted, world.stats().replays), (1, 1));
}

#[test]
fn a_poll_that_is_thrown_away_delivers_nothing() {
    let mut world = World::new(Config::default());
    let id = accepted(&mut world, 0, &submit("a lake"));
    world.reconfigure(1, Config { cdn_520: 1.0, ..Config::default() });
    assert_eq!(answer(&mut world, 40_000, &get(&format!("/v1/tasks/{id}"))).status, 520);
    assert!(!world.ledger()[0].delivered);
    world.reconfigure(40_001, Config::default());
    assert_eq!(poll(&mut world, 40_002, &id)["data"]["status"], "success");
    assert!(world.ledger()[0].delivered);
}

#[test]
fn a_delivery_network_waits_only_so_long() {
    let (world, at, response) = asked(Config { cdn_timeout_ms: Some(4_000), ..config() });
    assert_eq!((at, response.status, world.ledger().len()), (4_000, 524, 1));
    assert_eq!(world.stats().abandoned, 1);
    let (_, at, response) = asked(Config { cdn_timeout_ms: Some(10_000), ..config() });
    assert_eq!((at, response.status), (10_000, 200), "what comes in time is handed on");
    let mut world = World::new(Config { cdn_timeout_ms: Some(4_000), ..config() });
    let pending = images::later(&mut world, 0, &openai(json!({})));
    world.abandon(&pending);
    assert_eq!((world.stats().abandoned, world.collect(10_000, &pending)), (1, Reply::Lost));
}

/// Polls the relay until its task is over.
fn polled(world: &mut World, path: &str, from_ms: u64) -> (u64, Value) {
    for now_ms in (from_ms..60_000).step_by(1_000) {
        let response = answer(world, now_ms, &get(path));
        assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
        let body = json_of(&response);
        if body["status"] != "processing" {
            return (now_ms, body);
        }
    }
    panic!("no end of {path}");
}

#[test]
fn a_synchronous_submit_becomes_a_task_of_the_relay() {
    for form in [TaskForm::Location, TaskForm::Body, TaskForm::StatusUrl] {
        let mut world = World::new(Config { relay_task: 1.0, relay_task_form: form, ..config() });
        let response = answer(&mut world, 0, &openai(json!({})));
        let body = json_of(&response);
        let id = body["task_id"].as_str().or(body["id"].as_str()).unwrap();
        let path = match form {
            TaskForm::Location => response.header("location").unwrap().to_owned(),
            TaskForm::StatusUrl => body["status_url"].as_str().unwrap().to_owned(),
            _ => format!("/v1/tasks/{id}"),
        };
        assert_eq!(response.status, if form == TaskForm::Location { 202 } else { 200 });
        assert_eq!(world.handle(500, &Request::new("GET", &path)), world.handle(500, &Request::new("GET", &path)));
        assert_eq!(answer(&mut world, 500, &Request::new("GET", &path)).status, 401);
        let stranger = Request::new("GET", &path).with_header("authorization", "Bearer sk-2");
        assert_eq!(answer(&mut world, 500, &stranger).status, 404);
        let (at, end) = polled(&mut world, &path, 1_000);
        assert_eq!((at, end["status"].as_str(), end["task_id"].as_str()), (10_000, Some("completed"), Some(id)));
        assert_eq!(polled(&mut world, &path, 30_000).1, end, "and it can be asked again");
        assert!(end["data"][0]["b64_json"].is_string());
        assert_eq!((world.ledger().len(), world.stats().submits), (1, 1));
    }
}

#[test]
fn what_fails_at_once_becomes_no_task_and_what_fails_later_does() {
    let mut world = World::new(Config { relay_task: 1.0, ..config() });
    assert_eq!(answer(&mut world, 0, &openai(json!({"size": "none"}))).status, 400);
    let body = json_of(&answer(&mut world, 0, &openai(json!({"prompt": "[fail]"}))));
    let id = body["task_id"].as_str().or(body["id"].as_str()).unwrap();
    let (_, end) = polled(&mut world, &format!("/v1/images/generations/{id}"), 0);
    assert_eq!((end["status"].as_str(), end["error"]["type"].as_str()), (Some("failed"), Some("server_error")));
    // A provider that has tasks of its own is left alone.
    accepted(&mut world, 0, &submit("a lake"));
}

#[test]
fn pictures_are_shown_at_the_relay_in_their_place() {
    for address in [PictureAddress::Relative, PictureAddress::Absolute] {
        let origin = "https://relay.example:8443".to_owned();
        let (mut world, _, response) =
            asked(Config { relay_pictures: address, relay_origin: origin.clone(), relay_surplus: 1.0, ..config() });
        let body = json_of(&response);
        assert_eq!(body["data"].as_array().unwrap().len(), 2, "one more than was made");
        for row in body["data"].as_array().unwrap() {
            let url = row["url"].as_str().unwrap();
            assert_eq!(url.starts_with(&origin), address == PictureAddress::Absolute, "{url}");
            let picture = answer(&mut world, 20_000, &Request::new("GET", url.trim_start_matches(&origin)));
            assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")));
            assert_eq!(images::picture(&picture.body).1.dimensions(), (32, 16));
        }
        assert_eq!(world.stats().leaked_credentials, 0);
        assert_eq!(answer(&mut world, 20_000, &Request::new("GET", "/generated/9-0.png")).status, 404);
    }
    let mut world = World::new(Config { relay_pictures: PictureAddress::Relative, ..config() });
    let (at, response) = waited(&mut world, 0, &creativeai(json!({})));
    let url = json_of(&response)["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("/images/"), "{url}");
    assert_eq!(answer(&mut world, at, &Request::new("GET", &url)).status, 200);
}

#[test]
fn a_slow_store_has_the_picture_in_the_end() {
    for (status, code) in [(StoreStatus::NotFound, 404), (StoreStatus::Forbidden, 403), (StoreStatus::Unavailable, 503)]
    {
        let late = Config { store_late_ms: Some(3_000), store_status: status, ..config() };
        let mut world = World::new(late.clone());
        let (at, response) = waited(&mut world, 0, &creativeai(json!({})));
        let url = json_of(&response)["data"][0]["url"].as_str().unwrap().replace("http://127.0.0.1:8787", "");
        let mut image = |now_ms| answer(&mut world, now_ms, &Request::new("GET", &url)).status;
        assert_eq!((at, image(at), image(at + 2_999), image(at + 3_000)), (10_000, code, code, 200));
        let (mut world, at, response) = asked(Config { relay_pictures: PictureAddress::Relative, ..late });
        let url = json_of(&response)["data"][0]["url"].as_str().unwrap().to_owned();
        world.reconfigure(20_000, Config { store_late_ms: Some(60_000), ..world.config().clone() });
        assert_eq!((at, answer(&mut world, 20_000, &Request::new("GET", &url)).status), (10_000, code));
        assert_eq!(answer(&mut world, 70_000, &Request::new("GET", &url)).status, 200);
    }
}

#[test]
fn bytes_are_rewritten_and_stay_the_same_picture() {
    let (_, _, plain) = asked(config());
    let (_, picture) = pictures(&plain).remove(0);
    let (_, _, raw) = asked(Config { relay_raw: 1.0, ..config() });
    assert_eq!(images::picture(&raw.body).1, picture);
    let (_, _, lines) = asked(Config { relay_base64: Base64Form::Lines, ..config() });
    let spelled = json_of(&lines)["data"][0]["b64_json"].as_str().unwrap().to_owned();
    assert_eq!(spelled.replace("\r\n", ""), json_of(&plain)["data"][0]["b64_json"].as_str().unwrap());
    let (_, _, streamed) = asked(Config { relay_stream: 1.0, ..config() });
    let text = String::from_utf8(streamed.body).unwrap();
    assert!(text.contains("data: {") && text.contains("iVBORw0KGgo"), "{text}");
}

#[test]
fn refusals_are_handed_on_in_another_envelope() {
    let settings = Config { concurrency: Some(0), ..config() };
    let (_, _, plain) = asked(settings.clone());
    let (_, _, list) = asked(Config { relay_errors: ErrorForm::List, ..settings.clone() });
    assert_eq!((list.status, json_of(&list)), (429, json!([json_of(&plain)])));
    let (_, _, early) = asked(Config { relay_early_status: 1.0, ..settings });
    assert_eq!((early.status, json_of(&early)), (200, json_of(&plain)));
}

#[test]
fn a_new_world_owes_none_of_the_old_answers() {
    let late = Config { relay_blanks: 1.0, ..config() };
    let mut old = World::new(late.clone());
    let pending = images::later(&mut old, 0, &openai(json!({})));
    let mut new = old.successor(late);
    images::later(&mut new, 0, &openai(json!({})));
    assert_eq!(new.collect(10_000, &pending), Reply::Lost);
    assert!(matches!(wait(&mut new, 10_000, &openai(json!({}))), (20_000, Reply::Answer(_))));
}

#[test]
fn what_stands_between_changes_nothing_that_the_provider_draws() {
    let alone = Config { submit_503: 0.3, lost_answer: 0.2, task_failure: 0.3, ..Config::default() };
    let between = Config { relay_blanks: 0.5, relay_errors: ErrorForm::Mixed, cdn_520: 0.2, ..alone.clone() };
    let charged = |config: Config| {
        let mut world = World::new(config);
        for number in 0..60 {
            world.handle(number * 9_000, &keyed("a lake", &number.to_string()));
        }
        world.advance(1_000_000);
        assert_eq!(world.stats().intermediary > 0, world.config().cdn_520 > 0.0);
        world.ledger().iter().map(|charge| charge.task_id.clone()).collect::<Vec<_>>()
    };
    let charges = charged(alone);
    assert!(charges.len() > 10);
    assert_eq!(charges, charged(between));
}

#[test]
fn every_setting_puts_something_in_between_by_itself() {
    let defaults = Config::default().to_json();
    let own = ["relay_", "cdn_", "gateway_"];
    let shares = SETTINGS
        .iter()
        .map(|setting| setting.name)
        .filter(|name| own.iter().any(|prefix| name.starts_with(prefix)) && defaults[name] == json!(0.0));
    let mut count = 0;
    for name in shares {
        let settings = config().patched(json!({ name: 1.0 })).unwrap();
        assert_eq!(asked(settings).0.stats().intermediary, 1, "{name}");
        count += 1;
    }
    assert_eq!(count, 18);
    for (name, value) in [
        ("relay_base64", "lines"),
        ("relay_pictures", "relative"),
        ("relay_errors", "list"),
        ("cdn_timeout_ms", "3000"),
    ] {
        let mut settings = config();
        settings.set_flag(name, value).unwrap();
        assert_eq!(asked(settings).0.stats().intermediary, 1, "{name}");
    }
}
