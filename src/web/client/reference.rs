//! What a task can be resumed by.

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use super::Error;
use crate::engine::Reference;
use crate::json::reader::Strings;
use crate::json::{Json, Written, object};
use crate::task::KnownPart;
use crate::view;
use crate::web::text;

/// What a task can be resumed by, here or in another process: plain data without a credential, safe to store. As JSON text it is what the npm package's
/// `TaskRef` is, in both directions.
///
/// ```
/// use tidegate::web::{Error, TaskReference};
///
/// # fn store(_: String) {}
/// fn keep(reference: &TaskReference) -> Result<(), Error> {
///     let text = reference.to_json();
///     assert_eq!(text.parse::<TaskReference>()?, *reference);
///     store(text);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TaskReference {
    /// The task's key; `None` where only the provider's id is known.
    pub(super) key: Option<String>,
    pub(super) parts: Vec<KnownPart>,
    pub(super) metadata: Vec<(String, String)>,
}

impl TaskReference {
    /// Any task of a provider, by the id that the provider gave it. `provider` is the client's name for it.
    pub fn of_provider_task(provider: &str, task_id: &str) -> TaskReference {
        let part = KnownPart {
            index: 0,
            provider: String::from(provider),
            model: String::new(),
            task_id: Some(String::from(task_id)),
            key: String::new(),
            url: None,
            submitted_at: None,
        };
        TaskReference { key: None, parts: Vec::from([part]), metadata: Vec::new() }
    }

    /// A task of this client's own, by its idempotency key: what is written down of it says the rest.
    pub fn of_key(key: &str) -> TaskReference {
        TaskReference { key: Some(String::from(key)), parts: Vec::new(), metadata: Vec::new() }
    }

    /// The task's idempotency key, unless only the provider's id is known.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The provider's id of the task's first part that has one.
    pub fn task_id(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| part.task_id.as_deref())
    }

    /// What the caller gave along.
    pub fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// The text to store; [`str::parse`] reads it back.
    pub fn to_json(&self) -> String {
        self.plain().0
    }

    pub(super) fn plain(&self) -> Written {
        match (&self.key, self.parts.first()) {
            (Some(key), None) => Written::of(key.as_str()),
            (None, Some(part)) => Written::of(object(|it| {
                it.with("provider", part.provider.as_str()).maybe("taskId", part.task_id.as_deref())
            })),
            (key, _) => Written::of(view::reference(&Reference {
                key: key.clone().unwrap_or_default(),
                parts: self.parts.clone(),
                metadata: self.metadata.clone(),
            })),
        }
    }

    pub(super) fn read(json: &Json) -> Result<TaskReference, Error> {
        let (key, parts) = view::read_reference(json);
        Ok(TaskReference { key, parts: parts?, metadata: json.texts("metadata") })
    }
}

impl From<Reference> for TaskReference {
    fn from(reference: Reference) -> TaskReference {
        TaskReference { key: Some(reference.key), parts: reference.parts, metadata: reference.metadata }
    }
}

impl FromStr for TaskReference {
    type Err = Error;

    /// Reads what [`TaskReference::to_json`] wrote, or a `TaskRef` of the npm package.
    fn from_str(text: &str) -> Result<TaskReference, Error> {
        let unreadable = |_| crate::error::Error::invalid("ref", "is not JSON");
        TaskReference::read(&text::read(text, Strings::Plain).map_err(unreadable)?)
    }
}
