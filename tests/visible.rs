//! What callers see of admission: why a task waits and until when, what a lane believes, and that it says when it gives up.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::audit;
use support::sim::{Act, Sim, Surroundings, client, json, options};
use tidegate::engine::{Effect, Outcome, Update};
use tidegate::error::Code;
use tidegate::http::Purpose;
use tidegate::limit::Limits;
use tidegate::options::{CallOptions, Priority};
use tidegate::provider::Dialect;
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::OPENAI;
use tidegate_simulator::{CapSchedule, Config, Distribution, HintMode};

fn sim(limits: Limits) -> Sim {
    let mut config = client(&HIAPI, 4);
    config.providers[0].limits = limits;
    let world = Config { duration: Distribution::Fixed(3_000), concurrency: Some(50), ..Config::default() };
    Sim::new(config, world, Surroundings::default())
}

/// A client that was told nothing.
fn untold(world: Config, around: Surroundings) -> Sim {
    let mut config = client(&HIAPI, 4);
    config.providers[0].limits = Limits::default();
    Sim::new(config, world, around)
}

fn patient() -> CallOptions {
    CallOptions { max_wait: u64::MAX, priority: Priority::Batch, ..options() }
}

/// Every word of waiting that was said to a task: when, why, and until when from then.
fn waits(sim: &Sim, task: u32) -> Vec<(u64, &'static str, Option<u64>)> {
    let told = sim.effects.iter().filter_map(|(at, effect)| match effect {
        Effect::Update { task: of, update: Update::Waiting { reason, until, .. } } if *of == task => {
            Some((*at, *reason, until.map(|until| until - (sim.wall() - sim.now) - at)))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn a_told_window_is_named_with_its_end() {
    let mut sim = sim(Limits { rpm: Some(5), ..Limits::told(50) });
    (1..=8).for_each(|task| sim.ask(0, task, patient()));
    sim.run();
    audit::rest(&sim);
    let said = waits(&sim, 6);
    let (at, reason, left) = *said.last().unwrap();
    assert_eq!(reason, "window", "{said:?}");
    assert!(at < 1_000 && (59_000..=61_000).contains(&left.unwrap()), "{said:?}");
    let sent = sim.submits().find(|sent| sent.part.task == 6).unwrap().at;
    assert!(
        sent >= at + left.unwrap() && sent <= at + left.unwrap() + 500,
        "it was told the truth: {sent} after {said:?}"
    );
}

#[test]
fn a_days_allowance_is_named_as_such() {
    let mut sim = sim(Limits { rpd: Some(3), ..Limits::told(50) });
    (1..=4).for_each(|task| sim.ask(0, task, patient()));
    sim.run();
    let said = waits(&sim, 4);
    let (_, reason, left) = *said.last().unwrap();
    assert_eq!(reason, "day", "{said:?}");
    assert!(left.unwrap() > 23 * 3_600_000, "{said:?}");
    assert!(matches!(sim.outcome(4), Outcome::Succeeded(_)), "and it waits for it");
}

#[test]
fn a_days_allowance_that_nobody_told_of_loses_no_task() {
    for hint in [HintMode::None, HintMode::Seconds] {
        let world = Config { rpd: Some(3), name_axis: true, hint, concurrency: Some(50), ..Config::default() };
        let mut sim = untold(world, Surroundings::default());
        (1..=7).for_each(|task| sim.ask(0, task, patient()));
        // Whoever can't wait so long hears it at once.
        sim.ask(60_000, 8, options());
        sim.run();
        audit::rest(&sim);
        for task in 1..=7 {
            assert!(matches!(sim.outcome(task), Outcome::Succeeded(_)), "{hint:?}: {:?}", sim.outcome(task));
        }
        let said = waits(&sim, 7);
        assert!(said.iter().any(|(_, reason, left)| *reason == "day" && left.is_some()), "{hint:?}: {said:?}");
        assert!(said.iter().all(|(_, reason, _)| *reason != "cooldown"), "{hint:?}: {said:?}");
        let Outcome::Failed(error, None) = sim.outcome(8) else { panic!("{hint:?}: {:?}", sim.outcome(8)) };
        assert_eq!(error.code, Code::RateLimited);
        assert!(error.retry_after > Some(600_000) && sim.settled.iter().any(|end| end.task == 8 && end.at < 62_000));
        assert!(sim.submits().count() < 7 + 200, "{hint:?}: {}", sim.submits().count());
    }
}

#[test]
fn a_store_that_never_answers_holds_up_nobody_but_the_first() {
    let end = |store| {
        let world = Config { duration: Distribution::Fixed(3_000), ..Config::default() };
        let mut sim = Sim::new(client(&HIAPI, 4), world, Surroundings { store, ..Surroundings::default() });
        (1..=40).for_each(|task| sim.ask(0, task, patient()));
        sim.run();
        audit::rest(&sim);
        audit::money(&sim);
        assert!((1..=40).all(|task| matches!(sim.outcome(task), Outcome::Succeeded(_))));
        let warnings = sim.effects.iter().filter(|(_, effect)| matches!(effect, Effect::Warn { .. })).count();
        (sim.settled.iter().map(|end| end.at).max().unwrap(), warnings)
    };
    let ((prompt, none), (silent, once)) = (end((1, 1)), end((3_600_000, 3_600_000)));
    assert_eq!((none, once), (0, 1));
    assert!(silent < prompt + 11_000, "{silent} beside {prompt}");
    // One that is slow is waited for again once it has answered.
    let (slow, told) = end((4_000, 4_000));
    assert!(told == 0 && slow < prompt + 20_000, "{slow} beside {prompt}");
}

#[test]
fn a_paused_batch_says_so_and_sends_nothing() {
    let mut sim = sim(Limits::told(1));
    let batch = CallOptions { batch: Some(9), ..patient() };
    (1..=3).for_each(|task| sim.ask(0, task, batch.clone()));
    sim.at(1_000, Act::Pause(9, true));
    sim.at(60_000, Act::Pause(9, false));
    sim.run();
    audit::rest(&sim);
    assert_eq!(
        waits(&sim, 3).iter().map(|(_, reason, _)| *reason).collect::<Vec<_>>(),
        ["concurrency", "paused", "concurrency"]
    );
    assert!(sim.submits().all(|sent| sent.at < 1_000 || sent.at >= 60_000), "nothing leaves while it is paused");
}

#[test]
fn a_lane_that_gives_up_says_so_once() {
    let mut sim = sim(Limits::default());
    sim.script = Some(Box::new(|sent, _| {
        let refusal = r#"{"error":{"code":"rate_limit_exceeded","message":"no"}}"#;
        (sent.purpose == Purpose::Submit).then(|| json(429, &[], refusal))
    }));
    (1..=20).for_each(|task| sim.ask(0, task, patient()));
    sim.run();
    audit::rest(&sim);
    let said: Vec<&String> = sim
        .effects
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::Warn { message } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("hiapi") && said[0].contains("again and again"), "{said:?}");
    for task in 1..=20 {
        assert_eq!(audit::code(sim.outcome(task)), Some(Code::RateLimited));
        let Outcome::Failed(error, None) = sim.outcome(task) else { panic!("{:?}", sim.outcome(task)) };
        assert!(error.message.contains("used up elsewhere"), "{}", error.message);
    }
}

#[test]
fn a_provider_that_queues_is_given_no_flood_however_quick_its_answers_are() {
    for rtt in [20, 50, 200] {
        let world = Config { concurrency: Some(4), queue: true, ..Config::default() };
        let around = Surroundings { rtt: (rtt, rtt), ..Surroundings::default() };
        let mut sim = untold(world, around);
        (1..=100).for_each(|task| sim.ask(0, task, patient()));
        // Somebody comes by, before whom only those go that wait over there already.
        sim.ask(60_000, 101, options());
        sim.run();
        audit::rest(&sim);
        assert!(sim.most_held < 32, "{rtt} ms: {} at four slots", sim.most_held);
        let end = sim.settled.iter().find(|end| end.task == 101).unwrap().at;
        assert!(end < 110_000, "{rtt} ms: {end}");
    }
}

/// Every word on when a task that waits should be over: when it was said, and that time.
fn words(sim: &Sim, task: u32) -> Vec<(u64, u64)> {
    let said = sim.effects.iter().filter_map(|(at, effect)| match effect {
        Effect::Update { task: of, update: Update::Waiting { eta: Some(eta), .. } } if *of == task => {
            Some((*at, at + eta))
        }
        _ => None,
    });
    said.collect()
}

/// Four at once of ten seconds each, and what becomes of the first submit after a minute.
fn line(tasks: u32, reply: Option<tidegate_simulator::Reply>) -> Sim {
    let world = Config { duration: Distribution::Fixed(10_000), concurrency: Some(50), ..Config::default() };
    let mut sim = Sim::new(client(&HIAPI, 4), world, Surroundings::default());
    let mut reply = reply;
    sim.script = Some(Box::new(move |sent, now| {
        let strikes = sent.purpose == Purpose::Submit && now > 60_000;
        if strikes { reply.take() } else { None }
    }));
    (1..=tasks).for_each(|task| sim.ask(0, task, patient()));
    sim
}

#[test]
fn who_waits_hears_how_long_as_soon_as_that_is_known() {
    let mut sim = line(400, None);
    sim.run_until(45_000);
    // The first to end have taught how long they take; of those that wait, all that a batch can have handed in have heard it, and the others do in turn.
    let heard = |sim: &Sim| (1..=400).filter(|task| !words(sim, *task).is_empty()).count();
    assert!(heard(&sim) >= 250, "{}", heard(&sim));
    sim.run_until(75_000);
    // The first had left before anything was known.
    assert!(heard(&sim) >= 350, "{}", heard(&sim));
    sim.run();
    audit::rest(&sim);
    for end in sim.settled.iter().filter(|end| end.task > 20) {
        let said = words(&sim, end.task);
        assert!(!said.is_empty() && said.len() < 5, "{}: {said:?}", end.task);
        for (at, word) in said {
            let (left, truth) = (word - at, end.at - at);
            // They end four at a time.
            assert!(left.abs_diff(truth) <= (truth / 4).max(10_000), "{}: {left} of {truth} at {at}", end.task);
        }
    }
}

#[test]
fn who_waits_hears_that_it_takes_longer_now() {
    let mut sim = line(100, Some(json(503, &[("retry-after", "120")], "{}")));
    sim.run();
    audit::rest(&sim);
    for task in [30, 60, 90] {
        let said = words(&sim, task);
        let before = said.iter().rfind(|(at, _)| *at < 60_000).unwrap().1;
        let after = said.iter().find(|(at, _)| *at > 60_000).unwrap();
        assert!(after.0 < 90_000 && (80_000..160_000).contains(&(after.1 - before)), "{task}: {said:?}");
    }
}

#[test]
fn whoever_waits_far_back_hears_it_too() {
    // Fifty at once, and from a minute on only two.
    let drop = CapSchedule::new(vec![(60_000, 2)]);
    let world = Config {
        duration: Distribution::Fixed(10_000),
        concurrency: Some(50),
        concurrency_schedule: drop,
        ..Config::default()
    };
    let mut sim = untold(world, Surroundings::default());
    (1..=2_000).for_each(|task| sim.ask(0, task, patient()));
    sim.run_until(600_000);
    for task in [700, 1_200, 1_900] {
        let (at, end) = *words(&sim, task).last().expect("a word");
        let truth = sim.submits().count() as u64;
        // Two at a time from here on, ten seconds each.
        let left = (u64::from(task) - truth) * 5_000;
        assert!(end.abs_diff(sim.now + left) < left / 3, "{task}: {} of {left}, told at {at}", end - sim.now);
    }
}

#[test]
fn a_fetch_that_may_give_up_before_the_deadline_is_told_of_once() {
    let told = |dialect: &'static Dialect, fetch_limit, deadline| {
        let mut config = client(dialect, 4);
        config.fetch_limit = fetch_limit;
        let world = Config { duration: Distribution::Fixed(3_000), ..Config::default() };
        let mut sim = Sim::new(config, world, Surroundings::default());
        (1..=3).for_each(|task| sim.ask(0, task, CallOptions { deadline, ..patient() }));
        sim.run();
        let is_it =
            |effect: &Effect| matches!(effect, Effect::Inform { message } if message.contains("limit of its own"));
        sim.effects.iter().filter(|(_, effect)| is_it(effect)).count()
    };
    assert_eq!(told(&OPENAI, 300_000, 600_000), 1);
    assert_eq!(told(&OPENAI, 300_000, 300_000), 0);
    assert_eq!(told(&OPENAI, 0, 600_000), 0);
    assert_eq!(told(&HIAPI, 300_000, 600_000), 0, "its polls are short");
}
