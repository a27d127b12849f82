//! What is written down and looked up, and what is done when the store fails or is silent.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::start::part_key;
use super::timers::{STORE_PATIENCE, Timer};
use super::{Effect, Engine};
use crate::error::{Billed, Code, Error};
use crate::gather::gather;
use crate::journal::{Record, Stage, Stored};
use crate::limit::LaneIn;
use crate::task::{Lookup, Part, PartId, PartState, Task, TaskId};

impl Engine {
    pub(super) fn look_up(&mut self, number: TaskId, keys: Vec<String>, mut lookup: Lookup) {
        lookup.awaiting = keys.len();
        let since = self.tasks.get(&number).map_or(self.now, |task| task.began);
        self.move_timer(Timer::Lookup(number), None, Some(since.after(STORE_PATIENCE)));
        if let Some(task) = self.tasks.get_mut(&number) {
            task.lookup = Some(Box::new(lookup));
        }
        for key in keys {
            self.next_seq += 1;
            let seq = self.next_seq;
            self.lookups.insert(seq, number);
            self.effect_for(number, Effect::Load { seq, key });
        }
    }

    pub(super) fn loaded(&mut self, seq: u64, record: Option<Stored>) {
        if self.recalled(seq, record.as_ref()) {
            return;
        }
        let Some(number) = self.lookups.remove(&seq) else { return };
        let Some(task) = self.tasks.get_mut(&number).filter(|task| !task.settled) else { return };
        let Some(lookup) = &mut task.lookup else { return };
        lookup.awaiting = lookup.awaiting.saturating_sub(1);
        let mut siblings = Vec::new();
        if let Some(Stored::Part(mut record)) = record {
            if record.edit {
                // Its images were held by the process that wrote it: it can't be sent again.
                record.body.clear();
            }
            // Only the first part's key is the task's own; its record says how many parts there are.
            if lookup.resuming && record.index == 0 && record.key == task.key && lookup.known.len() < 2 {
                siblings.extend((1..record.parts).map(|index| part_key(&record.task_key, index)));
            }
            lookup.records.push(*record);
        }
        if !siblings.is_empty() {
            let lookup = core::mem::take(&mut **lookup);
            return self.look_up(number, siblings, lookup);
        }
        if lookup.awaiting == 0 {
            let lookup = task.lookup.take().map(|lookup| *lookup).unwrap_or_default();
            let due = task.began.after(STORE_PATIENCE);
            self.move_timer(Timer::Lookup(number), Some(due), None);
            self.begin(number, lookup);
        }
    }

    /// The store has not said what it knows. What a reference names goes on without; a key that may have been used before is not used again.
    pub(super) fn look_up_timed_out(&mut self, number: TaskId) {
        let Some(lookup) = self.tasks.get_mut(&number).and_then(|task| task.lookup.take()) else { return };
        self.warn_of_store();
        if lookup.resuming {
            return self.begin(number, *lookup);
        }
        let mut error = Error::new(Code::UnknownOutcome).billed(Billed::Unknown);
        error.message = String::from("The store does not answer: whether this key was used before can't be told.");
        self.fail_task(number, error);
    }

    /// Writes a part down as it stands; the number matches the store's acknowledgement.
    pub(super) fn write_down(&mut self, id: PartId, stage: Stage) -> u64 {
        self.next_seq += 1;
        let seq = self.next_seq;
        let Some(task) = self.tasks.get(&id.task) else { return seq };
        let Some(part) = task.parts.get(usize::from(id.index)) else { return seq };
        let record = self.record(task, part, id.index, stage).write();
        self.effect_for(id.task, Effect::Store { seq, key: part.key.clone(), record });
        seq
    }

    /// A part as it stands. Of one that has its images, where they are.
    pub(super) fn record<'a>(&'a self, task: &'a Task, part: &'a Part, index: u16, stage: Stage) -> Record<&'a str> {
        let metadata = task.options.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let images = if let Some(Ok(images)) = &part.outcome { images } else { &part.sent.images };
        let mut addresses = Vec::new();
        let mut expires_at = None;
        for image in images {
            addresses.extend(image.url.as_deref());
            if let Some(at) = image.expires_at {
                expires_at = Some(expires_at.map_or(at, |first: u64| first.min(at)));
            }
        }
        Record {
            stage,
            task_key: task.key.as_str(),
            key: &part.key,
            index,
            parts: task.parts.len() as u16,
            provider: self.config.name_of(part.provider),
            model: &part.model,
            requested_model: &task.requested_model,
            body: &part.body,
            edit: part.edit,
            count: part.count,
            unsent: false,
            planned_at: part.planned_wall,
            submitted_at: part.sent.submitted_wall,
            finished_at: (!images.is_empty()).then(|| self.wall_at(self.now)),
            images: addresses,
            expires_at,
            fingerprint: task.fingerprint,
            task_id: part.task_id.as_deref(),
            poll_url: part.sent.poll_url.as_deref(),
            metadata: gather(metadata),
        }
    }

    /// Whether a part goes on only once this record is written down.
    pub fn is_awaited(&self, seq: u64) -> bool {
        self.planning.get(&seq).is_some()
    }

    pub(super) fn stored(&mut self, seq: u64, ok: bool) {
        self.store_is_silent = false;
        if !ok {
            self.warn_of_store();
        }
        let Some(id) = self.planning.remove(&seq) else { return };
        self.planned(id);
    }

    /// The store has not answered.
    pub(super) fn plan_without_store(&mut self, id: PartId) {
        self.store_is_silent = true;
        self.warn_of_store();
        self.planned(id);
    }

    /// A part is written down, as far as it ever will be: it may be sent.
    pub(super) fn planned(&mut self, id: PartId) {
        let Some(part) = self.part_mut(id).filter(|part| part.state == PartState::Planning) else { return };
        part.go(PartState::Planned);
        let lane = part.lane;
        self.set_due(id, None);
        self.tell_lane(lane, LaneIn::Wake);
    }

    fn warn_of_store(&mut self) {
        if !core::mem::replace(&mut self.warned_of_store, true) {
            let owner = self.context;
            let message = String::from(
                "The store failed, or gave no answer for ten seconds; going on without it: what is unfinished will not survive this process.",
            );
            self.effect(owner, Effect::Warn { message });
        }
    }
}
