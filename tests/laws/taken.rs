//! Law 13: what was bought has been taken, or is found again. Whatever a loop, a caller or a process does, the simulator's ledger is the judge.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tidegate::engine::{Effect, Input, Outcome};
use tidegate::error::{Billed, Code};
use tidegate::journal::DELIVERED_LIFE;
use tidegate::provider::Dialect;
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::{CREATIVEAI, OPENAI};
use tidegate_simulator::{Charge, Config, Distribution};

use crate::support::audit;
use crate::support::scenario::{Habits, Scenario, acts, anything, cases, durations, surroundings};
use crate::support::sim::{Act, Plan, Sim, Surroundings, client, json, options};
use crate::support::store::{parse, prompt, request};

const WORK: Habits = Habits { tasks: 10, cancels: true, impatience: false, pauses: true, images: 3, owners: 1 };

/// What callers do with their results, one after the other: take them at once, late or never, or leave while they are made.
#[derive(Clone, Debug)]
enum Consumer {
    Takes,
    TakesAfter(u64),
    Never,
    LeavesAt(u64),
}

fn consumers() -> impl Strategy<Value = Vec<Consumer>> {
    let one = prop_oneof![
        1 => Just(Consumer::Takes),
        2 => (0..30_000u64).prop_map(Consumer::TakesAfter),
        2 => Just(Consumer::Never),
        2 => (0..30_000u64).prop_map(Consumer::LeavesAt),
    ];
    prop::collection::vec(one, 10)
}

fn set_up(sim: &mut Sim, consumers: &[Consumer]) {
    for (task, consumer) in consumers.iter().enumerate() {
        let task = task as u32;
        let habit = match consumer {
            Consumer::Takes => continue,
            Consumer::TakesAfter(delay) => Some(*delay),
            Consumer::Never => None,
            Consumer::LeavesAt(at) => {
                sim.at(*at, Act::Leave(task));
                None
            }
        };
        sim.slow.insert(task, habit);
    }
}

/// A world in which nothing goes wrong but what applications do.
fn calm() -> impl Strategy<Value = Scenario> {
    (any::<u64>(), durations(), surroundings(), 1..5u32, acts(WORK)).prop_map(
        |(seed, duration, around, limit, acts)| {
            let world = Config { seed, duration, least_pixels: 1, concurrency: Some(limit), ..Config::default() };
            let around = Surroundings { store_fails: 0.0, hangs: 0.0, ..around };
            Scenario { world, around, limit, learns: false, acts }
        },
    )
}

fn is_taken(sim: &Sim, charge: &Charge) -> bool {
    sim.taken.iter().any(|(prompt, success)| {
        let of_task = |url: &String| audit::task_in(url).as_ref() == Some(&charge.task_id);
        // Images that came in the answer itself have no address to know them by.
        success.images.iter().any(|image| image.url.as_ref().map_or(*prompt == charge.prompt, of_task))
    })
}

/// Whether the client's list of what is unfinished or not taken names it.
fn is_listed(sim: &Sim, charge: &Charge) -> bool {
    let listed: BTreeSet<String> =
        sim.store.pending_at(sim.wall()).into_iter().flat_map(|pending| pending.parts).map(|part| part.key).collect();
    let records = sim.store.all().into_iter().filter(|record| listed.contains(&record.key));
    records.into_iter().any(|record| {
        let same_task = record.task_id.as_ref() == Some(&charge.task_id);
        let same_prompt = record.task_id.is_none() && prompt(&record.body) == charge.prompt;
        same_task || same_prompt || charge.idempotency_key.as_ref() == Some(&record.key)
    })
}

/// The law.
fn bought_is_taken_or_listed(sim: &Sim) {
    for charge in sim.world.ledger() {
        assert!(is_taken(sim, charge) || is_listed(sim, charge), "bought and lost: {charge:?}\n{:#?}", sim.store);
    }
}

/// Goes on with all that is listed, until nothing is.
fn resume(sim: &mut Sim) {
    for _ in 0..3 {
        sim.at(sim.now, Act::ResumeAll);
        sim.run_on();
    }
    assert!(sim.store.pending_at(sim.wall()).is_empty(), "still listed: {:?}", sim.store);
}

fn whoever_resumes_has_it_all(dialect: &'static Dialect, scenario: &Scenario, consumers: &[Consumer]) {
    let mut sim = scenario.sim(dialect);
    set_up(&mut sim, consumers);
    sim.run_on();
    audit::rest(&sim);
    audit::money(&sim);
    bought_is_taken_or_listed(&sim);
    let bought = sim.world.ledger().len();
    resume(&mut sim);
    assert_eq!(sim.world.ledger().len(), bought, "to go on with something buys nothing");
    for charge in sim.world.ledger() {
        assert!(is_taken(&sim, charge), "listed and not delivered: {charge:?}\n{:#?}", sim.settled);
    }
    audit::rest(&sim);
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn in_one_process_all_that_was_bought_is_delivered(scenario in calm(), consumers in consumers()) {
        whoever_resumes_has_it_all(&HIAPI, &scenario, &consumers);
    }

    #[test]
    fn from_memory_where_the_provider_keeps_nothing(scenario in calm(), consumers in consumers()) {
        whoever_resumes_has_it_all(&OPENAI, &scenario, &consumers);
    }

    #[test]
    fn and_by_its_address_where_there_is_one(scenario in calm(), consumers in consumers()) {
        whoever_resumes_has_it_all(&CREATIVEAI, &scenario, &consumers);
    }

    #[test]
    fn a_crash_anywhere_loses_nothing_that_the_provider_still_has(
        scenario in calm(),
        consumers in consumers(),
        place in 0.0..1.0f64,
    ) {
        let mut whole = scenario.sim(&HIAPI);
        set_up(&mut whole, &consumers);
        whole.run_on();
        let mut sim = scenario.sim(&HIAPI);
        set_up(&mut sim, &consumers);
        sim.crash_at = Some(1 + (place * whole.boundaries as f64) as u64);
        sim.run_on();
        audit::money(&sim);
        bought_is_taken_or_listed(&sim);
        resume(&mut sim);
        for charge in sim.world.ledger() {
            prop_assert!(is_taken(&sim, charge), "listed and not delivered: {:?}", charge);
        }
    }

    /// Faults of all kinds, and a crash: what is neither taken nor listed has been told as an error that may have cost money.
    #[test]
    fn nothing_is_silent_in_any_world(scenario in anything(Habits { impatience: true, ..WORK }), consumers in consumers(), place in 0.0..2.0f64) {
        for dialect in [&HIAPI, &OPENAI, &CREATIVEAI] {
            let world = Config { least_pixels: 1, ..scenario.world.clone() };
            let around = Surroundings { store_fails: 0.0, ..scenario.around.clone() };
            let scenario = Scenario { world, around, ..scenario.clone() };
            let mut whole = scenario.sim(dialect);
            set_up(&mut whole, &consumers);
            whole.run_on();
            silent(&whole);
            let mut sim = scenario.sim(dialect);
            set_up(&mut sim, &consumers);
            sim.crash_at = Some(1 + (place * whole.boundaries as f64) as u64);
            sim.run_on();
            silent(&sim);
            audit::rest(&sim);
        }
    }
}

fn silent(sim: &Sim) {
    for charge in sim.world.ledger() {
        let told = sim.settled.iter().any(|end| {
            end.prompt == charge.prompt
                && match &end.outcome {
                    Outcome::Succeeded(success) => success.failures.iter().any(|(_, error)| error.billed != Billed::No),
                    outcome => audit::billed(outcome) != Some(Billed::No),
                }
        });
        assert!(
            told || is_taken(sim, charge) || is_listed(sim, charge),
            "bought and lost: {charge:?}\n{:#?}",
            sim.store
        );
    }
}

fn small(duration: u64) -> Config {
    Config { duration: Distribution::Fixed(duration), least_pixels: 1, ..Config::default() }
}

/// Three pictures that nobody takes.
fn unread(dialect: &'static Dialect) -> Sim {
    let mut sim = Sim::new(client(dialect, 4), small(2_000), Surroundings::default());
    for task in 1..=3 {
        sim.slow.insert(task, None);
        sim.ask(0, task, options());
    }
    sim
}

#[test]
fn another_process_hears_that_it_is_paid_for_and_gone() {
    let mut sim = unread(&OPENAI);
    sim.run_on();
    assert_eq!((sim.settled.len(), sim.held.len(), sim.store.pending().len()), (3, 3, 3));
    sim.at(sim.now, Act::Crash);
    sim.run_on();
    assert_eq!((sim.taken.len(), sim.world.ledger().len()), (0, 3));
    for end in &sim.settled[3..] {
        assert_eq!((audit::code(&end.outcome), audit::billed(&end.outcome)), (Some(Code::Expired), Some(Billed::Yes)));
        let Outcome::Failed(error, _) = &end.outcome else { panic!("{end:?}") };
        assert!(error.message.contains("paid for") && error.message.contains("keeps no images"), "{}", error.message);
    }
    assert_eq!(sim.settled.len(), 6);
    assert!(sim.store.records.is_empty(), "told once: {:?}", sim.store);
}

#[test]
fn another_process_fetches_it_from_its_address() {
    let mut sim = unread(&CREATIVEAI);
    sim.run_on();
    sim.at(sim.now, Act::Crash);
    sim.run_on();
    assert_eq!((sim.taken.len(), sim.world.ledger().len()), (3, 3));
    assert!(sim.store.records.is_empty());
}

#[test]
fn what_is_taken_at_once_is_never_written_down_as_finished() {
    let mut sim = Sim::new(client(&HIAPI, 4), small(2_000), Surroundings::default());
    sim.ask(0, 1, options());
    sim.run_on();
    let written = sim.effects.iter().filter_map(|(_, effect)| match effect {
        Effect::Store { record, .. } if record.contains("\"stage\"") => Some(parse(record).finished_at),
        _ => None,
    });
    assert_eq!(written.collect::<Vec<_>>(), [None, None], "planned, submitted and no more");
}

#[test]
fn what_nobody_comes_for_is_forgotten_after_a_day() {
    let mut sim = unread(&OPENAI);
    sim.run_on();
    sim.ask(sim.now + DELIVERED_LIFE - 10_000, 4, options());
    sim.run_on();
    assert_eq!((sim.held.len(), sim.store.pending().len()), (3, 3));
    assert_eq!(sim.store.pending_at(sim.wall() + 20_000).len(), 0, "nor does another process list it for ever");
    sim.ask(sim.now + 20_000, 5, options());
    sim.run_on();
    assert_eq!((sim.held.len(), sim.store.records.len()), (0, 0));
}

/// What was cancelled after its submit is billed: it is listed while it runs and when it is done, and delivered to whoever comes.
#[test]
fn what_was_cancelled_too_late_is_there_for_whoever_comes() {
    for dialect in [&HIAPI, &OPENAI, &CREATIVEAI] {
        let mut sim = Sim::new(client(dialect, 1), small(2_000), Surroundings::default());
        sim.ask(0, 1, options());
        sim.at(1_000, Act::Cancel(1));
        sim.run_until(1_500);
        assert_eq!(sim.store.pending().len(), 1);
        sim.run_on();
        assert_eq!(audit::code(sim.outcome(1)), Some(Code::Cancelled));
        assert_eq!((sim.taken.len(), sim.held.len(), sim.store.pending().len()), (0, 1, 1), "{}", dialect.name);
        assert!(sim.store.all()[0].finished_at.is_some());
        sim.at(sim.now, Act::ResumeAll);
        sim.run_on();
        assert_eq!((sim.taken.len(), sim.store.records.len(), sim.world.ledger().len()), (1, 0, 1));
    }
}

/// It goes on, and whoever resumes it joins it; what comes of it is asked for no second time.
#[test]
fn what_was_left_is_joined() {
    for dialect in [&HIAPI, &OPENAI] {
        let mut sim = Sim::new(client(dialect, 1), small(5_000), Surroundings::default());
        sim.slow.insert(1, None);
        sim.ask(0, 1, options());
        sim.ask(0, 2, options());
        sim.at(1_000, Act::Leave(1));
        sim.at(1_000, Act::Leave(2));
        sim.run_until(2_000);
        assert!(sim.engine.find_key(&sim.store.pending()[0].key).is_some());
        assert_eq!(audit::code(sim.outcome(2)), Some(Code::Cancelled), "it had not been sent");
        sim.run_on();
        assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)));
        assert_eq!((sim.submits().count(), sim.store.pending().len(), sim.held.len()), (1, 1, 1));
    }
}

#[test]
fn what_was_left_is_not_sent_again() {
    let mut sim = Sim::new(client(&HIAPI, 1), small(5_000), Surroundings::default());
    sim.script = Some(Box::new(|sent, _| (sent.at == 2).then(|| json(429, &[("retry-after", "3")], "{}"))));
    sim.ask(0, 1, options());
    sim.at(50, Act::Leave(1));
    sim.run_on();
    assert_eq!((sim.submits().count(), sim.world.ledger().len(), sim.store.records.len()), (1, 0, 0));
    assert_eq!(audit::code(sim.outcome(1)), Some(Code::RateLimited));
}

/// Of more results than the host is to hold it keeps those that can't be had otherwise.
#[test]
fn the_host_holds_a_thousand_and_what_has_no_address() {
    for (dialect, kept) in [(&HIAPI, 1_000), (&OPENAI, 1_010)] {
        let world = Config { rpm: None, concurrency: None, ..small(2_000) };
        let mut sim = Sim::new(client(dialect, 2_000), world, Surroundings::default());
        for task in 0..1_010 {
            sim.slow.insert(task, None);
            sim.ask(0, task, options());
        }
        sim.run_on();
        let failed = sim.settled.iter().find(|end| !matches!(end.outcome, Outcome::Succeeded(_)));
        assert!(failed.is_none(), "{failed:?}");
        assert_eq!((sim.held.len(), sim.store.pending().len()), (kept, 1_010), "{}", dialect.name);
        assert!((0..1_010).all(|task| sim.engine.taken(task)));
        sim.at(sim.now, Act::Input(Box::new(Input::Wake { owner: 0 })));
        sim.run_on();
        assert!(sim.store.records.is_empty(), "whoever had it all the same has taken it");
    }
}

fn submit(task: u32, key: &str, prompt: &str) -> Act {
    let mut call = options();
    call.idempotency_key = Some(String::from(key));
    let request = Ok(Box::new(request(prompt, 1)));
    Act::Input(Box::new(Input::Submit { task, owner: 0, request, options: Box::new(call), records: vec![] }))
}

/// Under a key that has been used for another request there is neither that one's picture nor a new one.
#[test]
fn a_key_belongs_to_one_request() {
    for slow in [false, true] {
        for dialect in [&HIAPI, &OPENAI] {
            let mut sim = Sim::new(client(dialect, 4), small(2_000), Surroundings::default());
            if slow {
                sim.slow.insert(1, None);
            }
            sim.at(0, submit(1, "nightly:0", "a cat"));
            sim.run_on();
            assert!(sim.engine.find_key("nightly:0").is_some() == slow);
            if slow {
                let mismatch = |prompt| sim.engine.mismatch(1, &request(prompt, 1));
                assert_eq!(mismatch("a cat"), None);
                assert_eq!(mismatch("a house").unwrap().param.as_deref(), Some("idempotencyKey"));
            }
            sim.at(sim.now, submit(2, "nightly:0", "a house"));
            sim.run_on();
            let Outcome::Failed(error, None) = sim.outcome(2) else { panic!("{:?}", sim.outcome(2)) };
            assert_eq!((error.code, error.billed), (Code::InvalidRequest, Billed::No));
            assert_eq!(error.param.as_deref(), Some("idempotencyKey"));
            assert!(error.message.contains("\"nightly:0\" belongs to another request"), "{}", error.message);
            assert_eq!(sim.world.ledger().len(), 1);
            sim.at(sim.now, submit(3, "nightly:0", "a cat"));
            sim.run_on();
            let code = audit::code(sim.outcome(3));
            assert_eq!(
                code,
                (dialect.is_synchronous()).then_some(Code::Expired),
                "the same again, as far as it is there"
            );
            assert_eq!(sim.world.ledger().len(), 1);
        }
    }
}

#[test]
fn records_without_a_fingerprint_match() {
    let mut sim = Sim::new(client(&HIAPI, 1), small(2_000), Surroundings::default());
    sim.at(0, submit(1, "k", "a cat"));
    sim.run_until(1_000);
    let record = sim.store.records.get_mut("k").unwrap();
    let of_today = parse(record);
    assert!(of_today.fingerprint.is_some());
    *record = tidegate::journal::Record { fingerprint: None, ..of_today }.write();
    sim.at(1_000, Act::Crash);
    sim.at(1_000, submit(2, "k", "a house"));
    sim.run_on();
    assert!(matches!(sim.outcome(2), Outcome::Succeeded(_)), "{:?}", sim.outcome(2));
    assert_eq!(sim.world.ledger().len(), 1);
}

/// What can't be fetched is written down with its address, where the provider keeps nothing.
#[test]
fn an_image_whose_host_is_down_is_fetched_later() {
    for dialect in [&HIAPI, &CREATIVEAI] {
        let mut sim = Sim::new(client(dialect, 1), small(2_000), Surroundings::default());
        sim.script = Some(Box::new(|sent, now| {
            (sent.purpose == tidegate::http::Purpose::Image && now < 3_600_000).then(|| json(503, &[], ""))
        }));
        let mut call = options();
        call.download = true;
        sim.at(0, Act::Submit(Plan { task: 1, owner: 0, n: 1, options: call }));
        sim.run_on();
        let Outcome::Failed(error, Some(_)) = sim.outcome(1) else { panic!("{:?}", sim.outcome(1)) };
        assert_eq!((error.code, error.billed, error.retryable()), (Code::ServerError, Billed::Yes, false));
        assert!(error.message.contains("made and paid for") && error.message.contains("`resume`"), "{}", error.message);
        assert!(error.message.contains("http://127.0.0.1:8787/"), "{}", error.message);
        assert!(!error.message.contains('?'), "an address's query may be a signature: {}", error.message);
        assert_eq!(sim.store.pending().len(), 1);
        sim.at(7_200_000, Act::ResumeAll);
        sim.run_on();
        assert_eq!((sim.taken.len(), sim.store.records.len(), sim.world.ledger().len()), (1, 0, 1), "{}", dialect.name);
    }
}
