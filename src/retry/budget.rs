//! How much trouble a provider may give before faults fail at once: a token quota, as AWS's SDKs have it ("standard" mode, and its constants).
//!
//! Single faults are chance and are retried. While a provider is down, each task's retries only add to its load, and a caller learns sooner that it
//! is: the quota is then empty, and stays so until submits come through again.

use crate::time::Instant;

const FULL: u32 = 500;
const RETRY: u32 = 5;
/// Nobody knows whether what timed out still runs over there.
const TIMED_OUT: u32 = 10;
const CLEAN: u32 = 1;

/// The retries that a provider is still worth, and the faults that it gave in a row.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    tokens: u32,
    in_a_row: u32,
    latest: Instant,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { tokens: FULL, in_a_row: 0, latest: Instant::default() }
    }
}

impl Budget {
    /// Pays for a retry; `false` if there is too little left.
    pub fn pay(&mut self, timed_out: bool) -> bool {
        let cost = if timed_out { TIMED_OUT } else { RETRY };
        let enough = self.tokens >= cost;
        self.tokens = self.tokens.saturating_sub(if enough { cost } else { 0 });
        enough
    }

    /// A submit came through, after so many tries that failed: what the last of them cost comes back.
    pub fn succeeded(&mut self, faults: u32) {
        self.in_a_row = 0;
        self.tokens = (self.tokens + if faults > 0 { RETRY } else { CLEAN }).min(FULL);
    }

    /// A submit that left at `sent` met a fault; says how many waves of them there have been since one came through. Those that left before the
    /// wave's first fault was known are of the same wave.
    pub fn failed(&mut self, sent: Instant, now: Instant) -> u32 {
        if self.in_a_row == 0 || sent >= self.latest {
            self.in_a_row += 1;
            self.latest = now;
        }
        self.in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_down_is_worth_a_hundred_retries() {
        let mut budget = Budget::default();
        assert_eq!((0..200).filter(|_| budget.pay(false)).count(), 100);
        assert!(!budget.pay(true));
        (0..5).for_each(|_| budget.succeeded(0));
        assert!(budget.pay(false) && !budget.pay(false), "five clean submits pay for a retry");
        budget.succeeded(1);
        assert!(budget.pay(false), "what a retry cost that helped comes back");
        let mut slow = Budget::default();
        assert_eq!((0..200).filter(|_| slow.pay(true)).count(), 50);
    }

    #[test]
    fn one_in_twenty_may_fail_for_ever() {
        let mut budget = Budget::default();
        for nth in 0..10_000 {
            assert!(nth % 20 > 0 || budget.pay(false));
            budget.succeeded(u32::from(nth % 20 == 0));
        }
    }

    #[test]
    fn a_wave_counts_once() {
        let mut budget = Budget::default();
        let at = Instant::from_millis;
        assert_eq!([(10, 50), (11, 51), (49, 60)].map(|(sent, now)| budget.failed(at(sent), at(now))), [1, 1, 1]);
        assert_eq!(budget.failed(at(55), at(70)), 2);
        budget.succeeded(0);
        assert_eq!(budget.failed(at(60), at(80)), 1);
    }
}
