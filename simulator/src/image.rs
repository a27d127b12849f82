//! Result images: who may fetch them, and their drawing.

use crate::link::{self, Link};
use crate::message::{Request, Response};
use crate::picture;
use crate::random::{Stream, mix};
use crate::world::World;

/// A picture to be drawn.
#[derive(Clone, Debug)]
pub struct Drawing {
    prompt: String,
    seed: u64,
    width: u32,
    height: u32,
    plain: bool,
    pub(crate) head: Response,
}

impl Drawing {
    /// Draws the picture and completes the answer with it.
    pub fn draw(self) -> Response {
        let body = if self.plain {
            picture::plain(self.width, self.height)
        } else {
            picture::render(&self.prompt, self.seed, self.width, self.height)
        };
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
        let index = match link::read(self.config.seed, &request.path, self.wall_ms(self.now_ms)) {
            Link::Good(task_id) => self.by_id.get(task_id).copied(),
            Link::Expired => return Err(Response::new(403, "text/plain", "link expired\n")),
            Link::Forged => return Err(Response::new(403, "text/plain", "bad signature\n")),
        };
        let Some((index, task)) = index.and_then(|index| Some((index, self.tasks.get(index)?))) else {
            return Err(Response::new(404, "text/plain", "not found\n"));
        };
        let drawing = Drawing {
            prompt: task.prompt.clone(),
            seed: mix(self.config.seed ^ index as u64),
            width: task.width,
            height: task.height,
            plain: self.config.plain_pictures,
            head: Response::new(200, "image/png", ""),
        };
        self.mark(index, |charge| charge.image_fetched = true);
        Ok(drawing)
    }
}
