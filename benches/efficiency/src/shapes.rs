//! Which providers, loads and distances make up the grid, and those that are kept for the end.

use tidegate_simulator::{Distribution, HintMode, WindowKind};

/// A step in a cap's course: from this second on, this cap.
pub type Step = (u64, u32);

/// A limit over time: its kind, so many a minute, the burst of a bucket, the second window as so many in so many ms.
#[derive(Clone, Copy, Debug)]
pub struct OverTime {
    /// What it is called.
    pub name: &'static str,
    /// How it comes back.
    pub kind: WindowKind,
    /// So many a minute.
    pub rpm: u32,
    /// What a bucket holds.
    pub burst: Option<u32>,
    /// So many in so many ms, besides.
    pub sub_window: Option<(u32, u64)>,
    /// How far the minute of the provider's clock has come at the start, s.
    pub phase: u64,
}

/// What the rows are made of.
#[derive(Clone, Copy, Debug)]
pub struct Shapes {
    /// Caps that are told.
    pub told: &'static [u32],
    /// How many times the cap there is to do, where it is told.
    pub told_times: &'static [u32],
    /// Distances, ms.
    pub rtts: &'static [u64],
    /// Greater ones.
    pub far: u64,
    /// Caps of 7 and more that are not told.
    pub caps: &'static [u32],
    /// Caps of which there is only twice as much to do.
    pub brief: &'static [u32],
    /// How long tasks take besides the usual 8 to 30 s, and with which caps and distances.
    pub durations: &'static [(&'static str, Distribution)],
    /// With these caps.
    pub durations_caps: &'static [u32],
    /// And these distances.
    pub durations_rtts: &'static [u64],
    /// Quick tasks.
    pub quick: Distribution,
    /// Caps that change: the first, its steps, and how many tasks.
    pub drops: &'static [(u32, &'static [Step], u32)],
    /// Caps that are only raised.
    pub raises: &'static [(u32, &'static [Step], u32)],
    /// Cap and submits a minute.
    pub windows: &'static [(u32, u32)],
    /// Where refusals count as well.
    pub counting: &'static [(u32, u32)],
    /// What refusals say, and whether those for want of a slot do, too.
    pub hints: &'static [(HintMode, bool)],
    /// Buckets, fixed minutes, sub-windows.
    pub over_time: &'static [OverTime],
    /// Caps that two clients share.
    pub two: &'static [u32],
    /// Small ones.
    pub two_small: &'static [u32],
    /// Caps that five share.
    pub five: &'static [u32],
    /// Caps of synchronous providers, and of those that refuse slowly.
    pub synchronous: &'static [u32],
    /// After how many ms they refuse.
    pub late: &'static [u64],
    /// After how many ms a provider with tasks refuses.
    pub late_tasks: &'static [u64],
    /// Shares of faults.
    pub faults: &'static [f64],
    /// Of a provider that queues: slots, tasks, and how often somebody comes by, s.
    pub queue: (u32, u32, u64),
    /// The cap that three tenants share, and what two of them have to do; the third has ten times as much.
    pub tenants: (u32, u32),
}

const HINTS: &[(HintMode, bool)] = &[
    (HintMode::None, false),
    (HintMode::Seconds, false),
    (HintMode::HttpDate, false),
    (HintMode::Milliseconds, false),
    (HintMode::Seconds, true),
];

const DURATIONS: &[(&str, Distribution)] = &[
    ("1-3 s", Distribution::Uniform(1_000, 3_000)),
    ("2-5 s", Distribution::Uniform(2_000, 5_000)),
    ("20-60 s", Distribution::Lognormal { median: 35_000, min: 20_000, max: 60_000 }),
    ("heavy tail", Distribution::Tail { median: 14_000, min: 8_000, max: 30_000, share: 0.05 }),
    ("bimodal", Distribution::Bimodal { quick: 4_000, slow: 20_000, share: 0.5 }),
];

const fn bucket(name: &'static str, rpm: u32, burst: u32) -> OverTime {
    OverTime { name, kind: WindowKind::Bucket, rpm, burst: Some(burst), sub_window: None, phase: 0 }
}

const fn fixed(name: &'static str, rpm: u32, phase: u64) -> OverTime {
    OverTime { name, kind: WindowKind::Fixed, rpm, burst: None, sub_window: None, phase }
}

const fn brief(name: &'static str, rpm: u32, submits: u32, in_ms: u64) -> OverTime {
    OverTime { name, kind: WindowKind::Rolling, rpm, burst: None, sub_window: Some((submits, in_ms)), phase: 0 }
}

/// Everything.
pub const FULL: Shapes = Shapes {
    told: &[1, 2, 4, 7, 16, 50, 64, 200],
    told_times: &[2, 10, 25],
    rtts: &[20, 200],
    far: 600,
    caps: &[7, 16, 50, 64, 200],
    brief: &[4, 7, 16, 50, 64, 200],
    durations: DURATIONS,
    durations_caps: &[7, 16, 64],
    durations_rtts: &[20, 200],
    quick: Distribution::Uniform(1_000, 3_000),
    drops: &[
        (32, &[(120, 8), (300, 32)], 700),
        (48, &[(100, 5), (260, 20)], 500),
        (16, &[(60, 4), (150, 16)], 300),
        (64, &[(60, 16)], 600),
    ],
    raises: &[(8, &[(90, 64)], 600), (16, &[(60, 24)], 400)],
    windows: &[(16, 15), (64, 15), (10, 30), (64, 30), (16, 40), (64, 60), (200, 60), (40, 90), (64, 90)],
    counting: &[(16, 40), (16, 30), (64, 60)],
    hints: HINTS,
    over_time: &[
        bucket("bucket, 60/min, burst 10", 60, 10),
        bucket("bucket, 30/min, burst 5", 30, 5),
        bucket("bucket, 60/min, burst 60", 60, 60),
        bucket("bucket, 40/min, burst 1", 40, 1),
        fixed("fixed minute, 60/min", 60, 0),
        fixed("fixed minute, 60/min, from its 37th s", 60, 37),
        fixed("fixed minute, 30/min, from its 50th s", 30, 50),
        brief("60/min and 1/s", 60, 1, 1_000),
        brief("60/min and 5 in 5 s", 60, 5, 5_000),
        brief("30/min and 1 in 2 s", 30, 1, 2_000),
        bucket("bucket, 75/min, burst 3", 75, 3),
        brief("75/min and 2 in 1.5 s", 75, 2, 1_500),
        brief("33/min and 3 in 5 s", 33, 3, 5_000),
        bucket("bucket, 24/min, burst 2", 24, 2),
        brief("45/min and 2 in 4 s", 45, 2, 4_000),
    ],
    two: &[16, 40, 64],
    two_small: &[3, 4],
    five: &[4, 16, 40, 64],
    synchronous: &[7, 16, 50, 64],
    late: &[0, 300, 3_000],
    late_tasks: &[3_000, 10_000],
    faults: &[0.01, 0.03, 0.10],
    queue: (16, 300, 20),
    tenants: (16, 200),
};

/// A part of each row, for every day.
pub const PART: Shapes = Shapes {
    told: &[1, 4, 16, 64],
    told_times: &[10],
    caps: &[7, 16, 64],
    brief: &[4, 16, 64],
    durations_caps: &[16],
    durations_rtts: &[200],
    windows: &[(16, 40), (64, 60), (16, 15)],
    over_time: &[
        bucket("bucket, 60/min, burst 10", 60, 10),
        bucket("bucket, 30/min, burst 5", 30, 5),
        fixed("fixed minute, 60/min, from its 37th s", 60, 37),
        fixed("fixed minute, 30/min, from its 50th s", 30, 50),
        brief("60/min and 1/s", 60, 1, 1_000),
        brief("30/min and 1 in 2 s", 30, 1, 2_000),
        bucket("bucket, 75/min, burst 3", 75, 3),
        brief("75/min and 2 in 1.5 s", 75, 2, 1_500),
        brief("33/min and 3 in 5 s", 33, 3, 5_000),
        bucket("bucket, 24/min, burst 2", 24, 2),
        brief("45/min and 2 in 4 s", 45, 2, 4_000),
    ],
    synchronous: &[7, 16, 64],
    faults: &[0.03, 0.10],
    ..FULL
};

/// Other shapes, which nobody looks at while anything is tuned; they go with other seeds.
pub const HELD_OUT: Shapes = Shapes {
    told: &[5, 11, 23, 37, 70, 120],
    told_times: &[2, 10],
    rtts: &[90],
    far: 500,
    caps: &[11, 23, 37, 70, 120],
    brief: &[5, 11, 23, 37, 70, 120],
    durations: &[
        ("5-12 s", Distribution::Uniform(5_000, 12_000)),
        ("10-45 s", Distribution::Lognormal { median: 22_000, min: 10_000, max: 45_000 }),
        ("two kinds", Distribution::Bimodal { quick: 5_000, slow: 26_000, share: 0.7 }),
        ("stragglers", Distribution::Tail { median: 16_000, min: 9_000, max: 28_000, share: 0.04 }),
    ],
    durations_caps: &[11, 37],
    durations_rtts: &[90, 500],
    quick: Distribution::Uniform(1_500, 3_000),
    drops: &[
        (23, &[(80, 6), (240, 23)], 460),
        (37, &[(110, 11)], 400),
        (12, &[(70, 3), (190, 20)], 260),
        (70, &[(95, 24), (210, 70)], 1_100),
    ],
    raises: &[(11, &[(80, 40)], 520)],
    windows: &[(11, 20), (37, 20), (23, 50), (70, 50), (37, 70), (120, 70)],
    counting: &[(11, 50), (23, 35), (37, 70)],
    hints: HINTS,
    over_time: &[
        bucket("bucket, 36/min, burst 3", 36, 3),
        bucket("bucket, 20/min, burst 1", 20, 1),
        bucket("bucket, 80/min, burst 8", 80, 8),
        fixed("fixed minute, 50/min, from its 21st s", 50, 21),
        fixed("fixed minute, 20/min, from its 44th s", 20, 44),
        brief("70/min and 3 in 2 s", 70, 3, 2_000),
        brief("40/min and 2 in 3 s", 40, 2, 3_000),
        brief("25/min and 1 in 2.5 s", 25, 1, 2_500),
        brief("60/min and 6 in 9 s", 60, 6, 9_000),
    ],
    two: &[23, 37, 70],
    two_small: &[3, 4],
    five: &[5, 11, 37],
    synchronous: &[11, 23, 37],
    late: &[100, 800, 2_500],
    late_tasks: &[2_000, 8_000],
    faults: &[0.02, 0.07],
    queue: (11, 240, 22),
    tenants: (11, 150),
};
