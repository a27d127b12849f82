//! Every setting of a world, in one table that also makes the command line, the admin route and their help.

use serde::Serialize;
use serde_json::Value;
use std::fmt;

use crate::choices::{Counts, Dialect, FilterStage, HintMode, HostileOn, LimitScope, QuotaCode, SlotUse, WindowKind};
use crate::distribution::{CapSchedule, Distribution, Durations};
use crate::field::Field;
use crate::intermediary::forms::{Base64Form, ErrorForm, PictureAddress, StoreStatus, TaskForm};

/// A setting that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting's name as in [`Config`].
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for ConfigError {}

/// One row of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of the field of [`Config`]; the command line's flag has dashes for the underscores.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub help: &'static str,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr;)+) => {
        /// The settings of a world. Times are milliseconds, sizes bytes, probabilities 0 to 1.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Config {
            fn default() -> Config {
                Config { $($name: $default,)+ }
            }
        }

        /// The table of settings, in the order of [`Config`]'s fields.
        pub const SETTINGS: &[Setting] = &[
            $(Setting { name: stringify!($name), help: concat!($($doc),+).trim_ascii_start() },)+
        ];

        impl Config {
            /// Sets one field from JSON.
            ///
            /// # Errors
            /// When the field is unknown or the value is not one of its type.
            pub fn set(&mut self, name: &str, value: Value) -> Result<(), ConfigError> {
                match name {
                    $(stringify!($name) => self.$name = checked(name, serde_json::from_value(value))?,)+
                    _ => return Err(unknown(name)),
                }
                Ok(())
            }

            /// Sets one field from the text of a command-line flag; `none` clears a limit, commas part a list.
            ///
            /// # Errors
            /// When the field is unknown or the text is not a value of its type.
            pub fn set_flag(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
                match name {
                    $(stringify!($name) => self.$name = checked(name, <$type as Field>::from_flag(text))?,)+
                    _ => return Err(unknown(name)),
                }
                Ok(())
            }
        }
    };
}

fn checked<T: Field>(name: &str, value: Result<T, serde_json::Error>) -> Result<T, ConfigError> {
    let error = |message: String| ConfigError { field: name.to_owned(), message };
    let value = value.map_err(|cause| error(cause.to_string()))?;
    match value.fault() {
        Some(fault) => Err(error(fault.to_owned())),
        None => Ok(value),
    }
}

fn unknown(name: &str) -> ConfigError {
    ConfigError { field: name.to_owned(), message: "there is no such setting".to_owned() }
}

settings! {
    /// Seed of every random draw.
    seed: u64 = 1;
    /// Wall clock (Unix ms) at world time 0.
    epoch_ms: u64 = 1_767_225_600_000;
    /// How far the provider's clock is ahead of the true time, ms; negative is behind.
    clock_skew_ms: i64 = 0;
    /// Origin under which result images are linked.
    base_url: String = "http://127.0.0.1:8787".to_owned();
    /// Wire dialect: a, b, or mixed (drawn for each answer).
    dialect: Dialect = Dialect::A;
    /// Models on offer; empty means any name is, but of OpenAI its own models.
    models: Vec<String> = Vec::new();
    /// Models that OpenAI has shut down, answered with 404; CreativeAI serves its own choice in their place.
    retired_models: Vec<String> = ["gpt-image-1", "dall-e-2", "dall-e-3"].map(str::to_owned).to_vec();
    /// API keys accepted; empty means any that is not bad.
    keys: Vec<String> = Vec::new();
    /// API keys answered with 401.
    bad_keys: Vec<String> = vec!["sk-bad".to_owned()];
    /// Price of an image in millionths of a USD.
    price_micro_usd: u64 = 40_000;
    /// Credit of an account in millionths of a USD; once charges and running tasks use it up, HiAPI answers 402 and OpenAI's family 429; none means endless.
    credit_micro_usd: Option<u64> = None;
    /// The code with which OpenAI's family says that credit is spent: insufficient_quota, credit_balance_exhausted, organization_spend_limit_exceeded, project_spend_limit_exceeded, organization_usage_limit_exceeded, billing_hard_limit_reached (a 400), or null.
    quota_code: QuotaCode = QuotaCode::InsufficientQuota;
    /// What shares one set of limits: key, or key-and-model.
    scope: LimitScope = LimitScope::Key;
    /// Tasks that may run at once in a limit scope; none means no limit.
    concurrency: Option<u32> = Some(4);
    /// Later concurrency caps as AT_MS:CAP,AT_MS:CAP,…
    concurrency_schedule: CapSchedule = CapSchedule::default();
    /// Whether a task holds a slot for each of its images instead of one; more images than there are slots run alone.
    slots_by_image: bool = false;
    /// What takes a slot: task (from its submit to its end), request (a submit until it is answered), or in-progress (a task once it no longer reads as queued).
    slot_use: SlotUse = SlotUse::Task;
    /// Whether a full provider takes tasks in and keeps them queued instead of refusing them.
    queue: bool = false;
    /// Requests that the window takes; none means no limit.
    rpm: Option<u32> = None;
    /// Images that the window of OpenAI's family takes, each of n counted; none means no limit.
    ipm: Option<u32> = None;
    /// Length of these windows, ms.
    rpm_window_ms: u64 = 60_000;
    /// How these windows come back: rolling (a request counts for a whole window from its own time on), fixed (all at once, when the provider's clock comes to a multiple of the length), or bucket (evenly, little by little).
    rpm_kind: WindowKind = WindowKind::Rolling;
    /// The most that a bucket holds; none means as much as a whole window brings.
    rpm_burst: Option<u32> = None;
    /// Requests that a second, shorter rolling window takes; none means no limit.
    sub_window: Option<u32> = None;
    /// Length of the shorter window, ms.
    sub_window_ms: u64 = 1_000;
    /// What the windows of requests count: accepted submits, all submits, or all requests (polls too).
    counts: Counts = Counts::Accepted;
    /// Accepted submits a day (UTC, on the provider's clock); none means no limit.
    rpd: Option<u32> = None;
    /// Hint with a 429: none, seconds, fractional, http-date, milliseconds (retry-after-ms), message (in words only), every (seconds, milliseconds and message), or lying.
    hint: HintMode = HintMode::None;
    /// Whether refusals for want of a slot carry hints too.
    hint_slots: bool = false;
    /// The Retry-After value of the lying hint mode.
    hint_lie: String = "1".to_owned();
    /// Whether a 429 says in words which limit refused.
    name_axis: bool = false;
    /// How long a submit's 429 takes to come, ms.
    refuse_after_ms: u64 = 0;
    /// How long the answer to a submit that HiAPI accepts takes to come, ms.
    accept_after_ms: u64 = 0;
    /// The x-should-retry of submits that fail: true or false; none leaves it out.
    should_retry: Option<bool> = None;
    /// Whether answers carry X-RateLimit headers of the longer windows; none means as each provider does: OpenAI yes, the others no.
    rate_limit_headers: Option<bool> = None;
    /// Whether browsers may read Retry-After, Date and their kind across origins; none means as each provider does: OpenAI exposes X-Request-Id alone, the others all.
    expose_headers: Option<bool> = None;
    /// Duration of tasks: fixed:MS, uniform:MIN,MAX, lognormal:MEDIAN,MIN,MAX, tail:MEDIAN,MIN,MAX,SHARE, bimodal:QUICK,SLOW,SHARE.
    duration: Distribution = Distribution::Lognormal { median: 14_000, min: 8_000, max: 30_000 };
    /// First part of a running task's duration during which it still reads as queued, ms.
    queued_ms: u64 = 300;
    /// Last part of a successful task's duration during which it reads as archiving, ms.
    archiving_ms: u64 = 500;
    /// Probability that a submit is answered 503 and not acted on.
    submit_503: f64 = 0.0;
    /// Probability that a submit is answered 500 and not acted on.
    submit_500: f64 = 0.0;
    /// Probability that a poll is answered 503.
    poll_503: f64 = 0.0;
    /// Probability that a poll is answered 500.
    poll_500: f64 = 0.0;
    /// Probability that a request for an image is answered 503.
    image_503: f64 = 0.0;
    /// Probability that a submit never arrives.
    lost_request: f64 = 0.0;
    /// Probability that a submit makes a task but its answer is lost.
    lost_answer: f64 = 0.0;
    /// Probability that a poll's answer is lost.
    poll_lost: f64 = 0.0;
    /// After a lost answer, how long the idempotency key is answered 409 as still in flight, ms.
    processing_window_ms: u64 = 0;
    /// How long an idempotency key is remembered, ms.
    idempotency_ttl_ms: u64 = 86_400_000;
    /// The fewest pixels of a picture of OpenAI's models that take any size.
    least_pixels: u64 = 655_360;
    /// Probability that a task fails.
    task_failure: f64 = 0.0;
    /// Prompts that hold one of these make a task that fails.
    fail_words: Vec<String> = vec!["[fail]".to_owned()];
    /// Probability that a task ends as filtered by the content policy.
    filtered: f64 = 0.0;
    /// Prompts that hold one of these make a task that ends as filtered.
    filter_words: Vec<String> = vec!["[filtered]".to_owned()];
    /// The same for content that no provider may draw.
    hard_filter_words: Vec<String> = vec!["[filtered-hard]".to_owned()];
    /// When OpenAI's family filters: input (at once, never charged), output (after the work), or unknown (after the work, and without moderation_details).
    filter_stage: FilterStage = FilterStage::Output;
    /// What the content policy found, as OpenAI's family names it.
    filter_categories: Vec<String> = vec!["violence".to_owned()];
    /// What it found in content that no provider may draw.
    hard_filter_categories: Vec<String> = vec!["sexual/minors".to_owned()];
    /// Whether a filtered task is charged.
    charge_filtered: bool = false;
    /// For how long after its submit a poll of a task answers 404, ms.
    poll_404_ms: u64 = 0;
    /// How long a result image can be fetched, ms from the task's end.
    url_ttl_ms: u64 = 604_800_000;
    /// Whether pictures are one flat colour instead of drawn, which takes no time.
    plain_pictures: bool = false;
    /// Which answers the following faults mangle: submits, polls, or both.
    hostile_on: HostileOn = HostileOn::Both;
    /// Probability that an answer's JSON breaks off in the middle.
    truncated_json: f64 = 0.0;
    /// Probability that a proxy's HTML 502 takes the place of an answer.
    html_502: f64 = 0.0;
    /// Probability that an answer is huge.
    huge_body: f64 = 0.0;
    /// Size of a huge answer in bytes.
    huge_body_bytes: u64 = 16_777_216;
    /// Probability that an answer is deeply nested JSON.
    deep_json: f64 = 0.0;
    /// Depth of deeply nested JSON.
    deep_json_depth: u64 = 100_000;
    /// Probability that an answer is a 307 to another origin.
    redirect: f64 = 0.0;
    /// Where redirects point; empty means the path /stolen under another name of this host.
    redirect_to: String = String::new();
    /// Probability that an answer has the body of an HTML page with status 200.
    wrong_content_type: f64 = 0.0;
    /// A relay: probability that it sends blanks before an answer's JSON, to keep the connection open.
    relay_blanks: f64 = 0.0;
    /// A relay: probability that a document about its own trouble follows a whole answer.
    relay_second_document: f64 = 0.0;
    /// A relay: probability that it answers a submit as server-sent events that nobody asked for.
    relay_stream: f64 = 0.0;
    /// A relay: probability that it answers a submit 200 before it knows better, so that a refusal or failure stands in the body alone.
    relay_early_status: f64 = 0.0;
    /// A relay: probability that it loses the provider's answer to a submit, which is charged, and says 500 in its own name.
    relay_failure: f64 = 0.0;
    /// A relay: probability that it answers a synchronous submit with a task of its own, to be polled at the relay.
    relay_task: f64 = 0.0;
    /// How it says so: location (202), body (200 and only an id), status-url (200, and where to ask), or mixed.
    relay_task_form: TaskForm = TaskForm::Mixed;
    /// A relay: how it spells base64: standard, url-safe, unpadded, lines, data-url, or mixed (one of the last four, drawn for each answer).
    relay_base64: Base64Form = Base64Form::Standard;
    /// A relay: probability that it answers with the bytes of the only image, instead of JSON.
    relay_raw: f64 = 0.0;
    /// A relay: where its answers say that pictures are: provider (as the provider says), relative (a path), or absolute (an address at its own origin).
    relay_pictures: PictureAddress = PictureAddress::Provider;
    /// The relay's own origin, for addresses that it names; empty means base_url for pictures, and a path for tasks.
    relay_origin: String = String::new();
    /// A relay: how it hands errors on: provider (unchanged), litellm, one-api, nested (JSON inside the message), list, detail, or mixed.
    relay_errors: ErrorForm = ErrorForm::Provider;
    /// A relay: probability that it sends one image more than the provider made.
    relay_surplus: f64 = 0.0;
    /// Which requests the CDN and the load balancer strike: submits, polls, or both.
    cdn_on: HostileOn = HostileOn::Both;
    /// A CDN: probability that it cannot reach the provider (521, 522, 523 or 530), which never hears of the request.
    cdn_unreached: f64 = 0.0;
    /// A CDN: probability that it takes the client for a robot (403 with cf-mitigated); the provider never hears of it.
    cdn_challenge: f64 = 0.0;
    /// A CDN: probability of its own limit (429 for error 1015); the provider never hears of it.
    cdn_1015: f64 = 0.0;
    /// A CDN: probability that it cannot read the provider's answer (520) and throws it away.
    cdn_520: f64 = 0.0;
    /// A CDN: probability that the provider's answer comes just too late (524) and is thrown away.
    cdn_524: f64 = 0.0;
    /// A CDN: how long it waits for any answer before it says 524, ms; none means for ever, 100000 is what Cloudflare does.
    cdn_timeout_ms: Option<u64> = None;
    /// A load balancer: probability of an HTML 502 in place of the provider's answer, which is thrown away.
    gateway_502: f64 = 0.0;
    /// A load balancer: probability of an HTML 503; the provider never hears of the request.
    gateway_503: f64 = 0.0;
    /// A load balancer: probability of an HTML 504 in place of the provider's answer, which is thrown away.
    gateway_504: f64 = 0.0;
    /// A load balancer: probability of an empty 460 in place of the provider's answer, which is thrown away.
    gateway_460: f64 = 0.0;
    /// A load balancer: probability of an empty 499 in place of the provider's answer, which is thrown away.
    gateway_499: f64 = 0.0;
    /// A slow store: for how long after a task's end its picture is not there yet, ms; none means that it is there at once.
    store_late_ms: Option<u64> = None;
    /// What the slow store says until then: 404, 403, 503, or mixed.
    store_status: StoreStatus = StoreStatus::NotFound;
}

impl Config {
    /// The durations of the tasks that a world of this configuration accepts.
    pub fn durations(&self) -> Durations {
        Durations { seed: self.seed, distribution: self.duration }
    }

    /// All settings as a JSON object.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// This configuration with the fields of a JSON object set; the others stay. Nothing is set when one is refused.
    ///
    /// # Errors
    /// When the patch is no object, names an unknown field, or holds a value that is not of its field's type.
    pub fn patched(&self, patch: Value) -> Result<Config, ConfigError> {
        let Value::Object(fields) = patch else {
            return Err(ConfigError { field: "settings".to_owned(), message: "expected a JSON object".to_owned() });
        };
        let mut config = self.clone();
        for (name, value) in fields {
            config.set(&name, value)?;
        }
        Ok(config)
    }

    /// The concurrency cap at a world time, if there is one.
    pub fn cap_at(&self, now_ms: u64) -> Option<u32> {
        self.concurrency_schedule.at(now_ms).or(self.concurrency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_round_trips_by_json_and_by_flag() {
        let config = Config { concurrency_schedule: CapSchedule::new(vec![(5, 1)]), rpm: Some(3), ..Config::default() };
        assert_eq!(Config::default().patched(config.to_json()).unwrap(), config);
        let fields = config.to_json();
        assert_eq!(fields.as_object().unwrap().len(), SETTINGS.len());
        for setting in SETTINGS {
            assert!(!setting.help.is_empty() && !setting.help.starts_with(' '), "{}", setting.name);
            let text = match &fields[setting.name] {
                Value::Null => "none".to_owned(),
                Value::String(text) => text.clone(),
                Value::Array(words) => words.iter().map(|w| w.as_str().unwrap()).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            let mut changed = config.clone();
            changed.set_flag(setting.name, &text).unwrap();
            assert_eq!(changed, config, "{}", setting.name);
        }
    }

    #[test]
    fn a_bad_setting_names_its_field_and_changes_nothing() {
        let refused = |patch: Value| Config::default().patched(patch).unwrap_err().field;
        assert_eq!(refused(json!({"rpm": "many"})), "rpm");
        assert_eq!(refused(json!({"rpm": -1})), "rpm");
        assert_eq!(refused(json!({"lost_answer": 1.5})), "lost_answer");
        assert_eq!(refused(json!({"dialect": "c"})), "dialect");
        assert_eq!(refused(json!({"duration": "soon"})), "duration");
        assert_eq!(refused(json!({"speed": 1})), "speed");
        assert_eq!(refused(json!([])), "settings");
        assert_eq!(Config::default().set_flag("seed", "x").unwrap_err().field, "seed");
    }
}
