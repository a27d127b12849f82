//! What the fuzz targets of `fuzz/` look for, with random bytes: events in any order break nothing.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

#[path = "../fuzz/orders/mod.rs"]
mod orders;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(0x71de_6a7e),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_lane_takes_events_in_any_order(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        orders::lane::play(&bytes);
    }

    #[test]
    fn an_engine_takes_events_in_any_order(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        orders::engine::play(&bytes);
    }

    #[test]
    fn a_stream_of_events_means_the_same_however_it_is_written(bytes in prop::collection::vec(any::<u8>(), 0..1_200)) {
        orders::sse::play(&bytes);
    }
}
