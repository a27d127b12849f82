//! What the provider has charged: the truth that "never pays twice" is tested against.

use serde::Serialize;

use crate::provider::Provider;

/// One charge: a task that succeeded (or was filtered, where the provider bills that).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Charge {
    /// The task that was charged.
    pub task_id: String,
    /// Who charged: `hiapi`, `openai` or `creativeai`.
    pub provider: Provider,
    /// The account: the API key that submitted it.
    pub key: String,
    /// The model, with its route (`gpt-image-2@pro`).
    pub model: String,
    /// The idempotency key of the submit, if it had one.
    pub idempotency_key: Option<String>,
    /// The prompt.
    pub prompt: String,
    /// How many images were paid.
    pub images: u32,
    /// The amount in USD.
    pub amount_usd: f64,
    /// When its task was accepted (world time in milliseconds, as are the next two).
    pub accepted_ms: u64,
    /// When its task got its slot.
    pub started_ms: u64,
    /// When it was charged: at its task's end.
    pub at_ms: u64,
    /// Whether the success has been reported at least once: by a poll, or by the answer itself of a synchronous provider.
    pub delivered: bool,
    /// Whether an image has been fetched; never where the answer holds them.
    pub image_fetched: bool,
}
