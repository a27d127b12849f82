//! What the engine and a lane say to each other. Nothing here is tied to one process.

use crate::error::Axis;
use crate::options::Priority;
use crate::retry::hint::Rate;
use crate::time::{Instant, Millis};

/// A permit's number.
pub type Token = u64;

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
    /// The provider asked everybody to stay away, for a reason that is no limit (503 with `Retry-After`).
    Hold {
        /// How long, ms.
        wait: Millis,
    },
    /// An answer told how full a limit is.
    Rate(Rate),
    /// The submit was answered.
    Answered {
        /// The permit.
        token: Token,
        /// How.
        verdict: Verdict,
    },
    /// The task was seen to go on.
    Seen {
        /// The permit.
        token: Token,
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
    /// There was no answer, or none that says whether the task exists; its holder will ask again under the same permit.
    Unknown,
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
    /// What the provider tells of its window.
    pub window: Option<Window>,
}

/// A limit over time, as the provider's answers tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// So much is allowed.
    pub limit: u32,
    /// So much of it is used.
    pub used: u32,
}

/// From the lane to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneOut {
    /// A grant that was not used yet counts no more: there was a refusal in the meantime.
    Revoked {
        /// The permit.
        token: Token,
    },
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
