//! One quota bucket (provider, origin, account) as a machine of its own: messages in, messages out, no clock. The engine speaks to it the same
//! way whether it stands beside it or at the other end of a wire.

use std::collections::VecDeque;

use crate::error::Axis;
use crate::gather::gather;
use crate::options::Priority;
use crate::retry::backoff;
use crate::rng::Rng;
use crate::table::Table;
use crate::time::{Instant, Millis};

/// A permit's number.
pub type Token = u64;

/// A grant that nobody used comes back after this long: a client that died took none with it.
const GRANT_LIFE: Millis = 30_000;
/// A permit whose holder went silent comes back after this long: longer than any deadline in use, and not for ever.
const PERMIT_LIFE: Millis = 3_600_000;
/// So many probes refused in a row with nothing of ours held is no wave that passes: the key is used up elsewhere, or closed.
const STALL_AFTER: u32 = 8;

/// From the engine to the lane.
#[derive(Clone, Debug, PartialEq)]
pub enum LaneIn {
    /// So many parts of this band wait now.
    Demand {
        /// The band.
        band: Priority,
        /// How many.
        waiting: u32,
    },
    /// A task that was accepted elsewhere, or before a restart, holds a slot; the engine chose the number.
    Adopt {
        /// The permit.
        token: Token,
    },
    /// The permit's submit went out.
    Sent {
        /// The permit.
        token: Token,
    },
    /// The submit was answered.
    Answered {
        /// The permit.
        token: Token,
        /// How.
        verdict: Verdict,
    },
    /// The task was seen to be over.
    Ended {
        /// The permit.
        token: Token,
    },
    /// The answer was lost for good; the slot is taken to be in use until then.
    Unknown {
        /// The permit.
        token: Token,
        /// When.
        until: Instant,
    },
    /// The permit isn't needed after all.
    Return {
        /// The permit.
        token: Token,
    },
    /// Time has passed.
    Wake,
}

/// How a submit was answered, as far as a lane is concerned.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The task holds a slot now.
    Accepted,
    /// No slot, or no room in a window.
    Refused {
        /// Which limit, as far as the provider said.
        axis: Axis,
        /// When to come back, ms.
        hint: Option<Millis>,
    },
    /// An error that has nothing to do with limits; the slot is free.
    Failed,
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Every slot is held.
    Concurrency,
    /// The provider refused; nobody asks before the time is over.
    Cooldown,
    /// One probe is out; its answer decides.
    Probe,
}

/// When to hope for a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUntil {
    /// Why.
    pub wait: Wait,
    /// When, if a time is known; else when a task ends or an answer comes.
    pub at: Option<Instant>,
    /// The time is the server's own word.
    pub hinted: bool,
}

/// What a lane believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneSnapshot {
    /// Tasks at once.
    pub limit: u32,
    /// Slots in use, ghosts included.
    pub held: u32,
    /// The end of the cooldown.
    pub paused_until: Option<Instant>,
    /// Refusals so far.
    pub refusals: u32,
}

/// From the lane to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneOut {
    /// Leave to submit, for whatever is at the head of the queue by then.
    Grant {
        /// The permit.
        token: Token,
        /// Unused, it ends then.
        until: Instant,
    },
    /// No leave, and what for.
    NotUntil(NotUntil),
    /// The lane was refused again and again while it held nothing: those who wait should hear it now.
    Stalled,
    /// Something changed.
    Snapshot(LaneSnapshot),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permit {
    /// Given, not used yet.
    Granted,
    /// The submit is on the wire.
    Sent,
    /// The task runs.
    Held,
    /// The task may run; nobody can ask.
    Ghost,
}

/// One quota bucket.
#[derive(Debug)]
pub struct Lane {
    limit: u32,
    rng: Rng,
    base: Millis,
    cap: Millis,
    next_token: Token,
    permits: Table<Token, (Permit, Instant)>,
    waiting: [u32; 2],
    cooldown: Option<(Instant, bool)>,
    /// Refusals since the last acceptance; while there are any, one attempt is out at a time.
    in_a_row: u32,
    /// Of those, how many while nothing was held.
    idle_in_a_row: u32,
    refusals: u32,
    told: Option<NotUntil>,
    snapshot: Option<LaneSnapshot>,
    out: VecDeque<LaneOut>,
}

impl Lane {
    /// A lane of a fixed number of slots. `base` and `cap` bound the full jitter of its cooldown where the server gives no hint, ms.
    pub fn new(limit: u32, seed: u64, base: Millis, cap: Millis) -> Lane {
        Lane {
            limit: limit.max(1),
            rng: Rng::new(seed),
            base,
            cap,
            next_token: 0,
            permits: Table::default(),
            waiting: [0, 0],
            cooldown: None,
            in_a_row: 0,
            idle_in_a_row: 0,
            refusals: 0,
            told: None,
            snapshot: None,
            out: VecDeque::new(),
        }
    }

    /// Takes a message.
    pub fn handle(&mut self, now: Instant, message: LaneIn) {
        match message {
            LaneIn::Demand { band, waiting } => match band {
                Priority::Interactive => self.waiting[0] = waiting,
                Priority::Batch => self.waiting[1] = waiting,
            },
            LaneIn::Adopt { token } => {
                self.permits.insert(token, (Permit::Held, now.after(PERMIT_LIFE)));
            }
            LaneIn::Sent { token } => self.set(token, Permit::Sent, now.after(PERMIT_LIFE)),
            LaneIn::Answered { token, verdict } => self.answered(now, token, verdict),
            LaneIn::Ended { token } => {
                if self.permits.remove(&token).is_some() {
                    self.slot_freed();
                }
            }
            LaneIn::Unknown { token, until } => self.set(token, Permit::Ghost, until),
            LaneIn::Return { token } => {
                self.permits.remove(&token);
            }
            LaneIn::Wake => {}
        }
        self.expire(now);
        self.grant(now);
        self.tell();
    }

    /// The next message to the engine.
    pub fn poll(&mut self) -> Option<LaneOut> {
        self.out.pop_front()
    }

    /// When the lane wants to be woken.
    pub fn deadline(&self) -> Option<Instant> {
        let permits = self.permits.values().map(|(_, until)| *until).min();
        let cooldown = self.cooldown.map(|(until, _)| until).filter(|_| self.waiting != [0, 0]);
        [permits, cooldown].into_iter().flatten().min()
    }

    /// What the lane believes.
    pub fn snapshot(&self) -> LaneSnapshot {
        LaneSnapshot {
            limit: self.limit,
            held: self.permits.len() as u32,
            paused_until: self.cooldown.map(|(until, _)| until),
            refusals: self.refusals,
        }
    }

    fn set(&mut self, token: Token, permit: Permit, until: Instant) {
        if let Some(entry) = self.permits.get_mut(&token) {
            *entry = (permit, until);
        }
    }

    fn answered(&mut self, now: Instant, token: Token, verdict: Verdict) {
        match verdict {
            Verdict::Accepted => {
                self.set(token, Permit::Held, now.after(PERMIT_LIFE));
                self.in_a_row = 0;
                self.idle_in_a_row = 0;
                // An acceptance from before the refusal says nothing about it: the cooldown stands.
            }
            Verdict::Failed => {
                self.permits.remove(&token);
            }
            Verdict::Refused { axis, hint } => {
                if self.permits.remove(&token).is_some() {
                    self.refused(now, axis, hint);
                }
            }
        }
    }

    fn refused(&mut self, now: Instant, axis: Axis, hint: Option<Millis>) {
        self.refusals = self.refusals.saturating_add(1);
        // Those of one wave arrive together, and are one event: only the first grows the backoff.
        let wave = self.cooldown.is_some_and(|(until, _)| now < until);
        let wait = match hint {
            Some(hint) => backoff::after_hint(&mut self.rng, hint),
            None if wave => 0,
            None => {
                let floor = if axis == Axis::Concurrency { 1_000 } else { 0 };
                backoff::full_jitter(&mut self.rng, self.in_a_row, self.base, self.cap).max(floor)
            }
        };
        let until = now.after(wait);
        match self.cooldown {
            Some((standing, hinted)) if standing >= until => self.cooldown = Some((standing, hinted)),
            _ => self.cooldown = Some((until, hint.is_some())),
        }
        if !wave {
            self.in_a_row += 1;
        }
        if self.permits.is_empty() {
            self.idle_in_a_row += 1;
            if self.idle_in_a_row >= STALL_AFTER {
                self.idle_in_a_row = 0;
                self.out.push_back(LaneOut::Stalled);
            }
        }
    }

    /// A cooldown of our own making waited for just this; one that the server asked for stands.
    fn slot_freed(&mut self) {
        if matches!(self.cooldown, Some((_, false))) {
            self.cooldown = None;
        }
    }

    fn expire(&mut self, now: Instant) {
        let over = self.permits.iter().filter(|(_, (_, until))| *until <= now).map(|(token, _)| token);
        for token in gather(over) {
            self.permits.remove(&token);
        }
        if self.cooldown.is_some_and(|(until, _)| until <= now) {
            self.cooldown = None;
        }
    }

    fn grant(&mut self, now: Instant) {
        loop {
            let granted = self.permits.values().filter(|(permit, _)| *permit == Permit::Granted).count() as u32;
            let wanted = self.waiting[0].saturating_add(self.waiting[1]);
            if wanted <= granted {
                self.told = None;
                return;
            }
            if let Some(wait) = self.obstacle() {
                if self.told != Some(wait) {
                    self.told = Some(wait);
                    self.out.push_back(LaneOut::NotUntil(wait));
                }
                return;
            }
            let until = now.after(GRANT_LIFE);
            self.permits.insert(self.next_token, (Permit::Granted, until));
            self.out.push_back(LaneOut::Grant { token: self.next_token, until });
            self.next_token += 1;
        }
    }

    fn obstacle(&self) -> Option<NotUntil> {
        if let Some((until, hinted)) = self.cooldown {
            return Some(NotUntil { wait: Wait::Cooldown, at: Some(until), hinted });
        }
        let asking = |permit: &Permit| matches!(permit, Permit::Granted | Permit::Sent);
        if self.in_a_row > 0 && self.permits.values().any(|(permit, _)| asking(permit)) {
            return Some(NotUntil { wait: Wait::Probe, at: None, hinted: false });
        }
        let full = self.permits.len() >= self.limit as usize;
        full.then_some(NotUntil { wait: Wait::Concurrency, at: None, hinted: false })
    }

    fn tell(&mut self) {
        let snapshot = self.snapshot();
        if self.snapshot.as_ref() != Some(&snapshot) {
            self.snapshot = Some(snapshot.clone());
            self.out.push_back(LaneOut::Snapshot(snapshot));
        }
    }
}
