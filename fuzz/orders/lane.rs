//! A lane alone: permits, answers, refusals, hints and time in any order.

use tidegate::error::Axis;
use tidegate::limit::{
    Concurrency, Counts, Lane, LaneConfig, LaneIn, LaneOut, LaneSnapshot, Learned, Limits, Token, Verdict,
};
use tidegate::options::Priority;
use tidegate::retry::hint::Rate;
use tidegate::time::Instant;

use super::Bytes;

/// So many wakes at most until a lane that is asked nothing else gives a permit.
const PATIENCE: u32 = 2_000;

struct Stage {
    lane: Lane,
    now: u64,
    waiting: u32,
    /// Not used yet.
    granted: Vec<Token>,
    /// On the wire.
    sent: Vec<Token>,
    /// Accepted, and those of which nobody knows.
    running: Vec<Token>,
    /// Over, or never there: what is said of them means nothing.
    dead: Vec<Token>,
    adopted: u32,
    trace: Vec<String>,
}

/// Plays these bytes.
///
/// # Panics
/// When something does not hold that must.
pub fn play(bytes: &[u8]) {
    let bytes = &mut Bytes::new(bytes);
    let mut stage = Stage::new(bytes);
    while !bytes.is_over() {
        stage.step(bytes);
    }
    stage.end();
}

impl Stage {
    fn new(bytes: &mut Bytes<'_>) -> Stage {
        let (kind, size) = (bytes.next(), u32::from(bytes.next() % 12) + 1);
        let concurrency = match kind % 3 {
            0 => Concurrency::Told(size),
            1 => Concurrency::Learn { start: size.min(4), most: u32::MAX },
            _ => Concurrency::Learn { start: 1, most: size },
        };
        let limits = Limits {
            concurrency,
            rpm: (kind & 4 != 0).then_some(size * 2),
            rpd: (kind & 8 != 0).then_some(size * 10),
            counts: if kind & 16 != 0 { Counts::Request } else { Counts::Task },
            ..Limits::default()
        };
        let config = LaneConfig { presumes: kind & 32 != 0, ..LaneConfig::new(limits) };
        Stage {
            lane: Lane::new(config, u64::from(bytes.next())),
            now: 0,
            waiting: 0,
            granted: Vec::new(),
            sent: Vec::new(),
            running: Vec::new(),
            dead: vec![Token::MAX],
            adopted: 0,
            trace: vec![format!("{config:?}")],
        }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(16) {
            0 => self.now += bytes.span(),
            1 | 2 => {
                self.now = self.lane.deadline().map_or(self.now, |at| at.millis().max(self.now));
                self.tell(LaneIn::Wake);
            }
            3 => {
                self.waiting = u32::from(bytes.next());
                self.ask();
            }
            4..=6 => {
                if let Some(token) = bytes.take(&mut self.granted) {
                    self.use_permit(token);
                }
            }
            7 => {
                if let Some(token) = bytes.take(&mut self.granted) {
                    self.over(token, LaneIn::Return { token });
                }
            }
            8 | 9 => {
                if let Some(token) = bytes.take(&mut self.sent) {
                    self.running.push(token);
                    self.tell(LaneIn::Answered { token, verdict: Verdict::Accepted });
                }
            }
            10 => {
                if let Some(token) = bytes.take(&mut self.sent) {
                    let axes = [Axis::Unknown, Axis::Concurrency, Axis::Minute, Axis::Day];
                    let axis = axes[bytes.below(4)];
                    let hint = (bytes.next() & 1 == 1).then(|| bytes.span());
                    self.over(token, LaneIn::Answered { token, verdict: Verdict::Refused { axis, hint } });
                }
            }
            11 => {
                if let Some(token) = bytes.take(&mut self.sent) {
                    self.over(token, LaneIn::Answered { token, verdict: Verdict::Failed });
                }
            }
            12 => {
                if let Some(token) = bytes.take(&mut self.running) {
                    self.over(token, LaneIn::Ended { token });
                }
            }
            13 => {
                let place = bytes.below(self.running.len());
                if let Some(token) = self.running.get(place).copied() {
                    self.tell(LaneIn::Seen { token, queued: bytes.next() & 1 == 1 });
                }
            }
            14 => self.seldom(bytes),
            _ => self.stray(bytes),
        }
    }

    fn seldom(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(6) {
            0 => {
                self.adopted += 1;
                let token = (1 << 52) + u64::from(self.adopted);
                self.running.push(token);
                self.tell(LaneIn::Adopt { token, weight: 1 });
            }
            1 => {
                let limit = u32::from(bytes.next());
                let remaining = u32::from(bytes.next()).min(limit);
                self.tell(LaneIn::Rate(Rate { limit, remaining, reset: bytes.span() }));
            }
            2 => self.tell(LaneIn::Hold { wait: bytes.span(), hinted: bytes.next() & 1 == 1 }),
            3 => {
                let window = (bytes.next() & 1 == 1).then(|| (u32::from(bytes.next()) + 1, bytes.span() + 1));
                let learned = Learned { limit: u32::from(bytes.next()) + 1, bounded: bytes.next() & 1 == 1, window };
                self.tell(LaneIn::Recall(learned));
            }
            4 => {
                if let Some(token) = bytes.take(&mut self.sent) {
                    self.sent.push(token);
                    self.tell(LaneIn::Answered { token, verdict: Verdict::Unknown });
                }
            }
            _ => {
                if let Some(token) = bytes.take(&mut self.sent) {
                    let until = Instant::from_millis(self.now + bytes.span());
                    self.over(token, LaneIn::Unknown { token, until });
                }
            }
        }
    }

    /// What comes too late, or was never asked for.
    fn stray(&mut self, bytes: &mut Bytes<'_>) {
        let Some(token) = self.dead.get(bytes.below(self.dead.len())).copied() else { return };
        let refused = Verdict::Refused { axis: Axis::Unknown, hint: Some(bytes.span()) };
        let message = match bytes.below(6) {
            0 => LaneIn::Ended { token },
            1 => LaneIn::Return { token },
            2 => LaneIn::Seen { token, queued: true },
            3 => LaneIn::Answered { token, verdict: Verdict::Accepted },
            4 => LaneIn::Answered { token, verdict: refused },
            _ => LaneIn::Sent { token, weight: 1 },
        };
        self.tell(message);
    }

    fn use_permit(&mut self, token: Token) {
        self.sent.push(token);
        self.tell(LaneIn::Sent { token, weight: 1 });
        self.waiting = self.waiting.saturating_sub(1);
        self.ask();
    }

    fn ask(&mut self) {
        self.tell(LaneIn::Demand { band: Priority::Batch, waiting: self.waiting, weight: 1 });
    }

    fn over(&mut self, token: Token, message: LaneIn) {
        self.dead.push(token);
        self.tell(message);
    }

    fn tell(&mut self, message: LaneIn) {
        self.trace.push(format!("{} ms: {message:?}", self.now));
        let before = self.lane.snapshot();
        self.lane.handle(Instant::from_millis(self.now), message);
        let mut new = 0;
        while let Some(out) = self.lane.poll() {
            match out {
                LaneOut::Grant { token, until } => {
                    assert!(until.millis() > self.now, "{}: a grant that is over already", self.story());
                    new += 1;
                    self.granted.push(token);
                }
                LaneOut::Revoked { token } => {
                    self.granted.retain(|other| *other != token);
                    self.dead.push(token);
                }
                _ => {}
            }
        }
        self.check(&before, new);
    }

    fn check(&self, before: &LaneSnapshot, new: u32) {
        let now = self.lane.snapshot();
        assert!(now.limit > 0, "{}: a limit of nothing", self.story());
        assert!(now.held < 1 << 20, "{}: {} permits: a counter went below zero", self.story(), now.held);
        assert!(now.queued <= now.held, "{}: more wait at the provider than are there", self.story());
        // One probe; of many slots one for each 32.
        let limit = before.limit.max(now.limit);
        let most = limit + 1 + limit / 32;
        assert!(
            new == 0 || now.held <= most,
            "{}: {} permits at a limit of {most} with the probe",
            self.story(),
            now.held
        );
        let out = self.granted.len() + self.sent.len() + self.running.len();
        let is_heard_of = self.waiting == 0 || out > 0 || self.lane.deadline().is_some();
        assert!(is_heard_of, "{}: {} wait, nothing is out, and no timer is set", self.story(), self.waiting);
    }

    /// Everything that is out ends well: whoever waits gets a permit, and then nothing is left.
    fn end(&mut self) {
        self.waiting = self.waiting.max(1);
        self.ask();
        let mut served = false;
        for _ in 0..PATIENCE {
            served |= !self.granted.is_empty();
            for token in std::mem::take(&mut self.granted) {
                self.use_permit(token);
            }
            for token in std::mem::take(&mut self.sent) {
                self.running.push(token);
                self.tell(LaneIn::Answered { token, verdict: Verdict::Accepted });
            }
            for token in std::mem::take(&mut self.running) {
                self.over(token, LaneIn::Ended { token });
            }
            if self.waiting == 0 && self.granted.is_empty() {
                break;
            }
            if self.granted.is_empty() {
                let at = self.lane.deadline().map(Instant::millis);
                assert!(at.is_some(), "{}: {} wait for ever", self.story(), self.waiting);
                self.now = at.unwrap_or_default().max(self.now);
                self.tell(LaneIn::Wake);
            }
        }
        assert!(served, "{}: nobody was served in {PATIENCE} wakes", self.story());
        // Ghosts end by themselves.
        for _ in 0..PATIENCE {
            let Some(at) = self.lane.deadline() else { break };
            self.now = at.millis().max(self.now);
            self.tell(LaneIn::Wake);
            for token in std::mem::take(&mut self.granted) {
                self.over(token, LaneIn::Return { token });
            }
        }
        if self.waiting == 0 {
            assert_eq!(self.lane.snapshot().held, 0, "{}: permits are missing", self.story());
        }
    }

    fn story(&self) -> String {
        self.trace.join("\n")
    }
}
