//! Which limit a refusal came from, where the provider doesn't say: by the counts at which it accepts and at which it refuses.
//!
//! A limit on a count explains the answers if every acceptance lay below every refusal on that count.

use alloc::collections::VecDeque;

use super::distance::{AT_ONCE, Distances, Latest, Spacing};
use super::halves::{HALF, Halves};
use crate::time::{Instant, Millis};

/// Refusals are looked at for as long as acceptances are.
const HORIZON: Millis = 2 * HALF;
/// More refusals than this in the horizon add nothing.
const KEPT: usize = 32;
/// One task may have ended unseen at any time, and an eighth of those that are held.
const ENDS_TOGETHER: u32 = 1;
/// Ends are not counted over less than this, ms: the first few would be many.
const LEAST_TIME: Millis = 1_000;

/// What may be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Tasks at once.
    Held,
    /// Submits accepted in a minute.
    Minute,
    /// Submits in a minute, refused ones included.
    AllMinute,
    /// Submits of a key accepted in a minute, whatever their model.
    KeyMinute,
}

/// Where a submit stood on each axis when it went out, itself not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks held.
    pub held: u32,
    /// Accepted in the last minute.
    pub minute: u32,
    /// Answered in the last minute.
    pub all_minute: u32,
    /// Accepted in the last minute, of the whole key.
    pub key_minute: u32,
}

impl Counts {
    fn on(&self, axis: Axis) -> u32 {
        match axis {
            Axis::Held => self.held,
            Axis::Minute => self.minute,
            Axis::AllMinute => self.all_minute,
            Axis::KeyMinute => self.key_minute,
        }
    }

    /// The same if those ahead came later after all: on the wire one overtakes the other.
    pub fn overtaking(self, ahead: u32) -> Counts {
        Counts {
            held: self.held,
            minute: self.minute.saturating_sub(ahead),
            all_minute: self.all_minute.saturating_sub(ahead),
            key_minute: self.key_minute.saturating_sub(ahead),
        }
    }

    fn highest(self, other: Counts) -> Counts {
        Counts {
            held: self.held.max(other.held),
            minute: self.minute.max(other.minute),
            all_minute: self.all_minute.max(other.all_minute),
            key_minute: self.key_minute.max(other.key_minute),
        }
    }
}

/// A submit that was refused.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    at: Instant,
    counts: Counts,
    distances: Distances,
    /// It went out beyond the limit: to be refused is what it was for.
    beyond: bool,
}

/// The answers of the last minute and a half.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The highest counts of an acceptance.
    highest: Halves<Option<Counts>>,
    /// The shortest distances of an acceptance.
    shortest: Halves<Distances>,
    /// When the latest that were accepted went out.
    pub latest: Latest,
    /// Between the last two sights of tasks that ended, ms in all.
    between: Halves<Millis>,
    refusals: VecDeque<Refusal>,
}

impl Evidence {
    fn go_on(&mut self, now: Instant) {
        self.highest.go_on(now);
        self.shortest.go_on(now);
        self.between.go_on(now);
        while self.refusals.front().is_some_and(|known| known.at.after(HORIZON) <= now) || self.refusals.len() > KEPT {
            self.refusals.pop_front();
        }
    }

    /// A submit was accepted.
    pub fn accepted(&mut self, now: Instant, counts: Counts) {
        self.go_on(now);
        let latest = &mut self.highest.latest;
        *latest = Some(latest.unwrap_or_default().highest(counts));
    }

    /// The submit that went out then was accepted.
    pub fn accepted_at(&mut self, now: Instant, since: Instant) {
        self.go_on(now);
        let distances = self.latest.distances(since);
        self.shortest.latest = self.shortest.latest.shortest(distances);
        self.latest.add(since);
    }

    /// A submit was refused that was so far from those that were accepted before.
    pub fn refused(&mut self, now: Instant, distances: Distances, counts: Counts, beyond: bool) {
        self.go_on(now);
        self.refusals.push_back(Refusal { at: now, counts, distances, beyond });
    }

    fn unprovoked(&self) -> impl DoubleEndedIterator<Item = &Counts> {
        self.refusals.iter().filter(|refusal| !refusal.beyond).map(|refusal| &refusal.counts)
    }

    /// Whether a limit on this axis explains the latest refusal: nothing was accepted with as many.
    pub fn is_explained_by(&self, axis: Axis) -> bool {
        self.unprovoked().next_back().is_some_and(|counts| self.lies_at(counts.on(axis), axis, 1))
    }

    /// The most that were held when one more was accepted.
    pub fn most_held(&self) -> Option<u32> {
        self.highest.both().iter().flatten().map(|counts| counts.held).max()
    }

    /// What distance submits have to keep, if that explains refusals that tasks at once don't.
    pub fn pace(&self) -> Option<Spacing> {
        let accepted = self.most_held()?;
        let (unseen, have_ended) = (self.unseen_ends(), self.between.both() != [0, 0]);
        let contradicts = |refusal: &&Refusal| {
            let held = refusal.counts.held;
            // What began together ends together, and then more has ended unseen than on the average.
            let margin = if have_ended { unseen.max(ENDS_TOGETHER + held / 8) } else { 0 };
            accepted > held.saturating_add(margin)
        };
        let [latest, earlier] = self.shortest.both();
        let let_in = latest.shortest(earlier);
        let all = || self.refusals.iter();
        if all().any(|refusal| contradicts(&refusal)) {
            return let_in
                .explain(&mut all().map(|refusal| &refusal.distances), AT_ONCE)
                .or_else(|| let_in.explain(&mut all().filter(contradicts).map(|refusal| &refusal.distances), AT_ONCE));
        }
        // One end that nobody saw may lie behind a single task more; that each was refused so long after the last, and none later, is no chance then.
        let nearly = |refusal: &Refusal| accepted >= refusal.counts.held && !refusal.beyond;
        all().any(nearly).then(|| let_in.explain(&mut all().map(|refusal| &refusal.distances), 1)).flatten()
    }

    /// How long after an acceptance a submit was still refused, ms, `most` of it: later, that was no cause.
    pub fn longest_refused(&self, most: Millis) -> Millis {
        let distances = self.refusals.iter().map(|refusal| refusal.distances.average(1));
        distances.filter(|distance| *distance <= most).max().unwrap_or(0)
    }

    /// How many of the tasks that are held may have ended by now without anybody's having seen it.
    fn unseen_ends(&self) -> u32 {
        let rate = |between: Millis, time: Millis| between.saturating_mul(2).div_ceil(time.max(LEAST_TIME));
        let [latest, earlier] = self.between.both();
        u32::try_from(rate(latest, self.between.elapsed()).max(rate(earlier, HALF))).unwrap_or(u32::MAX)
    }

    /// A task was seen to be over, so long after it was last seen to run.
    pub fn ended(&mut self, now: Instant, between: Millis) {
        self.between.go_on(now);
        self.between.latest = self.between.latest.saturating_add(between);
    }

    /// Whether so many are at least so many more than whatever was accepted.
    fn lies_at(&self, count: u32, axis: Axis, above: u32) -> bool {
        self.highest.both().iter().flatten().all(|accepted| accepted.on(axis).saturating_add(above) <= count)
    }

    /// The limit of a window on this axis, if it explains `least` refusals that tasks at once don't, and all of those. Where so many are held that some
    /// have always ended unseen, as many more have to have been accepted.
    pub fn window(&self, axis: Axis, least: usize) -> Option<u32> {
        let accepted = self.most_held()?;
        let unseen = self.unseen_ends();
        let open = || self.unprovoked().filter(|refused| accepted >= refused.held.saturating_add(unseen));
        let limit = open().map(|counts| counts.on(axis)).min()?;
        // While a submit is on its way the oldest may leave the minute: then one less is counted there than here.
        let explains = |above: u32, least: usize| {
            open().all(|counts| self.lies_at(counts.on(axis), axis, above)) && open().count() >= least
        };
        ((explains(1, least) || explains(0, least + 1)) && limit > 0).then_some(limit)
    }

    /// What was refused last is explained.
    pub fn forget_latest(&mut self) {
        self.refusals.pop_back();
    }

    /// What was refused is explained now.
    pub fn forget_refusals(&mut self) {
        self.refusals.clear();
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn counts(held: u32, minute: u32) -> Counts {
        Counts { held, minute, all_minute: minute, key_minute: minute }
    }

    fn refuse(evidence: &mut Evidence, seconds: u64, counts: Counts) {
        evidence.refused(at(seconds), Distances::default(), counts, false);
    }

    #[test]
    fn slots_explain_what_is_refused_above_all_that_was_accepted() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(3, 20));
        refuse(&mut evidence, 1, counts(4, 4));
        assert!(evidence.is_explained_by(Axis::Held));
        assert_eq!(evidence.window(Axis::Minute, 1), None, "it needs no window");
        evidence.accepted(at(2), counts(4, 4));
        assert!(!evidence.is_explained_by(Axis::Held));
        assert_eq!(evidence.window(Axis::Minute, 1), None, "more were accepted in a minute");
    }

    #[test]
    fn a_window_explains_what_slots_do_not() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(8, 29));
        refuse(&mut evidence, 1, counts(8, 30));
        assert_eq!((evidence.window(Axis::Minute, 1), evidence.window(Axis::Minute, 2)), (Some(30), None));
        refuse(&mut evidence, 2, counts(5, 31));
        assert_eq!(evidence.window(Axis::Minute, 2), Some(30), "the fewest at which it refused");
        evidence.forget_refusals();
        assert_eq!(evidence.window(Axis::Minute, 1), None);
        assert!(!evidence.is_explained_by(Axis::Held), "there is nothing to explain");
    }

    #[test]
    fn where_many_end_unseen_a_few_more_that_were_accepted_are_no_proof() {
        let mut evidence = Evidence::default();
        (0..40).for_each(|_| evidence.ended(at(10), 500));
        evidence.accepted(at(10), counts(153, 200));
        [10, 11, 12].into_iter().for_each(|second| refuse(&mut evidence, second, counts(150, 211)));
        assert_eq!(evidence.window(Axis::Minute, 2), None, "forty ends in ten seconds: four are unseen at any time");
        evidence.accepted(at(12), counts(155, 205));
        assert_eq!(evidence.window(Axis::Minute, 2), Some(211));
    }

    #[test]
    fn one_that_left_the_minute_on_the_way_is_counted_here_and_not_there() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(8, 30));
        (1..=2).for_each(|second| refuse(&mut evidence, second, counts(5, 30)));
        assert!(!evidence.is_explained_by(Axis::Minute));
        assert_eq!(evidence.window(Axis::Minute, 2), None, "as many were accepted");
        refuse(&mut evidence, 3, counts(5, 30));
        assert_eq!(evidence.window(Axis::Minute, 2), Some(30), "but with one refusal more it is");
        evidence.accepted(at(4), counts(8, 31));
        assert_eq!(evidence.window(Axis::Minute, 2), None);
    }

    #[test]
    fn what_is_explained_is_forgotten() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(8, 10));
        refuse(&mut evidence, 1, counts(3, 5));
        evidence.forget_latest();
        (2..=3).for_each(|second| refuse(&mut evidence, second, counts(3, 11)));
        assert!(evidence.is_explained_by(Axis::Minute));
        assert_eq!(evidence.window(Axis::Minute, 2), Some(11), "the first would have spoken against it");
    }

    #[test]
    fn nothing_at_all_is_no_window() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(0, 0));
        refuse(&mut evidence, 1, counts(0, 0));
        assert_eq!(evidence.window(Axis::Minute, 1), None);
    }

    #[test]
    fn what_is_older_than_a_minute_and_a_half_says_nothing() {
        let mut evidence = Evidence::default();
        evidence.accepted(at(0), counts(9, 9));
        refuse(&mut evidence, 89, counts(5, 5));
        assert!(!evidence.is_explained_by(Axis::Held));
        evidence.accepted(at(91), counts(1, 1));
        assert!(evidence.is_explained_by(Axis::Held), "the acceptance is forgotten");
        evidence.accepted(at(180), counts(6, 6));
        assert!(!evidence.is_explained_by(Axis::Held), "and so is the refusal");
        (0..1_000).for_each(|_| refuse(&mut evidence, 181, counts(9, 9)));
        assert!(evidence.refusals.len() <= KEPT + 1);
        evidence.accepted(Instant::NEVER, counts(u32::MAX, u32::MAX));
    }

    /// Submits to a server with so many slots, or that lets in so many in so long, that answers at once; gives what evidence there is at the end.
    fn served(slots: u32, many: usize, length: u64, times: &[u64]) -> Evidence {
        let (mut evidence, mut accepted): (_, alloc::vec::Vec<u64>) = (Evidence::default(), alloc::vec::Vec::new());
        for time in times {
            let now = Instant::from_millis(*time);
            let held = accepted.len() as u32;
            let counts = counts(held, held);
            let too_early = accepted.len() >= many && accepted[accepted.len() - many] + length > *time;
            if too_early || held >= slots {
                evidence.refused(now, evidence.latest.distances(now), counts, false);
            } else {
                evidence.accepted(now, counts);
                evidence.accepted_at(now, now);
                accepted.push(*time);
            }
        }
        evidence
    }

    #[test]
    fn distances_explain_what_tasks_at_once_do_not() {
        let times: alloc::vec::Vec<u64> = (0..20).map(|submit| submit * 400).collect();
        let spacing = served(u32::MAX, 2, 1_500, &times).pace().unwrap();
        assert!(spacing.low < 750 && spacing.high >= 750, "{spacing:?}");
        assert_eq!(served(3, usize::MAX, 0, &times).pace(), None, "slots do");
        assert_eq!(served(u32::MAX, usize::MAX, 0, &times).pace(), None, "there is nothing to explain");
    }

    #[test]
    fn ends_that_nobody_saw_explain_as_much() {
        let times: alloc::vec::Vec<u64> = (0..6).map(|submit| submit * 400).collect();
        let mut evidence = served(u32::MAX, 2, 1_500, &times);
        assert!(evidence.pace().is_some());
        // Three tasks of which each was over for half a second before that was seen, in two seconds.
        (0..9).for_each(|_| evidence.ended(at(2), 500));
        assert_eq!(evidence.pace(), None);
    }

    #[test]
    fn ends_of_long_ago_explain_nothing() {
        let mut evidence = Evidence::default();
        (0..9).for_each(|_| evidence.ended(at(2), 500));
        for second in [200, 202] {
            evidence.accepted(at(second), counts(5, 5));
            evidence.accepted_at(at(second), at(second));
        }
        let near = evidence.latest.distances(Instant::from_millis(202_500));
        (0..2).for_each(|_| evidence.refused(at(203), near, counts(3, 3), true));
        assert_eq!(evidence.pace(), Some(Spacing { low: 500, high: 2_000, at_once: 1 }));
    }
}
