//! What a probe finds, and what it costs.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::audit;
use support::sim::{Act, Plan, Sim, Surroundings, client, json, options};
use tidegate::engine::{Budget, Input, Outcome, Period, ProbeBounds, ProbeReport};
use tidegate::error::{Axis, Code};
use tidegate::limit::Limits;
use tidegate::options::Config as ClientConfig;
use tidegate::provider::Dialect;
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::OPENAI;
use tidegate_simulator::{Config, Distribution, HintMode};

const PROBE: u32 = 500;

fn learning(dialect: &'static Dialect) -> ClientConfig {
    let mut config = client(dialect, 1);
    config.providers[0].limits = Limits::default();
    config.providers[0].prices = vec![(String::from("gpt-image-2"), 0.04)];
    config
}

fn world(cap: u32) -> Config {
    let duration = Distribution::Uniform(8_000, 30_000);
    Config { concurrency: Some(cap), duration, hint: HintMode::None, least_pixels: 1, ..Config::default() }
}

/// A probe as the host goes about it: first the question, then as many tasks as it asks for.
fn probe(sim: &mut Sim, most: u32, budget: f64) {
    another(sim, 0, PROBE, most, budget.into());
}

fn another(sim: &mut Sim, at: u64, number: u32, most: u32, budget: Budget) {
    let bounds = ProbeBounds { model: String::from("gpt-image-2"), most, budget };
    sim.at(at, Act::Input(Box::new(Input::Probe { task: number, owner: 0, bounds })));
    sim.run_until(at);
    for task in 1..=sim.engine.probe_size(number) {
        let mut call = options();
        call.probe = Some(number);
        sim.at(at, Act::Submit(Plan { task: number * 1_000 + task, owner: 0, n: 1, options: call }));
    }
}

fn report(sim: &Sim) -> ProbeReport {
    report_of(sim, PROBE)
}

fn report_of(sim: &Sim, number: u32) -> ProbeReport {
    let Outcome::Probed(report) = sim.outcome(number) else { panic!("{:?}", sim.outcome(number)) };
    (**report).clone()
}

fn probed(dialect: &'static Dialect, world: Config, most: u32, budget: f64, seed: u64) -> (Sim, ProbeReport) {
    let mut sim = Sim::new(learning(dialect), world, Surroundings { seed, ..Surroundings::default() });
    probe(&mut sim, most, budget);
    sim.run();
    audit::rest(&sim);
    let report = report(&sim);
    assert_eq!(sim.world.ledger().len(), report.accepted as usize, "each that was accepted is billed, and told");
    assert_eq!(report.references.len(), report.accepted as usize);
    assert!((report.cost - 0.04 * f64::from(report.accepted)).abs() < 1e-9);
    (sim, report)
}

#[test]
fn the_ceiling_is_found_with_hardly_more_than_its_own_number_of_images() {
    for seed in 1..=8 {
        for cap in [1, 2, 4, 7, 16, 23, 64] {
            let (_, report) = probed(&HIAPI, world(cap), 200, 100.0, seed);
            assert_eq!((report.ceiling, report.axis), (Some(cap), Some(Axis::Concurrency)), "{cap}/{seed}: {report:?}");
            assert!(report.accepted <= cap + 2, "{cap}/{seed}: {} images", report.accepted);
            assert!(report.refused <= 4 + cap / 3, "{cap}/{seed}: {} refusals", report.refused);
        }
    }
}

#[test]
fn a_refusal_that_names_the_limit_needs_no_image_more() {
    for cap in [1, 4, 16] {
        let (_, report) = probed(&HIAPI, Config { name_axis: true, ..world(cap) }, 200, 100.0, 1);
        assert_eq!(
            (report.ceiling, report.accepted, report.axis),
            (Some(cap), cap, Some(Axis::Concurrency)),
            "{report:?}"
        );
    }
}

#[test]
fn a_window_is_no_ceiling() {
    for seed in 1..=4 {
        let window = Config { rpm: Some(10), ..world(100) };
        let (_, report) = probed(&HIAPI, window, 200, 100.0, seed);
        assert_eq!((report.ceiling, report.axis), (None, Some(Axis::Minute)), "{seed}: {report:?}");
        assert!(report.accepted <= 20, "{seed}: {report:?}");
    }
}

#[test]
fn the_number_and_the_budget_are_kept_to() {
    let (sim, report) = probed(&HIAPI, world(50), 6, 100.0, 1);
    assert_eq!((report.ceiling, report.accepted, report.refused, report.axis), (None, 6, 0, None));
    assert_eq!(sim.submits().count(), 6);
    for (budget, images) in [(0.04, 1), (0.119, 2), (0.12, 3), (0.2, 5)] {
        let (_, report) = probed(&HIAPI, world(50), 200, budget, 1);
        assert_eq!((report.ceiling, report.accepted), (None, images), "{budget}");
    }
}

#[test]
fn a_days_or_a_months_budget_is_that_of_all_probes_then() {
    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 24 * HOUR;
    // The client begins with the first of January.
    for (per, rest, next) in [(Period::Day, 23 * HOUR, DAY), (Period::Month, 30 * DAY, 31 * DAY)] {
        let budget = || Budget { amount: 0.2, per: Some(per) };
        let mut sim = Sim::new(learning(&HIAPI), world(50), Surroundings::default());
        another(&mut sim, 0, 1, 2, budget());
        // It is under way, and may take its two.
        another(&mut sim, 0, 2, 9, budget());
        another(&mut sim, rest, 3, 9, budget());
        another(&mut sim, rest, 4, 2, Budget::from(0.2));
        another(&mut sim, next, 5, 9, budget());
        sim.run();
        let accepted = |number| report_of(&sim, number).accepted;
        assert_eq!((accepted(1), accepted(2), accepted(4), accepted(5)), (2, 3, 2, 5), "{per:?}");
        let Outcome::Failed(error, None) = sim.outcome(3) else { panic!("{:?}", sim.outcome(3)) };
        assert_eq!(error.code, Code::Budget, "{}", error.message);
    }
}

#[test]
fn what_a_probe_bought_before_it_was_given_up_counts() {
    let budget = || Budget { amount: 0.4, per: Some(Period::Day) };
    let mut sim = Sim::new(learning(&HIAPI), world(100), Surroundings::default());
    another(&mut sim, 0, 1, 10, budget());
    sim.at(250, Act::Cancel(1));
    sim.run_until(60_000);
    let bought = sim.world.ledger().len() as u32;
    assert!((1..10).contains(&bought), "{bought}");
    another(&mut sim, 60_000, 2, 10, budget());
    sim.run();
    assert_eq!(report_of(&sim, 2).accepted, 10 - bought);
}

#[test]
fn the_answer_may_be_the_image() {
    for cap in [2, 7, 16] {
        let (_, report) = probed(&OPENAI, Config { name_axis: true, ..world(cap) }, 60, 100.0, 3);
        assert_eq!(report.ceiling, Some(cap), "{report:?}");
        assert!(report.accepted <= cap + 2, "{report:?}");
    }
}

/// What a probe that can't be comes to: nothing is sent.
fn refused(change: impl Fn(&mut ClientConfig), budget: f64) -> tidegate::error::Error {
    let mut config = learning(&HIAPI);
    change(&mut config);
    let mut sim = Sim::new(config, world(4), Surroundings::default());
    probe(&mut sim, 8, budget);
    sim.run();
    assert!(sim.sent.is_empty());
    let Outcome::Failed(error, None) = sim.outcome(PROBE) else { panic!("{:?}", sim.outcome(PROBE)) };
    error.clone()
}

#[test]
fn what_it_would_cost_must_be_known_and_allowed() {
    let unknown = refused(|config| config.providers[0].prices.clear(), 1.0);
    assert_eq!((unknown.code, unknown.param.as_deref()), (Code::InvalidRequest, Some("prices")));
    let dear = refused(|_| {}, 0.039);
    assert_eq!(dear.code, Code::Budget);
    let told = refused(|config| config.providers[0].limits = Limits::told(4), 1.0);
    assert_eq!((told.code, told.param.as_deref()), (Code::InvalidRequest, Some("limits.concurrency")));
}

#[test]
fn a_key_that_may_not_buy_ends_it() {
    let mut sim = Sim::new(learning(&HIAPI), world(4), Surroundings::default());
    sim.script = Some(Box::new(|_, _| Some(json(402, &[], r#"{"message":"insufficient balance"}"#))));
    probe(&mut sim, 50, 100.0);
    sim.run();
    audit::rest(&sim);
    let Outcome::Failed(error, _) = sim.outcome(PROBE) else { panic!("{:?}", sim.outcome(PROBE)) };
    assert_eq!(error.code, Code::QuotaExhausted);
    assert!(sim.submits().count() <= 4, "{}", sim.submits().count());
}

#[test]
fn who_loses_interest_buys_no_more() {
    let mut sim = Sim::new(learning(&HIAPI), world(100), Surroundings::default());
    probe(&mut sim, 100, 100.0);
    sim.at(500, Act::Cancel(PROBE));
    sim.run();
    audit::rest(&sim);
    assert!(matches!(sim.outcome(PROBE), Outcome::Cancelled(..)));
    let bought = sim.world.ledger().len();
    assert!((1..20).contains(&bought), "{bought}");
    assert!(sim.submits().all(|sent| sent.at <= 500), "submitted after the cancellation");
}

#[test]
fn a_closed_client_ends_it() {
    let mut sim = Sim::new(learning(&HIAPI), world(100), Surroundings::default());
    probe(&mut sim, 100, 100.0);
    sim.at(300, Act::Close);
    sim.run();
    assert!(matches!(sim.outcome(PROBE), Outcome::Cancelled(..)));
}

#[test]
fn others_on_the_lane_count_too() {
    let mut sim = Sim::new(learning(&HIAPI), world(8), Surroundings::default());
    (900..903).for_each(|task| sim.ask(0, task, options()));
    probe(&mut sim, 200, 100.0);
    sim.run();
    let report = report(&sim);
    assert_eq!(report.ceiling, Some(8), "{report:?}");
    assert!(report.accepted <= 8, "{report:?}");
}
