//! Result images: who may fetch them, and their drawing.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::link::{self, Link};
use crate::message::{Request, Response};
use crate::random::{Stream, mix};
use crate::sketch::Sketch;
use crate::world::World;

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
        Response { body, ..self.head }
    }
}

impl World {
    /// An image: a picture to draw, or why there is none.
    pub(crate) fn image(&mut self, request: &Request) -> Result<Drawing, Response> {
        self.stats.images += 1;
        self.stats.leaked_credentials += u64::from(request.header("authorization").is_some());
        if self.strikes(Stream::ImageFault, self.config.image_503) {
            self.stats.errors += 1;
            return Err(Response::new(503, "text/plain", "try again\n"));
        }
        let name = match link::read(self.config.seed, &request.path, self.wall_ms(self.now_ms)) {
            Link::Good(name) => name,
            Link::Expired => return Err(Response::new(403, "text/plain", "link expired\n")),
            Link::Forged => return Err(Response::new(403, "text/plain", "bad signature\n")),
        };
        let Some((index, place)) = self.named(name) else {
            return Err(Response::new(404, "text/plain", "not found\n"));
        };
        let Some(task) = self.tasks.get(index) else {
            return Err(Response::new(404, "text/plain", "not found\n"));
        };
        let drawing = Drawing {
            sketch: Arc::clone(&task.sketch),
            seeds: vec![self.picture_seed(index, place)],
            is_plain: self.config.plain_pictures,
            envelope: None,
            is_cut: false,
            head: Response::new(200, task.sketch.format.media_type(), ""),
        };
        self.mark(index, |charge| charge.image_fetched = true);
        Ok(drawing)
    }

    /// The task and the place among its images that a name stands for: `ID.png` or `ID-PLACE.png`.
    fn named(&self, name: &str) -> Option<(usize, u32)> {
        let (stem, _) = name.rsplit_once('.')?;
        if let Some(&index) = self.by_id.get(stem) {
            return Some((index, 0));
        }
        let (id, place) = stem.rsplit_once('-')?;
        Some((*self.by_id.get(id)?, place.parse().ok()?))
    }

    /// The seed of one of a task's pictures.
    pub(crate) fn picture_seed(&self, index: usize, place: u32) -> u64 {
        mix(self.config.seed ^ index as u64).wrapping_add(u64::from(place))
    }
}
