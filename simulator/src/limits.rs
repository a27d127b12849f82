//! The limits of one scope: slots, the rolling windows, the daily quota.

use std::collections::VecDeque;

use crate::config::Config;
use crate::window::Window;

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
    /// Images of the last minute.
    pub images: Window,
    day: u64,
    day_count: u32,
}

impl Scope {
    /// Whether the rolling windows take one more request for this many images.
    pub fn window(&mut self, config: &Config, images: u32, now_ms: u64) -> Result<(), Refusal> {
        let length_ms = config.rpm_window_ms;
        let axes = [
            (Axis::Window, &mut self.requests, config.rpm, 1),
            (Axis::Images, &mut self.images, config.ipm.filter(|_| images > 0), images),
        ];
        for (axis, window, limit, requested) in axes {
            let Some(limit) = limit else { continue };
            let wait_ms = window.wait(limit, requested, length_ms, now_ms);
            if wait_ms > 0 {
                let used = window.used(length_ms, now_ms);
                return Err(Refusal { axis, wait_ms, limit, used, requested });
            }
        }
        Ok(())
    }

    /// Counts a request for this many images in the rolling windows.
    pub fn count_in_window(&mut self, images: u32, now_ms: u64) {
        self.requests.count(1, now_ms);
        self.images.count(images, now_ms);
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
        config.cap_at(now_ms).is_none_or(|cap| self.running.saturating_add(slots.min(cap).max(1)) <= cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(scope: &mut Scope, config: &Config, now_ms: u64) -> u64 {
        scope.window(config, 0, now_ms).map_or_else(|refusal| refusal.wait_ms, |()| 0)
    }

    #[test]
    fn the_window_rolls() {
        let config = Config { rpm: Some(2), rpm_window_ms: 100, ..Config::default() };
        let mut scope = Scope::default();
        for at in [0, 40] {
            assert_eq!(scope.window(&config, 1, at), Ok(()));
            scope.count_in_window(1, at);
        }
        assert_eq!(
            scope.window(&config, 1, 99),
            Err(Refusal { axis: Axis::Window, wait_ms: 1, limit: 2, used: 2, requested: 1 })
        );
        assert_eq!(scope.window(&config, 1, 100), Ok(()));
        scope.count_in_window(1, 100);
        // A fixed window would be empty here; a rolling one still holds the submits at 40 and 100.
        assert_eq!(waits(&mut scope, &config, 101), 39);
        let lowered = Config { rpm: Some(1), ..config };
        assert_eq!(waits(&mut scope, &lowered, 101), 99);
    }

    #[test]
    fn images_have_a_window_of_their_own() {
        let config = Config { rpm: Some(9), ipm: Some(5), rpm_window_ms: 100, ..Config::default() };
        let mut scope = Scope::default();
        scope.count_in_window(4, 0);
        assert_eq!(scope.window(&config, 1, 10), Ok(()));
        let refusal = scope.window(&config, 2, 10).unwrap_err();
        assert_eq!(refusal, Refusal { axis: Axis::Images, wait_ms: 90, limit: 5, used: 4, requested: 2 });
        assert!(!refusal.is_for_good() && scope.window(&config, 6, 10).unwrap_err().is_for_good());
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
