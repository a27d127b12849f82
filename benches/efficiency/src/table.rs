//! Runs rows on all processors, and prints what came out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::cell::Cell;
use crate::cells::{Mark, Row};
use crate::figures::{Figures, Run};
use crate::run::run;

/// What came out of a row.
#[derive(Debug)]
pub struct Result<'a> {
    /// The row.
    pub row: &'a Row,
    /// Of all its cells.
    pub all: Figures,
    /// Of each.
    pub cells: Vec<(&'a Cell, Figures)>,
}

/// Runs every cell of these rows with every seed.
pub fn measure<'a>(rows: &'a [Row], seeds: &[u64]) -> Vec<Result<'a>> {
    let cells: Vec<&Cell> = rows.iter().flat_map(|row| &row.cells).collect();
    let jobs: Vec<(usize, u64)> =
        (0..cells.len()).flat_map(|cell| seeds.iter().map(move |seed| (cell, *seed))).collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, u64, Run)>> = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((place, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(cell) = cells.get(*place) else { return };
                    let result = run(cell, *seed, None);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((*place, *seed, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, seed, _)| (*place, *seed));
    let mut place = 0;
    let results = rows.iter().map(|row| {
        let cells = row.cells.iter().map(|cell| {
            let runs = done.iter().filter(|(other, ..)| *other == place).map(|(.., run)| run.clone());
            let figures = Figures::of(&runs.collect::<Vec<Run>>());
            place += 1;
            (cell, figures)
        });
        let cells: Vec<(&Cell, Figures)> = cells.collect();
        let all: Vec<Figures> = cells.iter().map(|(_, figures)| figures.clone()).collect();
        Result { row, all: Figures::together(&all), cells }
    });
    results.collect()
}

fn line(name: &str, cells: &str, figures: &Figures, mark: &str) -> String {
    let wait = figures.wait.map_or(String::new(), |(mean, p95)| format!(" wait {mean:.1} s, p95 {p95:.1} s"));
    let failures = match (figures.undelivered, figures.twice) {
        (0, 0) => String::new(),
        (undelivered, twice) => format!(" {undelivered} NOT DELIVERED, {twice} PAID TWICE"),
    };
    format!(
        "{name:<48} {cells:>5} {:>5} {:>6.3} {:>6.3} {:>7.1} {:>7.1} {:>6.1} {:>6.2} {:>5.2} {:>5.2}  {mark}{wait}{failures}",
        figures.runs,
        figures.ratio,
        figures.worst,
        figures.refusals,
        figures.most_refusals,
        figures.polls,
        figures.added,
        figures.jain,
        figures.worst_jain,
    )
}

/// Prints the table; with each cell's own figures where that is asked for.
pub fn print(results: &[Result<'_>], with_cells: bool) {
    println!(
        "{:<48} {:>5} {:>5} {:>6} {:>6} {:>7} {:>7} {:>6} {:>6} {:>5} {:>5}  mark",
        "row", "cells", "runs", "ratio", "worst", "ref/100", "most", "polls", "added", "Jain", "worst"
    );
    for Result { row, all, cells } in results {
        let words = row.mark.words();
        let met = row.mark.is_met(all, cells);
        let mark = match (words.is_empty(), met) {
            (true, _) => String::from("-"),
            (false, true) => format!("met     {words}"),
            (false, false) => format!("MISSED  {words}"),
        };
        println!("{}", line(row.name, &cells.len().to_string(), all, &mark));
        if with_cells {
            for (cell, figures) in cells {
                let bound = if row.mark.by_distance { format!("{:.3}", Mark::bound(cell)) } else { String::new() };
                println!("{}", line(&format!("    {}", cell.name), "", figures, &bound));
            }
        }
    }
    let marked = || results.iter().filter(|result| !result.row.mark.words().is_empty());
    let met = marked().filter(|result| result.row.mark.is_met(&result.all, &result.cells)).count();
    let undelivered: usize = results.iter().map(|result| result.all.undelivered).sum();
    let twice: usize = results.iter().map(|result| result.all.twice).sum();
    println!("{met} of {} marks met; {undelivered} tasks not delivered, {twice} paid twice", marked().count());
}
