//! The grid: which providers, loads and distances, and what is to be reached there.

use tidegate_simulator::{CapSchedule, Config, Counts, Distribution, HintMode};

use crate::cell::{Cell, Load, Told};
use crate::figures::Figures;

/// What is to be reached; what is `None` is only shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mark {
    /// Makespan ÷ optimum, mean of all runs.
    pub ratio: Option<f64>,
    /// Makespan ÷ optimum, worst run.
    pub worst: Option<f64>,
    /// Each cell has a mark of its own: what a told cap can reach where each task costs a round trip and half a poll gap.
    pub by_distance: bool,
    /// Refusals for each 100 tasks, mean of all cells.
    pub refusals: Option<f64>,
    /// Jain's index, mean of all runs.
    pub jain: Option<f64>,
    /// What somebody who looks at the screen waits, s, on average.
    pub wait: Option<f64>,
    /// Polls for each task and s added; one of the pairs is to be kept.
    pub polls: &'static [(f64, f64)],
}

/// A set of cells with a mark.
#[derive(Clone, Debug)]
pub struct Row {
    /// In the words of the table.
    pub name: &'static str,
    /// What is to be reached.
    pub mark: Mark,
    /// Where.
    pub cells: Vec<Cell>,
}

/// How much of the grid is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A part of each row, for every day.
    Part,
    /// Everything.
    Full,
}

/// Half of the gap between two polls, and a round trip: what a task costs besides its work. See [`Mark::by_distance`].
const HALF_GAP_S: f64 = 0.25;

impl Mark {
    const fn of(ratio: f64, worst: f64, refusals: f64) -> Mark {
        Mark {
            ratio: Some(ratio),
            worst: Some(worst),
            by_distance: false,
            refusals: Some(refusals),
            jain: None,
            wait: None,
            polls: &[],
        }
    }

    /// What a cell's mean is to be where its distance decides.
    pub fn bound(cell: &Cell) -> f64 {
        let tasks = cell.batch().max(1);
        let durations = cell.world(1).durations();
        let mean = (0..tasks).map(|index| durations.of(index) as f64 / 1000.0).sum::<f64>() / tasks as f64;
        1.0 + (cell.rtt as f64 / 1000.0 + HALF_GAP_S) / mean + 0.01
    }

    /// Whether it is reached.
    pub fn is_met(&self, all: &Figures, cells: &[(&Cell, Figures)]) -> bool {
        let within = |figure: f64, most: Option<f64>| most.is_none_or(|most| figure <= most + 1e-9);
        let near = !self.by_distance || cells.iter().all(|(cell, figures)| figures.ratio <= Mark::bound(cell));
        let polls =
            self.polls.is_empty() || self.polls.iter().any(|(polls, added)| all.polls <= *polls && all.added <= *added);
        let wait = self.wait.is_none_or(|most| all.wait.is_some_and(|(mean, _)| mean <= most));
        let jain = self.jain.is_none_or(|least| all.jain >= least);
        let ratio = within(all.ratio, self.ratio) && within(all.worst, self.worst);
        ratio && near && polls && wait && jain && within(all.refusals, self.refusals) && all.undelivered == 0
    }

    /// In a few words.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(ratio) = self.ratio {
            words.push(self.worst.map_or(format!("{ratio:.2}"), |worst| format!("{ratio:.2} / {worst:.2}")));
        }
        if self.by_distance {
            words.push(String::from("1 + (RTT + gap/2)/mean + .01"));
        }
        words.extend(self.refusals.map(|refusals| format!("{refusals}/100")));
        words.extend(self.jain.map(|jain| format!("J {jain}")));
        words.extend(self.wait.map(|wait| format!("wait {wait} s")));
        let polls: Vec<String> = self.polls.iter().map(|(polls, added)| format!("{polls} at {added} s")).collect();
        words.extend(Some(polls.join(" or ")).filter(|polls| !polls.is_empty()));
        words.join(", ")
    }
}

const OTHERS: [(&str, Distribution); 5] = [
    ("1-3 s", Distribution::Uniform(1_000, 3_000)),
    ("2-5 s", Distribution::Uniform(2_000, 5_000)),
    ("20-60 s", Distribution::Lognormal { median: 35_000, min: 20_000, max: 60_000 }),
    ("heavy tail", Distribution::Tail { median: 14_000, min: 8_000, max: 30_000, share: 0.05 }),
    ("bimodal", Distribution::Bimodal { quick: 4_000, slow: 20_000, share: 0.5 }),
];

impl Cell {
    fn named(self, name: impl Into<String>) -> Cell {
        Cell { name: name.into(), ..self }
    }

    fn far(self, rtt: u64) -> Cell {
        Cell { rtt, ..self }
    }

    fn told(self) -> Cell {
        let concurrency = self.world.concurrency;
        Cell { told: Told { concurrency, rpm: None }, ..self }
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Cell {
        change(&mut self.world);
        self
    }

    fn lasting(self, duration: Distribution) -> Cell {
        self.with(|world| world.duration = duration)
    }
}

/// A plain cap, untold, tasks a multiple of it.
fn plain(cap: u32, times: u32) -> Cell {
    Cell::new(Some(cap), cap * times)
}

/// Caps × multiples × distances.
fn caps(caps: &[u32], times: &[u32], rtts: &[u64], make: impl Fn(Cell) -> Cell) -> Vec<Cell> {
    let all = caps.iter().flat_map(|cap| times.iter().map(move |times| (*cap, *times)));
    let all = all.flat_map(|(cap, times)| rtts.iter().map(move |rtt| (cap, times, *rtt)));
    all.map(|(cap, times, rtt)| {
        let cell = plain(cap, times).far(rtt).named(format!("cap {cap}, N {}, RTT {rtt}", cap * times));
        make(cell)
    })
    .collect()
}

fn other_durations(scale: Scale, make: impl Fn(Cell) -> Cell) -> Vec<Cell> {
    let (sizes, rtts): (&[u32], &[u64]) = match scale {
        Scale::Part => (&[16], &[200]),
        Scale::Full => (&[7, 16, 64], &[20, 200]),
    };
    let cells = OTHERS.iter().flat_map(|(name, duration)| {
        let cells = caps(sizes, &[10, 25], rtts, |cell| cell.lasting(*duration));
        cells.into_iter().map(move |cell| {
            let name = format!("{name}, {}", cell.name);
            cell.named(name)
        })
    });
    cells.map(make).collect()
}

fn told(scale: Scale) -> Vec<Row> {
    let (sizes, times): (&[u32], &[u32]) = match scale {
        Scale::Part => (&[1, 4, 16, 64], &[10]),
        Scale::Full => (&[1, 2, 4, 7, 16, 50, 64, 200], &[2, 10, 25]),
    };
    let far = caps(&[4, 16, 64], &[10], &[600], Cell::told);
    vec![
        Row {
            name: "told cap, 8-30 s tasks, RTT ≤ 200 ms",
            mark: Mark::of(1.04, 1.05, 0.0),
            cells: caps(sizes, times, &[20, 200], Cell::told),
        },
        Row {
            name: "told cap, other tasks and distances",
            mark: Mark { by_distance: true, refusals: Some(0.0), ..Mark::default() },
            cells: far.into_iter().chain(other_durations(scale, Cell::told)).collect(),
        },
    ]
}

fn untold(scale: Scale) -> Vec<Row> {
    let rtts: &[u64] = if scale == Scale::Full { &[20, 200] } else { &[200] };
    let times: &[u32] = &[10, 25];
    let small = |name, cap: u32, refusals| Row {
        name,
        mark: Mark::of(1.05, 1.08, refusals),
        cells: caps(&[cap], times, &[20, 200], |cell| cell),
    };
    let large: &[u32] = if scale == Scale::Full { &[7, 16, 50, 64, 200] } else { &[7, 16, 64] };
    let brief: &[u32] = if scale == Scale::Full { &[4, 7, 16, 50, 64, 200] } else { &[4, 16, 64] };
    vec![
        small("cap 1", 1, 20.0),
        small("cap 2", 2, 15.0),
        small("cap 4", 4, 8.0),
        Row {
            name: "cap ≥ 7, N ≥ 10 × cap",
            mark: Mark::of(1.05, 1.10, 4.0),
            cells: caps(large, times, rtts, |cell| cell),
        },
        Row {
            name: "  the same, other tasks",
            mark: Mark { refusals: Some(4.0), ..Mark::default() },
            cells: other_durations(scale, |cell| cell),
        },
        Row {
            name: "  the same, RTT 600 ms",
            mark: Mark { refusals: Some(4.0), ..Mark::default() },
            cells: caps(large, &[10], &[600], |cell| cell),
        },
        Row { name: "N = 2 × cap", mark: Mark::of(1.10, 1.20, 20.0), cells: caps(brief, &[2], rtts, |cell| cell) },
        Row {
            name: "1-3 s tasks, RTT 200 ms",
            mark: Mark { ratio: Some(1.22), refusals: Some(5.0), ..Mark::default() },
            cells: caps(&[7, 16, 64], times, &[200], |cell| cell.lasting(Distribution::Uniform(1_000, 3_000))),
        },
    ]
}

fn steps(first: u32, steps: &[(u64, u32)], tasks: u32) -> Cell {
    let list: Vec<(u64, u32)> = steps.iter().map(|(at, cap)| (at * 1_000, *cap)).collect();
    let words: Vec<String> = steps.iter().map(|(at, cap)| format!("{cap} @{at} s")).collect();
    let name = format!("{first}, {}", words.join(", "));
    Cell::new(Some(first), tasks).with(|world| world.concurrency_schedule = CapSchedule::new(list)).named(name)
}

fn drops() -> Row {
    let cells = vec![
        steps(32, &[(120, 8), (300, 32)], 700),
        steps(48, &[(100, 5), (260, 20)], 500),
        steps(16, &[(60, 4), (150, 16)], 300),
        steps(8, &[(90, 64)], 600),
    ];
    Row { name: "drop and recovery", mark: Mark::of(1.08, 1.15, 7.0), cells }
}

fn minute(cap: u32, rpm: u32, hint: HintMode, hint_slots: bool) -> Cell {
    let tasks = (rpm * 6).max(120);
    let slots = if hint_slots { " on slots too" } else { "" };
    let name = format!("cap {cap} + {rpm}/min, hint {hint:?}{slots}, N {tasks}");
    let cell = Cell::new(Some(cap), tasks).named(name);
    cell.with(|world| {
        world.rpm = Some(rpm);
        world.hint = hint;
        world.hint_slots = hint_slots;
    })
}

fn windows(scale: Scale) -> Vec<Row> {
    let pairs: &[(u32, u32)] = match scale {
        Scale::Part => &[(16, 40), (64, 60), (16, 15)],
        Scale::Full => &[(16, 15), (64, 15), (10, 30), (64, 30), (16, 40), (64, 60), (200, 60), (40, 90), (64, 90)],
    };
    let hints = [
        (HintMode::None, false),
        (HintMode::Seconds, false),
        (HintMode::HttpDate, false),
        (HintMode::Milliseconds, false),
        (HintMode::Seconds, true),
    ];
    let all = pairs.iter().flat_map(|(cap, rpm)| hints.map(|(hint, slots)| minute(*cap, *rpm, hint, slots)));
    let counting = [(16, 40), (16, 30), (64, 60)].map(|(cap, rpm)| {
        let cell = minute(cap, rpm, HintMode::None, false).with(|world| world.counts = Counts::Submits);
        cell.named(format!("cap {cap} + {rpm}/min, refusals count"))
    });
    vec![
        Row { name: "window, any hint mode", mark: Mark::of(1.05, 1.15, 8.0), cells: all.collect() },
        Row { name: "window that counts refusals", mark: Mark::of(1.30, 1.45, 15.0), cells: counting.to_vec() },
    ]
}

fn several(clients: u32, cap: u32) -> Cell {
    // As many for each as for one who has the key alone.
    let tasks = (cap * 25 / 2).max(60);
    let cell = Cell::new(Some(cap), tasks).named(format!("{clients} clients, cap {cap}, N {tasks} each"));
    Cell { clients, ..cell }
}

fn clients() -> Vec<Row> {
    let mark = |ratio, worst, jain, refusals| Mark { jain: Some(jain), ..Mark::of(ratio, worst, refusals) };
    vec![
        Row {
            name: "two uncoordinated clients, cap ≥ 16",
            mark: mark(1.08, 1.15, 0.95, 12.0),
            cells: vec![several(2, 16), several(2, 40), several(2, 64)],
        },
        Row {
            name: "two on a cap of 3 or 4",
            mark: mark(1.10, 1.20, 0.90, 25.0),
            cells: vec![several(2, 3), several(2, 4)],
        },
        Row {
            name: "  five clients",
            mark: Mark::default(),
            cells: vec![several(5, 4), several(5, 16), several(5, 40), several(5, 64)],
        },
    ]
}

fn synchronous(scale: Scale) -> Vec<Row> {
    let sizes: &[u32] = if scale == Scale::Full { &[7, 16, 50, 64] } else { &[7, 16, 64] };
    let cells = [0, 300, 3_000].into_iter().flat_map(|late| {
        let cells = caps(sizes, &[10], &[200], |cell| cell.with(|world| world.refuse_after_ms = late));
        cells.into_iter().map(move |cell| {
            let name = format!("{}, refuses after {late} ms", cell.name);
            Cell { synchronous: true, ..cell }.named(name)
        })
    });
    let slow = [3_000, 10_000].into_iter().flat_map(|late| {
        let cells = caps(&[4, 16, 64], &[10], &[200], |cell| cell.with(|world| world.refuse_after_ms = late));
        cells.into_iter().map(move |cell| {
            let name = format!("{}, refuses after {late} ms", cell.name);
            cell.named(name)
        })
    });
    vec![
        Row { name: "synchronous server, cap ≥ 7", mark: Mark::of(1.06, 1.12, 8.0), cells: cells.collect() },
        Row { name: "  a task server that refuses slowly", mark: Mark::default(), cells: slow.collect() },
    ]
}

fn others(scale: Scale) -> Vec<Row> {
    let queue = Cell::new(Some(16), 300).with(|world| world.queue = true).named("16 slots, 300 tasks, a person");
    let queue = Cell { load: Load::WithPerson(300, 20_000), ..queue };
    let shares: &[f64] = if scale == Scale::Full { &[0.01, 0.03, 0.10] } else { &[0.03, 0.10] };
    let faults = shares.iter().flat_map(|share| {
        caps(&[4, 16, 64], &[10], &[200], |cell| {
            let name = format!("{}, {:.0} % of 503 and lost answers", cell.name, share * 100.0);
            let cell = cell.with(|world| {
                world.submit_503 = *share;
                world.poll_503 = *share;
                world.lost_answer = *share;
                world.poll_lost = *share;
            });
            cell.named(name)
        })
    });
    let polls = |interactive| {
        caps(&[16], &[25], &[200], move |cell| {
            let name = format!("{}{}", cell.name, if interactive { ", interactive" } else { ", batch" });
            Cell { interactive, ..cell.told() }.named(name)
        })
    };
    let polls_mark = Mark { polls: &[(11.0, 0.46), (9.0, 0.55)], ..Mark::default() };
    vec![
        Row {
            name: "a server that queues",
            mark: Mark { ratio: Some(1.03), refusals: Some(0.0), wait: Some(5.0), ..Mark::default() },
            cells: vec![queue],
        },
        Row { name: "polls, somebody waits", mark: polls_mark, cells: polls(true) },
        Row { name: "polls, a batch", mark: polls_mark, cells: polls(false) },
        Row { name: "  faults", mark: Mark::default(), cells: faults.collect() },
    ]
}

/// Every row.
pub fn rows(scale: Scale) -> Vec<Row> {
    let parts =
        [told(scale), untold(scale), vec![drops()], windows(scale), clients(), synchronous(scale), others(scale)];
    parts.into_iter().flatten().collect()
}
