//! `tidegate-efficiency`: see the library's documentation.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]

use std::process::ExitCode;

use lexopt::Arg::{Long, Short};
use lexopt::ValueExt;
use tidegate_efficiency::cells::{self, Scale};
use tidegate_efficiency::table;
use tidegate_efficiency::trace::Trace;
use tidegate_efficiency::{Row, run};

const HELP: &str = "\
tidegate-efficiency [OPTIONS]

  --only WORDS   the rows, or the cells, whose name holds these words
  --seeds N      how many seeds: 3, or 8 with --full
  --full         the whole grid
  --cells        each cell's own figures, too
  --trace        instead of the table, one run (the first cell's that --only leaves, with --seed) step by step
  --trace-all    the same, with each change of what is held
  --seed N       the seed of that run: 1
";

#[derive(Default)]
struct Arguments {
    only: String,
    seeds: Option<u64>,
    full: bool,
    cells: bool,
    trace: bool,
    everything: bool,
    seed: Option<u64>,
    help: bool,
}

fn parse(mut parser: lexopt::Parser) -> Result<Arguments, lexopt::Error> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("only") => arguments.only = parser.value()?.string()?,
            Long("seeds") => arguments.seeds = Some(parser.value()?.parse()?),
            Long("seed") => arguments.seed = Some(parser.value()?.parse()?),
            Long("full") => arguments.full = true,
            Long("cells") => arguments.cells = true,
            Long("trace") => arguments.trace = true,
            Long("trace-all") => (arguments.trace, arguments.everything) = (true, true),
            Long("help") | Short('h') => arguments.help = true,
            other => return Err(other.unexpected()),
        }
    }
    Ok(arguments)
}

/// The rows that are left: whole where their own name fits, else of those cells whose names do.
fn chosen(rows: Vec<Row>, only: &str) -> Vec<Row> {
    let left = rows.into_iter().map(|row| {
        let whole = row.name.contains(only);
        let cells = row.cells.into_iter().filter(|cell| whole || cell.name.contains(only));
        Row { cells: cells.collect(), ..row }
    });
    left.filter(|row| !row.cells.is_empty()).collect()
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
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let scale = if arguments.full { Scale::Full } else { Scale::Part };
    let rows = chosen(cells::rows(scale), &arguments.only);
    let Some(first) = rows.first().and_then(|row| row.cells.first()) else {
        eprintln!("no row and no cell is called {:?}", arguments.only);
        return ExitCode::from(2);
    };
    if arguments.trace {
        let mut trace = Trace::new(arguments.everything);
        println!("{}", first.to_json());
        let result = run(first, arguments.seed.unwrap_or(1), Some(&mut trace));
        println!("{result:?}, ratio {:.3}", result.ratio());
        return ExitCode::SUCCESS;
    }
    let seeds = arguments.seeds.unwrap_or(if arguments.full { 8 } else { 3 });
    let seeds: Vec<u64> = (1..=seeds).collect();
    table::print(&table::measure(&rows, &seeds), arguments.cells);
    ExitCode::SUCCESS
}
