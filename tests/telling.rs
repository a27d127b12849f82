//! What people hear of tries that fail: a line in the log and an update for each, and an error that says where and how often.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::audit;
use support::sim::{Sent, Sim, Surroundings, client, json, options};
use tidegate::engine::{Effect, Outcome, Update};
use tidegate::error::{Billed, Code, Error};
use tidegate::http::Purpose;
use tidegate::limit::Limits;
use tidegate::options::{CallOptions, Priority};
use tidegate::provider::Dialect;
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::OPENAI;
use tidegate_simulator::{Config, Distribution, Reply};

/// A world that answers this way as long as it has answers, and then as it likes.
fn sim(dialect: &'static Dialect, purpose: Purpose, answers: Vec<Reply>) -> Sim {
    let world = Config { duration: Distribution::Fixed(3_000), ..Config::default() };
    let mut sim = Sim::new(client(dialect, 4), world, Surroundings::default());
    let mut answers = answers.into_iter();
    sim.script = Some(Box::new(move |sent: &Sent, _| if sent.purpose == purpose { answers.next() } else { None }));
    sim
}

fn lines(sim: &Sim) -> Vec<&str> {
    let told = sim.effects.iter().filter_map(|(_, effect)| match effect {
        Effect::Inform { message } => Some(message.as_str()),
        _ => None,
    });
    told.collect()
}

/// When the caller heard of a try in vain: status, number, how much later the next one was said to be, and why.
fn retries(sim: &Sim) -> Vec<(u64, &'static str, u32, u64, Code)> {
    let epoch = sim.wall() - sim.now;
    let told = sim.effects.iter().filter_map(|(at, effect)| match effect {
        Effect::Update { update: Update::Retrying { status, attempt, until, error, .. }, .. } => {
            Some((*at, *status, *attempt, until - epoch - at, error.code))
        }
        _ => None,
    });
    told.collect()
}

fn failure(sim: &Sim) -> &Error {
    let Outcome::Failed(error, _) = sim.outcome(1) else { panic!("{:?}", sim.outcome(1)) };
    error
}

#[test]
fn a_submit_that_fails_is_told_with_its_number_and_when_it_goes_again() {
    let mut sim = sim(
        &HIAPI,
        Purpose::Submit,
        vec![json(503, &[], r#"{"code":503,"error_code":"busy","message":"No room."}"#), Reply::Lost],
    );
    sim.ask(0, 1, options());
    sim.run();
    audit::rest(&sim);
    assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)));
    let said = lines(&sim);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with("No room. (503 from POST http://127.0.0.1:8787/v1/tasks, try 1 of 6); again in "),
        "{said:?}"
    );
    assert!(said[1].contains(" (POST http://127.0.0.1:8787/v1/tasks, try 2 of 6); again in "), "{said:?}");
    let told = retries(&sim);
    assert_eq!(
        told.iter().map(|(_, status, attempt, ..)| (*status, *attempt)).collect::<Vec<_>>(),
        [("waiting", 1), ("submitting", 2)]
    );
    let submits: Vec<u64> = sim.submits().map(|sent| sent.at).collect();
    for ((at, _, _, left, _), next) in told.iter().zip(&submits[1..]) {
        assert!((at + left..at + left + 500).contains(next), "{told:?} {submits:?}");
    }
}

#[test]
fn a_server_that_is_silent_shows_life_and_its_error_says_where_and_how_often() {
    let mut sim = sim(&HIAPI, Purpose::Submit, vec![Reply::Lost; 99]);
    let mut call = options();
    (call.timeout, call.retry.max_retries) = (Some(5_000), 2);
    sim.ask(0, 1, call);
    sim.run();
    let said = lines(&sim);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[2].ends_with(", try 3 of 3); not tried again"), "{said:?}");
    assert_eq!(retries(&sim).len(), 2);
    let error = failure(&sim);
    assert_eq!((error.code, error.billed), (Code::UnknownOutcome, Billed::Unknown));
    assert!(error.message.ends_with(" (POST http://127.0.0.1:8787/v1/tasks, tried 3 times)"), "{}", error.message);
}

#[test]
fn a_refusal_is_told_without_a_number_for_it_spends_none() {
    let mut sim = sim(&HIAPI, Purpose::Submit, vec![json(429, &[("retry-after", "3")], "{}")]);
    sim.ask(0, 1, options());
    sim.run();
    let said = lines(&sim);
    assert_eq!(
        said,
        [
            "The provider refused the request for its rate limit. (429 from POST http://127.0.0.1:8787/v1/tasks); waits for its turn"
        ]
    );
    assert!(retries(&sim).is_empty(), "what it waits for is told as waiting");
}

#[test]
fn polls_in_vain_are_told_and_the_task_goes_on() {
    let mut sim = sim(&HIAPI, Purpose::Poll, vec![json(500, &[], "{}"), json(502, &[], "{}")]);
    sim.ask(0, 1, options());
    sim.run();
    assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)));
    let said = lines(&sim);
    assert_eq!(said.len(), 2, "{said:?}");
    let poll = sim.sent.iter().find(|sent| sent.purpose == Purpose::Poll).unwrap();
    let id = poll.request.url.rsplit_once('/').unwrap().1;
    assert!(
        said[0].contains(&format!(" (500 from GET http://127.0.0.1:8787/v1/tasks/{id}, try 1); again in ")),
        "{said:?}"
    );
    assert!(said[1].contains(", try 2); again in "), "{said:?}");
    assert!(retries(&sim).iter().all(|(_, status, ..)| ["queued", "processing"].contains(status)));
}

#[test]
fn a_wrong_path_asks_whether_the_address_is_right() {
    for dialect in [&HIAPI, &OPENAI] {
        let mut sim = sim(dialect, Purpose::Submit, vec![json(404, &[], "{}"); 9]);
        sim.ask(0, 1, options());
        sim.run();
        let error = failure(&sim);
        assert_eq!((error.code, error.billed), (Code::NotFound, Billed::No));
        assert!(
            error.message.contains("is the baseURL right? (404 from POST http://127.0.0.1:8787/v1/"),
            "{}",
            error.message
        );
    }
}

#[test]
fn a_status_that_is_not_known_is_told_once() {
    let unknown = || json(200, &[], r#"{"code":200,"data":{"taskId":"tk-1","status":"pondering"}}"#);
    let known = json(200, &[], r#"{"code":200,"data":{"taskId":"tk-1","status":"handling"}}"#);
    let mut sim = sim(&HIAPI, Purpose::Poll, vec![known, unknown(), unknown()]);
    (1..=3).for_each(|task| sim.ask(0, task, options()));
    sim.run();
    let warnings: Vec<&String> = sim
        .effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::Warn { message } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("hiapi says \"pondering\""), "{warnings:?}");
}

#[test]
fn an_answer_without_an_image_names_what_it_has() {
    let done = json(
        200,
        &[],
        r#"{"code":200,"data":{"taskId":"tk-1","status":"success","pictures":["https://x.example/1.png"]}}"#,
    );
    let mut sim = sim(&HIAPI, Purpose::Poll, vec![done]);
    sim.ask(0, 1, options());
    sim.run();
    let error = failure(&sim);
    assert_eq!(error.code, Code::EmptyResult);
    assert!(
        error.message.contains("Looked for") && error.message.contains("data.pictures, data.status"),
        "{}",
        error.message
    );
}

#[test]
fn a_bound_of_ones_own_is_told_as_one() {
    let world = Config { duration: Distribution::Fixed(20_000), ..Config::default() };
    let mut sim = Sim::new(client(&HIAPI, 1), world, Surroundings::default());
    (2..=4).for_each(|task| sim.ask(0, task, options()));
    let hasty = CallOptions { max_wait: 30_000, priority: Priority::Batch, ..options() };
    sim.ask(0, 1, hasty);
    sim.run();
    let error = failure(&sim);
    assert_eq!((error.code, error.billed, error.code.retryable()), (Code::QueueTimeout, Billed::No, true));
    assert!(error.message.starts_with("Waited 30 s for a turn (`maxWait`), with 1 ahead"), "{}", error.message);
    assert!(error.retry_after.is_some_and(|wait| (20_000..=120_000).contains(&wait)), "{:?}", error.retry_after);
    assert!(error.attempts.is_empty());
}

#[test]
fn a_days_allowance_that_is_spent_ends_whoever_looks_and_no_batch() {
    let mut config = client(&HIAPI, 4);
    config.providers[0].limits = Limits { rpd: Some(2), ..Limits::told(4) };
    let world = Config { duration: Distribution::Fixed(3_000), ..Config::default() };
    let mut sim = Sim::new(config, world, Surroundings::default());
    let batch = CallOptions { priority: Priority::Batch, ..options() };
    (2..=4).for_each(|task| sim.ask(0, task, batch.clone()));
    sim.ask(60_000, 1, options());
    sim.run();
    let error = failure(&sim);
    assert_eq!(error.code, Code::RateLimited);
    assert!(error.retry_after > Some(23 * 3_600_000) && error.message.contains("maxRetryAfter"), "{error:?}");
    let end = sim.settled.iter().find(|end| end.task == 1).unwrap().at;
    assert!(end < 61_000, "{end}");
    assert!((2..=4).all(|task| matches!(sim.outcome(task), Outcome::Succeeded(_))));
}
