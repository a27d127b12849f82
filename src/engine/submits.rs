//! The submit: the one request that costs money.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Effect, Engine, Update};
use crate::error::{Attempt, AttemptOutcome, Axis, Billed, Code, Error, Target};
use crate::gather::gather;
use crate::http::{Answer, Purpose};
use crate::journal::Stage;
use crate::limit::{LaneIn, Token, Verdict};
use crate::options::Ambiguous;
use crate::provider::{Image, Reading, Refusal, Running, read_submit, submission};
use crate::retry::backoff;
use crate::task::{CallId, PartId, PartState};
use crate::text::concat;
use crate::time::Millis;

/// Who waits less than this for a permit, ms, does not wait for a day's allowance to come back.
const DAY: Millis = 86_400_000;

impl Engine {
    /// Sends a part's bytes. It holds a permit, and its record is in the store.
    pub(super) fn send_submit(&mut self, id: PartId, token: Token) {
        let Some(task) = self.tasks.get(&id.task) else { return };
        let Some(part) = task.parts.get(usize::from(id.index)) else { return };
        let Some(config) = self.config.providers.get(part.provider) else { return };
        if part.in_doubt && !self.may_replay(id) {
            return self.replay_too_late(id, token);
        }
        let bytes = (part.body.as_str(), part.edit, part.count);
        let request = submission(config.dialect, &config.base_url, part.provider, &part.key, bytes);
        let target = Target { provider: config.name.clone(), model: part.model.clone() };
        let lane = part.lane;
        // The same bytes again are the same try: they don't push the deadline out.
        let first = !matches!(part.state, PartState::Replaying { .. });
        let provider = part.provider;
        self.askers.get_mut(provider).into_iter().for_each(|(asker, _)| asker.submitted());
        self.note_out(id, true);
        let call = self.new_call(id, Purpose::Submit);
        let (now, wall) = (self.now, self.wall_at(self.now));
        let Some(part) = self.part_mut(id) else { return };
        part.go(PartState::Submitting { call, token });
        part.submits += 1;
        part.told = None;
        let attempt = part.submits;
        if !part.in_doubt {
            (part.sent.submitted_at, part.sent.submitted_wall, part.sent.running_since) = (Some(now), Some(wall), None);
        }
        let watched = part.outcome.is_none();
        let refresh = core::mem::take(&mut part.refresh_next);
        let weight = self.weight(id);
        self.tell_lane(lane, LaneIn::Sent { token, weight });
        if watched && first {
            self.start_deadline(id);
        }
        if watched {
            self.effect_for(id.task, Effect::Update { task: id.task, update: Update::Submitting { target, attempt } });
        }
        self.effect_for(id.task, Effect::Send { call, part: id, purpose: Purpose::Submit, request, refresh });
        if self.is_synchronous(id) {
            // There will be no word between this and the image.
            self.tell_running(id, false, None);
        }
    }

    pub(super) fn submit_answered(&mut self, id: PartId, answer: &Answer) {
        let Some(part) = self.part(id) else { return };
        let PartState::Submitting { token, .. } = part.state else { return };
        let lane = part.lane;
        let Some(config) = self.config.providers.get(part.provider) else { return };
        let reading = read_submit(config.dialect, &config.base_url, answer, self.wall.1);
        let request_id = answer.header("x-request-id").map(String::from);
        match reading {
            Reading::Running { id: Some(task_id), running } => {
                self.note(id, AttemptOutcome::Accepted, None, answer.status, request_id.clone());
                self.accepted(id, token, task_id, running, request_id);
            }
            Reading::Succeeded { id: task_id, images, usage } => {
                self.note(id, AttemptOutcome::Accepted, None, answer.status, request_id.clone());
                self.probe_accepted(id);
                self.tell_accepted(id, token);
                self.tell_lane(lane, LaneIn::Ended { token });
                self.answered_with_images(id, task_id, request_id, images, usage);
            }
            Reading::Refused(refusal) => self.refused(id, token, refusal),
            Reading::Rejected { error, hint, forbidden } => {
                // RFC 9110 §10.2.3: with a 503 it is how long the service expects to be unavailable, to all of us.
                if let Some(wait) = hint {
                    self.tell_lane(lane, LaneIn::Hold { wait, hinted: true });
                }
                self.note(id, AttemptOutcome::Failed, Some(&error), answer.status, None);
                if self.part(id).is_some_and(|part| part.in_doubt) {
                    return self.submit_in_doubt(id, token, error, hint, forbidden);
                }
                self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Failed });
                self.rejected(id, error, hint, forbidden);
            }
            Reading::Processing { hint } => {
                self.note(id, AttemptOutcome::Unknown, None, answer.status, request_id);
                // Our own first submit is still on its way in: the same bytes again, and not as a fault.
                let wait = backoff::after_hint(&mut self.rng, hint.unwrap_or(1_000));
                if self.unwanted(id) {
                    let error = Error::new(Code::UnknownOutcome).billed(Billed::Unknown);
                    return self.haunt(id, token, error);
                }
                self.replay_later(id, token, wait);
            }
            Reading::Failed { error, hint, forbidden } => {
                self.note(id, AttemptOutcome::Unknown, Some(&error), answer.status, None);
                self.submit_in_doubt(id, token, error, hint, forbidden);
            }
            Reading::Running { id: None, .. } => {
                let error = Error::new(Code::Protocol).billed(Billed::Unknown);
                self.submit_in_doubt(id, token, error, None, false);
            }
            Reading::TaskFailed { error, .. } => {
                self.note(id, AttemptOutcome::Failed, Some(&error), answer.status, None);
                self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Failed });
                if let Some(part) = self.part_mut(id) {
                    // This is about the very task, whichever submit made it.
                    part.in_doubt = false;
                }
                self.submit_came_to_nothing(id, error);
            }
            Reading::Fatal(error) => {
                self.note(id, AttemptOutcome::Failed, Some(&error), answer.status, None);
                let refresh = error.code == Code::Authentication && self.may_refresh(id);
                if !refresh && self.part(id).is_some_and(|part| part.in_doubt) {
                    return self.haunt(id, token, error);
                }
                self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Failed });
                if refresh {
                    return self.requeue(id);
                }
                self.submit_came_to_nothing(id, error);
            }
        }
    }

    /// No answer came. Whether the provider has the task is unknown, unless nothing left at all.
    pub(super) fn submit_failed(&mut self, id: PartId, error: Error, nothing_left: bool) {
        let Some(part) = self.part(id) else { return };
        let PartState::Submitting { token, .. } = part.state else { return };
        let lane = part.lane;
        if nothing_left {
            self.note(id, AttemptOutcome::Failed, Some(&error), 0, None);
            self.tell_lane(lane, LaneIn::Return { token });
            return self.submit_came_to_nothing(id, error);
        }
        self.note(id, AttemptOutcome::Unknown, Some(&error), 0, None);
        self.submit_in_doubt(id, token, error, None, false);
    }

    /// There was no connection: nothing can have come of it, and it may be tried again.
    pub(super) fn submit_never_left(&mut self, id: PartId, error: Error) {
        let Some(part) = self.part(id) else { return };
        let PartState::Submitting { token, .. } = part.state else { return };
        let (lane, in_doubt) = (part.lane, part.in_doubt);
        self.note(id, AttemptOutcome::Failed, Some(&error), 0, None);
        if in_doubt {
            return self.submit_in_doubt(id, token, error, None, false);
        }
        self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Failed });
        self.rejected(id, error, None, false);
    }

    /// The submit's answer was the result.
    fn answered_with_images(
        &mut self,
        id: PartId,
        task_id: Option<String>,
        request_id: Option<String>,
        images: Vec<Image>,
        usage: Vec<(String, u64)>,
    ) {
        let Some(part) = self.part_mut(id) else { return };
        (part.task_id, part.sent.request_id, part.sent.usage) = (task_id, request_id, usage);
        self.learn_duration(id);
        self.refund(id);
        if self.part(id).is_some_and(|part| part.outcome.is_some()) {
            // Nobody waits for it, and nothing could be asked for it again.
            self.forget_record(id);
        } else {
            let handles = gather(images.iter().filter_map(|image| image.handle));
            handles.into_iter().for_each(|handle| self.effect_for(id.task, Effect::Keep { task: id.task, handle }));
        }
        self.part_succeeded(id, images);
    }

    fn accepted(&mut self, id: PartId, token: Token, task_id: String, running: Running, request_id: Option<String>) {
        let now = self.now;
        let Some(part) = self.part_mut(id) else { return };
        part.task_id = Some(task_id);
        part.sent.accepted_at = Some(now);
        part.refreshed = false;
        part.sent.request_id = request_id;
        part.go(PartState::Running { token: Some(token), call: None });
        self.index_id(id);
        self.tell_accepted(id, token);
        self.probe_accepted(id);
        self.write_down(id, Stage::Submitted);
        if self.closing {
            return self.let_go(id);
        }
        self.refund(id);
        self.plan_first_poll(id);
        self.tell_running(id, running.queued, running.progress);
    }

    fn refused(&mut self, id: PartId, token: Token, refusal: Refusal) {
        let Refusal { axis, hint, error, forbidden } = refusal;
        self.note(id, AttemptOutcome::Refused, Some(&error), error.status.unwrap_or(0), None);
        let Some(part) = self.part_mut(id) else { return };
        let lane = part.lane;
        part.refusals += 1;
        part.last_error = Some(error.clone());
        let refusals = part.refusals;
        // Back at its old place before the lane hears of it: whatever permit comes next may well be its own.
        part.go(PartState::Planned);
        self.set_due(id, None);
        let request_id = error.request_id.clone();
        let name = self.lanes.get(lane).map(|slot| slot.name.clone()).unwrap_or_default();
        self.effect_for(id.task, Effect::Refusal { lane: name, axis, retry_after: hint, request_id });
        self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Refused { axis, hint } });
        self.hold_beside(lane, &error.message, axis, hint);
        self.probe_refused(id.task, axis);
        let Some(options) = self.tasks.get(&id.task).map(|task| &task.options) else { return };
        let gives_up = refusals > options.retry.max_rate_limit_retries || (axis == Axis::Day && options.max_wait < DAY);
        if gives_up || forbidden || self.unwanted(id) {
            return self.submit_came_to_nothing(id, error);
        }
        self.enqueue(id);
        self.tell_waiting(id);
    }

    fn rejected(&mut self, id: PartId, mut error: Error, hint: Option<Millis>, forbidden: bool) {
        let Some(retry) = self.tasks.get(&id.task).map(|task| task.options.retry.clone()) else { return };
        let Some(part) = self.part_mut(id) else { return };
        part.faults += 1;
        let faults = part.faults;
        part.last_error = Some(error.clone());
        let too_long = hint.is_some_and(|hint| hint > retry.max_retry_after);
        if self.unwanted(id) || forbidden || faults > retry.max_retries || too_long {
            return self.submit_came_to_nothing(id, error);
        }
        if !self.pay_for_retry(id, &error) {
            error.message = concat(&[&error.message, " Not tried again: too many submits to this provider fail."]);
            return self.submit_came_to_nothing(id, error);
        }
        let wait = self.fault_wait(faults, &retry, hint);
        let until = self.now.after(wait);
        if let Some(part) = self.part_mut(id) {
            part.go(PartState::Backoff { until });
        }
        self.set_due(id, Some(until));
        self.keep_waiting(id);
    }

    /// The task may exist. Under a key that the provider takes, the same bytes go out again; else it is told, and its slot is kept.
    fn submit_in_doubt(&mut self, id: PartId, token: Token, error: Error, hint: Option<Millis>, forbidden: bool) {
        let Some(retry) = self.tasks.get(&id.task).map(|task| task.options.retry.clone()) else { return };
        let Some(part) = self.part(id) else { return };
        let idempotent = self.config.providers.get(part.provider).is_some_and(|p| p.dialect.idempotency.is_some());
        let again = match retry.ambiguous {
            Ambiguous::Never => false,
            Ambiguous::IfIdempotent => idempotent,
            Ambiguous::Always => true,
        };
        let Some(part) = self.part_mut(id) else { return };
        part.in_doubt = true;
        part.faults += 1;
        part.last_error = Some(error.clone());
        let faults = part.faults;
        // What nobody waits for any more is not sent again: if the first submit was lost on its way, that would buy it.
        if again && !forbidden && faults <= retry.max_retries && !self.unwanted(id) {
            // Paid for, and never refused: it asks what may have been bought, and holds its slot meanwhile.
            self.pay_for_retry(id, &error);
            let wait = self.fault_wait(faults, &retry, hint);
            return self.replay_later(id, token, wait);
        }
        self.haunt(id, token, error);
    }

    /// The task may run and nobody will ask: its slot is taken for as long as such tasks usually run (law 1).
    pub(super) fn haunt(&mut self, id: PartId, token: Token, error: Error) {
        let until = self.now.after(self.durations_p95(id));
        let Some(part) = self.part_mut(id) else { return };
        let lane = part.lane;
        part.in_doubt = true;
        part.go(PartState::Ghost { until, token });
        self.tell_lane(lane, LaneIn::Unknown { token, until });
        self.set_due(id, Some(until));
        self.set_patience(id, crate::time::Instant::NEVER);
        self.fail_part(id, error);
    }

    /// A submit that left nothing behind is over. If its caller had gone before, its record was kept for what it might have bought.
    pub(super) fn submit_came_to_nothing(&mut self, id: PartId, error: Error) {
        let unwatched = self.part(id).is_some_and(|part| part.outcome.is_some() && !part.in_doubt);
        if unwatched {
            self.forget_record(id);
        }
        // At its end first: what is over and bought nothing has nothing that could be resumed.
        self.end_part(id);
        self.fail_part(id, error);
    }

    fn note(
        &mut self,
        id: PartId,
        outcome: AttemptOutcome,
        error: Option<&Error>,
        status: u16,
        request_id: Option<String>,
    ) {
        let Some(lane) = self.part(id).map(|part| part.lane) else { return };
        self.lanes.get_mut(lane).into_iter().for_each(|slot| slot.standing.note(outcome, error));
        let Some(part) = self.part(id) else { return };
        let Some(config) = self.config.providers.get(part.provider) else { return };
        let attempt = Attempt {
            target: Target { provider: config.name.clone(), model: part.model.clone() },
            at: self.wall_at(self.now),
            outcome,
            code: error.map(|error| error.code),
            axis: error.and_then(|error| error.axis),
            status: (status > 0).then_some(status),
            request_id: error.and_then(|error| error.request_id.clone()).or(request_id),
            waited: part.waiting_since.until(part.sent.submitted_at.unwrap_or(self.now)),
        };
        if let Some(task) = self.tasks.get_mut(&id.task) {
            task.note(attempt);
        }
    }

    /// The call of a submit on the wire, for those who cancel or take over.
    pub(super) fn submit_call(&self, id: PartId) -> Option<CallId> {
        match self.part(id)?.state {
            PartState::Submitting { call, .. } => Some(call),
            _ => None,
        }
    }

    /// Ends a part with its images; their bytes come first where they are wanted.
    pub(super) fn part_succeeded(&mut self, id: PartId, images: Vec<Image>) {
        let download = self.tasks.get(&id.task).is_some_and(|task| task.options.download);
        let Some(part) = self.part_mut(id) else { return };
        part.sent.images = images;
        let watched = part.outcome.is_none();
        if watched && download {
            part.go(PartState::Fetching { call: None });
            self.set_patience(id, crate::time::Instant::NEVER);
            return self.send_fetch(id);
        }
        self.deliver(id);
    }
}
