//! Law 8, as far as there are batches: several images of one call never cost what arrived.

use proptest::prelude::*;
use tidegate::engine::Outcome;
use tidegate::provider::hiapi::HIAPI;

use crate::support::audit;
use crate::support::scenario::{Habits, anything, cases};

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn partial_success_is_success_with_failures(scenario in anything(Habits { tasks: 6, cancels: true, impatience: true, pauses: false, images: 4, owners: 1 })) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        audit::rest(&sim);
        audit::money(&sim);
        for end in &sim.settled {
            let n = usize::from(sim.prompts[&end.task].1);
            if let Outcome::Succeeded(success) = &end.outcome {
                prop_assert!(!success.images.is_empty());
                prop_assert_eq!(success.images.len() + success.failures.len(), n);
                let places: std::collections::BTreeSet<u16> = success.failures.iter().map(|(index, _)| *index).collect();
                prop_assert_eq!(places.len(), success.failures.len());
            }
        }
    }
}
