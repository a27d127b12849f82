//! Requests that may share no I/O: each is an owner, some die, some want the same task, and nobody's permit is lost on them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::audit;
use support::sim::{Act, Plan, Sim, Surroundings, client, json, options};
use tidegate::engine::{Engine, Input, Outcome};
use tidegate::error::{Billed, Code};
use tidegate::http::Purpose;
use tidegate::journal::Stage;
use tidegate::options::CallOptions;
use tidegate::provider::hiapi::HIAPI;
use tidegate::time::Instant;
use tidegate_simulator::{Config, Distribution};

/// A silent owner is gone after its heartbeat and a grace of as much again; whoever waits looks four times a second.
const GONE: u64 = 10_000 + 250;

fn sim(limit: u32, duration: u64) -> Sim {
    let world = Config { duration: Distribution::Fixed(duration), concurrency: Some(limit), ..Config::default() };
    Sim::new(client(&HIAPI, limit), world, Surroundings { rtt: (200, 200), ..Surroundings::default() })
}

fn by(owner: u32, task: u32) -> Act {
    keyed(owner, task, options())
}

fn keyed(owner: u32, task: u32, options: CallOptions) -> Act {
    Act::Submit(Plan { task, owner, n: 1, options })
}

fn at(sim: &Sim, task: u32) -> u64 {
    assert!(matches!(sim.outcome(task), Outcome::Succeeded(_)), "{:?}", sim.outcome(task));
    sim.settled.iter().find(|end| end.task == task).unwrap().at
}

#[test]
fn a_dead_waiter_is_never_given_the_permit() {
    let mut sim = sim(1, 5_000);
    sim.at(0, by(1, 1));
    sim.at(10, by(2, 2));
    sim.at(20, by(3, 3));
    sim.at(100, Act::Kill(2));
    sim.run();
    // The one behind it has the permit as soon as the first is seen to be over: a round trip, a poll's gap, a look.
    assert!(at(&sim, 3) < at(&sim, 1) + 250 + 5_000 + 1_500, "{} after {}", at(&sim, 3), at(&sim, 1));
    assert!(sim.submits().all(|sent| sent.part.task != 2));
    assert_eq!(sim.world.ledger().len(), 2);
}

#[test]
fn the_slot_of_a_dead_request_is_back_once_its_task_is_seen_to_be_over() {
    for death in [300, 700, 2_000] {
        let mut sim = sim(1, 3_000);
        sim.at(0, by(1, 1));
        sim.at(death, Act::Kill(1));
        sim.at(death + 10, by(2, 2));
        sim.run();
        // Found to be gone, asked after at the pace of what nobody waits for, and then the next one's own time.
        let latest = death + GONE + 2_500 + 3_000 + 1_500;
        assert!(at(&sim, 2) < latest, "{} > {latest}", at(&sim, 2));
        // Nobody had its image: it stays written down, as something that may have been paid for.
        assert_eq!(audit::code(sim.outcome(1)), Some(Code::Cancelled));
        assert_eq!(audit::billed(sim.outcome(1)), Some(Billed::Unknown));
        let records = sim.store.all();
        assert_eq!((records.len(), records[0].stage), (1, Stage::Submitted));
        assert_eq!(sim.world.ledger().len(), 2);
    }
}

#[test]
fn what_was_cancelled_is_minded_by_whoever_is_here() {
    let mut sim = sim(1, 3_000);
    sim.at(0, by(1, 1));
    sim.at(1_000, Act::Cancel(1));
    // Its request answers with the error, and is over.
    sim.at(1_000, Act::Kill(1));
    sim.at(1_100, by(2, 2));
    sim.run();
    assert!(at(&sim, 2) < 3_000 + 2_500 + 3_000 + 1_500, "{}", at(&sim, 2));
}

#[test]
fn what_never_left_its_request_is_sent_by_nobody_else() {
    let mut sim = sim(1, 1_000);
    sim.at(0, by(1, 1));
    sim.at(0, Act::Kill(1));
    sim.at(10, by(2, 2));
    // Somebody comes by later on, and finds the dead.
    (0..20).for_each(|second| sim.at(second * 1_000, Act::Input(Box::new(Input::Wake { owner: 3 }))));
    sim.run();
    assert!(at(&sim, 2) < 2_500, "{}", at(&sim, 2));
    assert_eq!((sim.submits().count(), sim.world.ledger().len()), (1, 1));
    assert_eq!(audit::billed(sim.outcome(1)), Some(Billed::No));
    assert!(sim.store.records.is_empty());
}

#[test]
fn whoever_joins_a_task_drives_it_and_the_death_of_either_takes_nothing_from_the_other() {
    for (dead, joined, death) in
        [(1, 500, 700), (1, 500, 100), (2, 500, 700), (2, 500, 2_000), (1, 20, 50), (2, 20, 50)]
    {
        let mut sim = sim(1, 3_000);
        let mut call = options();
        call.idempotency_key = Some(String::from("shared"));
        sim.at(0, keyed(1, 1, call));
        sim.at(joined, Act::Input(Box::new(Input::Join { task: 1, owner: 2 })));
        sim.at(joined, Act::Input(Box::new(Input::Wake { owner: 2 })));
        sim.at(death, Act::Kill(dead));
        // Whoever comes later finds a permit.
        sim.at(40_000, by(3, 3));
        sim.run();
        // At the worst a call of the dead one is found out to be lost, and the submit is sent again under its key.
        assert!(at(&sim, 1) < 30_000, "{dead} dead at {death}: {}", at(&sim, 1));
        assert!(at(&sim, 3) < 45_000);
        assert_eq!(sim.world.ledger().len(), 2);
    }
}

#[test]
fn a_machine_that_slept_has_nobody_dead() {
    let mut sim = sim(1, 3_000);
    sim.at(0, by(1, 1));
    sim.at(10, by(2, 2));
    sim.at(20, by(3, 3));
    sim.run_until(1_000);
    // A lid is closed for five minutes: when it opens, every timer is late by as much.
    sim.now = 300_000;
    sim.run();
    (1..=3).for_each(|task| assert!(at(&sim, task) < 400_000));
}

#[test]
fn whatever_arrives_is_performed_by_who_is_here() {
    let mut engine = Engine::new(client(&HIAPI, 1), 1);
    let now = Instant::from_millis(5);
    engine.enter(7);
    // An answer to a call that nobody knows any more must not wake another owner in this context.
    engine.handle(now, 5, Input::Wake { owner: 3 });
    engine.enter(7);
    engine.handle(now, 5, Input::Stored { seq: 99, ok: true });
    assert_eq!(engine.context(), 7);
}

#[test]
fn who_waits_wakes_four_times_a_second_and_no_more() {
    let mut sim = sim(1, 20_000);
    sim.at(0, by(1, 1));
    sim.at(10, by(2, 2));
    sim.run_until(1_000);
    let mut engine_wakes = 0;
    while sim.now < 11_000 {
        let before = sim.now;
        sim.run_until(before + 50);
        engine_wakes += usize::from(sim.now > before);
        sim.now = sim.now.max(before + 50);
    }
    // Two owners: looks of one, polls and their answers of the other.
    assert!(engine_wakes <= 100, "{engine_wakes} in ten seconds");
}

/// Somebody else comes by every second.
fn visits(sim: &mut Sim, seconds: u64) {
    (0..seconds).for_each(|second| sim.at(second * 1_000, Act::Input(Box::new(Input::Wake { owner: 0 }))));
}

#[test]
fn a_living_owner_is_left_alone() {
    let mut sim = sim(4, 2_000);
    let mut answers = vec![json(503, &[("retry-after", "300")], "{}")].into_iter();
    sim.script = Some(Box::new(move |sent, _| if sent.purpose == Purpose::Submit { answers.next() } else { None }));
    sim.at(500, by(1, 1));
    visits(&mut sim, 400);
    sim.run();
    assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)), "{:?}", sim.outcome(1));
    assert_eq!(sim.submits().count(), 2);
}

#[test]
fn the_dead_leave_no_permit_taken_and_no_task_waiting() {
    // Dead while its key is looked up, while it is written down, while it waits, while its submit is out, and while it runs.
    for death in [1, 3, 10, 150, 1_000] {
        for limit in [1, 4] {
            let mut sim = sim(limit, 2_000);
            let patient = || CallOptions { max_wait: u64::MAX, deadline: u64::MAX, ..options() };
            let idempotency_key = Some(String::from("chosen"));
            sim.at(0, keyed(1, 1, CallOptions { idempotency_key, ..patient() }));
            sim.at(0, keyed(1, 2, patient()));
            sim.at(death, Act::Kill(1));
            visits(&mut sim, 400);
            sim.at(300_000, by(0, 3));
            sim.run();
            assert!(matches!(sim.outcome(3), Outcome::Succeeded(_)));
            audit::rest(&sim);
            audit::money(&sim);
        }
    }
}
