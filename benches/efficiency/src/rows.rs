//! The rows: what is to be reached, and in which cells.

use tidegate_simulator::{CapSchedule, Config, Counts, Distribution, HintMode, SlotUse};

use crate::cell::{Cell, Load, Told};
use crate::mark::{Mark, Row};
use crate::shapes::{OverTime, Shapes, Step};

impl Cell {
    fn named(self, name: impl Into<String>) -> Cell {
        Cell { name: name.into(), ..self }
    }

    /// What it is called, and more.
    fn also(self, more: &str) -> Cell {
        let name = format!("{}, {more}", self.name);
        self.named(name)
    }

    /// Its cap is told.
    pub fn told(self) -> Cell {
        let concurrency = self.world.concurrency;
        Cell { told: Told { concurrency, ..self.told }, ..self }
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Cell {
        change(&mut self.world);
        self
    }

    fn lasting(self, duration: Distribution) -> Cell {
        self.with(|world| world.duration = duration)
    }
}

/// Caps × multiples × distances: told nothing, unless `make` says more.
fn caps(caps: &[u32], times: &[u32], rtts: &[u64], make: impl Fn(Cell) -> Cell) -> Vec<Cell> {
    let all = caps.iter().flat_map(|cap| times.iter().map(move |times| (*cap, *times)));
    let all = all.flat_map(|(cap, times)| rtts.iter().map(move |rtt| (cap, times, *rtt)));
    let cells = all.map(|(cap, times, rtt)| {
        let tasks = cap * times;
        let cell = Cell::new(Some(cap), tasks).named(format!("cap {cap}, N {tasks}, RTT {rtt}"));
        make(Cell { rtt, ..cell })
    });
    cells.collect()
}

const LONG: &[u32] = &[10, 25];

fn other_durations(shapes: &Shapes) -> Vec<Cell> {
    let cells = shapes.durations.iter().flat_map(|(name, duration)| {
        caps(shapes.durations_caps, LONG, shapes.durations_rtts, |cell| cell.lasting(*duration).also(name))
    });
    cells.collect()
}

fn told(shapes: &Shapes) -> Vec<Row> {
    let far = caps(shapes.caps, &[10], &[shapes.far], |cell| cell);
    let others = far.into_iter().chain(other_durations(shapes)).map(Cell::told);
    let by_distance = Mark { by_distance: true, refusals: Some(0.0), ..Mark::default() };
    let window = |(cap, rpm): &(u32, u32)| {
        let cell = minute(*cap, *rpm, HintMode::None, false).told().also("told");
        Cell { told: Told { rpm: Some(*rpm), ..cell.told }, ..cell }
    };
    let windows = shapes.windows.iter().map(window);
    vec![
        Row::new(
            "told cap, 8-30 s tasks, RTT ≤ 200 ms",
            Mark::of(1.04, 1.05, 0.0),
            caps(shapes.told, shapes.told_times, shapes.rtts, Cell::told),
        ),
        Row::new("told cap, other tasks and distances", by_distance, others.collect()),
        Row::new("  told cap and window", Mark { refusals: Some(0.0), ..Mark::default() }, windows.collect()),
    ]
}

fn untold(shapes: &Shapes) -> Vec<Row> {
    let small = |name, cap, refusals| {
        Row::new(name, Mark::of(1.05, 1.08, refusals), caps(&[cap], LONG, shapes.rtts, |cell| cell))
    };
    let few = Mark { refusals: Some(4.0), ..Mark::default() };
    let quick = |cell: Cell| cell.lasting(shapes.quick);
    vec![
        small("cap 1", 1, 20.0),
        small("cap 2", 2, 15.0),
        small("cap 4", 4, 8.0),
        Row::new("cap ≥ 7, N ≥ 10 × cap", Mark::of(1.05, 1.10, 4.0), caps(shapes.caps, LONG, shapes.rtts, |cell| cell))
            .beside_told(),
        Row::new("  the same, other tasks", few, other_durations(shapes)).beside_told(),
        Row::new("  the same, further away", few, caps(shapes.caps, LONG, &[shapes.far], |cell| cell)).beside_told(),
        Row::new("N = 2 × cap", Mark::of(1.10, 1.20, 20.0), caps(shapes.brief, &[2], shapes.rtts, |cell| cell)),
        Row::new(
            "1-3 s tasks, RTT 200 ms",
            Mark { ratio: Some(1.22), refusals: Some(5.0), ..Mark::default() },
            caps(shapes.caps, LONG, &[200], quick),
        )
        .beside_told(),
    ]
}

fn course(first: u32, steps: &[Step], tasks: u32) -> Cell {
    let list: Vec<(u64, u32)> = steps.iter().map(|(at, cap)| (at * 1_000, *cap)).collect();
    let words: Vec<String> = steps.iter().map(|(at, cap)| format!("{cap} @{at} s")).collect();
    let name = format!("cap {first}, {}", words.join(", "));
    Cell::new(Some(first), tasks).with(|world| world.concurrency_schedule = CapSchedule::new(list)).named(name)
}

fn minute(cap: u32, rpm: u32, hint: HintMode, hint_slots: bool) -> Cell {
    // Six minutes' worth: the first minute is free, the others are not.
    let tasks = (rpm * 6).max(120);
    let slots = if hint_slots { " on slots too" } else { "" };
    let cell = Cell::new(Some(cap), tasks).named(format!("cap {cap} + {rpm}/min, hint {hint:?}{slots}, N {tasks}"));
    cell.with(|world| {
        world.rpm = Some(rpm);
        world.hint = hint;
        world.hint_slots = hint_slots;
    })
}

fn over_time(limit: &OverTime, hint: HintMode) -> Cell {
    let cell = minute(64, limit.rpm, hint, false).named(format!("{}, hint {hint:?}", limit.name));
    cell.with(|world| {
        world.rpm_kind = limit.kind;
        world.rpm_burst = limit.burst;
        world.sub_window = limit.sub_window.map(|(submits, _)| submits);
        world.sub_window_ms = limit.sub_window.map_or(world.sub_window_ms, |(_, in_ms)| in_ms);
        world.epoch_ms += limit.phase * 1_000;
    })
}

fn windows(shapes: &Shapes) -> Vec<Row> {
    let all = shapes
        .windows
        .iter()
        .flat_map(|(cap, rpm)| shapes.hints.iter().map(|(hint, slots)| minute(*cap, *rpm, *hint, *slots)));
    let counting = shapes.counting.iter().map(|(cap, rpm)| {
        let cell = minute(*cap, *rpm, HintMode::None, false).with(|world| world.counts = Counts::Submits);
        cell.named(format!("cap {cap} + {rpm}/min, refusals count"))
    });
    let others = shapes
        .over_time
        .iter()
        .flat_map(|limit| [HintMode::None, HintMode::Seconds].map(|hint| over_time(limit, hint)));
    vec![
        Row::new("window, any hint mode", Mark::of(1.05, 1.15, 8.0), all.collect()),
        Row::new("window that counts refusals", Mark::of(1.30, 1.45, 15.0), counting.collect()),
        Row::new("token bucket; fixed minute; sub-window", Mark::of(1.08, 1.20, 12.0), others.collect()),
    ]
}

fn several(clients: u32, cap: u32) -> Cell {
    // Together as much as 25 times the cap, but long enough for each to find its place.
    let tasks = (cap * 25 / clients).max(60);
    let cell = Cell::new(Some(cap), tasks).named(format!("{clients} clients, cap {cap}, N {tasks} each"));
    Cell { clients, ..cell }
}

fn clients(shapes: &Shapes) -> Vec<Row> {
    let mark = |ratio, worst, jain, refusals| Mark { jain: Some(jain), ..Mark::of(ratio, worst, refusals) };
    let sharing = |clients, caps: &[u32]| caps.iter().map(|cap| several(clients, *cap)).collect::<Vec<Cell>>();
    let two = sharing(2, shapes.two);
    vec![
        Row::new("two uncoordinated clients, cap ≥ 16", mark(1.08, 1.15, 0.95, 12.0), two),
        Row::new("two on a cap of 3 or 4", mark(1.10, 1.20, 0.90, 25.0), sharing(2, shapes.two_small)),
        Row::new("  five clients", Mark::default(), sharing(5, shapes.five)),
    ]
}

/// Providers that take their time to refuse.
fn late(sizes: &[u32], late: &[u64], make: impl Fn(Cell) -> Cell) -> Vec<Cell> {
    let cells = late.iter().flat_map(|late| {
        let slow = |cell: Cell| cell.with(|world| world.refuse_after_ms = *late);
        caps(sizes, &[10], &[200], |cell| make(slow(cell)).also(&format!("refuses after {late} ms")))
    });
    cells.collect()
}

fn others(shapes: &Shapes) -> Vec<Row> {
    let (slots, tasks, every) = shapes.queue;
    let queue = Cell::new(Some(slots), tasks).with(|world| world.queue = true);
    let queue = Cell { load: Load::WithPerson(tasks, every * 1_000), ..queue };
    let queue = queue.named(format!("{slots} slots, {tasks} tasks, somebody every {every} s"));
    let faults = shapes.faults.iter().flat_map(|share| {
        caps(&[4, 16, 64], &[10], &[200], |cell| {
            let cell = cell.with(|world| {
                world.submit_503 = *share;
                world.poll_503 = *share;
                world.lost_answer = *share;
                world.poll_lost = *share;
            });
            cell.also(&format!("{:.0} % of 503 and of lost answers", share * 100.0))
        })
    });
    let polls = |interactive| caps(&[16], LONG, &[200], move |cell| Cell { interactive, ..cell.told() });
    let polls_mark = Mark { polls: &[(11.0, 0.46), (9.0, 0.55)], ..Mark::default() };
    let requests = [2_u32, 8].map(|cap| {
        let cell = Cell::new(Some(cap), cap * 40).named(format!("{cap} submits on the wire, 1 s each"));
        let cell = cell.with(|world| (world.slot_use, world.accept_after_ms) = (SlotUse::Request, 1_000));
        Cell { told: Told { counts_requests: true, ..Told::default() }, ..cell }
    });
    let (cap, tasks) = shapes.tenants;
    let tenants = Cell::new(Some(cap), 0).named(format!("cap {cap}, weights 1:1:2, one with ten times the work"));
    let tenants = Cell { load: Load::Tenants([(1, tasks * 10), (1, tasks), (2, tasks)]), ..tenants };
    let share_mark = Mark { share: Some(0.05), ..Mark::default() };
    let queue_mark = Mark { ratio: Some(1.03), refusals: Some(0.0), wait: Some(5.0), ..Mark::default() };
    vec![
        Row::new(
            "synchronous server, cap ≥ 7",
            Mark::of(1.06, 1.12, 8.0),
            late(shapes.synchronous, shapes.late, |cell| Cell { synchronous: true, ..cell }),
        ),
        Row::new(
            "  a task server that refuses slowly",
            Mark::default(),
            late(&[4, 16, 64], shapes.late_tasks, |cell| cell),
        ),
        Row::new("a server that queues", queue_mark, vec![queue]),
        Row::new("three tenants, weights 1:1:2", share_mark, vec![tenants.clone().told().also("told"), tenants]),
        Row::new("  a server that counts submits on the wire", Mark::default(), requests.to_vec()),
        Row::new("polls, somebody waits", polls_mark, polls(true)),
        Row::new("polls, a batch", polls_mark, polls(false)),
        Row::new("  faults", Mark::default(), faults.collect()),
    ]
}

/// Every row.
pub fn rows(shapes: &Shapes) -> Vec<Row> {
    let courses = |all: &[(u32, &[Step], u32)]| {
        all.iter().map(|(first, steps, tasks)| course(*first, steps, *tasks)).collect::<Vec<Cell>>()
    };
    let changes = vec![
        Row::new("drop and recovery", Mark::of(1.08, 1.15, 7.0), courses(shapes.drops)),
        Row::new("  a cap that is raised", Mark::default(), courses(shapes.raises)),
    ];
    let parts = [told(shapes), untold(shapes), changes, windows(shapes), clients(shapes), others(shapes)];
    parts.into_iter().flatten().collect()
}
