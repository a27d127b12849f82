//! `size`: what the package weighs in each host's build, beside its peers and against its budget, and what of it is the largest.

mod budget;
mod parts;

use crate::failure::{Failure, Result};
use crate::files;
use crate::package::{self, Variant};
use crate::process::{capture, say};
use crate::project::{Project, VERSION};
use crate::readme;
use crate::setup::Tools;
use crate::setup::npm;
use budget::{Budget, Budgets};
use std::fmt::Write;

/// What else to do with the figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Make today's weights the budget.
    pub write_budget: bool,
    /// Put the table into the README.
    pub write_readme: bool,
}

/// A build or a peer and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Weight {
    name: String,
    raw: u64,
    gzip: u64,
    brotli: u64,
}

/// Builds the package, prints what it weighs and the largest parts of its wasm.
///
/// # Errors
/// When a build weighs more than its budget, or something cannot be built or measured.
pub fn size(project: &Project, tools: &Tools, options: Options) -> Result {
    package::build(project, tools, Variant::Ship)?;
    let weights = measure(project)?;
    let mut budgets = Budgets::read(project)?;
    if options.write_budget {
        budgets.fit(&weights);
        budgets.write(project)?;
    }
    let table = table(&weights, &budgets)?;
    println!("{table}");
    println!("{}", parts::largest(&files::read(&package::with_names(project)?)?)?);
    if options.write_readme {
        readme::write(project, "size", &table)?;
    }
    judge(&weights, &budgets)
}

/// The budget alone, for a package that is built already.
///
/// # Errors
/// When a build weighs more than its budget, or cannot be measured.
pub fn within_budget(project: &Project) -> Result {
    judge(&measure(project)?, &Budgets::read(project)?)
}

fn measure(project: &Project) -> Result<Vec<Weight>> {
    let folder = project.root.join("benches");
    npm::set_up(project, &folder)?;
    let text = capture(project.command("node").arg(folder.join("size.mjs")))?;
    let weights: Option<Vec<Weight>> = text.lines().map(weight).collect();
    weights.ok_or_else(|| Failure::new(format!("benches/size.mjs printed something else than weights:\n{text}")))
}

fn weight(line: &str) -> Option<Weight> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [name, raw, gzip, brotli] = *columns.as_slice() else { return None };
    Some(Weight {
        name: name.to_owned(),
        raw: raw.parse().ok()?,
        gzip: gzip.parse().ok()?,
        brotli: brotli.parse().ok()?,
    })
}

/// In Markdown, so that it can go into the README as it is.
fn table(weights: &[Weight], budgets: &Budgets) -> Result<String> {
    let mut text = "| everything behind one import, minified (bytes) | raw | gzip | brotli | budget | goal |\n\
                    |---|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for weight in weights {
        let Weight { name, raw, gzip, brotli } = weight;
        let (title, limits) = match budgets.of(name)? {
            Some(Budget { goal, budget }) => {
                (format!("tidegate {VERSION}, {name}"), (thousands(budget), missed(*brotli, goal)))
            }
            None => (name.clone(), (String::new(), String::new())),
        };
        let columns = [thousands(*raw), thousands(*gzip), thousands(*brotli), limits.0, limits.1].join(" | ");
        let _ = writeln!(text, "| {title} | {columns} |");
    }
    Ok(text)
}

fn missed(brotli: u64, goal: u64) -> String {
    match brotli.checked_sub(goal) {
        Some(over) if over > 0 => format!("{}: missed by {}", thousands(goal), thousands(over)),
        _ => thousands(goal),
    }
}

/// Every build that has a budget must be measured, and none may weigh more.
fn judge(weights: &[Weight], budgets: &Budgets) -> Result {
    let mut problems = String::new();
    for name in budgets.names() {
        let Some(weight) = weights.iter().find(|weight| weight.name == name) else {
            return Err(Failure::new(format!("benches/size.mjs does not weigh {name}, which has a budget")));
        };
        let Some(limits) = budgets.of(name)? else { continue };
        let (brotli, budget) = (thousands(weight.brotli), thousands(limits.budget));
        if weight.brotli > limits.budget {
            let over = thousands(weight.brotli - limits.budget);
            let _ = write!(problems, "\n  {name}: {brotli} bytes, {over} more than its budget of {budget}");
        } else if limits.is_loose(weight.brotli) {
            say(&format!(
                "{name} weighs {brotli} bytes of {budget}: keep it so with `cargo xtask size --write-budget`"
            ));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "the package weighs more than benches/size-budget.toml allows (brotli):{problems}\n\
         `cargo xtask size` names the largest parts. Make it smaller; or, if the bytes buy what they cost, raise the budget and say so in the commit."
    );
    Err(Failure::by_hand(&problem, "cargo xtask size --write-budget"))
}

/// 63715 as "63,715".
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(brotli: u64) -> Weight {
        weight(&format!("browser\t3000000\t90000\t{brotli}")).unwrap()
    }

    fn budgets() -> Budgets {
        Budgets::parse("[browser]\ngoal = 36_000\nbudget = 64_000\n").unwrap()
    }

    #[test]
    fn a_row_has_a_name_and_three_numbers() {
        assert_eq!((browser(63_715).raw, browser(63_715).brotli), (3_000_000, 63_715));
        assert_eq!(weight("browser\t1\t2"), None);
        assert_eq!(weight("browser\t1\t2\tmany"), None);
    }

    #[test]
    fn one_byte_more_than_the_budget_fails_and_says_what_to_do() {
        assert!(judge(&[browser(64_000)], &budgets()).is_ok());
        let failure = judge(&[browser(64_001)], &budgets()).unwrap_err().to_string();
        assert!(failure.contains("browser: 64,001 bytes, 1 more than its budget of 64,000"), "{failure}");
        assert!(failure.contains("cargo xtask size --write-budget"), "{failure}");
    }

    #[test]
    fn a_build_that_has_a_budget_and_was_not_weighed_fails() {
        assert!(judge(&[Weight { name: "node".to_owned(), ..browser(1) }], &budgets()).is_err());
    }

    #[test]
    fn the_table_says_by_how_much_the_goal_is_missed() {
        let weights = [browser(63_715), Weight { name: "openai".to_owned(), ..browser(72_065) }];
        let table = table(&weights, &budgets()).unwrap();
        assert!(
            table.contains("browser | 3,000,000 | 90,000 | 63,715 | 64,000 | 36,000: missed by 27,715 |"),
            "{table}"
        );
        assert!(table.contains("| openai | 3,000,000 | 90,000 | 72,065 |  |  |"), "{table}");
        assert_eq!(missed(36_000, 36_000), "36,000");
    }
}
