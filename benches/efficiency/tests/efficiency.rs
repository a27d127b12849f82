//! What must hold whatever is tuned.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_efficiency::measure::{measure, measure_cells};
use tidegate_efficiency::rows::rows;
use tidegate_efficiency::shapes::{FULL, HELD_OUT, PART, Shapes};
use tidegate_efficiency::{Cell, Mark, Row, run, subset};

/// Of each row of the everyday grid, the cell with the least to do.
fn smallest() -> Vec<Row> {
    let rows = rows(&PART).into_iter().map(|row| {
        let cell = row.cells.iter().min_by_key(|cell| cell.batch()).unwrap().clone();
        Row { cells: vec![cell], ..row }
    });
    rows.collect()
}

#[test]
fn everything_is_delivered_and_nothing_paid_twice() {
    let rows = smallest();
    for result in measure(&rows, &[1]) {
        let row = result.row.name;
        assert_eq!((result.all.undelivered, result.all.twice), (0, 0), "{row}: {}", result.cells[0].cell.name);
        assert!(result.all.ratio >= 0.999, "{row}: quicker than the optimum: {}", result.all.ratio);
        assert!(result.all.worst.is_finite(), "{row}: did not end");
    }
}

#[test]
fn a_told_cap_is_kept_full_without_a_refusal() {
    let told: Vec<Cell> =
        subset::cells().unwrap().into_iter().filter(|cell| cell.name.starts_with("told cap")).collect();
    let usual = |cell: &Cell| Mark::bound(cell) < 1.05 && cell.told.rpm.is_none();
    let told: Vec<Cell> = told.into_iter().filter(usual).filter(|cell| cell.batch() <= 200).collect();
    assert!(told.len() >= 3);
    for measured in measure_cells(&told, &[1, 2]) {
        let figures = measured.figures;
        assert_eq!(figures.refusals, 0.0, "{}", measured.cell.name);
        assert!(figures.worst <= 1.05, "{}: {}", measured.cell.name, figures.worst);
    }
}

#[test]
fn the_same_cell_and_seed_give_the_same_run() {
    for cell in subset::cells().unwrap().iter().filter(|cell| cell.batch() <= 120) {
        assert_eq!(run(cell, 5, None), run(cell, 5, None), "{}", cell.name);
        assert_ne!(run(cell, 5, None), run(cell, 6, None), "{}", cell.name);
    }
}

#[test]
fn the_subset_is_small_and_each_of_its_cells_has_a_name_of_its_own() {
    let cells = subset::cells().unwrap();
    assert!(cells.len() <= 40 && cells.len() > 30, "{}", cells.len());
    let names: BTreeSet<&str> = cells.iter().map(|cell| cell.name.as_str()).collect();
    assert_eq!(names.len(), cells.len());
}

#[test]
fn cells_are_read_as_they_were_written() {
    for shapes in [&FULL, &PART, &HELD_OUT] {
        for row in rows(shapes) {
            assert!(!row.cells.is_empty(), "{} is empty", row.name);
            for cell in row.cells {
                let text = cell.to_json().to_string();
                assert_eq!(Cell::from_json(&serde_json::from_str(&text).unwrap()).as_ref(), Ok(&cell));
            }
        }
    }
    assert!(Cell::from_json(&serde_json::json!({"name": "x"})).unwrap_err().contains("is missing"));
}

#[test]
fn what_comes_out_can_be_read() {
    let rows: Vec<Row> = rows(&PART).into_iter().filter(|row| row.name == "N = 2 × cap").collect();
    let results = measure(&rows, &[3]);
    let json: Value = serde_json::from_str(&results[0].to_json().to_string()).unwrap();
    assert_eq!(json["met"], Value::from(results[0].is_met().unwrap()));
    let cell = &json["cells"][0];
    let run = &cell["runs"][0];
    let ratio = run["makespan"].as_f64().unwrap() / run["optimum"].as_f64().unwrap();
    assert!((cell["figures"]["ratio"].as_f64().unwrap() - ratio).abs() < 1e-9);
    assert_eq!((run["undelivered"].as_u64(), run["twice"].as_u64()), (Some(0), Some(0)));
}

/// The held-out shapes are others: no cap, no rate and no distance of theirs is in the grid.
#[test]
fn what_is_held_out_is_not_in_the_grid() {
    let differ = |own: &[u32], held_out: &[u32]| held_out.iter().all(|value| !own.contains(value));
    let Shapes { told, caps, brief, two, .. } = FULL;
    assert!(differ(told, HELD_OUT.told) && differ(caps, HELD_OUT.caps));
    assert!(differ(brief, HELD_OUT.brief) && differ(two, HELD_OUT.two));
    let rates = |shapes: &Shapes| shapes.windows.iter().map(|(_, rpm)| *rpm).collect::<Vec<u32>>();
    assert!(differ(&rates(&FULL), &rates(&HELD_OUT)));
    assert!(HELD_OUT.rtts.iter().all(|rtt| !FULL.rtts.contains(rtt)));
}
