//! Law 1: a slot is held for the life of the task, and permits always come back.

use proptest::prelude::*;
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::{Config, Distribution};

use crate::support::audit;
use crate::support::scenario::{Habits, Scenario, acts, anything, cases, faults, surroundings};
use crate::support::sim::{Act, Sim, Surroundings, client, options};

/// A cap that is told exactly, durations that don't vary (so that the learned p95 covers every ghost), and everything that loses track of tasks.
fn told_caps() -> impl Strategy<Value = Scenario> {
    let habits = Habits { tasks: 24, cancels: true, impatience: true, pauses: true, images: 3, owners: 1 };
    (1..5u32, 500..12_000u64, any::<bool>()).prop_flat_map(move |(cap, duration, lasting)| {
        let world = Config { concurrency: Some(cap), ..Config::default() };
        (faults(world), surroundings(), acts(habits)).prop_map(move |(world, around, acts)| {
            let duration = Distribution::Fixed(duration);
            // A wait for a poll's answer that never comes would outlast the estimate of a ghost; so would a queue at the store.
            let around = Surroundings { hangs: if lasting { 0.0 } else { around.hangs }, ..around };
            Scenario { world: Config { duration, ..world }, around, limit: cap, learns: false, acts }
        })
    })
}

proptest! {
    #![proptest_config(cases(128))]

    /// Whoever counts the POST and not the task is refused here; so is whoever forgets a ghost.
    #[test]
    fn a_told_cap_is_never_run_into(scenario in told_caps()) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        prop_assert!(sim.most_held <= scenario.limit, "held {}", sim.most_held);
        prop_assert!(sim.world.stats().peak_in_flight <= u64::from(scenario.limit));
        let story: Vec<_> = sim.submits().map(|sent| (sent.at, sent.part.task, sent.part.index, sent.answer.map(|heard| (heard.at, heard.status)))).collect();
        prop_assert_eq!(sim.world.stats().refused_slots, 0, "{:?} {:?}", story, sim.settled.iter().map(|end| (end.at, end.task, audit::code(&end.outcome))).collect::<Vec<_>>());
        audit::rest(&sim);
        audit::money(&sim);
    }

    /// Whatever happens, no more permits than the limit, and none of them is lost.
    #[test]
    fn permits_come_back(scenario in anything(Habits { tasks: 16, cancels: true, impatience: true, pauses: true, images: 3, owners: 1 })) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        prop_assert!(scenario.learns || sim.most_held <= scenario.limit, "held {}", sim.most_held);
        audit::rest(&sim);
    }
}

/// A task that outlives the caller's patience holds its slot until it was seen to end.
#[test]
fn a_ghost_keeps_its_slot_until_its_end() {
    let world = Config { concurrency: Some(1), duration: Distribution::Fixed(50_000), ..Config::default() };
    let mut sim = Sim::new(client(&HIAPI, 1), world, Surroundings::default());
    let mut hasty = options();
    hasty.deadline = 5_000;
    sim.ask(0, 1, hasty);
    sim.ask(0, 2, options());
    sim.ask(0, 3, options());
    sim.at(60_000, Act::Cancel(2));
    sim.run();
    assert_eq!(sim.world.stats().refusals, 0);
    assert!(sim.submits().nth(1).unwrap().at >= 50_000 && sim.submits().nth(2).unwrap().at >= 100_000);
    audit::rest(&sim);
}
