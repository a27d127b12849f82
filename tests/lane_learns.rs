//! What a lane finds out about servers that tell it nothing: each test is a server in a few lines and what becomes of it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};

use tidegate::error::Axis;
use tidegate::limit::{
    Concurrency, Counts, Known, Lane, LaneConfig, LaneIn, LaneOut, LaneSnapshot, Learned, Limits, Token, Verdict,
};
use tidegate::options::Priority;
use tidegate::rng::Rng;
use tidegate::time::Instant;

const MINUTE: u64 = 60_000;

/// What a server allows, and what it says when it refuses.
#[derive(Clone)]
struct Server {
    /// Tasks at once, from when on.
    caps: Vec<(u64, u32)>,
    /// So many submits in so many ms.
    window: Option<(usize, u64)>,
    /// Refused submits count in it.
    counts_refusals: bool,
    /// The least distance between two that are accepted.
    pace: u64,
    /// Tokens at most, and one more every so many ms.
    bucket: Option<(f64, f64)>,
    /// It says when to come back: to a window, and to a slot.
    hints: (bool, Option<u64>),
    /// It takes in whatever comes; what finds no slot waits there.
    queues: bool,
    /// How long tasks take, at least and at most.
    tasks: (u64, u64),
    /// From the submit to its refusal; acceptances are as quick, or where the answer is the image, as slow as that.
    answers_after: u64,
    /// The answer is the image.
    synchronous: bool,
    /// A slot is free when its submit was answered.
    on_wire: bool,
}

impl Server {
    fn of(cap: u32) -> Server {
        Server {
            caps: vec![(0, cap)],
            window: None,
            counts_refusals: false,
            pace: 0,
            bucket: None,
            hints: (false, None),
            queues: false,
            tasks: (8_000, 30_000),
            answers_after: 200,
            synchronous: false,
            on_wire: false,
        }
    }

    fn with_window(self, limit: usize) -> Server {
        Server { window: Some((limit, MINUTE)), ..self }
    }
}

/// What is to happen.
#[derive(Clone, Copy)]
enum Event {
    /// The submit arrives.
    Arrives(Token),
    /// Its answer does.
    Answer(Token, bool, Option<u64>),
    /// The task begins at the server: it may have waited there.
    Starts(Token),
    /// The task is over.
    Ends(Token),
    /// The end is seen, and the slot known to be free.
    Seen(Token),
    /// All tasks are looked at.
    Look,
}

/// A lane at a server, with work for hours.
struct World {
    server: Server,
    lane: Lane,
    rng: Rng,
    now: u64,
    events: BTreeMap<(u64, u64), Event>,
    order: u64,
    waiting: u32,
    working: Vec<Token>,
    queued: Vec<Token>,
    asked: Vec<u64>,
    /// Tasks of which it was heard that they were accepted: those can be asked after.
    known: BTreeSet<Token>,
    tokens: f64,
    refilled: u64,
    last_accepted: Option<u64>,
    /// When each was accepted, and refused.
    accepted: Vec<u64>,
    refused: Vec<u64>,
    done: u32,
    stalled: u32,
    most_queued: usize,
    learned: Option<Learned>,
}

impl World {
    fn new(server: Server, limits: Limits, waiting: u32) -> World {
        World::seeded(server, limits, waiting, 7)
    }

    fn seeded(server: Server, limits: Limits, waiting: u32, seed: u64) -> World {
        let config = LaneConfig { presumes: server.synchronous, ..LaneConfig::new(limits) };
        let mut world = World {
            tokens: server.bucket.map_or(0.0, |(most, _)| most),
            server,
            lane: Lane::new(config, seed),
            rng: Rng::new(seed ^ 0x5eed),
            now: 0,
            events: BTreeMap::new(),
            order: 0,
            waiting,
            working: Vec::new(),
            queued: Vec::new(),
            asked: Vec::new(),
            known: BTreeSet::new(),
            refilled: 0,
            last_accepted: None,
            accepted: Vec::new(),
            refused: Vec::new(),
            done: 0,
            stalled: 0,
            most_queued: 0,
            learned: None,
        };
        world.at(500, Event::Look);
        world
    }

    fn at(&mut self, wait: u64, event: Event) {
        self.order += 1;
        self.events.insert((self.now + wait, self.order), event);
    }

    fn tell(&mut self, message: LaneIn) {
        self.lane.handle(Instant::from_millis(self.now), message);
        while let Some(message) = self.lane.poll() {
            match message {
                LaneOut::Grant { token, .. } => {
                    self.waiting -= 1;
                    self.demand();
                    self.lane.handle(Instant::from_millis(self.now), LaneIn::Sent { token, weight: 1 });
                    self.at(self.server.answers_after / 2, Event::Arrives(token));
                }
                LaneOut::Stalled => self.stalled += 1,
                LaneOut::Learned(learned) => self.learned = Some(learned),
                LaneOut::Revoked { .. } => panic!("every grant is used at once"),
                LaneOut::NotUntil(_) | LaneOut::Snapshot(_) => {}
            }
        }
    }

    fn demand(&mut self) {
        let demand = LaneIn::Demand { band: Priority::Batch, waiting: self.waiting, weight: 1 };
        self.lane.handle(Instant::from_millis(self.now), demand);
    }

    fn cap(&self) -> usize {
        self.server.caps.iter().rev().find(|(from, _)| *from <= self.now).map_or(0, |(_, cap)| *cap as usize)
    }

    /// Whether a submit is let in; and if not, when to come back.
    fn lets_in(&mut self) -> Result<(), Option<u64>> {
        let now = self.now;
        if let Some((limit, length)) = self.server.window {
            self.asked.retain(|at| at + length > now);
            if self.asked.len() >= limit {
                let back = self.asked[self.asked.len() - limit] + length - now;
                if self.server.counts_refusals {
                    self.asked.push(now);
                }
                return Err(Some(back).filter(|_| self.server.hints.0));
            }
        }
        if let Some((most, every)) = self.server.bucket {
            self.tokens = (self.tokens + (now - self.refilled) as f64 / every).min(most);
            self.refilled = now;
            if self.tokens < 1.0 {
                return Err(None);
            }
        }
        if self.last_accepted.is_some_and(|last| now - last < self.server.pace) {
            return Err(None);
        }
        if !self.server.queues && self.working.len() >= self.cap() {
            if self.server.counts_refusals {
                self.asked.push(now);
            }
            return Err(self.server.hints.1);
        }
        self.tokens -= 1.0;
        self.last_accepted = Some(now);
        self.asked.push(now);
        Ok(())
    }

    fn starts(&mut self, token: Token) {
        self.working.push(token);
        let (least, most) = self.server.tasks;
        let length = least + self.rng.up_to(most - least);
        let wait = if self.server.on_wire { self.server.answers_after / 2 } else { length };
        self.at(wait, Event::Ends(token));
    }

    fn happens(&mut self, event: Event) {
        let back = self.server.answers_after / 2;
        match event {
            Event::Arrives(token) => match self.lets_in() {
                Ok(()) => {
                    if self.working.len() < self.cap() {
                        self.starts(token);
                    } else {
                        self.queued.push(token);
                        self.most_queued = self.most_queued.max(self.queued.len());
                    }
                    if !self.server.synchronous {
                        self.at(back, Event::Answer(token, true, None));
                    }
                }
                Err(hint) => self.at(back, Event::Answer(token, false, hint)),
            },
            Event::Answer(token, true, _) => {
                self.known.insert(token);
                self.accepted.push(self.now);
                self.tell(LaneIn::Answered { token, verdict: Verdict::Accepted });
            }
            Event::Answer(token, false, hint) => {
                self.refused.push(self.now);
                self.tell(LaneIn::Answered { token, verdict: Verdict::Refused { axis: Axis::Unknown, hint } });
                self.waiting += 1;
                self.demand();
                self.tell(LaneIn::Wake);
            }
            Event::Starts(token) => self.starts(token),
            Event::Ends(token) => {
                self.working.retain(|other| *other != token);
                if !self.queued.is_empty() {
                    let next = self.queued.remove(0);
                    self.at(0, Event::Starts(next));
                }
                self.at(back.max(1), Event::Seen(token));
            }
            Event::Seen(token) => {
                self.done += 1;
                if self.server.synchronous {
                    self.accepted.push(self.now);
                    self.tell(LaneIn::Answered { token, verdict: Verdict::Accepted });
                }
                self.tell(LaneIn::Ended { token });
            }
            Event::Look => {
                if !self.server.synchronous {
                    for (tokens, queued) in [(self.working.clone(), false), (self.queued.clone(), true)] {
                        let known: Vec<Token> = tokens.into_iter().filter(|token| self.known.contains(token)).collect();
                        for token in known {
                            self.tell(LaneIn::Seen { token, queued });
                        }
                    }
                }
                self.at(500, Event::Look);
            }
        }
    }

    /// Goes on until then.
    fn run(&mut self, until: u64) -> &mut World {
        self.demand();
        self.tell(LaneIn::Wake);
        loop {
            let next = self.events.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
            let wake = self.lane.deadline().map_or(u64::MAX, Instant::millis);
            if next.min(wake) > until {
                self.now = until;
                return self;
            }
            self.now = next.min(wake);
            if next <= wake {
                let (_, event) = self.events.pop_first().unwrap();
                self.happens(event);
            } else {
                self.tell(LaneIn::Wake);
            }
        }
    }

    fn believes(&self) -> LaneSnapshot {
        self.lane.snapshot()
    }

    fn refused_between(&self, from: u64, to: u64) -> usize {
        self.refused.iter().filter(|at| (from..to).contains(*at)).count()
    }

    fn accepted_between(&self, from: u64, to: u64) -> usize {
        self.accepted.iter().filter(|at| (from..to).contains(*at)).count()
    }
}

fn learned() -> Limits {
    Limits::default()
}

fn near(found: u32, true_limit: u32) -> bool {
    found.abs_diff(true_limit) <= 1 + true_limit / 32
}

#[test]
fn a_cap_is_found() {
    for cap in [1, 4, 7, 23, 64, 200] {
        for seed in 0..5 {
            let mut world = World::seeded(Server::of(cap), learned(), 20_000, seed);
            world.run(2 * MINUTE);
            assert!(near(world.believes().limit, cap), "{cap}: {} after two minutes", world.believes().limit);
            world.run(10 * MINUTE);
            assert!(near(world.believes().limit, cap), "{cap}: {} after ten minutes", world.believes().limit);
            let few = 12 + world.done as usize / 20;
            assert!(world.refused.len() <= few, "{cap}: {} refusals, {} done", world.refused.len(), world.done);
            let possible = 10 * MINUTE / 19_000 * u64::from(cap);
            assert!(u64::from(world.done) * 100 >= possible * 90, "{cap}: {} of {possible} done", world.done);
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
