//! `tidegate-efficiency`: see the library's documentation.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::Arg::{Long, Short};
use lexopt::ValueExt;
use serde_json::{Value, json};
use tidegate_efficiency::measure::{Measured, MeasuredRow, measure, measure_cells};
use tidegate_efficiency::rows::rows;
use tidegate_efficiency::shapes::{FULL, HELD_OUT, PART};
use tidegate_efficiency::trace::Trace;
use tidegate_efficiency::{Cell, Row, output, run, subset, table};

const HELP: &str = "\
tidegate-efficiency [OPTIONS]

  --only WORDS   the rows, or the cells, whose name holds these words
  --row WORDS    of these, only the rows whose name holds these words
  --seeds N      how many seeds: 3, or 8 with --full and --held-out
  --full         the whole grid
  --held-out     other shapes and other seeds: for the end, never while anything is tuned
  --subset       the named cells that other harnesses run, too (subset.json), with three seeds
  --cells        each cell's own figures, too
  --json FILE    everything, as data
  --trace        instead of the table, one run (of the first cell that --only leaves) step by step
  --trace-all    the same, with each change of what is held
  --seed N       the seed of that run: 1
";

/// The held-out seeds begin here.
const HELD_OUT_SEEDS: u64 = 2_001;

#[derive(Default)]
struct Arguments {
    only: String,
    row: String,
    seeds: Option<u64>,
    full: bool,
    held_out: bool,
    subset: bool,
    cells: bool,
    json: Option<PathBuf>,
    trace: bool,
    trace_all: bool,
    seed: Option<u64>,
    help: bool,
}

fn parse(mut parser: lexopt::Parser) -> Result<Arguments, lexopt::Error> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("only") => arguments.only = parser.value()?.string()?,
            Long("row") => arguments.row = parser.value()?.string()?,
            Long("seeds") => arguments.seeds = Some(parser.value()?.parse()?),
            Long("seed") => arguments.seed = Some(parser.value()?.parse()?),
            Long("full") => arguments.full = true,
            Long("held-out") => arguments.held_out = true,
            Long("subset") => arguments.subset = true,
            Long("cells") => arguments.cells = true,
            Long("json") => arguments.json = Some(parser.value()?.into()),
            Long("trace") => arguments.trace = true,
            Long("trace-all") => (arguments.trace, arguments.trace_all) = (true, true),
            Long("help") | Short('h') => arguments.help = true,
            other => return Err(other.unexpected()),
        }
    }
    Ok(arguments)
}

impl Arguments {
    fn seeds(&self) -> Vec<u64> {
        let first = if self.held_out { HELD_OUT_SEEDS } else { 1 };
        let count = self.seeds.unwrap_or(if self.full || self.held_out { 8 } else { 3 });
        (first..first + count).collect()
    }

    /// The rows that are left: whole where their own name fits, else of those cells whose names do.
    fn rows(&self) -> Vec<Row> {
        let shapes = match (self.held_out, self.full) {
            (true, _) => HELD_OUT,
            (false, true) => FULL,
            (false, false) => PART,
        };
        let left = rows(&shapes).into_iter().filter(|row| row.name.contains(&self.row)).map(|row| {
            let whole = row.name.contains(&self.only);
            let cells = row.cells.into_iter().filter(|cell| whole || cell.name.contains(&self.only));
            Row { cells: cells.collect(), ..row }
        });
        left.filter(|row| !row.cells.is_empty()).collect()
    }

    fn write(&self, value: &Value) -> Result<(), String> {
        let Some(path) = &self.json else { return Ok(()) };
        fs::write(path, format!("{value:#}\n")).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn perform(&self) -> Result<(), String> {
        let seeds = self.seeds();
        let none = || format!("no row and no cell is called {:?}", self.only);
        if self.subset {
            let cells = subset::cells()?.into_iter().filter(|cell| cell.name.contains(&self.only));
            let cells: Vec<Cell> = cells.collect();
            if self.trace {
                self.trace(cells.first().ok_or_else(none)?);
                return Ok(());
            }
            let seeds = self.seeds.map_or(subset::SEEDS.to_vec(), |_| seeds);
            let results = measure_cells(&cells, &seeds);
            table::print_cells(&results);
            let cells: Vec<Value> = results.iter().map(Measured::to_json).collect();
            return self.write(&json!({"seeds": seeds, "cells": cells}));
        }
        let rows = self.rows();
        let first = rows.first().and_then(|row| row.cells.first()).ok_or_else(none)?;
        if self.trace {
            self.trace(first);
            return Ok(());
        }
        let results = measure(&rows, &seeds);
        table::print(&results, self.cells);
        let rows: Vec<Value> = results.iter().map(MeasuredRow::to_json).collect();
        self.write(&json!({"seeds": seeds, "rows": rows}))
    }

    fn trace(&self, cell: &Cell) {
        output::line(&cell.to_json().to_string());
        let mut trace = Trace::new(self.trace_all);
        let result = run(cell, self.seed.unwrap_or(1), Some(&mut trace));
        trace.sum_up();
        output::line(&format!("{result:?}, ratio {:.3}", result.ratio()));
    }
}

fn main() -> ExitCode {
    let arguments = match parse(lexopt::Parser::from_env()) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if arguments.help {
        output::line(HELP.trim_end());
        return ExitCode::SUCCESS;
    }
    match arguments.perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
