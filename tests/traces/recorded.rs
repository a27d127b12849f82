//! The traces that are checked in, as wasm has them: no files there.

/// Names and lines.
pub const TRACES: &[(&str, &str)] = &[
    ("cap-unknown", include_str!("cap-unknown.jsonl")),
    ("cap-drops", include_str!("cap-drops.jsonl")),
    ("window-without-hint", include_str!("window-without-hint.jsonl")),
    ("window-with-dates", include_str!("window-with-dates.jsonl")),
    ("lost-answers", include_str!("lost-answers.jsonl")),
    ("synchronous", include_str!("synchronous.jsonl")),
    ("owners-and-tenants", include_str!("owners-and-tenants.jsonl")),
];
