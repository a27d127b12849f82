//! Laws 2, 3 and 4: a refusal spends no retry; one cooldown per lane and one probe after it; never earlier than a hint.

use proptest::prelude::*;
use tidegate::engine::Outcome;
use tidegate::error::Code;
use tidegate::http::Purpose;
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::{Config, Distribution, Reply};

use crate::support::audit;
use crate::support::scenario::{
    Habits, Scenario, acts, anything, cases, durations, faults, hints, limits, surroundings,
};
use crate::support::sim::{Sent, Sim, Surroundings, client, json, options};

const QUIET: Habits = Habits { tasks: 20, cancels: false, impatience: false, pauses: false, images: 1, owners: 1 };

fn refusing() -> impl Strategy<Value = Scenario> {
    (limits(), durations(), surroundings(), (1..8u32, any::<bool>()), acts(QUIET)).prop_map(
        |(world, duration, around, (limit, learns), mut acts)| {
            for (_, act) in &mut acts {
                if let crate::support::sim::Act::Submit(plan) = act {
                    plan.options.retry.max_retries = 0;
                    plan.options.max_wait = u64::MAX;
                    plan.options.deadline = u64::MAX;
                }
            }
            let around = Surroundings { store_fails: 0.0, ..around };
            // Where refused submits count, too, and hints leave that out, a short window may well look like a closed one.
            let world = Config { counts: tidegate_simulator::Counts::Accepted, ..world };
            Scenario { world: Config { duration, ..world }, around, limit, learns, acts }
        },
    )
}

/// One tenant and one fixed trip, so that requests arrive in the order in which they left, and leave in that in which they were asked for.
fn in_order() -> impl Strategy<Value = Scenario> {
    (refusing(), 0..800u64).prop_map(|(mut scenario, trip)| {
        for (_, act) in &mut scenario.acts {
            if let crate::support::sim::Act::Submit(plan) = act {
                plan.options.tenant.clear();
            }
        }
        let around = Surroundings { rtt: (trip, trip), store: (1, 1), ..scenario.around.clone() };
        Scenario { around, ..scenario }
    })
}

fn submit_order(sim: &Sim) -> Vec<u32> {
    sim.submits()
        .filter(|sent| sent.answer.is_some_and(|heard| heard.status == 200))
        .map(|sent| sent.part.task)
        .collect()
}

proptest! {
    #![proptest_config(cases(96))]

    /// With no retry to spend, every image arrives all the same, however often the provider said no.
    #[test]
    fn refusals_spend_no_retry(scenario in refusing()) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        audit::rest(&sim);
        for end in &sim.settled {
            let story: Vec<_> = sim.submits().map(|sent| (sent.at, sent.part.task, sent.answer)).collect();
            prop_assert!(matches!(end.outcome, Outcome::Succeeded(_)), "{:?} {:?}", audit::code(&end.outcome), story);
        }
    }

    /// A refused task is not overtaken by those behind it.
    #[test]
    fn a_refused_task_keeps_its_place(scenario in in_order()) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        let asked: Vec<u32> = {
            let mut asked: Vec<(u64, u32)> = scenario.acts.iter().enumerate().map(|(task, (at, _))| (*at, task as u32)).collect();
            asked.sort_unstable();
            asked.into_iter().map(|(_, task)| task).collect()
        };
        let accepted = submit_order(&sim);
        // Those that asked later may go out while an earlier one is on the wire and about to be refused; no one else may.
        for (place, task) in accepted.iter().enumerate() {
            let rank = asked.iter().position(|other| other == task).unwrap();
            let overtaken = accepted[place..].iter().filter(|other| asked.iter().position(|x| x == *other).unwrap() < rank).count();
            prop_assert!(overtaken < scenario.limit as usize, "{:?} against {:?}", accepted, asked);
        }
    }

    /// After a refusal nobody asks twice at a time until somebody was accepted.
    #[test]
    fn one_probe_at_a_time(scenario in refusing()) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        let submits: Vec<&Sent> = sim.submits().collect();
        for (place, sent) in submits.iter().enumerate() {
            let latest = |status: u16, end: u64| {
                let heard = submits.iter().filter_map(|other| other.answer).filter(|heard| heard.status == status && heard.at < end);
                heard.map(|heard| heard.at).max()
            };
            let Some(refused) = latest(429, sent.at) else { continue };
            if latest(200, sent.at + 1).is_some_and(|accepted| accepted >= refused) {
                continue;
            }
            let open = submits[..place].iter().filter(|other| other.at > refused && other.answer.is_none_or(|heard| heard.at > sent.at));
            prop_assert_eq!(open.count(), 0, "two probes at {} ms: {:?}", sent.at, submits.iter().map(|sent| (sent.at, sent.part.task, sent.answer)).collect::<Vec<_>>());
        }
    }

    /// Refusals cost waves and not sleepers: with everybody asking at once, a wave is as large as the limit at most.
    #[test]
    fn never_earlier_than_a_hint(scenario in anything(Habits { tasks: 16, cancels: true, impatience: true, pauses: true, images: 2, owners: 1 })) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        no_submit_before_its_hint(&sim)?;
    }

    /// The same where nothing else goes wrong than limits and lost answers, so that most of the time goes by under hints.
    #[test]
    fn not_even_a_replay_is_earlier(world in (limits(), hints()).prop_map(|(world, hint)| Config { hint, hint_slots: false, ..world }), seed: u64, limit in 2..8u32, acts in acts(QUIET)) {
        let world = Config { lost_answer: 0.3, seed, duration: Distribution::Uniform(500, 9_000), ..world };
        let scenario = Scenario { world, around: Surroundings { rtt: (20, 900), hangs: 0.3, ..Surroundings::default() }, limit, learns: false, acts };
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        no_submit_before_its_hint(&sim)?;
        audit::rest(&sim);
        audit::money(&sim);
    }

    /// Polls too: a 503 or 429 that names a time is not followed by another poll of that task before it.
    #[test]
    fn polls_keep_to_hints(world in faults(Config { hint: tidegate_simulator::HintMode::Seconds, ..Config::default() }), acts in acts(QUIET)) {
        let scenario = Scenario { world, around: Surroundings::default(), limit: 4, learns: false, acts };
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        let polls: Vec<&Sent> = sim.sent.iter().filter(|sent| sent.purpose == Purpose::Poll).collect();
        for poll in &polls {
            let Some((heard, hint)) = poll.answer.and_then(|heard| Some((heard, heard.hint?))) else { continue };
            let early = polls.iter().find(|other| other.part == poll.part && other.at >= heard.at && other.at < heard.at + hint);
            prop_assert!(early.is_none(), "{:?} after {:?}", early, poll);
        }
    }
}

pub fn no_submit_before_its_hint(sim: &Sim) -> Result<(), TestCaseError> {
    let submits: Vec<&Sent> = sim.submits().collect();
    for refused in &submits {
        let Some(heard) = refused.answer.filter(|heard| [429, 503].contains(&heard.status)) else { continue };
        let until = heard.at + heard.hint.unwrap_or(0);
        // A submit that left in the same millisecond may have left before.
        let early = submits.iter().find(|other| other.at > heard.at && other.at < until);
        prop_assert!(early.is_none(), "{:?} is before {} ms, the hint of {:?}", early, until, refused);
    }
    Ok(())
}

/// A cap of nothing: for twenty minutes probes go out, one at a time and less and less often, and then those who wait hear of it, without `maxWait`.
#[test]
fn a_lane_that_gives_nothing_stalls() {
    let world = Config { concurrency: Some(0), ..Config::default() };
    let mut sim = Sim::new(client(&HIAPI, 4), world, Surroundings::default());
    for task in 0..30 {
        let mut patient = options();
        patient.max_wait = u64::MAX;
        sim.ask(0, task, patient);
    }
    sim.run();
    audit::rest(&sim);
    assert!(sim.settled.iter().all(|end| audit::code(&end.outcome) == Some(Code::RateLimited)));
    assert!((12..=120).contains(&sim.world.stats().refusals), "{}", sim.world.stats().refusals);
}

/// `maxWait` and `maxRateLimitRetries` end a wait, and nothing else does: the one as our own queue's end, the other as the provider's refusal.
#[test]
fn a_wait_ends_by_its_own_bounds() {
    let never: fn(&Sent, u64) -> Option<Reply> =
        |sent, _| (sent.purpose == Purpose::Submit).then(|| json(429, &[], "{}"));
    for (bound, most, code) in [(30_000, u32::MAX, Code::QueueTimeout), (u64::MAX, 3, Code::RateLimited)] {
        let mut sim = Sim::new(client(&HIAPI, 1), Config::default(), Surroundings::default());
        sim.script = Some(Box::new(never));
        let mut bounded = options();
        bounded.max_wait = bound;
        bounded.retry.max_rate_limit_retries = most;
        sim.ask(0, 1, bounded);
        sim.run();
        let end = &sim.settled[0];
        assert_eq!(audit::code(&end.outcome), Some(code));
        if most == 3 {
            assert_eq!(sim.submits().count(), 4);
        } else {
            assert!((30_000..30_500).contains(&end.at), "{}", end.at);
        }
    }
}

/// Our own queue has no end of its own: of 5,000 who ask at once on a key of 16 slots none is sent away, though the last one waits for over an hour.
#[test]
fn nobody_is_sent_away_from_our_own_queue() {
    let world = Config { concurrency: Some(16), duration: Distribution::Fixed(15_000), ..Config::default() };
    let mut sim = Sim::new(client(&HIAPI, 16), world, Surroundings::default());
    (0..5_000).for_each(|task| sim.ask(0, task, options()));
    sim.run();
    audit::rest(&sim);
    assert_eq!(sim.settled.len(), 5_000);
    assert!(sim.settled.iter().all(|end| matches!(end.outcome, Outcome::Succeeded(_))));
    assert!(sim.now > 3_600_000, "{}", sim.now);
}

/// A hint beyond what a task may still wait ends that task at once, with the hint; the others go on waiting.
#[test]
fn a_hint_out_of_reach_is_told_at_once() {
    let mut refused = false;
    let mut sim = Sim::new(
        client(&HIAPI, 1),
        Config { duration: Distribution::Fixed(1_000), ..Config::default() },
        Surroundings::default(),
    );
    sim.script = Some(Box::new(move |sent, _| {
        let first = sent.purpose == Purpose::Submit && !std::mem::replace(&mut refused, true);
        first.then(|| json(429, &[("retry-after", "300")], "{}"))
    }));
    let mut hasty = options();
    hasty.max_wait = 60_000;
    sim.ask(0, 1, hasty.clone());
    sim.ask(10, 2, options());
    sim.ask(5_000, 3, hasty);
    let mut strict = options();
    strict.retry.max_retry_after = Some(200_000);
    sim.ask(6_000, 4, strict);
    sim.run();
    let hints = [(1, 0, 300_000), (3, 5_000, 295_000), (4, 6_000, 294_000)];
    for (task, asked, hint) in hints {
        let Outcome::Failed(error, _) = sim.outcome(task) else { panic!("{:?}", sim.outcome(task)) };
        assert_eq!(error.code, Code::RateLimited);
        assert!(error.retry_after.is_some_and(|wait| (hint - 500..=hint + 500).contains(&wait)), "{error:?}");
        let end = sim.settled.iter().find(|end| end.task == task).unwrap();
        assert!(end.at <= asked + 500, "{}", end.at);
    }
    assert!(matches!(sim.outcome(2), Outcome::Succeeded(_)));
    audit::rest(&sim);
}
