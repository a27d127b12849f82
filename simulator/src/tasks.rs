//! Submit, poll and list: the part of the world that speaks of tasks.

use crate::config::Counts;
use crate::hiapi::{Problem, View};
use crate::hint;
use crate::idempotency::Verdict;
use crate::input::{self, Fault, Submit};
use crate::limits::{Axis, Refusal};
use crate::link;
use crate::message::{Request, Response};
use crate::random::{Stream, identifier, unit};
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
        let scope = self.scope_of(account, &submit.model);
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
            self.pass_window(scope, true)?;
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
        if self.config.credit_micro_usd.is_some_and(|credit| self.spoken_for(account) > credit) {
            return Err(self.problem(&Problem::Unpaid));
        }
        self.pass_day_and_slots(scope)?;
        if self.config.counts == Counts::Accepted {
            self.pass_window(scope, true)?;
        }
        let answer = self.accept(account, scope, submit, key);
        if let Some(key) = key {
            let held = if self.loses_answer() { self.config.processing_window_ms } else { 0 };
            self.idempotency.insert((account, key), body, &answer, self.now_ms, self.now_ms + held);
        }
        Ok(answer)
    }

    fn accept(&mut self, account: &str, scope: usize, submit: Submit, key: Option<&str>) -> Response {
        let (index, wire) = (self.tasks.len(), self.wire());
        let id = wire.task_id(&identifier(self.config.seed, Stream::Identifier, index as u64));
        self.stats.accepted += 1;
        self.by_id.insert(id.clone(), index);
        self.tasks.push(Task {
            id: id.clone(),
            account: account.to_owned(),
            fate: Fate::of(&self.config, index as u64, &submit.prompt),
            model: submit.model,
            route: submit.route,
            prompt: submit.prompt,
            width: submit.width,
            height: submit.height,
            idempotency_key: key.map(str::to_owned),
            created_ms: self.now_ms,
            duration_ms: self.duration_of(index as u64),
            started_ms: None,
            scope,
            charge: None,
        });
        let mut starts = false;
        if let Some(scope) = self.scopes.get_mut(scope) {
            scope.count_in_day();
            // Whoever waits was first, also where the cap has just been raised.
            starts = scope.waiting.is_empty() && scope.has_slot(&self.config, self.now_ms);
            if !starts {
                scope.waiting.push_back(index);
            }
        }
        if starts {
            self.start(index);
        }
        wire.accepted(&id)
    }

    /// What an account's charges, running tasks and one more task come to, in millionths of a USD.
    fn spoken_for(&self, account: &str) -> u64 {
        let mine = |task: &&Task| task.account == account;
        let open = |task: &&Task| task.charge.is_some() || task.ends_ms().is_none_or(|end| end > self.now_ms);
        (self.tasks.iter().filter(mine).filter(open).count() as u64 + 1) * self.config.price_micro_usd
    }

    /// Passes the rolling window and counts the request, or refuses; refused ones count unless only accepted ones do.
    fn pass_window(&mut self, scope: usize, submit: bool) -> Result<(), Response> {
        let Some(limits) = self.scopes.get_mut(scope) else { return Ok(()) };
        let mut verdict = limits.window(&self.config, self.now_ms);
        if verdict.is_ok() {
            limits.count_in_window(self.now_ms);
        } else if self.config.counts != Counts::Accepted {
            limits.count_in_window(self.now_ms);
            // An honest hint knows that this very refusal takes room too.
            verdict = limits.window(&self.config, self.now_ms);
        }
        verdict.map_err(|refusal| {
            *if submit { &mut self.stats.refused_window } else { &mut self.stats.refused_polls } += 1;
            self.refused(refusal)
        })
    }

    fn pass_day_and_slots(&mut self, scope: usize) -> Result<(), Response> {
        let wall_ms = self.wall_ms(self.now_ms);
        let Some(limits) = self.scopes.get_mut(scope) else { return Ok(()) };
        if let Err(refusal) = limits.day(&self.config, wall_ms) {
            self.stats.refused_day += 1;
            return Err(self.refused(refusal));
        }
        if !self.config.queue && !limits.has_slot(&self.config, self.now_ms) {
            self.stats.refused_slots += 1;
            let wait_ms = if self.config.hint_slots { self.slot_wait(scope) } else { 0 };
            return Err(self.refused(Refusal { axis: Axis::Slots, wait_ms }));
        }
        Ok(())
    }

    /// Answers a poll; `seen` says whether the answer will reach the client whole.
    pub(crate) fn poll(&mut self, account: &str, request: &Request, seen: bool) -> Response {
        self.stats.polls += 1;
        let id = request.path.strip_prefix("/v1/tasks/").and_then(|rest| rest.split('?').next()).unwrap_or_default();
        if let Some(response) = self.server_fault(Stream::PollFault, self.config.poll_503, self.config.poll_500) {
            return response;
        }
        let index = self.by_id.get(id).copied();
        let task = index.and_then(|index| self.tasks.get(index)).filter(|task| task.account == account);
        let scope = match task {
            Some(task) => task.scope,
            None => self.scope_of(account, ""),
        };
        if self.config.counts == Counts::Requests {
            if let Err(response) = self.pass_window(scope, false) {
                return response;
            }
        }
        let task = index
            .and_then(|index| self.tasks.get(index))
            .filter(|task| task.account == account && self.now_ms >= task.created_ms + self.config.poll_404_ms);
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
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let number = |name: &str, default: usize| {
            let value = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
            value.map_or(Some(default), |(_, value)| value.parse().ok().filter(|n| (1..=1000).contains(n)))
        };
        let (Some(page), Some(size)) = (number("page", 1), number("size", 20)) else {
            return self.problem(&Problem::Invalid("page and size are 1 to 1000".to_owned()));
        };
        let mine: Vec<&Task> = self.tasks.iter().rev().filter(|task| task.account == account).collect();
        let shown: Vec<View<'_>> =
            mine.iter().skip((page - 1) * size).take(size).map(|task| self.view(task, "")).collect();
        self.wire().list(&shown, page, size, mine.len())
    }

    fn with_view<T>(&self, task: &Task, use_it: impl FnOnce(&View<'_>) -> T) -> T {
        let expires_s = self.expires_s(task);
        let url = link::make(self.config.seed, &self.config.base_url, &task.id, expires_s);
        use_it(&self.view(task, &url))
    }

    fn view<'a>(&self, task: &'a Task, url: &'a str) -> View<'a> {
        View {
            task_id: &task.id,
            model: &task.model,
            route: task.route.as_deref(),
            phase: task.phase(&self.config, self.now_ms),
            fate: task.fate,
            created_s: self.wall_ms(task.created_ms) / 1000,
            completed_s: self.wall_ms(task.ends_ms().unwrap_or(0)) / 1000,
            url,
            expires_s: self.expires_s(task),
        }
    }

    fn expires_s(&self, task: &Task) -> u64 {
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
        let Some(rpm) = self.config.rpm.filter(|_| self.config.rate_limit_headers) else { return };
        let Some(scope) = self.scopes.get(scope) else { return };
        let (remaining, reset_ms) = scope.remaining(&self.config, self.now_ms);
        response.set_header("x-ratelimit-limit", rpm.to_string());
        response.set_header("x-ratelimit-remaining", remaining.to_string());
        response.set_header("x-ratelimit-reset", self.wall_ms(reset_ms).div_ceil(1000).to_string());
    }
}
