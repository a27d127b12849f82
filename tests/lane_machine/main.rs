//! A lane alone under random messages that an engine could send, with a model beside it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod machine;
mod steps;

use machine::Machine;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use steps::{Step, config, step};
use tidegate::limit::{LaneConfig, LaneOut};

const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * HOUR;

fn run(config: LaneConfig, seed: u64, start: u64, steps: &[Step]) -> Vec<LaneOut> {
    let mut machine = Machine::new(config, seed, start);
    steps.iter().for_each(|step| machine.step(step));
    machine.comes_to_rest();
    machine.log
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_500,
        rng_seed: RngSeed::Fixed(0x71de_6a7e),
        max_shrink_iters: 4_000,
        ..ProptestConfig::default()
    })]

    /// Counters, limits, hints, ends of waits; and the same messages have the same answers.
    #[test]
    fn a_lane_keeps_its_laws(
        config in config(),
        seed: u64,
        start in prop::sample::select(vec![0, 1_795_309_783_000, u64::MAX / 2]),
        steps in prop::collection::vec(step(), 1..160),
    ) {
        prop_assert_eq!(run(config, seed, start, &steps), run(config, seed, start, &steps));
    }
}
