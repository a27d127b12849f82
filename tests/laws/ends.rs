//! Laws 11 and 12: nothing panics, and every accepted task reaches exactly one end.

use proptest::prelude::*;
use tidegate::engine::{Engine, Input, Outcome};
use tidegate::error::{Code, Error};
use tidegate::http::{Answer, Body, Fault};
use tidegate::journal::{LaneRecord, Record, Stage, Stored};
use tidegate::json::{Json, Long};
use tidegate::limit::Learned;
use tidegate::options::{Config, Priority};
use tidegate::poll::Summary;
use tidegate::provider::hiapi::HIAPI;
use tidegate::request::ImageRequest;
use tidegate::task::{KnownPart, PartId};
use tidegate::time::Instant;

use crate::support::audit;
use crate::support::scenario::{Habits, anything, cases};
use crate::support::sim::{Act, client, options};

const ALL: Habits = Habits { tasks: 16, cancels: true, impatience: true, pauses: true, images: 3, owners: 1 };

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn every_task_ends_once(scenario in anything(ALL)) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        audit::rest(&sim);
    }

    #[test]
    fn every_task_ends_once_when_the_client_closes(scenario in anything(ALL), at in 0..40_000u64) {
        let mut sim = scenario.sim(&HIAPI);
        sim.at(at, Act::Close);
        sim.run();
        audit::rest(&sim);
        audit::money(&sim);
        let late = sim.submits().filter(|sent| sent.at > at).count();
        prop_assert_eq!(late, 0, "submitted after close");
        prop_assert!(sim.settled.iter().all(|end| end.at <= at.max(end.at.min(at)) + 1 || end.at >= at));
    }

    /// One owner a request, some of which end in the middle of their work: what they had is settled by those who live, and the others never notice.
    #[test]
    fn the_death_of_owners_takes_nothing_with_it(
        scenario in anything(Habits { pauses: false, owners: 4, ..ALL }),
        deaths in prop::collection::vec((0..30_000u64, 1..4u32), 0..3),
    ) {
        let mut sim = scenario.sim(&HIAPI);
        for (at, owner) in &deaths {
            sim.at(*at, Act::Kill(*owner));
        }
        // Somebody comes by now and then, as somebody does at a server.
        for visit in 0..400 {
            sim.at(visit * 10_000, Act::Input(Box::new(Input::Wake { owner: 0 })));
        }
        sim.run();
        let dead = |task: u32| scenario.acts.iter().any(|(_, act)| matches!(act, Act::Submit(plan) if plan.task == task && deaths.iter().any(|(_, owner)| *owner == plan.owner)));
        sim.prompts.retain(|task, _| !dead(*task));
        audit::rest(&sim);
        prop_assert!(scenario.learns || sim.most_held <= scenario.limit);
        // Those whose owner lived were not cut off.
        for end in sim.settled.iter().filter(|end| !dead(end.task)) {
            let cancelled = scenario.acts.iter().any(|(_, act)| matches!(act, Act::Cancel(task) if *task == end.task));
            prop_assert!(cancelled || audit::code(&end.outcome) != Some(Code::Cancelled), "{:?}", end);
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "success",
            "fail",
            "queued",
            "archiving",
            "rate_limit_exceeded",
            "IDEMPOTENCY_KEY_PROCESSING",
            "tk-1",
            "1",
            "-1"
        ])
        .prop_map(String::from),
        any::<String>(),
        Just(String::from("https://cdn.example.com/a.png")),
    ]
}

fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<f64>().prop_map(Json::Number),
        (0..700u64).prop_map(Json::from),
        text().prop_map(Json::Text),
        any::<u32>().prop_map(|handle| Json::Handle(Long { handle, head: String::from("iVBORw0KGgo") })),
    ]
}

/// Names that the dialect reads, so that values of all types stand where one type is meant.
fn tree() -> impl Strategy<Value = Json> {
    let names = vec![
        "data",
        "taskId",
        "id",
        "status",
        "code",
        "error",
        "error_code",
        "message",
        "output",
        "url",
        "type",
        "expireAt",
        "progress",
        "x",
    ];
    leaf().prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::List),
            prop::collection::vec((prop::sample::select(names.clone()).prop_map(String::from), inner), 0..6)
                .prop_map(Json::Object),
        ]
    })
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        6 => tree().prop_map(Body::Json),
        1 => text().prop_map(Body::Text),
        1 => prop::sample::select(vec![Body::TooLarge, Body::Broken, Body::Redirect, Body::Empty]),
        1 => (any::<u32>(), any::<Vec<u8>>()).prop_map(|(handle, head)| Body::Bytes { handle, head }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let names = prop::sample::select(tidegate::http::READ_HEADERS.to_vec());
    let status = prop_oneof![Just(200u16), Just(429), Just(503), Just(409), Just(401), any::<u16>()];
    (status, prop::collection::vec((names, text()), 0..3), body()).prop_map(|(status, headers, body)| Answer {
        status,
        headers,
        body,
    })
}

fn record() -> impl Strategy<Value = Record> {
    let stage = prop::sample::select(vec![Stage::Planned, Stage::Submitted, Stage::Delivered]);
    (stage, text(), 0..4u16, 0..4u16, prop::option::of(text()), any::<u64>(), prop::option::of(any::<u64>()), text())
        .prop_map(|(stage, key, index, parts, task_id, planned_at, submitted_at, body)| Record {
            stage,
            task_key: key.clone(),
            key,
            index,
            parts,
            provider: String::from("hiapi"),
            model: String::new(),
            requested_model: String::new(),
            body,
            edit: index == 3,
            count: index,
            unsent: parts == 3,
            planned_at,
            submitted_at,
            finished_at: submitted_at.filter(|at| at % 2 == 0),
            images: Vec::from_iter(submitted_at.filter(|at| at % 4 == 0).map(|at| format!("https://cdn.example/{at}"))),
            expires_at: submitted_at.filter(|at| at % 3 == 0),
            fingerprint: submitted_at.filter(|at| at % 5 == 0),
            task_id,
            poll_url: None,
            metadata: Vec::new(),
        })
}

fn stored() -> impl Strategy<Value = Stored> {
    let window = prop::option::of((any::<u32>(), any::<u64>()));
    let learned =
        (any::<u32>(), any::<bool>(), window).prop_map(|(limit, bounded, window)| Learned { limit, bounded, window });
    let span = || 0..=31 * 24 * 3_600_000u64;
    let summary = (span(), span(), span()).prop_map(|(p5, p50, p95)| Summary { p5, p50, p95 });
    let models = prop::collection::vec((text(), summary), 0..4);
    let lane = (prop::option::of(learned), any::<u64>(), models).prop_map(|(learned, at, models)| {
        Stored::Lane(LaneRecord { lane: String::from("hiapi https://api.hiapi.ai"), at, learned, models })
    });
    prop_oneof![3 => record().prop_map(|record| Stored::Part(Box::new(record))), 1 => lane]
}

fn known() -> impl Strategy<Value = KnownPart> {
    (any::<u16>(), prop::option::of(text()), text(), prop::option::of(any::<u64>())).prop_map(
        |(index, task_id, key, submitted_at)| KnownPart {
            index,
            provider: String::from("hiapi"),
            model: String::new(),
            task_id,
            key,
            url: None,
            submitted_at,
        },
    )
}

fn input() -> impl Strategy<Value = Input> {
    let fault = prop::sample::select(vec![Fault::Network, Fault::Aborted, Fault::Credential]);
    let key = prop::option::of(prop_oneof![Just(String::from("k1")), Just(String::from("k2")), text()]);
    let bounds =
        (any::<bool>(), prop_oneof![Just(u64::MAX), 0..100_000u64], prop_oneof![Just(u64::MAX), 0..100_000u64]);
    let call_options = (bounds, key.clone(), prop::option::of(0..2u32), any::<bool>()).prop_map(
        |((download, wait, deadline), key, batch, later)| {
            let mut call = options();
            (call.download, call.max_wait, call.deadline, call.idempotency_key, call.batch) =
                (download, wait, deadline, key, batch);
            call.priority = if later { Priority::Batch } else { Priority::Interactive };
            Box::new(call)
        },
    );
    let asked = prop_oneof![
        9 => (0..5u16).prop_map(|n| {
            let mut request = ImageRequest::new("gpt-image-2", "x");
            request.n = n;
            Ok(Box::new(request))
        }),
        1 => Just(Err(Error::invalid("prompt", "is empty"))),
    ];
    let parts = prop_oneof![9 => prop::collection::vec(known(), 0..4).prop_map(Ok), 1 => Just(Err(Error::invalid("ref", "is odd")))];
    let records = || prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(record(), 0..3)];
    prop_oneof![
        6 => (0..20u32, 0..3u32, asked, call_options.clone(), records())
            .prop_map(|(task, owner, request, options, records)| Input::Submit { task, owner, request, options, records }),
        2 => (0..20u32, 0..3u32, key, parts, call_options, records())
            .prop_map(|(task, owner, key, parts, options, records)| Input::Resume { task, owner, key, parts, options, records }),
        1 => (0..20u32, 0..3u32, text()).prop_map(|(task, owner, url)| Input::Fetch { task, owner, url }),
        1 => (prop_oneof![0..40u64, any::<u64>()], 0..20u32, 0..4u16).prop_map(|(call, task, index)| Input::Adopt { call, part: PartId { task, index } }),
        12 => (0..40u64, answer()).prop_map(|(call, answer)| Input::Answer { call, answer }),
        3 => (0..40u64, fault, text()).prop_map(|(call, fault, message)| Input::Failed { call, fault, message }),
        12 => (0..60u64, prop::bool::weighted(0.9)).prop_map(|(seq, ok)| Input::Stored { seq, ok }),
        3 => (0..60u64, prop::option::of(stored())).prop_map(|(seq, record)| Input::Loaded { seq, record }),
        3 => (0..3u32).prop_map(|owner| Input::Wake { owner }),
        1 => (0..2u32, any::<bool>()).prop_map(|(batch, paused)| Input::Pause { batch, paused }),
    ]
}

proptest! {
    #![proptest_config(cases(256))]

    /// Law 11, natively: any inputs in any order, with arithmetic checked and illegal transitions denied.
    #[test]
    fn nothing_panics(inputs in prop::collection::vec((0..40_000u64, input(), prop::option::weighted(0.1, 0..20u32)), 1..120), seed: u64, close: bool) {
        let mut config: Config = client(&HIAPI, 2);
        config.providers[0].refreshable = seed % 2 == 0;
        let mut engine = Engine::new(config, seed);
        let mut now = 0u64;
        for (wait, input, cancelled) in inputs {
            now += wait;
            engine.handle(Instant::from_millis(now), 1_767_225_600_000 + now, input);
            if let Some(task) = cancelled {
                engine.cancel(Instant::from_millis(now), 1_767_225_600_000 + now, task);
            }
            for owner in 0..3 {
                while engine.poll(owner).is_some() {}
                let _ = engine.deadline(owner);
            }
        }
        if close {
            engine.handle(Instant::from_millis(now), now, Input::Close);
        }
    }
}

/// The same task number twice is the host's fault and nobody's death; an outcome is still one of three.
#[test]
fn an_outcome_is_one_of_three() {
    let mut sim = crate::support::sim::Sim::new(client(&HIAPI, 4), Default::default(), Default::default());
    sim.ask(0, 1, options());
    sim.run();
    assert!(matches!(sim.outcome(1), Outcome::Succeeded(_)));
}
