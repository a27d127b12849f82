//! A task in a caller's hands: a future of its result, and a stream of where it stands.

use alloc::rc::{Rc, Weak};
use alloc::string::String;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::inner::Inner;
use super::task_state::{Queue, TaskState, WeakTask};
use super::{Error, ImageResult, TaskReference, TaskUpdate};
use crate::engine::Cancelled;

/// A task in a caller's hands: a future of its result. It is under way before it is polled, and it ends whether it is polled or not.
///
/// **Dropping it cancels**: what was not sent never is; what a provider has goes on and stays in [`super::Client::pending`], for it is billed, until
/// [`super::Client::resume`] has fetched it. So does a result that was never read. Whoever wants it to go on all the same calls [`Task::detach`].
#[must_use = "a task that is dropped is cancelled"]
pub struct Task {
    client: Rc<Inner>,
    state: Rc<TaskState>,
    watcher: u64,
}

impl Task {
    pub(super) fn of(client: &Rc<Inner>, state: &Rc<TaskState>) -> Task {
        state.hold();
        Task { client: client.clone(), state: state.clone(), watcher: state.watcher() }
    }

    pub(super) fn weak(&self) -> WeakTask {
        Rc::downgrade(&self.state)
    }

    /// The idempotency key; empty until it is known, where a task of another process is resumed.
    pub fn idempotency_key(&self) -> String {
        self.state.key()
    }

    /// Where it stands now.
    pub fn state(&self) -> TaskUpdate {
        self.state.latest()
    }

    /// Where it stands, from now on: first the present, then every change, the last of them its end. Late readers miss nothing that comes after
    /// this call. The stream doesn't keep the task from being cancelled when this handle is dropped.
    pub fn updates(&self) -> Updates {
        let (queue, watcher) = (self.state.queue(), self.state.watcher());
        Updates { client: Rc::downgrade(&self.client), state: self.state.clone(), watcher, queue, done: false }
    }

    /// What it can be resumed by, as soon as a provider has it.
    ///
    /// # Errors
    /// With the task's own end, if that comes first.
    pub async fn reference(&self) -> Result<TaskReference, Error> {
        let watcher = self.state.watcher();
        poll_fn(|context| match self.state.accepted() {
            Some(accepted) => Poll::Ready(accepted),
            None => {
                self.state.watch(watcher, context);
                Poll::Pending
            }
        })
        .await
    }

    /// Cancels it and says what that came to; the future then ends with an error of code `Cancelled`.
    pub fn cancel(&self) -> Cancelled {
        if self.state.is_over() { Cancelled::TooLate } else { self.client.cancel(self.state.number) }
    }

    /// Lets it go on without this handle. Its slot is still watched; [`super::Client::resume`] finds it again.
    pub fn detach(self) {
        self.state.detach();
    }
}

impl Future for Task {
    type Output = Result<ImageResult, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.state.end() {
            Some(end) => {
                if end.is_ok() {
                    self.client.taken(self.state.number);
                }
                Poll::Ready(end)
            }
            None => {
                self.state.watch(self.watcher, context);
                Poll::Pending
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.state.unwatch(self.watcher);
        if self.state.release() {
            self.client.leave(self.state.number);
        }
    }
}

/// The stream of [`Task::updates`].
#[must_use = "a stream does nothing unless it is read"]
pub struct Updates {
    client: Weak<Inner>,
    state: Rc<TaskState>,
    watcher: u64,
    queue: Rc<Queue>,
    done: bool,
}

impl Updates {
    /// The next change; `None` after the task's end.
    pub async fn next(&mut self) -> Option<TaskUpdate> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Updates {
    type Item = TaskUpdate;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TaskUpdate>> {
        if self.done {
            return Poll::Ready(None);
        }
        let next = self.queue.try_borrow_mut().ok().and_then(|mut queue| queue.pop_front());
        match next {
            Some(update) => {
                self.done =
                    matches!(update, TaskUpdate::Succeeded(_) | TaskUpdate::Failed(_) | TaskUpdate::Cancelled(_));
                if let (TaskUpdate::Succeeded(_), Some(client)) = (&update, self.client.upgrade()) {
                    client.taken(self.state.number);
                }
                Poll::Ready(Some(update))
            }
            None => {
                self.state.watch(self.watcher, context);
                Poll::Pending
            }
        }
    }
}

impl Drop for Updates {
    fn drop(&mut self) {
        self.state.unwatch(self.watcher);
    }
}
