//! What holds of the shell wherever it runs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

#[path = "../support/canonical.rs"]
mod canonical;
mod client;
mod client_ends;
mod client_inquiries;
mod core;
#[path = "../traces/play.rs"]
mod play;
#[path = "../traces/recorded.rs"]
mod recorded;
mod traces;
mod value;
mod world;
