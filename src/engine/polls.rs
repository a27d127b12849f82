//! Asking after tasks and fetching images: free, so faults only delay.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Effect, Engine, Update};
use crate::error::{Billed, Code, Error};
use crate::http::{Answer, Body, IMAGE_LIMIT, Purpose, Request, image_kind};
use crate::limit::LaneIn;
use crate::provider::{Reading, is_forbidden, poll_request, read_poll};
use crate::retry::backoff;
use crate::retry::hint::retry_after;
use crate::task::verdict::{self, Certainty, Said};
use crate::task::{Delivery, PartId, PartState};
use crate::text::concat;
use crate::time::Millis;

/// A picture's host may show it this long after the answer that names it, ms: delivery networks copy it meanwhile.
const NOT_THERE_YET: Millis = 15_000;
/// The first wait for it, and the longest, ms.
const LOOKS: (Millis, Millis) = (500, 4_000);

impl Engine {
    /// Asks after one task.
    pub(super) fn send_one_poll(&mut self, id: PartId) {
        let Some(part) = self.part(id) else { return };
        let PartState::Running { call: None, token } = part.state else { return };
        let provider = part.provider;
        let Some(config) = self.config.providers.get(part.provider) else { return };
        let task_id = part.task_id.as_deref().unwrap_or_default();
        let task = (task_id, part.sent.poll_url.as_deref(), part.sent.misses);
        let Some(request) = poll_request(config.dialect, &config.base_url, part.provider, task) else {
            let mut error = Error::new(Code::Protocol).billed(Billed::Unknown);
            error.message = String::from("The provider's task id can't stand in an address.");
            return self.abandon_unasked(id, error);
        };
        let lane = part.lane;
        self.count_poll(provider, lane);
        let call = self.new_call(id, Purpose::Poll);
        let (now, mut refresh) = (self.now, false);
        if let Some(part) = self.part_mut(id) {
            part.go(PartState::Running { token, call: Some(call) });
            part.sent.polls += 1;
            part.sent.asked_at = now;
            part.sent.shown_over = false;
            refresh = core::mem::take(&mut part.refresh_next);
        }
        self.effect_for(id.task, Effect::Send { call, part: id, purpose: Purpose::Poll, request, refresh });
    }

    pub(super) fn poll_answered(&mut self, id: PartId, answer: &Answer) {
        let Some(part) = self.part(id) else { return };
        let PartState::Running { token, .. } = part.state else { return };
        let Some(config) = self.config.providers.get(part.provider) else { return };
        let known = part.sent.accepted_at.or(part.sent.submitted_at);
        let visible_after = config.dialect.task_table().visible_after;
        let waited = config.dialect.tasks.as_ref().and_then(|tasks| tasks.long_poll).map(|poll| poll.length);
        let young = known.is_some_and(|at| at.until(self.now) < visible_after);
        let reading = read_poll(config.dialect, &config.base_url, answer, self.wall.1);
        let (provider, lane, asked_at) = (part.provider, part.lane, part.sent.asked_at);
        if let Some(part) = self.part_mut(id) {
            part.go(PartState::Running { token, call: None });
        }
        match reading {
            Reading::Running { running, .. } => {
                self.hear_status(id, answer);
                if let Some(part) = self.part_mut(id) {
                    part.refreshed = false;
                }
                if let Some(token) = token {
                    self.tell_lane(lane, LaneIn::Seen { token, queued: running.queued });
                }
                self.seen_running(id, asked_at, running.queued);
                self.poll_again(id, retry_after(answer, self.wall.1), false, running.progress);
                if waited.is_some_and(|length| asked_at.until(self.now) >= length / 2) {
                    // It waited over there, and may as well go on with that.
                    self.set_due(id, Some(self.now));
                }
                self.tell_running(id, running.queued, running.progress);
            }
            Reading::Succeeded { ref images, ref usage, .. } => {
                let (images, usage) = (images.clone(), usage.clone());
                if let Some(part) = self.part_mut(id) {
                    part.sent.usage = usage;
                }
                self.learn_duration(id);
                self.free_slot(id);
                self.part_succeeded(id, images);
            }
            Reading::TaskFailed { .. } | Reading::Empty { .. } | Reading::Spoilt { .. } => {
                self.poll_ended(id, &reading)
            }
            Reading::Fatal(error) if error.code != Code::Authentication && self.is_guessed(id) => self.missed(id),
            // The first answers after a submit may come from a replica that hasn't heard of it.
            Reading::Fatal(error) if error.code == Code::NotFound && young => self.poll_again(id, None, true, None),
            Reading::Fatal(error) if error.code == Code::Authentication && self.may_refresh(id) => {
                self.poll_again(id, None, false, None)
            }
            Reading::Fatal(mut error) => {
                error.billed = Billed::Unknown;
                if error.code == Code::NotFound && self.part(id).is_some_and(|part| part.submits == 0) {
                    error.code = Code::Expired;
                }
                match error.code {
                    Code::NotFound | Code::Expired | Code::ContentFiltered => self.task_over(id, error),
                    // The key is at fault and not the task: the slot stays taken as long as an ordinary task would run.
                    Code::Authentication | Code::Permission | Code::QuotaExhausted => self.abandon_unasked(id, error),
                    // Whatever sits in between may answer a poll with anything, and the task goes on.
                    _ => self.poll_again(id, None, true, None),
                }
            }
            Reading::Refused(refusal) => {
                let now = self.now;
                if let Some((asker, _)) = self.askers.get_mut(provider) {
                    asker.refused(now, refusal.hint.unwrap_or(0));
                }
                self.poll_again(id, refusal.hint, true, None);
            }
            Reading::Failed { .. } | Reading::Blocked(_) if self.is_guessed(id) => self.missed(id),
            Reading::Blocked(_) => self.poll_again(id, None, true, None),
            Reading::NotReached { hint, .. }
            | Reading::Rejected { hint, .. }
            | Reading::Failed { hint, .. }
            | Reading::Processing { hint } => self.poll_again(id, hint, true, None),
        }
    }

    /// The provider says that the task is over, and there is no image that could be read.
    fn poll_ended(&mut self, id: PartId, reading: &Reading) {
        let now = self.now;
        let is_empty = matches!(reading, Reading::Empty { .. });
        if let Some(part) = self.part_mut(id).filter(|part| is_empty && part.sent.result_url.is_some()) {
            // The pictures are at an address of their own.
            part.sent.poll_url = part.sent.result_url.take();
            return self.set_due(id, Some(now));
        }
        let Some(error) = reading.error().cloned() else { return };
        let (_, said) = reading.evidence();
        let certainty = if said == Said::Image { Certainty::Paid } else { Certainty::Failed };
        let is_free = self.failures_are_free(id);
        self.task_over(id, error.billed(verdict::billed(said, certainty, false, is_free)));
    }

    /// Whether the task is looked for at addresses that its provider never named.
    fn is_guessed(&self, id: PartId) -> bool {
        self.is_synchronous(id) && self.part(id).is_some_and(|part| part.sent.poll_url.is_none())
    }

    /// Whether there is a way to ask after a task.
    pub(super) fn may_follow(&self, id: PartId, task_id: Option<&str>, has_url: bool) -> bool {
        let Some(part) = self.part(id) else { return false };
        let Some(config) = self.config.providers.get(part.provider) else { return false };
        let task = (task_id.unwrap_or_default(), None, 0);
        has_url || poll_request(config.dialect, &config.base_url, part.provider, task).is_some()
    }

    /// The task is not at this address: another one is tried, and all of them again while the task may be too young to be seen.
    fn missed(&mut self, id: PartId) {
        let (now, visible_after) = (self.now, crate::provider::GUESSING);
        let Some(part) = self.part_mut(id) else { return };
        part.sent.misses += 1;
        let (misses, task_id) = (part.sent.misses, part.task_id.clone().unwrap_or_default());
        let since = part.sent.accepted_at.or(part.sent.submitted_at).unwrap_or(now);
        if misses % crate::provider::GUESSES != 0 {
            return self.set_due(id, Some(now));
        }
        if since.until(now) < visible_after {
            return self.poll_again(id, None, true, None);
        }
        self.abandon_unasked(id, verdict::unfollowable(&task_id));
    }

    pub(super) fn poll_failed(&mut self, id: PartId) {
        let Some(part) = self.part_mut(id) else { return };
        let PartState::Running { token, .. } = part.state else { return };
        part.go(PartState::Running { token, call: None });
        self.poll_again(id, None, true, None);
    }

    /// The task is over at the provider, without an image.
    fn task_over(&mut self, id: PartId, error: Error) {
        let unwatched = self.part(id).is_some_and(|part| part.outcome.is_some());
        self.free_slot(id);
        if unwatched && !verdict::is_findable(&error) {
            self.forget_record(id);
        }
        self.fail_part(id, error);
        self.end_part(id);
    }

    /// Gives the slot of a running part back: the provider said that it is over.
    pub(super) fn free_slot(&mut self, id: PartId) {
        let Some(part) = self.part_mut(id) else { return };
        let lane = part.lane;
        let PartState::Running { token, .. } = &mut part.state else { return };
        if let Some(token) = token.take() {
            self.tell_lane(lane, LaneIn::Ended { token });
        }
    }

    /// Tells a task that the provider has it.
    pub(super) fn tell_running(&mut self, id: PartId, queued: bool, progress: Option<f64>) {
        let now = self.now;
        let Some(part) = self.part_mut(id).filter(|part| part.outcome.is_none()) else { return };
        if !queued {
            part.sent.running_since.get_or_insert(now);
        }
        if let Some(reference) = self.reference(id.task) {
            let (eta, late) = self.running_eta(id.task);
            let update = Update::Running { queued, reference, progress, eta, late };
            self.effect_for(id.task, Effect::Update { task: id.task, update });
        }
    }

    /// Fetches the first image whose bytes are missing.
    pub(super) fn send_fetch(&mut self, id: PartId) {
        let Some(part) = self.part(id) else { return };
        let PartState::Fetching { call: None } = part.state else { return };
        let missing = part.sent.images.iter().find(|image| !image.is_here() && !image.is_barred);
        let Some(url) = missing.and_then(|image| image.url.clone()) else {
            return self.deliver(id);
        };
        let call = self.new_call(id, Purpose::Image);
        if let Some(part) = self.part_mut(id) {
            part.go(PartState::Fetching { call: Some(call) });
        }
        let request = Request {
            method: "GET",
            url,
            headers: Vec::new(),
            body: None,
            form: false,
            limit: IMAGE_LIMIT,
            credential: None,
        };
        self.effect_for(id.task, Effect::Send { call, part: id, purpose: Purpose::Image, request, refresh: false });
    }

    pub(super) fn fetch_answered(&mut self, id: PartId, answer: &Answer) {
        let Some(part) = self.part_mut(id) else { return };
        let PartState::Fetching { .. } = part.state else { return };
        part.go(PartState::Fetching { call: None });
        let ok = (200..300).contains(&answer.status);
        if let (true, Body::Bytes { handle, head }) = (ok, &answer.body) {
            if let Some((media_type, size)) = image_kind(head) {
                if let Some(image) = part.sent.images.iter_mut().find(|image| !image.is_here() && !image.is_barred) {
                    image.handle = Some(*handle);
                    image.media_type = Some(String::from(media_type));
                    image.size = size;
                }
                part.sent.poll_faults = 0;
                return self.send_fetch(id);
            }
        }
        let done_at = part.sent.done_at;
        let hint = retry_after(answer, self.wall.1);
        let may_come = matches!(answer.status, 403 | 404 | 500..) && hint.unwrap_or(0) < NOT_THERE_YET;
        if may_come && !is_forbidden(answer) && done_at.is_some_and(|at| at.until(self.now) < NOT_THERE_YET) {
            return self.look_again(id, hint);
        }
        let gone = matches!(answer.status, 401 | 403 | 404 | 410);
        let mut error = Error::new(match (gone, ok) {
            (true, _) => Code::Expired,
            (_, true) => Code::Protocol,
            _ => Code::ServerError,
        });
        error.status = (answer.status > 0).then_some(answer.status);
        if ok {
            error.message = String::from("What came from the image's address is not a whole image.");
        }
        if gone {
            error.message = String::from("The image's address is no longer valid.");
            return self.fetch_given_up(id, error);
        }
        error.retry_after = hint;
        if is_forbidden(answer) {
            return self.fetch_given_up(id, error);
        }
        self.fetch_again(id, error.billed(Billed::Yes), hint);
    }

    /// The picture is not there yet; that spends no retry.
    fn look_again(&mut self, id: PartId, hint: Option<Millis>) {
        let (first, longest) = LOOKS;
        let Some(part) = self.part_mut(id) else { return };
        part.sent.misses += 1;
        let wait = backoff::bound(part.sent.misses - 1, first, longest).max(hint.unwrap_or(0));
        let wait = backoff::after_hint(&mut self.rng, wait);
        self.set_due(id, Some(self.now.after(wait)));
    }

    pub(super) fn fetch_failed(&mut self, id: PartId, error: Error) {
        self.fetch_again(id, error.billed(Billed::Yes), None);
    }

    /// Fetches again later, unless it has failed too often, or that is later than anybody wants to wait for an image.
    fn fetch_again(&mut self, id: PartId, error: Error, hint: Option<Millis>) {
        let Some(options) = self.tasks.get(&id.task).map(|task| &task.options) else { return };
        let (retry, longest) = (options.retry.clone(), options.max_retry_after().min(options.deadline));
        let Some(part) = self.part_mut(id) else { return };
        let PartState::Fetching { .. } = part.state else { return };
        part.go(PartState::Fetching { call: None });
        part.sent.poll_faults += 1;
        let faults = part.sent.poll_faults;
        if faults > retry.max_retries || hint.is_some_and(|hint| hint > longest) {
            return self.fetch_given_up(id, error);
        }
        let wait = self.fault_wait(faults, &retry, hint);
        self.set_due(id, Some(self.now.after(wait)));
    }

    /// The image is there and paid for, and its caller is told where.
    fn fetch_given_up(&mut self, id: PartId, mut error: Error) {
        let missing = self.part(id).and_then(|part| part.sent.images.iter().find(|image| !image.is_here()));
        if let Some(url) = missing.and_then(|image| image.url.as_deref()) {
            // A query may hold a signature, which is nobody's business in a log.
            let address = url.split(['?', '#']).next().unwrap_or_default();
            let advice = if error.code == Code::Expired { "" } else { " `resume` with this error's `ref` fetches it." };
            let parts = [
                "The image was made and paid for, and could not be fetched from ",
                address,
                ": ",
                &error.message,
                advice,
            ];
            error.message = concat(&parts);
        }
        self.fail_part(id, error.billed(Billed::Yes));
        self.end_part(id);
    }

    /// The caller is told; the provider may still be at it, and can't be asked: the slot stays taken for as long as its tasks usually run.
    fn abandon_unasked(&mut self, id: PartId, error: Error) {
        self.fail_part(id, error);
        let usual = self.durations_p95(id);
        self.set_due(id, None);
        self.set_patience(id, self.now.after(usual));
    }

    /// Hands a part's images to its caller. One that has been told of a failure meanwhile is told nothing; they are kept for whoever comes for them.
    pub(super) fn deliver(&mut self, id: PartId) {
        let has_result = self.tasks.get(&id.task).is_some_and(|task| task.delivery != Delivery::None);
        let Some(part) = self.part_mut(id) else { return };
        let images = core::mem::take(&mut part.sent.images);
        if part.outcome.is_none() || !has_result {
            part.outcome = Some(Ok(images));
        }
        self.end_part(id);
    }
}
