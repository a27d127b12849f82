//! A limit over time: what it has taken, and when there is room again.

use std::collections::VecDeque;

use crate::choices::WindowKind;

/// How much may be taken in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub kind: WindowKind,
    /// So much in a window.
    pub limit: u32,
    /// The most that a bucket holds; the other kinds hold a window's worth.
    pub burst: u32,
    pub length_ms: u64,
    /// How far the window of the provider's clock had come at world time 0.
    pub phase_ms: u64,
}

impl Rule {
    /// The most that is taken at once.
    pub fn most(&self) -> u32 {
        if self.kind == WindowKind::Bucket { self.burst } else { self.limit }
    }

    /// Before this, nothing that was taken counts any more. Not asked of buckets.
    fn since(&self, now_ms: u64) -> Option<u64> {
        match self.kind {
            WindowKind::Fixed => now_ms.checked_sub((now_ms + self.phase_ms) % self.length_ms.max(1)),
            _ => now_ms.checked_sub(self.length_ms).map(|at| at + 1),
        }
    }

    /// When what was taken at a time counts no more.
    fn leaves(&self, at_ms: u64) -> u64 {
        match self.kind {
            WindowKind::Fixed => at_ms + self.length_ms - (at_ms + self.phase_ms) % self.length_ms.max(1),
            _ => at_ms + self.length_ms,
        }
    }
}

/// What was taken in and when, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: VecDeque<(u64, u32)>,
    /// What a bucket lacks, in parts of which a whole window brings `limit` for each of its milliseconds, and when that was so.
    lack: u64,
    as_of_ms: u64,
}

impl Window {
    /// How long until `weight` more fit, 0 being now. A weight that never fits waits until the window is empty.
    pub fn wait(&self, rule: &Rule, weight: u32, now_ms: u64) -> u64 {
        if rule.kind == WindowKind::Bucket {
            let wanted = u64::from(weight.min(rule.burst)) * rule.length_ms;
            let over = (self.lacks(rule, now_ms) + wanted).saturating_sub(u64::from(rule.burst) * rule.length_ms);
            return if rule.limit == 0 { rule.length_ms } else { over.div_ceil(u64::from(rule.limit)) };
        }
        let mut used = self.used(rule, now_ms);
        let fits = |used: u32| used.saturating_add(weight) <= rule.limit;
        if fits(used) {
            return 0;
        }
        let mut wait_ms = rule.length_ms;
        for (at, taken) in self.open(rule, now_ms) {
            wait_ms = rule.leaves(at).saturating_sub(now_ms);
            used = used.saturating_sub(taken);
            if fits(used) {
                break;
            }
        }
        wait_ms
    }

    /// Takes `weight` in.
    pub fn count(&mut self, rule: &Rule, weight: u32, now_ms: u64) {
        if weight == 0 {
            return;
        }
        if rule.kind == WindowKind::Bucket {
            self.lack = self.lacks(rule, now_ms) + u64::from(weight) * rule.length_ms;
            self.as_of_ms = now_ms;
            return;
        }
        while self.entries.front().is_some_and(|&(at, _)| at + rule.length_ms <= now_ms) {
            self.entries.pop_front();
        }
        self.entries.push_back((now_ms, weight));
    }

    /// How much of the window is taken.
    pub fn used(&self, rule: &Rule, now_ms: u64) -> u32 {
        match rule.kind {
            WindowKind::Bucket => self.lacks(rule, now_ms).div_ceil(rule.length_ms.max(1)).min(u32::MAX.into()) as u32,
            _ => self.open(rule, now_ms).fold(0, |sum, (_, weight)| sum.saturating_add(weight)),
        }
    }

    /// When there is room for one more than now.
    pub fn first_room_ms(&self, rule: &Rule, now_ms: u64) -> u64 {
        match (rule.kind, u64::from(rule.limit)) {
            (WindowKind::Bucket, 0) => now_ms,
            (WindowKind::Bucket, limit) => {
                let lacks = self.lacks(rule, now_ms);
                let whole = lacks.saturating_sub(1) / rule.length_ms.max(1) * rule.length_ms;
                now_ms + (lacks - whole.min(lacks)).div_ceil(limit)
            }
            _ => self.open(rule, now_ms).next().map_or(now_ms, |(at, _)| rule.leaves(at)),
        }
    }

    /// When all of it is free again.
    pub fn empty_ms(&self, rule: &Rule, now_ms: u64) -> u64 {
        match (rule.kind, u64::from(rule.limit)) {
            (WindowKind::Bucket, 0) => now_ms,
            (WindowKind::Bucket, limit) => now_ms + self.lacks(rule, now_ms).div_ceil(limit),
            _ => self.open(rule, now_ms).last().map_or(now_ms, |(at, _)| rule.leaves(at)),
        }
    }

    fn lacks(&self, rule: &Rule, now_ms: u64) -> u64 {
        self.lack.saturating_sub(now_ms.saturating_sub(self.as_of_ms).saturating_mul(rule.limit.into()))
    }

    fn open(&self, rule: &Rule, now_ms: u64) -> impl Iterator<Item = (u64, u32)> {
        let since = rule.since(now_ms);
        self.entries.iter().copied().filter(move |&(at, _)| since.is_none_or(|since| at >= since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: WindowKind, limit: u32) -> Rule {
        Rule { kind, limit, burst: limit, length_ms: 100, phase_ms: 0 }
    }

    #[test]
    fn weights_fit_when_enough_of_them_has_left() {
        let mut window = Window::default();
        let rule = rule(WindowKind::Rolling, 5);
        window.count(&rule, 3, 0);
        window.count(&rule, 2, 40);
        assert_eq!(window.wait(&rule, 0, 50), 0);
        assert_eq!(window.wait(&rule, 1, 50), 50);
        assert_eq!(window.wait(&rule, 4, 50), 90);
        assert_eq!(window.wait(&rule, 6, 50), 90);
        assert_eq!(
            (window.used(&rule, 50), window.first_room_ms(&rule, 50), window.empty_ms(&rule, 50)),
            (5, 100, 140)
        );
        assert_eq!((window.wait(&rule, 3, 100), window.used(&rule, 100)), (0, 2));
        assert_eq!((window.wait(&rule, 6, 140), window.empty_ms(&rule, 140)), (100, 140));
    }

    #[test]
    fn a_fixed_window_is_empty_at_its_boundary() {
        let mut window = Window::default();
        let rule = Rule { phase_ms: 30, ..rule(WindowKind::Fixed, 2) };
        window.count(&rule, 1, 0);
        window.count(&rule, 1, 69);
        // The provider's clock stands at 30 when the world begins: its first window ends after 70 ms.
        assert_eq!((window.wait(&rule, 1, 69), window.used(&rule, 69)), (1, 2));
        assert_eq!((window.first_room_ms(&rule, 69), window.empty_ms(&rule, 69)), (70, 70));
        assert_eq!((window.wait(&rule, 2, 70), window.used(&rule, 70)), (0, 0));
        window.count(&rule, 2, 169);
        assert_eq!((window.wait(&rule, 1, 169), window.wait(&rule, 2, 170)), (1, 0));
    }

    #[test]
    fn a_bucket_refills_evenly() {
        let mut window = Window::default();
        let rule = Rule { burst: 2, ..rule(WindowKind::Bucket, 5) };
        window.count(&rule, 2, 10);
        assert_eq!((window.wait(&rule, 1, 10), window.wait(&rule, 2, 10), window.wait(&rule, 9, 10)), (20, 40, 40));
        assert_eq!((window.used(&rule, 10), window.first_room_ms(&rule, 10), window.empty_ms(&rule, 10)), (2, 30, 50));
        assert_eq!((window.wait(&rule, 1, 29), window.used(&rule, 29)), (1, 2));
        assert_eq!((window.wait(&rule, 1, 30), window.used(&rule, 30)), (0, 1));
        window.count(&rule, 1, 30);
        assert_eq!(window.wait(&rule, 1, 30), 20);
        // What is not used does not pile up.
        assert_eq!((window.wait(&rule, 2, 1_000), window.wait(&rule, 2, 1_000)), (0, 0));
        window.count(&rule, 2, 1_000);
        assert_eq!(window.wait(&rule, 1, 1_000), 20);
    }
}
