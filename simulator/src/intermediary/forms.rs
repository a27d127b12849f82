//! The settings of the intermediary that are one of a few words.

use serde::{Deserialize, Serialize};

/// How a relay spells base64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base64Form {
    /// As the provider does: RFC 4648's standard alphabet, padded, on one line.
    #[default]
    Standard,
    /// The alphabet for addresses (RFC 4648 §5), without padding.
    UrlSafe,
    /// The standard alphabet without padding.
    Unpadded,
    /// Lines of 76 characters, each ended by CRLF (RFC 2045 §6.8).
    Lines,
    /// A `data:` URL (RFC 2397).
    DataUrl,
    /// One of these four, drawn for each answer.
    Mixed,
}

impl Base64Form {
    /// The form of one answer; `draw` settles a mixed one.
    pub(super) fn of(self, draw: u64) -> Base64Form {
        use Base64Form::{DataUrl, Lines, Mixed, Unpadded, UrlSafe};
        if self == Mixed { pick(&[UrlSafe, Unpadded, Lines, DataUrl], draw) } else { self }
    }
}

/// At which address a relay's answers name pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PictureAddress {
    /// As the provider has it: its own address, or none where the answer holds the bytes.
    #[default]
    Provider,
    /// A path at the relay, without scheme and host.
    Relative,
    /// A whole address at the relay's own origin.
    Absolute,
}

/// In which envelope a relay hands a provider's error on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorForm {
    /// Unchanged.
    #[default]
    Provider,
    /// `LiteLLM`: the words behind the name of its exception, and the status as a text where the code was.
    Litellm,
    /// one-api and its kin: the words and a request id; the code stays, or is the status as a number.
    OneApi,
    /// The provider's whole answer as a text in the message.
    Nested,
    /// The error as the only item of a list.
    List,
    /// `FastAPI`: `{"detail": WORDS}`.
    Detail,
    /// One of these five, drawn for each answer.
    Mixed,
}

impl ErrorForm {
    /// The form of one answer; `draw` settles a mixed one.
    pub(super) fn of(self, draw: u64) -> ErrorForm {
        use ErrorForm::{Detail, List, Litellm, Mixed, Nested, OneApi};
        if self == Mixed { pick(&[Litellm, OneApi, Nested, List, Detail], draw) } else { self }
    }
}

/// How a relay says that a synchronous submit has become a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskForm {
    /// 202 with `Location` and `Retry-After`.
    Location,
    /// 200 `{"task_id": …, "status": "processing"}`, and no word of where to ask.
    Body,
    /// The same with the address to ask in `status_url`.
    StatusUrl,
    /// One of these three, drawn for each answer.
    #[default]
    Mixed,
}

impl TaskForm {
    /// The form of one answer; `draw` settles a mixed one.
    pub(super) fn of(self, draw: u64) -> TaskForm {
        use TaskForm::{Body, Location, Mixed, StatusUrl};
        if self == Mixed { pick(&[Location, Body, StatusUrl], draw) } else { self }
    }
}

/// What a store of pictures answers while it does not have a picture yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreStatus {
    /// 404, as S3 and its kin.
    #[default]
    #[serde(rename = "404")]
    NotFound,
    /// 403, as S3 where the key may not list the bucket.
    #[serde(rename = "403")]
    Forbidden,
    /// 503.
    #[serde(rename = "503")]
    Unavailable,
    /// One of these three, drawn for each answer.
    #[serde(rename = "mixed")]
    Mixed,
}

impl StoreStatus {
    /// The status of one answer; `draw` settles a mixed one.
    pub(super) fn of(self, draw: u64) -> u16 {
        match self {
            StoreStatus::NotFound => 404,
            StoreStatus::Forbidden => 403,
            StoreStatus::Unavailable => 503,
            StoreStatus::Mixed => pick(&[404, 403, 503], draw),
        }
    }
}

/// One of a few values.
pub(super) fn pick<T: Copy + Default>(values: &[T], draw: u64) -> T {
    let count = (values.len() as u64).max(1);
    values.get((draw % count) as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_form_is_one_of_the_others_and_a_set_one_stays() {
        let drawn: Vec<_> = (0..40).map(|draw| Base64Form::Mixed.of(draw)).collect();
        assert!(!drawn.contains(&Base64Form::Mixed) && !drawn.contains(&Base64Form::Standard));
        assert!(drawn.contains(&Base64Form::UrlSafe) && drawn.contains(&Base64Form::DataUrl));
        assert_eq!(Base64Form::Lines.of(3), Base64Form::Lines);
        assert!((0..40).all(|draw| !matches!(ErrorForm::Mixed.of(draw), ErrorForm::Mixed | ErrorForm::Provider)));
        assert!((0..40).all(|draw| TaskForm::Mixed.of(draw) != TaskForm::Mixed));
        assert_eq!((StoreStatus::Forbidden.of(0), StoreStatus::Mixed.of(2)), (403, 503));
    }
}
