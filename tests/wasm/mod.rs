//! What holds of the shell wherever it runs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

#[path = "../support/canonical.rs"]
mod canonical;
mod client;
mod client_ends;
mod core;
mod value;
mod world;
