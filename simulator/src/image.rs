//! Result images: who may fetch them.

use std::sync::Arc;

use crate::drawing::Drawing;
use crate::link::{self, Link};
use crate::message::{Request, Response};
use crate::random::{Stream, mix};
use crate::world::World;

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
            handover: None,
            head: Response::new(200, task.sketch.format.media_type(), ""),
        };
        self.mark(index, |charge| charge.image_fetched = true);
        Ok(drawing)
    }

    /// When the picture at this address was made, if there is one.
    pub(crate) fn made_ms(&self, request: &Request) -> Option<u64> {
        match link::read(self.config.seed, &request.path, self.wall_ms(self.now_ms)) {
            Link::Good(name) => self.tasks.get(self.named(name)?.0)?.ends_ms(),
            Link::Expired | Link::Forged => None,
        }
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
