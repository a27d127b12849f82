//! The synchronous providers' limits, money, content policy and faults, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod common;
#[path = "common/images.rs"]
mod images;

use common::*;
use images::*;
use serde_json::{Value, json};
use tidegate_simulator::{Config, Counts, Distribution, FilterStage, HintMode, HostileOn, QuotaCode, Reply, World};

fn refused(world: &mut World, now_ms: u64, fields: Value) -> (Value, tidegate_simulator::Response) {
    let response = at_once(world, now_ms, &openai(fields));
    assert_eq!(response.status, 429);
    (json_of(&response)["error"].clone(), response)
}

#[test]
fn slots_are_the_posts_in_flight() {
    let mut world = World::new(Config { concurrency: Some(2), ..config() });
    let first = later(&mut world, 0, &openai(json!({})));
    let second = later(&mut world, 4000, &openai(json!({})));
    let (error, response) = refused(&mut world, 5000, json!({}));
    assert_eq!((&error["code"], &error["type"]), (&json!("rate_limit_exceeded"), &json!("requests")));
    assert_eq!(error["message"], "Rate limit reached for gpt-image-2 in organization org-simulator.");
    assert_eq!(response.header("retry-after"), None);
    // Another provider's slots are its own.
    later(&mut world, 5000, &creativeai(json!({})));
    accepted(&mut world, 5000, &submit("p"));
    assert!(matches!(world.collect(9999, &first), Reply::Later(again) if again == first));
    assert!(matches!(world.collect(10_000, &first), Reply::Answer(response) if response.status == 200));
    later(&mut world, 10_000, &openai(json!({})));
    assert!(matches!(world.collect(14_000, &second), Reply::Answer(_)));
    assert_eq!(world.collect(14_000, &second), Reply::Lost);
    let shown = Config { hint_slots: true, name_axis: true, hint: HintMode::Every, ..world.config().clone() };
    world.reconfigure(14_000, shown);
    later(&mut world, 14_000, &openai(json!({})));
    let (error, response) = refused(&mut world, 19_500, json!({}));
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .ends_with("on concurrent requests: Limit 2, Used 2, Requested 1. Please try again in 500ms.")
    );
    assert_eq!((response.header("retry-after"), response.header("retry-after-ms")), (Some("1"), Some("500")));
    assert_eq!((world.stats().refused_slots, world.stats().peak_in_flight), (2, 2));
}

#[test]
fn slots_may_count_images_and_a_full_provider_may_queue() {
    let mut world = World::new(Config { slots_by_image: true, ..config() });
    later(&mut world, 0, &openai(json!({"n": 3})));
    assert_eq!(world.in_flight(0), 3);
    refused(&mut world, 0, json!({"n": 2}));
    later(&mut world, 0, &openai(json!({})));
    let queueing = Config { queue: true, ..world.config().clone() };
    world.reconfigure(0, queueing);
    let waiting = later(&mut world, 0, &openai(json!({"n": 2})));
    let crowd = later(&mut world, 0, &openai(json!({"n": 9})));
    assert_eq!((waiting.at_ms, world.stats().waiting), (Some(10_000), 2));
    let Reply::Later(running) = world.collect(10_000, &waiting) else { panic!("it has only begun") };
    assert_eq!(running.at_ms, Some(20_000));
    assert!(matches!(world.collect(20_000, &running), Reply::Answer(response) if response.status == 200));
    assert_eq!(world.in_flight(20_000), 9);
    let Reply::Later(crowd) = world.collect(20_000, &crowd) else { panic!("it has only begun") };
    assert!(matches!(world.collect(30_000, &crowd), Reply::Answer(_)));
    assert_eq!(world.stats().in_flight, 0);
    let shut = Config { concurrency: Some(0), ..world.config().clone() };
    world.reconfigure(30_000, shut);
    assert_eq!(later(&mut world, 30_000, &openai(json!({}))).at_ms, None);
}

#[test]
fn windows_count_requests_and_images_and_every_answer_tells() {
    let limits = Config { rpm: Some(3), ipm: Some(5), concurrency: None, hint: HintMode::Milliseconds, ..config() };
    let mut world = World::new(limits);
    let first = later(&mut world, 0, &openai(json!({"n": 4})));
    let (error, response) = refused(&mut world, 20_000, json!({"n": 2}));
    assert_eq!(error["type"], "input-images");
    assert!(error["message"].as_str().unwrap().ends_with("on input-images per min: Limit 5, Used 4, Requested 2."));
    assert_eq!((response.header("retry-after"), response.header("retry-after-ms")), (None, Some("40000")));
    let told = |response: &tidegate_simulator::Response, axis: &str| {
        ["limit", "remaining", "reset"]
            .map(|what| response.header(&format!("x-ratelimit-{what}-{axis}")).unwrap().to_owned())
    };
    assert_eq!(told(&response, "input-images"), ["5", "1", "40s"]);
    assert_eq!(told(&response, "requests"), ["3", "2", "40s"]);
    // The answer to the first tells what holds when it leaves, not when it was asked for.
    let Reply::Answer(first) = world.collect(20_500, &first) else { panic!("it is due") };
    assert_eq!(told(&first, "requests"), ["3", "2", "39.5s"]);
    let bad = at_once(&mut world, 20_500, &openai(json!({"n": 11})));
    assert_eq!(bad.header("x-ratelimit-limit-requests"), None);
    let (error, response) = refused(&mut world, 21_000, json!({"n": 6}));
    assert!(
        error["message"].as_str().unwrap().contains("Request too large") && response.header("retry-after-ms").is_none()
    );
    later(&mut world, 21_000, &openai(json!({})));
    let (error, _) = refused(&mut world, 22_000, json!({}));
    assert!(error["message"].as_str().unwrap().contains("Limit 5, Used 5, Requested 1"));
    let wide = Config { ipm: None, ..world.config().clone() };
    world.reconfigure(22_000, wide);
    later(&mut world, 22_000, &openai(json!({"n": 9})));
    let (error, _) = refused(&mut world, 23_000, json!({}));
    assert_eq!(error["type"], "requests");
    assert!(error["message"].as_str().unwrap().contains("requests per min (RPM): Limit 3, Used 3, Requested 1."));
    later(&mut world, 60_000, &openai(json!({})));
    assert_eq!((world.stats().refused_images, world.stats().refused_window, world.stats().refusals), (3, 1, 4));

    let hidden = Config { rate_limit_headers: Some(false), ..world.config().clone() };
    let mut hidden = World::new(hidden);
    assert_eq!(waited(&mut hidden, 0, &openai(json!({}))).1.header("x-ratelimit-limit-requests"), None);
    let mut gateway = World::new(Config { rpm: Some(3), ..config() });
    assert_eq!(waited(&mut gateway, 0, &creativeai(json!({}))).1.header("x-ratelimit-limit-requests"), None);
    let shown = Config { rate_limit_headers: Some(true), ..gateway.config().clone() };
    gateway.reconfigure(20_000, shown);
    let (_, response) = waited(&mut gateway, 20_000, &creativeai(json!({})));
    assert_eq!(response.header("x-ratelimit-remaining-requests"), Some("1"));

    let counting = Config { rpm: Some(1), counts: Counts::Submits, hint: HintMode::Seconds, ..config() };
    let mut counting = World::new(counting);
    later(&mut counting, 0, &openai(json!({})));
    assert_eq!(refused(&mut counting, 30_000, json!({})).1.header("retry-after"), Some("60"));
    let day = Config { rpd: Some(1), hint: HintMode::Message, ..config() };
    let mut day = World::new(day);
    later(&mut day, 0, &openai(json!({})));
    let message = refused(&mut day, 1000, json!({})).0["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("requests per day (RPD): Limit 1, Used 1, Requested 1. Please try again in 23h59m59s."));
}

#[test]
fn a_refusal_may_take_its_time_and_its_hint_knows_that() {
    let slow = Config { rpm: Some(1), refuse_after_ms: 15_000, hint: HintMode::Every, ..config() };
    let mut world = World::new(slow);
    later(&mut world, 0, &openai(json!({})));
    let pending = later(&mut world, 5000, &openai(json!({})));
    assert_eq!((pending.at_ms, world.in_flight(5000)), (Some(20_000), 1));
    let Reply::Answer(refusal) = world.collect(20_000, &pending) else { panic!("it is due") };
    assert_eq!((refusal.status, refusal.header("retry-after")), (429, Some("40")));
    assert_eq!(refusal.header("date"), Some("Thu, 01 Jan 2026 00:00:20 GMT"));
    assert_eq!(refusal.header("openai-processing-ms"), Some("15000"));
    assert!(String::from_utf8_lossy(&refusal.body).contains("Please try again in 40s."));
    accepted(&mut world, 20_000, &submit("p"));
    let (at, refusal) = waited(&mut world, 20_000, &submit("p"));
    assert_eq!((at, refusal.status, refusal.header("retry-after")), (35_000, 429, Some("45")));
}

#[test]
fn money_is_a_429_that_no_wait_ends_and_each_resend_is_bought_anew() {
    let mut world = World::new(Config { credit_micro_usd: Some(200_000), ..config() });
    let keyed = || openai(json!({"n": 2})).with_header("Idempotency-Key", "k");
    later(&mut world, 0, &keyed());
    later(&mut world, 0, &keyed());
    let (error, response) = refused(&mut world, 0, json!({"n": 2}));
    assert_eq!((&error["type"], &error["code"]), (&json!("insufficient_quota"), &json!("insufficient_quota")));
    assert_eq!((response.header("retry-after"), response.header("x-should-retry")), (None, None));
    world.advance(10_000);
    let sums: Vec<_> = world.ledger().iter().map(|charge| (charge.images, charge.amount_usd)).collect();
    assert_eq!(sums, [(2, 0.08), (2, 0.08)]);
    assert_eq!((world.stats().unpaid, world.stats().refusals), (1, 0));
    for (quota_code, status, code) in [
        (QuotaCode::CreditBalanceExhausted, 429, json!("credit_balance_exhausted")),
        (QuotaCode::OrganizationUsageLimitExceeded, 429, json!("organization_usage_limit_exceeded")),
        (QuotaCode::BillingHardLimitReached, 400, json!("billing_hard_limit_reached")),
        (QuotaCode::Null, 429, Value::Null),
    ] {
        let spent = Config { quota_code, credit_micro_usd: Some(0), should_retry: Some(false), ..config() };
        let response = at_once(&mut World::new(spent), 0, &openai(json!({})));
        assert_eq!((response.status, &json_of(&response)["error"]["code"]), (status, &code));
        assert_eq!(response.header("x-should-retry"), Some("false"));
    }
}

#[test]
fn the_content_policy_has_stages_and_degrees() {
    let blocked = |config: Config, prompt: &str| {
        let mut world = World::new(config);
        let (at, response) = waited(&mut world, 0, &openai(json!({"prompt": prompt})));
        assert_eq!(response.status, 400);
        let error = json_of(&response)["error"].clone();
        assert_eq!(error["code"], "moderation_blocked");
        assert_eq!((world.stats().failed, world.stats().invalid, world.stats().in_flight), (1, 0, 0));
        (at, error["moderation_details"].clone(), world.ledger().len())
    };
    let details = |stage: &str, category: &str| json!({"moderation_stage": stage, "categories": [category]});
    assert_eq!(blocked(config(), "a [filtered]"), (10_000, details("output", "violence"), 0));
    assert_eq!(blocked(config(), "a [filtered-hard]"), (10_000, details("output", "sexual/minors"), 0));
    let input = || Config { filter_stage: FilterStage::Input, charge_filtered: true, ..config() };
    assert_eq!(blocked(input(), "a [filtered]"), (0, details("input", "violence"), 0));
    assert_eq!(blocked(Config { filtered: 1.0, ..input() }, "a lake"), (0, details("input", "violence"), 0));
    assert_eq!(blocked(Config { charge_filtered: true, ..config() }, "a [filtered]").2, 1);
    let unknown = Config { filter_stage: FilterStage::Unknown, ..config() };
    assert_eq!(blocked(unknown, "a [filtered-hard]"), (10_000, Value::Null, 0));
    // What is turned away at the door shifts nobody else's fate.
    let mut world = World::new(Config { filtered: 0.5, seed: 3, ..input() });
    let statuses: Vec<u16> =
        (0..40).map(|turn| waited(&mut world, turn * 20_000, &openai(json!({}))).1.status).collect();
    assert!((10..30).contains(&statuses.iter().filter(|status| **status == 400).count()), "{statuses:?}");
}

#[test]
fn faults_strike_synchronous_answers_too() {
    let come = |config: Config, fields: Value| {
        let mut world = World::new(config);
        let (at, reply) = wait(&mut world, 0, &openai(fields));
        world.advance(20_000);
        (at, reply, world)
    };
    let status = |reply: &Reply| match reply {
        Reply::Answer(response) => response.status,
        _ => 0,
    };
    let (at, reply, world) = come(config(), json!({"prompt": "a [fail]"}));
    assert_eq!((at, status(&reply), world.ledger().len()), (10_000, 500, 0));
    let Reply::Answer(response) = reply else { panic!() };
    assert_eq!(json_of(&response)["error"]["code"], "server_error");
    let (at, reply, world) = come(Config { submit_503: 1.0, hint: HintMode::Seconds, ..config() }, json!({}));
    assert_eq!((at, status(&reply), world.stats().errors, world.stats().accepted), (0, 503, 1, 0));
    let Reply::Answer(response) = reply else { panic!() };
    assert_eq!(
        (&json_of(&response)["error"]["code"], response.header("retry-after")),
        (&json!("server_overloaded"), Some("1"))
    );
    let (at, reply, _) = come(Config { submit_500: 1.0, ..config() }, json!({}));
    assert_eq!((at, status(&reply)), (0, 500));

    let (at, reply, world) = come(Config { lost_answer: 1.0, ..config() }, json!({}));
    assert_eq!((at, reply, world.stats().lost), (10_000, Reply::Lost, 1));
    assert_eq!(world.ledger().iter().map(|charge| charge.delivered).collect::<Vec<_>>(), [false]);
    let (at, reply, world) = come(Config { lost_request: 1.0, ..config() }, json!({}));
    assert_eq!((at, reply, world.stats().submits), (0, Reply::Lost, 0));

    let submits = || Config { hostile_on: HostileOn::Submits, ..config() };
    let (_, reply, world) = come(Config { truncated_json: 1.0, ..submits() }, json!({}));
    let Reply::Answer(response) = reply else { panic!() };
    assert!(response.body.starts_with(b"{\"") && serde_json::from_slice::<Value>(&response.body).is_err());
    assert_eq!((world.ledger().len(), world.ledger()[0].delivered, world.stats().hostile), (1, false, 1));
    let (at, reply, world) = come(Config { html_502: 1.0, ..submits() }, json!({}));
    assert_eq!((at, status(&reply), world.ledger().len()), (10_000, 502, 1));
    let (at, reply, world) = come(Config { redirect: 1.0, ..submits() }, json!({}));
    assert_eq!((at, status(&reply), world.stats().submits), (0, 307, 0));
    let (_, reply, _) = come(Config { hostile_on: HostileOn::Polls, html_502: 1.0, ..config() }, json!({}));
    assert_eq!(status(&reply), 200);
}

#[test]
fn a_client_that_leaves_has_bought_all_the_same() {
    let mut world = World::new(config());
    let pending = later(&mut world, 0, &openai(json!({})));
    world.abandon(&pending);
    assert_eq!((world.in_flight(9999), world.in_flight(10_000)), (1, 0));
    assert_eq!((world.ledger()[0].delivered, world.stats().abandoned), (false, 1));
    assert_eq!(world.collect(10_000, &pending), Reply::Lost);
    // A new world owes nothing that the old one did.
    let mut next = world.successor(config());
    let own = later(&mut next, 0, &openai(json!({})));
    assert_eq!((next.collect(0, &pending), next.ledger().len()), (Reply::Lost, 0));
    assert!(matches!(next.collect(10_000, &own), Reply::Answer(_)));
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let run = || {
        let quick = Config { duration: Distribution::Uniform(10, 900), submit_500: 0.2, task_failure: 0.2, ..config() };
        let mut world = World::new(Config { concurrency: None, ..quick });
        (0..20).map(|turn| waited(&mut world, turn * 1000, &openai(json!({"n": 2})))).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
