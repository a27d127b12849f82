//! Many requests as one stream of results.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::inner::Inner;
use super::{Error, ImageResult, Options, Task};
use crate::request::ImageRequest;
use crate::task::OwnerId;

/// How many items run ahead of the consumer.
const WINDOW: usize = 256;

/// One item of a batch, and what came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchItem {
    /// The request's place in the batch, from 0.
    pub index: usize,
    /// The image, or why there is none.
    pub result: Result<ImageResult, Error>,
}

/// Many requests as one stream of results, in the order in which they come. It never fails as a whole. At most 256 items run ahead of whoever reads,
/// and no more are taken from the source. The bytes are fetched before an item is delivered, unless [`Options::download`] says no.
///
/// **Dropping it cancels** what it has not delivered, as dropping a [`Task`] does: what had finished and was not read stays in
/// [`super::Client::pending`].
#[must_use = "a batch that is dropped is cancelled"]
pub struct Batch {
    client: Rc<Inner>,
    number: u32,
    owner: OwnerId,
    options: Options,
    source: Option<Box<dyn Iterator<Item = ImageRequest>>>,
    taken: usize,
    live: Vec<(usize, Task)>,
}

impl Batch {
    pub(super) fn new(client: &Rc<Inner>, source: Box<dyn Iterator<Item = ImageRequest>>, options: Options) -> Batch {
        let (number, owner) = (client.next_batch(), client.next_owner());
        let options = options.shared();
        let mut batch =
            Batch { client: client.clone(), number, owner, options, source: Some(source), taken: 0, live: Vec::new() };
        batch.fill();
        batch
    }

    /// The next item; `None` after the last.
    pub async fn next(&mut self) -> Option<BatchItem> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Submits nothing more until [`Batch::resume`]; what is out goes on.
    pub fn pause(&self) {
        self.client.pause(self.number, self.owner, true);
    }

    /// Goes on.
    pub fn resume(&self) {
        self.client.pause(self.number, self.owner, false);
    }

    fn fill(&mut self) {
        while self.live.len() < WINDOW {
            let Some(request) = self.source.as_mut().and_then(Iterator::next) else {
                self.source = None;
                return;
            };
            let state = self.client.launch(request, &self.options, self.owner, Some(self.number));
            self.live.push((self.taken, Task::of(&self.client, &state)));
            self.taken += 1;
        }
    }
}

impl Stream for Batch {
    type Item = BatchItem;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<BatchItem>> {
        self.fill();
        let ready =
            self.live.iter_mut().enumerate().find_map(|(place, (index, task))| match Pin::new(task).poll(context) {
                Poll::Ready(result) => Some((place, BatchItem { index: *index, result })),
                Poll::Pending => None,
            });
        if let Some((place, item)) = ready {
            drop(self.live.remove(place));
            self.fill();
            return Poll::Ready(Some(item));
        }
        if self.live.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.source.as_ref().map_or((0, Some(0)), |source| source.size_hint());
        let live = self.live.len();
        (low.saturating_add(live), high.and_then(|high| high.checked_add(live)))
    }
}
