//! # tidegate
//!
//! One gate between an application and the image-generation APIs that it pays for.
//!
//! This crate is the core of the npm package of the same name. It is sans-IO: no clock, no network, no randomness of its own, no `async`. Whoever
//! drives it performs its effects and tells it what came of them:
//!
//! ```
//! use tidegate::engine::{Effect, Engine, Input};
//! use tidegate::options::{CallOptions, Config, Priority, ProviderConfig};
//! use tidegate::provider::hiapi::HIAPI;
//! use tidegate::request::ImageRequest;
//! use tidegate::time::Instant;
//!
//! let config = Config { providers: vec![ProviderConfig::new("hiapi", &HIAPI)], ..Config::default() };
//! let mut engine = Engine::new(config, 7);
//! let (now, wall, owner) = (Instant::from_millis(0), 1_795_309_783_000, 0);
//! let options = CallOptions::from_defaults(&engine.config().defaults, Priority::Interactive);
//! let request = Ok(Box::new(ImageRequest::new("gpt-image-2", "a red apple")));
//! engine.handle(now, wall, Input::Submit { task: 1, owner, request, options: Box::new(options), records: vec![] });
//! while let Some(effect) = engine.poll(owner) {
//!     match effect {
//!         // Written down before it is sent.
//!         Effect::Store { seq, .. } => engine.handle(now, wall, Input::Stored { seq, ok: true }),
//!         Effect::Send { request, .. } => assert_eq!(request.url, "https://api.hiapi.ai/v1/tasks"),
//!         // Written down until a caller has it.
//!         Effect::Settle { task, .. } => _ = engine.taken(task),
//!         _ => {}
//!     }
//! }
//! // The next thing to do, unless an answer comes first.
//! assert!(engine.deadline(owner).is_some());
//! ```
//!
//! The parts, and the direction in which they depend on each other: [`engine`] → `queue`, [`limit`], [`retry`], [`poll`], [`provider`], [`journal`] →
//! [`request`], [`json`], [`http`], [`error`], [`time`], [`rng`]. [`view`] turns what the engine says into plain data for the wall to JavaScript.

#![cfg_attr(feature = "bare", no_std)]

extern crate alloc;

#[cfg(all(feature = "bare", feature = "client"))]
compile_error!("feature `bare` has no `std`, and the client needs it: build with `--no-default-features`");

pub mod engine;
pub mod error;
pub mod fetch_failure;
mod gather;
pub mod http;
pub mod journal;
pub mod json;
pub mod limit;
pub mod options;
pub mod poll;
pub mod provider;
mod queue;
pub mod request;
pub mod retry;
pub mod rng;
pub mod size;
mod table;
pub mod task;
mod text;
pub mod time;
pub mod view;

#[cfg(target_arch = "wasm32")]
pub mod web;
