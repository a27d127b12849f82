//! A task on the server, from its submit to its end.

use crate::config::Config;
use crate::random::{Stream, unit};

/// How a task will end; settled when it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Success,
    Failure,
    Filtered,
}

impl Fate {
    /// The end that the prompt's words ask for, else one drawn by acceptance index.
    pub fn of(config: &Config, index: u64, prompt: &str) -> Fate {
        let holds = |words: &[String]| words.iter().any(|word| prompt.contains(word.as_str()));
        let draw = unit(config.seed, Stream::Fate, index);
        if holds(&config.filter_words) {
            Fate::Filtered
        } else if holds(&config.fail_words) || draw < config.task_failure {
            Fate::Failure
        } else if draw < config.task_failure + config.filtered {
            Fate::Filtered
        } else {
            Fate::Success
        }
    }
}

/// What a poll sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Queued,
    Handling,
    Archiving,
    Ended,
}

/// A task on the server. All times are world time in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub id: String,
    pub account: String,
    pub model: String,
    pub route: Option<String>,
    pub prompt: String,
    pub width: u32,
    pub height: u32,
    pub idempotency_key: Option<String>,
    pub created_ms: u64,
    pub duration_ms: u64,
    /// When it got a slot.
    pub started_ms: Option<u64>,
    pub fate: Fate,
    /// The index of its limit scope.
    pub scope: usize,
    /// The index of its charge in the ledger.
    pub charge: Option<usize>,
}

impl Task {
    /// When it ends or ended, if it has a slot.
    pub fn ends_ms(&self) -> Option<u64> {
        self.started_ms.map(|started| started + self.duration_ms)
    }

    /// What a poll at a time sees.
    pub fn phase(&self, config: &Config, now_ms: u64) -> Phase {
        let (Some(started), Some(ends)) = (self.started_ms, self.ends_ms()) else { return Phase::Queued };
        if now_ms >= ends {
            Phase::Ended
        } else if self.fate == Fate::Success && now_ms + config.archiving_ms >= ends {
            Phase::Archiving
        } else if now_ms < started + config.queued_ms {
            Phase::Queued
        } else {
            Phase::Handling
        }
    }
}
