//! A native HTTP server over a [`World`](crate::World) in real time, for the loopback interface only.

mod admin;
mod cli;
mod connection;
mod provider;
mod state;

use axum::Router;

pub use cli::{Options, command, options};
pub use connection::{Broken, serve};
pub use state::Shared;

/// All routes: the provider's own, and the `/admin` ones that set and read the simulation.
///
/// A response that carries [`Broken`] as an extension stands for a connection to be broken; [`serve`] does that.
pub fn router(shared: Shared) -> Router {
    Router::new().nest("/admin", admin::routes()).fallback(provider::answer).with_state(shared)
}
