//! How a task begins: anew, from a reference, or from what is written down of it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::Engine;
use super::untaken::of_another_request;
use crate::error::{Billed, Code, Error};
use crate::gather::gather;
use crate::journal::{MAX_PARTS, Record, Stage};
use crate::options::CallOptions;
use crate::provider::{Image, submit_request};
use crate::request::{ImageInput, ImageRequest};
use crate::table::text_code;
use crate::task::{Delivery, KnownPart, Lookup, MaybeSent, OwnerId, Part, PartId, PartState, Task, TaskId};
use crate::text::concat;
use crate::time::Instant;

/// Longer keys than this don't fit the headers of the providers that take them.
const MAX_KEY: usize = 240;

fn key_error(key: &str) -> Option<Error> {
    let plain = !key.is_empty() && key.len() <= MAX_KEY && key.chars().all(|c| ('!'..='~').contains(&c));
    (!plain).then(|| Error::invalid("idempotencyKey", "must be 1 to 240 visible ASCII characters, without blanks"))
}

impl Engine {
    pub(super) fn submit(
        &mut self,
        number: TaskId,
        owner: OwnerId,
        request: Result<Box<ImageRequest>, Error>,
        options: CallOptions,
        records: Vec<Record>,
    ) {
        let own_key = options.idempotency_key.clone();
        let key = own_key.clone().unwrap_or_else(|| concat(&["tg-", &self.rng.hex_key()]));
        self.open_task(number, owner, key.clone(), options);
        if self.closing {
            return self.fail_task(number, Error::new(Code::Cancelled));
        }
        let request = match request {
            Ok(request) => request,
            Err(error) => return self.fail_task(number, error),
        };
        if let Some(error) = key_error(&key) {
            return self.fail_task(number, error);
        }
        if !self.join_probe(number) && records.is_empty() {
            return self.fail_task(number, Error::new(Code::Cancelled));
        }
        let count = request.n;
        if let Some(task) = self.tasks.get_mut(&number) {
            task.fingerprint = own_key.as_ref().map(|_| request.fingerprint());
            task.requested_model = request.model.clone();
            task.request = Some(request);
        }
        if own_key.is_some() && records.is_empty() {
            // Parts of it may be all that is left.
            let keys = gather((0..count).map(|index| part_key(&key, index)));
            self.look_up(number, keys, Lookup::default());
        } else {
            self.begin(number, Lookup { records, ..Lookup::default() });
        }
    }

    pub(super) fn resume(
        &mut self,
        number: TaskId,
        owner: OwnerId,
        key: Option<String>,
        parts: Result<Vec<KnownPart>, Error>,
        options: CallOptions,
        records: Vec<Record>,
    ) {
        self.open_task(number, owner, key.clone().unwrap_or_default(), options);
        if self.closing {
            return self.fail_task(number, Error::new(Code::Cancelled));
        }
        let known = match parts {
            Ok(known) => known,
            Err(error) => return self.fail_task(number, error),
        };
        if let Some(part) = known.iter().find(|part| self.config.place_of(&part.provider).is_none()) {
            let message = concat(&["this client has no provider named ", &part.provider]);
            return self.fail_task(number, Error::invalid("provider", &message));
        }
        let mut keys = gather(known.iter().map(|part| part.key.clone()).filter(|key| !key.is_empty()));
        if keys.is_empty() {
            keys.extend(key);
        }
        let lookup = Lookup { records, known, resuming: true, awaiting: 0 };
        if lookup.records.is_empty() && !keys.is_empty() {
            self.look_up(number, keys, lookup);
        } else {
            self.begin(number, lookup);
        }
    }

    pub(super) fn fetch(&mut self, number: TaskId, owner: OwnerId, url: String) {
        let options = CallOptions::from_defaults(&self.config.defaults, crate::options::Priority::Interactive);
        self.open_task(number, owner, String::new(), options);
        if !self.may_fetch(&url) {
            return self.fail_task(number, Error::invalid("url", "is not an https address of a public host"));
        }
        let mut part = self.new_part(0, String::new(), String::new(), String::new());
        part.state = PartState::Fetching { call: None };
        part.sent.images.push(Image { url: Some(url), ..Image::default() });
        // When the image was made is not known here: it may be so young that its host does not show it yet.
        part.sent.done_at = Some(self.now);
        self.add_part(number, part);
        self.send_fetch(PartId { task: number, index: 0 });
    }

    fn may_fetch(&self, url: &str) -> bool {
        self.config.providers.iter().any(|provider| crate::http::is_fetchable(url, &provider.base_url))
    }

    fn is_public(&self, url: &str) -> bool {
        self.config.providers.iter().any(|provider| crate::http::is_public(url, &provider.base_url))
    }

    /// Images of a form are fetched from here: whoever names their addresses must not reach a server's own network.
    fn check_addresses(&self, request: &ImageRequest) -> Result<(), Error> {
        let images = request.images.iter().map(|image| ("images", image));
        for (name, image) in images.chain(request.mask.iter().map(|mask| ("mask", mask))) {
            if matches!(image, ImageInput::Url(url) if !self.is_public(url)) {
                return Err(Error::invalid(name, "must be at https addresses of public hosts, or given as bytes"));
            }
        }
        Ok(())
    }

    pub(super) fn open_task(&mut self, number: TaskId, owner: OwnerId, key: String, options: CallOptions) {
        self.clear(number);
        self.own(owner);
        if !key.is_empty() {
            self.name_task(number, &key);
        }
        let task = Task {
            owner,
            watchers: Vec::new(),
            request: None,
            requested_model: String::new(),
            options,
            key,
            parts: Vec::new(),
            attempts: Vec::new(),
            warnings: Vec::new(),
            began: self.now,
            settled: false,
            lookup: None,
            fingerprint: None,
            delivery: Delivery::None,
            left: false,
        };
        self.tasks.insert(number, Box::new(task));
    }

    /// The task goes by this key from now on.
    fn name_task(&mut self, number: TaskId, key: &str) {
        let code = text_code(key);
        if let Some(before) = self.keys.get(&code).copied().filter(|before| *before != number) {
            self.superseded(before);
        }
        self.keys.insert(code, number);
    }

    /// Makes the parts and sets them going.
    pub(super) fn begin(&mut self, number: TaskId, lookup: Lookup) {
        if lookup.resuming && lookup.records.is_empty() && !lookup.known.iter().any(|part| part.task_id.is_some()) {
            let mut error = Error::new(Code::NotFound);
            error.message = String::from(
                "Nothing is known of this task: there is no record of it here, and its reference has no provider's task id.",
            );
            return self.fail_task(number, error);
        }
        let Some(task) = self.tasks.get_mut(&number) else { return };
        if let Some(record) = lookup.records.first() {
            let (known, own) = (record.fingerprint, task.fingerprint);
            if known.zip(own).is_some_and(|(known, own)| known != own) {
                let error = of_another_request(&record.task_key);
                return self.fail_task(number, error);
            }
            task.fingerprint = known.or(own);
            if task.requested_model.is_empty() {
                task.requested_model = record.requested_model.clone();
            }
            if task.options.metadata.is_empty() {
                task.options.metadata = record.metadata.clone();
            }
            task.key = record.task_key.clone();
            let key = task.key.clone();
            self.name_task(number, &key);
        }
        let fresh = match self.fresh_parts(number) {
            Ok(fresh) => fresh,
            Err(error) if lookup.records.is_empty() => return self.fail_task(number, error),
            Err(_) => Vec::new(),
        };
        let told = lookup.records.iter().map(|record| usize::from(record.parts));
        let named = lookup.known.iter().map(|part| usize::from(part.index) + 1);
        let count = told.chain(named).max().unwrap_or(fresh.len()).clamp(1, MAX_PARTS);
        if let Some(task) = self.tasks.get_mut(&number) {
            // A list that grows by itself begins with room for four.
            task.parts.reserve_exact(count);
        }
        let mut fresh = fresh.into_iter();
        for index in 0..count as u16 {
            let own = fresh.next();
            let record = lookup.records.iter().find(|record| record.index == index);
            let known = lookup.known.iter().find(|part| part.index == index);
            let part = match (record, known) {
                (Some(record), known) => self.part_of_record(record, known),
                (None, Some(known)) => self.part_of_reference(known),
                (None, None) => own,
            };
            let part = part.unwrap_or_else(|| {
                let mut lost = self.new_part(0, String::new(), String::new(), String::new());
                lost.outcome = Some(Err(Error::new(Code::NotFound)));
                lost.state = PartState::Over;
                lost
            });
            self.add_part(number, part);
        }
        for index in 0..count as u16 {
            self.set_going(PartId { task: number, index });
        }
        self.finish_task(number);
    }

    /// Parts made from the request; none for a resumed task.
    fn fresh_parts(&mut self, number: TaskId) -> Result<Vec<Part>, Error> {
        let Some(task) = self.tasks.get_mut(&number) else { return Ok(Vec::new()) };
        let Some(request) = task.request.take() else { return Ok(Vec::new()) };
        self.check_options(&request)?;
        let (provider, model) = self.target(&request.model)?;
        let Some(config) = self.config.providers.get(provider) else { return Ok(Vec::new()) };
        let (dialect, name) = (config.dialect, config.name.clone());
        let key = self.tasks.get(&number).map(|task| task.key.clone()).unwrap_or_default();
        let mut left = request.n;
        let mut parts = Vec::with_capacity(usize::from(left.div_ceil(dialect.most_images.max(1))));
        while left > 0 {
            let count = left.min(dialect.most_images);
            left -= count;
            let submission = submit_request(dialect, &name, model, &request, count)?;
            if submission.edit {
                self.check_addresses(&request)?;
            }
            if let Some(task) = self.tasks.get_mut(&number).filter(|_| parts.is_empty()) {
                let notes = submission.left_out.iter().map(|field| {
                    ("unsupported", concat(&[field, " is not supported by this provider and was left out."]))
                });
                task.warnings.extend(notes);
            }
            let key = part_key(&key, parts.len() as u16);
            let mut part = self.new_part(provider, String::from(model), key, submission.body);
            (part.edit, part.count) = (submission.edit, count);
            parts.push(part);
        }
        Ok(parts)
    }

    fn new_part(&mut self, provider: usize, model: String, key: String, mut body: String) -> Part {
        // It may wait for long, in company.
        body.shrink_to_fit();
        self.next_order += 1;
        Part {
            state: PartState::Waiting,
            provider,
            lane: self.lane_of(provider, &model),
            model,
            key,
            body,
            edit: false,
            count: 1,
            order: self.next_order,
            paused: false,
            in_queue: false,
            charged: false,
            told: None,
            told_end: None,
            waiting_since: self.now,
            faults: 0,
            refusals: 0,
            submits: 0,
            last_error: None,
            sent: MaybeSent::default(),
            task_id: None,
            due: None,
            expires: Instant::NEVER,
            in_doubt: false,
            refreshed: false,
            refresh_next: false,
            planned_wall: 0,
            outcome: None,
        }
    }

    fn add_part(&mut self, number: TaskId, mut part: Part) {
        let paused = &self.paused_batches;
        if let Some(task) = self.tasks.get_mut(&number) {
            part.paused = task.options.batch.is_some_and(|batch| paused.contains(&batch));
            task.parts.push(part);
            let index = task.parts.len() as u16 - 1;
            self.index_id(PartId { task: number, index });
        }
    }

    fn part_of_record(&mut self, record: &Record, known: Option<&KnownPart>) -> Option<Part> {
        let provider = self.config.place_of(&record.provider)?;
        let mut part = self.new_part(provider, record.model.clone(), record.key.clone(), record.body.clone());
        part.planned_wall = record.planned_at;
        (part.edit, part.count) = (record.edit, record.count);
        // What its process could not write down any more, the reference may tell.
        let told = known.filter(|known| known.provider == record.provider && record.task_id.is_none());
        match (record.stage, told.and_then(|known| known.task_id.clone())) {
            _ if record.task_id.is_some() => self.mark_running(&mut part, record.task_id.clone(), record.submitted_at),
            (Stage::Planned, Some(id)) => {
                self.mark_running(&mut part, Some(id), told.and_then(|known| known.submitted_at))
            }
            (stage, _) if stage == Stage::Delivered || record.finished_at.is_some() => {
                self.mark_made(&mut part, record)
            }
            _ => {
                part.state = PartState::Planned;
                part.in_doubt = !record.unsent;
                part.submits = u32::from(part.in_doubt);
            }
        }
        Some(part)
    }

    fn part_of_reference(&mut self, known: &KnownPart) -> Option<Part> {
        let provider = self.config.place_of(&known.provider)?;
        let config = self.config.providers.get(provider)?;
        known.task_id.as_ref().filter(|_| !config.dialect.is_synchronous() || known.url.is_some())?;
        let mut part = self.new_part(provider, known.model.clone(), known.key.clone(), String::new());
        self.mark_running(&mut part, known.task_id.clone(), known.submitted_at);
        part.sent.poll_url.clone_from(&known.url);
        Some(part)
    }

    /// Its provider keeps no tasks: what is left of its images are their addresses, if they had any.
    fn mark_made(&mut self, part: &mut Part, record: &Record) {
        let alive = record.images.iter().filter(|url| self.may_fetch(url) && !record.has_expired(self.wall.1));
        part.sent.images = gather(alive.map(|url| Image {
            url: Some(url.clone()),
            expires_at: record.expires_at,
            ..Image::default()
        }));
        if !part.sent.images.is_empty() {
            part.state = PartState::Fetching { call: None };
            return;
        }
        let mut error = Error::new(Code::Expired).billed(Billed::Yes);
        error.message = String::from(if record.stage == Stage::Delivered {
            "It was delivered before, and this provider keeps no images."
        } else {
            "It was made and paid for, and can't be had any more: nobody took it while the process that had its bytes was there, and this provider keeps no images."
        });
        part.outcome = Some(Err(error));
        part.state = PartState::Over;
    }

    fn mark_running(&mut self, part: &mut Part, task_id: Option<String>, submitted_at: Option<u64>) {
        part.state = PartState::Running { token: None, call: None };
        part.task_id = task_id;
        part.sent.submitted_wall = submitted_at;
        let ago = submitted_at.map_or(0, |at| self.wall.1.saturating_sub(at));
        part.sent.submitted_at = Some(Instant::from_millis(self.now.millis().saturating_sub(ago)));
    }

    /// Sets a part going from the state that it was made in.
    fn set_going(&mut self, id: PartId) {
        let Some(state) = self.part(id).map(|part| part.state) else { return };
        match state {
            PartState::Waiting => {
                self.enqueue(id);
                self.tell_waiting(id);
            }
            PartState::Fetching { .. } => {
                let images = self.part_mut(id).map(|part| core::mem::take(&mut part.sent.images)).unwrap_or_default();
                self.part_succeeded(id, images);
            }
            PartState::Planned if self.await_adopted(id) => {}
            PartState::Planned => self.replay(id),
            PartState::Running { .. } => {
                let token = self.adopt_slot(id);
                if let Some(part) = self.part_mut(id) {
                    part.state = PartState::Running { token: Some(token), call: None };
                }
                self.start_deadline(id);
                self.tell_running(id, true, None);
                self.send_poll(id);
            }
            _ => {}
        }
    }
}

/// The key of a part: the task's own for the first, so that one image has one key.
pub(super) fn part_key(task_key: &str, index: u16) -> String {
    match index {
        0 => String::from(task_key),
        _ => concat(&[task_key, ".", &crate::json::decimal(u64::from(index))]),
    }
}
