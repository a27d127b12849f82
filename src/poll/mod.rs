//! When to ask after a task.
//!
//! A poll is worth its request once the task is likely to have been over for a while: the next one is due when the time that it would by then have
//! lain there unseen, weighed by what has been learned of its model, reaches [`Pace::worth`]. Where tasks take equally long, that is one poll or two
//! near the end; where they don't, none before the quickest, and gaps that follow how many end when. Measured against the usual rules in the test
//! below: at the same delay a tenth fewer polls than "at p5, then every 0.5 s", and half of those of a fixed gap.

mod asker;
mod durations;
#[cfg(test)]
mod measured;
mod models;

pub use asker::Asker;
pub use durations::{Durations, PRESUMED_DURATION, Summary};
pub use models::{Model, Models};

use crate::rng::Rng;
use crate::time::Millis;

/// How dear polls are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The expected wait since the end that a poll is worth, ms.
    pub worth: Millis,
    /// The longest gap between two polls of a task that may be over, ms.
    pub longest: Millis,
}

/// Of a task that somebody, or something in the queue, waits for: 0.46 s from the end to its sight.
pub const WATCHED: Pace = Pace { worth: 31, longest: 600 };
/// Of a task that nobody looks at right now: 0.55 s, with a sixth fewer polls.
pub const AT_LEISURE: Pace = Pace { worth: 44, longest: 800 };
/// Of a task that nobody waits for any more: it is asked after only to know when its slot is free.
pub const UNWATCHED: Pace = Pace { worth: 150, longest: 2_000 };
/// Between two polls of a task of which one request answers for all: a third of the requests, and sooner.
pub const LISTED: Pace = Pace { worth: 5, longest: 150 };

/// A pace is meant for tasks that take 4 s or more; of quicker ones it is quicker.
const FULL_GAP_FROM: Millis = 4_000;
/// No poll follows an answer sooner than after so much of the longest gap, in percent: an answer that is so fresh hardly changes.
const LEAST: Millis = 40;
/// Past what 95 of 100 take, gaps grow with the age, in percent of it: whoever is late may be very late.
const LATE_SHARE: Millis = 3;
/// Before anything is known gaps grow from [`FIRST`] to this at an age of 3 s, and from 16 s on with the age: dense enough for models that take 2 s,
/// and of those that take 14 it finds the end sooner than 8 % of the age do, with fewer polls.
const UNKNOWN: Millis = 800;
/// Between two polls of a model of which nothing is known, at least.
pub const FIRST: Millis = 500;
/// The very first of them: it tells whether the provider queues what it accepts, before many more go there.
const EARLY: Millis = 300;
const UNKNOWN_MOST: Millis = 2_500;

/// The age at which a task should be asked after, which is `age` old and was last seen to run at the age `seen` (0: not yet).
pub fn next(durations: &Durations, pace: Pace, seen: Millis, age: Millis) -> Millis {
    let (Some(median), Some(p95)) = (durations.percentile(50), durations.percentile(95)) else {
        let least = if age < EARLY { EARLY } else { FIRST };
        return age + (age / 4).clamp(least, UNKNOWN).max((age / 20).min(UNKNOWN_MOST));
    };
    let scale = |gap: Millis| gap * median.min(FULL_GAP_FROM) / FULL_GAP_FROM;
    let longest = scale(pace.longest);
    let late = if age > p95 { age * LATE_SHARE / 100 } else { 0 };
    let latest = if seen == 0 { Millis::MAX } else { age + longest.max(late) };
    let mut ripe = ripe(durations.beyond(seen), scale(pace.worth));
    if seen == 0 {
        // The quickest of a few is not the quickest that there is.
        let known = durations.len() as u64;
        ripe = ripe * known / (known + 1);
    }
    ripe.min(latest).max(age + longest * LEAST / 100)
}

/// The age at which the expected wait since the end reaches what a poll is worth, of a task that lasts as long as one of these. One more is taken to
/// last for ever: the slowest that was seen is hardly the slowest that there is.
fn ripe(lengths: &[u32], worth: Millis) -> Millis {
    let wanted = worth * (lengths.len() as u64 + 1);
    let (mut ended, mut sum) = (0, 0);
    for length in lengths {
        let length = u64::from(*length);
        if ended * length >= sum + wanted && ended > 0 {
            break;
        }
        ended += 1;
        sum += length;
    }
    (sum + wanted).checked_div(ended).unwrap_or(0)
}

/// A tenth of the longest gap to either side, so that the polls of a batch don't align.
pub fn jitter(rng: &mut Rng, at: Millis, gap: Millis) -> Millis {
    let spread = gap / 10;
    (at + rng.up_to(2 * spread)).saturating_sub(spread)
}

/// The gap that a task's own word for its progress allows for: it shortens the last one, and lengthens those that come too early. Such words are
/// often guesses of the server's own, so they change a gap and never skip one of 2.5 s.
pub fn by_progress(gap: Millis, age: Millis, progress: f64) -> Millis {
    if !(0.01..1.0).contains(&progress) {
        return gap;
    }
    let left = (age as f64 * (1.0 - progress) / progress) as Millis;
    if left < gap { left.max(gap * LEAST / 100) } else { gap.max((left / 4).min(UNKNOWN_MOST)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(lengths: impl IntoIterator<Item = Millis>) -> Durations {
        let mut durations = Durations::default();
        lengths.into_iter().for_each(|took| durations.note(took));
        durations
    }

    #[test]
    fn what_is_not_known_is_asked_after_early_and_then_less_often() {
        let nothing = Durations::default();
        assert_eq!(next(&nothing, WATCHED, 0, 0), EARLY);
        assert_eq!(next(&nothing, WATCHED, 0, EARLY), EARLY + FIRST);
        assert_eq!(next(&nothing, WATCHED, 2_600, 2_800), 3_500);
        assert_eq!(next(&nothing, WATCHED, 10_000, 10_000), 10_800);
        assert_eq!(next(&nothing, WATCHED, 100_000, 100_000), 102_500);
    }

    #[test]
    fn nothing_is_asked_before_the_quickest_and_all_that_take_equally_long_once() {
        let tight = known((0..100).map(|n| 12_000 + n % 10));
        let first = next(&tight, WATCHED, 0, 0);
        assert!((11_900..12_060).contains(&first), "{first}");
        assert_eq!(next(&tight, WATCHED, first, first + 200), first + 200 + 240, "late, so it may come at any time");
        let two_kinds = known((0..100).map(|n| if n % 2 == 0 { 3_000 } else { 20_000 }));
        let first = next(&two_kinds, WATCHED, 0, 0);
        assert!((2_900..3_200).contains(&first), "{first}");
    }

    #[test]
    fn late_tasks_are_asked_after_by_their_age() {
        let durations = known((0..100).map(|n| 10_000 + n * 10));
        assert_eq!(next(&durations, WATCHED, 100_000, 100_000), 100_240, "nobody has taken so long");
    }

    #[test]
    fn a_first_poll_that_came_too_late_moves_the_next_one_forward() {
        let mut durations = known((0..200).map(|n| 14_000 + n * 20));
        let before = next(&durations, WATCHED, 0, 0);
        for _ in 0..40 {
            let first = next(&durations, WATCHED, 0, 0);
            durations.saw(0, first);
        }
        let after = next(&durations, WATCHED, 0, 0);
        assert!(after < before / 2, "{before} became {after}: the model has become quicker");
    }

    #[test]
    fn progress_changes_a_gap_within_bounds() {
        assert_eq!(by_progress(600, 10_000, 0.0), 600);
        assert_eq!(by_progress(600, 10_000, 1.0), 600);
        assert_eq!(by_progress(600, 10_000, 0.97), 309, "it says that it ends in 0.3 s");
        assert_eq!(by_progress(600, 10_000, 0.999), 240);
        assert_eq!(by_progress(600, 2_000, 0.25), 1_500);
        assert_eq!(by_progress(600, 10_000, 0.011), 2_500);
    }

    #[test]
    fn jitter_goes_both_ways() {
        let mut rng = Rng::new(5);
        let drawn: Vec<Millis> = (0..1_000).map(|_| jitter(&mut rng, 10_000, 600)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&9_940), Some(&10_060)));
        assert!(jitter(&mut rng, 3, 600) <= 63);
    }
}
