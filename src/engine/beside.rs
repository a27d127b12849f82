//! Lanes of one key, where each model has limits of its own: what they have in common all the same.

use super::Engine;
use crate::error::Axis;
use crate::limit::{LaneIn, Token, Verdict};
use crate::task::PartId;
use crate::text::{concat, says};
use crate::time::Millis;

/// Whose limit it is, where a refusal says that it is no model's.
const WHOSE: [&str; 5] = ["account", "organization", "organisation", "project", "api key"];
/// What precedes them then. "Visit …/account/limits" stands in refusals of any kind, and so does "in organization org-x".
const OF: [&str; 6] = ["for your ", "for this ", "of your ", "of this ", "per ", "each "];

/// For so long at least the other models of a key keep away from what one of them was refused by, ms: the first bound of a cooldown.
const UNTOLD_WAIT: Millis = 1_000;

/// Whether a refusal's words say that all models of the key are refused; where they say nothing of it, or name a model, they don't.
fn is_of_key(words: &str, model: &str) -> bool {
    if says(words, &["all models"]) {
        return true;
    }
    let whose = |whose: &&str| {
        says(words, &[&concat(&[*whose, "-wide"])]) || OF.iter().any(|of| says(words, &[&concat(&[*of, *whose])]))
    };
    !says(words, &["model", &model.to_ascii_lowercase()]) && WHOSE.iter().any(whose)
}

impl Engine {
    /// A submit was accepted. The lanes of the other models of its key count along: it may have windows of its own besides.
    pub(super) fn tell_accepted(&mut self, id: PartId, token: Token) {
        let Some(lane) = self.part(id).map(|part| part.lane) else { return };
        let weight = self.weight(id);
        self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Accepted });
        self.tell_beside(lane, &LaneIn::Beside { weight });
    }

    /// A lane was refused in these words, for so long. Where they are said of the whole key, nobody asks before, of whatever model.
    pub(super) fn hold_beside(&mut self, lane: usize, words: &str, axis: Axis, hint: Option<Millis>) {
        let Some(slot) = self.lanes.get(lane) else { return };
        if slot.model.as_deref().is_some_and(|model| is_of_key(words, model)) {
            // Where nobody says how long, as long as the lane itself keeps away.
            let own = slot.lane.paused_until().map_or(0, |until| self.now.until(until));
            let (wait, hinted) = (hint.unwrap_or(own.max(UNTOLD_WAIT)), hint.is_some() || axis == Axis::Day);
            self.tell_beside(lane, &LaneIn::Hold { wait, hinted });
        }
    }

    /// Tells the lanes of the other models of a key.
    fn tell_beside(&mut self, lane: usize, message: &LaneIn) {
        let now = self.now;
        let Some((provider, true)) = self.lanes.get(lane).map(|slot| (slot.provider, slot.model.is_some())) else {
            return;
        };
        let others =
            self.lanes.iter_mut().enumerate().filter(|(place, slot)| *place != lane && slot.provider == provider);
        others.for_each(|(_, slot)| {
            slot.lane.handle(now, message.clone());
            slot.changed = true;
        });
    }
}
