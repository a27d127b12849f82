//! How parts and tasks end, and what is left of them: every accepted task reaches exactly one end for its caller, and every slot comes back.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Effect, Engine, Outcome, Reference, Success, id_code};
use crate::error::{Billed, Code, Error, Target};
use crate::gather::gather;
use crate::limit::LaneIn;
use crate::table::text_code;
use crate::task::{Delivery, KnownPart, Part, PartId, PartState, Task, TaskId, verdict};
use crate::time::Instant;

/// What a cancellation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// Nothing had been sent, and nothing will be.
    BeforeSubmit,
    /// The task was over already.
    TooLate,
    /// The provider has it, or may have it, and can't be told; it stays written down, for it is billed.
    Unsupported,
}

impl Cancelled {
    /// The name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            Cancelled::BeforeSubmit => "before-submit",
            Cancelled::TooLate => "too-late",
            Cancelled::Unsupported => "unsupported",
        }
    }
}

impl Engine {
    /// A part has failed for its caller. Its slot, if any, is the business of whoever calls this.
    pub(super) fn fail_part(&mut self, id: PartId, mut error: Error) {
        self.dequeue(id);
        let Some(task) = self.tasks.get(&id.task) else { return };
        let Some(part) = task.parts.get(usize::from(id.index)) else { return };
        if let Some(config) = self.config.providers.get(part.provider) {
            error.provider = Some(config.name.clone());
            error.model = (!part.model.is_empty()).then(|| part.model.clone());
        }
        if part.task_id.is_some() {
            error.task_id.clone_from(&part.task_id);
        }
        if error.request_id.is_none() {
            error.request_id.clone_from(&part.sent.request_id);
        }
        self.say_where(id, part, &mut error, true);
        // An earlier submit was lost; what a later one was told says nothing about it.
        let error = verdict::told(error, part.in_doubt && part.task_id.is_none());
        let Some(part) = self.part_mut(id) else { return };
        if part.outcome.is_none() {
            part.outcome = Some(Err(error));
        }
        let out = part.state.is_out();
        if !out && !matches!(part.state, PartState::Fetching { .. } | PartState::Over) {
            self.end_part(id);
        }
        self.finish_task(id.task);
    }

    /// The caller stops waiting; the provider goes on, and the slot is watched until it is free.
    pub(super) fn abandon(&mut self, id: PartId, error: Error) {
        if let Some(PartState::Replaying { token, .. }) = self.part(id).map(|part| &part.state) {
            let token = *token;
            return self.haunt(id, token, error);
        }
        if self.part(id).is_some_and(|part| self.is_held(part)) {
            return self.take_back(id, error);
        }
        self.fail_part(id, error);
        let longest = self.durations_p95(id).saturating_mul(3);
        // What is never seen to end is let go all the same: permits always come back.
        self.set_patience(id, self.now.after(longest.max(600_000)));
    }

    /// A submit of which nothing has left never leaves.
    fn take_back(&mut self, id: PartId, error: Error) {
        let Some(part) = self.part(id) else { return };
        let (PartState::Submitting { call, token }, lane, in_doubt) = (part.state, part.lane, part.in_doubt) else {
            return;
        };
        self.take_call(call);
        self.effect(self.context, Effect::Abort { call });
        if in_doubt {
            return self.haunt(id, token, error);
        }
        self.tell_lane(lane, LaneIn::Return { token });
        self.submit_came_to_nothing(id, error.billed(Billed::No));
    }

    /// Stops watching a part that is out and gives its slot back.
    pub(super) fn let_go(&mut self, id: PartId) {
        self.abort_call(id);
        let Some(part) = self.part(id) else { return };
        let (lane, token) = (part.lane, part.state.token());
        token.into_iter().for_each(|token| self.tell_lane(lane, LaneIn::Ended { token }));
        self.end_part(id);
    }

    /// A part is at its end: its timers stop, and its record goes unless it is still of use.
    pub(super) fn end_part(&mut self, id: PartId) {
        self.dequeue(id);
        self.note_out(id, false);
        self.set_due(id, None);
        self.set_patience(id, Instant::NEVER);
        let Some(part) = self.part_mut(id) else { return };
        if !matches!(part.state, PartState::Over) {
            part.go(PartState::Over);
        }
        self.finish_task(id.task);
    }

    /// Settles a task whose parts all have their outcome, and forgets it once they are all over.
    pub(super) fn finish_task(&mut self, number: TaskId) {
        let Some(task) = self.tasks.get(&number) else { return };
        if task.lookup.is_some() {
            return;
        }
        if !task.settled && !task.parts.is_empty() && task.parts.iter().all(|part| part.outcome.is_some()) {
            self.settle(number);
        }
        let over = self
            .tasks
            .get(&number)
            .is_some_and(|t| t.settled && t.parts.iter().all(|p| matches!(p.state, PartState::Over)));
        if over {
            self.task_is_over(number);
        }
    }

    fn settle(&mut self, number: TaskId) {
        let outcome = self.outcome(number);
        if let Outcome::Failed(error, _) = &outcome {
            self.probe_failed(number, error);
        }
        if let Some(task) = self.tasks.get_mut(&number) {
            task.settled = true;
            if matches!(outcome, Outcome::Succeeded(_)) {
                task.delivery = Delivery::Told;
            }
        }
        self.effect_for(number, Effect::Settle { task: number, outcome: Box::new(outcome) });
        // Only then: a crash in between finds the record, and not nothing.
        self.tidy_records(number);
    }

    pub(super) fn outcome(&self, number: TaskId) -> Outcome {
        let Some(task) = self.tasks.get(&number) else { return Outcome::Failed(Error::new(Code::NotFound), None) };
        let mut failures: Vec<(u16, Error)> = Vec::new();
        let mut images = Vec::new();
        let mut usage: Vec<(String, u64)> = Vec::new();
        let mut place = 0;
        for part in &task.parts {
            match &part.outcome {
                Some(Ok(made)) => {
                    images.extend(made.iter().cloned());
                    // Fewer came than were asked for: what is missing is told, never at the price of what arrived (law 8).
                    let missing = (made.len() as u16)..part.count;
                    failures.extend(missing.map(|nth| (place + nth, self.missing(part))));
                }
                Some(Err(error)) => failures.push((place, error.clone())),
                None => {}
            }
            for (name, figure) in &part.sent.usage {
                match usage.iter_mut().find(|(known, _)| known == name) {
                    Some((_, sum)) => *sum += figure,
                    None => usage.push((name.clone(), *figure)),
                }
            }
            place += part.count;
        }
        if images.is_empty() {
            // The first error that says most: one that may have cost money before one that can't have.
            let worst = failures.iter().position(|(_, error)| error.billed != Billed::No).unwrap_or(0);
            let mut error =
                if failures.is_empty() { Error::new(Code::EmptyResult) } else { failures.swap_remove(worst).1 };
            error.attempts = task.attempts.clone();
            let reference = self.reference(number);
            return if error.code == Code::Cancelled {
                Outcome::Cancelled(error, reference)
            } else {
                Outcome::Failed(error, reference)
            };
        }
        let first = task.parts.iter().find(|part| matches!(part.outcome, Some(Ok(_)))).or(task.parts.first());
        let provider = first.map_or("", |part| self.config.name_of(part.provider));
        // Of several parts, each wait is the longest of them.
        let (mut waited, mut queued, mut ran, mut polls) = (0, 0, 0, 0);
        for part in &task.parts {
            let (submitted, running) = (part.sent.submitted_at, part.sent.running_since);
            waited = submitted.map_or(0, |at| part.waiting_since.until(at)).max(waited);
            queued = submitted.zip(running).map_or(0, |(at, since)| at.until(since)).max(queued);
            ran = running.or(submitted).map_or(0, |since| since.until(self.now)).max(ran);
            polls += part.sent.polls;
        }
        Outcome::Succeeded(Box::new(Success {
            images,
            target: Target {
                provider: String::from(provider),
                model: first.map(|part| part.model.clone()).unwrap_or_default(),
            },
            requested_model: task.requested_model.clone(),
            request_id: first.and_then(|part| part.sent.request_id.clone()),
            task_id: first.and_then(|part| part.task_id.clone()),
            metadata: task.options.metadata.clone(),
            attempts: task.attempts.clone(),
            usage,
            warnings: task.warnings.clone(),
            failures,
            waited,
            queued,
            ran,
            polls,
        }))
    }

    /// The error of an image that was asked for together with others, and did not come with them.
    fn missing(&self, part: &Part) -> Error {
        let mut error = Error::new(Code::EmptyResult).billed(Billed::Unknown);
        error.message = String::from("The provider answered with fewer images than were asked for.");
        error.provider = Some(String::from(self.config.name_of(part.provider)));
        error.model = Some(part.model.clone());
        error.request_id.clone_from(&part.sent.request_id);
        error
    }

    /// Nothing came of the part, and its caller has gone: what was written down of it is of no use.
    pub(super) fn forget_record(&mut self, id: PartId) {
        let Some(part) = self.part(id) else { return };
        let key = part.key.clone();
        self.effect_for(id.task, Effect::Forget { key });
    }

    /// Ends a task that has no parts.
    pub(super) fn fail_task(&mut self, number: TaskId, error: Error) {
        self.probe_failed(number, &error);
        let Some(task) = self.tasks.get_mut(&number) else { return };
        task.settled = true;
        task.lookup = None;
        let outcome = match error.code {
            Code::Cancelled => Outcome::Cancelled(error, None),
            _ => Outcome::Failed(error, None),
        };
        self.settle_with(number, outcome);
    }

    /// Ends a task that has no parts with what came of it.
    pub(super) fn settle_with(&mut self, number: TaskId, outcome: Outcome) {
        self.effect_for(number, Effect::Settle { task: number, outcome: Box::new(outcome) });
        self.drop_task(number, false);
    }

    /// Takes a task out; `named`: it is still to be found by its key and its provider's ids.
    pub(super) fn drop_task(&mut self, number: TaskId, named: bool) -> Option<Box<Task>> {
        self.checks.remove(&number);
        self.drop_probe(number);
        let task = self.tasks.remove(&number)?;
        self.disown(&task);
        if !named {
            self.forget_names(number, &task);
        }
        Some(task)
    }

    /// A task is found no more by its key and its provider's ids, unless they lead to another one by now.
    pub(super) fn forget_names(&mut self, number: TaskId, task: &Task) {
        let ids = task.parts.iter().filter_map(|part| Some(id_code(part.provider, part.task_id.as_deref()?)));
        for code in ids.chain([text_code(&task.key)]) {
            if self.keys.get(&code) == Some(&number) {
                self.keys.remove(&code);
            }
        }
    }

    pub(super) fn cancel_task(&mut self, number: TaskId) -> Cancelled {
        let Some(task) = self.tasks.get(&number).filter(|task| !task.settled) else { return Cancelled::TooLate };
        if task.parts.is_empty() {
            self.fail_task(number, Error::new(Code::Cancelled));
            return Cancelled::BeforeSubmit;
        }
        let sent =
            |part: &Part| (part.state.is_out() && !self.is_held(part)) || part.in_doubt || part.task_id.is_some();
        let sent = task.parts.iter().any(sent);
        for index in 0..task.parts.len() as u16 {
            self.cancel_part(PartId { task: number, index });
        }
        if sent { Cancelled::Unsupported } else { Cancelled::BeforeSubmit }
    }

    pub(super) fn cancel_part(&mut self, id: PartId) {
        let Some(part) = self.part(id).filter(|part| part.outcome.is_none()) else { return };
        let out = part.state.is_out();
        let error =
            Error::new(Code::Cancelled).billed(if out || part.may_exist() { Billed::Unknown } else { Billed::No });
        if out {
            self.abandon(id, error);
        } else {
            self.abort_call(id);
            self.fail_part(id, error);
            self.end_part(id);
        }
    }

    /// Nothing more is submitted or asked; submits on the wire are heard out, so that what they bought is written down.
    pub(super) fn close(&mut self) {
        self.closing = true;
        for number in gather(self.tasks.keys()) {
            let count = self.tasks.get(&number).map_or(0, |task| task.parts.len());
            self.cancel_task(number);
            for index in 0..count as u16 {
                let id = PartId { task: number, index };
                if self.submit_call(id).is_none() && self.part(id).is_some_and(|part| part.state.is_out()) {
                    self.let_go(id);
                }
            }
        }
    }

    /// What a task can be resumed by, as far as it has been accepted.
    pub(super) fn reference(&self, number: TaskId) -> Option<Reference> {
        let task = self.tasks.get(&number)?;
        let known = task.parts.iter().enumerate().filter(|(_, part)| part.may_exist());
        let parts = gather(known.map(|(index, part)| KnownPart {
            index: index as u16,
            provider: String::from(self.config.name_of(part.provider)),
            model: part.model.clone(),
            task_id: part.task_id.clone(),
            key: part.key.clone(),
            url: part.sent.poll_url.clone(),
            submitted_at: part.sent.submitted_wall,
        }));
        (!parts.is_empty()).then(|| Reference { key: task.key.clone(), parts, metadata: task.options.metadata.clone() })
    }
}
