//! Law 5: auth, permission, spent money, invalid requests and content verdicts are never retried.

use proptest::prelude::*;
use tidegate::error::{Billed, Code};
use tidegate::http::Purpose;
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::Config;

use crate::support::audit;
use crate::support::scenario::{cases, surroundings};
use crate::support::sim::{Sim, Surroundings, client, json, options};

const VERDICTS: [(u16, &str, Code); 14] = [
    (401, r#"{"code":401,"message":"no key","data":null}"#, Code::Authentication),
    (401, r#"{"error":{"code":"permission_denied","type":"hiapi_error"}}"#, Code::Authentication),
    (402, r#"{"code":402,"message":"top up","data":null}"#, Code::QuotaExhausted),
    (403, r#"{"error":{"code":"forbidden"}}"#, Code::Permission),
    (400, r#"{"code":400,"error_code":"INVALID_REQUEST","message":"size","data":null}"#, Code::InvalidRequest),
    (400, r#"{"code":400,"error_code":"MODEL_UNAVAILABLE","message":"gone","data":null}"#, Code::ModelUnavailable),
    (400, r#"{"error":{"code":"model_not_available"}}"#, Code::ModelUnavailable),
    (400, r#"{"error":{"code":"moderation_blocked","message":"no"}}"#, Code::ContentFiltered),
    (422, r#"{"code":422,"error_code":"IDEMPOTENCY_KEY_MISMATCH","data":null}"#, Code::InvalidRequest),
    (413, "too large", Code::InvalidRequest),
    (404, "{}", Code::NotFound),
    (200, r#"{"code":401,"message":"no key","data":null}"#, Code::Authentication),
    (200, r#"{"code":402,"message":"top up","data":null}"#, Code::QuotaExhausted),
    (405, "", Code::InvalidRequest),
];

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_verdict_is_final(place in 0..VERDICTS.len(), around in surroundings(), retry_after: bool) {
        let (status, body, code) = VERDICTS[place];
        let mut sim = Sim::new(client(&HIAPI, 4), Config::default(), Surroundings { store_fails: 0.0, ..around });
        let headers: &[(&str, &str)] = if retry_after { &[("retry-after", "1")] } else { &[] };
        sim.script = Some(Box::new(move |_, _| Some(json(status, headers, body))));
        (0..6).for_each(|task| sim.ask(u64::from(task) * 40, task, options()));
        sim.run();
        audit::rest(&sim);
        prop_assert_eq!(sim.submits().count(), 6);
        for end in &sim.settled {
            prop_assert_eq!(audit::code(&end.outcome), Some(code));
            prop_assert_eq!(audit::billed(&end.outcome), Some(Billed::No));
        }
        // Nothing is left that could be resumed: it would be asked again.
        prop_assert!(sim.store.records.is_empty(), "{:?}", sim.store);
    }

    /// The same for polls: a refused key or spent money ends the wait; the task is told as possibly billed, and can be resumed.
    #[test]
    fn a_verdict_on_a_poll_is_not_asked_again(place in 0..4usize, around in surroundings()) {
        let (status, body, code) = VERDICTS[place];
        let mut sim = Sim::new(client(&HIAPI, 4), Config::default(), Surroundings { store_fails: 0.0, ..around });
        sim.script = Some(Box::new(move |sent, _| (sent.purpose == Purpose::Poll).then(|| json(status, &[], body))));
        sim.ask(0, 1, options());
        sim.run();
        audit::rest(&sim);
        prop_assert_eq!(sim.sent.len(), 2);
        prop_assert_eq!(audit::code(sim.outcome(1)), Some(code));
        prop_assert_eq!(audit::billed(sim.outcome(1)), Some(Billed::Unknown));
        audit::money(&sim);
    }
}

/// A key that comes from a function is asked for once more, and once only.
#[test]
fn a_refreshable_key_is_asked_for_once_more() {
    let mut config = client(&HIAPI, 4);
    config.providers[0].refreshable = true;
    let mut sim = Sim::new(config, Config::default(), Default::default());
    sim.script = Some(Box::new(|_, _| Some(json(401, &[], "{}"))));
    sim.ask(0, 1, options());
    sim.run();
    assert_eq!(sim.submits().count(), 2);
    assert_eq!(audit::code(sim.outcome(1)), Some(Code::Authentication));
    audit::rest(&sim);
}
