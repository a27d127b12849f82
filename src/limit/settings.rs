//! What a caller says of a key's limits; the rest is learned.

use crate::time::Millis;

/// Tasks in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// So many, and nothing is tried.
    Told(u32),
    /// From `start` upward, and never more than `most`.
    Learn {
        /// Where to begin.
        start: u32,
        /// The most.
        most: u32,
    },
}

/// What takes a provider's slots and windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// A task, from its submit to its end.
    #[default]
    Task,
    /// A request on the wire: a slot is free when its submit was answered.
    Request,
    /// An image: a submit of n takes n slots.
    Image,
}

/// What shares one quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All models of a key.
    #[default]
    Key,
    /// The tasks of a key and a model.
    Model,
}

/// What is said of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tasks in flight. To be learned from 4 upward, where the guide that inspired this library advises to start.
    pub concurrency: Concurrency,
    /// Submits a minute.
    pub rpm: Option<u32>,
    /// Submits a day.
    pub rpd: Option<u32>,
    /// What is counted.
    pub counts: Counts,
    /// What shares it.
    pub scope: Scope,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            concurrency: Concurrency::Learn { start: 4, most: u32::MAX },
            rpm: None,
            rpd: None,
            counts: Counts::Task,
            scope: Scope::Key,
        }
    }
}

impl Limits {
    /// So many tasks in flight, and nothing is tried.
    pub fn told(concurrency: u32) -> Limits {
        Limits { concurrency: Concurrency::Told(concurrency), ..Limits::default() }
    }
}

/// What a lane needs to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    /// What the caller says.
    pub limits: Limits,
    /// The answer to a submit is the image, so that acceptance has to be presumed.
    pub presumes: bool,
    /// First bound of the full jitter of a cooldown without a hint, ms.
    pub base: Millis,
    /// Last bound of it, ms.
    pub cap: Millis,
}

impl LaneConfig {
    /// A lane of which so much is told, at a provider that answers with tasks.
    pub fn new(limits: Limits) -> LaneConfig {
        LaneConfig { limits, presumes: false, base: 1_000, cap: 30_000 }
    }
}
