//! What holds for one call.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Error;
use crate::options::{CallOptions, Defaults, Priority, RetryPolicy, SharedPolicy, Weight};
use crate::time::Millis;

/// What holds for one call; what is not set comes from the client.
///
/// ```
/// use core::time::Duration;
/// use tidegate::web::Options;
///
/// let options = Options::new().deadline(Duration::from_secs(120)).idempotency_key("order-7").metadata("user", "7");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    timeout: Option<Millis>,
    deadline: Option<Millis>,
    max_wait: Option<Millis>,
    retry: Option<RetryPolicy>,
    download: Option<bool>,
    priority: Option<Priority>,
    tenant: String,
    weight: Weight,
    idempotency_key: Option<String>,
    metadata: Vec<(String, String)>,
}

/// Whole milliseconds; what is longer than 580 million years is for ever.
pub(super) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

impl Options {
    /// Nothing but the client's own.
    pub fn new() -> Options {
        Options::default()
    }

    /// One HTTP attempt.
    pub fn timeout(mut self, timeout: Duration) -> Options {
        self.timeout = Some(millis(timeout));
        self
    }

    /// One image from its submit to its result; waiting for a slot doesn't count.
    pub fn deadline(mut self, deadline: Duration) -> Options {
        self.deadline = Some(millis(deadline));
        self
    }

    /// The longest wait for a slot; `Duration::MAX` has no end.
    pub fn max_wait(mut self, wait: Duration) -> Options {
        self.max_wait = Some(millis(wait));
        self
    }

    /// What is done about faults.
    pub fn retry(mut self, retry: RetryPolicy) -> Options {
        self.retry = Some(retry);
        self
    }

    /// Whether the bytes are fetched before the result is there. By default only in a batch: nobody may look before the addresses die.
    pub fn download(mut self, download: bool) -> Options {
        self.download = Some(download);
        self
    }

    /// Who goes first when there is no room for all. By default a batch comes after single calls.
    pub fn priority(mut self, priority: Priority) -> Options {
        self.priority = Some(priority);
        self
    }

    /// On whose behalf, and with what share: tenants that wait share a key by their weights. By default all calls are one tenant's, whose weight is 1.
    pub fn tenant(mut self, name: &str, weight: f64) -> Options {
        (self.tenant, self.weight) = (String::from(name), Weight::of(weight));
        self
    }

    /// The caller's own key: the same key is the same image, for as long as the client (and the provider) remember it.
    pub fn idempotency_key(mut self, key: &str) -> Options {
        self.idempotency_key = Some(String::from(key));
        self
    }

    /// Given back with the result and in references.
    pub fn metadata(mut self, name: &str, value: &str) -> Options {
        self.metadata.push((String::from(name), String::from(value)));
        self
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// Without the key, which is one image's.
    pub(super) fn shared(mut self) -> Options {
        self.idempotency_key = None;
        self
    }

    pub(super) fn resolve(&self, defaults: &Defaults, batch: Option<u32>) -> Result<CallOptions, Error> {
        let fits = |key: &str| !key.is_empty() && key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if self.idempotency_key.as_deref().is_some_and(|key| !fits(key)) {
            return Err(invalid("idempotency_key", "must be text that a header can carry, and not empty"));
        }
        if self.timeout == Some(0) || self.deadline == Some(0) {
            return Err(invalid("timeout", "must be longer than no time, as must the deadline"));
        }
        let usual = if batch.is_some() { Priority::Batch } else { Priority::Interactive };
        let base = CallOptions::from_defaults(defaults, self.priority.unwrap_or(usual));
        Ok(CallOptions {
            timeout: self.timeout.or(base.timeout),
            deadline: self.deadline.unwrap_or(base.deadline),
            max_wait: self.max_wait.unwrap_or(base.max_wait),
            retry: self.retry.clone().map_or_else(|| base.retry.clone(), SharedPolicy::from),
            download: self.download.unwrap_or(batch.is_some()),
            idempotency_key: self.idempotency_key.clone(),
            tenant: self.tenant.clone(),
            weight: self.weight,
            metadata: self.metadata.clone(),
            batch,
            ..base
        })
    }
}

pub(super) fn invalid(param: &str, message: &str) -> Error {
    crate::error::Error::invalid(param, message).into()
}
