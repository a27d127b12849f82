//! What an engine could do to a lane, at random.

use proptest::prelude::*;
use tidegate::error::Axis;
use tidegate::limit::{Concurrency, Counts, LaneConfig, Learned, Limits, Verdict};
use tidegate::options::Priority;
use tidegate::retry::hint::Rate;

use crate::{DAY, HOUR, MINUTE};

/// What the engine may do next; an index chooses among the permits that it fits.
#[derive(Clone, Debug)]
pub enum Step {
    Demand(Priority, u32, u32),
    Use(usize),
    UseAll,
    GiveBack(usize),
    Answer(usize, Verdict),
    AcceptAll,
    Seen(usize, bool),
    End(usize),
    Lose(usize, u64),
    Again(usize),
    Adopt,
    Rate(Rate),
    Hold(u64, bool),
    Recall(Learned),
    Pass(u64),
    ToDeadline,
}

fn axis() -> impl Strategy<Value = Axis> {
    prop::sample::select(vec![Axis::Unknown, Axis::Unknown, Axis::Concurrency, Axis::Minute, Axis::Day])
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        5 => Just(Verdict::Accepted),
        4 => (axis(), prop::option::weighted(0.3, 0..90_000u64)).prop_map(|(axis, hint)| Verdict::Refused { axis, hint }),
        1 => Just(Verdict::Failed),
        1 => Just(Verdict::Unknown),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let band = || prop::sample::select(vec![Priority::Interactive, Priority::Batch]);
    let rate = || (1..20u32, 0..20u32, 0..120_000u64);
    let window = || prop::option::of(prop_oneof![(0..20u32, Just(MINUTE)), (Just(1), 0..6_000u64)]);
    prop_oneof![
        3 => (band(), 0..40u32, 1..5u32).prop_map(|(band, waiting, weight)| Step::Demand(band, waiting, weight)),
        2 => (0..9usize).prop_map(Step::Use),
        6 => Just(Step::UseAll),
        1 => (0..9usize).prop_map(Step::GiveBack),
        9 => (0..9usize, verdict()).prop_map(|(index, verdict)| Step::Answer(index, verdict)),
        2 => Just(Step::AcceptAll),
        3 => (0..9usize, any::<bool>()).prop_map(|(index, queued)| Step::Seen(index, queued)),
        6 => (0..9usize).prop_map(Step::End),
        1 => (0..9usize, 0..200_000u64).prop_map(|(index, wait)| Step::Lose(index, wait)),
        1 => (0..9usize).prop_map(Step::Again),
        1 => Just(Step::Adopt),
        1 => rate().prop_map(|(limit, left, reset)| Step::Rate(Rate { limit, remaining: left.min(limit), reset })),
        1 => (0..100_000u64, any::<bool>()).prop_map(|(wait, hinted)| Step::Hold(wait, hinted)),
        1 => (0..50u32, any::<bool>(), window())
            .prop_map(|(limit, bounded, window)| Step::Recall(Learned { limit, bounded, window })),
        5 => (0..3_000u64).prop_map(Step::Pass),
        1 => prop::sample::select(vec![0, 59_999, 60_000, HOUR, DAY]).prop_map(Step::Pass),
        4 => Just(Step::ToDeadline),
    ]
}

pub fn config() -> impl Strategy<Value = LaneConfig> {
    let told = (1..20u32).prop_map(Concurrency::Told);
    let learned =
        (1..8u32, prop_oneof![1..20u32, Just(u32::MAX)]).prop_map(|(start, most)| Concurrency::Learn { start, most });
    let usual = Just(Limits::default().concurrency);
    let counts = prop::sample::select(vec![Counts::Task, Counts::Request, Counts::Image]);
    let per = || prop::option::weighted(0.3, 1..30u32);
    (prop_oneof![told, learned, usual], per(), per(), counts, any::<bool>()).prop_map(
        |(concurrency, rpm, rpd, counts, presumes)| {
            let limits = Limits { concurrency, rpm, rpd, counts, ..Limits::default() };
            LaneConfig { presumes, ..LaneConfig::new(limits) }
        },
    )
}
