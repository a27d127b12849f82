//! What the host of an image says of its download is heeded as what the provider says of a submit.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::audit;
use support::sim::{Sim, Surroundings, client, json, options};
use tidegate::engine::Outcome;
use tidegate::error::{Billed, Code};
use tidegate::http::Purpose;
use tidegate::options::CallOptions;
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::{Config, Distribution};

/// An image whose download is answered so at first; gives when each download left.
fn downloaded(headers: &'static [(&'static str, &'static str)]) -> (Sim, Vec<u64>) {
    let world = Config { duration: Distribution::Fixed(2_000), ..Config::default() };
    let mut sim = Sim::new(client(&HIAPI, 4), world, Surroundings::default());
    let mut failures = vec![json(503, headers, "")].into_iter();
    sim.script = Some(Box::new(move |sent, _| if sent.purpose == Purpose::Image { failures.next() } else { None }));
    sim.ask(0, 1, CallOptions { download: true, ..options() });
    sim.run();
    audit::rest(&sim);
    let left = sim.sent.iter().filter(|sent| sent.purpose == Purpose::Image).map(|sent| sent.at).collect();
    (sim, left)
}

#[test]
fn a_download_that_the_server_forbids_to_repeat_is_not_repeated() {
    let (sim, left) = downloaded(&[("x-should-retry", "false")]);
    assert_eq!(left.len(), 1, "{left:?}");
    let Outcome::Failed(error, Some(reference)) = sim.outcome(1) else { panic!("{:?}", sim.outcome(1)) };
    assert_eq!((error.code, error.billed, error.status), (Code::ServerError, Billed::Yes, Some(503)));
    assert!(reference.parts[0].task_id.is_some(), "what was paid for can still be asked for");
    let (sim, left) = downloaded(&[("x-should-retry", "true")]);
    assert!(left.len() == 2 && matches!(sim.outcome(1), Outcome::Succeeded(_)), "{left:?}");
}

#[test]
fn a_download_is_not_repeated_before_the_server_wants_it() {
    let (sim, left) = downloaded(&[("retry-after", "40")]);
    assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)), "{:?}", sim.outcome(1));
    assert!((40_000..41_000).contains(&(left[1] - left[0])), "{left:?}");
    let (sim, left) = downloaded(&[("retry-after", "80000")]);
    let Outcome::Failed(error, Some(_)) = sim.outcome(1) else { panic!("{:?}", sim.outcome(1)) };
    assert_eq!((left.len(), error.retry_after), (1, Some(80_000_000)), "longer than anybody wants to wait");
}
