//! Who performs effects. In a page there is one owner; on hosts whose requests may not share I/O each call has its own, and one that dies with
//! its request must not take permits, tasks or other owners with it.

use super::{Effect, Engine};
use crate::error::{Code, Error};
use crate::gather::gather;
use crate::table::Table;
use crate::task::{OwnerId, PartId, PartState};
use crate::time::{Instant, Millis};

/// An owner that hasn't been heard of for this long after it wanted to be woken is gone: timers of a living one are late by seconds at most.
const GRACE: Millis = 30_000;
/// How often an owner that waits for a permit beside other owners looks whether it has one.
pub(super) const LOOK_EVERY: Millis = 250;

/// A context that performs effects.
#[derive(Debug, Default)]
pub(super) struct Owner {
    /// What it is to do.
    pub effects: Table<u64, Effect>,
    heard: Instant,
    /// When it wanted to be woken, as of then; `None` if only events could bring it back.
    expected: Option<Instant>,
}

impl Engine {
    /// The owner is here.
    pub(super) fn enter(&mut self, owner: OwnerId) {
        let now = self.now;
        self.context = owner;
        if let Some(owner) = self.owners.or_default(owner) {
            owner.heard = now;
        }
    }

    /// Drops owners that are done, and takes over from those that stopped ticking.
    pub(super) fn expire_owners(&mut self) {
        let context = self.context;
        for owner in gather(self.owners.keys().filter(|owner| *owner != context)) {
            let busy = self.tasks.values().any(|task| task.owner == owner);
            let Some(state) = self.owners.get(&owner) else { continue };
            let silent = self.now > state.expected.unwrap_or(state.heard).max(state.heard).after(GRACE);
            if !busy && state.effects.is_empty() {
                self.owners.remove(&owner);
            } else if silent {
                self.take_over(owner);
            }
        }
        self.drive_lanes();
        // Its timer is set to this now; whatever the others bring about from here on, it hears of it then.
        let wanted = self.next_timer(context);
        if let Some(state) = self.owners.get_mut(&context) {
            state.expected = wanted;
        }
    }

    /// What a dead owner had goes to the one that is here: tasks that are out are asked after, or asked for again under their key; what only waited ends.
    fn take_over(&mut self, dead: OwnerId) {
        let heir = self.context;
        // What it was about to write down or to tell is as true as before; only its connections and look-ups are gone.
        let mut left = self.owners.remove(&dead).map(|owner| owner.effects).unwrap_or_default();
        while let Some(effect) = left.pop() {
            if !matches!(effect, Effect::Send { .. } | Effect::Abort { .. } | Effect::Load { .. }) {
                self.effect(heir, effect);
            }
        }
        let tasks = self.tasks.iter().filter(|(_, task)| task.owner == dead).map(|(id, _)| id);
        for number in gather(tasks) {
            let Some(task) = self.tasks.get_mut(&number) else { continue };
            task.owner = heir;
            if task.lookup.is_some() {
                // The store's answer would have come to the dead.
                self.fail_task(number, Error::new(Code::Cancelled));
                continue;
            }
            for index in 0..task.parts.len() as u16 {
                let id = PartId { task: number, index };
                let calls = self.calls.iter().filter(|(_, call)| call.part == id).map(|(call, _)| call);
                for call in gather(calls) {
                    self.orphaned_call(call);
                }
                if self
                    .part(id)
                    .is_some_and(|part| part.state.is_queued() || matches!(part.state, PartState::Backoff { .. }))
                {
                    self.cancel_part(id);
                }
            }
        }
    }
}
