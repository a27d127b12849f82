//! What is told of tries that fail: a line of the log and an update for each of them, and in the error at the end where it was tried, and how often.

use alloc::string::String;
use core::mem::take;

use super::{Effect, Engine, Update, id_code};
use crate::error::{Code, Error, Target};
use crate::http::Answer;
use crate::json::decimal;
use crate::task::{Part, PartId, PartState};
use crate::text::concat;
use crate::time::Millis;

/// The most words for a task's status that are remembered: a server that makes one up each time fills no memory and no log.
const MOST_WORDS: usize = 32;
/// The longest of them, bytes.
const LONGEST_WORD: usize = 40;

/// A length of time for people: milliseconds below a second, else seconds.
pub(super) fn span(ms: Millis) -> String {
    let (figure, unit) = if ms < 1_000 { (ms, " ms") } else { ((ms + 500) / 1_000, " s") };
    concat(&[&decimal(figure), unit])
}

impl Engine {
    /// A poll or a fetch was answered; if it was in vain it will be repeated.
    pub(super) fn poll_noted(&mut self, id: PartId, status: u16) {
        if self.part(id).is_some_and(|part| part.sent.poll_faults > 0) {
            let mut error = Error::new(if (200..300).contains(&status) { Code::Protocol } else { Code::ServerError });
            error.status = (status > 0).then_some(status);
            self.try_failed(id, error);
        }
    }

    /// A try was in vain; that is told once it is clear whether there will be another one.
    pub(super) fn try_failed(&mut self, id: PartId, mut error: Error) {
        if let Some(part) = self.part(id) {
            self.say_where(id, part, &mut error, false);
            self.failed_tries.push((id, error));
        }
    }

    /// Tells of the tries that failed during this input.
    pub(super) fn tell_failed_tries(&mut self) {
        for (id, error) in take(&mut self.failed_tries) {
            let due = self.part(id).filter(|part| part.outcome.is_none()).map(|part| part.due);
            let (then, wait) = match due {
                None => ("; not tried again", String::new()),
                Some(None) => ("; waits for its turn", String::new()),
                Some(Some(at)) => ("; again in ", span(self.now.until(at))),
            };
            let message = concat(&[&error.message, then, &wait]);
            self.effect(self.context, Effect::Inform { message });
            if let Some(Some(due)) = due {
                let until = self.wall_at(due);
                self.tell_retry(id, until, error);
            }
        }
    }

    /// Tells the caller that a try has failed, and when there will be another one.
    fn tell_retry(&mut self, id: PartId, until: u64, error: Error) {
        let Some(part) = self.part(id) else { return };
        let status = match part.state {
            PartState::Backoff { .. } => "waiting",
            PartState::Replaying { .. } => "submitting",
            PartState::Running { .. } if part.sent.running_since.is_none() => "queued",
            _ => "processing",
        };
        let is_accepted = matches!(status, "queued" | "processing");
        let update = Update::Retrying {
            status,
            target: Target { provider: String::from(self.config.name_of(part.provider)), model: part.model.clone() },
            attempt: part.submits,
            until,
            error,
            reference: if is_accepted { self.reference(id.task) } else { None },
        };
        if let Some(part) = self.part_mut(id) {
            // What it waits for next is told anew.
            part.told = None;
        }
        self.effect_for(id.task, Effect::Update { task: id.task, update });
    }

    /// Says in an error where it comes from, and which try of how many it was: `(503 from POST https://api.hiapi.ai/v1/tasks, try 2 of 6)`; or, where it
    /// is over, how often it was tried.
    pub(super) fn say_where(&self, id: PartId, part: &Part, error: &mut Error, is_over: bool) {
        let url = part.sent.url.as_str();
        let end = url.bytes().position(|byte| byte == b'?');
        let url = end.and_then(|end| url.get(..end)).unwrap_or(url);
        let is_ours = match error.code {
            Code::Cancelled | Code::Deadline | Code::QueueTimeout => true,
            // Without an answer it is a key or an image that could not be had: no request left.
            Code::InvalidRequest | Code::Authentication => error.status.is_none(),
            _ => false,
        };
        if url.is_empty() || is_ours {
            return;
        }
        let polls = part.sent.poll_faults;
        let is_submit = part.task_id.is_none() && !matches!(part.state, PartState::Fetching { .. });
        if error.code == Code::NotFound && is_submit && error.message == Code::NotFound.message() {
            error.message = String::from("The provider has nothing at this address: is the baseURL right?");
        }
        // A submit is accepted, refused, or one of the faults; polls only delay, and are repeated until the deadline.
        let number = if is_submit { part.submits.saturating_sub(part.refusals) } else { polls };
        let most = self.tasks.get(&id.task).filter(|_| is_submit).map(|task| task.options.retry.max_retries);
        let status = error.status.map(|status| concat(&[&decimal(u64::from(status)), " from "]));
        let mut message = concat(&[&error.message, " (", status.as_deref().unwrap_or_default()]);
        message.push_str(if is_submit { "POST " } else { "GET " });
        message.push_str(url);
        let is_fault = matches!(
            error.code,
            Code::Overloaded
                | Code::ServerError
                | Code::Timeout
                | Code::Network
                | Code::Protocol
                | Code::UnknownOutcome
        );
        let most = most.map_or(String::new(), |most| concat(&[" of ", &decimal(u64::from(most) + 1)]));
        let number = decimal(u64::from(number));
        let (before, after) = if is_over { (", tried ", " times") } else { (", try ", most.as_str()) };
        if is_fault && number != "0" && !(is_over && number == "1") {
            [before, &number, after].into_iter().for_each(|part| message.push_str(part));
        }
        message.push(')');
        error.message = message;
    }

    /// A task goes on under some word. One that the dialect doesn't know is taken to mean that it runs, and that is said once: a task that is over and not
    /// known to be would be asked after until its deadline.
    pub(super) fn hear_status(&mut self, id: PartId, answer: &Answer) {
        let Some(provider) = self.part(id).map(|part| part.provider) else { return };
        let Some(config) = self.config.providers.get(provider) else { return };
        let tasks = config.dialect.task_table();
        let Some(word) = answer.body.json().and_then(|json| json.first_text(tasks.status)) else { return };
        let is_plain = word.len() <= LONGEST_WORD && word.bytes().all(|byte| byte.is_ascii_graphic());
        let known = [tasks.queued, tasks.running];
        if !is_plain || known.iter().any(|words| words.iter().any(|known| known.eq_ignore_ascii_case(word))) {
            return;
        }
        let code = id_code(provider, word);
        if self.unknown_words.contains(&code) || self.unknown_words.len() >= MOST_WORDS {
            return;
        }
        let words = [&config.name, " says \"", word, "\" of a task, an unknown status: it is taken to be running."];
        let message = concat(&words);
        self.unknown_words.push(code);
        self.effect(self.context, Effect::Warn { message });
    }
}
