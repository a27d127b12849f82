//! A native HTTP server over a [`World`](crate::World) in real time, for the loopback interface only.

mod admin;
mod cli;
mod connection;
mod provider;
mod state;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

pub use cli::{Options, command, options};
pub use connection::{Broken, serve};
pub use state::Shared;

/// All routes: the provider's own, and the `/admin` ones that set and read the simulation.
///
/// A response that carries [`Broken`] as an extension stands for a connection to be broken; [`serve`] does that.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .nest("/admin", admin::routes())
        .fallback(provider::answer)
        .layer(from_fn_with_state(shared.clone(), close_where_broken))
        .with_state(shared)
}

/// Lets no connection be used twice while connections may break: browsers silently resend on a reused one.
async fn close_where_broken(State(shared): State<Shared>, request: Request<Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    if shared.breaks_connections() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
