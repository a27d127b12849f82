//! Carries out what the verdict says of a submit. Nothing is decided here: see [`crate::task::verdict`].

use alloc::string::String;

use super::{Effect, Engine};
use crate::error::{Attempt, Axis, Code, Error, Target};
use crate::http::Answer;
use crate::limit::{LaneIn, Token, Verdict};
use crate::options::CallOptions;
use crate::provider::{Reading, Refusal, read_submit, request_id};
use crate::retry::backoff;
use crate::task::verdict::{self, Certainty, Evidence, Facts, Said, Then, Who};
use crate::task::{PartId, PartState};
use crate::text::concat;
use crate::time::Millis;

/// Who waits less than this for a permit, ms, does not wait for a day's allowance to come back.
const DAY: Millis = 86_400_000;
/// A provider that is at the first submit under a key is asked again after this, ms, if it names no wait.
const PROCESSING: Millis = 1_000;

/// How far a request got that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There was no credential, no form, or neither yet: no request left.
    NoRequest,
    /// No connection came about.
    NoConnection,
    /// Nobody knows.
    Anywhere,
}

/// What came of a submit, and what is done about it.
struct Ruling {
    said: Said,
    certainty: Certainty,
    then: Then,
    /// What was told, and what may be promised of its cost.
    error: Error,
    /// When to come back, ms.
    hint: Option<Millis>,
}

impl Engine {
    pub(super) fn submit_answered(&mut self, id: PartId, answer: &Answer) {
        let Some(part) = self.part(id) else { return };
        let PartState::Submitting { token, .. } = part.state else { return };
        let Some(config) = self.config.providers.get(part.provider) else { return };
        let lane = part.lane;
        let reading = read_submit(config.dialect, &config.base_url, answer, self.wall.1);
        let request_id = request_id(answer);
        let (who, said) = reading.evidence();
        let is_away = matches!(reading, Reading::NotReached { .. } | Reading::Rejected { .. } | Reading::Failed { .. });
        if let Some(wait) = reading.hint().filter(|_| is_away) {
            // RFC 9110 §10.2.3: it is how long the service expects to be unavailable, to all of us.
            self.tell_lane(lane, LaneIn::Hold { wait, hinted: true });
        }
        let ruling = self.rule(id, (who, said), &reading);
        self.note_attempt(id, &ruling, answer.status, request_id.clone());
        match (ruling.then, reading) {
            (Then::Deliver, Reading::Succeeded { id: task_id, images, usage }) => {
                self.probe_accepted(id);
                self.tell_accepted(id, token);
                self.tell_lane(lane, LaneIn::Ended { token });
                self.answered_with_images(id, (task_id, request_id), images, usage);
            }
            (Then::Deliver, _) => self.spoilt(id, token, ruling),
            (Then::Follow, Reading::Running { id: task_id, running, poll_url, result_url }) => {
                if let Some(part) = self.part_mut(id) {
                    (part.sent.poll_url, part.sent.result_url) = (poll_url, result_url);
                }
                self.accepted(id, token, task_id.unwrap_or_default(), running, request_id);
            }
            (_, Reading::Refused(Refusal { axis, .. })) => self.refused(id, token, axis, ruling),
            (_, Reading::Running { id: task_id, .. }) => {
                if let Some(part) = self.part_mut(id) {
                    part.task_id = task_id;
                }
                self.apply(id, token, ruling);
            }
            _ => self.apply(id, token, ruling),
        }
    }

    /// No answer came.
    pub(super) fn submit_failed(&mut self, id: PartId, error: Error, progress: Progress) {
        let Some(part) = self.part(id) else { return };
        let PartState::Submitting { token, .. } = part.state else { return };
        let lane = part.lane;
        let has_no_request = progress == Progress::NoRequest;
        let said = if progress == Progress::Anywhere { Said::Unclear } else { Said::NothingLeft };
        let reading = Reading::Failed { error, hint: None, forbidden: has_no_request };
        let ruling = self.rule(id, (Who::Nobody, said), &reading);
        self.note_attempt(id, &ruling, 0, None);
        if has_no_request {
            self.tell_lane(lane, LaneIn::Return { token });
            return self.submit_came_to_nothing(id, ruling.error);
        }
        self.apply(id, token, ruling);
    }

    /// Asks for the verdict. Nothing changes but that a credential which was refused counts as asked for anew.
    fn rule(&mut self, id: PartId, (who, said): (Who, Said), reading: &Reading) -> Ruling {
        let evidence = Evidence { who, said, after: self.since_sent(id), floor: self.work_floor(id) };
        let certainty = verdict::certainty(&evidence);
        let error = reading.error().cloned().unwrap_or_else(|| Error::new(Code::Protocol));
        let hint = reading.hint();
        let facts = self.facts(id, certainty, reading);
        let then = verdict::decide(said, certainty, &facts);
        let is_free = self.failures_are_free(id);
        let error = error.billed(verdict::billed(said, certainty, facts.in_doubt, is_free));
        Ruling { said, certainty, then, error, hint }
    }

    fn facts(&mut self, id: PartId, certainty: Certainty, reading: &Reading) -> Facts {
        let wrong_key = reading.error().is_some_and(|error| error.code == Code::Authentication);
        let may_refresh = wrong_key && certainty == Certainty::Rejected && self.may_refresh(id);
        let (is_wanted, may_replay) = (!self.unwanted(id), self.may_replay(id));
        let options = self.tasks.get(&id.task).map(|task| &task.options);
        let retry = options.map(|options| options.retry.clone()).unwrap_or_default();
        let longest = options.map_or(0, CallOptions::max_retry_after);
        let patience = options.map_or(0, |options| options.max_wait.min(longest));
        let (in_doubt, faults, refusals) =
            self.part(id).map_or((false, 0, 0), |part| (part.in_doubt, part.faults, part.refusals));
        let has_retries = match reading {
            Reading::Refused(refusal) => {
                refusals < retry.max_rate_limit_retries && (refusal.axis != Axis::Day || patience >= DAY)
            }
            _ => faults < retry.max_retries,
        };
        let may_follow = match reading {
            Reading::Running { id: task, poll_url, .. } => self.may_follow(id, task.as_deref(), poll_url.is_some()),
            _ => false,
        };
        Facts {
            in_doubt,
            may_replay,
            is_wanted,
            forbidden: reading.is_forbidden(),
            has_retries,
            waits_too_long: reading.hint().is_some_and(|hint| hint > longest),
            may_refresh,
            may_follow,
        }
    }

    fn apply(&mut self, id: PartId, token: Token, ruling: Ruling) {
        let Ruling { said, certainty, then, error, hint } = ruling;
        let lane = self.part(id).map_or(0, |part| part.lane);
        match then {
            Then::Retry => self.retry_later(id, token, error, hint),
            Then::Replay => {
                let Some(retry) = self.tasks.get(&id.task).map(|task| task.options.retry.clone()) else { return };
                let faults = self.count_fault(id, &error);
                // Paid for, and never refused: it asks what may have been bought, and holds its slot meanwhile.
                self.pay_for_retry(id, &error);
                let wait = self.fault_wait(faults, &retry, hint);
                self.replay_later(id, token, wait);
            }
            Then::ReplayFree => {
                // Our own first submit is still on its way in: the same bytes again, and not as a fault.
                let wait = backoff::after_hint(&mut self.rng, hint.unwrap_or(PROCESSING));
                self.replay_later(id, token, wait);
            }
            Then::Refresh => {
                self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Failed });
                self.requeue(id);
            }
            Then::Tell => {
                let task = self.part(id).and_then(|part| part.task_id.clone());
                let error = match task {
                    Some(task) if certainty == Certainty::Accepted => verdict::unfollowable(&task),
                    _ => error,
                };
                self.count_fault(id, &error);
                self.haunt(id, token, error);
            }
            Then::Fail | Then::Wait | Then::Deliver | Then::Follow => {
                if certainty == Certainty::Failed {
                    if let Some(part) = self.part_mut(id) {
                        // This is about the very task, whichever submit made it.
                        part.in_doubt = false;
                    }
                }
                let answered = LaneIn::Answered { token, verdict: Verdict::Failed };
                self.tell_lane(lane, answered);
                if certainty != Certainty::Failed && said != Said::Verdict {
                    self.count_fault(id, &error);
                }
                self.submit_came_to_nothing(id, error);
            }
        }
    }

    /// Leave to submit was refused.
    fn refused(&mut self, id: PartId, token: Token, axis: Axis, ruling: Ruling) {
        let Ruling { then, error, hint, .. } = ruling;
        let Some(part) = self.part_mut(id) else { return };
        let lane = part.lane;
        part.refusals += 1;
        part.last_error = Some(error.clone());
        // Back at its old place before the lane hears of it: whatever permit comes next may well be its own.
        part.go(PartState::Planned);
        self.set_due(id, None);
        let request_id = error.request_id.clone();
        let name = self.lanes.get(lane).map(|slot| slot.name.clone()).unwrap_or_default();
        self.effect_for(id.task, Effect::Refusal { lane: name, axis, retry_after: hint, request_id });
        self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Refused { axis, hint } });
        self.hold_beside(lane, &error.message, axis, hint);
        self.probe_refused(id.task, axis);
        if then != Then::Wait {
            return self.submit_came_to_nothing(id, error);
        }
        self.enqueue(id);
        self.tell_waiting(id);
    }

    /// Sends it again after a while, unless too many submits to this provider fail.
    fn retry_later(&mut self, id: PartId, token: Token, mut error: Error, hint: Option<Millis>) {
        let Some(retry) = self.tasks.get(&id.task).map(|task| task.options.retry.clone()) else { return };
        let faults = self.count_fault(id, &error);
        let lane = self.part(id).map_or(0, |part| part.lane);
        self.tell_lane(lane, LaneIn::Answered { token, verdict: Verdict::Failed });
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

    fn count_fault(&mut self, id: PartId, error: &Error) -> u32 {
        let Some(part) = self.part_mut(id) else { return 0 };
        part.faults += 1;
        part.last_error = Some(error.clone());
        part.faults
    }

    /// What should have been an image came, and can't be read. It was paid for, so what came is told.
    fn spoilt(&mut self, id: PartId, token: Token, ruling: Ruling) {
        let lane = self.part(id).map_or(0, |part| part.lane);
        self.probe_accepted(id);
        self.tell_accepted(id, token);
        self.tell_lane(lane, LaneIn::Ended { token });
        self.submit_came_to_nothing(id, ruling.error);
    }

    fn note_attempt(&mut self, id: PartId, ruling: &Ruling, status: u16, request_id: Option<String>) {
        let outcome = verdict::attempt_outcome(ruling.certainty);
        let is_good = matches!(ruling.certainty, Certainty::Accepted | Certainty::Paid);
        let error = (!is_good && ruling.said != Said::Processing).then_some(&ruling.error);
        let Some(lane) = self.part(id).map(|part| part.lane) else { return };
        if let Some(slot) = self.lanes.get_mut(lane) {
            slot.standing.note(outcome, error);
        }
        if !is_good {
            self.try_failed(id, ruling.error.clone());
        }
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

    /// How long ago the latest submit of a part left, ms.
    fn since_sent(&self, id: PartId) -> Millis {
        self.part(id).map_or(0, |part| part.sent.left_at.until(self.now))
    }

    /// From when on a failure of this model may have cost something, ms after the submit: the dialect's floor, or half of the quickest image that was
    /// seen. Half, because the next image may well be somewhat quicker than all before it, and a relay may lose just that one and say that it failed.
    fn work_floor(&self, id: PartId) -> Millis {
        let Some(part) = self.part(id) else { return 0 };
        let Some(config) = self.config.providers.get(part.provider) else { return 0 };
        let seen = self.models.get(part.provider, &part.model).and_then(|model| model.quickest);
        config.dialect.work_floor(&part.model).max(seen.unwrap_or(0) / 2)
    }

    pub(super) fn failures_are_free(&self, id: PartId) -> bool {
        let config = self.part(id).and_then(|part| self.config.providers.get(part.provider));
        config.is_some_and(|config| config.dialect.failures_are_free)
    }
}
