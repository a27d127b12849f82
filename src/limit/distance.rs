//! How long before a submit the one before it was accepted, and the one before that: "so many in so long" is the limit if each that was refused came
//! sooner after the so-manieth before it than each that was let in.

use crate::time::{Instant, Millis};

/// More than so many at once are a window of a minute, and no burst.
pub const AT_ONCE: usize = 16;
/// What lies further apart, ms, is the business of the window of a minute.
const FURTHEST: u32 = 20_000;
/// What lies nearer together is one burst to whoever is so far away, ms; nor do providers count over less.
const NEAREST: u32 = 500;
/// So many refusals are the least that distances are believed to explain,
const PROOF: u32 = 2;
/// and one more for each so many that may come at once: many figures explain few refusals by chance.
const MORE_PROOF: u32 = 5;
/// The shortest that is let in is longer than the longest that was refused by so many hundredths: chance leaves narrower gaps.
const GAP: u64 = 112;

/// The distance that submits have to keep on the average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spacing {
    /// It is longer than this, ms;
    pub low: Millis,
    /// this, ms, is long enough.
    pub high: Millis,
    /// So many may come at once.
    pub at_once: u32,
}

/// To the latest acceptance, to the one before it, and so on, ms; as long as can be where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distances([u32; AT_ONCE]);

impl Default for Distances {
    fn default() -> Distances {
        Distances([u32::MAX; AT_ONCE])
    }
}

impl Distances {
    /// To the so-manieth, divided among all until then, ms.
    pub fn average(&self, many: u32) -> Millis {
        let distance = self.0.get(many.saturating_sub(1) as usize).copied().unwrap_or(u32::MAX);
        Millis::from(distance / many.max(1))
    }

    /// The shorter ones of both.
    pub fn shortest(mut self, other: Distances) -> Distances {
        self.0.iter_mut().zip(other.0).for_each(|(one, another)| *one = another.min(*one));
        self
    }

    /// With these as the shortest that were let in, what explains that those were refused, if up to so many may come at once: the narrowest bounds of the
    /// average that all of the numbers allow which explain it, for which of them is the true one shows later.
    pub fn explain(self, refused: &mut dyn Iterator<Item = &Distances>, most: usize) -> Option<Spacing> {
        let (mut longest, mut refusals) = ([0; AT_ONCE], 0);
        for distances in refused {
            longest.iter_mut().zip(distances.0).for_each(|(one, another)| *one = another.max(*one));
            refusals += 1;
        }
        let mut found = None;
        let mut surest = 0;
        for ((refused, let_in), many) in longest.into_iter().zip(self.0).zip(1_u32..).take(most) {
            let is_clear = u64::from(refused) * GAP < u64::from(let_in) * 100 && (NEAREST..=FURTHEST).contains(&let_in);
            if !is_clear || refusals < PROOF + (many - 1) / MORE_PROOF {
                continue;
            }
            let (low, high) = (Millis::from(refused / many), Millis::from(let_in / many));
            let spacing = found.get_or_insert(Spacing { low, high, at_once: many });
            (spacing.low, spacing.high) = (spacing.low.min(low), spacing.high.max(high));
            if low > surest {
                (surest, spacing.at_once) = (low, many);
            }
        }
        found
    }
}

/// When the latest that were accepted went out, the latest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latest([Option<Instant>; AT_ONCE]);

impl Latest {
    /// How far a submit of that time is from those before it.
    pub fn distances(&self, since: Instant) -> Distances {
        let mut distances = Distances::default();
        let before = self.0.iter().flatten().filter(|at| **at <= since);
        distances.0.iter_mut().zip(before).for_each(|(distance, at)| {
            *distance = u32::try_from(at.until(since)).unwrap_or(u32::MAX);
        });
        distances
    }

    /// The so-manieth of them.
    pub fn at(&self, many: u32) -> Option<Instant> {
        self.0.get(many.saturating_sub(1) as usize).copied().flatten()
    }

    /// The submit of that time was accepted. Answers overtake one another.
    pub fn add(&mut self, since: Instant) {
        let mut moving = Some(since);
        for place in &mut self.0 {
            if *place <= moving {
                core::mem::swap(place, &mut moving);
            }
        }
    }

    /// The submit of that time was not accepted after all.
    pub fn take_back(&mut self, since: Instant) {
        let mut others = Latest::default();
        let mut is_there = false;
        for at in self.0.iter().flatten() {
            if *at != since || is_there {
                others.add(*at);
            } else {
                is_there = true;
            }
        }
        *self = others;
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// What a server says that lets in so many in so long, to submits of these times; and what explains it.
    fn served(many: usize, length: u64, times: &[u64]) -> (Vec<u64>, Option<Spacing>) {
        let (mut latest, mut let_in, mut refused) = (Latest::default(), Distances::default(), Vec::new());
        let mut accepted: Vec<u64> = Vec::new();
        for time in times {
            let distances = latest.distances(at(*time));
            if accepted.len() >= many && accepted[accepted.len() - many] + length > *time {
                refused.push(distances);
            } else {
                let_in = let_in.shortest(distances);
                latest.add(at(*time));
                accepted.push(*time);
            }
        }
        (accepted, let_in.explain(&mut refused.iter(), AT_ONCE))
    }

    #[test]
    fn the_true_average_lies_between_what_explains_the_answers() {
        for (many, length) in [(1, 1_000), (2, 1_500), (3, 5_000), (5, 5_000)] {
            let average = length / many as u64;
            let times: Vec<u64> = (0..60).map(|submit| submit * average * 6 / 10).collect();
            let (accepted, found) = served(many, length, &times);
            let found = found.unwrap_or_else(|| panic!("{many} in {length}: nothing explains {accepted:?}"));
            assert!(found.low <= average && average <= found.high, "{many} in {length}: {found:?}");
        }
    }

    #[test]
    fn one_refusal_proves_nothing_and_many_at_once_need_more() {
        let (_, found) = served(1, 1_000, &[0, 200, 1_300, 2_500]);
        assert_eq!(found, None);
        let (_, found) = served(1, 1_000, &[0, 200, 400, 1_300, 2_500]);
        assert_eq!(found, Some(Spacing { low: 400, high: 1_200, at_once: 1 }));
        let burst: Vec<u64> = (0..13).map(|submit| submit * 20).chain([9_000, 9_100]).collect();
        let (_, found) = served(11, 8_000, &burst);
        assert_eq!(found, None, "two refusals are few for eleven at once");
    }

    #[test]
    fn what_is_let_in_as_soon_as_others_are_refused_is_no_matter_of_distances() {
        let let_in = Distances::default().shortest(Distances([500; AT_ONCE]));
        assert_eq!(let_in.explain(&mut [Distances([500; AT_ONCE]); 9].iter(), AT_ONCE), None);
        assert_eq!(let_in.explain(&mut [Distances([460; AT_ONCE]); 9].iter(), AT_ONCE), None, "too narrow a gap");
        assert!(let_in.explain(&mut [Distances([400; AT_ONCE]); 9].iter(), AT_ONCE).is_some());
        assert_eq!(let_in.explain(&mut [Distances::default(); 9].iter(), AT_ONCE), None, "nothing was let in before");
        assert_eq!(let_in.explain(&mut [].iter(), AT_ONCE), None);
        let near = Distances::default().shortest(Distances([NEAREST - 1; AT_ONCE]));
        assert_eq!(near.explain(&mut [Distances([0; AT_ONCE]); 9].iter(), AT_ONCE), None, "a burst beside a burst");
    }

    #[test]
    fn the_latest_are_kept_in_order_whatever_the_order_of_their_answers() {
        let mut latest = Latest::default();
        [300, 100, 200, 100].into_iter().for_each(|time| latest.add(at(time)));
        assert_eq!(
            [1, 2, 3, 4, 5].map(|many| latest.at(many)),
            [Some(at(300)), Some(at(200)), Some(at(100)), Some(at(100)), None]
        );
        let distances = latest.distances(at(250));
        assert_eq!([1, 2, 3].map(|many| distances.average(many)), [50, 75, 50], "only those before it count");
        latest.take_back(at(100));
        latest.take_back(at(150));
        assert_eq!([1, 2, 3, 4].map(|many| latest.at(many)), [Some(at(300)), Some(at(200)), Some(at(100)), None]);
        (0..100).for_each(|time| latest.add(at(time * 1_000)));
        assert_eq!((latest.at(1), latest.at(16), latest.at(17)), (Some(at(99_000)), Some(at(84_000)), None));
        assert_eq!(latest.distances(Instant::NEVER).average(1), Millis::from(u32::MAX));
    }
}
