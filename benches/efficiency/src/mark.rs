//! What is to be reached.

use crate::cell::Cell;
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
    /// How far a tenant's part of the work may lie from its share.
    pub share: Option<f64>,
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
    /// Each cell also runs with its cap told, to show what not knowing it costs.
    pub beside_told: bool,
}

/// Half of the gap between two polls, and a round trip: what a task costs besides its work. See [`Mark::by_distance`].
const HALF_GAP_S: f64 = 0.25;

impl Row {
    /// A row of these cells.
    pub fn new(name: &'static str, mark: Mark, cells: Vec<Cell>) -> Row {
        Row { name, mark, cells, beside_told: false }
    }

    /// The same, beside what a told cap reaches.
    pub fn beside_told(self) -> Row {
        Row { beside_told: true, ..self }
    }
}

impl Mark {
    /// Ratio mean and worst, and refusals.
    pub const fn of(ratio: f64, worst: f64, refusals: f64) -> Mark {
        Mark {
            ratio: Some(ratio),
            worst: Some(worst),
            by_distance: false,
            refusals: Some(refusals),
            jain: None,
            wait: None,
            share: None,
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
    pub fn is_met<'a>(&self, all: &Figures, mut cells: impl Iterator<Item = (&'a Cell, &'a Figures)>) -> bool {
        let within = |figure: f64, most: Option<f64>| most.is_none_or(|most| figure <= most + 1e-9);
        let near = !self.by_distance || cells.all(|(cell, figures)| figures.ratio <= Mark::bound(cell));
        let polls =
            self.polls.is_empty() || self.polls.iter().any(|(polls, added)| all.polls <= *polls && all.added <= *added);
        let wait = self.wait.is_none_or(|most| all.wait.is_some_and(|(mean, _)| mean <= most));
        let share = self.share.is_none_or(|most| all.share.is_some_and(|share| share <= most));
        let jain = self.jain.is_none_or(|least| all.jain >= least);
        let ratio = within(all.ratio, self.ratio) && within(all.worst, self.worst);
        ratio && near && polls && wait && share && jain && within(all.refusals, self.refusals) && all.undelivered == 0
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
        words.extend(self.share.map(|share| format!("shares within {:.0} %", share * 100.0)));
        let polls: Vec<String> = self.polls.iter().map(|(polls, added)| format!("{polls} at {added} s")).collect();
        words.extend(Some(polls.join(" or ")).filter(|polls| !polls.is_empty()));
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_missed_by_each_of_its_figures_and_by_what_is_not_delivered() {
        let cell = Cell::new(Some(16), 160);
        let good = Figures { ratio: 1.04, worst: 1.05, refusals: 0.0, ..Figures::default() };
        let mark = Mark::of(1.04, 1.05, 0.0);
        let met = |mark: &Mark, figures: &Figures| mark.is_met(figures, [(&cell, figures)].into_iter());
        assert!(met(&mark, &good));
        for bad in [
            Figures { ratio: 1.041, ..good.clone() },
            Figures { worst: 1.051, ..good.clone() },
            Figures { refusals: 0.1, ..good.clone() },
            Figures { undelivered: 1, ..good.clone() },
        ] {
            assert!(!met(&mark, &bad), "{bad:?}");
        }
        let polls = Mark { polls: &[(11.0, 0.46), (9.0, 0.55)], ..Mark::default() };
        for (polls_a_task, added, is_met) in
            [(11.0, 0.46, true), (9.0, 0.5, true), (10.0, 0.5, false), (12.0, 0.1, false)]
        {
            assert_eq!(met(&polls, &Figures { polls: polls_a_task, added, ..good.clone() }), is_met);
        }
        let near = Mark { by_distance: true, ..Mark::default() };
        assert!(
            met(&near, &Figures { ratio: 1.03, ..good.clone() })
                && !met(&near, &Figures { ratio: 1.06, ..good.clone() })
        );
    }
}
