//! How a provider may be asked: not before it wants to be, and not so often that its tasks' polls use up what their submits need.

use crate::limit::{Counts, Limits, MINUTE};
use crate::retry::hint::Rate;
use crate::time::{Instant, Millis};

/// The distance that the first refused poll puts between polls; each further one doubles it.
const FIRST_DISTANCE: Millis = 250;
/// The longest distance that is kept between polls.
const LONGEST_DISTANCE: Millis = 8_000;
/// After so long without a refused poll the distance is halved: a window has passed.
const FORGET: Millis = 60_000;
/// Of a window that polls share, so many twentieths are theirs. Each task takes one submit and one poll that fetches its end at least, and lists that
/// show which have ended take the rest.
const SHARE: u64 = 11;
/// A list stands for as many polls as it saves, and for no more than these.
const LIST_WEIGHT: usize = 8;
/// So many answers in a row after which less was left, without a submit in between, are no chance: polls count.
const SURE: u32 = 3;

/// What is known of one provider's patience with polls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker {
    /// It asked for quiet until then.
    paused: Instant,
    /// Polls that count keep their distance.
    next: Instant,
    /// That distance by what the caller said of the provider's limits, ms.
    told: Millis,
    /// The same by its answers, ms.
    learned: Millis,
    /// When it last changed: the polls of one wave are refused for one reason.
    changed: Instant,
    /// No list goes out before.
    next_list: Instant,
    /// What was left of the tightest limit, as the latest answer to a poll told.
    left: Option<u32>,
    /// So many such answers told of less than the one before.
    drops: u32,
    submitted: bool,
}

impl Asker {
    /// One of which so much is told.
    pub fn new(limits: &Limits) -> Asker {
        let rpm = limits.rpm.filter(|_| limits.counts == Counts::Request);
        let told = rpm.map_or(0, |rpm| (MINUTE * 20 / SHARE).div_ceil(u64::from(rpm.max(1))));
        Asker { told, ..Asker::default() }
    }

    /// What is left of these limits to submits.
    pub fn for_submits(limits: &Limits) -> Limits {
        let share = |rpm: u32| (u64::from(rpm) * (20 - SHARE) / 20).max(1) as u32;
        let rpm = if limits.counts == Counts::Request { limits.rpm.map(share) } else { limits.rpm };
        Limits { rpm, ..*limits }
    }

    /// No poll goes out before.
    pub fn not_before(&self) -> Instant {
        self.paused.max(self.next)
    }

    /// Polls keep their distance, so that one for many is worth more than one for each.
    pub fn keeps_distance(&self) -> bool {
        self.told.max(self.learned) > 0
    }

    /// A poll goes out.
    pub fn asked(&mut self, now: Instant) {
        self.next = now.after(self.told.max(self.learned));
    }

    /// A list for so many goes out.
    pub fn listed(&mut self, now: Instant, many: usize) {
        self.next_list = now.after(self.told.max(self.learned) * many.min(LIST_WEIGHT) as u64);
    }

    /// Where polls keep their distance, lists keep a longer one: until then what is due waits for the next.
    pub fn next_list(&self) -> Instant {
        self.next_list
    }

    /// A submit goes out.
    pub fn submitted(&mut self) {
        self.submitted = true;
    }

    /// A poll was refused.
    pub fn refused(&mut self, now: Instant, hint: Millis) {
        self.paused = self.paused.max(now.after(hint));
        if self.changed.after(self.learned) <= now || self.learned == 0 {
            self.changed = now;
            self.learned = (self.learned * 2).clamp(FIRST_DISTANCE, LONGEST_DISTANCE);
        }
    }

    /// A poll was answered; the answer may tell how full a limit is.
    pub fn answered(&mut self, now: Instant, rate: Option<Rate>) {
        if self.changed.after(FORGET) <= now {
            self.changed = now;
            self.learned = if self.learned > FIRST_DISTANCE { self.learned / 2 } else { 0 };
        }
        let Some(rate) = rate else { return };
        let less = self.left.is_some_and(|left| rate.remaining < left);
        if self.submitted || self.left.is_none_or(|left| rate.remaining > left) {
            // A submit, or a new window: it tells nothing of polls.
        } else if less {
            self.drops += 1;
        } else {
            self.drops = 0;
        }
        (self.submitted, self.left) = (false, Some(rate.remaining));
        if self.drops >= SURE {
            self.learned = (rate.reset * 20 / SHARE / u64::from(rate.remaining.max(1))).min(LONGEST_DISTANCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(remaining: u32) -> Option<Rate> {
        Some(Rate { limit: 60, remaining, reset: 60_000 })
    }

    #[test]
    fn submits_and_polls_share_a_window() {
        let limits = Limits { rpm: Some(60), counts: Counts::Request, ..Limits::default() };
        let mut asker = Asker::new(&limits);
        asker.asked(Instant::from_millis(5));
        let distance = asker.not_before().millis() - 5;
        assert_eq!(Asker::for_submits(&limits).rpm, Some(27));
        assert!(60_000 / distance + 27 <= 60, "{distance}");
        let tasks = Limits { counts: Counts::Task, ..limits };
        assert!(!Asker::new(&tasks).keeps_distance() && Asker::for_submits(&tasks).rpm == Some(60));
    }

    #[test]
    fn a_wave_of_refusals_is_one_and_is_forgotten_in_time() {
        let mut asker = Asker::default();
        let at = Instant::from_millis;
        (0..5).for_each(|ms| asker.refused(at(1_000 + ms), 0));
        assert_eq!(asker.learned, FIRST_DISTANCE);
        asker.refused(at(2_000), 7_000);
        assert_eq!((asker.learned, asker.not_before()), (500, at(9_000)));
        asker.answered(at(20_000), None);
        assert_eq!(asker.learned, 500);
        asker.answered(at(62_000), None);
        assert_eq!(asker.learned, 250);
        asker.answered(at(122_000), None);
        assert!(!asker.keeps_distance());
    }

    #[test]
    fn polls_count_where_answers_say_that_less_is_left_after_each() {
        let mut submits_only = Asker::default();
        for left in [59, 59, 59, 58, 58, 58, 57] {
            submits_only.answered(Instant::default(), rate(left));
        }
        assert!(!submits_only.keeps_distance());
        let mut polls_too = Asker::default();
        for left in [59, 58, 57, 56] {
            polls_too.answered(Instant::default(), rate(left));
        }
        assert_eq!(polls_too.learned, 60_000 * 20 / SHARE / 56);
        polls_too.answered(Instant::default(), rate(60));
        assert_eq!(polls_too.learned, 60_000 * 20 / SHARE / 60, "a new window");
        let mut busy = Asker::default();
        for left in (0..60).rev() {
            busy.submitted();
            busy.answered(Instant::default(), rate(left));
        }
        assert!(!busy.keeps_distance(), "it may have been the submits");
    }
}
