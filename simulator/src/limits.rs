//! The limits of one scope: slots, the rolling window, the daily quota.

use std::collections::VecDeque;

use crate::config::Config;

const DAY_MS: u64 = 86_400_000;

/// Which limit refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Slots,
    Window,
    Day,
}

impl Axis {
    /// The refusal in words, for providers that give any.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Axis::Slots => "too many tasks in progress: concurrency limit reached",
            Axis::Window => "too many requests per minute",
            Axis::Day => "daily quota exceeded",
        }
    }
}

/// A refusal and how long it truly lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub axis: Axis,
    pub wait_ms: u64,
}

/// What one key (or key and model) has used up.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Tasks that hold a slot.
    pub running: u32,
    /// Tasks that wait for one, by index, first come first served.
    pub waiting: VecDeque<usize>,
    window: VecDeque<u64>,
    day: u64,
    day_count: u32,
}

impl Scope {
    /// Whether the rolling window takes one more request.
    pub fn window(&mut self, config: &Config, now_ms: u64) -> Result<(), Refusal> {
        while self.window.front().is_some_and(|&at| at + config.rpm_window_ms <= now_ms) {
            self.window.pop_front();
        }
        let Some(rpm) = config.rpm.map(|rpm| rpm as usize) else { return Ok(()) };
        if self.window.len() < rpm {
            return Ok(());
        }
        // A lowered limit leaves more entries than it allows: then more than the oldest must go.
        let blocking = self.window.len().checked_sub(rpm.max(1)).and_then(|index| self.window.get(index));
        let blocking = blocking.copied().unwrap_or(now_ms);
        Err(Refusal { axis: Axis::Window, wait_ms: (blocking + config.rpm_window_ms).saturating_sub(now_ms) })
    }

    /// Counts a request in the rolling window.
    pub fn count_in_window(&mut self, now_ms: u64) {
        self.window.push_back(now_ms);
    }

    /// How many more requests the window takes, and when its oldest entry leaves.
    pub fn remaining(&self, config: &Config, now_ms: u64) -> (u32, u64) {
        let used = self.window.iter().filter(|&&at| at + config.rpm_window_ms > now_ms).count() as u32;
        let oldest = self.window.iter().find(|&&at| at + config.rpm_window_ms > now_ms);
        (config.rpm.unwrap_or(0).saturating_sub(used), oldest.map_or(now_ms, |at| at + config.rpm_window_ms))
    }

    /// Whether the daily quota takes one more task; days are those of the provider's clock.
    pub fn day(&mut self, config: &Config, wall_ms: u64) -> Result<(), Refusal> {
        if self.day != wall_ms / DAY_MS {
            self.day = wall_ms / DAY_MS;
            self.day_count = 0;
        }
        match config.rpd {
            Some(rpd) if self.day_count >= rpd => {
                Err(Refusal { axis: Axis::Day, wait_ms: (self.day + 1) * DAY_MS - wall_ms })
            }
            _ => Ok(()),
        }
    }

    /// Counts a task against the daily quota.
    pub fn count_in_day(&mut self) {
        self.day_count += 1;
    }

    /// Whether a slot is free.
    pub fn has_slot(&self, config: &Config, now_ms: u64) -> bool {
        config.cap_at(now_ms).is_none_or(|cap| self.running < cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_rolls() {
        let config = Config { rpm: Some(2), rpm_window_ms: 100, ..Config::default() };
        let mut scope = Scope::default();
        for at in [0, 40] {
            assert_eq!(scope.window(&config, at), Ok(()));
            scope.count_in_window(at);
        }
        assert_eq!(scope.window(&config, 99), Err(Refusal { axis: Axis::Window, wait_ms: 1 }));
        assert_eq!(scope.window(&config, 100), Ok(()));
        scope.count_in_window(100);
        // A fixed window would be empty here; a rolling one still holds the submits at 40 and 100.
        assert_eq!(scope.window(&config, 101), Err(Refusal { axis: Axis::Window, wait_ms: 39 }));
        assert_eq!(scope.remaining(&config, 101), (0, 140));
        let lowered = Config { rpm: Some(1), ..config };
        assert_eq!(scope.window(&lowered, 101), Err(Refusal { axis: Axis::Window, wait_ms: 99 }));
    }

    #[test]
    fn the_day_ends_at_midnight() {
        let config = Config { rpd: Some(1), ..Config::default() };
        let mut scope = Scope::default();
        assert_eq!(scope.day(&config, DAY_MS - 10), Ok(()));
        scope.count_in_day();
        assert_eq!(scope.day(&config, DAY_MS - 10), Err(Refusal { axis: Axis::Day, wait_ms: 10 }));
        assert_eq!(scope.day(&config, DAY_MS), Ok(()));
    }
}
