//! What is written down before it is sent. A record is JSON text of a version; it never holds a credential.

mod learned;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Deref;

pub use learned::{LEARNED_LIFE, LaneRecord};

use crate::gather::gather;
use crate::json::{Json, JsonWriter, list};
use crate::time::Millis;

/// The version that is written. Others are not read: resuming what is misunderstood could pay twice.
pub const VERSION: u64 = 1;

/// The most parts of a task, in references and records alike; far above what one call may ask for.
pub const MAX_PARTS: usize = 64;

/// How long the record of a task that is over is kept, ms: delivered under a key that the caller chose, or finished and not taken. As long as the provider
/// with the longest memory of keys remembers one.
pub const DELIVERED_LIFE: Millis = 24 * 3_600_000;

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

/// What the store has under a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// A part of a task.
    Part(Box<Record>),
    /// What was learned of a lane.
    Lane(LaneRecord),
}

impl Stored {
    /// Reads a parsed record; `None` if it is none of ours.
    pub fn read(json: &Json) -> Option<Stored> {
        let part = Record::read(json).map(|record| Stored::Part(Box::new(record)));
        part.or_else(|| LaneRecord::read(json).map(Stored::Lane))
    }
}

/// A part as it is written down; to be written, its texts need only be lent.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<T = String> {
    /// How far it had come.
    pub stage: Stage,
    /// The task's key.
    pub task_key: T,
    /// The part's own key, under which the record stands in the store.
    pub key: T,
    /// Its place among the parts.
    pub index: u16,
    /// How many parts the task has.
    pub parts: u16,
    /// The caller's name for the provider.
    pub provider: T,
    /// The provider's name for the model.
    pub model: T,
    /// The model in the caller's words.
    pub requested_model: T,
    /// The bytes of the submit.
    pub body: T,
    /// They are what an edit's form is made of.
    pub edit: bool,
    /// How many images it asks for.
    pub count: u16,
    /// The host knows that the submit has not left, whatever the stage says. Never written.
    pub unsent: bool,
    /// When it was planned, ms since the epoch; after the provider's memory of keys has passed, a replay would buy again.
    pub planned_at: u64,
    /// When it was submitted, ms since the epoch.
    pub submitted_at: Option<u64>,
    /// When it finished, ms since the epoch; from then on it waits for somebody to take it.
    pub finished_at: Option<u64>,
    /// The addresses of its images, of a finished one.
    pub images: Vec<T>,
    /// When the first of those addresses dies, ms since the epoch, if the provider said so.
    pub expires_at: Option<u64>,
    /// What tells the request of a key that the caller chose from others: [`crate::request::ImageRequest::fingerprint`]. Older records have none.
    pub fingerprint: Option<u64>,
    /// The provider's id.
    pub task_id: Option<T>,
    /// Where it can be asked after, if that is no place of the dialect's.
    pub poll_url: Option<T>,
    /// Echoed.
    pub metadata: Vec<(T, T)>,
}

impl Record {
    /// Whether nobody can have use for it any more: it is over, and its key forgotten by the provider; or, of a key that nobody chose and so nobody will
    /// come back with, its images are gone.
    pub fn is_spent(&self, wall: u64) -> bool {
        let over = match self.stage {
            Stage::Delivered => Some(self.planned_at),
            _ => self.finished_at,
        };
        over.is_some_and(|at| wall.saturating_sub(at) >= DELIVERED_LIFE)
            || self.fingerprint.is_none() && self.has_expired(wall)
    }

    /// Whether it finished and the addresses of its images are dead.
    pub fn has_expired(&self, wall: u64) -> bool {
        self.finished_at.is_some() && self.expires_at.is_some_and(|at| at <= wall)
    }

    /// Whether there is still something to be had or to be told of it.
    pub fn is_pending(&self, wall: u64) -> bool {
        self.stage != Stage::Delivered && !self.is_spent(wall) && !self.has_expired(wall)
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
            // It is sent as a header, and headers cross the wall as lines: one that has lines would bring headers of its own.
            key: json.text_of("key").filter(|key| !key.chars().any(char::is_control))?,
            index: small("index")?,
            parts: small("parts")?,
            provider: json.text_of("provider")?,
            model: json.text_of("model")?,
            requested_model: json.text_of("requestedModel")?,
            body: json.text_of("body").unwrap_or_default(),
            edit: json.get("edit").and_then(Json::boolean).unwrap_or(false),
            count: small("count").unwrap_or(1).clamp(1, MAX_PARTS as u16),
            unsent: json.get("unsent").and_then(Json::boolean).unwrap_or(false),
            planned_at: json.get("plannedAt").and_then(Json::whole)?,
            submitted_at: json.get("submittedAt").and_then(Json::whole),
            finished_at: json.get("finishedAt").and_then(Json::whole),
            images: gather(
                json.get("images").map_or(&[][..], Json::list).iter().filter_map(Json::text).map(String::from),
            ),
            expires_at: json.get("expiresAt").and_then(Json::whole),
            fingerprint: json.get("fingerprint").and_then(Json::whole),
            task_id: json.text_of("taskId"),
            poll_url: json.text_of("pollUrl"),
            metadata: json.texts("metadata"),
        };
        // What a synchronous provider delivered has no id.
        let known = record.stage != Stage::Submitted || record.task_id.is_some();
        (known && record.index < record.parts && usize::from(record.parts) <= MAX_PARTS).then_some(record)
    }
}

impl<T: Deref<Target = str>> Record<T> {
    /// The text to store.
    pub fn write(&self) -> String {
        let stage = match self.stage {
            Stage::Planned => "planned",
            Stage::Submitted => "submitted",
            Stage::Delivered => "delivered",
        };
        let mut writer = JsonWriter::new();
        writer.open().with("v", VERSION).with("stage", stage);
        writer.with("task", &*self.task_key).with("key", &*self.key);
        writer.with("index", u64::from(self.index)).with("parts", u64::from(self.parts));
        writer.with("provider", &*self.provider).with("model", &*self.model);
        writer.with("requestedModel", &*self.requested_model).with("body", &*self.body);
        if self.edit {
            writer.with("edit", true);
        }
        if self.count > 1 {
            writer.with("count", u64::from(self.count));
        }
        writer.with("plannedAt", self.planned_at);
        writer.maybe("taskId", self.task_id.as_deref()).maybe("pollUrl", self.poll_url.as_deref());
        writer.maybe("submittedAt", self.submitted_at);
        // Both stages read as what they are to versions that know nothing of this: the task is asked after again, or told as unknown.
        writer.maybe("finishedAt", self.finished_at).maybe("expiresAt", self.expires_at);
        writer.maybe("images", (!self.images.is_empty()).then(|| list(&self.images, |url| &**url)));
        writer.maybe("fingerprint", self.fingerprint);
        if !self.metadata.is_empty() {
            writer.key("metadata").open();
            for (name, value) in &self.metadata {
                writer.name(name).string(value);
            }
            writer.close();
        }
        writer.close();
        writer.finish()
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod tests {
    use super::*;
    use alloc::vec;
    use serde_json::Value;

    fn record(stage: Stage) -> Record {
        Record {
            stage,
            task_key: String::from("tg-1"),
            key: String::from("tg-1.2"),
            index: 2,
            parts: 3,
            provider: String::from("hiapi"),
            model: String::from("gpt-image-2@pro"),
            requested_model: String::from("hiapi/gpt-image-2@pro"),
            edit: stage == Stage::Planned,
            count: 4,
            unsent: false,
            body: String::from("{\"prompt\":\"a \\\"quoted\\\" apple\\n\"}"),
            planned_at: 1_795_309_783_000,
            submitted_at: Some(1_795_309_784_000),
            poll_url: None,
            finished_at: Some(1_795_309_785_000),
            images: vec![String::from("https://cdn.example/1.png?sig=a")],
            expires_at: Some(1_795_309_999_000),
            fingerprint: Some((1 << 53) - 1),
            task_id: Some(String::from("tk-1")),
            metadata: vec![(String::from("user"), String::from("7"))],
        }
    }

    pub fn tree(value: Value) -> Json {
        match value {
            Value::String(text) => Json::Text(text),
            Value::Bool(truth) => Json::Bool(truth),
            Value::Number(number) => Json::Number(number.as_f64().unwrap()),
            Value::Object(fields) => {
                Json::Object(fields.into_iter().map(|(name, value)| (name, tree(value))).collect())
            }
            Value::Array(items) => Json::List(items.into_iter().map(tree).collect()),
            Value::Null => panic!("no record holds null"),
        }
    }

    fn parse(text: &str) -> Option<Record> {
        Record::read(&tree(serde_json::from_str(text).unwrap()))
    }

    #[test]
    fn what_is_written_is_read_back() {
        for stage in [Stage::Planned, Stage::Submitted, Stage::Delivered] {
            let record = record(stage);
            assert_eq!(parse(&record.write()), Some(record));
        }
        let bare = Record {
            task_id: None,
            submitted_at: None,
            finished_at: None,
            images: vec![],
            expires_at: None,
            fingerprint: None,
            metadata: vec![],
            ..record(Stage::Planned)
        };
        assert!(!bare.write().contains("fin"), "as it was before there was any of this: {}", bare.write());
        assert_eq!(parse(&bare.write()), Some(bare));
    }

    #[test]
    fn a_count_of_images_is_held_to_what_a_call_may_ask_for() {
        let text = record(Stage::Planned).write();
        let count = |told: &str| parse(&text.replace("\"count\":4", told)).unwrap().count;
        assert_eq!((count("\"count\":65535"), count("\"count\":0"), count("\"count\":-1")), (64, 1, 1));
    }

    #[test]
    fn a_key_that_no_header_can_be_is_none_of_ours() {
        for key in ["tg-1\nx-other\n1", "tg-1\r", "\0"] {
            assert_eq!(parse(&Record { key: String::from(key), ..record(Stage::Planned) }.write()), None, "{key:?}");
        }
    }

    #[test]
    fn what_is_not_whole_is_not_read() {
        let text = record(Stage::Submitted).write();
        assert_eq!(parse(&text.replace("\"v\":1", "\"v\":2")), None);
        assert_eq!(parse(&text.replace("submitted\"", "resubmitted\"")), None);
        assert_eq!(parse(&text.replace("\"index\":2", "\"index\":3")), None);
        let nowhere = Record { task_id: None, ..record(Stage::Submitted) };
        assert_eq!(parse(&nowhere.write()), None, "submitted, but under which id?");
    }

    #[test]
    fn only_what_was_delivered_long_ago_is_spent() {
        let (planned, long) = (1_795_309_783_000, DELIVERED_LIFE);
        assert!(record(Stage::Delivered).is_spent(planned + long));
        assert!(!record(Stage::Delivered).is_spent(planned + long - 1));
        let unfinished = Record { finished_at: None, ..record(Stage::Submitted) };
        assert!(!unfinished.is_spent(planned + 10 * long));
    }

    #[test]
    fn what_finished_is_pending_for_a_day_or_while_its_address_lives() {
        let finished = Record { expires_at: None, ..record(Stage::Submitted) };
        let at = finished.finished_at.unwrap();
        assert!(finished.is_pending(at + DELIVERED_LIFE - 1));
        assert!(!finished.is_pending(at + DELIVERED_LIFE));
        // Whoever chose its key may come back with it, and is to hear that it expired and not to buy again.
        let addressed = Record { expires_at: Some(at + 1_000), ..finished };
        assert!(addressed.is_pending(at + 999) && !addressed.is_pending(at + 1_000));
        assert!(!addressed.is_spent(at + 1_000));
        let unchosen = Record { fingerprint: None, ..addressed };
        assert!(!unchosen.is_spent(at + 999) && unchosen.is_spent(at + 1_000));
        assert!(!record(Stage::Delivered).is_pending(0));
    }
}
