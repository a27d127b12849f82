//! How near the engine comes to a schedule that knows everything beforehand. Virtual time: the figures are exact.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::audit;
use support::sim::{Sim, Surroundings, client, options};
use tidegate::engine::Outcome;
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::{Config, clairvoyant_for};

const TASKS: u64 = 200;
const SEEDS: u64 = 8;

/// A told cap of 4, polls every 0.5 s, 0.2 s there and back: at most 5 % over the optimum, and not one refusal.
#[test]
fn a_told_cap_is_kept_full() {
    let mut ratios = Vec::new();
    for seed in 1..=SEEDS {
        let world = Config { seed, concurrency: Some(4), ..Config::default() };
        let optimum = clairvoyant_for(&world, TASKS);
        let around = Surroundings { rtt: (200, 200), seed, ..Surroundings::default() };
        let mut sim = Sim::new(client(&HIAPI, 4), world, around);
        for task in 0..TASKS as u32 {
            let mut patient = options();
            patient.max_wait = u64::MAX;
            sim.ask(0, task, patient);
        }
        sim.run();
        audit::rest(&sim);
        audit::money(&sim);
        assert!(sim.settled.iter().all(|end| matches!(end.outcome, Outcome::Succeeded(_))));
        assert_eq!(sim.world.stats().refusals, 0);
        assert_eq!(sim.world.stats().peak_in_flight, 4);
        let makespan = sim.settled.iter().map(|end| end.at).max().unwrap();
        ratios.push(makespan as f64 / optimum as f64);
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    println!(
        "{TASKS} tasks, cap 4 told, {SEEDS} seeds: makespan / optimum {mean:.4} mean, {worst:.4} worst, 0 refusals"
    );
    assert!(worst <= 1.05, "{ratios:?}");
}
