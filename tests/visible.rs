//! What callers see of admission: why a task waits and until when, what a lane believes, and that it says when it gives up.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::audit;
use support::sim::{Act, Sim, Surroundings, client, json, options};
use tidegate::engine::{Effect, Outcome, Update};
use tidegate::error::Code;
use tidegate::http::Purpose;
use tidegate::limit::Limits;
use tidegate::options::{CallOptions, Priority};
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::{Config, Distribution};

fn sim(limits: Limits) -> Sim {
    let mut config = client(&HIAPI, 4);
    config.providers[0].limits = limits;
    let world = Config { duration: Distribution::Fixed(3_000), concurrency: Some(50), ..Config::default() };
    Sim::new(config, world, Surroundings::default())
}

fn patient() -> CallOptions {
    CallOptions { max_wait: u64::MAX, priority: Priority::Batch, ..options() }
}

/// Every word of waiting that was said to a task: when, why, and until when from then.
fn waits(sim: &Sim, task: u32) -> Vec<(u64, &'static str, Option<u64>)> {
    let told = sim.effects.iter().filter_map(|(at, effect)| match effect {
        Effect::Update { task: of, update: Update::Waiting { reason, until, .. } } if *of == task => {
            Some((*at, *reason, until.map(|until| until - (sim.wall() - sim.now) - at)))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn a_told_window_is_named_with_its_end() {
    let mut sim = sim(Limits { rpm: Some(5), ..Limits::told(50) });
    (1..=8).for_each(|task| sim.ask(0, task, patient()));
    sim.run();
    audit::rest(&sim);
    let said = waits(&sim, 6);
    let (at, reason, left) = *said.last().unwrap();
    assert_eq!(reason, "window", "{said:?}");
    assert!(at < 1_000 && (59_000..=61_000).contains(&left.unwrap()), "{said:?}");
    let sent = sim.submits().find(|sent| sent.part.task == 6).unwrap().at;
    assert!(
        sent >= at + left.unwrap() && sent <= at + left.unwrap() + 500,
        "it was told the truth: {sent} after {said:?}"
    );
}

#[test]
fn a_days_allowance_is_named_as_such() {
    let mut sim = sim(Limits { rpd: Some(3), ..Limits::told(50) });
    (1..=4).for_each(|task| sim.ask(0, task, patient()));
    sim.run();
    let said = waits(&sim, 4);
    let (_, reason, left) = *said.last().unwrap();
    assert_eq!(reason, "day", "{said:?}");
    assert!(left.unwrap() > 23 * 3_600_000, "{said:?}");
    assert!(matches!(sim.outcome(4), Outcome::Succeeded(_)), "and it waits for it");
}

#[test]
fn a_paused_batch_says_so_and_sends_nothing() {
    let mut sim = sim(Limits::told(1));
    let batch = CallOptions { batch: Some(9), ..patient() };
    (1..=3).for_each(|task| sim.ask(0, task, batch.clone()));
    sim.at(1_000, Act::Pause(9, true));
    sim.at(60_000, Act::Pause(9, false));
    sim.run();
    audit::rest(&sim);
    assert_eq!(
        waits(&sim, 3).iter().map(|(_, reason, _)| *reason).collect::<Vec<_>>(),
        ["concurrency", "paused", "concurrency"]
    );
    assert!(sim.submits().all(|sent| sent.at < 1_000 || sent.at >= 60_000), "nothing leaves while it is paused");
}

#[test]
fn a_lane_that_gives_up_says_so_once() {
    let mut sim = sim(Limits::default());
    sim.script = Some(Box::new(|sent, _| {
        let refusal = r#"{"error":{"code":"rate_limit_exceeded","message":"no"}}"#;
        (sent.purpose == Purpose::Submit).then(|| json(429, &[], refusal))
    }));
    (1..=20).for_each(|task| sim.ask(0, task, patient()));
    sim.run();
    audit::rest(&sim);
    let said: Vec<&String> = sim
        .effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::Warn { message } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("hiapi") && said[0].contains("again and again"), "{said:?}");
    for task in 1..=20 {
        assert_eq!(audit::code(sim.outcome(task)), Some(Code::RateLimited));
        let Outcome::Failed(error, None) = sim.outcome(task) else { panic!("{:?}", sim.outcome(task)) };
        assert!(error.message.contains("used up elsewhere"), "{}", error.message);
    }
}
