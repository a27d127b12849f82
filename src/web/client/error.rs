//! Errors as a Rust program meets them.

use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use super::TaskReference;
use crate::error::{Code, Details};

/// Why there is no image. Its fields are those of [`Details`]: `code`, `message`, `billed`, `provider_code`, `request_id`, every attempt, and more.
#[derive(Clone, PartialEq)]
pub struct Error {
    error: crate::error::Error,
    reference: Option<TaskReference>,
}

impl Error {
    pub(super) fn new(error: crate::error::Error, reference: Option<TaskReference>) -> Error {
        Error { error, reference }
    }

    /// Whether a new image of the same request has a chance, later or elsewhere.
    pub fn retryable(&self) -> bool {
        self.error.retryable()
    }

    /// How long the provider said to stay away, counted from the error.
    pub fn retry_after(&self) -> Option<Duration> {
        self.error.retry_after.map(Duration::from_millis)
    }

    /// What the task can be resumed by, if a provider has it or may have it.
    pub fn reference(&self) -> Option<&TaskReference> {
        self.reference.as_ref()
    }

    /// Whether the caller ended it, by [`super::Task::cancel`] or [`super::Client::close`].
    pub fn is_cancelled(&self) -> bool {
        self.error.code == Code::Cancelled
    }
}

impl From<crate::error::Error> for Error {
    fn from(error: crate::error::Error) -> Error {
        Error::new(error, None)
    }
}

impl Deref for Error {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.error
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details: &Details = &self.error;
        formatter.debug_struct("Error").field("details", details).field("reference", &self.reference).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code.name())
    }
}

impl core::error::Error for Error {}
