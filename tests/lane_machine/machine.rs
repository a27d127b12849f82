//! A lane, and what must be true of it.

use std::collections::BTreeMap;

use tidegate::limit::{Concurrency, Counts, Lane, LaneConfig, LaneIn, LaneOut, Token, Verdict};
use tidegate::options::Priority;
use tidegate::time::Instant;

use crate::steps::Step;
use crate::{DAY, HOUR, MINUTE};

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Granted,
    Sent,
    Held,
    Ghost,
}

#[derive(Clone, Copy, Debug)]
struct Permit {
    state: State,
    weight: u32,
    until: u64,
    since: u64,
    queued: bool,
}

/// The lane, and what must be true of it.
pub struct Machine {
    lane: Lane,
    config: LaneConfig,
    now: u64,
    permits: BTreeMap<Token, Permit>,
    waiting: [(u32, u32); 2],
    hinted: u64,
    /// When submits were answered, how many slots they took, and whether they were let in.
    answered: Vec<(u64, u32, bool)>,
    /// What a header left, until when, and how many went out since.
    room: (u32, u64, u32),
    adopted: Token,
    pub log: Vec<LaneOut>,
}

impl Machine {
    pub fn new(config: LaneConfig, seed: u64, now: u64) -> Machine {
        Machine {
            lane: Lane::new(config, seed),
            config,
            now,
            permits: BTreeMap::new(),
            waiting: [(0, 1); 2],
            hinted: 0,
            answered: Vec::new(),
            room: (0, 0, 0),
            adopted: 1 << 63,
            log: Vec::new(),
        }
    }

    fn most(&self) -> u32 {
        match self.config.limits.concurrency {
            Concurrency::Told(limit) => limit.max(1),
            Concurrency::Learn { most, .. } => most.max(1),
        }
    }

    fn demand(&self) -> u32 {
        self.waiting[0].0 + self.waiting[1].0
    }

    fn in_use(&self) -> u32 {
        self.permits.values().map(|permit| permit.weight).sum()
    }

    fn granted(&self) -> u32 {
        self.permits.values().filter(|permit| permit.state == State::Granted).count() as u32
    }

    /// Submits that went out, or may, in so long: all, or without those that were not let in. Where acceptance is presumed, limits are looked at when
    /// a submit arrives; else at any time before it is answered.
    fn within(&self, length: u64, all: bool) -> u32 {
        let recent = |at: u64| at + length > self.now;
        let answered = self.answered.iter().filter(|(at, _, accepted)| recent(*at) && (all || *accepted));
        let asking = self.permits.values().filter(|permit| match permit.state {
            State::Granted => true,
            State::Sent => !self.config.presumes || recent(permit.since),
            State::Held | State::Ghost => false,
        });
        answered.map(|(_, weight, _)| weight).sum::<u32>() + asking.map(|permit| permit.weight).sum::<u32>()
    }

    /// What is given away, and not used.
    fn unsent(&self) -> u32 {
        let unsent = self.permits.values().filter(|permit| permit.state == State::Granted);
        unsent.map(|permit| permit.weight).sum()
    }

    /// The index-th of the permits in one of these states.
    fn pick(&self, index: usize, states: &[State]) -> Option<Token> {
        let fitting: Vec<Token> =
            self.permits.iter().filter(|(_, permit)| states.contains(&permit.state)).map(|(token, _)| *token).collect();
        (!fitting.is_empty()).then(|| fitting[index % fitting.len()])
    }

    /// Time goes on. How long a silent submit that is presumed to be accepted keeps its slot depends on when that was presumed: none is left so long.
    fn pass(&mut self, now: u64) {
        let old = |permit: &Permit| permit.state == State::Sent && now - permit.since > HOUR / 2;
        while self.config.presumes && self.permits.values().any(old) {
            let token = self.pick(0, &[State::Sent]).unwrap();
            self.answer(token, Verdict::Accepted);
        }
        self.now = now;
        self.tell(LaneIn::Wake);
    }

    fn tell(&mut self, message: LaneIn) {
        let now = self.now;
        self.lane.handle(Instant::from_millis(now), message);
        self.permits.retain(|_, permit| permit.until > now);
        while let Some(message) = self.lane.poll() {
            self.log.push(message.clone());
            match message {
                LaneOut::Grant { token, until } => self.granted_one(token, until),
                LaneOut::Revoked { token } => {
                    assert_eq!(self.permits.remove(&token).unwrap().state, State::Granted, "only what is unused");
                }
                _ => {}
            }
        }
        self.check();
    }

    fn granted_one(&mut self, token: Token, until: Instant) {
        let weight = if self.waiting[0].0 > 0 { self.waiting[0].1 } else { self.waiting[1].1 };
        let (before, limit) = (self.in_use(), self.lane.snapshot().limit);
        assert!(self.now >= self.hinted, "before a hint's end: {} < {}", self.now, self.hinted);
        assert!(before == 0 || before + weight <= self.most(), "{before} and {weight} of {}", self.most());
        assert!(before == 0 || before <= limit + limit / 32, "{before} and {weight}, the limit is {limit}");
        assert!(self.granted() < self.demand(), "nobody asked for it");
        let (left, kept, sent) = self.room;
        assert!(self.now >= kept || sent + self.unsent() + weight <= left, "{sent} and {weight} of {left}");
        if let Some(rpm) = self.config.limits.rpm {
            assert!(
                self.within(MINUTE, true) == 0 || self.within(MINUTE, true) + weight <= rpm,
                "{} a minute",
                self.within(MINUTE, true)
            );
        }
        if let Some(rpd) = self.config.limits.rpd {
            assert!(
                self.within(DAY, false) == 0 || self.within(DAY, false) + weight <= rpd,
                "{} a day",
                self.within(DAY, false)
            );
        }
        let permit = Permit { state: State::Granted, weight, until: until.millis(), since: self.now, queued: false };
        assert!(self.permits.insert(token, permit).is_none(), "a token is given once");
        assert!(until.millis() > self.now);
    }

    fn check(&self) {
        let snapshot = self.lane.snapshot();
        assert_eq!(snapshot.held, self.in_use(), "{:?}", self.permits);
        let queued = self.permits.values().filter(|permit| permit.queued).count() as u32;
        assert_eq!(snapshot.queued, queued);
        assert!((1..=self.most()).contains(&snapshot.limit), "{snapshot:?}");
        assert!(snapshot.paused_until.is_none_or(|until| until.millis() > self.now));
        let deadline = self.lane.deadline().map(Instant::millis);
        assert!(deadline.is_none_or(|at| at > self.now), "{deadline:?} has passed at {}", self.now);
        if self.demand() > self.granted() && self.permits.is_empty() {
            assert!(deadline.is_some(), "nothing is out, and nobody wakes it: {snapshot:?}");
        }
    }

    fn send(&mut self, token: Token) {
        let permit = self.permits.get_mut(&token).unwrap();
        (permit.state, permit.since, permit.until) = (State::Sent, self.now, self.now + HOUR);
        let weight = permit.weight;
        self.room.2 += weight;
        // What is sent waits no more.
        let index = usize::from(self.waiting[0].0 == 0);
        let (waiting, first) = self.waiting[index];
        self.waiting[index].0 = waiting.saturating_sub(1);
        let band = [Priority::Interactive, Priority::Batch][index];
        self.tell(LaneIn::Demand { band, waiting: waiting.saturating_sub(1), weight: first });
        self.tell(LaneIn::Sent { token, weight });
    }

    fn answer(&mut self, token: Token, verdict: Verdict) {
        let frees = self.config.limits.counts == Counts::Request;
        let permit = self.permits[&token];
        let at = if self.config.presumes { permit.since } else { self.now };
        self.answered.push((at, permit.weight, matches!(verdict, Verdict::Accepted | Verdict::Unknown)));
        match &verdict {
            Verdict::Accepted if !frees => {
                let permit = self.permits.get_mut(&token).unwrap();
                (permit.state, permit.until) = (State::Held, self.now + HOUR);
            }
            Verdict::Unknown => {
                let permit = self.permits.get_mut(&token).unwrap();
                (permit.state, permit.until) = (State::Ghost, self.now + HOUR);
            }
            _ => {
                self.permits.remove(&token);
            }
        }
        if let Verdict::Refused { hint: Some(hint), .. } = verdict {
            self.hinted = self.hinted.max(self.now + hint);
        }
        self.tell(LaneIn::Answered { token, verdict });
    }

    pub fn step(&mut self, step: &Step) {
        use State::{Ghost, Granted, Held, Sent};
        match step.clone() {
            Step::Demand(band, waiting, weight) => {
                let weight = if self.config.limits.counts == Counts::Image { weight } else { 1 };
                self.waiting[band as usize] = (waiting, weight);
                self.tell(LaneIn::Demand { band, waiting, weight });
            }
            Step::Use(index) => {
                if let Some(token) = self.pick(index, &[Granted]) {
                    self.send(token);
                }
            }
            Step::UseAll => {
                while let Some(token) = self.pick(0, &[Granted]) {
                    self.send(token);
                }
            }
            Step::GiveBack(index) => {
                if let Some(token) = self.pick(index, &[Granted]) {
                    self.permits.remove(&token);
                    self.tell(LaneIn::Return { token });
                }
            }
            Step::Answer(index, verdict) => {
                if let Some(token) = self.pick(index, &[Sent]) {
                    self.answer(token, verdict);
                }
            }
            Step::AcceptAll => {
                while let Some(token) = self.pick(0, &[Sent]) {
                    self.answer(token, Verdict::Accepted);
                }
            }
            Step::Seen(index, queued) => {
                if let Some(token) = self.pick(index, &[Held]) {
                    let permit = self.permits.get_mut(&token).unwrap();
                    (permit.until, permit.queued) = (self.now + HOUR, queued);
                    self.tell(LaneIn::Seen { token, queued });
                }
            }
            Step::End(index) => {
                if let Some(token) = self.pick(index, &[Held, Ghost]) {
                    self.permits.remove(&token);
                    self.tell(LaneIn::Ended { token });
                }
            }
            Step::Lose(index, wait) => {
                if let Some(token) = self.pick(index, &[Held, Ghost]) {
                    let until = self.now + wait;
                    let permit = self.permits.get_mut(&token).unwrap();
                    (permit.state, permit.until) = (Ghost, until);
                    self.tell(LaneIn::Unknown { token, until: Instant::from_millis(until) });
                }
            }
            Step::Again(index) => {
                if let Some(token) = self.pick(index, &[Ghost]) {
                    let permit = self.permits.get_mut(&token).unwrap();
                    (permit.state, permit.since, permit.until) = (Sent, self.now, self.now + HOUR);
                    let weight = permit.weight;
                    self.room.2 += weight;
                    self.tell(LaneIn::Sent { token, weight });
                }
            }
            Step::Adopt => {
                self.adopted += 1;
                let permit = Permit { state: Held, weight: 1, until: self.now + HOUR, since: self.now, queued: false };
                self.permits.insert(self.adopted, permit);
                self.tell(LaneIn::Adopt { token: self.adopted, weight: 1 });
            }
            Step::Rate(rate) => {
                let wait = rate.reset.min(MINUTE.max(rate.reset / u64::from(rate.limit)));
                self.room = (rate.remaining, self.now + wait, 0);
                if rate.remaining == 0 {
                    self.hinted = self.hinted.max(self.now + wait);
                }
                self.tell(LaneIn::Rate(rate));
            }
            Step::Hold(wait, hinted) => {
                self.hinted = self.hinted.max(self.now + wait);
                self.tell(LaneIn::Hold { wait, hinted });
            }
            Step::Recall(learned) => self.tell(LaneIn::Recall(learned)),
            Step::Pass(wait) => self.pass(self.now + wait),
            Step::ToDeadline => {
                if let Some(at) = self.lane.deadline() {
                    self.pass(at.millis());
                }
            }
        }
    }

    /// Everything that is out comes to its end, and somebody waits: driven by nothing but its own deadlines, the lane gives leave before long.
    pub fn comes_to_rest(&mut self) {
        for band in [Priority::Interactive, Priority::Batch] {
            self.waiting[band as usize] = (0, 1);
            self.tell(LaneIn::Demand { band, waiting: 0, weight: 1 });
        }
        while let Some((token, permit)) = self.permits.pop_first() {
            match permit.state {
                State::Granted => self.tell(LaneIn::Return { token }),
                State::Sent => self.tell(LaneIn::Answered { token, verdict: Verdict::Failed }),
                State::Held | State::Ghost => self.tell(LaneIn::Ended { token }),
            }
        }
        assert_eq!((self.lane.snapshot().held, self.lane.snapshot().queued), (0, 0), "nothing is left over");
        let limit = self.now.max(self.hinted) + DAY + 2 * HOUR;
        self.waiting[1] = (1, 1);
        self.tell(LaneIn::Demand { band: Priority::Batch, waiting: 1, weight: 1 });
        let mut wakes = 0;
        while self.granted() == 0 {
            self.now = self.lane.deadline().unwrap().millis();
            assert!(self.now <= limit && wakes < 1_000, "{wakes} wakes, and no leave until {}", self.now);
            self.tell(LaneIn::Wake);
            wakes += 1;
        }
    }
}
