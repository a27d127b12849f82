//! Who performs effects. In a page there is one owner; on hosts whose requests may not share I/O each call has its own, and one that dies with
//! its request must not take permits, tasks or other owners with it.

use super::{Effect, Engine};
use crate::gather::gather;
use crate::http::Purpose;
use crate::limit::LaneIn;
use crate::table::Table;
use crate::task::{CallId, OwnerId, PartState, TaskId};
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
    /// When it was last here, by the engine's waking time.
    heard: Instant,
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
    pub(super) fn next_look(&self, owner: OwnerId, waits: bool) -> Option<Instant> {
        // Only with others is there anything to share; and a page has thousands of tasks and one owner.
        let watches = self.owners.len() > 1 && self.tasks.values().any(|task| task.watchers.contains(&owner));
        if watches || (waits && (owner != 0 || self.owners.len() > 1)) {
            let paused = self.lanes.iter().any(|slot| slot.lane.paused_until().is_some_and(|until| until > self.now));
            return Some(self.now.after(if paused { LOOK_IN_COOLDOWN } else { LOOK_EVERY }));
        }
        (owner != 0 && self.is_busy(owner)).then(|| self.now.after(HEARTBEAT))
    }

    fn is_busy(&self, owner: OwnerId) -> bool {
        self.tasks.values().any(|task| task.owner == owner || task.watchers.contains(&owner))
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
        if let Some(task) = self.tasks.get_mut(&number).filter(|task| task.settled) {
            task.owner = context;
        }
    }

    /// Drops owners that are done, and takes over from those that stopped ticking.
    pub(super) fn expire_owners(&mut self) {
        let context = self.context;
        for owner in gather(self.owners.keys().filter(|owner| *owner != context)) {
            let busy = self.is_busy(owner);
            let Some(state) = self.owners.get(&owner) else { continue };
            if !busy && state.effects.is_empty() {
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
        task.watchers.push(task.owner);
        task.owner = owner;
        let polls = self.calls.iter().filter(|(_, call)| call.part.task == number && call.purpose != Purpose::Submit);
        for call in gather(polls.map(|(call, _)| call)) {
            self.orphaned_call(call);
        }
    }

    /// What a dead owner had goes to those who also want it. What nobody else wants ends: unsent it never is sent, out it is watched until its slot is free.
    fn take_over(&mut self, dead: OwnerId) {
        let mut left = self.owners.remove(&dead).map(|owner| owner.effects).unwrap_or_default();
        while let Some(effect) = left.pop() {
            match effect {
                Effect::Send { call, .. } => self.unsent_call(call),
                // Its connections and look-ups are gone with it.
                Effect::Abort { .. } | Effect::Load { .. } => {}
                // What it was about to write down or to tell is as true as before.
                effect => self.effect(self.context, effect),
            }
        }
        for number in gather(self.tasks.keys()) {
            let Some(task) = self.tasks.get_mut(&number) else { continue };
            task.watchers.retain(|watcher| *watcher != dead);
            if task.owner != dead {
                continue;
            }
            let heir = task.watchers.pop();
            task.owner = heir.unwrap_or(self.context);
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
