//! The limits of one scope: slots, the rolling windows, the daily quota.

use std::collections::VecDeque;

use crate::choices::WindowKind;
use crate::config::Config;
use crate::window::{Rule, Window};

impl Config {
    /// How the windows of requests and images go by this limit.
    pub(crate) fn rule(&self, limit: u32) -> Rule {
        let length_ms = self.rpm_window_ms;
        let clock_ms = self.epoch_ms.saturating_add_signed(self.clock_skew_ms);
        let burst = self.rpm_burst.unwrap_or(limit);
        Rule { kind: self.rpm_kind, limit, burst, length_ms, phase_ms: clock_ms % length_ms.max(1) }
    }

    /// Whether so many slots more fit; a task that never fits runs alone.
    pub(crate) fn fits(&self, running: u32, slots: u32, now_ms: u64) -> bool {
        self.cap_at(now_ms).is_none_or(|cap| running.saturating_add(slots.min(cap).max(1)) <= cap)
    }

    /// How the shorter window goes.
    fn brief_rule(&self, limit: u32) -> Rule {
        Rule { kind: WindowKind::Rolling, limit, burst: limit, length_ms: self.sub_window_ms, phase_ms: 0 }
    }
}

const DAY_MS: u64 = 86_400_000;

/// Which limit refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Slots,
    Window,
    Images,
    Day,
}

impl Axis {
    /// The refusal in words, for providers that give any.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Axis::Slots => "too many tasks in progress: concurrency limit reached",
            Axis::Window => "too many requests per minute",
            Axis::Images => "too many images per minute",
            Axis::Day => "daily quota exceeded",
        }
    }
}

/// A refusal, how long it truly lasts, and the count behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub axis: Axis,
    pub wait_ms: u64,
    pub limit: u32,
    pub used: u32,
    pub requested: u32,
}

impl Refusal {
    /// Whether it was asked for more than the limit ever allows.
    pub fn is_for_good(&self) -> bool {
        self.axis == Axis::Images && self.requested > self.limit
    }
}

/// What one key (or key and model) has used up.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Slots that tasks hold.
    pub running: u32,
    /// Tasks that wait for one, by index, first come first served.
    pub waiting: VecDeque<usize>,
    /// Requests of the last minute.
    pub requests: Window,
    /// Requests of the shorter window.
    pub brief: Window,
    /// Images of the last minute.
    pub images: Window,
    day: u64,
    day_count: u32,
}

impl Scope {
    /// Whether the windows take one more request for this many images; else the refusal that lasts longest.
    pub fn window(&self, config: &Config, images: u32, now_ms: u64) -> Result<(), Refusal> {
        let axes = [
            (Axis::Window, &self.requests, config.rpm.map(|limit| config.rule(limit)), 1),
            (Axis::Window, &self.brief, config.sub_window.map(|limit| config.brief_rule(limit)), 1),
            (Axis::Images, &self.images, config.ipm.filter(|_| images > 0).map(|limit| config.rule(limit)), images),
        ];
        let refusals = axes.into_iter().filter_map(|(axis, window, rule, requested)| {
            let rule = rule?;
            let wait_ms = window.wait(&rule, requested, now_ms);
            let used = window.used(&rule, now_ms);
            (wait_ms > 0).then_some(Refusal { axis, wait_ms, limit: rule.limit, used, requested })
        });
        // Of two that last equally long the first: `max_by_key` would take the last.
        let longest = refusals.reduce(|longest, other| if other.wait_ms > longest.wait_ms { other } else { longest });
        longest.map_or(Ok(()), Err)
    }

    /// Counts a request for this many images in the windows.
    pub fn count_in_window(&mut self, config: &Config, images: u32, now_ms: u64) {
        // A bucket without a limit has nothing that could lack; the other kinds remember, should there be a limit later.
        let counts = |limit: Option<u32>| limit.is_some() || config.rpm_kind != WindowKind::Bucket;
        if counts(config.rpm) {
            self.requests.count(&config.rule(config.rpm.unwrap_or(0)), 1, now_ms);
        }
        if counts(config.ipm) {
            self.images.count(&config.rule(config.ipm.unwrap_or(0)), images, now_ms);
        }
        self.brief.count(&config.brief_rule(config.sub_window.unwrap_or(0)), 1, now_ms);
    }

    /// Whether the daily quota takes one more task; days are those of the provider's clock.
    pub fn day(&mut self, config: &Config, wall_ms: u64) -> Result<(), Refusal> {
        if self.day != wall_ms / DAY_MS {
            self.day = wall_ms / DAY_MS;
            self.day_count = 0;
        }
        match config.rpd {
            Some(limit) if self.day_count >= limit => {
                let wait_ms = (self.day + 1) * DAY_MS - wall_ms;
                Err(Refusal { axis: Axis::Day, wait_ms, limit, used: self.day_count, requested: 1 })
            }
            _ => Ok(()),
        }
    }

    /// Counts a task against the daily quota.
    pub fn count_in_day(&mut self) {
        self.day_count += 1;
    }

    /// Whether a task that holds this many slots may run now; one that never fits runs alone.
    pub fn has_slot(&self, config: &Config, slots: u32, now_ms: u64) -> bool {
        config.fits(self.running, slots, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(scope: &Scope, config: &Config, now_ms: u64) -> u64 {
        scope.window(config, 0, now_ms).map_or_else(|refusal| refusal.wait_ms, |()| 0)
    }

    #[test]
    fn the_window_rolls() {
        let config = Config { rpm: Some(2), rpm_window_ms: 100, ..Config::default() };
        let mut scope = Scope::default();
        for at in [0, 40] {
            assert_eq!(scope.window(&config, 1, at), Ok(()));
            scope.count_in_window(&config, 1, at);
        }
        assert_eq!(
            scope.window(&config, 1, 99),
            Err(Refusal { axis: Axis::Window, wait_ms: 1, limit: 2, used: 2, requested: 1 })
        );
        assert_eq!(scope.window(&config, 1, 100), Ok(()));
        scope.count_in_window(&config, 1, 100);
        // A fixed window would be empty here; a rolling one still holds the submits at 40 and 100.
        assert_eq!(waits(&scope, &config, 101), 39);
        let lowered = Config { rpm: Some(1), ..config };
        assert_eq!(waits(&scope, &lowered, 101), 99);
    }

    #[test]
    fn images_have_a_window_of_their_own() {
        let config = Config { rpm: Some(9), ipm: Some(5), rpm_window_ms: 100, ..Config::default() };
        let mut scope = Scope::default();
        scope.count_in_window(&config, 4, 0);
        assert_eq!(scope.window(&config, 1, 10), Ok(()));
        let refusal = scope.window(&config, 2, 10).unwrap_err();
        assert_eq!(refusal, Refusal { axis: Axis::Images, wait_ms: 90, limit: 5, used: 4, requested: 2 });
        assert!(!refusal.is_for_good() && scope.window(&config, 6, 10).unwrap_err().is_for_good());
    }

    #[test]
    fn of_two_windows_the_one_that_is_full_longer_speaks() {
        let config =
            Config { rpm: Some(3), rpm_window_ms: 100, sub_window: Some(1), sub_window_ms: 10, ..Config::default() };
        let mut scope = Scope::default();
        let mut taken = Vec::new();
        for now_ms in 0..140 {
            match scope.window(&config, 0, now_ms) {
                Ok(()) => {
                    scope.count_in_window(&config, 0, now_ms);
                    taken.push(now_ms);
                }
                Err(refusal) => {
                    let wait_ms = refusal.wait_ms;
                    assert!(scope.window(&config, 0, now_ms + wait_ms - 1).is_err(), "{now_ms}: {wait_ms}");
                    assert_eq!(scope.window(&config, 0, now_ms + wait_ms), Ok(()), "{now_ms}: {wait_ms}");
                }
            }
        }
        assert_eq!(taken, [0, 10, 20, 100, 110, 120]);
    }

    #[test]
    fn slots_are_weighed() {
        let config = Config { concurrency: Some(4), ..Config::default() };
        let scope = Scope { running: 2, ..Scope::default() };
        assert!(scope.has_slot(&config, 2, 0) && !scope.has_slot(&config, 3, 0));
        assert!(Scope::default().has_slot(&config, 9, 0) && !scope.has_slot(&config, 9, 0));
        assert!(!Scope::default().has_slot(&Config { concurrency: Some(0), ..config }, 1, 0));
    }

    #[test]
    fn the_day_ends_at_midnight() {
        let config = Config { rpd: Some(1), ..Config::default() };
        let mut scope = Scope::default();
        assert_eq!(scope.day(&config, DAY_MS - 10), Ok(()));
        scope.count_in_day();
        assert_eq!(scope.day(&config, DAY_MS - 10).unwrap_err().wait_ms, 10);
        assert_eq!(scope.day(&config, DAY_MS), Ok(()));
    }
}
