//! What is asked of the engine by a number, as an image is, and answered once: a check, or a probe.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::task::{Context, Poll, Waker};

use super::Error;
use crate::engine::Outcome;
use crate::task::{OwnerId, TaskId};

/// What the client and whoever waits share.
pub(super) struct Inquiry {
    pub number: TaskId,
    pub owner: OwnerId,
    over: Cell<bool>,
    answer: RefCell<Option<Result<Outcome, Error>>>,
    waker: RefCell<Option<Waker>>,
}

impl Inquiry {
    pub fn new(number: TaskId, owner: OwnerId) -> Rc<Inquiry> {
        let (answer, waker) = (RefCell::default(), RefCell::default());
        Rc::new(Inquiry { number, owner, over: Cell::new(false), answer, waker })
    }

    /// It is answered; a second answer says nothing.
    pub fn settle(&self, answer: Result<Outcome, Error>) {
        if self.over.replace(true) {
            return;
        }
        if let Ok(mut held) = self.answer.try_borrow_mut() {
            *held = Some(answer);
        }
        let waker = self.waker.try_borrow_mut().ok().and_then(|mut waker| waker.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Its answer, once; whoever asked last is woken when it is there.
    pub fn poll(&self, context: &Context<'_>) -> Poll<Result<Outcome, Error>> {
        if let Some(answer) = self.answer.try_borrow_mut().ok().and_then(|mut answer| answer.take()) {
            return Poll::Ready(answer);
        }
        let waker = context.waker().clone();
        let former = self.waker.try_borrow_mut().map(|mut held| held.replace(waker));
        drop(former);
        Poll::Pending
    }

    /// Nobody waits for it any more; true: it had no answer yet.
    pub fn withdraw(&self) -> bool {
        !self.over.replace(true)
    }
}
