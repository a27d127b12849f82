//! What is asked of the engine by a number, as an image is, and answered once: a check, or a probe.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::Error;
use super::inner::Inner;
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
}

/// The answer to come. Dropped before that, the question is withdrawn.
pub(super) struct Asked {
    client: Rc<Inner>,
    inquiry: Rc<Inquiry>,
}

impl Asked {
    pub fn of(client: &Rc<Inner>, inquiry: Rc<Inquiry>) -> Asked {
        Asked { client: client.clone(), inquiry }
    }

    pub fn number(&self) -> TaskId {
        self.inquiry.number
    }
}

impl Future for Asked {
    type Output = Result<Outcome, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(answer) = self.inquiry.answer.try_borrow_mut().ok().and_then(|mut answer| answer.take()) {
            return Poll::Ready(answer);
        }
        let waker = context.waker().clone();
        let former = self.inquiry.waker.try_borrow_mut().map(|mut held| held.replace(waker));
        drop(former);
        Poll::Pending
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.inquiry.over.replace(true) {
            self.client.cancel(self.inquiry.number);
        }
    }
}
