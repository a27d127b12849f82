//! A simulated provider of images: concurrency caps, request windows, faults, idempotency keys and a billing ledger.
//!
//! [`World`] is pure: the time is an argument and every random draw comes from the seed, so that a test replays exactly,
//! in virtual time or behind the HTTP server of the `server` feature. It is written from the provider's public facts and
//! shares nothing with the client library that it tests.

mod clairvoyant;
mod clock;
mod config;
mod cors;
mod distribution;
mod faults;
mod hiapi;
mod hint;
mod idempotency;
mod image;
mod input;
mod ledger;
mod limits;
mod link;
mod message;
pub mod picture;
mod random;
#[cfg(feature = "server")]
pub mod server;
mod stats;
mod task;
mod tasks;
mod world;

pub use clairvoyant::{Window, clairvoyant, clairvoyant_for};
pub use clock::http_date;
pub use config::{Config, ConfigError, SETTINGS, Setting};
pub use config::{Counts, Dialect, HostileOn, LimitScope};
pub use distribution::{CapSchedule, Distribution, Durations};
pub use hint::HintMode;
pub use image::Drawing;
pub use ledger::Charge;
pub use message::{Reply, Request, Response};
pub use stats::Stats;
pub use world::{Step, World};
