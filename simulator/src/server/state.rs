//! The world, its clock and the network's latency, shared by all connections.

use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

use crate::config::{Config, ConfigError};
use crate::message::{Pending, Reply, Request};
use crate::world::{Step, World};

/// The settings' name of the latency, which is the server's and not the world's.
pub(super) const LATENCY: &str = "latency_ms";

/// A world in real time. Clones share it.
#[derive(Clone, Debug)]
pub struct Shared {
    inner: Arc<Mutex<Inner>>,
    drains: watch::Sender<()>,
    /// Marked when settings change: what waits for an answer looks again.
    changes: watch::Sender<()>,
}

/// A client that waits for its answer; dropped before, it has left.
struct Waiting<'a> {
    shared: &'a Shared,
    pending: Option<Pending>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.shared.lock().world.abandon(&pending);
        }
    }
}

#[derive(Debug)]
struct Inner {
    world: World,
    start: Instant,
    latency_ms: u64,
    /// Whether world time 0 is told by the machine's clock, because no setting says otherwise.
    real_epoch: bool,
}

impl Inner {
    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}

impl Shared {
    /// A world that begins now. `epoch_ms` of the configuration counts only if `real_epoch` is false; else the machine's
    /// clock takes its place. `latency_ms` is the round trip added to every request of the provider's routes.
    pub fn new(mut config: Config, latency_ms: u64, real_epoch: bool) -> Shared {
        if real_epoch {
            config.epoch_ms = machine_clock_ms();
        }
        let inner = Inner { world: World::new(config), start: Instant::now(), latency_ms, real_epoch };
        Shared { inner: Arc::new(Mutex::new(inner)), drains: watch::Sender::new(()), changes: watch::Sender::new(()) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Half of the round trip.
    pub(super) fn half_latency(&self) -> Duration {
        Duration::from_micros(self.lock().latency_ms.saturating_mul(500))
    }

    /// Whether connections may break, so that none should be used twice: browsers silently resend on a reused one.
    pub(super) fn breaks_connections(&self) -> bool {
        let inner = self.lock();
        let config = inner.world.config();
        config.lost_answer > 0.0 || config.lost_request > 0.0 || config.poll_lost > 0.0
    }

    /// Lets every open connection close as soon as it is idle.
    pub(super) fn drain(&self) {
        self.drains.send_replace(());
    }

    /// Changes when connections are to be drained.
    pub(super) fn drains(&self) -> watch::Receiver<()> {
        self.drains.subscribe()
    }

    fn drain_if_breaking(&self) {
        if self.breaks_connections() {
            self.drain();
        }
    }

    /// Hands a request to the world at the present time.
    pub(super) fn begin(&self, request: &Request) -> Step {
        let mut inner = self.lock();
        let now_ms = inner.now_ms();
        inner.world.begin(now_ms, request)
    }

    /// Is marked when settings change; to be had before the request begins that may wait for one.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Waits until a later answer is due, or may be, and asks the world for it.
    pub(super) async fn resume(&self, pending: Pending, changes: &mut watch::Receiver<()>) -> Step {
        let at_ms = pending.at_ms;
        let mut waiting = Waiting { shared: self, pending: Some(pending) };
        let due = async {
            match at_ms {
                Some(at_ms) => {
                    let start = self.lock().start;
                    match start.checked_add(Duration::from_millis(at_ms)) {
                        Some(due) => tokio::time::sleep_until(due.into()).await,
                        None => std::future::pending().await,
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            // The sender lives as long as this does.
            _ = changes.changed() => {}
        }
        let Some(pending) = waiting.pending.take() else { return Step::Reply(Reply::Lost) };
        let mut inner = self.lock();
        let now_ms = inner.now_ms();
        inner.world.resume(now_ms, &pending)
    }

    /// Reads the world at the present time.
    pub(super) fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        let mut inner = self.lock();
        let now_ms = inner.now_ms();
        inner.world.advance(now_ms);
        read(&inner.world)
    }

    /// All settings, the latency among them.
    pub(super) fn settings(&self) -> Value {
        let inner = self.lock();
        let mut settings = inner.world.config().to_json();
        if let Some(fields) = settings.as_object_mut() {
            fields.insert(LATENCY.to_owned(), inner.latency_ms.into());
        }
        settings
    }

    /// Sets some settings; none when one is refused.
    pub(super) fn patch(&self, patch: Value) -> Result<(), ConfigError> {
        let mut inner = self.lock();
        let (config, latency_ms) = patched(&inner, patch)?;
        let now_ms = inner.now_ms();
        inner.world.reconfigure(now_ms, config);
        inner.latency_ms = latency_ms;
        drop(inner);
        self.changes.send_replace(());
        self.drain_if_breaking();
        Ok(())
    }

    /// Begins a new world with the present settings and this patch.
    pub(super) fn reset(&self, patch: Value) -> Result<(), ConfigError> {
        let mut inner = self.lock();
        inner.real_epoch &= patch.get("epoch_ms").is_none();
        let (mut config, latency_ms) = patched(&inner, patch)?;
        if inner.real_epoch {
            config.epoch_ms = machine_clock_ms();
        }
        inner.world = inner.world.successor(config);
        inner.start = Instant::now();
        inner.latency_ms = latency_ms;
        drop(inner);
        self.changes.send_replace(());
        self.drain_if_breaking();
        Ok(())
    }
}

fn patched(inner: &Inner, mut patch: Value) -> Result<(Config, u64), ConfigError> {
    let latency = patch.as_object_mut().and_then(|fields| fields.remove(LATENCY));
    let latency_ms = match latency {
        None => inner.latency_ms,
        Some(value) => value.as_u64().ok_or_else(|| ConfigError {
            field: LATENCY.to_owned(),
            message: format!("expected milliseconds, not {value}"),
        })?,
    };
    Ok((inner.world.config().patched(patch)?, latency_ms))
}

fn machine_clock_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
