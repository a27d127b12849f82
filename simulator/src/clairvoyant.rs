//! The best makespan that a client could reach if it knew every limit and every duration beforehand.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::config::Config;
use crate::distribution::{CapSchedule, Durations};

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
    schedule(durations, n, cap, &CapSchedule::default(), window)
}

/// The same for a world's configuration: its cap, cap schedule, rolling window and durations.
pub fn clairvoyant_for(config: &Config, n: u64) -> u64 {
    let window = config.rpm.map(|submits| Window { submits, window_ms: config.rpm_window_ms });
    schedule(&config.durations(), n, config.concurrency, &config.concurrency_schedule, window)
}

fn schedule(durations: &Durations, n: u64, cap: Option<u32>, caps: &CapSchedule, window: Option<Window>) -> u64 {
    let mut running: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
    let mut recent: VecDeque<u64> = VecDeque::new();
    let (mut now, mut makespan) = (0, 0);
    for index in 0..n {
        if let Some(window) = window {
            if recent.len() >= window.submits as usize {
                let Some(oldest) = recent.pop_front() else { return u64::MAX };
                now = now.max(oldest + window.window_ms);
            }
        }
        loop {
            while running.peek().is_some_and(|&Reverse(end)| end <= now) {
                running.pop();
            }
            match caps.at(now).or(cap) {
                Some(cap) if running.len() >= cap as usize => {
                    let end = running.peek().map(|&Reverse(end)| end);
                    let Some(next) = end.into_iter().chain(caps.next_after(now)).min() else { return u64::MAX };
                    now = next;
                }
                _ => break,
            }
        }
        recent.push_back(now);
        let end = now + durations.of(index);
        running.push(Reverse(end));
        makespan = makespan.max(end);
    }
    makespan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;

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
}
