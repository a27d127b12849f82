//! HiAPI (api.hiapi.ai). Two wire formats are live at one address, the documented one (`data.taskId`, `handling`, `success`) and that of the
//! vendor's blog (`id`, `processing`); each answer may be of either, so every path lists both. Sources: docs.hiapi.ai/async-api, the vendor's
//! Python client `hiapi` 0.2.1 and Java client, www.hiapi.ai/en/blog.

use super::{AnswerTable, CheckTable, Dialect, Field, Idempotency, ListTable, Meaning, Ratio, TaskTable};
use crate::error::{Axis, Code};

/// HiAPI's table.
pub static HIAPI: Dialect = Dialect {
    name: "hiapi",
    base_url: "https://api.hiapi.ai",
    base_has_version: false,
    submit_path: "/v1/tasks",
    // The list of models is mentioned, this one is documented.
    check: CheckTable { path: "/v1/tasks?page=1&size=1", proves: true },
    tasks: Some(TaskTable {
        poll_path: "/v1/tasks/",
        id: "data.taskId data.id data.task_id id task_id taskId",
        status: "data.status status",
        queued: &["queued", "pending"],
        running: &["handling", "processing", "running", "in_progress", "archiving"],
        succeeded: &["success", "succeeded", "completed"],
        failed: &["fail", "failed", "error"],
        cancelled: &["cancelled", "canceled"],
        progress: "data.progress progress",
        visible_after: 10_000,
        list: Some(ListTable { path: "/v1/tasks?page=1&size=100", rows: "data.tasks tasks" }),
        long_poll: None,
    }),
    edits: None,
    most_images: 1,
    ratio: Ratio::AsGiven,
    section: Some("input"),
    fields: &[
        (Field::Prompt, "prompt"),
        // The blog's examples give pixels, the docs a ratio; what the caller gives is sent as it is.
        (Field::Size, "size"),
        (Field::AspectRatio, "aspect_ratio"),
        (Field::ImageUrls, "input_urls"),
    ],
    root_options: &["route", "callback"],
    refused_options: &[],
    answer: AnswerTable {
        output: "data.output output",
        output_url: "url",
        output_base64: "",
        output_prompt: "",
        output_kind: ("type", "image"),
        output_expires: "expireAt",
        format: "",
        usage: "",
        error_code: "data.error.code error_code error.code",
        error_type: "error.type",
        error_message: "data.error.message error.message message",
        error_param: "",
        filter_stage: "",
        filter_categories: "",
        // Some answers say 200 in the status line and the real status in the body.
        status_code: "code",
        request_id: "error.request_id request_id data.request_id",
    },
    codes: &[
        ("INVALID_REQUEST", Meaning::Fatal(Code::InvalidRequest)),
        ("IDEMPOTENCY_KEY_MISMATCH", Meaning::Fatal(Code::InvalidRequest)),
        ("IDEMPOTENCY_KEY_PROCESSING", Meaning::Processing),
        ("MODEL_UNAVAILABLE", Meaning::Fatal(Code::ModelUnavailable)),
        ("model_not_available", Meaning::Fatal(Code::ModelUnavailable)),
        ("TASK_FAILED", Meaning::Failed(Code::ServerError)),
        ("TASK_TIMEOUT", Meaning::Failed(Code::Timeout)),
        ("STORAGE_UNAVAILABLE", Meaning::Failed(Code::ServerError)),
        // One code for requests a minute, tasks at once and the day's allowance alike.
        ("rate_limit_exceeded", Meaning::Refused(Axis::Unknown)),
        // The upstream's own word, passed through in task errors.
        ("moderation_blocked", Meaning::Filtered),
    ],
    statuses: &[
        (400, Meaning::Fatal(Code::InvalidRequest)),
        (401, Meaning::Fatal(Code::Authentication)),
        (402, Meaning::Fatal(Code::QuotaExhausted)),
        (403, Meaning::Fatal(Code::Permission)),
        (404, Meaning::Fatal(Code::NotFound)),
        (408, Meaning::Failed(Code::Timeout)),
        (410, Meaning::Fatal(Code::Expired)),
        (422, Meaning::Fatal(Code::InvalidRequest)),
        (429, Meaning::Refused(Axis::Unknown)),
        (503, Meaning::Rejected(Code::Overloaded)),
        (504, Meaning::Failed(Code::Timeout)),
    ],
    trusts_words: true,
    idempotency: Some(Idempotency {
        header: "idempotency-key",
        max_length: 255,
        lifetime: 24 * 3_600_000,
        processing_code: "IDEMPOTENCY_KEY_PROCESSING",
    }),
    // The documents say that only what produced output is billed.
    work_floors: &[],
    failures_are_free: true,
};
