//! When to try again: our own backoff, and what the server said.

pub mod backoff;
pub mod budget;
mod fields;
pub mod hint;
