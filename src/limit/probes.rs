//! When it is asked whether there is more than what is known: rarely, and paid for by finished tasks.

use super::distance::AT_ONCE;
use crate::rng::Rng;
use crate::time::{Instant, Millis};

/// A probe, in thousandths.
const PROBE: u32 = 1_000;
/// Thousandths of a probe that each finished task pays for: two refusals in a hundred,
const CREDIT: u32 = 20;
/// and this, shared by all slots, besides: of one slot it is worth more to know whether there are two.
const CREDIT_BY_SLOT: u32 = 60;
/// What a probe may win grows with what waits: so many tasks a slot are worth the usual credit,
const USUAL_BACKLOG: u32 = 12;
/// and however many there are, so many times that.
const MOST_WORTH: u32 = 4;
/// So many probes at most are given to a limit that was only just found.
const MOST_EARLY: u32 = 2;
/// More than these are no few in a short time.
const MOST_AT_ONCE: u32 = AT_ONCE as u32;
/// Savings beyond so many thousandths lapse.
const MOST_CREDIT: u32 = 2 * PROBE;
/// Of so few slots it is asked again in any case: what looks like a slot may be a second.
const FEW: u32 = 2;
/// The first probe after the limit was found: a limit that was found by chance is soon corrected.
const FIRST: Millis = 2_000;
/// Probes that are refused become rarer, up to this.
const RAREST: Millis = 120_000;
/// Where others use the key, what they leave is looked for more often, for so long.
const CONTENDED: Millis = 180_000;
/// After a drop, what was there before is likely to come back: probes are free for so long.
const UNSTABLE: Millis = 240_000;
/// And come as often as this.
const UNSTABLE_PROBE: Millis = 18_000;

/// Probes, and what pays for them.
#[derive(Debug)]
pub struct Probes {
    at: Instant,
    every: Millis,
    /// Thousandths of a probe.
    credit: u32,
    worth: u32,
    contended_until: Instant,
    unstable_until: Instant,
}

impl Default for Probes {
    fn default() -> Probes {
        let (at, contended_until, unstable_until) = Default::default();
        Probes { at, every: FIRST, credit: 0, worth: 1, contended_until, unstable_until }
    }
}

fn backlog(limit: u32, waiting: u32) -> u32 {
    waiting / limit.saturating_mul(USUAL_BACKLOG).max(1)
}

impl Probes {
    /// When the next may go out, if it can be paid for.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let is_free = now < self.unstable_until || self.are_contended(now);
        Some(self.at).filter(|_| is_free || self.credit >= PROBE)
    }

    /// A task is over, of so many at once, while so many wait.
    pub fn earn(&mut self, now: Instant, limit: u32, waiting: u32) {
        self.worth = backlog(limit, waiting).clamp(1, MOST_WORTH);
        let credit = (CREDIT + CREDIT_BY_SLOT / limit.max(1)) * self.worth(now);
        self.credit = (self.credit + credit).min(MOST_CREDIT);
    }

    /// The limit was only just found, and so many wait for it: what looks like the end of few slots may be a limit over time, and is soon asked again.
    pub fn give(&mut self, limit: u32, waiting: u32) {
        let is_small = limit <= MOST_AT_ONCE;
        let early = if limit <= FEW { 1 } else { backlog(limit, waiting).min(if is_small { MOST_EARLY } else { 0 }) };
        self.credit = early * PROBE;
    }

    /// One went out.
    pub fn spend(&mut self) {
        self.credit = self.credit.saturating_sub(PROBE);
    }

    /// Others use the key.
    pub fn is_contended(&mut self, now: Instant) {
        self.contended_until = now.after(CONTENDED);
    }

    /// Whether others seem to use the key.
    pub fn are_contended(&self, now: Instant) -> bool {
        now < self.contended_until
    }

    /// It is less than it was, and may come back.
    pub fn is_unstable(&mut self, now: Instant) {
        self.unstable_until = now.after(UNSTABLE);
    }

    /// One was refused, or any other submit: the next is due later. Perhaps it is far less than it was.
    pub fn put_off(&mut self, now: Instant, rng: &mut Rng, is_low: bool) {
        let wait = if is_low && now < self.unstable_until { UNSTABLE_PROBE } else { self.every };
        self.every = self.every.saturating_mul(3).min(RAREST / Millis::from(self.worth(now)));
        self.at = now.after(wait + rng.up_to(wait / 4));
    }

    fn worth(&self, now: Instant) -> u32 {
        if self.are_contended(now) { MOST_WORTH } else { self.worth }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn finished_tasks_pay_for_probes_and_the_more_the_more_waits() {
        let paid = |waiting: u32| {
            let mut probes = Probes::default();
            (1..).find(|_| {
                probes.earn(at(0), 40, waiting);
                probes.due(at(0)).is_some()
            })
        };
        assert_eq!((paid(0), paid(40 * 12 * 2), paid(u32::MAX)), (Some(48), Some(24), Some(12)));
        let mut probes = Probes::default();
        (0..10_000).for_each(|_| probes.earn(at(0), 1, 0));
        probes.spend();
        probes.spend();
        assert_eq!(probes.due(at(0)), None, "no more than two are saved");
    }

    #[test]
    fn a_limit_that_was_just_found_is_asked_about_where_much_waits_or_it_is_small() {
        let given = |limit: u32, waiting: u32| {
            let mut probes = Probes::default();
            probes.give(limit, waiting);
            (0..4)
                .take_while(|_| {
                    probes.due(at(0)).is_some_and(|_| {
                        probes.spend();
                        true
                    })
                })
                .count()
        };
        assert_eq!((given(1, 0), given(3, 20), given(3, 40), given(3, 4_000)), (1, 0, 1, 2));
    }

    #[test]
    fn what_is_refused_puts_the_next_off_and_the_more_so_each_time() {
        let (mut probes, mut rng) = (Probes::default(), Rng::new(1));
        probes.give(1, 0);
        let mut waits = (0..6).map(|_| {
            probes.put_off(at(0), &mut rng, false);
            probes.due(at(0)).map(Instant::millis)
        });
        assert!((2_000..=2_500).contains(&waits.next().flatten().unwrap()));
        assert!((6_000..=7_500).contains(&waits.next().flatten().unwrap()));
        assert!((120_000..=150_000).contains(&waits.last().flatten().unwrap()));
    }

    #[test]
    fn where_others_use_the_key_or_it_fell_probes_are_free_for_a_while() {
        let mut probes = Probes::default();
        assert_eq!(probes.due(at(0)), None);
        probes.is_contended(at(0));
        assert!(probes.due(at(CONTENDED - 1)).is_some() && probes.due(at(CONTENDED)).is_none());
        probes.is_unstable(at(0));
        probes.put_off(at(1_000), &mut Rng::new(1), true);
        let due = probes.due(at(1_000)).map(Instant::millis).unwrap();
        assert!((1_000 + UNSTABLE_PROBE..=1_000 + UNSTABLE_PROBE * 5 / 4).contains(&due), "{due}");
    }
}
