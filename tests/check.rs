//! What a check finds, by free requests only.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::sim::{Act, Sim, Surroundings, client, json, options};
use tidegate::engine::{Effect, Input, KeyReport, Outcome};
use tidegate::error::{Axis, Code};
use tidegate::http::Purpose;
use tidegate::provider::Dialect;
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::{OPENAI, OPENAI_COMPATIBLE};
use tidegate_simulator::{Config, Distribution, Reply};

const CHECK: u32 = 500;

fn sim(dialect: &'static Dialect) -> Sim {
    let world = Config { duration: Distribution::Fixed(5_000), ..Config::default() };
    Sim::new(client(dialect, 4), world, Surroundings::default())
}

fn check(sim: &mut Sim, at: u64, task: u32) {
    let provider = sim.engine.config().name_of(0).to_owned();
    sim.at(at, Act::Input(Box::new(Input::Check { task, owner: 0, provider })));
}

fn report(sim: &Sim, task: u32) -> KeyReport {
    let Outcome::Checked(report) = sim.outcome(task) else { panic!("{:?}", sim.outcome(task)) };
    (**report).clone()
}

fn checks(sim: &Sim) -> usize {
    sim.sent.iter().filter(|sent| sent.purpose == Purpose::Check).count()
}

/// The report where every free request is answered so.
fn answered(dialect: &'static Dialect, reply: Reply) -> KeyReport {
    let mut sim = sim(dialect);
    sim.script = Some(Box::new(move |sent, _| (sent.purpose == Purpose::Check).then(|| reply.clone())));
    check(&mut sim, 0, CHECK);
    sim.run();
    assert_eq!((sim.submits().count(), checks(&sim), sim.world.ledger().len()), (0, 1, 0));
    report(&sim, CHECK)
}

#[test]
fn a_good_key_is_accepted_at_no_cost() {
    for (dialect, ok) in [(&HIAPI, Some(true)), (&OPENAI, Some(true)), (&OPENAI_COMPATIBLE, None)] {
        let mut sim = sim(dialect);
        check(&mut sim, 0, CHECK);
        sim.run();
        let found = report(&sim, CHECK);
        assert_eq!((found.ok, found.code, found.axis), (ok, None, None), "{}: {found:?}", dialect.name);
        assert!(found.advice.contains("only a paid call could tell"), "{}", found.advice);
        assert_eq!((sim.sent.len(), sim.world.ledger().len()), (1, 0));
        assert_eq!((sim.sent[0].request.method, sim.sent[0].request.credential), ("GET", Some(0)));
    }
}

#[test]
fn what_is_wrong_is_told_by_code_and_axis() {
    let words = |status, code: &str, message: &str| {
        json(status, &[], &format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"{message}\"}}}}"))
    };
    for (reply, ok, code, axis, advice) in [
        (words(401, "invalid_api_key", "no"), Some(false), Code::Authentication, None, "is not accepted"),
        (words(402, "x", "no"), Some(false), Code::QuotaExhausted, None, "money or credit is spent"),
        (words(403, "x", "no"), None, Code::Permission, None, "may not do this"),
        (
            words(429, "rate_limit_exceeded", "10 tasks in progress"),
            Some(false),
            Code::RateLimited,
            Some(Axis::Concurrency),
            "tasks at once",
        ),
        (
            words(429, "rate_limit_exceeded", "60 requests per minute"),
            Some(false),
            Code::RateLimited,
            Some(Axis::Minute),
            "a minute",
        ),
        (
            words(429, "rate_limit_exceeded", "the daily limit"),
            Some(false),
            Code::RateLimited,
            Some(Axis::Day),
            "day's allowance",
        ),
        (
            words(429, "rate_limit_exceeded", "slow down"),
            Some(false),
            Code::RateLimited,
            Some(Axis::Unknown),
            "doesn't name",
        ),
        (words(503, "x", "no"), None, Code::Overloaded, None, "says nothing of the key"),
        (words(404, "x", "no"), None, Code::NotFound, None, "only a paid call could"),
        (Reply::Lost, None, Code::Network, None, "could not be reached"),
        // The true status stands in the body.
        (
            json(200, &[], r#"{"code":401,"message":"bad key","data":null}"#),
            Some(false),
            Code::Authentication,
            None,
            "is not accepted",
        ),
        (json(200, &[], "[]<html>"), None, Code::Protocol, None, "only a paid call could"),
    ] {
        let found = answered(&HIAPI, reply.clone());
        assert_eq!((found.ok, found.code, found.axis), (ok, Some(code), axis), "{reply:?}: {found:?}");
        assert!(found.advice.contains(advice), "{reply:?}: {}", found.advice);
    }
    let relay = answered(
        &OPENAI,
        json(200, &[], r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#),
    );
    assert_eq!((relay.ok, relay.code), (Some(false), Some(Code::Authentication)));
    assert!(relay.advice.ends_with("(Incorrect API key provided)"), "{}", relay.advice);
}

#[test]
fn a_key_from_a_function_is_asked_for_once_more() {
    let mut config = client(&HIAPI, 4);
    config.providers[0].refreshable = true;
    let mut sim = Sim::new(config, Config::default(), Surroundings::default());
    sim.script = Some(Box::new(|_, _| Some(json(401, &[], "{}"))));
    check(&mut sim, 0, CHECK);
    sim.run();
    assert_eq!(report(&sim, CHECK).code, Some(Code::Authentication));
    let asked: Vec<bool> = sim
        .effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::Send { refresh, .. } => Some(*refresh),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [false, true]);
}

#[test]
fn where_the_lane_knows_nothing_is_sent() {
    let mut sim = sim(&HIAPI);
    sim.script = Some(Box::new(|sent, _| {
        let refusal = r#"{"error":{"code":"rate_limit_exceeded","message":"10 tasks in progress"}}"#;
        (sent.purpose == Purpose::Submit && sent.at < 10_000).then(|| json(429, &[("retry-after", "30")], refusal))
    }));
    sim.ask(0, 1, options());
    check(&mut sim, 5_000, CHECK);
    check(&mut sim, 60_000, CHECK + 1);
    sim.run();
    let found = report(&sim, CHECK);
    assert_eq!((found.ok, found.code, found.axis), (Some(false), Some(Code::RateLimited), Some(Axis::Concurrency)));
    assert!(found.advice.contains("nothing was sent"), "{}", found.advice);
    assert_eq!((report(&sim, CHECK + 1).ok, checks(&sim)), (Some(true), 1));
}

#[test]
fn what_headers_say_is_used_up_is_told_as_that() {
    for (reset, axis, words) in
        [("40", Axis::Minute, "a minute is used up"), ("36000", Axis::Day, "day's allowance is used up")]
    {
        let mut sim = sim(&HIAPI);
        let fields = format!("\"default\";r=0;t={reset}");
        sim.script = Some(Box::new(move |sent, _| {
            let headers = [("ratelimit", fields.as_str()), ("ratelimit-policy", "\"default\";q=60;w=60")];
            let accepted = r#"{"code":200,"data":{"taskId":"tk-1"}}"#;
            (sent.purpose == Purpose::Submit).then(|| json(200, &headers, accepted))
        }));
        sim.ask(0, 1, options());
        check(&mut sim, 1_000, CHECK);
        sim.run_until(2_000);
        let found = report(&sim, CHECK);
        assert_eq!((found.ok, found.code, found.axis), (Some(false), Some(Code::RateLimited), Some(axis)));
        assert!(found.advice.contains(words) && found.advice.contains("nothing was sent"), "{}", found.advice);
    }
}

#[test]
fn a_good_key_without_money_is_told_by_the_last_submit() {
    let mut sim = sim(&HIAPI);
    sim.script = Some(Box::new(|sent, _| {
        (sent.purpose == Purpose::Submit && sent.at < 30_000)
            .then(|| json(402, &[], r#"{"message":"insufficient balance"}"#))
    }));
    sim.ask(0, 1, options());
    check(&mut sim, 5_000, CHECK);
    sim.ask(40_000, 2, options());
    check(&mut sim, 60_000, CHECK + 1);
    sim.run();
    let found = report(&sim, CHECK);
    assert_eq!((found.ok, found.code), (Some(false), Some(Code::QuotaExhausted)));
    assert_eq!(report(&sim, CHECK + 1).ok, Some(true), "what was bought since says otherwise");
}

#[test]
fn told_limits_are_in_the_report() {
    let mut sim = sim(&HIAPI);
    check(&mut sim, 0, CHECK);
    sim.run();
    assert_eq!(report(&sim, CHECK).limits, Some(tidegate::limit::Limits::told(4)));
}

#[test]
fn an_unknown_provider_and_a_closed_client_are_errors() {
    let mut sim = sim(&HIAPI);
    sim.at(0, Act::Input(Box::new(Input::Check { task: 1, owner: 0, provider: String::from("nobody") })));
    check(&mut sim, 0, 2);
    sim.at(1, Act::Close);
    check(&mut sim, 2, 3);
    sim.run();
    let Outcome::Failed(error, None) = sim.outcome(1) else { panic!("{:?}", sim.outcome(1)) };
    assert_eq!((error.code, error.param.as_deref()), (Code::InvalidRequest, Some("provider")));
    for task in [2, 3] {
        assert!(matches!(sim.outcome(task), Outcome::Cancelled(..)), "{:?}", sim.outcome(task));
    }
}
