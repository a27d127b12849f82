//! A task on the server, from its submit to its end.

use std::sync::Arc;

use crate::choices::SlotUse;
use crate::config::Config;
use crate::provider::Provider;
use crate::random::{Stream, unit};
use crate::sketch::Sketch;

/// How a task will end; settled when it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Success,
    Failure,
    /// `hard`: no provider may draw it.
    Filtered {
        hard: bool,
    },
}

impl Fate {
    /// The end that the prompt's words ask for, else one drawn by acceptance index.
    pub fn of(config: &Config, index: u64, prompt: &str) -> Fate {
        let holds = |words: &[String]| words.iter().any(|word| prompt.contains(word.as_str()));
        let draw = unit(config.seed, Stream::Fate, index);
        if holds(&config.hard_filter_words) {
            Fate::Filtered { hard: true }
        } else if holds(&config.filter_words) {
            Fate::Filtered { hard: false }
        } else if holds(&config.fail_words) || draw < config.task_failure {
            Fate::Failure
        } else if draw < config.task_failure + config.filtered {
            Fate::Filtered { hard: false }
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
    pub provider: Provider,
    pub account: String,
    pub model: String,
    pub route: Option<String>,
    /// What is to be drawn; once for each of its images.
    pub sketch: Arc<Sketch>,
    pub images: u32,
    /// How many slots it holds while it runs.
    pub slots: u32,
    pub idempotency_key: Option<String>,
    /// The quality that the answer names; of OpenAI's family only, as is the next.
    pub quality: &'static str,
    pub safety_identifier: Option<String>,
    pub created_ms: u64,
    pub duration_ms: u64,
    /// What of it takes its slots.
    pub slot_use: SlotUse,
    /// From its start until its submit is answered.
    pub answered_after_ms: u64,
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

    /// From when until when it holds its slots, if it was started.
    pub fn holds_ms(&self, queued_ms: u64) -> Option<(u64, u64)> {
        let (started, ends) = (self.started_ms?, self.ends_ms()?);
        Some(match self.slot_use {
            SlotUse::Task => (started, ends),
            SlotUse::Request => (started, (started + self.answered_after_ms).min(ends)),
            SlotUse::InProgress => ((started + queued_ms).min(ends), ends),
        })
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
