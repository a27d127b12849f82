//! What comes out of runs.

use serde::Serialize;
use tidegate_simulator::World;

use crate::ask::{Ask, task_of};
use crate::cell::{Cell, Load};

/// What came out of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Until the last task settled, ms.
    pub makespan: u64,
    /// Of the schedule that knows everything, ms.
    pub optimum: u64,
    /// Submits refused for each 100 tasks.
    pub refusals: f64,
    /// Polls for each task.
    pub polls: f64,
    /// From a task's end at the provider until its caller has it, s, on average.
    pub added: f64,
    /// Jain's index of what each client got done while all had something to do; 1 where there is one.
    pub jain: f64,
    /// From asking to the start of the work, s, for those who look at the screen: on average, and for 95 of 100.
    pub wait: Option<(f64, f64)>,
    /// How far that tenant's part of the work lay from its share which was furthest away, while all had something to do.
    pub share: Option<f64>,
    /// When somebody came by and asked, ms.
    pub visits: Vec<u64>,
    /// Tasks that ended without an image, or not at all.
    pub undelivered: usize,
    /// Tasks that were charged more than once.
    pub twice: usize,
    /// Events and timers: what a run costs, and two equal runs have in common.
    pub steps: u64,
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

impl Run {
    /// What a world and the ends of its tasks tell.
    pub fn of(cell: &Cell, optimum: u64, world: &World, asks: &[Ask], ended: bool, steps: u64) -> Run {
        let tasks = asks.len().max(1) as f64;
        let stats = world.stats();
        let makespan = asks.iter().filter_map(|ask| ask.settled).map(|(at, _)| at).max().unwrap_or(0);
        let delivered = asks.iter().filter(|ask| matches!(ask.settled, Some((_, true)))).count();
        let charged = || world.ledger().iter().filter_map(|charge| Some((task_of(&charge.prompt)?, charge)));
        let mut times = vec![0_u32; asks.len()];
        charged().for_each(|(task, _)| times.iter_mut().skip(task).take(1).for_each(|count| *count += 1));
        let added = charged().filter_map(|(task, charge)| {
            let (at, _) = asks.get(task)?.settled?;
            Some(at.saturating_sub(charge.at_ms) as f64 / 1000.0)
        });
        let waits = charged().filter_map(|(task, charge)| {
            let ask = asks.get(task).filter(|_| task as u64 >= cell.batch())?;
            Some(charge.started_ms.saturating_sub(ask.at))
        });
        let mut waits: Vec<u64> = waits.collect();
        waits.sort_unstable();
        let p95 = waits.get((waits.len() * 95 / 100).min(waits.len().saturating_sub(1)));
        let wait = p95.map(|p95| (mean(waits.iter().map(|ms| *ms as f64 / 1000.0)), *p95 as f64 / 1000.0));
        let refused = stats.refused_slots + stats.refused_window + stats.refused_images + stats.refused_day;
        Run {
            makespan: if ended { makespan } else { u64::MAX },
            optimum,
            refusals: refused as f64 * 100.0 / tasks,
            polls: stats.polls as f64 / tasks,
            added: mean(added),
            jain: jain(cell.clients as usize, asks),
            wait,
            share: share(cell, world, asks),
            visits: asks.iter().skip(cell.batch() as usize).map(|ask| ask.at).collect(),
            undelivered: asks.len() - delivered,
            twice: times.iter().filter(|count| **count > 1).count(),
            steps,
        }
    }

    /// Makespan ÷ optimum.
    pub fn ratio(&self) -> f64 {
        if self.makespan == u64::MAX { f64::INFINITY } else { self.makespan as f64 / self.optimum.max(1) as f64 }
    }
}

/// How far that tenant's part of what was begun lay from its share which was furthest away, as a part of the share: from when all had asked (the
/// first to ask finds every slot free, and nobody to share them with) until one had nothing left to begin.
fn share(cell: &Cell, world: &World, asks: &[Ask]) -> Option<f64> {
    let Load::Tenants(tenants) = cell.load else { return None };
    let begun = world.ledger().iter().filter_map(|charge| {
        let tenant = asks.get(task_of(&charge.prompt)?)?.tenant;
        Some((tenant, charge.started_ms))
    });
    let begun: Vec<(usize, u64)> = begun.collect();
    let of = |tenant: usize| begun.iter().filter(move |(other, _)| *other == tenant).map(|(_, at)| *at);
    let first = begun.iter().map(|(_, at)| *at).min()?;
    let last = (0..tenants.len()).filter_map(|tenant| of(tenant).max()).min()?;
    let count = |tenant| of(tenant).filter(|at| *at > first && *at <= last).count() as f64;
    let all: f64 = (0..tenants.len()).map(count).sum();
    let weights: f64 = tenants.iter().map(|(weight, _)| f64::from(*weight)).sum();
    let parts =
        tenants.iter().enumerate().map(|(tenant, (weight, _))| (count(tenant) / all, f64::from(*weight) / weights));
    parts.map(|(part, share)| (part / share - 1.0).abs()).reduce(f64::max)
}

/// Jain's index of what each client got done before the first of them had nothing left to do.
fn jain(clients: usize, asks: &[Ask]) -> f64 {
    let of = |client: usize| asks.iter().filter(move |ask| ask.client == client);
    let last = |client| of(client).map(|ask| ask.settled.map_or(u64::MAX, |(at, _)| at)).max().unwrap_or(0);
    let until = (0..clients).map(last).min().unwrap_or(0);
    let done = |client| of(client).filter(|ask| ask.settled.is_some_and(|(at, _)| at <= until)).count() as f64;
    let sum: f64 = (0..clients).map(done).sum();
    let squares: f64 = (0..clients).map(|client| done(client).powi(2)).sum();
    if squares == 0.0 { 1.0 } else { sum * sum / (clients as f64 * squares) }
}

/// What came out of all seeds of a cell, or of all cells of a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// How many runs.
    pub runs: usize,
    /// Makespan ÷ optimum: mean.
    pub ratio: f64,
    /// Makespan ÷ optimum: worst run.
    pub worst: f64,
    /// Submits refused for each 100 tasks: mean.
    pub refusals: f64,
    /// The mean of the cell with the most.
    pub most_refusals: f64,
    /// Polls for each task: mean.
    pub polls: f64,
    /// From a task's end at the provider until its caller has it, s: mean.
    pub added: f64,
    /// Jain's index: mean.
    pub jain: f64,
    /// Jain's index: worst run.
    pub worst_jain: f64,
    /// How far a tenant's part of the work lay from its share: worst run.
    pub share: Option<f64>,
    /// What a told cap reaches in the same cells, if that was asked for: makespan ÷ optimum, mean.
    pub told: Option<f64>,
    /// What those wait who look at the screen, s: mean, and mean of what 95 of 100 don't exceed.
    pub wait: Option<(f64, f64)>,
    /// Tasks without an image.
    pub undelivered: usize,
    /// Tasks charged more than once.
    pub twice: usize,
}

impl Figures {
    /// Of the runs of one cell.
    pub fn of(runs: &[Run]) -> Figures {
        let refusals = mean(runs.iter().map(|run| run.refusals));
        let waits = || runs.iter().filter_map(|run| run.wait);
        Figures {
            runs: runs.len(),
            ratio: mean(runs.iter().map(Run::ratio)),
            worst: runs.iter().map(Run::ratio).fold(0.0, f64::max),
            refusals,
            most_refusals: refusals,
            polls: mean(runs.iter().map(|run| run.polls)),
            added: mean(runs.iter().map(|run| run.added)),
            jain: mean(runs.iter().map(|run| run.jain)),
            worst_jain: runs.iter().map(|run| run.jain).fold(1.0, f64::min),
            wait: waits().next().map(|_| (mean(waits().map(|wait| wait.0)), mean(waits().map(|wait| wait.1)))),
            share: runs.iter().filter_map(|run| run.share).reduce(f64::max),
            told: None,
            undelivered: runs.iter().map(|run| run.undelivered).sum(),
            twice: runs.iter().map(|run| run.twice).sum(),
        }
    }

    /// Of cells, each of which counts the same.
    pub fn together(cells: &[Figures]) -> Figures {
        let waits = || cells.iter().filter_map(|cell| cell.wait);
        Figures {
            runs: cells.iter().map(|cell| cell.runs).sum(),
            ratio: mean(cells.iter().map(|cell| cell.ratio)),
            worst: cells.iter().map(|cell| cell.worst).fold(0.0, f64::max),
            refusals: mean(cells.iter().map(|cell| cell.refusals)),
            most_refusals: cells.iter().map(|cell| cell.refusals).fold(0.0, f64::max),
            polls: mean(cells.iter().map(|cell| cell.polls)),
            added: mean(cells.iter().map(|cell| cell.added)),
            jain: mean(cells.iter().map(|cell| cell.jain)),
            worst_jain: cells.iter().map(|cell| cell.worst_jain).fold(1.0, f64::min),
            wait: waits().next().map(|_| (mean(waits().map(|wait| wait.0)), mean(waits().map(|wait| wait.1)))),
            share: cells.iter().filter_map(|cell| cell.share).reduce(f64::max),
            told: cells
                .iter()
                .map(|cell| cell.told)
                .next()
                .flatten()
                .map(|_| mean(cells.iter().filter_map(|cell| cell.told))),
            undelivered: cells.iter().map(|cell| cell.undelivered).sum(),
            twice: cells.iter().map(|cell| cell.twice).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate::options::Priority;

    fn ask(client: usize, settled: u64) -> Ask {
        Ask { at: 0, client, tenant: 0, priority: Priority::Batch, settled: Some((settled, true)) }
    }

    #[test]
    fn jain_looks_at_the_time_in_which_all_have_something_to_do() {
        let fair = [ask(0, 1), ask(1, 2), ask(0, 3), ask(1, 4)];
        assert!((jain(2, &fair) - 0.9).abs() < 1e-9, "the first is done at 3, when the other has one of two");
        // Whoever comes last has done nothing by the time the first is done: 1 / clients.
        let starved = [ask(0, 1), ask(0, 2), ask(1, 3), ask(1, 4)];
        assert!((jain(2, &starved) - 0.5).abs() < 1e-9);
        assert_eq!(jain(1, &fair[..1]), 1.0);
    }

    #[test]
    fn cells_count_alike_and_the_worst_run_shows() {
        let figures = |ratio, worst, refusals| Figures { ratio, worst, refusals, runs: 3, ..Figures::default() };
        let all = Figures::together(&[figures(1.0, 1.1, 2.0), figures(1.2, 1.3, 0.0)]);
        assert_eq!((all.ratio, all.worst, all.refusals, all.most_refusals, all.runs), (1.1, 1.3, 1.0, 2.0, 6));
    }
}
