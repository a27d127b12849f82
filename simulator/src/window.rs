//! A rolling window: what it has taken, and when there is room again.

use std::collections::VecDeque;

/// What was taken in and when, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: VecDeque<(u64, u32)>,
}

impl Window {
    /// How long until `weight` more fit, 0 being now. A weight that never fits waits until the window is empty.
    pub fn wait(&mut self, limit: u32, weight: u32, length_ms: u64, now_ms: u64) -> u64 {
        while self.entries.front().is_some_and(|&(at, _)| at + length_ms <= now_ms) {
            self.entries.pop_front();
        }
        let mut used = self.used(length_ms, now_ms);
        let fits = |used: u32| used.saturating_add(weight) <= limit;
        if fits(used) {
            return 0;
        }
        let mut wait_ms = length_ms;
        for &(at, taken) in &self.entries {
            wait_ms = (at + length_ms).saturating_sub(now_ms);
            used = used.saturating_sub(taken);
            if fits(used) {
                break;
            }
        }
        wait_ms
    }

    /// Takes `weight` in.
    pub fn count(&mut self, weight: u32, now_ms: u64) {
        if weight > 0 {
            self.entries.push_back((now_ms, weight));
        }
    }

    /// How much of the window is taken.
    pub fn used(&self, length_ms: u64, now_ms: u64) -> u32 {
        self.open(length_ms, now_ms).fold(0, |sum, (_, weight)| sum.saturating_add(weight))
    }

    /// When its oldest entry leaves: the first room.
    pub fn first_room_ms(&self, length_ms: u64, now_ms: u64) -> u64 {
        self.open(length_ms, now_ms).next().map_or(now_ms, |(at, _)| at + length_ms)
    }

    /// When its newest entry leaves: all of it is free again.
    pub fn empty_ms(&self, length_ms: u64, now_ms: u64) -> u64 {
        self.open(length_ms, now_ms).last().map_or(now_ms, |(at, _)| at + length_ms)
    }

    fn open(&self, length_ms: u64, now_ms: u64) -> impl Iterator<Item = (u64, u32)> {
        self.entries.iter().copied().filter(move |&(at, _)| at + length_ms > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_fit_when_enough_of_them_has_left() {
        let mut window = Window::default();
        window.count(3, 0);
        window.count(2, 40);
        assert_eq!(window.wait(5, 0, 100, 50), 0);
        assert_eq!(window.wait(5, 1, 100, 50), 50);
        assert_eq!(window.wait(5, 4, 100, 50), 90);
        assert_eq!(window.wait(5, 6, 100, 50), 90);
        assert_eq!((window.used(100, 50), window.first_room_ms(100, 50), window.empty_ms(100, 50)), (5, 100, 140));
        assert_eq!((window.wait(5, 3, 100, 100), window.used(100, 100)), (0, 2));
        assert_eq!((window.wait(5, 6, 100, 140), window.empty_ms(100, 140)), (100, 140));
    }
}
