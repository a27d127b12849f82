//! A check or a probe in the hands of whoever waits for it.

use alloc::rc::Rc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::Error;
use super::inner::Inner;
use super::inquiry::Inquiry;
use crate::engine::Outcome;
use crate::task::TaskId;

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
        self.inquiry.poll(context)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.inquiry.withdraw() {
            self.client.cancel(self.inquiry.number);
        }
    }
}
