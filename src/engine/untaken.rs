//! What finished and was not taken yet. A record goes when somebody has the result, not when the task ends: until then it is found by its key and its
//! provider's id, in this process as the host holds it, in another one as far as the record and the provider go.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Effect, Engine, Outcome, id_code};
use crate::error::{Billed, Error};
use crate::journal::{DELIVERED_LIFE, Stage};
use crate::provider::Image;
use crate::request::ImageRequest;
use crate::table::{Table, text_code};
use crate::task::{Delivery, Part, PartId, PartState, Task, TaskId, verdict};
use crate::text::concat;
use crate::time::Instant;

/// So many delivered records of keys that callers chose are kept.
const DELIVERED_KEPT: usize = 10_000;
/// So many results the host is to hold for whoever takes them later. Of older ones it keeps those alone whose images have no address.
const HELD: usize = 1_000;

/// What is over and still written down.
#[derive(Debug, Default)]
pub(super) struct Untaken {
    /// Finished, and not taken.
    tasks: Table<TaskId, Box<Task>>,
    /// Those whose end is yet to be written down: if nobody takes them at once.
    unwritten: Vec<TaskId>,
    /// Those that the host holds, oldest first.
    held: Table<u64, TaskId>,
    /// Delivered records that are still written down, oldest first.
    delivered: Table<u64, (Instant, String)>,
}

fn is_made(part: &Part) -> bool {
    matches!(part.outcome, Some(Ok(_)))
}

/// Whether anything was ever written down of it.
fn is_written(part: &Part) -> bool {
    part.planned_wall > 0 || part.task_id.is_some()
}

impl Engine {
    /// The task is settled: of the parts that failed only those records stay that are still of use; the others wait until their images are taken.
    pub(super) fn tidy_records(&mut self, number: TaskId) {
        let count = self.tasks.get(&number).map_or(0, |task| task.parts.len());
        for index in 0..count as u16 {
            let id = PartId { task: number, index };
            let chosen = self.tasks.get(&number).is_some_and(|task| task.fingerprint.is_some());
            let Some(part) = self.part(id).filter(|part| is_written(part)) else { continue };
            match &part.outcome {
                Some(Err(error)) if verdict::is_findable(error) && part.may_exist() => {
                    if !part.sent.images.is_empty() {
                        // Its images are there and could not be fetched.
                        self.write_down(id, part_stage(part));
                    }
                }
                // Whoever comes with the key again hears what became of it, and buys nothing.
                Some(Err(error)) if chosen && error.billed == Billed::Yes => self.write_delivered(id),
                Some(Ok(_)) => {}
                _ => self.forget_record(id),
            }
        }
    }

    fn write_delivered(&mut self, id: PartId) {
        self.write_down(id, Stage::Delivered);
        let key = self.part(id).map(|part| part.key.clone()).unwrap_or_default();
        self.untaken.delivered.push((self.now.after(DELIVERED_LIFE), key));
    }

    /// Its image is paid for and known by its address alone: that is written down before the bytes are fetched.
    pub(super) fn write_paid(&mut self, id: PartId) {
        let is_new = |part: &Part| part.task_id.is_none() && part.sent.images.iter().any(|image| !image.is_here());
        if self.part(id).is_some_and(|part| is_written(part) && is_new(part)) {
            self.write_down(id, Stage::Planned);
        }
    }

    /// All parts of a task are over. What was made after its caller had gone is the host's to keep, like all that nobody has taken.
    pub(super) fn task_is_over(&mut self, number: TaskId) {
        let Some(task) = self.tasks.get(&number) else { return };
        let made = |task: &Task| task.parts.iter().any(|part| is_made(part) && is_written(part));
        if task.delivery == Delivery::None && made(task) {
            if let (Outcome::Succeeded(success), Some(reference)) = (self.outcome(number), self.reference(number)) {
                self.effect_for(
                    number,
                    Effect::Settle { task: number, outcome: Box::new(Outcome::Late(success, reference)) },
                );
                self.set_delivery(number, Delivery::Told);
            }
        }
        let untaken = self.tasks.get(&number).is_some_and(|task| task.delivery == Delivery::Told && made(task));
        match self.drop_task(number, untaken) {
            Some(task) if untaken => self.keep(number, task),
            _ => {}
        }
    }

    pub(super) fn set_delivery(&mut self, number: TaskId, delivery: Delivery) {
        self.tasks.get_mut(&number).into_iter().for_each(|task| task.delivery = delivery);
    }

    /// Those who wanted a task have gone: what is with a provider goes on, and nobody is told that it was cancelled; the rest is. Says whether anything of it
    /// goes on.
    pub(super) fn leave_task(&mut self, number: TaskId) -> bool {
        let Some(task) = self.tasks.get_mut(&number).filter(|task| !task.settled) else { return false };
        task.left = true;
        let mut goes_on = false;
        for index in 0..task.parts.len() as u16 {
            let id = PartId { task: number, index };
            let is_with_provider = self.part(id).is_some_and(|part| {
                let state = part.state;
                matches!(state, PartState::Submitting { .. } | PartState::Running { .. } | PartState::Fetching { .. })
                    && is_written(part)
                    && !self.is_held(part)
            });
            if !is_with_provider {
                self.cancel_part(id);
            }
            goes_on |= is_with_provider;
        }
        goes_on
    }

    /// Another task goes by this key from now on. If it asks the provider itself, the one before has nothing to deliver any more.
    pub(super) fn superseded(&mut self, before: TaskId) {
        let can_be_asked = |task: &Task| task.settled && task.parts.iter().any(|part| part.task_id.is_some());
        if self.tasks.get(&before).is_some_and(|task| can_be_asked(task)) {
            self.set_delivery(before, Delivery::Taken);
        }
    }

    /// The host holds the result of this task until somebody takes it.
    fn keep(&mut self, number: TaskId, mut task: Box<Task>) {
        // From now on its age is that of its result.
        task.began = self.now;
        self.untaken.tasks.insert(number, task);
        self.untaken.unwritten.push(number);
        self.untaken.held.push(number);
        if self.untaken.held.len() > HELD {
            let oldest = self.untaken.held.pop().unwrap_or_default();
            let is_addressed = |part: &Part| all_images(part, &|image| image.url.is_some());
            if self.untaken.tasks.get(&oldest).is_some_and(|task| task.parts.iter().all(is_addressed)) {
                self.effect(self.context, Effect::Release { task: oldest });
            }
        }
    }

    /// A caller has the result of this task.
    ///
    /// Says whether it was known; after a trap the engine knows nothing of those before.
    pub fn taken(&mut self, number: TaskId) -> bool {
        let held = self.untaken.tasks.remove(&number);
        if let Some(task) = &held {
            self.forget_names(number, task);
        }
        let Some(task) = held.as_deref().or(self.tasks.get(&number).map(|task| &**task)) else { return false };
        if task.delivery != Delivery::Told {
            return false;
        }
        let records = self.records_of(task, Some(Stage::Delivered).filter(|_| task.fingerprint.is_some()));
        self.set_delivery(number, Delivery::Taken);
        for (key, _) in records.iter().filter(|(_, record)| record.is_some()) {
            self.untaken.delivered.push((self.now.after(DELIVERED_LIFE), key.clone()));
        }
        self.store(records);
        true
    }

    /// The keys of the parts that were made, and their records of this stage; without one they are to be forgotten.
    fn records_of(&self, task: &Task, stage: Option<Stage>) -> Vec<(String, Option<String>)> {
        let mut records = Vec::new();
        for (index, part) in task.parts.iter().enumerate() {
            if is_made(part) && is_written(part) {
                let record = stage.map(|stage| self.record(task, part, index as u16, stage).write());
                records.push((part.key.clone(), record));
            }
        }
        records
    }

    fn store(&mut self, records: Vec<(String, Option<String>)>) {
        for (key, record) in records {
            self.next_seq += 1;
            let effect = match record {
                Some(record) => Effect::Store { seq: self.next_seq, key, record },
                None => Effect::Forget { key },
            };
            self.effect(self.context, effect);
        }
    }

    /// Every effect is performed, and these have still not been taken: from now on they are written down as finished. Says whether there were any.
    pub(super) fn write_untaken(&mut self) -> bool {
        let unwritten = core::mem::take(&mut self.untaken.unwritten);
        let mut are_any = false;
        for number in unwritten {
            if let Some(task) = self.untaken.tasks.get(&number) {
                // Whatever its stage, it is over.
                let stage = if task.parts.iter().any(|part| part.task_id.is_some()) {
                    Stage::Submitted
                } else {
                    Stage::Planned
                };
                let records = self.records_of(task, Some(stage));
                self.store(records);
                are_any = true;
            }
        }
        are_any
    }

    /// Drops records that are too old, or too many: delivered ones, and those that nobody came for.
    pub(super) fn forget_old(&mut self) {
        while self.untaken.delivered.front().is_some_and(|(until, _)| *until <= self.now)
            || self.untaken.delivered.len() > DELIVERED_KEPT
        {
            let Some((_, key)) = self.untaken.delivered.pop() else { return };
            self.effect(self.context, Effect::Forget { key });
        }
        while let Some(number) = self.untaken.tasks.first() {
            let Some(task) = self.untaken.tasks.get(&number) else { return };
            let lives = |image: &Image| image.expires_at.is_none_or(|at| at > self.wall.1);
            if task.began.after(DELIVERED_LIFE) > self.now && task.parts.iter().all(|part| all_images(part, &lives)) {
                return;
            }
            self.taken(number);
            self.effect(self.context, Effect::Release { task: number });
        }
    }

    fn joinable(&self, number: TaskId) -> Option<&Task> {
        let living = self.tasks.get(&number).filter(|task| !task.settled || task.delivery == Delivery::Told);
        living.or_else(|| self.untaken.tasks.get(&number)).map(|task| &**task)
    }

    /// The task that goes by this key and whose result somebody may still get.
    pub fn find_key(&self, key: &str) -> Option<TaskId> {
        let number = *self.keys.get(&text_code(key))?;
        self.joinable(number).filter(|task| task.key == key).map(|_| number)
    }

    /// The task that a provider knows by this id and whose result somebody may still get.
    pub fn find_task(&self, provider: &str, id: &str) -> Option<TaskId> {
        let place = self.config.place_of(provider)?;
        let number = *self.keys.get(&id_code(place, id))?;
        let known = |part: &Part| part.provider == place && part.task_id.as_deref() == Some(id);
        self.joinable(number)?.parts.iter().any(known).then_some(number)
    }

    /// Why a request can't be had by joining this task: it was for another one.
    pub fn mismatch(&self, number: TaskId, request: &ImageRequest) -> Option<Error> {
        let task = self.joinable(number)?;
        (task.fingerprint? != request.fingerprint()).then(|| of_another_request(&task.key))
    }
}

fn all_images(part: &Part, are: &dyn Fn(&Image) -> bool) -> bool {
    match &part.outcome {
        Some(Ok(images)) => images.iter().all(are),
        _ => true,
    }
}

/// The stage of a part's record before it is delivered.
fn part_stage(part: &Part) -> Stage {
    if part.task_id.is_some() { Stage::Submitted } else { Stage::Planned }
}

/// A key that comes again with another request gets neither that one's images nor new ones.
pub(super) fn of_another_request(key: &str) -> Error {
    let message = concat(&[
        "\"",
        key,
        "\" belongs to another request. Give this one a key of its own (in a batch: another `id`, or another `key` of the item).",
    ]);
    Error::invalid("idempotencyKey", &message)
}
