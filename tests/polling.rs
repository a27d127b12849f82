//! What polls cost and what they miss, with the whole engine. Virtual time: the figures are exact.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use std::collections::BTreeMap;

use support::audit;
use support::sim::{Act, EPOCH, Plan, Sim, Surroundings, client, json, options};
use tidegate::engine::{Effect, Engine, Input, Outcome, Update};
use tidegate::error::Code;
use tidegate::http::{Answer, Body, Purpose};
use tidegate::json::ObjectBuilder;
use tidegate::limit::Counts as Told;
use tidegate::options::{CallOptions, Config as Client, Priority};
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::{Dialect, LongPoll, TaskTable};
use tidegate::request::ImageRequest;
use tidegate::time::Instant;
use tidegate_simulator::{Config, Counts, Distribution, HintMode, clairvoyant_for};

const TASKS: TaskTable = match HIAPI.tasks {
    Some(tasks) => tasks,
    None => panic!(),
};
static WITHOUT_LIST: Dialect = Dialect { tasks: Some(TaskTable { list: None, ..TASKS }), ..HIAPI };
static LONG: Dialect = Dialect {
    tasks: Some(TaskTable {
        list: None,
        long_poll: Some(LongPoll { header: ("prefer", "wait=20"), length: 20_000 }),
        ..TASKS
    }),
    ..HIAPI
};

struct Cost {
    /// From the end on the server to its caller, s.
    delay: f64,
    /// Requests that asked after tasks, a task.
    polls: f64,
    makespan: f64,
}

fn patient(priority: Priority) -> CallOptions {
    CallOptions { max_wait: u64::MAX, priority, ..options() }
}

fn sim(client: Client, world: Config, tasks: u32, priority: Priority) -> Sim {
    let around = Surroundings { rtt: (200, 200), seed: world.seed, ..Surroundings::default() };
    let mut sim = Sim::new(client, world, around);
    (0..tasks).for_each(|task| sim.ask(0, task, patient(priority)));
    sim
}

fn cost(sim: &mut Sim) -> Cost {
    sim.run();
    audit::rest(sim);
    audit::money(sim);
    assert!(sim.settled.iter().all(|end| matches!(end.outcome, Outcome::Succeeded(_))));
    let ends: BTreeMap<&str, u64> = sim.settled.iter().map(|end| (end.prompt.as_str(), end.at)).collect();
    let delays = sim.world.ledger().iter().map(|charge| (ends[charge.prompt.as_str()] - charge.at_ms) as f64 / 1_000.0);
    let tasks = sim.settled.len() as f64;
    let optimum = clairvoyant_for(sim.world.config(), sim.settled.len() as u64);
    Cost {
        delay: delays.sum::<f64>() / tasks,
        polls: sim.world.stats().polls as f64 / tasks,
        makespan: sim.settled.iter().map(|end| end.at).max().unwrap() as f64 / optimum as f64,
    }
}

fn mean_cost(name: &str, run: impl Fn(u64) -> Sim) -> Cost {
    let costs: Vec<Cost> = (1..=4).map(|seed| cost(&mut run(seed))).collect();
    let mean = |of: fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / costs.len() as f64;
    let cost = Cost { delay: mean(|c| c.delay), polls: mean(|c| c.polls), makespan: mean(|c| c.makespan) };
    println!("{name:40} {:.3} s, {:.2} polls a task, {:.4} of the optimum", cost.delay, cost.polls, cost.makespan);
    cost
}

#[test]
fn polls_are_few_and_ends_are_seen_soon() {
    let told = |slots: u32, priority, duration| {
        move |seed| {
            let world = Config { seed, concurrency: Some(slots), duration, ..Config::default() };
            sim(client(&HIAPI, slots), world, 25 * slots, priority)
        }
    };
    let usual = Config::default().duration;
    let few = mean_cost("4 slots, somebody waits", told(4, Priority::Interactive, usual));
    let many = mean_cost("16 slots, somebody waits", told(16, Priority::Interactive, usual));
    let batch = mean_cost("16 slots, a batch", told(16, Priority::Batch, usual));
    // Of 100 tasks the first dozen teach the rest.
    assert!(few.polls <= 12.0 && few.delay <= 0.53 && few.makespan <= 1.045);
    for cost in [many, batch] {
        assert!(cost.polls <= 8.0 && cost.delay <= 0.46 && cost.makespan <= 1.04);
    }
    // Nothing waits for a slot, so nothing is lost by seeing an end later.
    let room = mean_cost("room for all, a batch", |seed| {
        let world = Config { seed, concurrency: None, ..Config::default() };
        let mut sim = Sim::new(client(&HIAPI, 1_000), world, Surroundings { seed, ..Surroundings::default() });
        (0..300).for_each(|task| sim.ask(u64::from(task) * 3_000, task, patient(Priority::Batch)));
        sim
    });
    assert!(room.polls <= 9.3 && room.delay <= 0.57);
    let quick = mean_cost("8 slots, 1-3 s", told(8, Priority::Interactive, Distribution::Uniform(1_000, 3_000)));
    assert!(quick.makespan <= 1.22);
}

#[test]
fn one_list_answers_many_polls() {
    let run = |dialect: &'static Dialect| {
        move |seed| {
            let world = Config { seed, concurrency: Some(100), ..Config::default() };
            sim(client(dialect, 100), world, 1_500, Priority::Interactive)
        }
    };
    let alone = mean_cost("100 slots, one by one", run(&WITHOUT_LIST));
    let listed = mean_cost("100 slots, by lists", run(&HIAPI));
    assert!(listed.polls <= alone.polls / 2.0, "{} against {}", listed.polls, alone.polls);
    assert!(listed.delay <= alone.delay + 0.1 && listed.makespan <= alone.makespan + 0.01);
}

/// Of six connections polls take four at most, and submits never wait for one.
#[test]
fn polls_leave_connections_to_submits() {
    let world = Config { concurrency: Some(40), ..Config::default() };
    let mut sim = sim(Client { connections: 6, ..client(&WITHOUT_LIST, 40) }, world, 300, Priority::Interactive);
    let cost = cost(&mut sim);
    println!(
        "four polls at once, 40 slots: {:.3} s, {:.2} polls a task, {:.4} of the optimum",
        cost.delay, cost.polls, cost.makespan
    );
    let polls: Vec<_> = sim.sent.iter().filter(|sent| sent.purpose == Purpose::Poll).collect();
    let open = |at: u64| polls.iter().filter(|poll| poll.at <= at && at < poll.answer.unwrap().at).count();
    let most = polls.iter().map(|poll| open(poll.at)).max().unwrap();
    assert_eq!(most, 4);
    assert!(cost.delay < 1.5, "four polls at once are 20 a second, for 40 tasks that need 28");
}

/// Where polls count, submits keep at least half of the window, and nothing is refused.
#[test]
fn polls_share_the_window_where_they_count() {
    for (rpm, tasks) in [(60, 60), (20, 20)] {
        let world = Config { concurrency: None, rpm: Some(rpm), counts: Counts::Requests, ..Config::default() };
        let mut told = client(&HIAPI, 1_000);
        told.providers[0].limits.rpm = Some(rpm);
        told.providers[0].limits.counts = Told::Request;
        let mut sim = sim(told, world, tasks, Priority::Batch);
        sim.run();
        audit::rest(&sim);
        let stats = sim.world.stats();
        let end = sim.settled.iter().map(|end| end.at).max().unwrap();
        println!(
            "{rpm} requests a minute, told, {tasks} tasks: {} s, {} submits, {} polls, {} refused",
            end / 1_000,
            stats.submits,
            stats.polls,
            stats.refusals
        );
        assert_eq!(stats.refusals, 0);
        assert!(sim.settled.iter().all(|end| matches!(end.outcome, Outcome::Succeeded(_))));
        // Each task takes two requests of them, and lists show when.
        assert!(end < 200_000);
    }
}

/// The same without a word beforehand: refused polls put distance between polls, and headers tell of it sooner.
#[test]
fn what_was_not_told_of_polls_is_learned() {
    for headers in [false, true] {
        let world = Config {
            concurrency: Some(4),
            rpm: Some(60),
            counts: Counts::Requests,
            hint: HintMode::Seconds,
            rate_limit_headers: Some(headers),
            ..Config::default()
        };
        let mut sim = sim(client(&HIAPI, 4), world, 60, Priority::Batch);
        sim.run();
        audit::rest(&sim);
        let stats = sim.world.stats();
        let end = sim.settled.iter().map(|end| end.at).max().unwrap();
        println!(
            "60 requests a minute, 4 slots, headers {headers}: {} s, {} polls, {} refused, {} of them submits",
            end / 1_000,
            stats.polls,
            stats.refusals,
            stats.refusals - stats.refused_polls
        );
        assert!(sim.settled.iter().all(|end| matches!(end.outcome, Outcome::Succeeded(_))));
        assert!(stats.refused_polls * 10 <= stats.polls, "{stats:?}");
    }
}

/// A list that can't be read is asked for once, and one that doesn't help once a minute; all that they cost is a little time.
#[test]
fn a_list_is_a_hint_and_no_more() {
    let empty = "{\"data\":{\"tasks\":[]}}";
    let odd = "{\"data\":{\"tasks\":[{\"id\":1}]}}";
    for (status, body, lists) in [(200, empty, 2), (500, "", 2), (404, "{}", 1), (200, "[]", 1), (200, odd, 1)] {
        let world = Config { concurrency: Some(60), ..Config::default() };
        let mut sim = sim(client(&HIAPI, 60), world, 180, Priority::Interactive);
        sim.script = Some(Box::new(move |sent, _| (sent.purpose == Purpose::List).then(|| json(status, &[], body))));
        let cost = cost(&mut sim);
        let asked = sim.sent.iter().filter(|sent| sent.purpose == Purpose::List).count();
        println!("lists that say {status} {body}: {asked}, {:.3} s", cost.delay);
        assert!((1..=lists).contains(&asked) && cost.delay < 0.5);
    }
}

/// A poll that waits at the provider is followed at once by the next, unless it came back too soon, and is given the time that it asked for.
#[test]
fn a_long_poll_goes_on() {
    let mut engine = Engine::new(client(&LONG, 1), 1);
    let mut now = 0;
    let request = Ok(Box::new(ImageRequest::new("m", "p")));
    let submit = Input::Submit { task: 1, owner: 0, request, options: Box::new(options()), records: vec![] };
    let mut step = |after: u64, input: Input| {
        now += after;
        engine.handle(Instant::from_millis(now), EPOCH + now, input);
        let mut sent = None;
        while let Some(effect) = engine.poll(0) {
            match effect {
                Effect::Store { seq, .. } => {
                    engine.handle(Instant::from_millis(now), EPOCH + now, Input::Stored { seq, ok: true });
                }
                Effect::Send { call, request, .. } => sent = Some((call, request)),
                _ => {}
            }
        }
        sent
    };
    let says = |call, field: &str, word: &str| {
        let body = Body::Json(ObjectBuilder::new().with(field, word).build());
        Input::Answer { call, answer: Answer { status: 200, headers: Vec::new(), body } }
    };
    let (call, _) = step(0, submit).expect("a submit");
    assert!(step(100, says(call, "taskId", "tk-1")).is_none());
    let (call, poll) = step(600, Input::Wake { owner: 0 }).expect("a poll");
    assert!(poll.headers.contains(&("prefer", String::from("wait=20"))));
    assert!(step(20_000, Input::Wake { owner: 0 }).is_none(), "it may wait longer than other polls");
    let (call, _) = step(200, says(call, "status", "handling")).expect("the next one, at once");
    assert!(step(300, says(call, "status", "handling")).is_none(), "this one didn't wait");
    assert!(step(1_500, Input::Wake { owner: 0 }).is_some());
}

/// After a hundred retries in vain the next fault is told at once, and says so.
#[test]
fn an_outage_is_told_when_the_budget_is_spent() {
    let world = Config { concurrency: None, submit_503: 1.0, ..Config::default() };
    let mut sim = sim(client(&HIAPI, 40), world, 200, Priority::Batch);
    sim.run();
    audit::rest(&sim);
    let submits = sim.world.stats().submits;
    let end = sim.settled.iter().map(|end| end.at).max().unwrap();
    println!("an outage, 200 tasks, 40 slots: {submits} submits, all told after {} s", end / 1_000);
    assert_eq!(submits, 300, "each once, and the budget's hundred");
    let spent = |outcome: &Outcome| matches!(outcome, Outcome::Failed(error, _) if error.code == Code::Overloaded && error.message.contains("submits to this provider fail."));
    assert!(sim.settled.iter().any(|end| spent(&end.outcome)));
}

/// How far the word on the time that is left is off, of running tasks and of a batch.
#[test]
fn what_is_said_of_the_time_left_is_honest() {
    let world = Config { concurrency: Some(8), ..Config::default() };
    let mut sim = sim(client(&HIAPI, 8), world, 0, Priority::Batch);
    for task in 0..200 {
        sim.at(
            0,
            Act::Submit(Plan {
                task,
                owner: 0,
                n: 1,
                options: CallOptions { batch: Some(1), ..patient(Priority::Batch) },
            }),
        );
    }
    let mut told = Vec::new();
    for second in 1..60 {
        sim.run_until(second * 5_000);
        told.push((second * 5_000, sim.engine.batch_eta(1, 0)));
    }
    sim.run();
    let end = sim.settled.iter().map(|end| end.at).max().unwrap();
    let known: Vec<(u64, u64)> = told.into_iter().filter_map(|(at, eta)| Some((at, eta?))).collect();
    let errors: Vec<f64> = known.iter().map(|(at, eta)| (at + eta) as f64 / end as f64 - 1.0).collect();
    let mean = errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len() as f64;
    println!(
        "a batch of {} s: first word after {} s, off by {:.1} % of the whole on average",
        end / 1_000,
        known[0].0 / 1_000,
        mean * 100.0
    );
    assert!(known[0].0 <= 30_000 && mean < 0.06, "{errors:?}");

    let ends: BTreeMap<u32, u64> = sim.settled.iter().map(|end| (end.task, end.at)).collect();
    let (mut waiting, mut running) = (Vec::new(), Vec::new());
    for (at, effect) in &sim.effects {
        match effect {
            Effect::Update { task, update: Update::Running { eta: Some(eta), .. } } => {
                running.push((at + eta) as f64 - ends[task] as f64);
            }
            Effect::Update { task, update: Update::Waiting { eta: Some(eta), .. } } => {
                waiting.push((at + eta) as f64 / ends[task] as f64 - 1.0);
            }
            _ => {}
        }
    }
    let mean = |of: &[f64]| of.iter().map(|error| error.abs()).sum::<f64>() / of.len() as f64;
    let bias = running.iter().sum::<f64>() / running.len() as f64;
    println!(
        "{} words on running tasks: off by {:.1} s on average, {:.1} s too late",
        running.len(),
        mean(&running) / 1_000.0,
        bias / 1_000.0
    );
    println!("{} words on waiting ones", waiting.len());
    // The spread of the durations themselves is 4 s.
    assert!(mean(&running) < 4_500.0 && bias.abs() < 1_500.0);
}
