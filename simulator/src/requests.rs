//! What becomes of a request: whose it is, the faults that strike it, and the headers of its answer.

use serde_json::json;

use crate::choices::HostileOn;
use crate::clock::http_date;
use crate::config::Config;
use crate::cors;
use crate::faults::{Hostile, STOLEN_PATH};
use crate::hiapi::Problem;
use crate::message::{Reply, Request, Response};
use crate::open::{Due, Open, Origin};
use crate::openai::{self, Endpoint};
use crate::provider::Provider;
use crate::random::{Stream, identifier};
use crate::world::{Step, World};

impl World {
    /// Answers a request that arrives at `now_ms`; pictures are drawn at once. A time before an earlier call's counts as
    /// that earlier time. A synchronous provider's answer comes later: see [`World::collect`].
    pub fn handle(&mut self, now_ms: u64, request: &Request) -> Reply {
        match self.begin(now_ms, request) {
            Step::Reply(reply) => reply,
            Step::Draw(drawing) => Reply::Answer(drawing.draw()),
        }
    }

    /// The provider's own answer; `reaches` says whether the client gets it.
    pub(crate) fn serve(&mut self, now_ms: u64, request: &Request, reaches: bool) -> Step {
        self.advance(now_ms);
        self.requests += 1;
        let path = request.path.split('?').next().unwrap_or_default();
        let (provider, path) = Provider::of(path);
        self.origin = Origin { number: self.requests, provider, arrived_ms: self.now_ms, scope: None, reaches };
        let step = self.route(provider, path, request);
        self.dressed(step)
    }

    fn route(&mut self, provider: Provider, path: &str, request: &Request) -> Step {
        let reply = match (provider, request.method.as_str(), path) {
            (_, "OPTIONS", _) => Reply::Answer(cors::preflight(provider, request)),
            (Provider::HiApi, "GET", image) if image.starts_with("/images/") => match self.image(request) {
                Ok(drawing) => return Step::Draw(drawing),
                Err(response) => Reply::Answer(response),
            },
            (_, _, STOLEN_PATH) => {
                self.stats.leaked_credentials += u64::from(request.header("authorization").is_some());
                Reply::Answer(Response::new(200, "text/plain", "not the provider\n"))
            }
            (_, "GET", "/v1/models") => Reply::Answer(self.authorized(request, |world, _, _| world.models(provider))),
            (Provider::HiApi, "POST", "/v1/tasks") => {
                self.submitted(request, |world, request| Due::Now(world.authorized(request, World::submit)))
            }
            (Provider::HiApi, "GET", path) if path == "/v1/tasks" || path.starts_with("/v1/tasks/") => {
                self.polled(request)
            }
            (Provider::HiApi, ..) => {
                Reply::Answer(self.authorized(request, |world, _, _| world.problem(&Problem::NotFound)))
            }
            (_, "POST", path) if Endpoint::of(path).is_some() => {
                let endpoint = Endpoint::of(path).unwrap_or(Endpoint::Generations);
                self.submitted(request, |world, request| world.submit_images(endpoint, request))
            }
            (_, method, path) => {
                let problem = openai::Problem::no_route(method, path);
                Reply::Answer(self.authorized(request, |world, _, _| world.openai_problem(&problem)))
            }
        };
        Step::Reply(reply)
    }

    /// A submit, with the faults that may strike it.
    fn submitted(&mut self, request: &Request, act: impl FnOnce(&mut World, &Request) -> Due) -> Reply {
        if self.strikes(Stream::LostRequest, self.config.lost_request) {
            self.stats.lost += 1;
            return Reply::Lost;
        }
        let hostile = self.draw_hostile(true);
        if hostile == Some(Hostile::Redirect) {
            return Reply::Answer(Hostile::Redirect.mangle(&self.config, Response::default()));
        }
        let accepted = self.stats.accepted;
        let mut due = act(self, request);
        let is_lost = self.stats.accepted > accepted && self.loses_answer();
        if let (Due::Now(response), Some(verdict)) = (&mut due, self.config.should_retry) {
            if response.status >= 400 {
                response.set_header("x-should-retry", verdict.to_string());
            }
        }
        due = match due {
            Due::Now(response) if response.status == 429 && self.config.refuse_after_ms > 0 => {
                Due::At(self.now_ms.saturating_add(self.config.refuse_after_ms), response)
            }
            Due::Now(response) if self.stats.accepted > accepted && self.config.accept_after_ms > 0 => {
                Due::At(self.now_ms.saturating_add(self.config.accept_after_ms), response)
            }
            due => due,
        };
        match due {
            Due::Now(_) if is_lost => {
                self.stats.lost += 1;
                Reply::Lost
            }
            Due::Now(response) => Reply::Answer(mangled(&self.config, hostile, response)),
            due => self.park(Open { origin: self.origin, due, is_lost, hostile }),
        }
    }

    /// A poll, with the faults that may strike it.
    fn polled(&mut self, request: &Request) -> Reply {
        let hostile = self.draw_hostile(false);
        if hostile == Some(Hostile::Redirect) {
            return Reply::Answer(Hostile::Redirect.mangle(&self.config, Response::default()));
        }
        let is_lost = self.strikes(Stream::LostAnswer, self.config.poll_lost);
        let seen = !is_lost && hostile.is_none() && self.origin.reaches;
        let answer = self.authorized(request, |world, account, request| {
            if request.path.starts_with("/v1/tasks/") {
                world.poll(account, request, seen)
            } else {
                world.list(account, request)
            }
        });
        if is_lost {
            self.stats.lost += 1;
            return Reply::Lost;
        }
        Reply::Answer(mangled(&self.config, hostile, answer))
    }

    fn draw_hostile(&mut self, submit: bool) -> Option<Hostile> {
        let struck = match self.config.hostile_on {
            HostileOn::Both => true,
            HostileOn::Submits => submit,
            HostileOn::Polls => !submit,
        };
        let hostile = Hostile::draw(&self.config, self.requests).filter(|_| struck);
        self.stats.hostile += u64::from(hostile.is_some());
        hostile
    }

    /// Whether the present submit's answer is lost if it is accepted.
    pub(crate) fn loses_answer(&self) -> bool {
        self.strikes(Stream::LostAnswer, self.config.lost_answer)
    }

    /// The account that a request's key names, if the key is good; else the key.
    pub(crate) fn account(&self, request: &Request) -> Result<String, String> {
        let header = request.header("authorization").unwrap_or_default();
        let key = header.strip_prefix("Bearer ").unwrap_or_default().trim().to_owned();
        let config = &self.config;
        let known = config.keys.is_empty() || config.keys.contains(&key);
        if key.is_empty() || !known || config.bad_keys.contains(&key) { Err(key) } else { Ok(key) }
    }

    /// Carries a request out for the account that its key names.
    fn authorized(&mut self, request: &Request, act: impl FnOnce(&mut World, &str, &Request) -> Response) -> Response {
        match self.account(request) {
            Ok(account) => act(self, &account, request),
            Err(_) if self.origin.provider == Provider::HiApi => self.problem(&Problem::Unauthorized),
            Err(key) => self.openai_problem(&openai::Problem::unauthorized(&key)),
        }
    }

    /// The models on offer: at the root those of the two providers that live there.
    fn models(&self, provider: Provider) -> Response {
        let mut names = self.config.models.clone();
        if names.is_empty() {
            if provider == Provider::HiApi {
                names.extend(["gpt-image-2", "gpt-image-2-pro"].map(str::to_owned));
            }
            names.extend(openai::model_names().map(str::to_owned));
        }
        names.retain(|name| !self.config.retired_models.contains(name));
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        let created = self.wall_ms(0) / 1000;
        let row = |name: &String| json!({"id": name, "object": "model", "created": created, "owned_by": "system"});
        Response::json(200, &json!({"object": "list", "data": names.iter().map(row).collect::<Vec<_>>()}))
    }

    pub(crate) fn request_id(&self, number: u64) -> String {
        format!("req_{}", identifier(self.config.seed, Stream::RequestIdentifier, number))
    }

    /// Adds the headers that every answer has.
    pub(crate) fn dressed(&self, mut step: Step) -> Step {
        let response = match &mut step {
            Step::Reply(Reply::Answer(response)) => response,
            Step::Draw(drawing) => &mut drawing.head,
            Step::Reply(_) => return step,
        };
        response.set_header("date", http_date(self.wall_ms(self.now_ms)));
        response.set_header("x-request-id", self.request_id(self.origin.number));
        if self.origin.provider != Provider::HiApi {
            self.add_openai_headers(response);
        }
        cors::open(response, &self.config, self.origin.provider);
        step
    }
}

fn mangled(config: &Config, hostile: Option<Hostile>, answer: Response) -> Response {
    match hostile {
        Some(hostile) => hostile.mangle(config, answer),
        None => answer,
    }
}
