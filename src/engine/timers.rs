//! What falls due, and what then happens.

use alloc::string::String;
use alloc::vec::Vec;

use super::Engine;
use crate::error::{Billed, Code};
use crate::http::Fault;
use crate::limit::LaneIn;
use crate::table::at;
use crate::task::{CallId, OwnerId, PartId, PartState, TaskId};
use crate::time::{Instant, Millis};

/// A store that has not answered by then counts as failed: a disk takes milliseconds, and a wait must have an end.
pub(super) const STORE_PATIENCE: Millis = 10_000;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// A part's next poll, try or release.
    Due(PartId),
    /// The end of a part's patience.
    Patience(PartId),
    /// The end of an HTTP attempt.
    Call(CallId),
    /// The end of the store's time to answer a task's look-up.
    Lookup(TaskId),
}

impl Timer {
    /// Tells timers of one instant apart.
    pub(super) fn code(self) -> u64 {
        match self {
            Timer::Due(part) => part.code(),
            Timer::Patience(part) => part.code() | 1 << 48,
            Timer::Call(call) => call | 1 << 63,
            Timer::Lookup(task) => u64::from(task) | 1 << 62,
        }
    }

    /// The timer of a code.
    pub(super) fn of(code: u64) -> Timer {
        let part = PartId { task: (code >> 16) as TaskId, index: code as u16 };
        match code {
            _ if code >> 63 > 0 => Timer::Call(code & !(1 << 63)),
            _ if code >> 62 > 0 => Timer::Lookup(code as TaskId),
            _ if code >> 48 > 0 => Timer::Patience(part),
            _ => Timer::Due(part),
        }
    }
}

fn due_at(code: u128) -> Instant {
    Instant::from_millis((code >> 64) as u64)
}

impl Engine {
    /// When the owner wants to be woken; `None` if it waits for nothing that time brings.
    pub fn deadline(&self, owner: OwnerId) -> Option<Instant> {
        let state = self.owners.get(&owner)?;
        if !state.effects.is_empty() {
            return Some(self.now);
        }
        let own = state.timers.first().map(due_at);
        let waits = state.waiting > 0;
        let lanes = self.lanes.iter().filter_map(|slot| slot.lane.deadline()).min().filter(|_| waits);
        // A grant may come in another owner's context; whoever waits beside others looks for itself.
        [own, lanes, self.next_look(owner, state)].into_iter().flatten().min().map(|at| at.max(self.now))
    }

    /// In whose list a timer stands: it is the task's owner who is woken.
    fn timer_owner(&self, timer: Timer) -> OwnerId {
        let (task, otherwise) = match timer {
            Timer::Due(part) | Timer::Patience(part) => (part.task, self.context),
            Timer::Call(call) => match self.calls.get(&call) {
                Some(call) => (call.part.task, call.owner),
                None => return self.context,
            },
            Timer::Lookup(number) => (number, self.context),
        };
        self.tasks.get(&task).map_or(otherwise, |task| task.owner)
    }

    /// All timers that run for a task.
    pub(super) fn timers_of(&self, number: TaskId) -> Vec<(Instant, Timer)> {
        let mut timers = Vec::new();
        let Some(task) = self.tasks.get(&number) else { return timers };
        for (index, part) in task.parts.iter().enumerate() {
            let id = PartId { task: number, index: index as u16 };
            timers.extend(part.due.map(|at| (at, Timer::Due(id))));
            timers.push((part.expires, Timer::Patience(id)));
        }
        if task.lookup.is_some() {
            timers.push((task.began.after(STORE_PATIENCE), Timer::Lookup(number)));
        }
        for (call, known) in self.calls.iter() {
            if known.part.task == number {
                timers.push((known.times_out, Timer::Call(call)));
            }
        }
        timers
    }

    pub(super) fn set_due(&mut self, id: PartId, at: Option<Instant>) {
        let Some(part) = self.part_mut(id) else { return };
        let before = core::mem::replace(&mut part.due, at);
        self.move_timer(Timer::Due(id), before, at);
    }

    pub(super) fn set_patience(&mut self, id: PartId, at: Instant) {
        let Some(part) = self.part_mut(id) else { return };
        let before = core::mem::replace(&mut part.expires, at);
        self.move_timer(Timer::Patience(id), Some(before), Some(at));
    }

    /// From now on it is `deadline` that ends the part's patience.
    pub(super) fn start_deadline(&mut self, id: PartId) {
        let deadline = self.tasks.get(&id.task).map_or(0, |task| task.options.deadline);
        self.set_patience(id, self.now.after(deadline));
    }

    /// It is `max_wait` that ends the part's patience, counted from when it began to wait.
    pub(super) fn keep_waiting(&mut self, id: PartId) {
        let Some(max_wait) = self.tasks.get(&id.task).map(|task| task.options.max_wait) else { return };
        let Some(since) = self.part(id).map(|part| part.waiting_since) else { return };
        self.set_patience(id, since.after(max_wait));
    }

    pub(super) fn move_timer(&mut self, timer: Timer, before: Option<Instant>, due: Option<Instant>) {
        let owner = self.timer_owner(timer);
        // What never falls due, as the patience of a batch, is no timer.
        let real = |at: &Instant| *at != Instant::NEVER;
        let (before, due) = (before.filter(real), due.filter(real));
        if before == due {
            return;
        }
        let Some(owner) = self.owners.or_default(owner) else { return };
        if let Some(before) = before {
            owner.timers.remove(&at(before, timer.code()));
        }
        if let Some(due) = due {
            owner.timers.insert(at(due, timer.code()), ());
        }
    }

    /// Takes out the first timer of all that is due.
    fn take_due(&mut self) -> Option<Timer> {
        let firsts = self.owners.iter().filter_map(|(owner, state)| Some((state.timers.first()?, owner)));
        let (code, owner) = firsts.min().filter(|(code, _)| due_at(*code) <= self.now)?;
        self.owners.get_mut(&owner)?.timers.remove(&code)?;
        Some(Timer::of(code as u64))
    }

    /// Fires all that is due.
    pub(super) fn advance(&mut self) {
        while let Some(timer) = self.take_due() {
            match timer {
                Timer::Due(id) => {
                    // Before it may go to another owner with its timers: this one has fired.
                    if let Some(part) = self.part_mut(id) {
                        part.due = None;
                    }
                    self.mind(id.task);
                    self.due(id);
                }
                Timer::Patience(part) => self.patience_ended(part),
                Timer::Call(call) => self.call_timed_out(call),
                Timer::Lookup(task) => self.look_up_timed_out(task),
            }
        }
        self.release_polls();
        self.wake_lanes();
        self.forget_old();
    }

    fn due(&mut self, id: PartId) {
        let Some(part) = self.part(id) else { return };
        match part.state {
            PartState::Backoff { .. } => self.requeue(id),
            PartState::Planning => self.plan_without_store(id),
            PartState::Replaying { token, .. } => self.replay_due(id, token),
            PartState::Running { call: None, .. } => self.send_poll(id),
            PartState::Fetching { call: None } => self.send_fetch(id),
            PartState::Ghost { token, .. } => {
                let lane = part.lane;
                self.tell_lane(lane, LaneIn::Ended { token });
                self.end_part(id);
            }
            _ => {}
        }
    }

    fn patience_ended(&mut self, id: PartId) {
        let Some(part) = self.part_mut(id) else { return };
        part.expires = Instant::NEVER;
        if part.outcome.is_some() {
            // A ghost that polls never found an end to: its slot is given up (law 1).
            if part.state.is_out() {
                self.let_go(id);
            }
            return;
        }
        if part.state.is_out() {
            let mut error = crate::error::Error::new(Code::Deadline).billed(Billed::Unknown);
            if self.is_synchronous(id) {
                error.message = String::from(
                    "There was no image within `deadline`, and this provider can't be asked for it later.",
                );
            }
            self.abandon(id, error);
        } else if !matches!(part.state, PartState::Fetching { .. } | PartState::Over) {
            let error = self.out_of_patience(id);
            self.fail_part(id, error);
        }
    }

    fn call_timed_out(&mut self, call: CallId) {
        let Some(owner) = self.calls.get(&call).map(|call| call.owner) else { return };
        self.effect(owner, super::Effect::Abort { call });
        self.call_failed(call, Fault::Network, Code::Timeout, String::new());
    }
}
