//! What holds of the shell wherever it runs.

#[path = "../support/canonical.rs"]
mod canonical;
mod core;
mod value;
