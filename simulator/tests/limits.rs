//! What a provider promises whatever its clients do: caps, windows, queues, idempotency keys, one charge a task.
mod common;

use common::*;
use std::collections::HashSet;
use tidegate_simulator::{
    CapSchedule, Config, Counts, Distribution, HintMode, LimitScope, Reply, Request, Response, SlotUse, Window,
    WindowKind, World, clairvoyant, clairvoyant_for,
};

fn fixed(duration_ms: u64) -> Config {
    Config { duration: Distribution::Fixed(duration_ms), ..Config::default() }
}

/// A greedy client without a round trip: submits whenever the provider takes a task, in steps of a millisecond.
fn greedy(world: &mut World, tasks: u64) -> Vec<u64> {
    let mut starts = Vec::new();
    let mut now = 0;
    while (starts.len() as u64) < tasks {
        match answer(world, now, &submit("p")).status {
            200 => starts.push(now),
            _ => now += 1,
        }
    }
    starts
}

#[test]
fn a_greedy_client_meets_cap_window_and_the_clairvoyant_makespan() {
    let config = Config {
        concurrency: Some(3),
        rpm: Some(5),
        rpm_window_ms: 700,
        duration: Distribution::Uniform(100, 400),
        seed: 42,
        ..Config::default()
    };
    let mut world = World::new(config.clone());
    let starts = greedy(&mut world, 40);
    assert_eq!(world.stats().peak_in_flight, 3);
    for (early, late) in starts.iter().zip(starts.iter().skip(5)) {
        assert!(late - early >= 700, "six submits within a window: {early} to {late}");
    }
    world.advance(u64::MAX / 2);
    let makespan = world.ledger().iter().map(|charge| charge.at_ms).max().unwrap();
    assert_eq!(makespan, clairvoyant_for(&config, 40));
    let window = Some(Window { submits: 5, window_ms: 700 });
    assert_eq!(makespan, clairvoyant(&config.durations(), 40, Some(3), window));
    assert_eq!(world.stats().in_flight, 0);
}

#[test]
fn a_slot_is_free_when_the_task_ends_whether_or_not_anyone_polls() {
    let mut world = World::new(Config { concurrency: Some(1), ..fixed(100) });
    accepted(&mut world, 0, &submit("p"));
    assert_eq!(answer(&mut world, 99, &submit("p")).status, 429);
    assert_eq!(answer(&mut world, 100, &submit("p")).status, 200);
    assert_eq!(world.in_flight(150), 1);
}

#[test]
fn a_queueing_provider_takes_everything_and_starts_in_order() {
    let mut world = World::new(Config { concurrency: Some(2), queue: true, queued_ms: 0, ..fixed(100) });
    let ids: Vec<String> = (0..5).map(|_| accepted(&mut world, 0, &submit("p"))).collect();
    assert_eq!((world.stats().in_flight, world.stats().waiting), (2, 3));
    assert_eq!(poll(&mut world, 99, &ids[2])["data"]["status"], "queued");
    assert_eq!(poll(&mut world, 99, &ids[1])["data"]["status"], "archiving");
    assert_ne!(poll(&mut world, 100, &ids[2])["data"]["status"], "queued");
    world.advance(1000);
    let charged: Vec<(String, u64)> = world.ledger().iter().map(|c| (c.task_id.clone(), c.at_ms)).collect();
    let expected: Vec<(String, u64)> = ids.into_iter().zip([100, 100, 200, 200, 300]).collect();
    assert_eq!(charged, expected);
    assert_eq!((world.stats().peak_in_flight, world.stats().refusals), (2, 0));
}

#[test]
fn the_cap_schedule_opens_slots_for_waiting_tasks_at_its_time() {
    let schedule = CapSchedule::new(vec![(50, 4), (400, 1)]);
    let config = Config { concurrency: Some(1), concurrency_schedule: schedule, ..fixed(100) };
    let mut world = World::new(Config { queue: true, ..config.clone() });
    for _ in 0..6 {
        accepted(&mut world, 0, &submit("p"));
    }
    world.advance(1000);
    let ends: Vec<u64> = world.ledger().iter().map(|charge| charge.at_ms).collect();
    assert_eq!(ends, [100, 150, 150, 150, 200, 250]);
    assert_eq!(clairvoyant_for(&config, 6), 250);
    assert_eq!(answer(&mut world, 1000, &submit("p")).status, 200);
    assert_eq!(world.stats().in_flight, 1);
}

#[test]
fn windows_count_what_they_are_told_to() {
    let refused_at = |counts: Counts| {
        let mut world = World::new(Config { counts, rpm: Some(2), concurrency: Some(1), ..fixed(1000) });
        let id = accepted(&mut world, 0, &submit("p"));
        poll(&mut world, 1, &id);
        let second = answer(&mut world, 2, &submit("p"));
        assert_eq!(second.status, 429);
        let third = answer(&mut world, 2000, &submit("p")).status;
        (world.stats().refused_slots, world.stats().refused_window, third)
    };
    assert_eq!(refused_at(Counts::Accepted), (1, 0, 200));
    assert_eq!(refused_at(Counts::Submits), (1, 1, 429));
    assert_eq!(refused_at(Counts::Requests), (0, 2, 429));
    let mut world = World::new(Config { counts: Counts::Requests, rpm: Some(1), ..fixed(1000) });
    let id = accepted(&mut world, 0, &submit("p"));
    assert_eq!(answer(&mut world, 1, &get(&format!("/v1/tasks/{id}"))).status, 429);
    assert_eq!(world.stats().refused_polls, 1);
}

#[test]
fn models_share_limits_or_do_not() {
    let other = submit("p").with_body(r#"{"model":"flux-1-pro","input":{"prompt":"p"}}"#);
    for (scope, status) in [(LimitScope::Key, 429), (LimitScope::KeyAndModel, 200)] {
        let mut world = World::new(Config { scope, concurrency: Some(1), ..fixed(100) });
        accepted(&mut world, 0, &submit("p"));
        assert_eq!(answer(&mut world, 0, &other).status, status);
        let stranger = Request { headers: vec![("authorization".into(), "Bearer sk-2".into())], ..submit("p") };
        assert_eq!(answer(&mut world, 0, &stranger).status, 200);
    }
}

#[test]
fn a_lost_answer_is_found_again_by_its_key_and_charged_once() {
    let config = Config { lost_answer: 1.0, processing_window_ms: 2500, concurrency: Some(1), ..fixed(100) };
    let mut world = World::new(config);
    assert_eq!(world.handle(0, &keyed("p", "k")), Reply::Lost);
    let early = answer(&mut world, 1000, &keyed("p", "k"));
    assert_eq!((early.status, early.header("Retry-After")), (409, Some("2")));
    assert_eq!(json_of(&early)["error_code"], "IDEMPOTENCY_KEY_PROCESSING");
    let found = answer(&mut world, 2500, &keyed("p", "k"));
    assert_eq!((found.status, found.header("Idempotent-Replay")), (200, Some("true")));
    let again = answer(&mut world, 86_399_999, &keyed("p", "k"));
    assert_eq!(again.body, found.body);
    let mismatch = answer(&mut world, 3000, &keyed("q", "k"));
    assert_eq!((mismatch.status, json_of(&mismatch)["error_code"].as_str()), (422, Some("IDEMPOTENCY_KEY_MISMATCH")));
    assert_eq!(world.ledger().len(), 1);
    let charge = &world.ledger()[0];
    assert_eq!((charge.idempotency_key.as_deref(), charge.delivered), (Some("k"), false));
    let id = json_of(&found)["data"]["taskId"].as_str().unwrap().to_owned();
    poll(&mut world, 86_399_999, &id);
    assert!(world.ledger()[0].delivered);
    // After a day the key is forgotten, and the same submit is a new task.
    assert_eq!(world.handle(86_400_000, &keyed("p", "k")), Reply::Lost);
    assert_eq!(world.stats().accepted, 2);
}

#[test]
fn a_refused_submit_is_not_remembered() {
    let mut world = World::new(Config { concurrency: Some(1), ..fixed(100) });
    accepted(&mut world, 0, &submit("p"));
    assert_eq!(answer(&mut world, 0, &keyed("p", "k")).status, 429);
    let later = answer(&mut world, 100, &keyed("p", "k"));
    assert_eq!((later.status, later.header("Idempotent-Replay")), (200, None));
    // A replay needs no slot.
    assert_eq!(answer(&mut world, 101, &keyed("p", "k")).header("Idempotent-Replay"), Some("true"));
}

#[test]
fn under_losses_every_key_is_charged_once_and_the_run_replays_exactly() {
    let run = || {
        let config =
            Config { lost_answer: 0.3, lost_request: 0.1, submit_503: 0.1, processing_window_ms: 30, ..fixed(50) };
        let mut world = World::new(config);
        let mut now = 0;
        for task in 0..100 {
            let request = keyed("p", &format!("key-{task}"));
            loop {
                now += 7;
                if matches!(world.handle(now, &request), Reply::Answer(answer) if answer.status == 200) {
                    break;
                }
            }
        }
        world.advance(now + 1000);
        (world.ledger().to_vec(), world.stats())
    };
    let (ledger, stats) = run();
    let keys: HashSet<_> = ledger.iter().map(|charge| charge.idempotency_key.clone()).collect();
    assert_eq!((ledger.len(), keys.len(), stats.charges), (100, 100, 100));
    assert!(stats.replays > 10 && stats.conflicts > 10 && stats.peak_in_flight <= 4);
    assert_eq!(run(), (ledger, stats));
}

#[test]
fn quotas_end_the_day_and_credit_ends_the_account() {
    let mut world = World::new(Config { rpd: Some(1), ..fixed(100) });
    accepted(&mut world, 0, &submit("p"));
    assert_eq!(answer(&mut world, 86_399_999, &submit("p")).status, 429);
    assert_eq!(answer(&mut world, 86_400_000, &submit("p")).status, 200);
    assert_eq!(world.stats().refused_day, 1);
    let mut world = World::new(Config { credit_micro_usd: Some(80_000), ..fixed(100) });
    accepted(&mut world, 0, &submit("[fail]"));
    accepted(&mut world, 0, &submit("p"));
    assert_eq!(answer(&mut world, 0, &submit("p")).status, 402);
    // The failed task is not charged, so its share is free again.
    accepted(&mut world, 100, &submit("p"));
    assert_eq!(answer(&mut world, 100, &submit("p")).status, 402);
    assert_eq!(world.stats().unpaid, 2);
}

#[test]
fn a_hint_of_a_window_that_counts_refusals_counts_the_refusal_itself() {
    let hinted = HintMode::Milliseconds;
    let mut world =
        World::new(Config { counts: Counts::Submits, rpm: Some(2), concurrency: None, hint: hinted, ..fixed(1_000) });
    accepted(&mut world, 0, &submit("p"));
    accepted(&mut world, 1_000, &submit("p"));
    let refusal = answer(&mut world, 2_000, &submit("p"));
    let wait: u64 = refusal.header("retry-after-ms").unwrap().parse().unwrap();
    assert_eq!(wait, 59_000, "not when the first submit leaves, but the second: the refusal took the room between");
    assert_eq!(answer(&mut world, 2_000 + wait, &submit("p")).status, 200);
}

/// Whatever the limits are: a client that asks again in each millisecond gets as far as the schedule that knows everything, and no further.
#[test]
fn a_greedy_client_is_as_quick_as_the_clairvoyant_one_under_every_kind_of_limit() {
    let base = Config { concurrency: None, duration: Distribution::Uniform(100, 400), seed: 7, ..Config::default() };
    let window = Config { rpm: Some(5), rpm_window_ms: 700, ..base.clone() };
    let schedule = CapSchedule::new(vec![(300, 1), (900, 4)]);
    let configs = [
        Config { rpm_kind: WindowKind::Fixed, epoch_ms: 1_767_225_600_123, ..window.clone() },
        Config { rpm_kind: WindowKind::Fixed, concurrency: Some(2), concurrency_schedule: schedule, ..window.clone() },
        Config { rpm_kind: WindowKind::Bucket, ..window.clone() },
        Config { rpm_kind: WindowKind::Bucket, rpm_burst: Some(2), concurrency: Some(3), ..window.clone() },
        Config { sub_window: Some(2), sub_window_ms: 90, ..window.clone() },
        Config { slot_use: SlotUse::Request, concurrency: Some(2), accept_after_ms: 30, ..base.clone() },
        Config { slot_use: SlotUse::InProgress, concurrency: Some(2), queued_ms: 50, ..window.clone() },
        Config { rpd: Some(30), epoch_ms: 1_767_225_600_000 - 1_000, concurrency: Some(3), ..base.clone() },
    ];
    for config in configs {
        let mut world = World::new(config.clone());
        let mut accepted = 0;
        let mut now = 0;
        while accepted < 40 {
            match world.handle(now, &submit("p")) {
                Reply::Answer(response) if response.status == 429 => now += 1,
                Reply::Answer(_) | Reply::Later(_) => accepted += 1,
                Reply::Lost => panic!("nothing is lost here"),
            }
        }
        world.advance(u64::MAX / 2);
        let makespan = world.ledger().iter().map(|charge| charge.at_ms).max().unwrap();
        assert_eq!(makespan, clairvoyant_for(&config, 40), "{config:?}");
        assert_eq!((world.stats().in_flight, world.stats().charges), (0, 40));
    }
}

fn refused(reply: Reply) -> Option<Response> {
    match reply {
        Reply::Answer(response) => Some(response).filter(|response| response.status == 429),
        Reply::Later(_) | Reply::Lost => None,
    }
}

/// A hint, where there is one, is the first millisecond at which the same submit is let in.
#[test]
fn hints_are_true_for_every_kind_of_window_and_slot() {
    let base = Config {
        concurrency: None,
        duration: Distribution::Fixed(500),
        hint: HintMode::Milliseconds,
        hint_slots: true,
        ..Config::default()
    };
    let window = Config { rpm: Some(3), rpm_window_ms: 700, ..base.clone() };
    let configs = [
        window.clone(),
        Config { rpm_kind: WindowKind::Fixed, epoch_ms: 1_767_225_600_123, ..window.clone() },
        Config { rpm_kind: WindowKind::Bucket, rpm_burst: Some(2), ..window.clone() },
        Config { sub_window: Some(2), sub_window_ms: 90, ..window.clone() },
        Config { slot_use: SlotUse::Request, concurrency: Some(2), accept_after_ms: 30, ..base.clone() },
        Config { slot_use: SlotUse::InProgress, concurrency: Some(2), queued_ms: 50, ..base.clone() },
    ];
    for config in configs {
        let mut world = World::new(config.clone());
        let mut refusals = 0;
        let mut now = 0;
        let mut due = None;
        for _ in 0..40 {
            let reply = world.handle(now, &submit("p"));
            let Some(refused) = refused(reply) else {
                now += 7;
                due = None;
                continue;
            };
            assert_eq!(due, None, "refused at the hinted time: {config:?}");
            let hint: u64 = refused.header("retry-after-ms").unwrap().parse().unwrap();
            assert!(hint > 0, "{config:?}");
            assert_eq!(answer(&mut world, now + hint - 1, &submit("p")).status, 429, "let in early: {config:?}");
            refusals += 1;
            now += hint;
            due = Some(now);
        }
        assert!(refusals > 3, "{config:?}");
    }
}

#[test]
fn a_submit_holds_its_slot_while_it_is_on_the_wire_where_that_is_what_counts() {
    let config = Config { concurrency: Some(1), slot_use: SlotUse::Request, accept_after_ms: 200, ..fixed(1_000) };
    let mut world = World::new(config);
    let Reply::Later(pending) = world.handle(0, &submit("p")) else { panic!("answered at once") };
    assert_eq!(pending.at_ms, Some(200));
    assert_eq!(answer(&mut world, 199, &submit("p")).status, 429);
    assert!(matches!(world.collect(200, &pending), Reply::Answer(response) if response.status == 200));
    assert!(matches!(world.handle(200, &submit("p")), Reply::Later(_)));
    assert_eq!((world.in_flight(201), world.in_flight(400)), (1, 0));
    world.advance(1_200);
    assert_eq!((world.stats().charges, world.stats().peak_in_flight), (2, 1));
}

#[test]
fn a_task_holds_no_slot_while_it_reads_as_queued_where_work_in_progress_counts() {
    let config = Config { concurrency: Some(1), slot_use: SlotUse::InProgress, queued_ms: 100, ..fixed(1_000) };
    let mut world = World::new(config);
    let first = accepted(&mut world, 0, &submit("p"));
    accepted(&mut world, 99, &submit("p"));
    assert_eq!(poll(&mut world, 100, &first)["data"]["status"], "handling");
    assert_eq!(answer(&mut world, 100, &submit("p")).status, 429);
    assert_eq!((world.in_flight(199), world.in_flight(998)), (2, 2));
    assert_eq!(answer(&mut world, 1_098, &submit("p")).status, 429);
    accepted(&mut world, 1_099, &submit("p"));
}
