//! What is to be kept of a lane, and what the store has of it.

use alloc::string::String;
use alloc::vec::Vec;

use super::timers::STORE_PATIENCE;
use crate::limit::Learned;
use crate::poll::Summary;
use crate::time::{Instant, Millis};

/// Between two writes of one lane: what is learned changes by the second at first, and a crash loses this much of it.
const WRITE_EVERY: Millis = 10_000;

/// What is to be kept of a lane, and what the store has of it.
#[derive(Debug, Default)]
pub(super) struct Learning {
    /// The look-up that has not been answered, and when it was sent.
    pub asked: Option<(u64, Instant)>,
    /// What the lane said last, or was told.
    pub latest: Option<Learned>,
    /// The durations that the store has.
    pub kept: Vec<(String, Summary)>,
    unsaved: bool,
    written: Option<Instant>,
}

impl Learning {
    /// It has found something out.
    pub fn learned(&mut self, learned: Learned) {
        (self.unsaved, self.latest) = (true, Some(learned));
    }

    /// Tasks of a model take so long. It is news where it was not known, or is other by an eighth.
    pub fn took(&mut self, model: &str, now: Summary) {
        let kept = self.kept.iter().find(|(name, _)| name == model);
        let is_other = |was: Millis, is: Millis| was.abs_diff(is) > was / 8;
        self.unsaved |= kept.is_none_or(|(_, was)| {
            is_other(was.p5, now.p5) || is_other(was.p50, now.p50) || is_other(was.p95, now.p95)
        });
    }

    /// Whether there is something to write down now; if so it counts as written. It waits for nothing where nothing comes after it.
    pub fn is_due(&mut self, now: Instant, at_the_end: impl FnOnce() -> bool) -> bool {
        // Before it is known what is there, it might be better.
        let unread = || self.asked.is_some_and(|(_, since)| since.until(now) < STORE_PATIENCE);
        let lately = || self.written.is_some_and(|written| written.until(now) < WRITE_EVERY);
        let due = self.unsaved && !unread() && (!lately() || at_the_end());
        if due {
            (self.unsaved, self.written) = (false, Some(now));
        }
        due
    }
}
