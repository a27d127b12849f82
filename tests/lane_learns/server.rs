//! Servers of all kinds in a few lines each, a lane that asks them, and virtual time.

use std::collections::{BTreeMap, BTreeSet};

use tidegate::error::Axis;
use tidegate::limit::{Lane, LaneConfig, LaneIn, LaneOut, LaneSnapshot, Learned, Limits, Token, Verdict};
use tidegate::options::Priority;
use tidegate::rng::Rng;
use tidegate::time::Instant;

pub const MINUTE: u64 = 60_000;

/// What a server allows, and what it says when it refuses.
#[derive(Clone)]
pub struct Server {
    /// Tasks at once, from when on.
    pub caps: Vec<(u64, u32)>,
    /// So many submits in so many ms.
    pub window: Option<(usize, u64)>,
    /// Refused submits count in it.
    pub counts_refusals: bool,
    /// The least distance between two that are accepted.
    pub pace: u64,
    /// Tokens at most, and one more every so many ms.
    pub bucket: Option<(f64, f64)>,
    /// It says when to come back: to a window, and to a slot.
    pub hints: (bool, Option<u64>),
    /// It takes in whatever comes; what finds no slot waits there.
    pub queues: bool,
    /// How long tasks take, at least and at most.
    pub tasks: (u64, u64),
    /// From the submit to its refusal; acceptances are as quick, or where the answer is the image, as slow as that.
    pub answers_after: u64,
    /// The answer is the image.
    pub synchronous: bool,
    /// A slot is free when its submit was answered.
    pub on_wire: bool,
}

impl Server {
    pub fn of(cap: u32) -> Server {
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

    pub fn with_window(self, limit: usize) -> Server {
        Server { window: Some((limit, MINUTE)), ..self }
    }
}

/// What is to happen.
#[derive(Clone, Copy)]
pub enum Event {
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
pub struct World {
    pub server: Server,
    pub lane: Lane,
    pub rng: Rng,
    pub now: u64,
    pub events: BTreeMap<(u64, u64), Event>,
    pub order: u64,
    pub waiting: u32,
    pub working: Vec<Token>,
    pub queued: Vec<Token>,
    pub asked: Vec<u64>,
    /// Tasks of which it was heard that they were accepted: those can be asked after.
    pub known: BTreeSet<Token>,
    pub tokens: f64,
    pub refilled: u64,
    pub last_accepted: Option<u64>,
    /// When each was accepted, and refused.
    pub accepted: Vec<u64>,
    pub refused: Vec<u64>,
    pub done: u32,
    pub stalled: u32,
    pub most_queued: usize,
    pub learned: Option<Learned>,
}

impl World {
    pub fn new(server: Server, limits: Limits, waiting: u32) -> World {
        World::seeded(server, limits, waiting, 7)
    }

    pub fn seeded(server: Server, limits: Limits, waiting: u32, seed: u64) -> World {
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

    pub fn at(&mut self, wait: u64, event: Event) {
        self.order += 1;
        self.events.insert((self.now + wait, self.order), event);
    }

    pub fn tell(&mut self, message: LaneIn) {
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

    pub fn demand(&mut self) {
        let demand = LaneIn::Demand { band: Priority::Batch, waiting: self.waiting, weight: 1 };
        self.lane.handle(Instant::from_millis(self.now), demand);
    }

    pub fn cap(&self) -> usize {
        self.server.caps.iter().rev().find(|(from, _)| *from <= self.now).map_or(0, |(_, cap)| *cap as usize)
    }

    /// Whether a submit is let in; and if not, when to come back.
    pub fn lets_in(&mut self) -> Result<(), Option<u64>> {
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

    pub fn starts(&mut self, token: Token) {
        self.working.push(token);
        let (least, most) = self.server.tasks;
        let length = least + self.rng.up_to(most - least);
        let wait = if self.server.on_wire { self.server.answers_after / 2 } else { length };
        self.at(wait, Event::Ends(token));
    }

    pub fn happens(&mut self, event: Event) {
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
    pub fn run(&mut self, until: u64) -> &mut World {
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

    pub fn believes(&self) -> LaneSnapshot {
        self.lane.snapshot()
    }

    pub fn refused_between(&self, from: u64, to: u64) -> usize {
        self.refused.iter().filter(|at| (from..to).contains(*at)).count()
    }

    pub fn accepted_between(&self, from: u64, to: u64) -> usize {
        self.accepted.iter().filter(|at| (from..to).contains(*at)).count()
    }
}
