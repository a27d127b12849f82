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
        /// How many slots the first of them takes.
        weight: u32,
    },
    /// A task that was accepted elsewhere, or before a restart, holds a slot; the engine chose the number.
    Adopt {
        /// The permit.
        token: Token,
        /// How many slots it takes.
        weight: u32,
    },
    /// The permit's submit went out.
    Sent {
        /// The permit.
        token: Token,
        /// How many slots it takes: more than one where the provider counts images.
        weight: u32,
    },
    /// A submit of another model of the same key was accepted: it counts in the windows of the whole key.
    Beside {
        /// How much.
        weight: u32,
    },
    /// What an earlier process learned of this key: where to begin.
    Recall(Learned),
    /// Everybody is to stay away, for a reason that is no limit (503). Nothing but time ends it.
    Hold {
        /// How long, ms.
        wait: Millis,
        /// It is the provider's own word (`Retry-After`); else a caution of ours, for which nobody is sent away.
        hinted: bool,
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
        /// It waits for a slot at the provider.
        queued: bool,
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
    /// A request went out that is no submit, where all requests are counted.
    Asked,
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

/// What is worth keeping of what a lane found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Slots that the key has.
    pub limit: u32,
    /// The provider refused beyond it; else more may be there.
    pub bounded: bool,
    /// A rolling window: how many submits, in how many ms.
    pub window: Option<(u32, Millis)>,
}

/// How the lane goes about its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It grows with each answer, for nothing has refused yet.
    Ramp,
    /// It keeps what it found full.
    Steady,
    /// One more than that is out; what comes of it decides.
    Trial,
}

/// How a window came to be known, from the surest to the least sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The caller said so.
    Configured,
    /// The provider's answers say so.
    Header,
    /// Refusals fit it, and so did the first acceptance after it had passed.
    Confirmed,
    /// Refusals fit it, and nothing else explains them.
    Suspected,
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
    /// So many submits in so long are allowed.
    Window,
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
    /// Of those, how many wait for a slot at the provider.
    pub queued: u32,
    /// How the limit is gone about.
    pub phase: Phase,
    /// The end of the cooldown.
    pub paused_until: Option<Instant>,
    /// Refusals so far.
    pub refusals: u32,
    /// The tightest limit over time.
    pub window: Option<Window>,
}

/// A limit over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// So much is allowed.
    pub limit: u32,
    /// So much of it is used.
    pub used: u32,
    /// In how long, ms.
    pub length: Millis,
    /// Who says so.
    pub known: Known,
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
    /// Something was found out that the next process should begin with.
    Learned(Learned),
}
