//! A task in a caller's hands: a future of its result, and a stream of where it stands.

use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::inner::Inner;
use super::{Error, ImageResult, TaskReference};
use crate::engine::{Cancelled, Update};
use crate::error::Target;
use crate::task::{KnownPart, OwnerId, TaskId};

/// Where a task stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TaskUpdate {
    /// It waits for leave to submit.
    #[non_exhaustive]
    Waiting {
        /// "concurrency", "window", "day", "cooldown" or "paused".
        reason: &'static str,
        /// How many go first.
        ahead: usize,
        /// Until when, in milliseconds since the epoch, if known.
        until: Option<u64>,
        /// Until it should be over, in milliseconds; `None` before anything is learned of its model.
        eta: Option<u64>,
    },
    /// A submit is on the wire.
    #[non_exhaustive]
    Submitting {
        /// To whom.
        target: Target,
        /// The how-manieth.
        attempt: u32,
    },
    /// The provider has it, in its queue.
    #[non_exhaustive]
    Queued {
        /// What it can be resumed by.
        reference: TaskReference,
    },
    /// The provider works on it.
    #[non_exhaustive]
    Processing {
        /// What it can be resumed by.
        reference: TaskReference,
        /// From 0 to 1, if the provider says so.
        progress: Option<f64>,
        /// Until it should be over, in milliseconds; `None` before anything is learned of its model.
        eta: Option<u64>,
        /// It takes longer than 99 of 100.
        late: bool,
    },
    /// There is an image.
    Succeeded(ImageResult),
    /// There is none.
    Failed(Error),
    /// By the caller.
    Cancelled(Error),
}

impl From<Update> for TaskUpdate {
    fn from(update: Update) -> TaskUpdate {
        match update {
            Update::Waiting { reason, ahead, until, eta } => TaskUpdate::Waiting { reason, ahead, until, eta },
            Update::Submitting { target, attempt } => TaskUpdate::Submitting { target, attempt },
            Update::Running { queued: true, reference, .. } => TaskUpdate::Queued { reference: reference.into() },
            Update::Running { reference, progress, eta, late, .. } => {
                TaskUpdate::Processing { reference: reference.into(), progress, eta, late }
            }
        }
    }
}

type Queue = RefCell<VecDeque<TaskUpdate>>;
pub(super) type WeakTask = Weak<TaskState>;

/// What all handles to one task share. Wakers are woken and updates dropped with nothing borrowed: they are other people's code.
pub(super) struct TaskState {
    pub number: TaskId,
    pub owner: OwnerId,
    key: RefCell<String>,
    /// Callers who still want it.
    handles: Cell<usize>,
    /// It goes on without any.
    detached: Cell<bool>,
    latest: RefCell<TaskUpdate>,
    reference: RefCell<Option<TaskReference>>,
    end: RefCell<Option<Result<ImageResult, Error>>>,
    queues: RefCell<Vec<Weak<Queue>>>,
    wakers: RefCell<Vec<(u64, Waker)>>,
    next_watcher: Cell<u64>,
}

impl TaskState {
    pub fn new(number: TaskId, owner: OwnerId) -> Rc<TaskState> {
        Rc::new(TaskState {
            number,
            owner,
            key: RefCell::default(),
            handles: Cell::new(0),
            detached: Cell::new(false),
            latest: RefCell::new(TaskUpdate::Waiting { reason: "concurrency", ahead: 0, until: None, eta: None }),
            reference: RefCell::default(),
            end: RefCell::default(),
            queues: RefCell::default(),
            wakers: RefCell::default(),
            next_watcher: Cell::new(0),
        })
    }

    /// Whether it is there, not over, and wanted.
    pub fn living(weak: &WeakTask) -> Option<Rc<TaskState>> {
        weak.upgrade().filter(|state| !state.is_over() && state.handles.get() > 0)
    }

    pub fn name(&self, key: &str) {
        if let Ok(mut known) = self.key.try_borrow_mut() {
            known.clear();
            known.push_str(key);
        }
    }

    pub fn is_over(&self) -> bool {
        self.end.try_borrow().is_ok_and(|end| end.is_some())
    }

    /// It stands elsewhere now.
    pub fn show(&self, update: TaskUpdate) {
        if self.is_over() {
            return;
        }
        if let TaskUpdate::Queued { reference } | TaskUpdate::Processing { reference, .. } = &update {
            if let Some(key) = &reference.key {
                self.name(key);
            }
            set(&self.reference, Some(reference.clone()));
        }
        self.publish(update);
    }

    /// It is over.
    pub fn settle(&self, end: Result<ImageResult, Error>) {
        if self.is_over() {
            return;
        }
        let update = match &end {
            Ok(result) => TaskUpdate::Succeeded(result.clone()),
            Err(error) if error.is_cancelled() => TaskUpdate::Cancelled(error.clone()),
            Err(error) => TaskUpdate::Failed(error.clone()),
        };
        if let Err(error) = &end {
            if let Some(reference) = error.reference() {
                set(&self.reference, Some(reference.clone()));
            }
        }
        set(&self.end, Some(end));
        self.publish(update);
    }

    fn publish(&self, update: TaskUpdate) {
        let queues = self.queues.try_borrow_mut().map(|mut queues| {
            queues.retain(|queue| queue.strong_count() > 0);
            queues.clone()
        });
        for queue in queues.unwrap_or_default().iter().filter_map(Weak::upgrade) {
            if let Ok(mut queue) = queue.try_borrow_mut() {
                queue.push_back(update.clone());
            }
        }
        set(&self.latest, update);
        let wakers = self.wakers.try_borrow_mut().map(|mut wakers| core::mem::take(&mut *wakers));
        wakers.unwrap_or_default().into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn watcher(&self) -> u64 {
        self.next_watcher.replace(self.next_watcher.get() + 1)
    }

    fn watch(&self, watcher: u64, context: &Context<'_>) {
        let waker = context.waker().clone();
        let former = self.wakers.try_borrow_mut().ok().and_then(|mut wakers| {
            match wakers.iter_mut().find(|(known, _)| *known == watcher) {
                Some((_, former)) => Some(core::mem::replace(former, waker)),
                None => {
                    wakers.push((watcher, waker));
                    None
                }
            }
        });
        drop(former);
    }

    fn unwatch(&self, watcher: u64) {
        let former = self.wakers.try_borrow_mut().ok().and_then(|mut wakers| {
            let place = wakers.iter().position(|(known, _)| *known == watcher)?;
            Some(wakers.swap_remove(place))
        });
        drop(former);
    }

    fn end(&self) -> Option<Result<ImageResult, Error>> {
        self.end.try_borrow().ok()?.clone()
    }

    /// What it can be resumed by, as soon as that is known.
    fn accepted(&self) -> Option<Result<TaskReference, Error>> {
        if let Some(reference) = self.reference.try_borrow().ok().and_then(|reference| reference.clone()) {
            return Some(Ok(reference));
        }
        match self.end()? {
            // It was over before it was seen to be accepted.
            Ok(result) => {
                let key = self.key.try_borrow().map(|key| key.clone()).unwrap_or_default();
                let ImageResult { provider, model, task_id, metadata, .. } = result;
                let part = KnownPart { index: 0, provider, model, task_id, key: key.clone(), submitted_at: None };
                Some(Ok(TaskReference { key: Some(key), parts: Vec::from([part]), metadata }))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Sets a value and drops the former one with nothing borrowed.
fn set<T>(cell: &RefCell<T>, value: T) {
    let former = cell.try_borrow_mut().map(|mut held| core::mem::replace(&mut *held, value));
    drop(former);
}

/// A task in a caller's hands: a future of its result. It is under way before it is polled, and it ends whether it is polled or not.
///
/// **Dropping it cancels**: what was not sent never is; what a provider has stays in [`super::Client::pending`], for it is billed. Whoever wants it to go
/// on all the same calls [`Task::detach`].
#[must_use = "a task that is dropped is cancelled"]
pub struct Task {
    client: Rc<Inner>,
    state: Rc<TaskState>,
    watcher: u64,
}

impl Task {
    pub(super) fn of(client: &Rc<Inner>, state: &Rc<TaskState>) -> Task {
        state.handles.set(state.handles.get() + 1);
        Task { client: client.clone(), state: state.clone(), watcher: state.watcher() }
    }

    /// One that has failed before it began.
    pub(super) fn failed(client: &Rc<Inner>, error: Error) -> Task {
        let state = TaskState::new(0, 0);
        state.settle(Err(error));
        Task::of(client, &state)
    }

    pub(super) fn weak(&self) -> WeakTask {
        Rc::downgrade(&self.state)
    }

    /// The idempotency key; empty until it is known, where a task of another process is resumed.
    pub fn idempotency_key(&self) -> String {
        self.state.key.try_borrow().map(|key| key.clone()).unwrap_or_default()
    }

    /// Where it stands now.
    pub fn state(&self) -> TaskUpdate {
        self.state
            .latest
            .try_borrow()
            .map_or(TaskUpdate::Waiting { reason: "concurrency", ahead: 0, until: None, eta: None }, |latest| {
                latest.clone()
            })
    }

    /// Where it stands, from now on: first the present, then every change, the last of them its end. Late readers miss nothing that comes after
    /// this call. The stream doesn't keep the task from being cancelled when this handle is dropped.
    pub fn updates(&self) -> Updates {
        let queue = Rc::new(RefCell::new(VecDeque::from([self.state()])));
        if let Ok(mut queues) = self.state.queues.try_borrow_mut() {
            queues.push(Rc::downgrade(&queue));
        }
        Updates { state: self.state.clone(), watcher: self.state.watcher(), queue, done: false }
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
        self.state.detached.set(true);
    }
}

impl Future for Task {
    type Output = Result<ImageResult, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.state.end() {
            Some(end) => Poll::Ready(end),
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
        let left = self.state.handles.get().saturating_sub(1);
        self.state.handles.set(left);
        if left == 0 && !self.state.detached.get() && !self.state.is_over() {
            self.client.cancel(self.state.number);
        }
    }
}

/// The stream of [`Task::updates`].
#[must_use = "a stream does nothing unless it is read"]
pub struct Updates {
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
