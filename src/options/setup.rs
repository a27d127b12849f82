//! The providers of a client as it is set up with them, and what an engine needs to start.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Defaults, count};
use crate::gather::gather;
use crate::json::Json;
use crate::limit::{Concurrency, Counts, Limits, Scope};
use crate::provider::Dialect;
use crate::text::concat;
use crate::time::Millis;

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
    /// When the host's fetch may give up a wait by a limit of its own, ms; 0: as far as is known never.
    pub fetch_limit: Millis,
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
            fetch_limit: u64::from(count(json, "fetchLimit", 0)),
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
