//! What ran, how it went and how many tests passed in it: a table at the end.

use crate::failure::{Failure, Result};
use crate::process::{run_and_read, say};
use std::process::Command;
use std::time::Instant;

/// How many tests a runner says it ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u32,
}

impl Counts {
    /// Sums the result lines of `cargo test` and of wasm-bindgen's runner.
    pub fn of_cargo(output: &str) -> Self {
        let mut counts = Self::default();
        for line in output.lines().filter(|line| line.starts_with("test result: ")) {
            counts.passed += number_before(line, " passed");
            counts.failed += number_before(line, " failed");
        }
        counts
    }

    /// Sums the closing lines of `node --test`, in its TAP form and in its form for people.
    pub fn of_node(output: &str) -> Self {
        let mut counts = Self::default();
        for line in output.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["#" | "ℹ", what, number] = words.as_slice() {
                let number = number.parse().unwrap_or(0);
                match *what {
                    "pass" => counts.passed += number,
                    "fail" => counts.failed += number,
                    _ => {}
                }
            }
        }
        counts
    }
}

fn number_before(line: &str, word: &str) -> u32 {
    let before = line.split(word).next().unwrap_or_default();
    before.split_whitespace().last().and_then(|number| number.parse().ok()).unwrap_or(0)
}

struct Row {
    name: String,
    counts: Counts,
    outcome: String,
    seconds: f64,
}

/// The parts of a command, run one after the other to the end even when one fails.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    has_failed: bool,
}

impl Report {
    /// Runs a part that is one check by itself.
    pub fn check(&mut self, name: &str, part: impl FnOnce() -> Result) -> bool {
        self.part(name, || part().map(|()| Counts { passed: 1, failed: 0 }))
    }

    /// Runs a program of tests; one that reports none has failed.
    pub fn tests(&mut self, name: &str, count: fn(&str) -> Counts, command: Result<Command>) -> bool {
        self.part(name, || {
            let (ended_well, output) = run_and_read(&mut command?)?;
            let counts = count(&output);
            if !ended_well && counts.failed == 0 {
                return Err(Failure::new("it ended with an error"));
            }
            Ok(counts)
        })
    }

    fn part(&mut self, name: &str, part: impl FnOnce() -> Result<Counts>) -> bool {
        say(&format!("== {name}"));
        let started = Instant::now();
        let (counts, outcome) = match part() {
            Ok(Counts { passed: 0, failed: 0 }) => (Counts { passed: 0, failed: 1 }, "NO TEST RAN"),
            Ok(counts) if counts.failed > 0 => (counts, "FAILED"),
            Ok(counts) => (counts, "ok"),
            Err(failure) => {
                say(&format!("{name}: {failure}"));
                (Counts { passed: 0, failed: 1 }, "FAILED")
            }
        };
        self.has_failed |= counts.failed > 0;
        self.rows.push(Row {
            name: name.to_owned(),
            counts,
            outcome: outcome.to_owned(),
            seconds: started.elapsed().as_secs_f64(),
        });
        counts.failed == 0
    }

    /// Notes a part that could not be tried.
    pub fn not_run(&mut self, name: &str, why: &str) {
        self.has_failed = true;
        let counts = Counts { passed: 0, failed: 1 };
        self.rows.push(Row { name: name.to_owned(), counts, outcome: format!("NOT RUN: {why}"), seconds: 0.0 });
    }

    /// Prints the table.
    ///
    /// # Errors
    /// When a part failed, ran no test or was not run.
    pub fn finish(self) -> Result {
        println!("\n{:<44} {:>7} {:>7} {:>8}", "part", "passed", "failed", "seconds");
        for row in &self.rows {
            let Counts { passed, failed } = row.counts;
            println!("{:<44} {passed:>7} {failed:>7} {:>8.1}  {}", row.name, row.seconds, row.outcome);
        }
        let sum = |of: fn(&Counts) -> u32| self.rows.iter().map(|row| of(&row.counts)).sum::<u32>();
        println!("\n{} passed, {} failed", sum(|counts| counts.passed), sum(|counts| counts.failed));
        if self.has_failed { Err(Failure::new("not everything passed")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_lines_of_all_test_binaries_are_summed() {
        let output = "running 3 tests\ntest a ... ok\n\
                      test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\n\
                      test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Counts::of_cargo(output), Counts { passed: 15, failed: 2 });
    }

    #[test]
    fn both_forms_of_nodes_closing_lines_are_read() {
        assert_eq!(Counts::of_node("# tests 5\n# pass 4\n# fail 1\n"), Counts { passed: 4, failed: 1 });
        assert_eq!(Counts::of_node("ℹ tests 2\nℹ pass 2\nℹ fail 0\n"), Counts { passed: 2, failed: 0 });
        assert_eq!(Counts::of_node("# Subtest: a pass 9\n"), Counts::default());
    }

    #[test]
    fn a_part_without_a_test_fails_the_report() {
        let mut report = Report::default();
        assert!(report.check("one", || Ok(())));
        assert!(!report.part("none", || Ok(Counts::default())));
        assert!(report.finish().is_err());
    }
}
