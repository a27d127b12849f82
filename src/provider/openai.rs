//! OpenAI's Images API and those who speak it: the answer to the submit is the result, as base64 or as an address. Sources: the types of the
//! vendor's client `openai` 7.57.0 and its OpenAPI description; help.openai.com articles 5955604 and 6614457 for what a 429 can mean; creativeai.run/api-docs.

use super::{AddressTable, AnswerTable, CheckTable, Dialect, EditTable, Field, Meaning, Ratio};
use crate::error::{Axis, Code};

/// OpenAI's table.
pub static OPENAI: Dialect = Dialect { edits: Some(EditTable { addresses: Some(ADDRESSES), ..EDITS }), ..FAMILY };

/// In OpenAI's description of `/images/edits` (`EditImageBodyJsonParam`, `ImageRefParam`); of those who speak its format few take it, and a form all.
const ADDRESSES: AddressTable =
    AddressTable { images: "images", url: "image_url", sizes: &["1024x1024", "1536x1024", "1024x1536"] };

/// The names of OpenAI's own client: `image` for one file, `image[]` for several.
const EDITS: EditTable =
    EditTable { path: "/images/edits", image: "image", images: "image[]", mask: "mask", most: 16, addresses: None };

/// Whoever speaks OpenAI's format, at the address that the caller gives.
pub static OPENAI_COMPATIBLE: Dialect = Dialect {
    name: "openaiCompatible",
    base_url: "",
    check: OPEN_LIST,
    ratio: Ratio::AsGiven,
    trusts_words: true,
    ..FAMILY
};

/// The list of models where it may be open to anybody.
const OPEN_LIST: CheckTable = CheckTable { path: "/models", proves: false };

/// CreativeAI's table: OpenAI's format, with results as addresses. Its error bodies are documented nowhere.
pub static CREATIVEAI: Dialect = Dialect {
    name: "creativeai",
    base_url: "https://api.creativeai.run/v1",
    check: OPEN_LIST,
    ratio: Ratio::AsGiven,
    trusts_words: true,
    ..FAMILY
};

/// What the words of OpenAI's errors mean, codes and types alike; and those of others who serve its format or pass its errors on. A code is looked up
/// first, a type where there is none that is known. Sources beside those above: learn.microsoft.com (Azure OpenAI: content filtering, quotas),
/// ai.google.dev (OpenAI compatibility; google.rpc.Code and ErrorInfo), docs.litellm.ai (exception mapping), and the sources of one-api and new-api.
pub const CODES: &[(&str, Meaning)] = &[
    ("moderation_blocked", Meaning::Filtered),
    ("content_policy_violation", Meaning::Filtered),
    ("content_filter", Meaning::Filtered),
    ("contentFilter", Meaning::Filtered),
    ("ContentPolicyViolationError", Meaning::Filtered),
    ("ResponsibleAIPolicyViolation", Meaning::Filtered),
    ("sensitive_words_detected", Meaning::Filtered),
    ("data_inspection_failed", Meaning::Filtered),
    ("invalid_api_key", Meaning::Fatal(Code::Authentication)),
    ("API_KEY_INVALID", Meaning::Fatal(Code::Authentication)),
    ("UNAUTHENTICATED", Meaning::Fatal(Code::Authentication)),
    ("AuthenticationError", Meaning::Fatal(Code::Authentication)),
    ("authentication_error", Meaning::Fatal(Code::Authentication)),
    // LiteLLM's proxy, of a key that it does not know and has no database to look for; with status 400.
    ("no_db_connection", Meaning::Fatal(Code::Authentication)),
    ("insufficient_permissions", Meaning::Fatal(Code::Permission)),
    ("unsupported_country_region_territory", Meaning::Fatal(Code::Permission)),
    ("key_model_access_denied", Meaning::Fatal(Code::Permission)),
    ("model_not_found", Meaning::Fatal(Code::ModelUnavailable)),
    ("DeploymentNotFound", Meaning::Fatal(Code::ModelUnavailable)),
    ("get_channel_failed", Meaning::Fatal(Code::ModelUnavailable)),
    // Money, whether the status is 429, 403 or 400; waiting brings none.
    ("insufficient_quota", Meaning::Fatal(Code::QuotaExhausted)),
    ("insufficient_user_quota", Meaning::Fatal(Code::QuotaExhausted)),
    ("pre_consume_token_quota_failed", Meaning::Fatal(Code::QuotaExhausted)),
    ("insufficient_balance", Meaning::Fatal(Code::QuotaExhausted)),
    ("insufficient_credits", Meaning::Fatal(Code::QuotaExhausted)),
    ("credit_balance_exhausted", Meaning::Fatal(Code::QuotaExhausted)),
    ("organization_spend_limit_exceeded", Meaning::Fatal(Code::QuotaExhausted)),
    ("project_spend_limit_exceeded", Meaning::Fatal(Code::QuotaExhausted)),
    ("organization_usage_limit_exceeded", Meaning::Fatal(Code::QuotaExhausted)),
    ("billing_hard_limit_reached", Meaning::Fatal(Code::QuotaExhausted)),
    ("billing_not_active", Meaning::Fatal(Code::QuotaExhausted)),
    ("budget_exceeded", Meaning::Fatal(Code::QuotaExhausted)),
    // Types that go with anything; see `meaning`.
    ("invalid_request_error", Meaning::Fatal(Code::InvalidRequest)),
    ("image_generation_user_error", Meaning::Fatal(Code::InvalidRequest)),
    ("BadRequestError", Meaning::Fatal(Code::InvalidRequest)),
    ("INVALID_ARGUMENT", Meaning::Fatal(Code::InvalidRequest)),
    ("rate_limit_exceeded", Meaning::Refused(Axis::Unknown)),
    ("slow_down", Meaning::Refused(Axis::Unknown)),
    ("rate_limit_error", Meaning::Refused(Axis::Unknown)),
    ("RateLimitReached", Meaning::Refused(Axis::Unknown)),
    ("RESOURCE_EXHAUSTED", Meaning::Refused(Axis::Unknown)),
    ("throttling_error", Meaning::Refused(Axis::Unknown)),
    ("requests", Meaning::Refused(Axis::Minute)),
    ("tokens", Meaning::Refused(Axis::Minute)),
    ("images", Meaning::Refused(Axis::Minute)),
    ("input-images", Meaning::Refused(Axis::Minute)),
    // The provider's own word that it failed. Without it (a proxy's 502, a cut connection) the image may be under way.
    ("server_error", Meaning::Rejected(Code::ServerError)),
    ("internal_server_error", Meaning::Rejected(Code::ServerError)),
    ("InternalServerError", Meaning::Rejected(Code::ServerError)),
    ("INTERNAL", Meaning::Rejected(Code::ServerError)),
    ("server_overloaded", Meaning::Rejected(Code::Overloaded)),
    ("engine_overloaded", Meaning::Rejected(Code::Overloaded)),
    ("overloaded_error", Meaning::Rejected(Code::Overloaded)),
    ("UNAVAILABLE", Meaning::Rejected(Code::Overloaded)),
];

const FAMILY: Dialect = Dialect {
    name: "openai",
    base_url: "https://api.openai.com/v1",
    base_has_version: true,
    submit_path: "/images/generations",
    check: CheckTable { path: "/models", proves: true },
    tasks: None,
    edits: Some(EDITS),
    most_images: 10,
    ratio: Ratio::OpenAiPixels,
    section: None,
    // `response_format` is not among them: GPT Image models refuse it, and answer in base64 without being asked.
    fields: &[
        (Field::Prompt, "prompt"),
        (Field::Count, "n"),
        (Field::Size, "size"),
        (Field::Quality, "quality"),
        (Field::Background, "background"),
        (Field::Format, "output_format"),
    ],
    root_options: &[],
    // A stream would be paid for and not be read; images that `n` doesn't know of would be over the limit of the answer's body.
    refused_options: &["stream", "partial_images", "n", "model"],
    answer: AnswerTable {
        output: "data",
        output_url: "url",
        output_base64: "b64_json",
        output_prompt: "revised_prompt",
        output_kind: ("", ""),
        output_expires: "",
        format: "output_format",
        usage: "usage",
        error_code: "error.code",
        error_type: "error.type",
        error_message: "error.message error message detail",
        error_param: "error.param",
        filter_stage: "error.moderation_details.moderation_stage",
        filter_categories: "error.moderation_details.categories",
        // Relays that say 200 whatever came, and the status in the body.
        status_code: "error.code error.status code status",
        request_id: "request_id error.request_id",
    },
    // What the family has in common is in `CODES`.
    codes: &[],
    statuses: &[
        (401, Meaning::Fatal(Code::Authentication)),
        (402, Meaning::Fatal(Code::QuotaExhausted)),
        (403, Meaning::Fatal(Code::Permission)),
        (404, Meaning::Fatal(Code::NotFound)),
        (408, Meaning::Failed(Code::Timeout)),
        (409, Meaning::Failed(Code::ServerError)),
        (429, Meaning::Refused(Axis::Unknown)),
        (500, Meaning::Rejected(Code::ServerError)),
        (502, Meaning::Failed(Code::ServerError)),
        (503, Meaning::Rejected(Code::Overloaded)),
        (504, Meaning::Failed(Code::Timeout)),
    ],
    trusts_words: false,
    // None is documented for the Images API, and the vendor's client sends none.
    idempotency: None,
    // An image may have been drawn before the filter saw it.
    work_floors: &[],
    failures_are_free: false,
};
