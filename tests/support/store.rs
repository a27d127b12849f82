//! A store of records that takes its time, fails when told to, and survives its engine.

use std::collections::BTreeMap;

use tidegate::journal::{Record, Stored};
use tidegate::request::ImageRequest;
use tidegate::task::KnownPart;
use tidegate::view;

use super::walk::{Read, read};

/// Records by their keys.
#[derive(Debug, Default)]
pub struct Store {
    /// What is durable of tasks.
    pub records: BTreeMap<String, String>,
    /// What is durable of lanes.
    pub lanes: BTreeMap<String, String>,
}

/// A task that can be gone on with.
pub struct Pending {
    /// Its key.
    pub key: String,
    /// What is known of its parts.
    pub parts: Vec<KnownPart>,
    /// The prompt of its request.
    pub prompt: String,
}

impl Store {
    /// The record under a key.
    pub fn get(&self, key: &str) -> Option<Stored> {
        let text = self.records.get(key).or_else(|| self.lanes.get(key))?;
        let Read::Tree(tree) = read(text, &mut Vec::new()) else { panic!("no record: {text}") };
        Some(Stored::read(&tree).unwrap_or_else(|| panic!("not one of ours: {text}")))
    }

    /// Writes, or removes.
    pub fn put(&mut self, key: String, record: Option<String>) {
        let records = if of_a_lane(&key) { &mut self.lanes } else { &mut self.records };
        match record {
            Some(record) => records.insert(key, record),
            None => records.remove(&key),
        };
    }

    /// Every record of a task.
    pub fn all(&self) -> Vec<Record> {
        self.records.values().map(|text| parse(text)).collect()
    }

    /// What the client would list as unfinished or not taken if time stood still: nothing expires.
    pub fn pending(&self) -> Vec<Pending> {
        self.pending_at(0)
    }

    /// The same at some time of the wall's clock, by the way that the package goes: records to JSON and back.
    pub fn pending_at(&self, wall: u64) -> Vec<Pending> {
        let records = self.all();
        let Read::Tree(references) = read(&view::pending(&records, wall).0, &mut Vec::new()) else { panic!("no list") };
        let read = references.list().iter().map(|reference| {
            let (key, parts) = view::read_reference(reference);
            let key = key.unwrap();
            let record = records.iter().find(|record| record.task_key == key).unwrap();
            Pending { key, parts: parts.unwrap(), prompt: prompt(&record.body) }
        });
        read.collect()
    }
}

/// Whether a key is that of a lane's record.
pub fn of_a_lane(key: &str) -> bool {
    key.starts_with("tidegate lane ")
}

/// Reads a record as the host does.
pub fn parse(text: &str) -> Record {
    let Read::Tree(tree) = read(text, &mut Vec::new()) else { panic!("no record: {text}") };
    Record::read(&tree).unwrap_or_else(|| panic!("not one of ours: {text}"))
}

/// The prompt in a submit's bytes.
pub fn prompt(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let places = [&body["input"]["prompt"], &body["prompt"], &body["fields"]["prompt"]];
    String::from(places.into_iter().find_map(serde_json::Value::as_str).unwrap())
}

/// A request for small pictures, which are quick to draw.
pub fn request(prompt: &str, n: u16) -> ImageRequest {
    let mut request = ImageRequest::new("gpt-image-2", prompt);
    request.size = tidegate::size::Size::parse("64x64");
    request.n = n;
    request
}
