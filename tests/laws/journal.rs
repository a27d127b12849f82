//! Laws 6 and 7: written down before it is sent, and an unknown outcome is never resent without a key.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tidegate::engine::{Effect, Engine, Input};
use tidegate::error::Code;
use tidegate::http::{Answer, Body, Purpose};
use tidegate::journal::{Record, Stage};
use tidegate::json::ObjectBuilder;
use tidegate::provider::Dialect;
use tidegate::provider::hiapi::HIAPI;
use tidegate::request::ImageRequest;
use tidegate::task::PartId;
use tidegate::time::Instant;
use tidegate_simulator::{Config, Distribution};

use crate::support::audit;
use crate::support::scenario::{Habits, Scenario, anything, cases};
use crate::support::sim::{Act, Plan, Sim, Surroundings, client, json, options};
use crate::support::store::{of_a_lane, parse};

/// HiAPI as it would be without idempotency keys.
static KEYLESS: Dialect = Dialect { name: "keyless", idempotency: None, ..HIAPI };

const EVERYTHING: Habits = Habits { tasks: 10, cancels: true, impatience: true, pauses: true, images: 2, owners: 1 };

/// Each submit left after its record was durable, unless the store failed; `submitted` follows each answer.
fn written_before_sent(sim: &Sim) {
    let mut planned = BTreeSet::new();
    let mut submitted = BTreeSet::new();
    for (_, effect) in &sim.effects {
        match effect {
            Effect::Store { key, record, .. } if !of_a_lane(key) => {
                let record = parse(record);
                match record.stage {
                    Stage::Planned => planned.insert(record.body.clone()),
                    Stage::Submitted | Stage::Delivered => submitted.insert(record.task_id.clone().unwrap()),
                };
            }
            Effect::Send { purpose: Purpose::Submit, request, .. } => {
                let body = request.body.as_ref().unwrap();
                assert!(planned.contains(body), "sent before it was written down: {body}");
            }
            Effect::Send { purpose: Purpose::Poll, request, .. } => {
                let id = request.url.rsplit('/').next().unwrap();
                assert!(submitted.contains(id), "asked after before it was written down: {id}");
            }
            _ => {}
        }
    }
}

/// Six tasks, one of two images, one cancelled, at a provider that loses some answers: everything that a crash can fall between.
fn busy(dialect: &'static Dialect, seed: u64, crash_at: Option<u64>) -> Sim {
    let world = Config {
        seed,
        concurrency: Some(2),
        duration: Distribution::Uniform(1_000, 4_000),
        lost_answer: 0.3,
        lost_request: 0.15,
        submit_503: 0.1,
        task_failure: 0.1,
        processing_window_ms: 800,
        ..Config::default()
    };
    let around = Surroundings { rtt: (50, 300), store: (5, 60), hangs: 0.2, seed, ..Surroundings::default() };
    let mut sim = Sim::new(client(dialect, 2), world, around);
    sim.crash_at = crash_at;
    for task in 0..6 {
        let mut call = options();
        call.timeout = Some(5_000);
        if task == 4 {
            call.idempotency_key = Some(String::from("the caller's own").replace([' ', '\''], "-"));
        }
        sim.at(
            u64::from(task) * 150,
            Act::Submit(Plan { task, owner: 0, n: if task == 2 { 2 } else { 1 }, options: call }),
        );
    }
    sim.at(1_200, Act::Cancel(3));
    sim
}

fn at_every_boundary(dialect: &'static Dialect, check: fn(&Sim)) {
    for seed in 1..4 {
        let mut whole = busy(dialect, seed, None);
        whole.run();
        audit::rest(&whole);
        audit::money(&whole);
        check(&whole);
        for boundary in 1..=whole.boundaries {
            let mut sim = busy(dialect, seed, Some(boundary));
            sim.run();
            audit::rest(&sim);
            audit::money(&sim);
            check(&sim);
        }
    }
}

/// What was sent and not answered for certain: without a key it may never be sent again.
fn nothing_unknown_is_resent(sim: &Sim) {
    only_resent_after(sim, &[429, 503]);
}

/// Only these statuses say that nothing came of a submit.
pub fn only_resent_after(sim: &Sim, statuses: &[u16]) {
    let mut unknown: Vec<(u64, &str, u16)> = Vec::new();
    for sent in sim.submits() {
        let index = sent.part.index;
        let twice = unknown.iter().any(|(_, prompt, other)| *prompt == sent.prompt && *other == index);
        assert!(!twice, "resent without a key: {sent:?}");
        let free = sent.answer.is_some_and(|heard| statuses.contains(&heard.status));
        if !free {
            unknown.push((sent.at, &sent.prompt, index));
        }
    }
}

#[test]
fn a_crash_at_any_boundary_loses_and_doubles_nothing() {
    at_every_boundary(&HIAPI, |_| {});
}

#[test]
fn without_keys_a_crash_at_any_boundary_pays_nothing_twice() {
    at_every_boundary(&KEYLESS, nothing_unknown_is_resent);
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn records_come_first(scenario in anything(EVERYTHING)) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        written_before_sent(&sim);
        audit::money(&sim);
    }

    /// `Send` waits for the acknowledgement, however long the store takes.
    #[test]
    fn sending_waits_for_the_store(store in 0..3_000u64, tasks in 1..12u32) {
        let around = Surroundings { store: (store, store), ..Surroundings::default() };
        let mut sim = Sim::new(client(&HIAPI, 4), Config::default(), around);
        (0..tasks).for_each(|task| sim.ask(0, task, options()));
        sim.run();
        prop_assert!(sim.submits().all(|sent| sent.at >= store));
        audit::rest(&sim);
    }

    #[test]
    fn a_crash_anywhere_in_anything(scenario in anything(EVERYTHING), place in 0.0..1.0f64) {
        let mut whole = scenario.sim(&HIAPI);
        whole.run();
        let mut sim = durable(&scenario).sim(&HIAPI);
        sim.crash_at = Some(1 + (place * whole.boundaries as f64) as u64);
        sim.run();
        audit::rest(&sim);
        audit::money(&sim);
    }

    #[test]
    fn unknown_stays_unknown_without_keys(scenario in anything(EVERYTHING), place in 0.0..2.0f64) {
        let mut whole = scenario.sim(&KEYLESS);
        whole.run();
        nothing_unknown_is_resent(&whole);
        audit::money(&whole);
        let mut sim = durable(&scenario).sim(&KEYLESS);
        sim.crash_at = Some(1 + (place * whole.boundaries as f64) as u64);
        sim.run();
        nothing_unknown_is_resent(&sim);
        audit::money(&sim);
    }
}

/// A crash is survived by what the store has: nobody promises more for a store that failed, and said so.
pub fn durable(scenario: &Scenario) -> Scenario {
    Scenario { around: Surroundings { store_fails: 0.0, ..scenario.around.clone() }, ..scenario.clone() }
}

/// A key that the provider has forgotten buys again: what is in doubt for longer is told and not resent.
#[test]
fn a_key_is_not_trusted_beyond_the_providers_memory() {
    let mut sim = Sim::new(
        client(&HIAPI, 1),
        Config { duration: Distribution::Fixed(1_000), ..Config::default() },
        Surroundings::default(),
    );
    let mut submits = 0;
    sim.script = Some(Box::new(move |sent, _| {
        submits += u32::from(sent.purpose == Purpose::Submit);
        match (sent.purpose, submits) {
            (Purpose::Submit, 2) => Some(json(429, &[("retry-after", "86400")], "{}")),
            _ => None,
        }
    }));
    sim.lose_answer(1);
    let mut patient = options();
    (patient.max_wait, patient.deadline) = (u64::MAX, u64::MAX);
    sim.ask(0, 1, patient);
    sim.run();
    assert_eq!(sim.submits().count(), 2);
    assert_eq!(audit::code(sim.outcome(1)), Some(Code::UnknownOutcome));
    audit::money(&sim);
    audit::rest(&sim);
}

/// The same over a night without the process.
#[test]
fn a_record_is_replayed_only_while_its_key_counts() {
    for (hours, submits) in [(1, 2), (25, 1)] {
        let mut sim = Sim::new(
            client(&HIAPI, 1),
            Config { duration: Distribution::Fixed(1_000), ..Config::default() },
            Surroundings::default(),
        );
        sim.down_for = hours * 3_600_000;
        sim.ask(0, 1, options());
        sim.at(150, Act::Crash);
        sim.run();
        assert_eq!(sim.submits().count(), submits, "after {hours} hours");
        assert_eq!(sim.world.ledger().len(), 1);
        let unknown = sim.settled.iter().any(|end| audit::code(&end.outcome) == Some(Code::UnknownOutcome));
        assert_eq!(unknown, submits == 1);
        audit::money(&sim);
    }
}

/// The engine that sent is gone, the connection is not: its answer is waited for, and nothing is sent again.
fn an_adopted_submit_is_heard_out(dialect: &'static Dialect) {
    let (now, wall) = (Instant::from_millis(1_000), 1_795_309_783_000);
    let mut engine = Engine::new(client(dialect, 1), 7);
    let record = Record {
        stage: Stage::Planned,
        task_key: String::from("tg-1"),
        key: String::from("tg-1"),
        index: 0,
        parts: 1,
        provider: engine.config().providers[0].name.clone(),
        model: String::from("m"),
        requested_model: String::from("m"),
        body: String::from("{}"),
        edit: false,
        count: 1,
        unsent: false,
        planned_at: wall - 500,
        submitted_at: None,
        finished_at: None,
        images: Vec::new(),
        expires_at: None,
        fingerprint: None,
        task_id: None,
        poll_url: None,
        metadata: Vec::new(),
    };
    let mut call = options();
    call.idempotency_key = Some(String::from("tg-1"));
    let request = Ok(Box::new(ImageRequest::new("m", "p")));
    engine.handle(now, wall, Input::Adopt { call: 41, part: PartId { task: 1, index: 0 } });
    let again = Input::Submit { task: 1, owner: 0, request, options: Box::new(call), records: vec![record] };
    engine.handle(now, wall, again);
    let body = Body::Json(ObjectBuilder::new().with("taskId", "tk-1").build());
    engine.handle(now, wall, Input::Answer { call: 41, answer: Answer { status: 200, headers: Vec::new(), body } });
    engine.handle(now.after(600), wall + 600, Input::Wake { owner: 0 });
    let effects: Vec<Effect> = std::iter::from_fn(|| engine.poll(0)).collect();
    let sent: Vec<(u64, Purpose)> = effects
        .iter()
        .filter_map(
            |effect| if let Effect::Send { call, purpose, .. } = effect { Some((*call, *purpose)) } else { None },
        )
        .collect();
    assert_eq!(sent, [(42, Purpose::Poll)], "a poll for what was adopted, under a number of its own");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Settle { .. })));
}

#[test]
fn a_submit_on_the_wire_outlives_its_engine() {
    an_adopted_submit_is_heard_out(&HIAPI);
    an_adopted_submit_is_heard_out(&KEYLESS);
}
