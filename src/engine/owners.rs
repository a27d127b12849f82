//! Who performs effects. In a page there is one owner; on hosts whose requests may not share I/O each call has its own, and one that dies with
//! its request must not take permits, tasks or other owners with it.

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;

use super::{Effect, Engine};
use crate::gather::gather;
use crate::http::Purpose;
use crate::limit::LaneIn;
use crate::table::{Table, at};
use crate::task::{CallId, OwnerId, PartId, PartState, Task, TaskId};
use crate::time::{Instant, Millis};

/// An owner with anything to do looks in at least this often: only so does its silence tell something. Five wakes while an image is made.
const HEARTBEAT: Millis = 5_000;
/// So much later than that, a silent owner is gone: timers of a living one are late by what others keep the thread busy.
const GRACE: Millis = 5_000;
/// How often an owner that waits for a permit beside other owners looks whether it has one.
const LOOK_EVERY: Millis = 250;
/// The same while the lane is in a cooldown: nothing comes before its end.
const LOOK_IN_COOLDOWN: Millis = 1_000;
/// A waiting owner that has missed its look by this much is passed over, and keeps its place: a permit is of no use to it now.
const LATE: Millis = 2_000;
/// Between two inputs the whole engine slept, and nobody could be heard: the machine was suspended, or the thread busy. No more than this of it counts as
/// silence, or else whoever wakes first would take the others for dead. All of a heartbeat does, so that even a lone owner notices.
const STRIDE: Millis = GRACE;

/// A context that performs effects.
#[derive(Debug, Default)]
pub(super) struct Owner {
    /// What it is to do.
    pub effects: Table<u64, Effect>,
    /// What falls due for its tasks: instants, and the codes of timers.
    pub timers: Table<u128, ()>,
    /// How many parts of its tasks stand in a queue.
    pub waiting: usize,
    /// How many tasks are its own.
    pub tasks: usize,
    /// In how many tasks it is named among those who want them besides.
    pub watches: usize,
    /// When it was last here, by the engine's waking time.
    heard: Instant,
}

impl Owner {
    fn is_busy(&self) -> bool {
        self.tasks + self.watches > 0
    }
}

impl Engine {
    /// Says in whose context all that follows happens: it is this owner whose effects can be performed now. 0 is the host itself and never dies.
    pub fn enter(&mut self, owner: OwnerId) {
        self.context = owner;
    }

    /// Time goes on, and the owner in whose context that comes to light is here.
    pub(super) fn tick(&mut self, now: Instant, wall: u64) {
        let now = self.now.max(now);
        self.awake = self.awake.after(self.now.until(now).min(STRIDE));
        self.now = now;
        self.wall = (now, wall);
        self.hear(self.context);
    }

    /// The owner is here, or begins.
    pub(super) fn hear(&mut self, owner: OwnerId) {
        let awake = self.awake;
        if let Some(owner) = self.owners.or_default(owner) {
            owner.heard = awake;
        }
    }

    /// When an owner should look in although nothing of its own falls due.
    pub(super) fn next_look(&self, owner: OwnerId, state: &Owner) -> Option<Instant> {
        // Only with others is there anything to share; and a page has thousands of tasks and one owner.
        let watches = self.owners.len() > 1 && state.watches > 0;
        if watches || (state.waiting > 0 && (owner != 0 || self.owners.len() > 1)) {
            let paused = self.lanes.iter().any(|slot| slot.lane.paused_until().is_some_and(|until| until > self.now));
            return Some(self.now.after(if paused { LOOK_IN_COOLDOWN } else { LOOK_EVERY }));
        }
        (owner != 0 && state.is_busy()).then(|| self.now.after(HEARTBEAT))
    }

    /// A task has another owner: its timers, and what is counted of it, go along.
    fn give(&mut self, number: TaskId, to: OwnerId) {
        if self.tasks.get(&number).is_none_or(|task| task.owner == to) {
            return;
        }
        let timers = self.timers_of(number);
        let Some(task) = self.tasks.get_mut(&number) else { return };
        let from = core::mem::replace(&mut task.owner, to);
        let waiting = task.parts.iter().filter(|part| part.in_queue).count();
        if let Some(owner) = self.owners.get_mut(&from) {
            owner.tasks -= 1;
            owner.waiting -= waiting;
            timers.iter().for_each(|(due, timer)| owner.timers.remove(&at(*due, timer.code())).map_or((), drop));
        }
        if let Some(owner) = self.owners.or_default(to) {
            owner.tasks += 1;
            owner.waiting += waiting;
        }
        timers.into_iter().for_each(|(due, timer)| self.move_timer(timer, None, Some(due)));
    }

    /// A task begins: somebody owns it.
    pub(super) fn own(&mut self, owner: OwnerId) {
        if let Some(owner) = self.owners.or_default(owner) {
            owner.tasks += 1;
        }
    }

    /// A number that is used again is its host's mistake: nothing of the task before stays in anybody's way.
    pub(super) fn clear(&mut self, number: TaskId) {
        let Some(count) = self.tasks.get(&number).map(|task| task.parts.len()) else { return };
        for call in gather(self.calls.iter().filter(|(_, call)| call.part.task == number).map(|(call, _)| call)) {
            self.take_call(call);
        }
        for index in 0..count as u16 {
            let id = PartId { task: number, index };
            self.dequeue(id);
            self.note_out(id, false);
            self.set_due(id, None);
            self.set_patience(id, Instant::NEVER);
        }
        self.drop_task(number, false);
    }

    /// A task is gone, with all who wanted it.
    pub(super) fn disown(&mut self, task: &Task) {
        if let Some(owner) = self.owners.get_mut(&task.owner) {
            owner.tasks -= 1;
        }
        for watcher in &task.watchers {
            if let Some(watcher) = self.owners.get_mut(watcher) {
                watcher.watches -= 1;
            }
        }
    }

    /// One part more or less of a task stands in a queue.
    pub(super) fn count_waiting(&mut self, task: TaskId, more: bool) {
        let owner = self.tasks.get(&task).map(|task| task.owner);
        if let Some(owner) = owner.and_then(|owner| self.owners.get_mut(&owner)) {
            owner.waiting = if more { owner.waiting + 1 } else { owner.waiting - 1 };
        }
    }

    /// Whether the owner of a task may be expected to use a permit that it is offered.
    pub(super) fn comes_by(&self, task: TaskId) -> bool {
        let owner = self.tasks.get(&task).and_then(|task| self.owners.get(&task.owner));
        owner.is_some_and(|owner| self.awake <= owner.heard.after(LATE))
    }

    /// Whether a task's effects can be performed here and now.
    pub(super) fn is_here(&self, task: TaskId) -> bool {
        self.tasks.get(&task).is_some_and(|task| task.owner == self.context)
    }

    /// A task that has no caller any more is asked after by whoever is here: the request that it came from has most likely ended.
    pub(super) fn mind(&mut self, number: TaskId) {
        let context = self.context;
        if self.tasks.get(&number).is_some_and(|task| task.settled) {
            self.give(number, context);
        }
    }

    /// Drops owners that are done, and takes over from those that stopped ticking.
    pub(super) fn expire_owners(&mut self) {
        let context = self.context;
        for owner in gather(self.owners.keys().filter(|owner| *owner != context)) {
            let Some(state) = self.owners.get(&owner) else { continue };
            if !state.is_busy() && state.effects.is_empty() && state.timers.is_empty() {
                self.owners.remove(&owner);
            } else if owner != 0 && self.awake > state.heard.after(HEARTBEAT + GRACE) {
                self.take_over(owner);
            }
        }
        self.drive_lanes();
    }

    /// Another owner wants the task, too, and from now on performs its effects: it is certainly alive, and of the one before nobody knows.
    pub(super) fn join(&mut self, number: TaskId, owner: OwnerId) {
        self.hear(owner);
        let Some(task) = self.tasks.get_mut(&number).filter(|task| task.owner != owner) else { return };
        let before = task.owner;
        task.watchers.push(before);
        if let Some(before) = self.owners.or_default(before) {
            before.watches += 1;
        }
        self.give(number, owner);
        let polls = self.calls.iter().filter(|(_, call)| call.part.task == number && call.purpose != Purpose::Submit);
        for call in gather(polls.map(|(call, _)| call)) {
            self.orphaned_call(call);
        }
    }

    /// What a dead owner had goes to those who also want it. What nobody else wants ends: unsent it never is sent, out it is watched until its slot is free.
    fn take_over(&mut self, dead: OwnerId) {
        self.hand_on(dead);
        for number in gather(self.tasks.keys()) {
            let Some(task) = self.tasks.get_mut(&number) else { continue };
            task.watchers.retain(|watcher| *watcher != dead);
            if task.owner != dead {
                continue;
            }
            let heir = task.watchers.pop();
            if let Some(heir) = heir.and_then(|heir| self.owners.get_mut(&heir)) {
                heir.watches -= 1;
            }
            self.give(number, heir.unwrap_or(self.context));
            if heir.is_none() {
                self.cancel_task(number);
            }
        }
        let calls = self.calls.iter().filter(|(_, call)| call.owner == dead).map(|(call, _)| call);
        for call in gather(calls) {
            if self.calls.get(&call).is_some_and(|call| call.is_held) {
                self.unsent_call(call);
            } else {
                self.orphaned_call(call);
            }
        }
        self.hand_on(dead);
        self.owners.remove(&dead);
    }

    /// What a dead owner was about to do is done by whoever is here, as far as it can be.
    fn hand_on(&mut self, dead: OwnerId) {
        while let Some(effect) = self.owners.get_mut(&dead).and_then(|owner| owner.effects.pop()) {
            match effect {
                Effect::Send { call, .. } => self.unsent_call(call),
                // Its connections and look-ups are gone with it.
                Effect::Abort { .. } | Effect::Load { .. } => {}
                // What it was about to write down or to tell is as true as before.
                effect => self.effect(self.context, effect),
            }
        }
    }

    /// A call that was never performed: a submit goes back to the queue as if it had had no permit.
    fn unsent_call(&mut self, number: CallId) {
        let Some(id) = self.calls.get(&number).map(|call| call.part) else { return };
        match self.part(id).map(|part| (part.state, part.lane, part.in_doubt)) {
            Some((PartState::Submitting { token, .. }, lane, false)) => {
                self.take_call(number);
                self.effect(self.context, Effect::Abort { call: number });
                self.tell_lane(lane, LaneIn::Return { token });
                self.requeue(id);
            }
            _ => self.orphaned_call(number),
        }
    }
}
