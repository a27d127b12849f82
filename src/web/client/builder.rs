//! Setting a client up.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use js_sys::{Function, Reflect};
use wasm_bindgen::JsValue;

use super::host::ClientHost;
use super::inner::Inner;
use super::options::{invalid, millis};
use super::sending::Credential;
use super::{Client, Error};
use crate::engine::Engine;
use crate::gather::gather;
use crate::http::{is_loopback_url, same_origin};
use crate::json::{Json, ObjectBuilder};
use crate::limit::{Concurrency, Limits};
use crate::options::{Config, Defaults, RetryPolicy};
use crate::provider::Dialect;
use crate::provider::hiapi::HIAPI;
use crate::provider::openai::{CREATIVEAI, OPENAI, OPENAI_COMPATIBLE};

/// A provider, and the account there that pays. Prints without its key.
///
/// ```
/// use tidegate::web::Provider;
///
/// let provider = Provider::hiapi("key").account("team-a").concurrency(8);
/// let through_a_server_of_ours = Provider::hiapi_proxy("https://example.com/images");
/// ```
#[derive(Clone)]
pub struct Provider {
    dialect: &'static Dialect,
    key: Option<String>,
    base_url: Option<String>,
    account: Option<String>,
    limits: Limits,
    prices: Vec<(String, f64)>,
    headers: Vec<(String, String)>,
    allow_insecure: bool,
}

impl Provider {
    /// HiAPI, with a key of its own.
    pub fn hiapi(key: &str) -> Provider {
        Provider::new(&HIAPI, Some(key))
    }

    /// HiAPI behind a server that adds the key: what a page should use.
    pub fn hiapi_proxy(base_url: &str) -> Provider {
        Provider::new(&HIAPI, None).base_url(base_url)
    }

    /// OpenAI's Images API, with a key of its own.
    pub fn openai(key: &str) -> Provider {
        Provider::new(&OPENAI, Some(key))
    }

    /// OpenAI's Images API behind a server that adds the key: what a page should use.
    pub fn openai_proxy(base_url: &str) -> Provider {
        Provider::new(&OPENAI, None).base_url(base_url)
    }

    /// CreativeAI, with a key of its own.
    pub fn creativeai(key: &str) -> Provider {
        Provider::new(&CREATIVEAI, Some(key))
    }

    /// Whoever else speaks OpenAI's format, at this address; without a key where a server of the caller's adds it.
    pub fn openai_compatible(base_url: &str, key: Option<&str>) -> Provider {
        Provider::new(&OPENAI_COMPATIBLE, key).base_url(base_url)
    }

    fn new(dialect: &'static Dialect, key: Option<&str>) -> Provider {
        Provider {
            dialect,
            key: key.map(String::from),
            base_url: None,
            account: None,
            limits: Limits::default(),
            prices: Vec::new(),
            headers: Vec::new(),
            allow_insecure: false,
        }
    }

    /// Where it is: https, or http on this computer. By default the provider's own address.
    pub fn base_url(mut self, url: &str) -> Provider {
        self.base_url = Some(String::from(url));
        self
    }

    /// Whose quota it is. By default the client's name for the provider: two keys are two quotas, unless they are the same key at the same place.
    pub fn account(mut self, account: &str) -> Provider {
        self.account = Some(String::from(account));
        self
    }

    /// Tasks at once, and nothing is tried. By default it is learned, from 4 upward.
    pub fn concurrency(mut self, concurrency: u32) -> Provider {
        self.limits.concurrency = Concurrency::Told(concurrency);
        self
    }

    /// All that is known of the key's limits, in place of what was said before; the rest is learned.
    pub fn limits(mut self, limits: Limits) -> Provider {
        self.limits = limits;
        self
    }

    /// What an image of a model costs, US dollars: for [`Client::probe`], which buys nothing whose price it doesn't know.
    pub fn price(mut self, model: &str, dollars: f64) -> Provider {
        self.prices.retain(|(known, _)| known != model);
        self.prices.push((String::from(model), dollars));
        self
    }

    /// A header that all requests with the credential carry.
    pub fn header(mut self, name: &str, value: &str) -> Provider {
        self.headers.push((String::from(name), String::from(value)));
        self
    }

    /// Takes an address of plain http that is not on this computer: in a cluster or a compose file, never over the open net, where anybody on the way reads
    /// the key.
    pub fn allow_insecure(mut self) -> Provider {
        self.allow_insecure = true;
        self
    }

    fn check(&self) -> Result<(), Error> {
        let sendable = |text: &str| text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
        if self.key.as_deref().is_some_and(|key| key.is_empty() || !sendable(key)) {
            return Err(invalid("key", "must be text that a header can carry, and not empty"));
        }
        for (name, value) in &self.headers {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) || !sendable(value) {
                return Err(invalid("header", "must be a name and a value that a request can carry"));
            }
            let ours = ["content-type", "content-length", "idempotency-key", "host", "authorization"];
            if ours.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(invalid("header", "is set by the client"));
            }
        }
        if !self.prices.iter().all(|(_, price)| price.is_finite() && *price >= 0.0) {
            return Err(invalid("price", "must be a number of US dollars"));
        }
        if let Some(url) = &self.base_url {
            // An address is of one origin with itself only if it has one that is plain to see, without a user or a password.
            let plain = same_origin(url, url) && !url.contains(['?', '#']);
            let is_open = self.allow_insecure && url.starts_with("http://");
            if !plain || !(url.starts_with("https://") || is_open || is_loopback_url(url)) {
                return Err(invalid(
                    "base_url",
                    "must be https (http only on this computer, or with allow_insecure), without user, query and fragment",
                ));
            }
        }
        self.check_limits()
    }

    fn check_limits(&self) -> Result<(), Error> {
        match self.limits.concurrency {
            Concurrency::Told(0) | Concurrency::Learn { start: 0, .. } => {
                return Err(invalid("concurrency", "must be at least 1"));
            }
            Concurrency::Learn { start, most } if start > most => {
                return Err(invalid("concurrency", "must not start beyond its most"));
            }
            _ => {}
        }
        for (name, figure) in [("rpm", self.limits.rpm), ("rpd", self.limits.rpd)] {
            if figure == Some(0) {
                return Err(invalid(name, "must be at least 1"));
            }
        }
        Ok(())
    }

    /// As the facade hands it over: one set of rules reads both.
    fn plain(&self, name: &str, account: &str) -> Json {
        ObjectBuilder::new()
            .with("name", name)
            .with("dialect", self.dialect.name)
            .maybe("baseURL", self.base_url.clone())
            .with("account", self.account.as_deref().unwrap_or(account))
            .build()
    }

    fn is_paid_like(&self, other: &Provider) -> bool {
        core::ptr::eq(self.dialect, other.dialect) && self.base_url == other.base_url && self.key == other.key
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Provider")
            .field("dialect", &self.dialect.name)
            .field("base_url", &self.base_url)
            .field("account", &self.account)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Sets a [`Client`] up; see [`Client::builder`].
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct ClientBuilder {
    providers: Vec<(String, Provider)>,
    defaults: Defaults,
    fetch: Option<Function>,
    seed: Option<u64>,
    allow_browser: bool,
}

impl ClientBuilder {
    /// Adds a provider under a name of the caller's choice; requests ask for "name/model".
    pub fn provider(mut self, name: &str, provider: Provider) -> ClientBuilder {
        self.providers.push((String::from(name), provider));
        self
    }

    /// One HTTP attempt. 60 s by default: a task API answers in a second or not at all.
    pub fn timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.defaults.timeout = Some(millis(timeout));
        self
    }

    /// One image from its submit to its result. 10 minutes by default: the slowest documented image takes 2.
    pub fn deadline(mut self, deadline: Duration) -> ClientBuilder {
        self.defaults.deadline = millis(deadline);
        self
    }

    /// The longest wait for a slot, without end by default. Whoever hits it gets an error of code `QueueTimeout`.
    pub fn max_wait(mut self, wait: Duration) -> ClientBuilder {
        self.defaults.max_wait = millis(wait);
        self
    }

    /// What is done about faults.
    pub fn retry(mut self, retry: RetryPolicy) -> ClientBuilder {
        self.defaults.retry = retry.into();
        self
    }

    /// Another fetch than the global one, such as that of a service binding. It is called as `fetch(url, init)`.
    pub fn fetch(mut self, fetch: Function) -> ClientBuilder {
        self.fetch = Some(fetch);
        self
    }

    /// Makes keys and jitter the same in every run: for tests only, since two clients of one seed make the same idempotency keys.
    pub fn seed(mut self, seed: u64) -> ClientBuilder {
        self.seed = Some(seed);
        self
    }

    /// Takes keys in a browser too, where everybody who opens the page can read them: for tools that one person runs with a key of their own.
    pub fn dangerously_allow_browser(mut self) -> ClientBuilder {
        self.allow_browser = true;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// `InvalidRequest`, whose `param` names the setting that is wrong.
    pub fn build(self) -> Result<Client, Error> {
        if self.providers.is_empty() {
            return Err(invalid("provider", "must be set at least once"));
        }
        if self.defaults.timeout == Some(0) || self.defaults.deadline == 0 {
            return Err(invalid("timeout", "must be longer than no time, as must the deadline"));
        }
        let mut plain = Vec::new();
        for (place, (name, provider)) in self.providers.iter().enumerate() {
            if name.is_empty() || name.contains(|c: char| c == '/' || c.is_whitespace()) {
                return Err(invalid("provider", "must have a name, without \"/\" and blanks"));
            }
            if self.providers.iter().take(place).any(|(other, _)| other == name) {
                return Err(invalid("provider", "has a name that another has too"));
            }
            provider.check()?;
            if provider.key.is_some() && !self.allow_browser && in_browser() {
                let message =
                    "would be open to everybody in a browser: use a server of yours, or dangerously_allow_browser()";
                return Err(invalid("key", message));
            }
            // One key under two names is one quota; named after the first to have it, since nothing of a key may be a name.
            let first = self.providers.iter().find(|(_, other)| other.is_paid_like(provider));
            plain.push(provider.plain(name, first.map_or("", |(name, _)| name)));
        }
        let plain = ObjectBuilder::new().with("providers", Json::List(plain)).build();
        let mut config = Config { defaults: self.defaults, ..Config::read(&plain) };
        for (config, (_, provider)) in config.providers.iter_mut().zip(&self.providers) {
            config.limits = provider.limits;
            config.prices.clone_from(&provider.prices);
        }
        let seed = self.seed.or_else(|| getrandom::u64().ok()).unwrap_or_else(|| js_sys::Date::now().to_bits());
        let credentials =
            self.providers.into_iter().map(|(_, provider)| Credential { key: provider.key, headers: provider.headers });
        let (credentials, fetch) = (gather(credentials), self.fetch);
        let engine = Engine::new(config, seed);
        Ok(Client::of(Inner::new(engine, on_workers(), |tell| ClientHost::new(tell, credentials, fetch))))
    }
}

fn global(path: &[&str]) -> JsValue {
    path.iter().fold(js_sys::global().into(), |value: JsValue, name| {
        Reflect::get(&value, &(*name).into()).unwrap_or(JsValue::UNDEFINED)
    })
}

/// Whether whatever is here can be read by whoever opens the page.
fn in_browser() -> bool {
    let page = global(&["window"]).is_object() && global(&["document"]).is_object();
    // Server runtimes have some of a worker's globals, but a scope of that class and importScripts together only browsers do.
    let worker = global(&["importScripts"]).is_function() && global(&["WorkerGlobalScope"]).is_function();
    let server = ["Deno", "Bun"].iter().any(|name| global(&[name]).is_truthy());
    page || (worker && !server && global(&["process", "versions", "node"]).is_falsy())
}

/// Whether nothing of one request may be awaited by another.
fn on_workers() -> bool {
    global(&["navigator", "userAgent"]).as_string().as_deref() == Some("Cloudflare-Workers")
}
