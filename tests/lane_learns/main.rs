//! What a lane finds out about servers that tell it nothing: each test is a server in a few lines and what becomes of it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod server;

use server::*;
use tidegate::limit::{Concurrency, Counts, Known, LaneIn, Learned, Limits};

fn learned() -> Limits {
    Limits::default()
}

fn near(found: u32, true_limit: u32) -> bool {
    found.abs_diff(true_limit) <= 1 + true_limit / 32
}

#[test]
fn a_cap_is_found() {
    for cap in [1, 4, 7, 13, 23, 64, 150, 200] {
        for seed in 0..5 {
            let mut world = World::seeded(Server::of(cap), learned(), 20_000, seed);
            world.run(2 * MINUTE);
            assert!(near(world.believes().limit, cap), "{cap}: {} after two minutes", world.believes().limit);
            world.run(10 * MINUTE);
            assert!(near(world.believes().limit, cap), "{cap}: {} after ten minutes", world.believes().limit);
            let few = 15 + world.done as usize / 20;
            assert!(world.refused.len() <= few, "{cap}: {} refusals, {} done", world.refused.len(), world.done);
            let possible = 10 * MINUTE / 19_000 * u64::from(cap);
            assert!(u64::from(world.done) * 100 >= possible * 90, "{cap}: {} of {possible} done", world.done);
            assert_eq!(world.believes().window, None, "{cap}, seed {seed}");
        }
    }
}

#[test]
fn a_cap_that_falls_and_comes_back_is_followed() {
    for seed in 0..5 {
        let mut server = Server::of(32);
        server.caps = vec![(0, 32), (2 * MINUTE, 8), (5 * MINUTE, 32)];
        let mut world = World::seeded(server, learned(), 20_000, seed);
        assert!(near(world.run(2 * MINUTE).believes().limit, 32));
        let low = world.run(4 * MINUTE).believes().limit;
        assert!((7..=10).contains(&low), "{low} of 8");
        let high = world.run(8 * MINUTE).believes().limit;
        assert!(high >= 30, "{high} of 32");
        assert!(world.refused.len() <= 60, "{} refusals", world.refused.len());
    }
}

#[test]
fn a_window_is_suspected_then_confirmed() {
    let mut known = Vec::new();
    let mut world = World::new(Server::of(64).with_window(60), learned(), 20_000);
    for second in 1..600 {
        let window = world.run(second * 1_000).believes().window;
        if let Some(window) = window.filter(|window| known.last() != Some(&window.known)) {
            known.push(window.known);
        }
    }
    assert_eq!(known.first(), Some(&Known::Suspected), "{known:?}");
    assert_eq!(known.last(), Some(&Known::Confirmed), "{known:?}");
    let window = world.believes().window.unwrap();
    assert!((57..=61).contains(&window.limit), "{window:?}");
    assert!(world.refused_between(2 * MINUTE, 10 * MINUTE) <= 24, "{}", world.refused.len());
    assert!(world.accepted_between(2 * MINUTE, 10 * MINUTE) >= 8 * 60 * 9 / 10);
    assert_eq!(world.learned.unwrap().window.map(|(_, length)| length), Some(MINUTE));
}

#[test]
fn one_hint_that_fits_a_minute_is_proof() {
    let mut server = Server::of(64).with_window(30);
    server.hints = (true, None);
    let mut world = World::new(server, learned(), 20_000);
    let window = world.run(MINUTE).believes().window.unwrap();
    assert_eq!(window.known, Known::Confirmed);
    assert!((29..=31).contains(&window.limit), "{window:?}");
    world.run(10 * MINUTE);
    assert!(world.refused.len() <= 24, "{} refusals", world.refused.len());
    assert!(world.accepted_between(MINUTE, 10 * MINUTE) >= 9 * 30 * 9 / 10);
}

#[test]
fn slots_that_are_refused_with_a_hint_are_no_window() {
    let mut server = Server::of(7);
    server.hints = (false, Some(2_000));
    let mut world = World::new(server, learned(), 20_000);
    for second in 1..600 {
        assert_eq!(world.run(second * 1_000).believes().window, None, "after {second} s");
    }
    assert!(near(world.believes().limit, 7), "{}", world.believes().limit);
    assert!(world.refused.len() <= 40, "{} refusals", world.refused.len());
    assert!(world.done >= 10 * 7 * 60 / 19 * 85 / 100, "{} done", world.done);
}

#[test]
fn a_window_that_counts_refusals_is_not_made_worse() {
    let mut server = Server::of(16).with_window(30);
    server.counts_refusals = true;
    let mut world = World::new(server, learned(), 20_000);
    world.run(20 * MINUTE);
    let delivered = world.accepted_between(2 * MINUTE, 20 * MINUTE);
    assert!(delivered >= 18 * 30 * 7 / 10, "{delivered} in 18 minutes");
    assert!(world.refused.len() * 100 <= world.accepted.len() * 15, "{} refusals", world.refused.len());
}

#[test]
fn a_token_bucket_is_kept_full_enough() {
    let mut server = Server::of(64);
    server.bucket = Some((10.0, 2_000.0));
    let mut world = World::new(server, learned(), 20_000);
    world.run(20 * MINUTE);
    let delivered = world.accepted_between(2 * MINUTE, 20 * MINUTE);
    assert!(delivered >= 18 * 30 * 8 / 10, "{delivered} in 18 minutes");
    assert!(world.refused.len() * 100 <= world.accepted.len() * 25, "{} refusals", world.refused.len());
}

#[test]
fn a_pace_is_kept() {
    let mut server = Server::of(64);
    server.pace = 1_000;
    let mut world = World::new(server, learned(), 20_000);
    world.run(20 * MINUTE);
    let delivered = world.accepted_between(3 * MINUTE, 20 * MINUTE);
    assert!(delivered >= 17 * 60 * 8 / 10, "{delivered} in 17 minutes");
    assert!(world.refused_between(3 * MINUTE, 20 * MINUTE) <= delivered * 15 / 100, "{}", world.refused.len());
}

#[test]
fn a_provider_that_queues_is_held_at_its_slots_and_about_two() {
    for cap in [4, 16, 40] {
        let mut server = Server::of(cap);
        server.queues = true;
        let mut world = World::new(server, learned(), 20_000);
        world.run(2 * MINUTE);
        world.most_queued = 0;
        world.run(10 * MINUTE);
        assert!(world.most_queued <= 3 + cap as usize / 6, "{cap}: {} waited there", world.most_queued);
        assert_eq!(world.refused.len(), 0);
        let possible = 10 * MINUTE / 19_000 * u64::from(cap);
        assert!(u64::from(world.done) * 100 >= possible * 92, "{cap}: {} of {possible} done", world.done);
    }
}

#[test]
fn submits_on_the_wire_are_what_some_count() {
    let mut server = Server::of(10);
    server.on_wire = true;
    server.answers_after = 1_000;
    let limits = Limits { counts: Counts::Request, ..learned() };
    let mut world = World::new(server, limits, 100_000);
    world.run(5 * MINUTE);
    assert!(near(world.believes().limit, 10), "{}", world.believes().limit);
    assert!(world.accepted.len() >= 5 * 60 * 10 * 8 / 10, "{} in five minutes", world.accepted.len());
    assert!(world.refused.len() * 100 <= world.accepted.len() * 5, "{} refusals", world.refused.len());
}

#[test]
fn a_server_that_answers_with_the_image_is_learned_by_its_silence() {
    for (answers_after, most_refusals) in [(200, 40), (3_000, 60)] {
        let mut server = Server::of(12);
        (server.synchronous, server.answers_after) = (true, answers_after);
        let mut world = World::new(server, learned(), 20_000);
        world.run(10 * MINUTE);
        assert!(near(world.believes().limit, 12), "{answers_after}: {}", world.believes().limit);
        assert!(world.refused.len() <= most_refusals, "{answers_after}: {} refusals", world.refused.len());
        let possible = 10 * MINUTE / (19_000 + answers_after) * 12;
        assert!(u64::from(world.done) * 100 >= possible * 88, "{answers_after}: {} of {possible} done", world.done);
    }
}

#[test]
fn who_tells_too_much_is_corrected() {
    let mut world = World::new(Server::of(4), Limits::told(16), 20_000);
    world.run(10 * MINUTE);
    assert!(world.refused.len() <= 40, "{} refusals", world.refused.len());
    assert!(world.done >= 10 * 60 * 4 / 19 * 88 / 100, "{} done", world.done);
}

#[test]
fn who_tells_too_little_is_believed() {
    let mut world = World::new(Server::of(64), Limits::told(4), 20_000);
    world.run(10 * MINUTE);
    assert_eq!((world.believes().limit, world.refused.len()), (4, 0));
    let most = Limits { concurrency: Concurrency::Learn { start: 2, most: 9 }, ..learned() };
    let mut world = World::new(Server::of(64), most, 20_000);
    world.run(10 * MINUTE);
    assert_eq!((world.believes().limit, world.refused.len()), (9, 0));
}

#[test]
fn the_next_process_begins_where_the_last_ended() {
    for cap in [2, 23, 64] {
        let mut first = World::new(Server::of(cap), learned(), 20_000);
        let found = first.run(5 * MINUTE).learned.unwrap();
        assert!(found.bounded && near(found.limit, cap), "{found:?}");
        let mut next = World::new(Server::of(cap), learned(), 20_000);
        next.tell(LaneIn::Recall(found));
        assert_eq!(next.believes().limit, found.limit);
        next.run(400);
        assert!(next.accepted.len() as u32 + 2 >= found.limit.min(cap), "{} at once", next.accepted.len());
        assert!(next.refused.len() <= 2, "{cap}: {} refusals", next.refused.len());
    }
}

#[test]
fn a_key_that_is_closed_is_told_of() {
    let mut server = Server::of(0);
    server.caps = vec![(0, 0)];
    let mut world = World::new(server, learned(), 100);
    world.run(9 * MINUTE);
    assert_eq!(world.stalled, 0, "others may hold it for a while");
    world.run(30 * MINUTE);
    assert!(world.stalled >= 1);
    assert!(world.refused.len() <= 160, "{} refusals in half an hour", world.refused.len());
}

#[test]
fn an_outage_passes() {
    for seed in 0..5 {
        let mut server = Server::of(64);
        server.caps = vec![(0, 64), (3 * MINUTE, 0), (8 * MINUTE, 64)];
        let mut world = World::seeded(server, learned(), 20_000, seed);
        assert!(near(world.run(3 * MINUTE).believes().limit, 64));
        world.run(8 * MINUTE);
        assert!(world.refused_between(3 * MINUTE, 8 * MINUTE) <= 60, "{} refusals", world.refused.len());
        let limit = world.run(12 * MINUTE).believes().limit;
        assert!(near(limit, 64), "{limit} four minutes later");
    }
}

#[test]
fn the_highest_start_is_no_overflow() {
    let mut server = Server::of(10);
    (server.on_wire, server.answers_after) = (true, 1_000);
    let concurrency = Concurrency::Learn { start: u32::MAX, most: u32::MAX };
    let mut world = World::new(server, Limits { counts: Counts::Request, concurrency, ..learned() }, 8);
    world.run(MINUTE);
    assert_eq!((world.done, world.refused.len(), world.believes().limit), (8, 0, u32::MAX));
}

#[test]
fn several_in_a_few_seconds_are_kept_to_as_a_pace() {
    for (many, length) in [(1, 1_000), (2, 1_500), (3, 5_000), (5, 5_000), (8, 10_000)] {
        for seed in 0..5 {
            let mut server = Server::of(64);
            server.window = Some((many, length));
            let mut world = World::seeded(server, learned(), 20_000, seed);
            world.run(2 * MINUTE);
            let before = world.accepted.len();
            world.run(10 * MINUTE);
            let window = world.believes().window.unwrap();
            let possible = 8 * MINUTE / length * many as u64;
            let later = (world.accepted.len() - before) as u64;
            assert!(later * 100 >= possible * 88, "{many} in {length}: {later} of {possible}, {window:?}");
            let accepted = world.accepted.len() as u64;
            assert!(world.refused.len() as u64 * 100 <= accepted * 12, "{} refused of {accepted}", world.refused.len());
            let (known, true_distance) = (window.length / u64::from(window.limit), length / many as u64);
            assert!(known.abs_diff(true_distance) * 100 <= true_distance * 12, "{many} in {length}: {window:?}");
        }
    }
}

#[test]
fn a_slow_pace_is_not_taken_for_few_slots() {
    let windows = [(2, 4_000), (1, 4_000), (3, 9_000)].map(|window| (Some(window), None));
    let buckets = [(2.0, 2_500.0), (1.0, 3_000.0)].map(|bucket| (None, Some(bucket)));
    for (window, bucket) in windows.into_iter().chain(buckets) {
        for seed in 0..20 {
            let mut server = Server::of(64);
            (server.window, server.bucket) = (window, bucket);
            let mut world = World::seeded(server, learned(), 20_000, seed);
            let before = world.run(3 * MINUTE).done;
            let later = u64::from(world.run(20 * MINUTE).done - before);
            let distance =
                window.map_or(bucket.map_or(0, |(_, each)| each as u64), |(many, length)| length / many as u64);
            let possible = 17 * MINUTE / distance;
            assert!(later * 100 >= possible * 85, "{window:?} {bucket:?}, seed {seed}: {later} of {possible}");
            assert!(world.refused.len() <= 40, "{window:?} {bucket:?}, seed {seed}: {} refused", world.refused.len());
        }
    }
}

#[test]
fn a_minute_beside_a_pace_is_told_from_it() {
    for seed in 0..20 {
        let mut server = Server::of(64).with_window(50);
        server.pace = 1_000;
        let mut world = World::seeded(server, learned(), 20_000, seed);
        let before = world.run(4 * MINUTE).done;
        let later = world.run(20 * MINUTE).done - before;
        assert!(later * 100 >= 16 * 50 * 90, "seed {seed}: {later} of 800");
        assert!(world.refused.len() <= 60, "seed {seed}: {} refused", world.refused.len());
    }
}

#[test]
fn slots_beside_a_pace_are_not_taken_for_it() {
    for cap in [5, 10] {
        for seed in 0..5 {
            let mut server = Server::of(cap);
            server.window = Some((1, 1_000));
            let mut world = World::seeded(server, learned(), 20_000, seed);
            world.run(20 * MINUTE);
            let possible = 20 * MINUTE / 19_000 * u64::from(cap);
            assert!(u64::from(world.done) * 100 >= possible * 85, "{cap}: {} of {possible} done", world.done);
            assert!(world.refused.len() as u64 * 100 <= possible * 20, "{cap}: {} refused", world.refused.len());
        }
    }
}

#[test]
fn a_pace_is_learned_by_silence() {
    for (many, length) in [(1, 1_000), (5, 5_000), (2, 3_000)] {
        for seed in 0..20 {
            let mut server = Server::of(64);
            (server.synchronous, server.window) = (true, Some((many, length)));
            let mut world = World::seeded(server, learned(), 20_000, seed);
            let before = world.run(5 * MINUTE).done;
            let later = u64::from(world.run(20 * MINUTE).done - before);
            let possible = 15 * MINUTE / length * many as u64;
            assert!(later * 100 >= possible * 90, "{many} in {length}: {later} of {possible}");
            assert!(world.refused.len() <= 40, "{many} in {length}: {} refused", world.refused.len());
        }
    }
}

#[test]
fn what_an_earlier_process_found_is_kept_until_it_is_wrong_and_no_longer() {
    for length in [1_000, MINUTE] {
        let mut server = Server::of(64);
        server.window = Some((1, length));
        let found = Learned { limit: 64, bounded: true, window: Some((1, length)) };
        let mut world = World::new(server, learned(), 20_000);
        world.tell(LaneIn::Recall(found));
        for second in 1..600 {
            let kept = world.run(second * 1_000).learned.unwrap_or(found);
            assert!(kept.window.is_some(), "{length}: forgotten in the {second}th second");
        }
    }
    for length in [800, 4_000, MINUTE] {
        for bounded in [true, false] {
            let found = Learned { limit: 7, bounded, window: Some((1, length)) };
            let mut world = World::new(Server::of(7), learned(), 20_000);
            world.tell(LaneIn::Recall(found));
            let kept = world.run(10 * MINUTE).learned.unwrap_or(found);
            assert_ne!(kept.window, found.window, "{length}, {bounded}");
            assert!(world.done >= 10 * 7 * 60 / 19 * 70 / 100, "{length}, {bounded}: {} done", world.done);
        }
    }
}
