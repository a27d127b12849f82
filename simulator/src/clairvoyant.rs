//! The best makespan that a client could reach if it knew every limit and every duration beforehand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::choices::SlotUse;
use crate::config::Config;
use crate::distribution::Durations;
use crate::limits::Scope;

/// A limit on requests in a rolling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many submits one window takes.
    pub submits: u32,
    /// The window's length in milliseconds.
    pub window_ms: u64,
}

/// The makespan in milliseconds of `n` tasks in a FIFO list schedule: cap and window known, no round trip, every end seen
/// at once. `cap` and `window` of `None` mean no limit. A cap or window of 0 never ends: `u64::MAX`.
pub fn clairvoyant(durations: &Durations, n: u64, cap: Option<u32>, window: Option<Window>) -> u64 {
    let config = Config {
        seed: durations.seed,
        duration: durations.distribution,
        concurrency: cap,
        rpm: window.map(|window| window.submits),
        rpm_window_ms: window.map_or(0, |window| window.window_ms),
        ..Config::default()
    };
    clairvoyant_for(&config, n)
}

/// The same for a world's configuration: its cap, cap schedule and what takes a slot, its windows of every kind, its days, its durations. However many
/// clients share a key, and whether a provider answers with tasks or with pictures, this is the best that all of them together can do; submits that
/// are refused, and polls, are none of it.
pub fn clairvoyant_for(config: &Config, n: u64) -> u64 {
    if n > 0 && [config.rpm, config.rpm_burst, config.sub_window, config.ipm, config.rpd].contains(&Some(0)) {
        return u64::MAX;
    }
    let durations = config.durations();
    let mut limits = Scope::default();
    let mut slots = Slots::default();
    let (mut now, mut makespan) = (0, 0);
    for index in 0..n {
        let images = u32::from(config.ipm.is_some());
        loop {
            let wall_ms = (config.epoch_ms + now).saturating_add_signed(config.clock_skew_ms);
            let refusal = limits.window(config, images, now).and_then(|()| limits.day(config, wall_ms));
            if let Err(refusal) = refusal {
                now += refusal.wait_ms;
                continue;
            }
            slots.advance(now);
            match config.cap_at(now) {
                Some(cap) if slots.left.len() >= cap as usize => {
                    let left = slots.left.peek().map(|&Reverse(at)| at);
                    let step = config.concurrency_schedule.next_after(now);
                    let Some(next) = left.into_iter().chain(step).min() else { return u64::MAX };
                    now = next;
                }
                _ => break,
            }
        }
        limits.count_in_window(config, images, now);
        limits.count_in_day();
        let end = now + durations.of(index);
        slots.take(config, now, end);
        makespan = makespan.max(end);
    }
    makespan
}

/// Who holds a slot until when.
#[derive(Default)]
struct Slots {
    left: BinaryHeap<Reverse<u64>>,
    /// Those that are yet to take theirs: from when until when.
    coming: BinaryHeap<Reverse<(u64, u64)>>,
}

impl Slots {
    fn advance(&mut self, now: u64) {
        while let Some(&Reverse((_, until))) = self.coming.peek().filter(|Reverse((from, _))| *from <= now) {
            self.coming.pop();
            self.left.push(Reverse(until));
        }
        while self.left.peek().is_some_and(|&Reverse(until)| until <= now) {
            self.left.pop();
        }
    }

    fn take(&mut self, config: &Config, now: u64, end: u64) {
        match config.slot_use {
            SlotUse::Task => self.left.push(Reverse(end)),
            SlotUse::Request => self.left.push(Reverse((now + config.accept_after_ms).min(end))),
            SlotUse::InProgress => self.coming.push(Reverse(((now + config.queued_ms).min(end), end))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::{CapSchedule, Distribution};

    const TEN: Durations = Durations { seed: 1, distribution: Distribution::Fixed(10) };

    #[test]
    fn cap_and_window_bound_the_makespan() {
        assert_eq!(clairvoyant(&TEN, 8, None, None), 10);
        assert_eq!(clairvoyant(&TEN, 8, Some(4), None), 20);
        assert_eq!(clairvoyant(&TEN, 9, Some(4), None), 30);
        assert_eq!(clairvoyant(&TEN, 9, None, Some(Window { submits: 3, window_ms: 60 })), 130);
        assert_eq!(clairvoyant(&TEN, 1, Some(0), None), u64::MAX);
        assert_eq!(clairvoyant(&TEN, 1, None, Some(Window { submits: 0, window_ms: 60 })), u64::MAX);
        assert_eq!(clairvoyant(&TEN, 0, Some(0), None), 0);
    }

    #[test]
    fn the_cap_schedule_counts_in_the_middle_of_a_task() {
        let config = Config {
            concurrency: Some(1),
            concurrency_schedule: CapSchedule::new(vec![(5, 2)]),
            duration: Distribution::Fixed(10),
            ..Config::default()
        };
        assert_eq!(clairvoyant_for(&config, 2), 15);
    }

    #[test]
    fn a_provider_that_counts_submits_on_the_wire_takes_them_one_after_the_other() {
        let config = Config {
            concurrency: Some(2),
            duration: Distribution::Fixed(1_000),
            slot_use: SlotUse::Request,
            accept_after_ms: 10,
            ..Config::default()
        };
        assert_eq!(clairvoyant_for(&config, 6), 1_020);
    }
}
