//! A lane alone, where acceptance is the result: what is presumed, and what undoes it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

use tidegate::error::Axis;
use tidegate::limit::{
    Concurrency, Counts, Known, Lane, LaneConfig, LaneIn, LaneOut, Learned, Limits, Token, Verdict, Window,
};
use tidegate::options::Priority;
use tidegate::retry::hint::Rate;
use tidegate::rng::Rng;
use tidegate::time::Instant;

struct Bench {
    lane: Lane,
    now: u64,
}

impl Bench {
    /// A lane of four slots for which many wait.
    fn new(presumes: bool) -> Bench {
        let lane = Lane::new(LaneConfig { presumes, ..LaneConfig::new(Limits::told(4)) }, 7);
        let mut bench = Bench { lane, now: 0 };
        bench.tell(LaneIn::Demand { band: Priority::Batch, waiting: 100, weight: 1 });
        bench
    }

    fn tell(&mut self, message: LaneIn) {
        self.lane.handle(Instant::from_millis(self.now), message);
    }

    /// Uses every grant that is there.
    fn send(&mut self) -> Vec<Token> {
        let mut sent = Vec::new();
        while let Some(message) = self.lane.poll() {
            if let LaneOut::Grant { token, .. } = message {
                sent.push(token);
            }
        }
        sent.iter().for_each(|token| self.tell(LaneIn::Sent { token: *token, weight: 1 }));
        sent
    }

    fn refuse(&mut self, token: Token) {
        self.tell(LaneIn::Answered { token, verdict: Verdict::Refused { axis: Axis::Unknown, hint: None } });
    }

    /// Goes to the lane's next deadline.
    fn wait(&mut self) {
        self.now = self.lane.deadline().unwrap().millis();
        self.tell(LaneIn::Wake);
    }

    /// Four went out, the fourth was refused, and the first has ended: its slot is tried alone. Gives the three that may run, and the probe.
    fn after_a_refusal(presumes: bool) -> (Bench, Vec<Token>, Token) {
        let mut bench = Bench::new(presumes);
        let first = bench.send();
        assert_eq!(first.len(), 4);
        bench.now = 100;
        bench.refuse(first[3]);
        assert!(bench.send().is_empty(), "three is what there is");
        assert_eq!(bench.lane.snapshot().limit, 3);
        if !presumes {
            let accepted = |token| LaneIn::Answered { token, verdict: Verdict::Accepted };
            first[..3].iter().for_each(|token| bench.tell(accepted(*token)));
            bench.now = 10_000;
        }
        bench.tell(LaneIn::Ended { token: first[0] });
        let probe = bench.send();
        assert_eq!(probe.len(), 1, "one probe goes first");
        (bench, first, probe[0])
    }
}

#[test]
fn a_probe_that_is_not_refused_lets_the_others_go() {
    let (mut bench, first, probe) = Bench::after_a_refusal(true);
    let sent_at = bench.now;
    bench.tell(LaneIn::Ended { token: first[1] });
    assert!(bench.send().is_empty(), "the probe's answer decides");
    bench.wait();
    assert_eq!(bench.now, sent_at + 2_000);
    assert_eq!(bench.send().len(), 1, "the slot that came free meanwhile");
    bench.tell(LaneIn::Answered { token: probe, verdict: Verdict::Accepted });
    assert_eq!(bench.lane.snapshot().held, 3);
}

#[test]
fn without_presumption_silence_means_nothing() {
    let (mut bench, first, _) = Bench::after_a_refusal(false);
    bench.tell(LaneIn::Ended { token: first[1] });
    bench.now += 600_000;
    bench.tell(LaneIn::Wake);
    assert!(bench.send().is_empty());
}

#[test]
fn a_late_refusal_undoes_what_was_presumed() {
    let (mut bench, first, probe) = Bench::after_a_refusal(true);
    bench.now += 5_000;
    bench.refuse(probe);
    assert!(bench.send().is_empty(), "the row of refusals goes on");
    bench.tell(LaneIn::Ended { token: first[1] });
    assert_eq!(bench.send().len(), 1, "another single probe");
    // The slowest refusal took 5 s: silence is read only after twice that.
    let sent_at = bench.now;
    bench.tell(LaneIn::Ended { token: first[2] });
    assert!(bench.send().is_empty());
    bench.wait();
    assert_eq!(bench.now, sent_at + 10_000);
    assert!(
        (1..=2).contains(&bench.send().len()),
        "the slot that came free, and perhaps one to see whether there is more"
    );
}

/// The cooldown after a first refusal is at most a second here, after a second one two, and so on.
fn longest_cooldown_after_a_late_wave(first_at: u64) -> u64 {
    let mut bench = Bench::new(true);
    let wave = bench.send();
    bench.now = first_at;
    bench.refuse(wave[0]);
    let end = bench.lane.paused_until().map_or(first_at, |until| until.millis());
    bench.now += 2_000;
    for token in &wave[1..] {
        bench.now += 10;
        bench.refuse(*token);
    }
    bench.lane.paused_until().map_or(end, |until| until.millis())
}

#[test]
fn refusals_of_one_wave_are_one_event_however_late() {
    for first_at in [100, 1_900, 5_000] {
        assert!(longest_cooldown_after_a_late_wave(first_at) <= first_at + 1_000, "the first at {first_at} ms");
    }
}

#[test]
fn a_picture_begun_before_a_refusal_is_no_probe() {
    let (mut bench, first, probe) = Bench::after_a_refusal(true);
    bench.refuse(probe);
    bench.now = 20_000;
    bench.tell(LaneIn::Ended { token: first[1] });
    assert_eq!(bench.send().len(), 1, "the next probe");
    bench.tell(LaneIn::Answered { token: first[2], verdict: Verdict::Accepted });
    bench.tell(LaneIn::Ended { token: first[2] });
    assert!(bench.send().is_empty(), "its answer decides");
}

#[test]
fn a_window_that_a_header_tells_of_is_shown_and_kept() {
    let mut bench = Bench::new(true);
    let sent = bench.send();
    bench.tell(LaneIn::Answered { token: sent[0], verdict: Verdict::Accepted });
    bench.tell(LaneIn::Rate(Rate { limit: 5, remaining: 0, reset: 30_000 }));
    bench.tell(LaneIn::Ended { token: sent[0] });
    assert_eq!(bench.lane.snapshot().window, Some(Window { limit: 5, used: 5, length: 30_000, known: Known::Header }));
    assert!(bench.send().is_empty(), "nothing is left of it");
    bench.now = bench.lane.paused_until().unwrap().millis();
    assert!(bench.now >= 30_000);
    bench.tell(LaneIn::Wake);
    assert_eq!(bench.send().len(), 1);
    assert_eq!(bench.lane.snapshot().window, Some(Window { limit: 5, used: 0, length: 30_000, known: Known::Header }));
}

#[test]
fn a_days_limit_that_is_used_up_does_not_close_the_lane_for_a_day() {
    let paused = |limit: u32, reset: u64| {
        let mut bench = Bench::new(true);
        bench.tell(LaneIn::Rate(Rate { limit, remaining: 0, reset }));
        bench.lane.paused_until().map_or(0, |until| until.millis())
    };
    assert!((432_000..480_000).contains(&paused(200, 86_400_000)), "one every 7m12s");
    assert!((60_000..70_000).contains(&paused(10_000, 86_400_000)), "one every nine seconds");
    assert!((45_000..50_000).contains(&paused(5, 45_000)), "a minute's window is waited for whole");
    assert_eq!(paused(5, 0), 0);
}

/// 10 a minute for a key, whose models have lanes of their own. This one was let in eight times when the others were still; now that they are busy it is
/// refused after three, which no count of its own explains.
#[test]
fn a_window_of_the_whole_key_is_found_beside_the_lanes_of_its_models() {
    let mut bench = Bench { lane: Lane::new(LaneConfig::new(Limits::default()), 7), now: 0 };
    let let_in = |bench: &mut Bench, most: u32, waiting: u32| {
        let mut left = most;
        for _ in 0..200 {
            bench.now += 50;
            let waiting = if waiting == most { left } else { waiting };
            bench.tell(LaneIn::Demand { band: Priority::Batch, waiting, weight: 1 });
            for token in bench.send() {
                if left > 0 {
                    left -= 1;
                    bench.tell(LaneIn::Answered { token, verdict: Verdict::Accepted });
                    // Its task is quick: slots are never what is short.
                    bench.tell(LaneIn::Ended { token });
                } else if waiting < 100 {
                    bench.tell(LaneIn::Answered { token, verdict: Verdict::Failed });
                } else {
                    bench.refuse(token);
                }
            }
            if bench.lane.snapshot().window.is_some() {
                return;
            }
        }
    };
    let_in(&mut bench, 8, 8);
    bench.now = 61_000;
    (0..7).for_each(|_| bench.tell(LaneIn::Beside { weight: 1 }));
    let_in(&mut bench, 3, 100);
    let window = bench.lane.snapshot().window.expect("a window was found");
    assert_eq!((window.limit, window.length, window.known), (10, 60_000, Known::Suspected));
}

/// Figures that nobody has, told by a caller, a record or a header: each sum stays where it can be counted.
#[test]
fn the_largest_figures_are_no_overflow() {
    const FIGURES: [u32; 5] = [1, 7, 100_000_000, 650_000_000, u32::MAX];
    let mut rng = Rng::new(11);
    for run in 0..4_000 {
        let mut figure = || FIGURES[rng.up_to(4) as usize];
        let concurrency = match run % 2 {
            0 => Concurrency::Told(figure()),
            _ => Concurrency::Learn { start: figure(), most: figure() },
        };
        let counts = [Counts::Task, Counts::Image, Counts::Request][run % 3];
        let rpm = (run % 5 == 0).then(&mut figure);
        let limits = Limits { concurrency, counts, rpm, ..Limits::default() };
        let config = LaneConfig { presumes: run % 7 == 0, ..LaneConfig::new(limits) };
        let mut bench = Bench { lane: Lane::new(config, run as u64), now: 0 };
        let mut held = Vec::new();
        for _ in 0..60 {
            bench.now += [1, 300, 5_000, 100_000][rng.up_to(3) as usize];
            let weight = FIGURES[rng.up_to(4) as usize];
            let other = FIGURES[rng.up_to(4) as usize];
            let wait = rng.up_to(2) * 20_000;
            match rng.up_to(7) {
                0 => bench.tell(LaneIn::Adopt { token: 1 << 52 | rng.up_to(9), weight }),
                1 => bench.tell(LaneIn::Beside { weight }),
                2 => bench.tell(LaneIn::Recall(Learned { limit: weight, bounded: run % 2 > 0, window: None })),
                3 => bench.tell(LaneIn::Rate(Rate { limit: weight, remaining: weight.min(other), reset: wait })),
                4 if !held.is_empty() => bench.tell(LaneIn::Ended { token: held.swap_remove(0) }),
                _ => bench.tell(LaneIn::Demand { band: Priority::Batch, waiting: rng.up_to(40) as u32, weight }),
            }
            let mut sent = Vec::new();
            while let Some(message) = bench.lane.poll() {
                if let LaneOut::Grant { token, .. } = message {
                    sent.push(token);
                }
            }
            for token in sent {
                bench.tell(LaneIn::Sent { token, weight });
                held.push(token);
                match rng.up_to(4) {
                    0 => bench.refuse(token),
                    1 => bench.tell(LaneIn::Seen { token, queued: run % 4 == 0 }),
                    2 => bench.tell(LaneIn::Answered { token, verdict: Verdict::Unknown }),
                    _ => bench.tell(LaneIn::Answered { token, verdict: Verdict::Accepted }),
                }
            }
            let lane = bench.lane.snapshot();
            assert!(lane.limit > 0 && lane.queued <= held.len() as u32, "{lane:?}");
        }
    }
}
