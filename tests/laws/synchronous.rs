//! The laws where the answer to a submit is the image, and no provider remembers a key.

use proptest::prelude::*;
use tidegate::engine::{Effect, Input, Outcome};
use tidegate::error::{Billed, Code};
use tidegate::provider::openai::OPENAI;
use tidegate::task::KnownPart;
use tidegate_simulator::{Config, Distribution, Reply};

use crate::journal::{durable, only_resent_after};
use crate::refusals::no_submit_before_its_hint;
use crate::support::audit;
use crate::support::scenario::{Habits, Scenario, acts, anything, cases, faults, surroundings};
use crate::support::sim::{Act, Plan, Sim, Surroundings, client, json, options};

const EVERYTHING: Habits = Habits { tasks: 14, cancels: true, impatience: true, pauses: true, images: 4, owners: 1 };
/// After these nothing is under way: a refusal, no room, and the provider's own word that it failed.
const NOTHING_CAME: &[u16] = &[429, 500, 503];

/// The same worlds as elsewhere, whose smallest picture is quick to draw.
fn world() -> impl Strategy<Value = Scenario> {
    anything(EVERYTHING).prop_map(|scenario| Scenario { world: small(scenario.world.clone()), ..scenario })
}

fn small(world: Config) -> Config {
    Config { least_pixels: 1, ..world }
}

/// A cap that is told exactly and nothing else that refuses. A deadline leaves a picture behind that nobody can be asked about, so nobody is hurried.
fn told_caps() -> impl Strategy<Value = Scenario> {
    let habits = Habits { tasks: 24, cancels: true, impatience: false, pauses: true, images: 1, owners: 1 };
    (1..5u32, 500..12_000u64).prop_flat_map(move |(cap, duration)| {
        let world = small(Config { concurrency: Some(cap), ..Config::default() });
        (faults(world), surroundings(), acts(habits)).prop_map(move |(world, around, acts)| {
            // A lost answer leaves no word of when its picture is done: the estimate covers it where durations don't vary.
            let world = Config { duration: Distribution::Fixed(duration), ..world };
            Scenario { world, around, limit: cap, learns: false, acts }
        })
    })
}

proptest! {
    #![proptest_config(cases(128))]

    /// Laws 7, 8 and 12: nothing is bought twice, no charge is silent, everything ends, every permit comes back.
    #[test]
    fn everything_ends_and_nothing_is_bought_twice(scenario in world()) {
        let mut sim = scenario.sim(&OPENAI);
        sim.run();
        prop_assert!(scenario.learns || sim.most_held <= scenario.limit, "held {}", sim.most_held);
        only_resent_after(&sim, NOTHING_CAME);
        audit::rest(&sim);
        audit::money(&sim);
    }

    /// Law 6: what a crash leaves is in doubt, and stays so.
    #[test]
    fn a_crash_anywhere_buys_nothing_twice(scenario in world(), place in 0.0..1.0f64) {
        let mut whole = scenario.sim(&OPENAI);
        whole.run();
        let mut sim = durable(&scenario).sim(&OPENAI);
        sim.crash_at = Some(1 + (place * whole.boundaries as f64) as u64);
        sim.run();
        only_resent_after(&sim, NOTHING_CAME);
        audit::rest(&sim);
        audit::money(&sim);
    }

    /// Law 1: a slot is held while the picture is drawn, whatever became of its answer.
    #[test]
    fn a_told_cap_is_never_run_into(scenario in told_caps()) {
        let mut sim = scenario.sim(&OPENAI);
        sim.run();
        prop_assert!(sim.world.stats().peak_in_flight <= u64::from(scenario.limit));
        prop_assert_eq!(sim.world.stats().refused_slots, 0);
        audit::rest(&sim);
    }

    /// Law 4.
    #[test]
    fn never_earlier_than_a_hint(scenario in world()) {
        let mut sim = scenario.sim(&OPENAI);
        sim.run();
        no_submit_before_its_hint(&sim)?;
    }

    /// Law 12, for a client that is closed in the middle.
    #[test]
    fn a_close_ends_everything(scenario in world(), at in 0..40_000u64) {
        let mut sim: Sim = scenario.sim(&OPENAI);
        sim.at(at, Act::Close);
        sim.run();
        audit::rest(&sim);
    }
}

/// The laws above are about a provider that does draw.
#[test]
fn a_calm_provider_draws_everything_at_a_full_lane() {
    let world = small(Config { concurrency: Some(3), duration: Distribution::Fixed(10_000), ..Config::default() });
    let mut sim = Sim::new(client(&OPENAI, 3), world, Surroundings::default());
    (0..12).for_each(|task| sim.at(0, Act::Submit(Plan { task, owner: 0, n: 2, options: options() })));
    sim.run();
    for task in 0..12 {
        let Outcome::Succeeded(success) = sim.outcome(task) else { panic!("{:?}", sim.outcome(task)) };
        assert_eq!((success.images.len(), success.failures.len()), (2, 0));
    }
    let charges = sim.world.ledger();
    assert_eq!((charges.len(), charges.iter().map(|charge| charge.images).sum::<u32>()), (12, 24));
    assert_eq!((sim.world.stats().refused_slots, sim.world.stats().peak_in_flight), (0, 3));
    assert!(sim.settled.iter().all(|end| end.at <= 4 * 10_200 + 100), "four rounds of pictures and round trips");
}

/// One slot of a provider that draws for so long, which answers the first submits as told.
fn story(duration: u64, answers: Vec<Reply>) -> Sim {
    let world = small(Config { duration: Distribution::Fixed(duration), ..Config::default() });
    let mut sim = Sim::new(client(&OPENAI, 1), world, Surroundings::default());
    let mut answers = answers.into_iter();
    sim.script = Some(Box::new(move |_, _| answers.next()));
    sim
}

#[test]
fn waiting_after_a_refusal_is_told_as_waiting() {
    let mut sim = story(10_000, vec![json(429, &[("retry-after", "60")], "{}")]);
    sim.ask(0, 1, options());
    sim.run();
    let Outcome::Succeeded(success) = sim.outcome(1) else { panic!("{:?}", sim.outcome(1)) };
    assert!((10_000..11_000).contains(&success.ran), "ran {}", success.ran);
    assert!((60_000..70_000).contains(&success.waited), "waited {}", success.waited);
    let attempt = &success.attempts[1];
    assert_eq!(attempt.waited, success.waited, "and not until the picture was there");
}

#[test]
fn a_provider_without_tasks_is_asked_after_none() {
    let mut sim = story(10_000, vec![]);
    let part = KnownPart {
        index: 0,
        provider: client(&OPENAI, 1).providers[0].name.clone(),
        model: String::new(),
        task_id: Some(String::from("task_1")),
        key: String::new(),
        url: None,
        submitted_at: None,
    };
    let parts = Ok(vec![part]);
    let resume = Input::Resume { task: 1, owner: 0, key: None, parts, options: Box::new(options()), records: vec![] };
    sim.at(0, Act::Input(Box::new(resume)));
    sim.ask(1_000, 2, options());
    sim.run();
    assert_eq!((audit::code(sim.outcome(1)), audit::billed(sim.outcome(1))), (Some(Code::NotFound), Some(Billed::No)));
    let first = sim.submits().next().unwrap();
    assert!(first.at < 2_000, "it holds no slot: {}", first.at);
    audit::rest(&sim);
}

#[test]
fn an_answer_after_the_deadline_frees_its_slot_and_is_kept_for_whoever_comes() {
    let mut sim = story(20_000, vec![]);
    let mut call = options();
    (call.deadline, call.timeout) = (5_000, Some(60_000));
    sim.ask(0, 1, call);
    sim.ask(10, 2, options());
    sim.run();
    assert_eq!(
        (audit::code(sim.outcome(1)), audit::billed(sim.outcome(1))),
        (Some(Code::Deadline), Some(Billed::Unknown))
    );
    let Outcome::Failed(error, _) = sim.outcome(1) else { panic!("{:?}", sim.outcome(1)) };
    assert!(!error.message.contains("resumed"), "{}", error.message);
    let second = sim.submits().nth(1).unwrap();
    assert!((20_000..21_000).contains(&second.at), "law 1: {}", second.at);
    let kept = sim.effects.iter().filter(|(_, effect)| matches!(effect, Effect::Keep { task: 1, .. }));
    assert_eq!((kept.count(), sim.held.len(), sim.store.pending().len()), (1, 1, 1), "paid for, and here");
    sim.resume_all();
    assert_eq!(sim.taken.len(), 2);
    audit::rest(&sim);
    audit::money(&sim);
}

#[test]
fn what_the_provider_said_it_failed_leaves_nothing_to_go_on_with() {
    let error = r#"{"error":{"message":"The server had an error.","type":"server_error","code":null}}"#;
    let mut sim = story(10_000, vec![json(500, &[], error); 6]);
    sim.ask(0, 1, options());
    sim.run();
    assert_eq!(
        (audit::code(sim.outcome(1)), audit::billed(sim.outcome(1))),
        (Some(Code::ServerError), Some(Billed::No))
    );
    assert!(matches!(sim.outcome(1), Outcome::Failed(_, None)), "it is told, and there is nothing to resume");
    assert!(sim.store.records.is_empty(), "nor would another process find something: {:?}", sim.store);
}
