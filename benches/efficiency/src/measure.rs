//! Runs cells with seeds, on all processors.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use crate::cell::Cell;
use crate::figures::{Figures, Run};
use crate::mark::Row;
use crate::run::run;

/// What came out of a cell.
#[derive(Clone, Debug)]
pub struct Measured<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// Of all seeds.
    pub figures: Figures,
    /// Of each seed, in their order.
    pub runs: Vec<Run>,
}

impl Measured<'_> {
    /// As data.
    pub fn to_json(&self) -> Value {
        json!({"cell": self.cell.to_json(), "figures": self.figures, "runs": self.runs})
    }
}

/// What came out of a row.
#[derive(Debug)]
pub struct MeasuredRow<'a> {
    /// The row.
    pub row: &'a Row,
    /// Of all its cells.
    pub all: Figures,
    /// Of each.
    pub cells: Vec<Measured<'a>>,
}

impl MeasuredRow<'_> {
    /// Whether the row's mark is reached; `None` where there is none.
    pub fn is_met(&self) -> Option<bool> {
        let cells = self.cells.iter().map(|measured| (measured.cell, &measured.figures));
        (!self.row.mark.words().is_empty()).then(|| self.row.mark.is_met(&self.all, cells))
    }

    /// As data.
    pub fn to_json(&self) -> Value {
        let cells: Vec<Value> = self.cells.iter().map(Measured::to_json).collect();
        json!({
            "row": self.row.name.trim(),
            "mark": self.row.mark.words(),
            "met": self.is_met(),
            "figures": self.all,
            "cells": cells,
        })
    }
}

/// Runs each of these with each seed; the results are in the order of the cells, whatever order they came in.
fn all_runs(cells: &[Cell], seeds: &[u64]) -> Vec<Vec<Run>> {
    let jobs: Vec<(usize, u64)> =
        (0..cells.len()).flat_map(|cell| seeds.iter().map(move |seed| (cell, *seed))).collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Run)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((cell, seed)) = jobs.get(place) else { return };
                    let Some(cell) = cells.get(*cell) else { return };
                    let result = run(cell, *seed, None);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    let mut runs = done.into_iter().map(|(_, run)| run);
    cells.iter().map(|_| runs.by_ref().take(seeds.len()).collect()).collect()
}

/// Runs cells with every seed.
pub fn measure_cells<'a>(cells: &'a [Cell], seeds: &[u64]) -> Vec<Measured<'a>> {
    let runs = all_runs(cells, seeds);
    cells.iter().zip(runs).map(|(cell, runs)| Measured { cell, figures: Figures::of(&runs), runs }).collect()
}

/// Runs every cell of these rows with every seed.
pub fn measure<'a>(rows: &'a [Row], seeds: &[u64]) -> Vec<MeasuredRow<'a>> {
    let twins = |row: &Row| if row.beside_told { row.cells.clone() } else { Vec::new() };
    let cells = rows.iter().flat_map(|row| row.cells.iter().cloned().chain(twins(row).into_iter().map(Cell::told)));
    let cells: Vec<Cell> = cells.collect();
    let mut runs = all_runs(&cells, seeds).into_iter();
    let results = rows.iter().map(|row| {
        let own = row.cells.iter().zip(runs.by_ref());
        let mut cells: Vec<Measured> =
            own.map(|(cell, runs)| Measured { cell, figures: Figures::of(&runs), runs }).collect();
        if row.beside_told {
            for (measured, runs) in cells.iter_mut().zip(runs.by_ref()) {
                measured.figures.told = Some(Figures::of(&runs).ratio);
            }
        }
        let all: Vec<Figures> = cells.iter().map(|measured| measured.figures.clone()).collect();
        MeasuredRow { row, all: Figures::together(&all), cells }
    });
    results.collect()
}
