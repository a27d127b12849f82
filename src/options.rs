//! How a client and a call are set up. The facade has checked shapes already; what is missing or odd here falls back to the default.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::gather::gather;
use crate::json::Json;
use crate::limit::{Concurrency, Counts, Limits, Scope};
use crate::provider::Dialect;
use crate::text::concat;
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
    /// The longest wait that a server may ask for, ms. Unlimited here: `max_wait` bounds it.
    pub max_retry_after: Millis,
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
            max_retry_after: Millis::MAX,
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
            max_retry_after: millis(json, "maxRetryAfter", default.max_retry_after),
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
    /// See [`CallOptions::max_wait`]. 10 minutes where somebody is looking; a batch waits as long as it takes.
    pub max_wait: Option<Millis>,
    /// See [`RetryPolicy`].
    pub retry: SharedPolicy,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults { timeout: None, deadline: 600_000, max_wait: None, retry: SharedPolicy::default() }
    }
}

impl Defaults {
    /// Reads the client's own options.
    pub fn read(json: &Json) -> Defaults {
        let default = Defaults::default();
        Defaults {
            timeout: maybe_millis(json, "timeout", default.timeout),
            deadline: millis(json, "deadline", default.deadline),
            max_wait: json.get("maxWait").map(|_| millis(json, "maxWait", 600_000)),
            retry: RetryPolicy::read(json.get("retry"), &default.retry).into(),
        }
    }
}

impl CallOptions {
    /// The options of a call that gives none.
    pub fn from_defaults(defaults: &Defaults, priority: Priority) -> CallOptions {
        let patience = if priority == Priority::Batch { Millis::MAX } else { 600_000 };
        CallOptions {
            timeout: defaults.timeout,
            deadline: defaults.deadline,
            max_wait: defaults.max_wait.unwrap_or(patience),
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

/// A provider as the client is set up with it. Its credential stays with the host, under the provider's place in the list.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// The caller's name for it.
    pub name: String,
    /// How it speaks.
    pub dialect: &'static Dialect,
    /// Where it is, without a trailing slash or version: `https://api.hiapi.ai`.
    pub base_url: String,
    /// Whose quota it is.
    pub account: String,
    /// The key comes from a function, so a 401 is worth asking it once more.
    pub refreshable: bool,
    /// What the caller says of its limits.
    pub limits: Limits,
    /// US dollars an image, by model.
    pub prices: Vec<(String, f64)>,
}

/// What an engine needs to start.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// In the caller's order.
    pub providers: Vec<ProviderConfig>,
    /// What holds for all calls.
    pub defaults: Defaults,
    /// How many connections a host gives one owner of tasks; 0: as many as it likes. Polls leave a third of them to submits.
    pub connections: u32,
    /// The number of the first HTTP call: after a trap it lies above those still in flight.
    pub first_call: u64,
}

impl Config {
    /// The place of the provider that the caller named so.
    pub fn place_of(&self, name: &str) -> Option<usize> {
        self.providers.iter().position(|provider| provider.name == name)
    }

    /// The caller's name for the provider at a place; empty if there is none.
    pub fn name_of(&self, place: usize) -> &str {
        self.providers.get(place).map_or("", |provider| provider.name.as_str())
    }

    /// Reads what the facade hands over.
    pub fn read(json: &Json) -> Config {
        let providers = json.get("providers").map_or(&[][..], Json::list).iter();
        Config {
            providers: gather(providers.filter_map(ProviderConfig::read)),
            defaults: Defaults::read(json),
            connections: count(json, "connections", 0),
            first_call: json.get("firstCall").and_then(Json::whole).unwrap_or(0),
        }
    }
}

impl ProviderConfig {
    /// A provider at its usual address.
    pub fn new(name: &str, dialect: &'static Dialect) -> ProviderConfig {
        ProviderConfig {
            name: String::from(name),
            dialect,
            base_url: String::from(dialect.base_url),
            account: String::new(),
            refreshable: false,
            limits: Limits::default(),
            prices: Vec::new(),
        }
    }

    fn read(json: &Json) -> Option<ProviderConfig> {
        let dialect = crate::provider::by_name(json.get("dialect").and_then(Json::text)?)?;
        let mut provider = ProviderConfig::new(json.get("name").and_then(Json::text)?, dialect);
        if let Some(base) = json.get("baseURL").and_then(Json::text) {
            provider.base_url = base_url(base, dialect);
        }
        provider.account = json.text_of("account").unwrap_or_default();
        provider.refreshable = json.get("refreshable").and_then(Json::boolean).unwrap_or(false);
        provider.limits = json.get("limits").map_or(Limits::default(), limits);
        let prices = json.get("prices").map_or(&[][..], Json::fields).iter();
        provider.prices = gather(prices.filter_map(|(model, price)| Some((model.clone(), price.number()?))));
        Some(provider)
    }
}

fn limits(json: &Json) -> Limits {
    let figure =
        |json: &Json, name: &str| json.get(name).and_then(Json::whole).map(|number| number.clamp(1, MOST) as u32);
    let concurrency = match json.get("concurrency") {
        Some(Json::Number(_)) => Concurrency::Told(figure(json, "concurrency").unwrap_or(1)),
        told => {
            let most = told.and_then(|told| figure(told, "max")).unwrap_or(u32::MAX);
            let start = told.and_then(|told| figure(told, "start")).unwrap_or(4);
            Concurrency::Learn { start: start.min(most), most }
        }
    };
    Limits {
        concurrency,
        rpm: figure(json, "rpm"),
        rpd: figure(json, "rpd"),
        counts: match json.get("counts").and_then(Json::text) {
            Some("request") => Counts::Request,
            Some("image") => Counts::Image,
            _ => Counts::Task,
        },
        scope: match json.get("scope").and_then(Json::text) {
            Some("model") => Scope::Model,
            _ => Scope::Key,
        },
    }
}

/// No key allows more of anything.
const MOST: u64 = 10_000_000;

/// People paste an address with or without the version.
fn base_url(given: &str, dialect: &Dialect) -> String {
    let trimmed = given.trim_end_matches('/');
    if !dialect.base_has_version {
        return String::from(trimmed.strip_suffix("/v1").unwrap_or(trimmed));
    }
    // A bare origin is none of an SDK's; whatever has a path is taken at its word: relays stand under many.
    let bare = trimmed.bytes().filter(|byte| *byte == b'/').count() == 2;
    concat(&[trimmed, if bare { "/v1" } else { "" }])
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

    #[test]
    fn a_provider_takes_its_address_with_or_without_the_version() {
        for base in ["https://x.example/v1/", "https://x.example", "https://x.example/v1"] {
            let json = ObjectBuilder::new().with("name", "h").with("dialect", "hiapi").with("baseURL", base).build();
            assert_eq!(ProviderConfig::read(&json).unwrap().base_url, "https://x.example");
        }
    }

    #[test]
    fn an_address_of_the_openai_kind_is_taken_at_its_word() {
        let read = |base: &str| {
            let json = ObjectBuilder::new().with("name", "o").with("dialect", "openaiCompatible").with("baseURL", base);
            ProviderConfig::read(&json.build()).unwrap().base_url
        };
        assert_eq!(read("https://x.example"), "https://x.example/v1");
        assert_eq!(read("https://x.example/"), "https://x.example/v1");
        assert_eq!(read("https://x.example/v1/"), "https://x.example/v1");
        assert_eq!(read("https://x.example/api/v3"), "https://x.example/api/v3");
    }

    #[test]
    fn limits_may_be_told_bounded_or_left_to_be_learned() {
        let read = |limits: ObjectBuilder| {
            let json = ObjectBuilder::new().with("name", "h").with("dialect", "hiapi").with("limits", limits.build());
            ProviderConfig::read(&json.build()).unwrap().limits
        };
        let concurrency = |limit: Json| read(ObjectBuilder::new().with("concurrency", limit)).concurrency;
        assert_eq!(concurrency(Json::from(23u64)), Concurrency::Told(23));
        let learn = |start, most| Concurrency::Learn { start, most };
        assert_eq!(concurrency(Json::from("learn")), learn(4, u32::MAX));
        assert_eq!(concurrency(ObjectBuilder::new().with("max", 2u64).build()), learn(2, 2));
        assert_eq!(concurrency(ObjectBuilder::new().with("start", 9u64).build()), learn(9, u32::MAX));
        let told = read(ObjectBuilder::new().with("rpm", 30u64).with("counts", "image").with("scope", "model"));
        assert_eq!(told, Limits { rpm: Some(30), counts: Counts::Image, scope: Scope::Model, ..Limits::default() });
    }
}
