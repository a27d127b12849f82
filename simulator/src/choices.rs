//! The settings that are one of a few words.

use serde::{Deserialize, Serialize};

/// Which wire dialect the provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// The current documents: `{"code":200,"data":{"taskId":…}}`, statuses `queued` `handling` `archiving` `success` `fail`.
    #[default]
    A,
    /// The vendor's articles: `{"id":…,"status":"queued"}`, `{"error":{"code":…,"type":"hiapi_error"}}`.
    B,
    /// Either, drawn for each answer.
    Mixed,
}

/// Which requests a rolling window counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// Submits that made a task.
    #[default]
    Accepted,
    /// Every submit, refused and replayed ones too.
    Submits,
    /// Every submit and every poll.
    Requests,
}

/// In which form a refusal says when to come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HintMode {
    /// Not at all.
    #[default]
    None,
    /// `Retry-After` in whole seconds, rounded up.
    Seconds,
    /// `Retry-After` with three decimals.
    Fractional,
    /// `Retry-After` as a date on the provider's own clock, rounded up.
    HttpDate,
    /// `Retry-After-Ms`.
    Milliseconds,
    /// "Please try again in 467ms" in the message, and no header.
    Message,
    /// What OpenAI sends together: `Retry-After` in seconds, `Retry-After-Ms`, and the message.
    Every,
    /// `Retry-After` with the setting `hint_lie`, whatever is true.
    Lying,
}

/// How a limit over time comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowKind {
    /// Each request counts for a whole window from its own time on.
    #[default]
    Rolling,
    /// All of it at once, whenever the provider's clock comes to a multiple of the window's length.
    Fixed,
    /// Evenly, little by little, up to the burst.
    Bucket,
}

/// What takes a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotUse {
    /// A task, from its submit to its end.
    #[default]
    Task,
    /// A submit, until it is answered.
    Request,
    /// A task, while it reads as in progress: not at its beginning, when it reads as queued.
    InProgress,
}

/// What shares one set of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitScope {
    /// All tasks of an API key.
    #[default]
    Key,
    /// The tasks of an API key and a model.
    KeyAndModel,
}

/// Which requests a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostileOn {
    /// Submits.
    Submits,
    /// Polls.
    Polls,
    /// Both.
    #[default]
    Both,
}

/// When OpenAI's family applies its content policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterStage {
    /// To the request, at once: no slot is held and nothing charged.
    Input,
    /// To the picture, after the work.
    #[default]
    Output,
    /// After the work too, and the answer says nothing about it.
    Unknown,
}

/// The code of an answer that says that money is the matter; all but [`QuotaCode::BillingHardLimitReached`] come with 429 and type
/// `insufficient_quota`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaCode {
    /// The oldest and most general.
    #[default]
    InsufficientQuota,
    /// Prepaid credit is used up.
    CreditBalanceExhausted,
    /// The organisation's own limit.
    OrganizationSpendLimitExceeded,
    /// The project's own limit.
    ProjectSpendLimitExceeded,
    /// OpenAI's limit for the organisation.
    OrganizationUsageLimitExceeded,
    /// The older hard limit, a 400.
    BillingHardLimitReached,
    /// No code: only the type tells.
    Null,
}

impl QuotaCode {
    /// The code on the wire.
    pub(crate) fn code(self) -> Option<&'static str> {
        match self {
            QuotaCode::InsufficientQuota => Some("insufficient_quota"),
            QuotaCode::CreditBalanceExhausted => Some("credit_balance_exhausted"),
            QuotaCode::OrganizationSpendLimitExceeded => Some("organization_spend_limit_exceeded"),
            QuotaCode::ProjectSpendLimitExceeded => Some("project_spend_limit_exceeded"),
            QuotaCode::OrganizationUsageLimitExceeded => Some("organization_usage_limit_exceeded"),
            QuotaCode::BillingHardLimitReached => Some("billing_hard_limit_reached"),
            QuotaCode::Null => None,
        }
    }
}
