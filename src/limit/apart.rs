//! When a submit beyond few slots goes out: not soon after one that was accepted, for there a limit over a short time refuses as a full key does,
//! and the answer would tell nothing of slots.

use super::evidence::Evidence;
use super::message::Phase;
use super::pace::LONGEST;
use crate::time::{Instant, Millis};

/// Of more slots than these so many submits are accepted that a limit over a short time shows by itself.
pub const FEW_SLOTS: u32 = 4;
/// As long as any distance that is kept as a pace, less what the way there may vary: one that is accepted then gives such a distance.
const FAR: Millis = LONGEST - LONGEST / 25;
/// What goes on beyond the limit does so after so many times the longest distance that was refused of late.
const LONGER: Millis = 2;
/// Where tasks end so often that there is no such distance, it is not waited for longer than this.
const PATIENCE: Millis = 8_000;

/// How long a submit beyond the limit has waited for its time.
#[derive(Debug, Default)]
pub struct Apart {
    since: Option<Instant>,
}

impl Apart {
    /// One goes out.
    pub fn goes(&mut self) {
        self.since = None;
    }

    /// When one may go out, if not now.
    pub fn obstacle(&mut self, now: Instant, phase: Phase, evidence: &Evidence) -> Option<Instant> {
        let patience = self.since.get_or_insert(now).after(PATIENCE);
        let goes_on = phase == Phase::Trial;
        let far = if goes_on { (evidence.longest_refused(FAR) * LONGER).min(FAR) } else { FAR };
        evidence.latest.at(1).map(|at| at.after(far).min(patience)).filter(|at| *at > now)
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::super::evidence::Counts;
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn accepted(times: &[u64]) -> Evidence {
        let mut evidence = Evidence::default();
        times.iter().for_each(|time| evidence.accepted_at(at(*time), at(*time)));
        evidence
    }

    #[test]
    fn the_first_goes_out_when_no_pace_can_be_in_its_way() {
        let (mut apart, evidence) = (Apart::default(), accepted(&[0, 1_000]));
        assert_eq!(apart.obstacle(at(1_000), Phase::Steady, &evidence), Some(at(1_000 + FAR)));
        assert_eq!(apart.obstacle(at(1_000 + FAR), Phase::Steady, &evidence), None);
        assert_eq!(Apart::default().obstacle(at(0), Phase::Steady, &accepted(&[])), None, "nothing was accepted yet");
    }

    #[test]
    fn the_next_goes_out_later_after_the_last_than_what_was_refused() {
        let (mut apart, mut evidence) = (Apart::default(), accepted(&[10_000]));
        assert_eq!(apart.obstacle(at(10_000), Phase::Trial, &evidence), None, "nothing was refused");
        for time in [10_300, 10_200, 29_000] {
            let distances = evidence.latest.distances(at(time));
            evidence.refused(at(time), distances, Counts::default(), true);
        }
        assert_eq!(
            apart.obstacle(at(10_000), Phase::Trial, &evidence),
            Some(at(10_600)),
            "what came far later was no pace"
        );
        let distances = evidence.latest.distances(at(14_000));
        evidence.refused(at(29_000), distances, Counts::default(), true);
        assert_eq!(apart.obstacle(at(10_000), Phase::Trial, &evidence), Some(at(10_000 + FAR)), "no pace is longer");
    }

    #[test]
    fn it_does_not_wait_for_ever() {
        let (mut apart, mut evidence) = (Apart::default(), accepted(&[]));
        for time in (0..PATIENCE).step_by(1_000) {
            evidence.accepted_at(at(time), at(time));
            assert!(apart.obstacle(at(time), Phase::Steady, &evidence).is_some(), "{time}");
        }
        assert_eq!(apart.obstacle(at(PATIENCE), Phase::Steady, &evidence), None);
        apart.goes();
        assert!(apart.obstacle(at(PATIENCE), Phase::Steady, &evidence).is_some(), "each waits for its own time");
    }
}
