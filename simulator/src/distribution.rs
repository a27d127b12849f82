//! How long tasks take, and how the concurrency cap changes over time: settings written as short strings.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::random::{Stream, bits, mix, to_unit};

/// The spread of the lognormal distribution's logarithm; with a median of 14 s, 90 % lie between 8 s and 25 s.
const SIGMA: f64 = 0.35;

/// From which distribution a task's duration is drawn. All times in milliseconds.
///
/// As text: `fixed:500`, `uniform:8000,30000`, `lognormal:14000,8000,30000`, `tail:14000,8000,30000,0.02`,
/// `bimodal:3000,20000,0.3`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Distribution {
    /// Always the same.
    Fixed(u64),
    /// Evenly between the two.
    Uniform(u64, u64),
    /// Lognormal about the median, clipped.
    Lognormal {
        /// The median.
        median: u64,
        /// No task is quicker.
        min: u64,
        /// No task is slower.
        max: u64,
    },
    /// Lognormal, but a share of the tasks takes between once and ten times `max` (Pareto, exponent 1).
    Tail {
        /// The median of the ordinary tasks.
        median: u64,
        /// No task is quicker.
        min: u64,
        /// No ordinary task is slower.
        max: u64,
        /// The share of slow tasks, 0 to 1.
        share: f64,
    },
    /// A quick and a slow kind, each spread by ±10 %.
    Bimodal {
        /// The quick kind's middle.
        quick: u64,
        /// The slow kind's middle.
        slow: u64,
        /// The share of slow tasks, 0 to 1.
        share: f64,
    },
}

impl Distribution {
    /// The duration for three independent numbers in `[0, 1)`.
    fn draw(&self, kind: f64, first: f64, second: f64) -> u64 {
        match *self {
            Distribution::Fixed(duration) => duration,
            Distribution::Uniform(min, max) => min + (first * (max.saturating_sub(min) as f64 + 1.0)) as u64,
            Distribution::Lognormal { median, min, max } => lognormal(median, min, max, first, second),
            Distribution::Tail { max, share, .. } if kind < share => {
                ((max as f64 / (1.0 - first)) as u64).min(max * 10)
            }
            Distribution::Tail { median, min, max, .. } => lognormal(median, min, max, first, second),
            Distribution::Bimodal { quick, slow, share } => {
                let middle = if kind < share { slow } else { quick };
                (middle as f64 * (0.9 + 0.2 * first)) as u64
            }
        }
    }
}

fn lognormal(median: u64, min: u64, max: u64, first: f64, second: f64) -> u64 {
    let normal = (-2.0 * (1.0 - first).ln()).sqrt() * (std::f64::consts::TAU * second).cos();
    ((median as f64 * (SIGMA * normal).exp()) as u64).clamp(min, max.max(min))
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distribution::Fixed(duration) => write!(f, "fixed:{duration}"),
            Distribution::Uniform(min, max) => write!(f, "uniform:{min},{max}"),
            Distribution::Lognormal { median, min, max } => write!(f, "lognormal:{median},{min},{max}"),
            Distribution::Tail { median, min, max, share } => write!(f, "tail:{median},{min},{max},{share}"),
            Distribution::Bimodal { quick, slow, share } => write!(f, "bimodal:{quick},{slow},{share}"),
        }
    }
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Distribution, String> {
        const FORMS: &str = "expected fixed:MS, uniform:MIN,MAX, lognormal:MEDIAN,MIN,MAX, tail:MEDIAN,MIN,MAX,SHARE or bimodal:QUICK,SLOW,SHARE";
        let (kind, numbers) = text.split_once(':').ok_or(FORMS)?;
        let numbers: Vec<f64> = numbers
            .split(',')
            .map(|number| number.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0))
            .collect::<Option<_>>()
            .ok_or(FORMS)?;
        let ordered = |min: f64, max: f64| if min <= max { Ok(()) } else { Err(format!("{min} is above {max}")) };
        let shared = |share: f64| if share <= 1.0 { Ok(share) } else { Err("a share is 0 to 1".to_owned()) };
        match (kind, numbers.as_slice()) {
            ("fixed", &[duration]) => Ok(Distribution::Fixed(duration as u64)),
            ("uniform", &[min, max]) => {
                ordered(min, max)?;
                Ok(Distribution::Uniform(min as u64, max as u64))
            }
            ("lognormal", &[median, min, max]) => {
                ordered(min, max)?;
                Ok(Distribution::Lognormal { median: median as u64, min: min as u64, max: max as u64 })
            }
            ("tail", &[median, min, max, share]) => {
                ordered(min, max)?;
                let share = shared(share)?;
                Ok(Distribution::Tail { median: median as u64, min: min as u64, max: max as u64, share })
            }
            ("bimodal", &[quick, slow, share]) => {
                Ok(Distribution::Bimodal { quick: quick as u64, slow: slow as u64, share: shared(share)? })
            }
            _ => Err(FORMS.to_owned()),
        }
    }
}

impl TryFrom<String> for Distribution {
    type Error = String;

    fn try_from(text: String) -> Result<Distribution, String> {
        text.parse()
    }
}

impl From<Distribution> for String {
    fn from(distribution: Distribution) -> String {
        distribution.to_string()
    }
}

/// The durations of tasks by the order in which they are accepted: the k-th accepted task takes as long in the world
/// as in the [`clairvoyant`](crate::clairvoyant()) schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Durations {
    /// The world's seed.
    pub seed: u64,
    /// What is drawn from.
    pub distribution: Distribution,
}

impl Durations {
    /// How long the task with this acceptance index (from 0) runs, in milliseconds, archiving included; never 0.
    pub fn of(&self, index: u64) -> u64 {
        let first = bits(self.seed, Stream::Duration, index);
        let second = mix(first);
        self.distribution.draw(to_unit(first), to_unit(second), to_unit(mix(second))).max(1)
    }
}

/// From when which concurrency cap holds; before the first step the setting `concurrency` does.
///
/// As text: `60000:8,120000:2` (at 60 s the cap becomes 8, at 120 s 2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CapSchedule(Vec<(u64, u32)>);

impl CapSchedule {
    /// A schedule of steps `(from this millisecond, cap)`.
    pub fn new(mut steps: Vec<(u64, u32)>) -> CapSchedule {
        steps.sort_by_key(|&(at, _)| at);
        CapSchedule(steps)
    }

    /// The cap that the schedule prescribes at a time, if it has begun.
    pub(crate) fn at(&self, now_ms: u64) -> Option<u32> {
        self.0.iter().take_while(|&&(at, _)| at <= now_ms).last().map(|&(_, cap)| cap)
    }

    /// The time of the first step after a time.
    pub(crate) fn next_after(&self, now_ms: u64) -> Option<u64> {
        self.0.iter().map(|&(at, _)| at).find(|&at| at > now_ms)
    }
}

impl TryFrom<String> for CapSchedule {
    type Error = String;

    fn try_from(text: String) -> Result<CapSchedule, String> {
        text.split(',')
            .filter(|step| !step.trim().is_empty())
            .map(|step| {
                let (at, cap) = step.split_once(':')?;
                Some((at.trim().parse().ok()?, cap.trim().parse().ok()?))
            })
            .collect::<Option<_>>()
            .map(CapSchedule::new)
            .ok_or_else(|| "expected AT_MS:CAP,AT_MS:CAP,…".to_owned())
    }
}

impl From<CapSchedule> for String {
    fn from(schedule: CapSchedule) -> String {
        schedule.0.iter().map(|(at, cap)| format!("{at}:{cap}")).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Vec<u64> {
        let durations = Durations { seed: 7, distribution: text.parse().unwrap() };
        let mut all: Vec<u64> = (0..4000).map(|index| durations.of(index)).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn each_form_reads_back_as_it_is_written() {
        for text in ["fixed:5", "uniform:1,2", "lognormal:3,1,9", "tail:3,1,9,0.25", "bimodal:1,9,0.5"] {
            assert_eq!(text.parse::<Distribution>().unwrap().to_string(), text);
        }
        for text in ["", "fixed", "fixed:x", "fixed:-1", "uniform:2,1", "bimodal:1,2,1.5", "tail:1,2", "fixed:inf"] {
            assert!(text.parse::<Distribution>().is_err(), "{text}");
        }
    }

    #[test]
    fn draws_follow_their_distribution() {
        let lognormal = drawn("lognormal:14000,8000,30000");
        assert!((13_500..14_500).contains(&lognormal[2000]), "median {}", lognormal[2000]);
        assert!(lognormal[0] >= 8000 && lognormal[3999] <= 30_000);
        let uniform = drawn("uniform:100,200");
        assert!(uniform[0] <= 101 && uniform[3999] == 200 && (145..155).contains(&uniform[2000]));
        let tail = drawn("tail:1000,500,2000,0.1");
        let slow = tail.iter().filter(|&&duration| duration > 2000).count();
        assert!((300..500).contains(&slow), "{slow}");
        assert!(tail[3999] <= 20_000);
        let bimodal = drawn("bimodal:100,10000,0.25");
        assert!(bimodal[2900] <= 110 && bimodal[3100] >= 9000);
    }

    #[test]
    fn a_schedule_holds_from_its_steps_on() {
        let schedule = CapSchedule::try_from("200:2, 100:8".to_owned()).unwrap();
        assert_eq!([99, 100, 199, 200].map(|at| schedule.at(at)), [None, Some(8), Some(8), Some(2)]);
        assert_eq!([0, 100, 200].map(|at| schedule.next_after(at)), [Some(100), Some(200), None]);
        assert_eq!(String::from(schedule), "100:8,200:2");
        assert!(CapSchedule::try_from("5".to_owned()).is_err());
    }
}
