//! Answers whose pictures are still to be drawn.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::intermediary::Handover;
use crate::message::Response;
use crate::sketch::Sketch;

/// Pictures to be drawn, and the answer that they belong in.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub(crate) sketch: Arc<Sketch>,
    pub(crate) seeds: Vec<u64>,
    /// Whether nothing is drawn: flat pictures, quickly made.
    pub(crate) is_plain: bool,
    /// The object whose `data` is to hold the pictures as base64; without it the first picture is the body.
    pub(crate) envelope: Option<Value>,
    /// Whether the answer breaks off in the middle.
    pub(crate) is_cut: bool,
    /// What becomes of the answer on its way.
    pub(crate) handover: Option<Box<Handover>>,
    pub(crate) head: Response,
}

impl Drawing {
    /// Draws the pictures and completes the answer with them.
    pub fn draw(self) -> Response {
        let mut pictures = self.seeds.iter().map(|&seed| self.sketch.draw(seed, self.is_plain));
        let mut body = match self.envelope {
            None => pictures.next().unwrap_or_default(),
            Some(mut envelope) => {
                let data: Vec<Value> = pictures.map(|picture| json!({"b64_json": STANDARD.encode(picture)})).collect();
                if let Some(fields) = envelope.as_object_mut() {
                    fields.insert("data".to_owned(), Value::Array(data));
                }
                envelope.to_string().into_bytes()
            }
        };
        if self.is_cut {
            body.truncate(body.len() / 2);
        }
        let response = Response { body, ..self.head };
        match self.handover {
            Some(handover) => handover.apply(response),
            None => response,
        }
    }

    /// The same, with this done to the answer on its way.
    pub(crate) fn handed_over(self, handover: Handover) -> Drawing {
        Drawing { handover: handover.acts().then(|| Box::new(handover)), ..self }
    }

    /// One of the pictures alone, as the body; copies of one have places after the last.
    pub(crate) fn only(&self, place: usize) -> Option<Drawing> {
        let seed = *self.seeds.get(place % self.seeds.len().max(1))?;
        let head = Response::new(200, self.sketch.format.media_type(), "");
        Some(Drawing { seeds: vec![seed], envelope: None, is_cut: false, handover: None, head, ..self.clone() })
    }
}
