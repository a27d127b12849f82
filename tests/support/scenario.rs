//! Random worlds and random applications.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tidegate::limit::Concurrency;
use tidegate::options::{Priority, Weight};
use tidegate::provider::Dialect;
use tidegate_simulator::{Config, Counts, Dialect as Wire, Distribution, HintMode};

use super::sim::{Act, Plan, Sim, Surroundings, client, options};

/// The same cases in every run; a seed that once failed stays in the regressions file.
pub fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        cases: count,
        rng_seed: RngSeed::Fixed(0x71de_6a7e),
        max_shrink_iters: 400,
        ..ProptestConfig::default()
    }
}

/// Everything that may vary.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub world: Config,
    pub around: Surroundings,
    /// What is told of tasks at once; or the lane has to learn it, and begins with that.
    pub limit: u32,
    pub learns: bool,
    pub acts: Vec<(u64, Act)>,
}

impl Scenario {
    /// Ready to run.
    pub fn sim(&self, dialect: &'static Dialect) -> Sim {
        let mut config = client(dialect, self.limit);
        if self.learns {
            let learned = Concurrency::Learn { start: self.limit, most: u32::MAX };
            config.providers.iter_mut().for_each(|provider| provider.limits.concurrency = learned);
        }
        let mut sim = Sim::new(config, self.world.clone(), self.around.clone());
        self.acts.iter().for_each(|(at, act)| sim.at(*at, act.clone()));
        sim
    }
}

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![3 => Just(0.0), 2 => 0.01..0.4f64]
}

/// Durations of all kinds, short enough to meet many of them.
pub fn durations() -> impl Strategy<Value = Distribution> {
    prop_oneof![
        (500..20_000u64).prop_map(Distribution::Fixed),
        (500..10_000u64, 0..20_000u64).prop_map(|(least, more)| Distribution::Uniform(least, least + more)),
        Just(Distribution::Tail { median: 5_000, min: 1_000, max: 20_000, share: 0.2 }),
    ]
}

/// Every way to give a hint that tells the truth.
pub fn hints() -> impl Strategy<Value = HintMode> {
    use HintMode::{Fractional, HttpDate, Milliseconds, None, Seconds};
    prop::sample::select(vec![None, Seconds, Fractional, HttpDate, Milliseconds])
}

/// Windows, caps and hints.
pub fn limits() -> impl Strategy<Value = Config> {
    let window = prop::option::of((1..8u32, 2_000..70_000u64));
    let counts = prop::sample::select(vec![Counts::Accepted, Counts::Submits, Counts::Requests]);
    (prop::option::of(1..6u32), window, counts, hints(), any::<bool>(), -5_000_000..5_000_000i64).prop_map(
        |(concurrency, window, counts, hint, hint_slots, clock_skew_ms)| Config {
            concurrency,
            rpm: window.map(|(rpm, _)| rpm),
            rpm_window_ms: window.map_or(60_000, |(_, length)| length),
            // Polls that eat the window up starve submits; that is another matter (learned poll gaps).
            counts: if window.is_some_and(|(rpm, _)| rpm < 6) && counts == Counts::Requests {
                Counts::Submits
            } else {
                counts
            },
            hint,
            hint_slots,
            clock_skew_ms,
            ..Config::default()
        },
    )
}

/// What goes wrong at the provider and on the way to it.
pub fn faults(base: Config) -> impl Strategy<Value = Config> {
    let server = (share(), share(), share(), share(), share());
    let network = (share(), share(), share(), 0..3_000u64);
    let hostile = (share(), share(), share(), share(), share(), share());
    (any::<u64>(), server, network, hostile, share(), share(), 0..8_000u64).prop_map(
        move |(seed, server, network, hostile, task_failure, filtered, poll_404_ms)| Config {
            seed,
            dialect: [Wire::A, Wire::B, Wire::Mixed][seed as usize % 3],
            submit_503: server.0,
            submit_500: server.1,
            poll_503: server.2,
            poll_500: server.3,
            image_503: server.4,
            lost_request: network.0,
            lost_answer: network.1,
            poll_lost: network.2,
            processing_window_ms: network.3,
            truncated_json: hostile.0 / 6.0,
            html_502: hostile.1 / 6.0,
            huge_body: hostile.2 / 6.0,
            deep_json: hostile.3 / 6.0,
            redirect: hostile.4 / 6.0,
            wrong_content_type: hostile.5 / 6.0,
            huge_body_bytes: (1 << 20) + 1,
            deep_json_depth: 200,
            task_failure,
            filtered,
            poll_404_ms,
            ..base.clone()
        },
    )
}

/// Latencies on this side.
pub fn surroundings() -> impl Strategy<Value = Surroundings> {
    (any::<u64>(), 0..400u64, 0..800u64, 0..50u64, 0..400u64, share(), share()).prop_map(
        |(seed, rtt, more, store, slower, hangs, store_fails)| Surroundings {
            rtt: (rtt, rtt + more),
            store: (store, store + slower),
            hangs,
            store_fails,
            seed,
        },
    )
}

/// What an application does besides asking.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub tasks: u32,
    pub cancels: bool,
    pub impatience: bool,
    pub pauses: bool,
    pub images: u16,
    pub owners: u32,
}

/// An application that asks at random times, and gives up at random times.
pub fn acts(habits: Habits) -> impl Strategy<Value = Vec<(u64, Act)>> {
    let call = (0..20_000u64, 1..=habits.images, any::<[bool; 4]>(), 0..60_000u64, 0..habits.owners);
    let calls = prop::collection::vec(call, 1..=habits.tasks as usize);
    (calls, prop::collection::vec((0..40_000u64, 0..30_000u64), 0..3)).prop_map(move |(calls, pauses)| {
        let mut acts = Vec::new();
        for (task, (at, n, flags, wait, owner)) in calls.into_iter().enumerate() {
            let [cancelled, impatient, hurried, batch] = flags;
            let mut options = options();
            options.download = batch && habits.impatience;
            options.tenant = String::from(["", "a", "b"][wait as usize % 3]);
            options.weight = Weight::of([1.0, 0.0, 8.0][at as usize % 3]);
            if habits.impatience && impatient {
                options.max_wait = wait;
            }
            if habits.impatience && hurried {
                options.deadline = wait;
            }
            if habits.pauses && batch {
                options.batch = Some(1);
                options.priority = Priority::Batch;
            }
            acts.push((at, Act::Submit(Plan { task: task as u32, owner, n, options })));
            if habits.cancels && cancelled {
                acts.push((at + wait, Act::Cancel(task as u32)));
            }
        }
        for (at, length) in pauses.into_iter().filter(|_| habits.pauses) {
            acts.push((at, Act::Pause(1, true)));
            acts.push((at + length, Act::Pause(1, false)));
        }
        if habits.pauses {
            acts.push((90_000, Act::Pause(1, false)));
        }
        acts
    })
}

/// All of it at once.
pub fn anything(habits: Habits) -> impl Strategy<Value = Scenario> {
    (limits().prop_flat_map(faults), durations(), surroundings(), (1..6u32, any::<bool>()), acts(habits)).prop_map(
        |(world, duration, around, (limit, learns), acts)| {
            let world = Config { duration, queued_ms: 300, archiving_ms: 200, ..world };
            Scenario { world, around, limit, learns, acts }
        },
    )
}

/// What an intermediary makes of a request, as far as its client can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// The picture is there, in another form, later, or at another address.
    Delivers,
    /// The provider never heard of the request, and the answer says so.
    Spares,
    /// The provider did its work, or may have.
    Loses,
}

/// Everything that may stand between, as flags of the simulator; one without a value is a probability.
pub const BETWEEN: &[(&str, Makes)] = &[
    ("relay_blanks", Makes::Delivers),
    ("relay_second_document", Makes::Delivers),
    ("relay_stream", Makes::Delivers),
    ("relay_early_status", Makes::Delivers),
    ("relay_task relay_task_form=location", Makes::Delivers),
    ("relay_task relay_task_form=status-url", Makes::Delivers),
    ("relay_task relay_task_form=body", Makes::Loses),
    ("relay_base64=url-safe", Makes::Delivers),
    ("relay_base64=unpadded", Makes::Delivers),
    ("relay_base64=lines", Makes::Delivers),
    ("relay_base64=data-url", Makes::Delivers),
    ("relay_raw", Makes::Delivers),
    ("relay_pictures=relative", Makes::Delivers),
    ("relay_pictures=absolute", Makes::Delivers),
    ("relay_surplus", Makes::Delivers),
    ("relay_errors=litellm", Makes::Delivers),
    ("relay_errors=one-api", Makes::Delivers),
    ("relay_errors=nested", Makes::Delivers),
    ("relay_errors=list", Makes::Delivers),
    ("relay_errors=detail", Makes::Delivers),
    ("store_late_ms=3000 store_status=404", Makes::Delivers),
    ("store_late_ms=3000 store_status=403", Makes::Delivers),
    ("store_late_ms=3000 store_status=503", Makes::Delivers),
    ("relay_pictures=absolute store_late_ms=3000 store_status=404", Makes::Delivers),
    ("cdn_unreached", Makes::Spares),
    ("cdn_challenge", Makes::Spares),
    ("cdn_1015", Makes::Spares),
    // Nobody was asked here either, but a load balancer's 503 does not say so.
    ("gateway_503", Makes::Loses),
    ("cdn_520", Makes::Loses),
    ("cdn_524", Makes::Loses),
    ("cdn_timeout_ms=3000", Makes::Loses),
    ("gateway_502", Makes::Loses),
    ("gateway_504", Makes::Loses),
    ("gateway_460", Makes::Loses),
    ("gateway_499", Makes::Loses),
    ("relay_failure", Makes::Loses),
];

/// Puts one of these in between; what has a probability gets this one.
pub fn put_between(world: &mut Config, name: &str, share: f64) {
    for flag in name.split(' ') {
        let (setting, value) = flag.split_once('=').unwrap_or((flag, ""));
        let value = if value.is_empty() { share.to_string() } else { String::from(value) };
        world.set_flag(setting, &value).unwrap();
    }
    // A relay's failure reads like a provider's. What tells it from a refusal to begin is that it comes no sooner than pictures do.
    if name == "relay_failure" {
        world.duration = Distribution::Fixed(5_000);
    }
}

/// A world with up to four of these in between.
pub fn with_between(scenario: Scenario, among: Vec<&'static str>) -> impl Strategy<Value = Scenario> {
    let most = among.len().min(4);
    let drawn = (prop::sample::subsequence(among, 1..=most), prop::collection::vec(0.05..0.8f64, most));
    drawn.prop_map(move |(names, shares)| {
        let mut scenario = scenario.clone();
        for (name, share) in names.into_iter().zip(shares) {
            put_between(&mut scenario.world, name, share);
            if name == "relay_failure" {
                scenario.around.rtt.1 = scenario.around.rtt.0;
            }
        }
        scenario
    })
}
