//! The laws, each over random event orders in virtual time, and each in a test that fails without it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

#[path = "../support/mod.rs"]
mod support;

mod batches;
mod credentials;
mod ends;
mod fairness;
mod intermediary;
mod journal;
mod refusals;
mod slots;
mod synchronous;
mod taken;
mod verdicts;
