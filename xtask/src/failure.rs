//! The one error type of these commands: a text for the person at the terminal.

use std::fmt;

/// Why a command stopped, in words that say what to do about it.
#[derive(Debug)]
pub struct Failure(String);

/// What every step returns.
pub type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same text once more, for a second part that needed what failed.
    pub fn again(&self) -> Self {
        Self(self.0.clone())
    }

    /// A failure that ends with the exact line which does by hand what this machine did not let us do.
    pub fn by_hand(problem: &str, line: &str) -> Self {
        Self(format!("{problem}\nBy hand:\n\n    {line}\n"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self(format!("{error} (`cargo xtask help` lists commands and options)"))
    }
}
