//! What the answers to a lane's submits say of its key.

use crate::error::{AttemptOutcome, Axis, Code, Error};

/// How the latest submits of a lane fared, as far as that says something of the key.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The limit that refused last, since something was accepted.
    pub refused_by: Option<Axis>,
    /// What else was wrong with the last one.
    pub trouble: Option<Error>,
    /// It was refused again and again with nothing of ours held.
    pub stalled: bool,
}

impl Standing {
    /// A submit was answered.
    pub fn note(&mut self, outcome: AttemptOutcome, error: Option<&Error>) {
        match (outcome, error) {
            (AttemptOutcome::Accepted, _) => *self = Standing::default(),
            (AttemptOutcome::Refused, Some(error)) => self.refused_by = error.axis.or(Some(Axis::Unknown)),
            (_, Some(error)) if matches!(error.code, Code::Permission | Code::QuotaExhausted) => {
                self.trouble = Some(error.clone());
            }
            _ => {}
        }
    }

    /// The lane gave up.
    pub fn stall(&mut self) {
        self.stalled = true;
    }
}
