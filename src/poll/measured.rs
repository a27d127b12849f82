//! What each rule costs: polls a task, and the time from the end on the server to the answer that shows it, of which 0.1 s is the way back.
//! Nothing is known beforehand; each rule learns from what its own polls saw. Virtual time, so the figures are exact.

use super::{AT_LEISURE, Durations, WATCHED, jitter, next};
use crate::rng::Rng;
use crate::time::Millis;

const TASKS: u32 = 20_000;
const ROUND_TRIP: Millis = 200;

type Kind = fn(&mut Rng) -> f64;
type Rule = fn(&Durations, Millis, Millis) -> Millis;

fn unit(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - unit(rng)).ln()).sqrt() * (std::f64::consts::TAU * unit(rng)).cos()
}

fn usual(rng: &mut Rng) -> f64 {
    (14.0 * (0.35 * normal(rng)).exp()).clamp(8.0, 30.0)
}

const KINDS: [(&str, Kind); 5] = [
    ("8-30 s", usual),
    ("12 ± 0.8 s", |rng| 12.0 + 0.8 * normal(rng)),
    ("5 % up to 180 s", |rng| {
        let usual = usual(rng);
        if unit(rng) < 0.05 { 30.0 + 150.0 * unit(rng) } else { usual }
    }),
    ("3-5 or 8-30 s", |rng| if unit(rng) < 0.5 { 3.0 + 2.0 * unit(rng) } else { usual(rng) }),
    ("1-3 s", |rng| 1.0 + 2.0 * unit(rng)),
];

/// At p5, then every 0.5 s, and past p95 every twentieth of the age: the rule to beat.
fn two_lines(durations: &Durations, seen: Millis, age: Millis) -> Millis {
    let Some((p5, median, p95)) = durations.summary().map(|known| (known.p5, known.p50, known.p95)) else {
        return age + (age * 8 / 100).clamp(500, 2_500);
    };
    let gap = (median / 8).clamp(150, 500);
    if seen == 0 && age < p5 { p5 } else { age + if age > p95 { gap.max(age / 20) } else { gap } }
}

const RULES: [(&str, Rule, Millis); 4] = [
    ("every 0.5 s", |_, _, age| age + 500, 500),
    ("p5, then 0.5 s", two_lines, 500),
    ("watched", |durations, seen, age| next(durations, WATCHED, seen, age), WATCHED.longest),
    ("at leisure", |durations, seen, age| next(durations, AT_LEISURE, seen, age), AT_LEISURE.longest),
];

/// Mean delay, s, and polls a task.
fn measure(kind: Kind, rule: Rule, gap: Millis) -> (f64, f64) {
    let (mut tasks, mut dice) = (Rng::new(7), Rng::new(99));
    let mut durations = Durations::default();
    let (mut delay, mut polls) = (0, 0);
    for _ in 0..TASKS {
        // Ages count from the answer that told of the acceptance, when the task was half a round trip old: a poll sees the end if it leaves a whole
        // round trip before the task is as old as it gets.
        let end = ((kind(&mut tasks).max(0.3) * 1_000.0) as Millis).saturating_sub(ROUND_TRIP);
        let (mut seen, mut age) = (0, 0);
        loop {
            let sent = jitter(&mut dice, rule(&durations, seen, age), gap).max(age);
            polls += 1;
            if sent >= end {
                delay += sent + ROUND_TRIP / 2 - end;
                durations.saw(seen, sent);
                break;
            }
            (seen, age) = (sent, sent + ROUND_TRIP);
        }
    }
    (delay as f64 / f64::from(TASKS) / 1_000.0, f64::from(polls) / f64::from(TASKS))
}

#[test]
fn fewer_polls_and_sooner() {
    let mut table: Vec<Vec<(f64, f64)>> = Vec::new();
    println!("{:16}{}", "delay s / polls", KINDS.map(|(name, _)| format!("{name:>18}")).concat());
    for (name, rule, gap) in RULES {
        let row: Vec<(f64, f64)> = KINDS.iter().map(|(_, kind)| measure(*kind, rule, gap)).collect();
        let cells: Vec<String> =
            row.iter().map(|(delay, polls)| format!("{:>18}", format!("{delay:.3} / {polls:.1}"))).collect();
        println!("{name:16}{}", cells.concat());
        table.push(row);
    }
    let [fixed, two_lines, watched, leisure] = [0, 1, 2, 3].map(|rule: usize| &table[rule]);
    assert!(watched[0].0 <= 0.46 && watched[0].1 <= 11.0, "{watched:?}");
    assert!(leisure[0].0 <= 0.55 && leisure[0].1 <= 9.0, "{leisure:?}");
    // One that takes 2 s and is followed at once by the next: 0.1 s to the server, and the delay.
    assert!((2.0 + 0.1 + watched[4].0) / 2.0 <= 1.22, "{watched:?}");
    for ((one, other), (name, _)) in watched.iter().zip(two_lines).zip(KINDS) {
        assert!(one.0 < other.0 && one.1 * one.0 < other.1 * other.0, "{name}: {one:?} against {other:?}");
    }
    assert!(watched.iter().zip(fixed).all(|(one, other)| one.0 * one.1 < other.0 * other.1 * 0.75), "{watched:?}");
}
