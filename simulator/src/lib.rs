//! A simulated provider of images: concurrency caps, request windows, faults, idempotency keys and a billing ledger,
//! and an intermediary before it that mangles, loses and delays.
//!
//! [`World`] is pure: the time is an argument and every random draw comes from the seed, so that a test replays exactly,
//! in virtual time or behind the HTTP server of the `server` feature. It is written from the provider's public facts and
//! shares nothing with the client library that it tests.

mod admission;
mod choices;
mod clairvoyant;
mod clock;
mod config;
mod cors;
mod distribution;
mod drawing;
mod faults;
mod field;
mod hiapi;
mod hint;
mod idempotency;
mod image;
mod input;
mod intermediary;
mod ledger;
mod limits;
mod link;
mod message;
mod open;
mod openai;
mod pending;
pub mod picture;
mod provider;
mod random;
mod requests;
#[cfg(feature = "server")]
pub mod server;
mod sketch;
mod stats;
mod task;
mod tasks;
mod window;
mod world;

pub use choices::{Counts, Dialect, FilterStage, HintMode, HostileOn, LimitScope, QuotaCode, SlotUse, WindowKind};
pub use clairvoyant::{Window, clairvoyant, clairvoyant_for};
pub use clock::http_date;
pub use config::{Config, ConfigError, SETTINGS, Setting};
pub use distribution::{CapSchedule, Distribution, Durations};
pub use drawing::Drawing;
pub use intermediary::{Base64Form, ErrorForm, PictureAddress, StoreStatus, TaskForm};
pub use ledger::Charge;
pub use message::{Pending, Reply, Request, Response};
pub use provider::Provider;
pub use stats::Stats;
pub use world::{Step, World};
