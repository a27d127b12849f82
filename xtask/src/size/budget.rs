//! The file of budgets, `benches/size-budget.toml`: how much each build may weigh.

use super::Weight;
use crate::failure::{Failure, Result};
use crate::files;
use crate::project::Project;
use toml_edit::{DocumentMut, Item, value};

const FILE: &str = "benches/size-budget.toml";

/// What a build may weigh, in bytes under brotli.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What is aimed at.
    pub goal: u64,
    /// What must not be exceeded.
    pub budget: u64,
}

impl Budget {
    /// A build of this weight gets the weight and one hundredth of it: another compiler makes somewhat other bytes.
    fn with_margin(brotli: u64) -> u64 {
        (brotli + brotli / 100).next_multiple_of(100)
    }

    /// Whether a build has become so much smaller that its budget no longer holds it.
    pub fn is_loose(self, brotli: u64) -> bool {
        self.budget > brotli + brotli / 50
    }
}

/// The budgets of all builds.
#[derive(Debug)]
pub struct Budgets(DocumentMut);

impl Budgets {
    /// What the file says.
    ///
    /// # Errors
    /// When it is missing or is no TOML.
    pub fn read(project: &Project) -> Result<Self> {
        Self::parse(&files::read_text(&project.root.join(FILE))?)
    }

    /// # Errors
    /// When the text is no TOML.
    pub fn parse(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|error| Failure::new(format!("{FILE}: {error}")))
    }

    /// The builds that have a budget.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name)
    }

    /// The budget of a build, if it has one.
    ///
    /// # Errors
    /// When what the file says of it is no goal and budget.
    pub fn of(&self, name: &str) -> Result<Option<Budget>> {
        let Some(build) = self.0.get(name) else { return Ok(None) };
        let bytes = |key: &str| {
            let number = build.get(key).and_then(Item::as_integer).and_then(|number| u64::try_from(number).ok());
            number.ok_or_else(|| Failure::new(format!("{FILE}: [{name}] has no `{key} = BYTES`")))
        };
        Ok(Some(Budget { goal: bytes("goal")?, budget: bytes("budget")? }))
    }

    /// Gives every build that has a budget the one that fits what it weighs; comments and goals stay.
    pub fn fit(&mut self, weights: &[Weight]) {
        for weight in weights {
            let build = self.0.get_mut(&weight.name).and_then(Item::as_table_like_mut);
            if let (Some(build), Ok(bytes)) = (build, i64::try_from(Budget::with_margin(weight.brotli))) {
                build.insert("budget", value(bytes));
            }
        }
    }

    /// Writes the file anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, project: &Project) -> Result {
        files::write(&project.root.join(FILE), self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# why\n\n[browser]\ngoal = 36_000\nbudget = 64_000\n";

    fn browser(brotli: u64) -> Weight {
        Weight { name: "browser".to_owned(), raw: 0, gzip: 0, brotli }
    }

    #[test]
    fn a_build_has_a_goal_and_a_budget_and_a_peer_has_none() {
        let budgets = Budgets::parse(TEXT).unwrap();
        assert_eq!(budgets.of("browser").unwrap(), Some(Budget { goal: 36_000, budget: 64_000 }));
        assert_eq!(budgets.of("openai").unwrap(), None);
        assert_eq!(budgets.names().collect::<Vec<_>>(), ["browser"]);
        assert!(Budgets::parse("[browser]\nbudget = 1\n").unwrap().of("browser").is_err());
    }

    #[test]
    fn a_new_budget_leaves_one_hundredth_and_the_words_around_it() {
        let mut budgets = Budgets::parse(TEXT).unwrap();
        budgets.fit(&[browser(50_000), Weight { name: "openai".to_owned(), ..browser(1) }]);
        assert_eq!(budgets.0.to_string(), TEXT.replace("64_000", "50500"));
        assert!(!budgets.of("browser").unwrap().unwrap().is_loose(50_000));
    }

    #[test]
    fn a_budget_is_loose_when_a_build_has_lost_more_than_the_margin() {
        let budget = Budget { goal: 36_000, budget: 64_000 };
        assert!(budget.is_loose(60_000));
        assert!(!budget.is_loose(63_500));
    }
}
