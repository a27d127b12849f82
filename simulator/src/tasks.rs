//! HiAPI: submit, poll and list, the part of the world that speaks of tasks.

use crate::admission::Plan;
use crate::choices::Counts;
use crate::hiapi::{Problem, View};
use crate::hint;
use crate::idempotency::Verdict;
use crate::input::{self, Fault, Submit};
use crate::link;
use crate::message::{Request, Response};
use crate::provider::Provider;
use crate::random::{Stream, unit};
use crate::sketch::Sketch;
use crate::task::{Fate, Phase, Task};
use crate::world::World;

/// The provider's limit on bodies.
const BODY_LIMIT: usize = 10_000_000;
/// The provider's limit on idempotency keys, in bytes.
const KEY_LIMIT: usize = 255;

impl World {
    /// Takes a submit in, or says why not.
    pub(crate) fn submit(&mut self, account: &str, request: &Request) -> Response {
        self.stats.submits += 1;
        if let Some(response) = self.server_fault(Stream::SubmitFault, self.config.submit_503, self.config.submit_500) {
            return response;
        }
        match self.try_submit(account, request) {
            Ok(response) | Err(response) => response,
        }
    }

    fn try_submit(&mut self, account: &str, request: &Request) -> Result<Response, Response> {
        if request.body.len() > BODY_LIMIT {
            return Err(self.problem(&Problem::TooLarge));
        }
        let key = request.header("idempotency-key");
        if key.is_some_and(|key| key.is_empty() || key.len() > KEY_LIMIT) {
            return Err(self.problem(&Problem::Invalid("Idempotency-Key takes 1 to 255 bytes".to_owned())));
        }
        let submit = input::read(&request.body, &self.config.models).map_err(|fault| match fault {
            Fault::Invalid(message) => self.problem(&Problem::Invalid(message)),
            Fault::Model(message) => self.problem(&Problem::ModelUnavailable(message)),
        })?;
        let scope = self.scope_of(Provider::HiApi, account, &submit.model);
        let answer = self.limited_submit(account, scope, submit, key, &request.body);
        let (Ok(mut response) | Err(mut response)) = answer;
        self.add_rate_limit_headers(&mut response, scope);
        Ok(response)
    }

    fn limited_submit(
        &mut self,
        account: &str,
        scope: usize,
        submit: Submit,
        key: Option<&str>,
        body: &[u8],
    ) -> Result<Response, Response> {
        if self.config.counts != Counts::Accepted {
            self.pass_submit_window(scope)?;
        }
        if let Some(key) = key {
            let (now, ttl) = (self.now_ms, self.config.idempotency_ttl_ms);
            match self.idempotency.look_up(account, key, body, now, ttl) {
                Verdict::New => {}
                Verdict::Replay(mut response) => {
                    self.stats.replays += 1;
                    response.set_header("idempotent-replay", "true");
                    return Ok(response);
                }
                Verdict::Processing { wait_ms } => {
                    self.stats.conflicts += 1;
                    let mut response = self.problem(&Problem::Processing);
                    response.set_header("retry-after", wait_ms.div_ceil(1000).max(1).to_string());
                    return Err(response);
                }
                Verdict::Mismatch => {
                    self.stats.mismatches += 1;
                    return Err(self.problem(&Problem::Mismatch));
                }
            }
        }
        if !self.has_credit(Provider::HiApi, account, 1) {
            return Err(self.problem(&Problem::Unpaid));
        }
        self.pass_day_and_slots(scope, 1).map_err(|refusal| self.refused(refusal, self.config.refuse_after_ms))?;
        if self.config.counts == Counts::Accepted {
            self.pass_submit_window(scope)?;
        }
        let index = self.accept(Plan {
            provider: Provider::HiApi,
            account,
            scope,
            model: submit.model,
            route: submit.route,
            sketch: Sketch::of_prompt(submit.prompt, submit.width, submit.height),
            images: 1,
            idempotency_key: key,
            quality: "",
            safety_identifier: None,
        });
        let answer = self.tasks.get(index).map(|task| self.wire().accepted(&task.id)).unwrap_or_default();
        if let Some(key) = key {
            let held = if self.loses_answer() { self.config.processing_window_ms } else { 0 };
            self.idempotency.insert((account, key), body, &answer, self.now_ms, self.now_ms + held);
        }
        Ok(answer)
    }

    fn pass_submit_window(&mut self, scope: usize) -> Result<(), Response> {
        self.pass_window(scope, true, 0).map_err(|refusal| self.refused(refusal, self.config.refuse_after_ms))
    }

    /// Answers a poll; `seen` says whether the answer will reach the client whole.
    pub(crate) fn poll(&mut self, account: &str, request: &Request, seen: bool) -> Response {
        self.stats.polls += 1;
        let id = request.path.strip_prefix("/v1/tasks/").and_then(|rest| rest.split('?').next()).unwrap_or_default();
        if let Some(response) = self.server_fault(Stream::PollFault, self.config.poll_503, self.config.poll_500) {
            return response;
        }
        let index = self.by_id.get(id).copied();
        let mine = |task: &&Task| task.account == account && task.provider == Provider::HiApi;
        let task = index.and_then(|index| self.tasks.get(index)).filter(mine);
        let scope = match task {
            Some(task) => task.scope,
            None => self.scope_of(Provider::HiApi, account, ""),
        };
        if self.config.counts == Counts::Requests {
            if let Err(refusal) = self.pass_window(scope, false, 0) {
                return self.refused(refusal, 0);
            }
        }
        let task = index
            .and_then(|index| self.tasks.get(index))
            .filter(|task| mine(task) && self.now_ms >= task.created_ms + self.config.poll_404_ms);
        let (Some(index), Some(task)) = (index, task) else { return self.problem(&Problem::NotFound) };
        let ended = task.phase(&self.config, self.now_ms) == Phase::Ended;
        let mut response = self.with_view(task, |view| self.wire().detail(view));
        if ended && seen {
            self.mark(index, |charge| charge.delivered = true);
        }
        self.add_rate_limit_headers(&mut response, scope);
        response
    }

    /// Answers with a page of the account's tasks, newest first.
    pub(crate) fn list(&mut self, account: &str, request: &Request) -> Response {
        self.stats.polls += 1;
        if let Some(response) = self.server_fault(Stream::PollFault, self.config.poll_503, self.config.poll_500) {
            return response;
        }
        if self.config.counts == Counts::Requests {
            let scope = self.scope_of(Provider::HiApi, account, "");
            if let Err(refusal) = self.pass_window(scope, false, 0) {
                return self.refused(refusal, 0);
            }
        }
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let number = |name: &str, default: usize| {
            let value = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
            value.map_or(Some(default), |(_, value)| value.parse().ok().filter(|n| (1..=1000).contains(n)))
        };
        let (Some(page), Some(size)) = (number("page", 1), number("size", 20)) else {
            return self.problem(&Problem::Invalid("page and size are 1 to 1000".to_owned()));
        };
        let own = |task: &&Task| task.account == account && task.provider == Provider::HiApi;
        let mine: Vec<&Task> = self.tasks.iter().rev().filter(own).collect();
        let shown: Vec<View<'_>> =
            mine.iter().skip((page - 1) * size).take(size).map(|task| self.view(task, "")).collect();
        self.wire().list(&shown, page, size, mine.len())
    }

    fn with_view<T>(&self, task: &Task, use_it: impl FnOnce(&View<'_>) -> T) -> T {
        let expires_s = self.expires_s(task);
        let url = link::make(self.config.seed, &self.config.base_url, &format!("{}.png", task.id), expires_s);
        use_it(&self.view(task, &url))
    }

    fn view<'a>(&'a self, task: &'a Task, url: &'a str) -> View<'a> {
        View {
            task_id: &task.id,
            model: &task.model,
            route: task.route.as_deref(),
            phase: task.phase(&self.config, self.now_ms),
            fate: task.fate,
            violations: match task.fate {
                Fate::Filtered { hard: true } => &self.config.hard_filter_categories,
                _ => &[],
            },
            created_s: self.wall_ms(task.created_ms) / 1000,
            completed_s: self.wall_ms(task.ends_ms().unwrap_or(0)) / 1000,
            url,
            expires_s: self.expires_s(task),
        }
    }

    pub(crate) fn expires_s(&self, task: &Task) -> u64 {
        (self.wall_ms(task.ends_ms().unwrap_or(0)) / 1000).saturating_add(self.config.url_ttl_ms.div_ceil(1000))
    }

    fn server_fault(&mut self, stream: Stream, share_503: f64, share_500: f64) -> Option<Response> {
        let draw = unit(self.config.seed, stream, self.requests);
        if draw < share_503 {
            let mut response = self.problem(&Problem::Overloaded);
            hint::add(&mut response, &self.config, 1000, self.wall_ms(self.now_ms));
            Some(response)
        } else if draw < share_503 + share_500 {
            Some(self.problem(&Problem::ServerError))
        } else {
            None
        }
    }

    fn add_rate_limit_headers(&self, response: &mut Response, scope: usize) {
        let Some(rpm) = self.config.rpm.filter(|_| self.config.rate_limit_headers == Some(true)) else { return };
        let Some(scope) = self.scopes.get(scope) else { return };
        let rule = self.config.rule(rpm);
        let remaining = rule.most().saturating_sub(scope.requests.used(&rule, self.now_ms));
        let reset_ms = scope.requests.first_room_ms(&rule, self.now_ms);
        response.set_header("x-ratelimit-limit", rpm.to_string());
        response.set_header("x-ratelimit-remaining", remaining.to_string());
        response.set_header("x-ratelimit-reset", self.wall_ms(reset_ms).div_ceil(1000).to_string());
    }
}
