//! What all handles to one task share, and where it stands.

use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::task::{Context, Waker};

use super::{Error, ImageResult, TaskReference};
use crate::engine::Update;
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
    /// A try has failed, and there will be another one.
    #[non_exhaustive]
    Retrying {
        /// When, in milliseconds since the epoch.
        until: u64,
        /// What happened.
        error: Error,
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
            Update::Retrying { until, error, .. } => TaskUpdate::Retrying { until, error: error.into() },
            Update::Submitting { target, attempt } => TaskUpdate::Submitting { target, attempt },
            Update::Running { queued: true, reference, .. } => TaskUpdate::Queued { reference: reference.into() },
            Update::Running { reference, progress, eta, late, .. } => {
                TaskUpdate::Processing { reference: reference.into(), progress, eta, late }
            }
        }
    }
}

pub(super) type Queue = RefCell<VecDeque<TaskUpdate>>;
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

    /// One that has failed before it began.
    pub fn failed(error: Error) -> Rc<TaskState> {
        let state = TaskState::new(0, 0);
        state.settle(Err(error));
        state
    }

    /// One caller more wants it.
    pub fn hold(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    /// One caller less wants it; true: it was the last, and it was not to go on without.
    pub fn release(&self) -> bool {
        let left = self.handles.get().saturating_sub(1);
        self.handles.set(left);
        left == 0 && !self.detached.get() && !self.is_over()
    }

    /// It goes on without any.
    pub fn detach(&self) {
        self.detached.set(true);
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

    pub fn key(&self) -> String {
        self.key.try_borrow().map(|key| key.clone()).unwrap_or_default()
    }

    pub fn latest(&self) -> TaskUpdate {
        self.latest
            .try_borrow()
            .map_or(TaskUpdate::Waiting { reason: "concurrency", ahead: 0, until: None, eta: None }, |latest| {
                latest.clone()
            })
    }

    /// A queue that begins with where it stands, and gets what follows as long as anybody has it.
    pub fn queue(&self) -> Rc<Queue> {
        let queue = Rc::new(RefCell::new(VecDeque::from([self.latest()])));
        if let Ok(mut queues) = self.queues.try_borrow_mut() {
            queues.push(Rc::downgrade(&queue));
        }
        queue
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

    pub fn watcher(&self) -> u64 {
        self.next_watcher.replace(self.next_watcher.get() + 1)
    }

    pub fn watch(&self, watcher: u64, context: &Context<'_>) {
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

    pub fn unwatch(&self, watcher: u64) {
        let former = self.wakers.try_borrow_mut().ok().and_then(|mut wakers| {
            let place = wakers.iter().position(|(known, _)| *known == watcher)?;
            Some(wakers.swap_remove(place))
        });
        drop(former);
    }

    pub fn end(&self) -> Option<Result<ImageResult, Error>> {
        self.end.try_borrow().ok()?.clone()
    }

    /// What it can be resumed by, as soon as that is known.
    pub fn accepted(&self) -> Option<Result<TaskReference, Error>> {
        if let Some(reference) = self.reference.try_borrow().ok().and_then(|reference| reference.clone()) {
            return Some(Ok(reference));
        }
        match self.end()? {
            // It was over before it was seen to be accepted.
            Ok(result) => {
                let key = self.key();
                let ImageResult { provider, model, task_id, metadata, .. } = result;
                let part =
                    KnownPart { index: 0, provider, model, task_id, key: key.clone(), url: None, submitted_at: None };
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
