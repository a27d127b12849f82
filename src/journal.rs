//! What is written down before it is sent. A record is JSON text of a version; it never holds a credential.

use alloc::string::String;
use alloc::vec::Vec;

use crate::json::{Json, JsonWriter};

/// The version that is written. Others are not read: resuming what is misunderstood could pay twice.
pub const VERSION: u64 = 1;

/// How far a part had come when it was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was about to be sent; whether it was is unknown.
    Planned,
    /// The provider has it.
    Submitted,
    /// It was delivered; kept where the caller chose the key, so that the same key is the same image.
    Delivered,
}

/// A part as it is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// How far it had come.
    pub stage: Stage,
    /// The task's key.
    pub task_key: String,
    /// The part's own key, under which the record stands in the store.
    pub key: String,
    /// Its place among the parts.
    pub index: u16,
    /// How many parts the task has.
    pub parts: u16,
    /// The caller's name for the provider.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// The model in the caller's words.
    pub requested_model: String,
    /// The bytes of the submit.
    pub body: String,
    /// When it was planned, ms since the epoch; after the provider's memory of keys has passed, a replay would buy again.
    pub planned_at: u64,
    /// When it was submitted, ms since the epoch.
    pub submitted_at: Option<u64>,
    /// The provider's id.
    pub task_id: Option<String>,
    /// Echoed.
    pub metadata: Vec<(String, String)>,
}

impl Record {
    /// The text to store.
    pub fn write(&self) -> String {
        let stage = match self.stage {
            Stage::Planned => "planned",
            Stage::Submitted => "submitted",
            Stage::Delivered => "delivered",
        };
        let mut writer = JsonWriter::new();
        writer.open().key("v").whole(VERSION).key("stage").string(stage);
        writer.key("task").string(&self.task_key).key("key").string(&self.key);
        writer.key("index").whole(u64::from(self.index)).key("parts").whole(u64::from(self.parts));
        writer.key("provider").string(&self.provider).key("model").string(&self.model);
        writer.key("requestedModel").string(&self.requested_model).key("body").string(&self.body);
        writer.key("plannedAt").whole(self.planned_at).maybe("taskId", self.task_id.as_deref());
        if let Some(at) = self.submitted_at {
            writer.key("submittedAt").whole(at);
        }
        if !self.metadata.is_empty() {
            writer.key("metadata").open();
            for (name, value) in &self.metadata {
                writer.key(name).string(value);
            }
            writer.close();
        }
        writer.close();
        writer.finish()
    }

    /// Reads a parsed record; `None` if it is none of ours, or of another version.
    pub fn read(json: &Json) -> Option<Record> {
        if json.get("v").and_then(Json::whole) != Some(VERSION) {
            return None;
        }
        let small = |name: &str| json.get(name).and_then(Json::whole).and_then(|n| u16::try_from(n).ok());
        let record = Record {
            stage: match json.get("stage").and_then(Json::text)? {
                "planned" => Stage::Planned,
                "submitted" => Stage::Submitted,
                "delivered" => Stage::Delivered,
                _ => return None,
            },
            task_key: json.text_of("task")?,
            key: json.text_of("key")?,
            index: small("index")?,
            parts: small("parts")?,
            provider: json.text_of("provider")?,
            model: json.text_of("model")?,
            requested_model: json.text_of("requestedModel")?,
            body: json.text_of("body").unwrap_or_default(),
            planned_at: json.get("plannedAt").and_then(Json::whole)?,
            submitted_at: json.get("submittedAt").and_then(Json::whole),
            task_id: json.text_of("taskId"),
            metadata: json.texts("metadata"),
        };
        let submitted = record.stage == Stage::Planned || record.task_id.is_some();
        (submitted && record.index < record.parts && record.parts <= 64).then_some(record)
    }
}
