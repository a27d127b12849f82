//! How a client and a call are set up. The facade has checked shapes already; what is missing or odd here falls back to the default.

mod setup;

pub use setup::{Config, ProviderConfig};

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::json::Json;
use crate::time::Millis;

/// May a submit whose answer was lost be sent again?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// No: the caller decides.
    Never,
    /// Where the provider takes an idempotency key.
    IfIdempotent,
    /// Yes, even if that pays twice.
    Always,
}

/// What is done about faults. Refusals (429) spend no retry: `max_wait` bounds them.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Transient faults of one image. 5, as the guide that inspired this library advises for faults.
    pub max_retries: u32,
    /// Refusals that one image may meet. Unlimited: counting them is how peers lose most of a batch.
    pub max_rate_limit_retries: u32,
    /// First bound of the full jitter, ms. 1,000.
    pub base: Millis,
    /// Last bound of the full jitter, ms. 30,000.
    pub cap: Millis,
    /// The longest wait that a server may ask for, ms; the same bounds the wait for a day's allowance. `None`: 10 minutes where somebody is looking, for nobody
    /// looks longer, and without end in a batch.
    pub max_retry_after: Option<Millis>,
    /// Lost answers. Only under an idempotency key: anything else may pay twice.
    pub ambiguous: Ambiguous,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            max_retries: 5,
            max_rate_limit_retries: u32::MAX,
            base: 1_000,
            cap: 30_000,
            max_retry_after: None,
            ambiguous: Ambiguous::IfIdempotent,
        }
    }
}

/// A policy that many calls share: 100,000 that wait have one. Who changes it has one of his own from then on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharedPolicy(Arc<RetryPolicy>);

impl From<RetryPolicy> for SharedPolicy {
    fn from(policy: RetryPolicy) -> SharedPolicy {
        SharedPolicy(Arc::new(policy))
    }
}

impl Deref for SharedPolicy {
    type Target = RetryPolicy;

    fn deref(&self) -> &RetryPolicy {
        &self.0
    }
}

impl DerefMut for SharedPolicy {
    fn deref_mut(&mut self) -> &mut RetryPolicy {
        Arc::make_mut(&mut self.0)
    }
}

/// One HTTP attempt, ms: a task API answers in a second or not at all, and pictures come from fast servers.
pub const TIMEOUT: Millis = 60_000;

/// Nobody looks longer than this for one image that a server has put off, ms.
const LONGEST_LOOK: Millis = 600_000;

/// Milliseconds from a number that may be `Infinity`.
fn millis(json: &Json, name: &str, default: Millis) -> Millis {
    match json.get(name) {
        // A cast of a float saturates: Infinity becomes u64::MAX, and NaN 0.
        Some(Json::Number(number)) if *number >= 0.0 => *number as Millis,
        _ => default,
    }
}

fn maybe_millis(json: &Json, name: &str, default: Option<Millis>) -> Option<Millis> {
    json.get(name).map(|_| millis(json, name, TIMEOUT)).or(default)
}

fn count(json: &Json, name: &str, default: u32) -> u32 {
    match json.get(name) {
        Some(Json::Number(number)) if *number >= 0.0 => *number as u32,
        _ => default,
    }
}

impl RetryPolicy {
    /// Reads a policy; what it leaves out comes from `default`.
    pub fn read(json: Option<&Json>, default: &RetryPolicy) -> RetryPolicy {
        let Some(json) = json else { return default.clone() };
        RetryPolicy {
            max_retries: count(json, "maxRetries", default.max_retries),
            max_rate_limit_retries: count(json, "maxRateLimitRetries", default.max_rate_limit_retries),
            base: millis(json, "base", default.base),
            cap: millis(json, "cap", default.cap),
            max_retry_after: maybe_millis(json, "maxRetryAfter", default.max_retry_after),
            ambiguous: match json.get("ambiguous").and_then(Json::text) {
                Some("never") => Ambiguous::Never,
                Some("if-idempotent") => Ambiguous::IfIdempotent,
                Some("always") => Ambiguous::Always,
                _ => default.ambiguous,
            },
        }
    }
}

/// Who goes first when there is no room for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody is looking at it.
    #[default]
    Interactive,
    /// It can wait.
    Batch,
}

/// A tenant's share, in 1,024ths: from a thousandth to a thousandfold of what others have, so that nobody is ever shut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight(u32);

impl Default for Weight {
    fn default() -> Weight {
        Weight::of(1.0)
    }
}

impl Weight {
    /// The nearest that there is.
    pub fn of(weight: f64) -> Weight {
        // A cast of a float saturates, and makes 0 of NaN.
        Weight(((weight * 1_024.0) as u32).clamp(1, 1 << 20))
    }

    /// 1,024ths.
    pub fn units(self) -> u64 {
        u64::from(self.0)
    }
}

/// What holds for one call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOptions {
    /// One HTTP attempt, ms; `None`: as [`Defaults::timeout`] says.
    pub timeout: Option<Millis>,
    /// One image from the submit that was accepted to its result, ms.
    pub deadline: Millis,
    /// The longest wait for a permit, ms.
    pub max_wait: Millis,
    /// What is done about faults.
    pub retry: SharedPolicy,
    /// Whether to fetch the bytes before saying that the image is there.
    pub download: bool,
    /// The caller's own key; else one is made.
    pub idempotency_key: Option<String>,
    /// Who goes first.
    pub priority: Priority,
    /// On whose behalf: tenants share what there is. Without a name all are one.
    pub tenant: String,
    /// The tenant's share, as the latest of its calls says. 1.
    pub weight: Weight,
    /// Echoed.
    pub metadata: Vec<(String, String)>,
    /// The batch that the call belongs to, for pausing.
    pub batch: Option<u32>,
    /// The probe that the call is part of.
    pub probe: Option<u32>,
}

/// What holds for all calls of a client unless they say otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// See [`CallOptions::timeout`]. `None` is [`TIMEOUT`], and for a submit whose answer is the image as long as the image may take.
    pub timeout: Option<Millis>,
    /// See [`CallOptions::deadline`]. 10 minutes: the slowest documented image takes 2.
    pub deadline: Millis,
    /// See [`CallOptions::max_wait`]. Without end: our own queue is no reason to lose an image, and whoever can't wait says so.
    pub max_wait: Millis,
    /// See [`RetryPolicy`].
    pub retry: SharedPolicy,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults { timeout: None, deadline: 600_000, max_wait: Millis::MAX, retry: SharedPolicy::default() }
    }
}

impl Defaults {
    /// Reads the client's own options.
    pub fn read(json: &Json) -> Defaults {
        let default = Defaults::default();
        Defaults {
            timeout: maybe_millis(json, "timeout", default.timeout),
            deadline: millis(json, "deadline", default.deadline),
            max_wait: millis(json, "maxWait", default.max_wait),
            retry: RetryPolicy::read(json.get("retry"), &default.retry).into(),
        }
    }
}

impl CallOptions {
    /// The options of a call that gives none.
    pub fn from_defaults(defaults: &Defaults, priority: Priority) -> CallOptions {
        CallOptions {
            timeout: defaults.timeout,
            deadline: defaults.deadline,
            max_wait: defaults.max_wait,
            retry: defaults.retry.clone(),
            download: false,
            idempotency_key: None,
            priority,
            tenant: String::new(),
            weight: Weight::default(),
            metadata: Vec::new(),
            batch: None,
            probe: None,
        }
    }

    /// The longest wait that a server may ask for, ms; see [`RetryPolicy::max_retry_after`].
    pub fn max_retry_after(&self) -> Millis {
        let usual = if self.priority == Priority::Batch { Millis::MAX } else { LONGEST_LOOK };
        self.retry.max_retry_after.unwrap_or(usual)
    }

    /// Reads the options of a call; what they leave out comes from the client's.
    pub fn read(json: &Json, defaults: &Defaults) -> CallOptions {
        let batch = json.get("priority").and_then(Json::text) == Some("batch");
        let base = CallOptions::from_defaults(defaults, if batch { Priority::Batch } else { Priority::Interactive });
        CallOptions {
            timeout: maybe_millis(json, "timeout", base.timeout),
            deadline: millis(json, "deadline", base.deadline),
            max_wait: millis(json, "maxWait", base.max_wait),
            retry: match json.get("retry") {
                None => base.retry,
                told => RetryPolicy::read(told, &base.retry).into(),
            },
            // In a batch nobody may look before the addresses die.
            download: json.get("download").and_then(Json::boolean).unwrap_or(json.get("batch").is_some()),
            idempotency_key: json.text_of("idempotencyKey"),
            priority: base.priority,
            tenant: json.text_of("tenant").unwrap_or_default(),
            weight: match json.get("weight") {
                Some(Json::Number(weight)) => Weight::of(*weight),
                _ => Weight::default(),
            },
            metadata: json.texts("metadata"),
            batch: json.get("batch").and_then(Json::whole).map(|number| number as u32),
            probe: json.get("probe").and_then(Json::whole).map(|number| number as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::ObjectBuilder;

    #[test]
    fn what_is_left_out_comes_from_the_client() {
        let client = ObjectBuilder::new()
            .with("timeout", 5_000u64)
            .with("retry", ObjectBuilder::new().with("maxRetries", 2u64).build())
            .build();
        let defaults = Defaults::read(&client);
        let call = ObjectBuilder::new()
            .with("maxWait", Json::Number(f64::INFINITY))
            .with("retry", ObjectBuilder::new().with("base", 10u64).build())
            .build();
        let options = CallOptions::read(&call, &defaults);
        assert_eq!((options.timeout, options.deadline, options.max_wait), (Some(5_000), 600_000, Millis::MAX));
        assert_eq!((options.retry.max_retries, options.retry.base, options.retry.cap), (2, 10, 30_000));
        let patient = CallOptions::read(&ObjectBuilder::new().with("priority", "batch").build(), &defaults);
        assert_eq!((patient.max_wait, patient.download), (Millis::MAX, false));
        assert_eq!((options.max_retry_after(), patient.max_retry_after()), (600_000, Millis::MAX));
        let told = ObjectBuilder::new().with("retry", ObjectBuilder::new().with("maxRetryAfter", 7u64).build()).build();
        assert_eq!(CallOptions::read(&told, &defaults).max_retry_after(), 7);
        let unbounded = CallOptions::read(&ObjectBuilder::new().build(), &Defaults::default());
        assert_eq!(unbounded.max_wait, Millis::MAX, "nobody is sent away from our own queue");
        let batch = ObjectBuilder::new().with("batch", 1u64).build();
        assert!(CallOptions::read(&batch, &defaults).download);
        let without = ObjectBuilder::new().with("batch", 1u64).with("download", Json::Bool(false)).build();
        assert!(!CallOptions::read(&without, &defaults).download);
    }

    #[test]
    fn a_tenant_has_a_share_within_reason() {
        let read = |weight: f64| {
            let call = ObjectBuilder::new().with("tenant", "a").with("weight", Json::Number(weight)).build();
            CallOptions::read(&call, &Defaults::default()).weight
        };
        assert_eq!((read(1.0), read(2.5).units()), (Weight::default(), 2_560));
        assert_eq!((read(1e-9).units(), read(f64::INFINITY).units()), (1, 1 << 20));
        let call = CallOptions::read(&ObjectBuilder::new().with("tenant", "a").build(), &Defaults::default());
        assert_eq!((call.tenant.as_str(), call.weight), ("a", Weight::default()));
    }
}
