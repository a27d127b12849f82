//! Who goes next: tenants share by their weights, nobody starves, a pause keeps places, and the same events give the same effects.

use proptest::prelude::*;
use tidegate::options::{CallOptions, Priority, Weight};
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::{Config, Distribution};

use crate::support::audit;
use crate::support::scenario::{Habits, anything, cases};
use crate::support::sim::{Act, Sim, Surroundings, client, options};

fn of_tenant(name: &str, weight: f64) -> CallOptions {
    let mut call = options();
    (call.max_wait, call.deadline) = (u64::MAX, u64::MAX);
    (call.tenant, call.weight) = (String::from(name), Weight::of(weight));
    call
}

fn of_batch(batch: u32) -> CallOptions {
    let mut call = of_tenant("", 1.0);
    (call.batch, call.priority) = (Some(batch), Priority::Batch);
    call
}

fn sim(limit: u32, duration: Distribution) -> Sim {
    let world = Config { duration, concurrency: Some(limit), ..Config::default() };
    Sim::new(client(&HIAPI, limit), world, Surroundings::default())
}

/// The tasks in the order of their submits.
fn order(sim: &Sim) -> Vec<u32> {
    sim.submits().map(|sent| sent.part.task).collect()
}

#[test]
fn three_tenants_have_their_shares() {
    let tenants = [("a", 1.0, 800), ("b", 1.0, 80), ("c", 2.0, 160)];
    let mut sim = sim(8, Distribution::Uniform(2_000, 5_000));
    let mut task = 0;
    for (name, weight, count) in tenants {
        for _ in 0..count {
            sim.ask(0, task, of_tenant(name, weight));
            task += 1;
        }
    }
    sim.run();
    audit::rest(&sim);
    // Until the last of the smaller ones is out, all three have work.
    let whose = |task: u32| usize::from(task >= 800) + usize::from(task >= 880);
    let sent = order(&sim);
    let contested = &sent[..300];
    for (place, (_, weight, _)) in tenants.iter().enumerate() {
        let share = contested.iter().filter(|task| whose(**task) == place).count() as f64 / 300.0 / (weight / 4.0);
        assert!((0.95..=1.05).contains(&share), "{place}: {share}");
    }
}

#[test]
fn somebody_who_looks_goes_before_a_batch_and_a_newcomer_before_the_rest_of_a_long_queue() {
    let mut sim = sim(1, Distribution::Fixed(2_000));
    (0..20).for_each(|task| sim.ask(0, task, of_batch(1)));
    sim.ask(5_000, 20, of_tenant("a", 1.0));
    let mut late = of_batch(2);
    late.tenant = String::from("b");
    sim.ask(5_000, 21, late);
    sim.run();
    let sent = order(&sim);
    let place = |task: u32| sent.iter().position(|other| *other == task).unwrap();
    assert!(place(20) <= 4 && place(21) <= 6, "{sent:?}");
}

#[test]
fn what_is_paused_is_not_sent_and_has_its_place_afterwards() {
    let mut sim = sim(2, Distribution::Fixed(2_000));
    (0..10).for_each(|task| sim.ask(0, task, of_batch(1)));
    (10..14).for_each(|task| sim.ask(0, task, of_batch(2)));
    sim.at(1_000, Act::Pause(1, true));
    // Twice is once.
    sim.at(1_500, Act::Pause(1, true));
    sim.at(60_000, Act::Pause(1, false));
    sim.run();
    audit::rest(&sim);
    assert_eq!(order(&sim), [0, 1, 10, 11, 12, 13, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(sim.submits().all(|sent| sent.part.task < 2 || sent.part.task >= 10 || sent.at >= 60_000));
}

#[test]
fn what_waits_is_given_up_without_a_word_to_anybody() {
    let mut sim = sim(1, Distribution::Fixed(30_000));
    (0..200).for_each(|task| sim.ask(0, task, of_tenant("a", 1.0)));
    (1..200).for_each(|task| sim.at(10_000, Act::Cancel(task)));
    sim.run();
    audit::rest(&sim);
    assert_eq!(order(&sim), [0]);
    assert_eq!((sim.world.ledger().len(), sim.store.records.len()), (1, 0));
}

proptest! {
    #![proptest_config(cases(48))]

    /// Whatever the weights, whoever is patient has his image: behind any number of others, some of whom come all the time.
    #[test]
    fn nobody_starves(
        weights in prop::collection::vec(prop::sample::select(vec![1e-9, 0.01, 1.0, 50.0, f64::INFINITY]), 2..5),
        limit in 1..4u32,
        seed: u64,
    ) {
        let world = Config { concurrency: Some(limit), duration: Distribution::Uniform(500, 3_000), seed, ..Config::default() };
        let mut sim = Sim::new(client(&HIAPI, limit), world, Surroundings { seed, ..Surroundings::default() });
        for task in 0..80u32 {
            let tenant = task as usize % weights.len();
            sim.ask(u64::from(task) * 200, task, of_tenant(&tenant.to_string(), weights[tenant]));
        }
        sim.run();
        audit::rest(&sim);
        prop_assert!(sim.settled.iter().all(|end| audit::code(&end.outcome).is_none()), "{:?}", sim.settled);
    }

    #[test]
    fn the_same_events_have_the_same_effects(
        scenario in anything(Habits { tasks: 16, cancels: true, impatience: true, pauses: true, images: 3, owners: 2 }),
    ) {
        let effects = || {
            let mut sim = scenario.sim(&HIAPI);
            sim.run();
            sim.effects
        };
        prop_assert_eq!(effects(), effects());
    }
}
