//! Prints what came out.

use crate::figures::Figures;
use crate::mark::Mark;
use crate::measure::{Measured, MeasuredRow};
use crate::output;

fn heading(first: &str) {
    output::line(&format!(
        "{first:<52} {:>5} {:>5} {:>6} {:>6} {:>7} {:>7} {:>6} {:>6} {:>5} {:>5}  mark",
        "cells", "runs", "ratio", "worst", "ref/100", "most", "polls", "added", "Jain", "worst"
    ));
}

fn line(name: &str, cells: &str, figures: &Figures, mark: &str) {
    let mut more = String::from(mark);
    if let Some(told) = figures.told {
        more.push_str(&format!("  told {told:.3}, untold {:+.3}", figures.ratio - told));
    }
    if let Some((mean, p95)) = figures.wait {
        more.push_str(&format!("  waits {mean:.1} s, p95 {p95:.1} s"));
    }
    if let Some(share) = figures.share {
        more.push_str(&format!("  shares within {:.1} %", share * 100.0));
    }
    if figures.undelivered + figures.twice > 0 {
        more.push_str(&format!("  {} NOT DELIVERED, {} PAID TWICE", figures.undelivered, figures.twice));
    }
    output::line(&format!(
        "{name:<52} {cells:>5} {:>5} {:>6.3} {:>6.3} {:>7.1} {:>7.1} {:>6.1} {:>6.2} {:>5.2} {:>5.2}  {more}",
        figures.runs,
        figures.ratio,
        figures.worst,
        figures.refusals,
        figures.most_refusals,
        figures.polls,
        figures.added,
        figures.jain,
        figures.worst_jain,
    ));
}

/// Prints rows; with each cell's own figures where that is asked for.
pub fn print(results: &[MeasuredRow<'_>], with_cells: bool) {
    heading("row");
    for result in results {
        let words = result.row.mark.words();
        let mark = match result.is_met() {
            None => String::from("-"),
            Some(true) => format!("met     {words}"),
            Some(false) => format!("MISSED  {words}"),
        };
        let slowest = result.cells.iter().max_by(|one, other| one.figures.worst.total_cmp(&other.figures.worst));
        let mark = match (result.is_met(), slowest) {
            (Some(false), Some(slowest)) if result.cells.len() > 1 => {
                format!("{mark}; slowest in {}", slowest.cell.name)
            }
            _ => mark,
        };
        line(result.row.name, &result.cells.len().to_string(), &result.all, &mark);
        for measured in result.cells.iter().filter(|_| with_cells) {
            let bound =
                if result.row.mark.by_distance { format!("{:.3}", Mark::bound(measured.cell)) } else { String::new() };
            line(&format!("    {}", measured.cell.name), "", &measured.figures, &bound);
        }
    }
    let met: Vec<bool> = results.iter().filter_map(MeasuredRow::is_met).collect();
    let undelivered: usize = results.iter().map(|result| result.all.undelivered).sum();
    let twice: usize = results.iter().map(|result| result.all.twice).sum();
    let reached = met.iter().filter(|met| **met).count();
    output::line(&format!(
        "{reached} of {} marks met; {undelivered} tasks not delivered, {twice} paid twice",
        met.len()
    ));
}

/// Prints single cells.
pub fn print_cells(cells: &[Measured<'_>]) {
    heading("cell");
    cells.iter().for_each(|measured| line(&measured.cell.name, "", &measured.figures, ""));
}
