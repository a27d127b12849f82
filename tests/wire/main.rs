//! Answers that users of image APIs have met, and what the engine makes of them. `README.md` beside this says what a row is.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod demands;
mod play;
mod reason;
mod rows;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use demands::{check, failing};
use play::play;
use rows::PICTURES;

/// Every row meets every demand but those that it marks, and those it fails: a mended row must lose its mark.
#[test]
fn every_row_meets_the_demands_that_it_does_not_mark() {
    let rows = rows::all();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "two rows have one name");
    let only = std::env::var("TIDEGATE_WIRE_ROW").ok();
    let mut classes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut right, mut total, mut surprises) = (0, 0, Vec::new());
    for row in rows.iter().filter(|row| only.as_ref().is_none_or(|id| *id == row.id)) {
        let sizes = if row.has_picture_in_text() { PICTURES.len() } else { 1 };
        let mut failed = BTreeSet::new();
        for (dialect, picture) in row.dialects.iter().flat_map(|name| PICTURES[..sizes].iter().map(move |p| (name, p)))
        {
            let played = play(row, dialect, picture);
            let fails = failing(&check(row, &played, picture));
            if only.is_some() {
                println!("{} at {dialect}: {fails:?}\n{played:#?}", row.id);
            }
            failed.extend(fails);
        }
        let failed: Vec<String> = failed.into_iter().collect();
        total += row.expect.len();
        right += row.expect.len() - failed.len();
        let class = classes.entry(&row.class).or_default();
        *class = (class.0 + 1, class.1 + usize::from(failed.is_empty()));
        if failed != row.fails_today {
            surprises.push(format!("{}: fails {failed:?}, and marks {:?}", row.id, row.fails_today));
        }
    }
    let whole: usize = classes.values().map(|(_, whole)| whole).sum();
    let mut told = std::io::stderr();
    for (class, (count, whole)) in &classes {
        writeln!(told, "{class}: {whole} of {count} rows").unwrap();
    }
    let (count, kinds) = (rows.len(), classes.len());
    writeln!(told, "{count} rows in {kinds} classes: {whole} rows and {right} of {total} demands are right").unwrap();
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
