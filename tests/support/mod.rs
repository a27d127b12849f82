//! What the native tests share: the engine and the simulated provider in one virtual time.
#![allow(dead_code, reason = "each test target uses its part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

pub mod audit;
pub mod canonical;
pub mod scenario;
pub mod sim;
pub mod stage;
pub mod store;
pub mod walk;
