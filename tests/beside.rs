//! What the lanes of one key's models tell one another.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::sim::{Act, Sim, Surroundings, client, json, options};
use tidegate::engine::{Input, Outcome};
use tidegate::error::{Axis, Code};
use tidegate::limit::{Counts, Known, LaneSnapshot, Limits, Scope, Window};
use tidegate::provider::openai::OPENAI;
use tidegate::request::ImageRequest;
use tidegate_simulator::{Config, Reply};

const ONE: &str = "gpt-image-1";
const OTHER: &str = "gpt-image-1-mini";

/// When the first submit for a model left.
fn left_at(sim: &Sim, model: &str) -> u64 {
    let named = format!("\"model\":\"{model}\"");
    let mut own = sim.submits().filter(|sent| sent.request.body.as_ref().is_some_and(|body| body.contains(&named)));
    own.next().map(|sent| sent.at).expect("a submit for this model")
}

/// A client whose models have lanes of their own.
fn sim(limits: Limits) -> Sim {
    let mut client = client(&OPENAI, 1);
    client.providers[0].limits = Limits { scope: Scope::Model, ..limits };
    Sim::new(client, Config::default(), Surroundings::default())
}

fn ask(sim: &mut Sim, at: u64, task: u32, model: &str, n: u16) {
    let mut request = Box::new(ImageRequest::new(model, "an apple"));
    request.n = n;
    let options = Box::new(options());
    sim.at(at, Act::Input(Box::new(Input::Submit { task, owner: 0, request: Ok(request), options, records: vec![] })));
}

/// An answer with so many images.
fn images(n: usize) -> Reply {
    json(200, &[], &format!("{{\"data\":[{}]}}", vec!["{\"b64_json\":\"iVBORw0KGgo=\"}"; n].join(",")))
}

/// The lane of a model.
fn lane(sim: &Sim, model: &str) -> LaneSnapshot {
    let lanes = sim.engine.lanes().enumerate();
    let mut own = lanes.filter(|(place, _)| sim.engine.lane_model(*place) == Some(model));
    own.next().map(|(_, (_, _, lane))| lane).expect("a lane of this model")
}

#[test]
fn a_window_of_the_whole_key_counts_the_images_of_all_models() {
    for (counts, used, late) in
        [(Counts::Image, 6, false), (Counts::Task, 2, false), (Counts::Image, 6, true), (Counts::Task, 2, true)]
    {
        let mut sim = sim(Limits { counts, ..Limits::default() });
        ask(&mut sim, 0, 1, ONE, 3);
        ask(&mut sim, 0, 2, ONE, 3);
        // A lane hears of the others from its first task on, and then what was before.
        if !late {
            ask(&mut sim, 0, 3, OTHER, 1);
            sim.at(1, Act::Cancel(3));
        }
        ask(&mut sim, 10_000, 4, OTHER, 1);
        // What was accepted at 0.2 s leaves a rolling minute at 60.2 s.
        sim.script = Some(Box::new(|_, now| match now {
            0..10_000 => Some(images(3)),
            10_000..60_000 => Some(json(429, &[("retry-after", "50")], "{}")),
            _ => Some(images(1)),
        }));
        sim.run_until(11_000);
        let window = Window { limit: used, used, length: 60_000, known: Known::Confirmed };
        assert_eq!(lane(&sim, OTHER).window.map(|window| Window { used, ..window }), Some(window), "{counts:?} {late}");
        sim.run();
    }
}

/// One model is refused at 0.2 s, for 20 s, in these words; when the other's submit leaves, which is asked for at 1 s.
fn other_leaves(message: &str, hint: &[(&str, &str)]) -> u64 {
    let mut sim = sim(Limits::default());
    ask(&mut sim, 0, 1, ONE, 1);
    ask(&mut sim, 1_000, 2, OTHER, 1);
    let refusal =
        json(429, hint, &format!("{{\"error\":{{\"message\":\"{message}\",\"code\":\"rate_limit_exceeded\"}}}}"));
    let mut refusals = vec![refusal].into_iter();
    sim.script = Some(Box::new(move |_, _| refusals.next().or(Some(images(1)))));
    // The other has its lane already.
    ask(&mut sim, 0, 3, OTHER, 1);
    sim.at(1, Act::Cancel(3));
    sim.run();
    assert!(matches!(sim.outcome(2), Outcome::Succeeded(_)), "{:?}", sim.outcome(2));
    left_at(&sim, OTHER)
}

#[test]
fn a_hint_for_the_whole_key_holds_all_its_models() {
    const HINT: [(&str, &str); 1] = [("retry-after", "20")];
    for words in [
        "Rate limit reached for this API key.",
        "60 requests per minute for your account",
        "Limit of 10 concurrent requests per organization exceeded",
        "The limit of your organisation is shared by all models",
        "Account-wide limit reached",
        "Requests to all models are limited",
    ] {
        let left = other_leaves(words, &HINT);
        assert!((20_200..20_500).contains(&left), "{words}: {left}");
        let left = other_leaves(words, &[]);
        assert!((1_200..1_500).contains(&left), "{words}, and nobody says how long: {left}");
    }
    for words in [
        "",
        "Rate limit reached. Visit https://platform.openai.com/account/rate-limits to learn more.",
        "Rate limit reached for gpt-image-1 in organization org-x on requests per min (RPM). Add a payment method to your account.",
        "RPM limit of this model for your account",
        "Too many requests of gpt-image-1 for this API key",
    ] {
        let left = other_leaves(words, &HINT).max(other_leaves(words, &[]));
        assert!(left < 1_100, "{words}: {left}");
    }
}

#[test]
fn whoever_checks_a_key_that_is_held_beside_hears_what_refused() {
    let mut sim = sim(Limits::default());
    ask(&mut sim, 0, 1, OTHER, 1);
    sim.at(1, Act::Cancel(1));
    ask(&mut sim, 10, 2, ONE, 1);
    let words = r#"{"error":{"message":"60 requests per minute for your account"}}"#;
    sim.script = Some(Box::new(move |_, now| match now {
        0..20_000 => Some(json(429, &[("retry-after", "20")], words)),
        _ => Some(images(1)),
    }));
    let provider = sim.engine.config().name_of(0).to_owned();
    sim.at(1_000, Act::Input(Box::new(Input::Check { task: 9, owner: 0, provider })));
    sim.run();
    let Outcome::Checked(report) = sim.outcome(9) else { panic!("{:?}", sim.outcome(9)) };
    assert_eq!((report.code, report.axis), (Some(Code::RateLimited), Some(Axis::Minute)), "{}", report.advice);
}
