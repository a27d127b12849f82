//! Accepts connections, and breaks them where an answer is to be lost.

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::router;
use super::state::Shared;

/// How long open requests may take to end once the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// Marks a response whose connection is to be broken instead.
#[derive(Clone, Copy, Debug)]
pub struct Broken;

/// Serves the routes of a world on a listener until `stop` is ready; then lets open requests end for up to 2 s.
pub async fn serve(listener: TcpListener, shared: Shared, stop: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, router(shared.clone()), shared.drains()));
            }
            // Out of descriptors, most likely: some connection has to end first.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    drop(listener);
    shared.drain();
    let ended = async { while connections.join_next().await.is_some() {} };
    // Whatever is still open after the grace ends with the set.
    let _ = tokio::time::timeout(GRACE, ended).await;
}

/// Serves one connection; once drained, it closes as soon as it is idle.
async fn connection(stream: TcpStream, router: Router, mut drains: watch::Receiver<()>) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            match response.extensions().get::<Broken>() {
                // An error of the service makes hyper close the connection without an answer.
                Some(Broken) => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                None => Ok(response),
            }
        }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut draining = false;
    loop {
        tokio::select! {
            // A connection that ends in an error is the client's to notice.
            _ = &mut connection => break,
            _ = drains.changed(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
