//! What a client hears from its host.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;

use web_sys::FormData;

use super::fetch::Fetched;
use crate::engine::{Outcome, Update};
use crate::task::{CallId, OwnerId, TaskId};

/// What has happened outside, or become of a task.
pub(super) enum News {
    /// Time has passed for an owner.
    Time(OwnerId),
    /// The form of a call is there, or can't be had.
    Form(CallId, Result<FormData, String>),
    /// What a fetch brought, and for which task.
    Fetched(CallId, TaskId, Result<Fetched, String>),
    /// A task stands elsewhere now.
    Update(TaskId, Update),
    /// The result of a task need not be kept any more.
    Released(TaskId),
    /// A task, a check or a probe is over.
    Settled(TaskId, Box<Outcome>),
}

/// Tells the client, as long as it is there.
pub(super) type Tell = Rc<dyn Fn(News)>;
