//! Single stories about the engine, each of which went wrong once or was feared to.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::audit;
use support::sim::{Act, Plan, Sent, Sim, Surroundings, client, json, options};
use tidegate::engine::{Input, Outcome};
use tidegate::error::{Billed, Code};
use tidegate::http::Purpose;
use tidegate::journal::Stage;
use tidegate::limit::Counts;
use tidegate::options::{Ambiguous, CallOptions};
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::OPENAI;
use tidegate_simulator::{Config, Distribution, Reply};

fn world(duration: u64) -> Config {
    Config { duration: Distribution::Fixed(duration), ..Config::default() }
}

fn sim(limit: u32, duration: u64) -> Sim {
    Sim::new(client(&HIAPI, limit), world(duration), Surroundings::default())
}

/// Answers the submits with what the list says, in turn; `None` and those after the list are the world's business.
fn submits(answers: Vec<Option<Reply>>) -> support::sim::Script {
    let mut answers = answers.into_iter();
    Box::new(move |sent: &Sent, _| if sent.purpose == Purpose::Submit { answers.next().flatten() } else { None })
}

fn patient() -> CallOptions {
    let mut call = options();
    (call.max_wait, call.deadline) = (u64::MAX, u64::MAX);
    call
}

#[test]
fn what_was_cancelled_is_not_sent_again() {
    let mut sim = sim(1, 5_000);
    sim.script = Some(submits(vec![Some(Reply::Lost)]));
    sim.ask(0, 1, options());
    sim.at(50, Act::Cancel(1));
    sim.run();
    audit::rest(&sim);
    assert_eq!((sim.submits().count(), sim.world.ledger().len()), (1, 0));
    assert_eq!(audit::billed(sim.outcome(1)), Some(Billed::Unknown));
    // What may have been bought can still be asked for.
    assert_eq!(sim.store.pending().len(), 1);
}

#[test]
fn a_cancelled_replay_is_not_sent_again_either() {
    let mut sim = sim(1, 5_000);
    sim.script = Some(submits(vec![Some(json(500, &[("retry-after", "20")], ""))]));
    sim.ask(0, 1, options());
    sim.at(5_000, Act::Cancel(1));
    sim.run();
    audit::rest(&sim);
    assert_eq!(sim.submits().count(), 1);
}

#[test]
fn nothing_is_left_of_a_cancelled_task_that_came_to_nothing() {
    let busy = json(503, &[], "{\"code\":503,\"message\":\"busy\"}");
    for answer in [json(429, &[], "{}"), busy, json(400, &[], "{}"), json(401, &[], "{}")] {
        let mut sim = sim(1, 5_000);
        sim.script = Some(submits(vec![Some(answer)]));
        sim.ask(0, 1, options());
        sim.at(50, Act::Cancel(1));
        sim.run();
        audit::rest(&sim);
        assert_eq!(sim.submits().count(), 1);
        assert!(sim.store.records.is_empty(), "a replay of this would buy what was cancelled: {:?}", sim.store);
    }
    let mut failing =
        Sim::new(client(&HIAPI, 1), Config { task_failure: 1.0, ..world(5_000) }, Surroundings::default());
    failing.ask(0, 1, options());
    failing.at(1_000, Act::Cancel(1));
    failing.run();
    assert!(failing.store.records.is_empty(), "{:?}", failing.store);
}

#[test]
fn a_ghost_without_an_id_keeps_its_slot_beyond_the_deadline() {
    let mut sim = sim(1, 5_000);
    let mut call = options();
    (call.retry.ambiguous, call.deadline) = (Ambiguous::Never, 5_000);
    sim.lose_answer(1);
    sim.ask(0, 1, call);
    sim.ask(10, 2, options());
    sim.run();
    assert_eq!(audit::code(sim.outcome(1)), Some(Code::UnknownOutcome));
    let second = sim.submits().nth(1).unwrap();
    assert!((60_000..61_000).contains(&second.at), "{}", second.at);
    audit::rest(&sim);
    audit::money(&sim);
}

/// A verdict leaves nothing behind that could be gone on with; a doubt does.
#[test]
fn only_what_may_have_been_bought_has_a_reference() {
    for (reply, resumable) in [(json(401, &[], "{}"), false), (json(400, &[], "{}"), false), (Reply::Lost, true)] {
        let mut sim = sim(4, 5_000);
        let mut call = options();
        call.retry.ambiguous = Ambiguous::Never;
        sim.script = Some(submits(vec![Some(reply)]));
        sim.ask(0, 1, call);
        sim.run();
        let Outcome::Failed(error, reference) = sim.outcome(1) else { panic!("{:?}", sim.outcome(1)) };
        assert_eq!(reference.is_some(), resumable, "{error:?}");
        audit::rest(&sim);
    }
}

#[test]
fn a_doubt_is_not_resolved_by_a_later_no() {
    for (status, body) in [(401, "{}"), (402, "{}"), (403, "{}"), (503, "{}"), (400, "{}")] {
        let mut sim = sim(1, 5_000);
        sim.script = Some(submits(vec![None, Some(json(status, &[("x-should-retry", "false")], body))]));
        sim.lose_answer(1);
        sim.ask(0, 1, options());
        sim.run();
        assert_eq!(audit::code(sim.outcome(1)), Some(Code::UnknownOutcome), "{status}");
        assert_eq!(audit::billed(sim.outcome(1)), Some(Billed::Unknown), "{status}");
        assert_eq!((sim.world.ledger().len(), sim.store.pending().len()), (1, 1), "{status}");
        audit::rest(&sim);
    }
}

#[test]
fn a_long_task_holds_its_slot_for_all_of_its_life() {
    let world = Config { concurrency: Some(1), ..world(3 * 3_600_000) };
    let mut sim = Sim::new(client(&HIAPI, 1), world, Surroundings::default());
    sim.ask(0, 1, patient());
    sim.ask(10, 2, patient());
    sim.run();
    assert_eq!(sim.world.stats().refusals, 0);
    assert_eq!(sim.world.ledger().len(), 2);
}

#[test]
fn a_submit_that_is_processed_for_ever_ends_with_its_deadline() {
    let mut sim = sim(1, 5_000);
    sim.script = Some(Box::new(|sent, _| {
        let body = r#"{"code":409,"error_code":"IDEMPOTENCY_KEY_PROCESSING","data":null}"#;
        (sent.purpose == Purpose::Submit).then(|| json(409, &[("retry-after", "1")], body))
    }));
    let mut call = options();
    call.deadline = 30_000;
    sim.ask(0, 1, call);
    sim.run();
    audit::rest(&sim);
    assert_eq!(audit::code(sim.outcome(1)), Some(Code::Deadline));
    assert!(sim.settled[0].at < 31_000);
}

#[test]
fn a_store_that_never_answers_is_done_without() {
    let around = Surroundings { store: (1_000_000_000, 1_000_000_000), ..Surroundings::default() };
    let mut sim = Sim::new(client(&HIAPI, 1), world(5_000), around);
    sim.ask(0, 1, patient());
    sim.run();
    assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)));
    assert!(sim.settled[0].at < 20_000, "{}", sim.settled[0].at);
}

#[test]
fn a_lost_probe_does_not_keep_the_others_waiting() {
    let mut sim = sim(4, 2_000);
    let mut first = true;
    sim.script = Some(Box::new(move |sent, _| match (sent.purpose, sent.part.task) {
        (Purpose::Submit, 1) if std::mem::take(&mut first) => Some(json(429, &[], "{}")),
        (Purpose::Submit, 1) => Some(Reply::Lost),
        _ => None,
    }));
    let mut call = options();
    (call.retry.base, call.retry.cap) = (30_000, 30_000);
    sim.ask(0, 1, call);
    sim.ask(205, 2, options());
    sim.run();
    let at = |task| sim.settled.iter().find(|end| end.task == task).unwrap().at;
    let lost = sim.submits().filter(|sent| sent.part.task == 1).nth(1).unwrap().answer.unwrap().at;
    assert!(at(2) < lost + 5_000, "{} after {lost}", at(2));
}

#[test]
fn a_hint_of_nothing_is_no_leave_to_hammer() {
    for hint in ["0", "0.001"] {
        let mut sim = sim(4, 2_000);
        sim.script = Some(Box::new(move |sent, now| {
            (sent.purpose == Purpose::Submit && now < 60_000).then(|| json(429, &[("retry-after", hint)], "{}"))
        }));
        (0..10).for_each(|task| sim.ask(0, task, options()));
        sim.run();
        assert!(sim.settled.iter().all(|end| matches!(end.outcome, Outcome::Succeeded(_))));
        let early = sim.submits().filter(|sent| sent.at < 60_000).count();
        assert!(early < 30, "{early} submits in a minute of refusals");
    }
}

#[test]
fn after_close_nothing_is_submitted_and_what_was_bought_is_written_down() {
    let mut sim = sim(1, 5_000);
    sim.ask(0, 1, options());
    sim.ask(0, 2, options());
    sim.at(50, Act::Close);
    sim.ask(60, 3, options());
    sim.run();
    audit::rest(&sim);
    assert_eq!(sim.submits().count(), 1);
    assert!((1..=3).all(|task| audit::code(sim.outcome(task)) == Some(Code::Cancelled)));
    let records = sim.store.all();
    assert_eq!((records.len(), records[0].stage), (1, Stage::Submitted));
    audit::money(&sim);
}

#[test]
fn a_pause_holds_what_waits_and_not_what_runs() {
    let mut sim = sim(2, 3_000);
    for task in 0..6 {
        let mut call = patient();
        call.batch = Some(7);
        sim.ask(0, task, call);
    }
    sim.at(50, Act::Pause(7, true));
    sim.at(100_000, Act::Pause(7, false));
    sim.run();
    let during: Vec<u64> = sim.settled.iter().map(|end| end.at).filter(|at| *at < 100_000).collect();
    assert_eq!(during.len(), 2, "{during:?}");
    assert!(sim.settled.iter().all(|end| matches!(end.outcome, Outcome::Succeeded(_))));
    assert_eq!(sim.submits().filter(|sent| (50..100_000).contains(&sent.at)).count(), 0);
    audit::rest(&sim);
}

#[test]
fn a_task_of_several_images_is_resumed_as_a_whole() {
    for at in [100, 250, 1_000, 2_600, 3_500, 6_000] {
        let mut sim = sim(2, 3_000);
        sim.at(0, Act::Submit(Plan { task: 1, owner: 0, n: 4, options: options() }));
        sim.at(at, Act::Crash);
        sim.run();
        let images: usize = sim
            .settled
            .iter()
            .filter(|end| end.task >= 10_000)
            .map(|end| match &end.outcome {
                Outcome::Succeeded(success) => success.images.len(),
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!((images, sim.world.ledger().len()), (4, 4), "crash at {at} ms");
        assert!(sim.store.records.is_empty());
        audit::money(&sim);
    }
}

#[test]
fn the_same_key_is_the_same_image() {
    let mut sim = sim(2, 3_000);
    let mut call = options();
    call.idempotency_key = Some(String::from("order-7"));
    sim.ask(0, 1, call.clone());
    // The key is bound to the request: the application asks for the same picture.
    let again = Ok(Box::new(support::store::request("picture 1", 1)));
    let again = Input::Submit { task: 1_000, owner: 0, request: again, options: Box::new(call), records: vec![] };
    sim.at(20_000, Act::Input(Box::new(again)));
    sim.run();
    let url = |task| match sim.outcome(task) {
        Outcome::Succeeded(success) => success.images[0].url.clone().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(audit::task_in(&url(1)), audit::task_in(&url(1_000)));
    assert_eq!((sim.world.ledger().len(), sim.submits().count()), (1, 1));
}

#[test]
fn a_grant_that_waits_for_the_disk_does_not_outlive_a_refusal() {
    let around = Surroundings { store: (400, 400), rtt: (20, 20), ..Surroundings::default() };
    let mut sim = Sim::new(client(&HIAPI, 4), world(2_000), around);
    sim.script = Some(submits(vec![Some(json(429, &[("retry-after", "60")], "{}"))]));
    sim.ask(0, 1, options());
    sim.ask(100, 2, options());
    sim.run();
    let second = sim.submits().nth(1).unwrap();
    assert!(second.at >= 60_420, "{}", second.at);
    audit::rest(&sim);
}

#[test]
fn a_call_without_an_answer_ends_with_its_timeout() {
    let around = Surroundings { hangs: 1.0, ..Surroundings::default() };
    let mut sim = Sim::new(client(&HIAPI, 1), world(2_000), around);
    sim.lose_answer(1);
    sim.lose_answer(3);
    let mut call = options();
    call.timeout = Some(5_000);
    sim.ask(0, 1, call);
    sim.run();
    assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)));
    assert_eq!((sim.submits().count(), sim.world.ledger().len()), (2, 1));
    assert!((10_000..15_000).contains(&sim.settled[0].at), "{}", sim.settled[0].at);
    audit::rest(&sim);
}

#[test]
fn a_key_that_cannot_be_looked_up_is_not_used() {
    let around = Surroundings { store: (1_000_000_000, 1_000_000_000), ..Surroundings::default() };
    let mut sim = Sim::new(client(&HIAPI, 1), world(5_000), around);
    let mut call = patient();
    call.idempotency_key = Some(String::from("order-7"));
    sim.ask(0, 1, call);
    sim.run();
    assert_eq!(audit::code(sim.outcome(1)), Some(Code::UnknownOutcome));
    assert!(sim.sent.is_empty() && sim.settled[0].at < 20_000);
    audit::rest(&sim);
}

/// Between waves of faults all wait, but that is our own caution and not the provider's word: nobody is sent away for it.
#[test]
fn our_own_wait_between_waves_of_faults_is_no_retry_after() {
    let mut sim = sim(2, 1_000);
    sim.script = Some(submits((0..6).map(|_| Some(json(503, &[], "{}"))).collect()));
    let mut call = patient();
    (call.retry.base, call.retry.cap, call.retry.max_retry_after) = (20_000, 60_000, Some(1_000));
    (0..12).for_each(|task| sim.ask(0, task, call.clone()));
    sim.run();
    let ends: Vec<_> = sim.settled.iter().map(|end| &end.outcome).collect();
    assert!(ends.len() == 12 && ends.iter().all(|end| matches!(end, Outcome::Succeeded(_))), "{ends:?}");
    let at: Vec<_> = sim.submits().map(|sent| sent.at).collect();
    assert!(at.windows(2).any(|pair| pair[1] - pair[0] > 2_000), "there was a wait: {at:?}");
}

#[test]
fn where_images_count_no_leave_is_used_for_more_of_them_than_it_was_given_for() {
    for seed in 0..10 {
        let mut config = client(&OPENAI, 4);
        config.providers[0].limits.counts = Counts::Image;
        let world = tidegate_simulator::Config {
            seed,
            concurrency: Some(4),
            slots_by_image: true,
            least_pixels: 1,
            duration: Distribution::Uniform(1_000, 4_000),
            ..tidegate_simulator::Config::default()
        };
        let around = Surroundings { store: (0, 400), seed, ..Surroundings::default() };
        let mut sim = Sim::new(config, world, around);
        for task in 0..24u32 {
            let n = [1, 4, 1, 2, 1, 3][task as usize % 6];
            let options = patient();
            sim.at(u64::from(task) * 150, Act::Submit(Plan { task, owner: 0, n, options }));
        }
        sim.run();
        audit::rest(&sim);
        let ends: Vec<_> = sim.settled.iter().filter_map(|end| audit::code(&end.outcome)).collect();
        assert_eq!(ends, [], "seed {seed}");
        assert_eq!(sim.world.stats().refusals, 0, "seed {seed}");
        assert!(sim.world.stats().peak_in_flight <= 4);
    }
}
