//! The laws about money, with a relay, a delivery network or a slow store of pictures between us and the provider.
//!
//! The provider's ledger is the judge: nothing is bought twice, and what was paid for is delivered, can still be found, or is told. No error promises
//! that nothing was billed for what the ledger has.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use tidegate::engine::Outcome;
use tidegate::error::Billed;
use tidegate::http::Purpose;
use tidegate::provider::Dialect;
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::{CREATIVEAI, OPENAI};
use tidegate_simulator::{Config, Distribution, HostileOn};

use crate::journal::durable;
use crate::support::audit;
use crate::support::scenario::{BETWEEN, Habits, Makes, Scenario, anything, cases, put_between, with_between};
use crate::support::sim::{Act, BASE, Plan, Sim, Surroundings, client, options};
use crate::support::store::prompt;

/// What does not hold yet, by dialect and row of [`BETWEEN`]; a row that has come to hold fails the test until it is taken off.
const NOT_YET: &[(&str, &str)] = &[];

/// The name in [`NOT_YET`] of a caller who leaves while a paid picture is being fetched.
const CANCEL: &str = "cancel";

const ALL: Habits = Habits { tasks: 12, cancels: true, impatience: true, pauses: true, images: 3, owners: 1 };
const TASKS: u32 = 12;

fn dialects() -> [&'static Dialect; 3] {
    [&HIAPI, &OPENAI, &CREATIVEAI]
}

/// A simulation of a scenario with this dialect's part of the world.
fn sim(scenario: &Scenario, dialect: &'static Dialect) -> Sim {
    let world = Config { least_pixels: 1, ..scenario.world.clone() };
    let mut config = client(dialect, scenario.limit);
    if dialect.name == CREATIVEAI.name {
        config.providers[0].base_url = [BASE, "/creativeai/v1"].concat();
    }
    let mut sim = Sim::new(config, world, scenario.around.clone());
    scenario.acts.iter().for_each(|(at, act)| sim.at(*at, act.clone()));
    sim
}

/// Twelve pictures, each fetched, of a provider that takes three at once and says so to nobody.
fn calm(name: &str, share: f64) -> Scenario {
    let mut world = Config { concurrency: Some(3), duration: Distribution::Fixed(5_000), ..Config::default() };
    put_between(&mut world, name, share);
    let options = || tidegate::options::CallOptions { download: true, ..options() };
    let ask = |task| (u64::from(task) * 300, Act::Submit(Plan { task, owner: 0, n: 1, options: options() }));
    Scenario { world, around: Surroundings::default(), limit: 5, learns: false, acts: (0..TASKS).map(ask).collect() }
}

/// Nothing bought twice, nothing paid for lost, no false promise: by prompt, since each task has its own.
fn money(sim: &Sim) {
    let records = sim.store.all();
    // After a crash a task goes on under another number, and asks for no more than what was written down.
    let mut prompts: BTreeMap<&str, u16> = BTreeMap::new();
    for (prompt, asked) in sim.prompts.values() {
        let most = prompts.entry(prompt).or_default();
        *most = (*most).max(*asked);
    }
    for (name, asked) in prompts {
        let charges = sim.world.ledger().iter().filter(|charge| charge.prompt == name);
        let billed: usize = charges.map(|charge| charge.images as usize).sum();
        assert!(billed <= usize::from(asked), "{name}: {billed} images bought for {asked}");
        if billed == 0 {
            continue;
        }
        if records.iter().any(|record| !record.body.is_empty() && prompt(&record.body) == name) {
            continue;
        }
        let known = |outcome: &Outcome| match outcome {
            Outcome::Succeeded(success) => {
                let told = success.failures.iter().filter(|(_, error)| error.billed != Billed::No).count();
                success.images.len() + told >= billed
            }
            Outcome::Failed(error, _) | Outcome::Cancelled(error, _) => error.billed != Billed::No,
            Outcome::Late(..) | Outcome::Checked(_) | Outcome::Probed(_) => false,
        };
        // There is one end, and a second one where a crash left a record of what had been told already.
        let ends: Vec<_> = sim.settled.iter().filter(|end| end.prompt == name).map(|end| &end.outcome).collect();
        assert!(ends.iter().any(|end| known(end)), "{name}: {billed} images are paid for, and lost: {ends:?}");
    }
    assert_eq!(sim.world.stats().leaked_credentials, 0, "a key went where it must not");
}

/// What a row has to come to in [`calm`].
fn holds(dialect: &'static Dialect, name: &str, makes: Makes) {
    // What hides a picture may always do so; what loses one does so now and then.
    let share = if makes == Makes::Delivers || name.contains("relay_task") { 1.0 } else { 0.4 };
    let mut scenario = calm(name, share);
    // A task that exists may have been billed, whatever becomes of its polls.
    scenario.world.cdn_on = if makes == Makes::Spares { HostileOn::Submits } else { HostileOn::Both };
    let mut sim = sim(&scenario, dialect);
    sim.run();
    audit::rest(&sim);
    money(&sim);
    for end in &sim.settled {
        match &end.outcome {
            Outcome::Succeeded(success) => assert!(!success.images.is_empty() && success.failures.is_empty()),
            Outcome::Failed(error, _) | Outcome::Cancelled(error, _) => {
                assert_ne!(makes, Makes::Delivers, "lost on the way: {error:?}");
                assert!(makes != Makes::Spares || error.billed == Billed::No, "nobody was asked: {error:?}");
                let task = sim.sent.iter().any(|sent| sent.purpose == Purpose::Submit && sent.prompt == end.prompt);
                assert!(task, "never sent: {error:?}");
            }
            Outcome::Late(..) | Outcome::Checked(_) | Outcome::Probed(_) => panic!("{end:?}"),
        }
    }
    assert!(sim.world.stats().intermediary > 0, "nothing stood between");
}

/// Whether a row changes anything for a dialect: only OpenAI's answers hold bytes, and only HiAPI's are tasks already.
fn concerns(dialect: &'static Dialect, name: &str) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match dialect.name {
        // A task is accepted in a moment, as soon as a provider can fail: a relay's failure in its words is told by nothing. See below.
        "hiapi" => !starts(&["relay_base64", "relay_raw", "relay_task", "relay_failure", "cdn_timeout"]),
        "openai" => !starts(&["store"]),
        _ => !starts(&["relay_base64", "relay_raw"]),
    }
}

/// Tasks that are cancelled three seconds after they were paid for, while their store is not there.
fn cancelled_late(dialect: &'static Dialect) {
    let mut scenario = calm("relay_pictures=absolute store_late_ms=60000 store_status=503", 1.0);
    let cancels = (0..TASKS).map(|task| (u64::from(task) * 300 + 8_000, Act::Cancel(task)));
    scenario.acts.extend(cancels);
    let mut sim = sim(&scenario, dialect);
    sim.run();
    audit::rest(&sim);
    let waited = sim.sent.iter().filter(|sent| sent.purpose == Purpose::Image).count();
    assert!(waited >= 3 && sim.world.ledger().len() >= 3, "{waited} pictures were asked for");
    money(&sim);
}

/// What is wrong with a run, if anything.
fn wrong(dialect: &'static Dialect, name: &str, run: impl FnOnce()) -> Option<String> {
    let failed = catch_unwind(AssertUnwindSafe(run)).err();
    let is_known = NOT_YET.contains(&(dialect.name, name));
    if failed.is_some() == is_known {
        return None;
    }
    let text = failed.and_then(|panic| panic.downcast::<String>().ok());
    Some(format!("(\"{}\", \"{name}\"): {}", dialect.name, text.map_or(String::from("holds by now"), |text| *text)))
}

#[test]
fn each_row_holds_or_is_known_not_to() {
    let mut all = Vec::new();
    for dialect in dialects() {
        for (name, makes) in BETWEEN.iter().filter(|(name, _)| concerns(dialect, name)) {
            all.extend(wrong(dialect, name, || holds(dialect, name, *makes)));
        }
        all.extend(wrong(dialect, CANCEL, || cancelled_late(dialect)));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Where nobody can know whose failure it is, the key still sees to it that nothing is bought twice.
#[test]
fn a_relay_that_loses_tasks_makes_nobody_buy_twice() {
    let mut sim = sim(&calm("relay_failure", 0.5), &HIAPI);
    sim.run();
    audit::rest(&sim);
    let prompts: BTreeSet<&str> = sim.world.ledger().iter().map(|charge| charge.prompt.as_str()).collect();
    assert_eq!((sim.world.ledger().len(), prompts.len()), (TASKS as usize, TASKS as usize));
    assert!(sim.world.stats().replays > 3, "{:?}", sim.world.stats());
}

/// Random worlds with rows of the table that hold for this dialect.
fn worlds(dialect: &'static Dialect) -> impl Strategy<Value = Scenario> {
    let holding = |name: &&'static str| !NOT_YET.contains(&(dialect.name, *name)) && concerns(dialect, name);
    let among: Vec<&'static str> = BETWEEN.iter().map(|(name, _)| *name).filter(holding).collect();
    let habits = Habits { cancels: !NOT_YET.contains(&(dialect.name, CANCEL)), ..ALL };
    anything(habits).prop_flat_map(move |scenario| with_between(scenario, among.clone()))
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn tasks_are_bought_once_and_never_lost(scenario in worlds(&HIAPI)) {
        let mut sim = sim(&scenario, &HIAPI);
        sim.run();
        audit::rest(&sim);
        money(&sim);
    }

    #[test]
    fn synchronous_pictures_are_bought_once_and_never_lost(scenario in worlds(&OPENAI)) {
        let mut sim = sim(&scenario, &OPENAI);
        sim.run();
        audit::rest(&sim);
        money(&sim);
    }

    #[test]
    fn linked_pictures_are_bought_once_and_never_lost(scenario in worlds(&CREATIVEAI)) {
        let mut sim = sim(&scenario, &CREATIVEAI);
        sim.run();
        audit::rest(&sim);
        money(&sim);
    }

    /// The process dies anywhere, and another one goes on with what is written down.
    #[test]
    fn a_crash_behind_an_intermediary_buys_nothing_twice(
        scenario in prop_oneof![worlds(&HIAPI).prop_map(|world| (world, &HIAPI)), worlds(&OPENAI).prop_map(|world| (world, &OPENAI))],
        place in 0.0..1.0f64,
    ) {
        let (scenario, dialect) = scenario;
        let mut whole = sim(&scenario, dialect);
        whole.run();
        let mut sim = sim(&durable(&scenario), dialect);
        sim.crash_at = Some(1 + (place * whole.boundaries as f64) as u64);
        sim.run();
        audit::rest(&sim);
        money(&sim);
    }
}
