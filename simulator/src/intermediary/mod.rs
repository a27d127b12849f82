//! What stands between clients and the provider: a relay, a content delivery network, a slow store of pictures.
//!
//! It wraps a provider's server of any dialect. It sees requests and answers as bytes, status and headers, and knows no dialect's fields but what image
//! data looks like in JSON. What it says is unreached never reaches the world; what it throws away the world has done, and charges for. So the world's
//! ledger stays the judge of what a client makes of it. Without its settings it touches nothing and draws nothing.
//!
//! A body comes whole here, with its status: what a relay does before the body is complete shows in when the answer comes.

mod draws;
mod envelope;
pub(crate) mod forms;
mod handover;
mod jobs;
mod pages;
mod pictures;
mod stream;

use std::collections::HashMap;

use crate::config::Config;
use crate::drawing::Drawing;
use crate::message::{Pending, Reply, Request, Response};
use crate::world::{Step, World};

use draws::{Draw, Draws};
pub use forms::{Base64Form, ErrorForm, PictureAddress, StoreStatus, TaskForm};
pub(crate) use handover::Handover;
use jobs::{Job, State};
use pages::Page;

/// Where the relay shows pictures whose bytes it was given.
pub(crate) const PICTURES: &str = "/generated/";
/// Where the provider's own store has them.
const STORE: &str = "/images/";
/// Marks tickets of the intermediary among those of the world.
const OWN: u64 = 1 << 63;

/// What the intermediary keeps.
#[derive(Debug, Default)]
pub(crate) struct Intermediary {
    /// Requests so far; the index of their draws.
    requests: u64,
    tickets_before: u64,
    /// Requests whose answers are due later, by ticket.
    open: HashMap<u64, Held>,
    jobs: HashMap<String, Job>,
    /// Pictures to show, and when they were made.
    pictures: Vec<(Drawing, u64)>,
}

/// A request that waits for the provider's answer.
#[derive(Debug)]
struct Held {
    inner: Pending,
    course: Course,
}

/// What is to become of a request.
#[derive(Debug)]
struct Course {
    draws: Draws,
    page: Option<Page>,
    /// When a content delivery network stops waiting for the provider.
    gives_up_ms: Option<u64>,
    handover: Handover,
}

impl Intermediary {
    /// One that has seen nothing, and is owed no answer that this one is.
    pub fn successor(&self) -> Intermediary {
        Intermediary { tickets_before: self.tickets_before + self.requests, ..Intermediary::default() }
    }
}

/// Whether anything stands between, by these settings.
fn is_there(config: &Config) -> bool {
    let shares = [
        config.relay_blanks,
        config.relay_second_document,
        config.relay_stream,
        config.relay_early_status,
        config.relay_failure,
        config.relay_task,
        config.relay_raw,
        config.relay_surplus,
        config.cdn_unreached,
        config.cdn_challenge,
        config.cdn_1015,
        config.cdn_520,
        config.cdn_524,
        config.gateway_502,
        config.gateway_503,
        config.gateway_504,
        config.gateway_460,
        config.gateway_499,
    ];
    shares.iter().any(|&share| share > 0.0)
        || config.cdn_timeout_ms.is_some()
        || config.store_late_ms.is_some()
        || config.relay_base64 != Base64Form::Standard
        || config.relay_pictures != PictureAddress::Provider
        || config.relay_errors != ErrorForm::Provider
}

impl World {
    /// Like [`World::handle`], but leaves the drawing of a picture to the caller.
    pub fn begin(&mut self, now_ms: u64, request: &Request) -> Step {
        let path = request.path.split('?').next().unwrap_or_default();
        if let Some(step) = self.at_the_relay(now_ms, path, request) {
            return step;
        }
        if request.method == "OPTIONS" || !is_there(&self.config) {
            return self.serve(now_ms, request, true);
        }
        self.advance(now_ms);
        self.intermediary.requests += 1;
        let draws = Draws { seed: self.config.seed, index: self.intermediary.requests };
        if path.starts_with(STORE) {
            let made_ms = self.made_ms(request);
            return match self.not_there_yet(made_ms, draws) {
                Some(response) => Step::Reply(Reply::Answer(response)),
                None => self.serve(now_ms, request, true),
            };
        }
        let is_submit = request.method == "POST";
        let page = Page::draw(&self.config, draws, is_submit);
        if let Some(page) = page.filter(|page| !page.asks_the_provider()) {
            return self.instead(page, draws);
        }
        let is_discarded = page.is_some();
        let gives_up_ms = self.config.cdn_timeout_ms.map(|patience| self.now_ms.saturating_add(patience));
        let handover = Handover::draw(&self.config, draws, request);
        let step = self.serve(now_ms, request, !is_discarded);
        let becomes_task = !is_discarded
            && is_submit
            && path.contains("/images/")
            && draws.strikes(Draw::Task, self.config.relay_task);
        match step {
            Step::Reply(Reply::Later(inner)) if becomes_task => self.becomes_task(inner, handover, draws, request),
            step => self.hand_on(Course { draws, page, gives_up_ms, handover }, step),
        }
    }

    /// Like [`World::begin`], for an answer that was not there yet.
    pub fn resume(&mut self, now_ms: u64, pending: &Pending) -> Step {
        if pending.ticket & OWN == 0 {
            return self.serve_later(now_ms, pending);
        }
        self.advance(now_ms);
        let Some(held) = self.intermediary.open.remove(&pending.ticket) else { return Step::Reply(Reply::Lost) };
        let gives_up = held.course.gives_up_ms.filter(|&at| at <= self.now_ms);
        if gives_up.is_some_and(|at| held.inner.at_ms.is_none_or(|due| at < due)) {
            self.leave(&held.inner);
            return self.instead(Page::TimedOut, held.course.draws);
        }
        match self.serve_later(now_ms, &held.inner) {
            Step::Reply(Reply::Later(inner)) => self.hold(pending.ticket, Held { inner, ..held }),
            step => self.hand_on(held.course, step),
        }
    }

    /// The client has left: nobody will ask for this answer. What was accepted goes on and is charged.
    pub fn abandon(&mut self, pending: &Pending) {
        if pending.ticket & OWN == 0 {
            self.leave(pending);
        } else if let Some(held) = self.intermediary.open.remove(&pending.ticket) {
            self.leave(&held.inner);
        }
    }

    /// Takes an answer of the provider on its way, or waits for it.
    fn hand_on(&mut self, mut course: Course, step: Step) -> Step {
        match (step, course.page) {
            (Step::Reply(Reply::Later(inner)), _) => {
                let ticket = OWN | (self.intermediary.tickets_before + self.intermediary.requests);
                self.hold(ticket, Held { inner, course })
            }
            (Step::Reply(Reply::Lost), _) => Step::Reply(Reply::Lost),
            (_, Some(page)) => match self.instead(page, course.draws) {
                Step::Reply(Reply::Answer(response)) => Step::Reply(Reply::Answer(course.handover.apply(response))),
                step => step,
            },
            (step, None) => {
                self.stats.intermediary += u64::from(course.handover.acts());
                self.keep_pictures(&mut course.handover, &step);
                handed_over(step, course.handover)
            }
        }
    }

    fn hold(&mut self, ticket: u64, held: Held) -> Step {
        let at_ms = held.inner.at_ms.into_iter().chain(held.course.gives_up_ms).min();
        self.intermediary.open.insert(ticket, held);
        Step::Reply(Reply::Later(Pending { ticket, at_ms }))
    }

    /// An answer in the place of the provider's.
    fn instead(&mut self, page: Page, draws: Draws) -> Step {
        self.stats.intermediary += 1;
        Step::Reply(Reply::Answer(page.response(draws, self.wall_ms(self.now_ms))))
    }

    fn becomes_task(&mut self, inner: Pending, handover: Handover, draws: Draws, request: &Request) -> Step {
        self.stats.intermediary += 1;
        let id = jobs::identifier(draws);
        let form = self.config.relay_task_form.of(draws.bits(Draw::TaskForm));
        let response = jobs::accepted(&id, form, &self.config.relay_origin, request);
        let job = Job {
            id: id.clone(),
            key: request.header("authorization").map(str::to_owned),
            state: State::Waiting(inner),
            handover: handover.of_task(&id),
            hints: draws.bits(Draw::TaskPatience) & 1 == 0,
        };
        self.intermediary.jobs.insert(id, job);
        Step::Reply(Reply::Answer(self.signed(response)))
    }

    /// The answer to a request that is the relay's own affair: for a task or a picture of its own.
    fn at_the_relay(&mut self, now_ms: u64, path: &str, request: &Request) -> Option<Step> {
        if request.method != "GET" {
            return None;
        }
        if let Some(name) = path.strip_prefix(PICTURES) {
            self.advance(now_ms);
            return Some(self.shown(name, request));
        }
        let id = path.rsplit('/').next().filter(|id| self.intermediary.jobs.contains_key(*id))?;
        self.advance(now_ms);
        self.intermediary.requests += 1;
        let draws = Draws { seed: self.config.seed, index: self.intermediary.requests };
        if let Some(page) = Page::draw(&self.config, draws, false) {
            return Some(self.instead(page, draws));
        }
        let mut job = self.intermediary.jobs.remove(id)?;
        let step = self.polled_at_the_relay(&mut job, request);
        self.intermediary.jobs.insert(job.id.clone(), job);
        Some(step)
    }

    fn polled_at_the_relay(&mut self, job: &mut Job, request: &Request) -> Step {
        let key = request.header("authorization");
        if key != job.key.as_deref() {
            let response = jobs::unknown(if key.is_none() { 401 } else { 404 });
            return Step::Reply(Reply::Answer(self.signed(response)));
        }
        if let State::Waiting(inner) = &job.state {
            match self.serve_later(self.now_ms, &inner.clone()) {
                Step::Reply(Reply::Later(inner)) => {
                    job.state = State::Waiting(inner);
                    return Step::Reply(Reply::Answer(self.signed(jobs::processing(job))));
                }
                Step::Reply(Reply::Lost) => {
                    let response = self.signed(jobs::lost());
                    job.state = State::Ended(Box::new(Step::Reply(Reply::Answer(response))));
                }
                step => {
                    self.keep_pictures(&mut job.handover, &step);
                    job.state = State::Ended(Box::new(step));
                }
            }
        }
        match &job.state {
            State::Ended(step) => handed_over(Step::clone(step), job.handover.clone()),
            State::Waiting(_) => Step::Reply(Reply::Lost),
        }
    }

    /// A picture that the relay shows, `NUMBER-PLACE.KIND`.
    fn shown(&mut self, name: &str, request: &Request) -> Step {
        self.stats.images += 1;
        self.stats.leaked_credentials += u64::from(request.header("authorization").is_some());
        let place = || {
            let (number, place) = name.split('.').next()?.split_once('-')?;
            Some((number.parse::<usize>().ok()?, place.parse::<usize>().ok()?))
        };
        let found = place().and_then(|(number, place)| {
            let (drawing, made_ms) = self.intermediary.pictures.get(number)?;
            Some((drawing.only(place)?, *made_ms))
        });
        let Some((drawing, made_ms)) = found else {
            let response = self.signed(Response::new(404, "text/plain", "not found\n"));
            return Step::Reply(Reply::Answer(response));
        };
        self.intermediary.requests += 1;
        let draws = Draws { seed: self.config.seed, index: self.intermediary.requests };
        match self.not_there_yet(Some(made_ms), draws) {
            Some(response) => Step::Reply(Reply::Answer(response)),
            None => Step::Draw(drawing),
        }
    }

    /// Keeps the pictures whose bytes are in an answer, where the relay shows them.
    fn keep_pictures(&mut self, handover: &mut Handover, step: &Step) {
        let Step::Draw(drawing) = step else { return };
        if handover.keeps_pictures() {
            handover.keep_under(self.intermediary.pictures.len() as u64);
            self.intermediary.pictures.push((drawing.clone(), self.now_ms));
        }
    }

    /// What a store says of a picture that was made only just now.
    fn not_there_yet(&mut self, made_ms: Option<u64>, draws: Draws) -> Option<Response> {
        let late_ms = self.config.store_late_ms?;
        made_ms.filter(|made_ms| self.now_ms < made_ms.saturating_add(late_ms))?;
        self.stats.intermediary += 1;
        let status = self.config.store_status.of(draws.bits(Draw::Store));
        let code = match status {
            403 => "AccessDenied",
            404 => "NoSuchKey",
            _ => "SlowDown",
        };
        let xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code></Error>\n");
        Some(self.signed(Response::new(status, "application/xml", xml)))
    }

    /// With what every answer of a relay has.
    fn signed(&self, mut response: Response) -> Response {
        response.set_header("date", crate::clock::http_date(self.wall_ms(self.now_ms)));
        response.set_header("access-control-allow-origin", "*");
        response.set_header("access-control-expose-headers", "*");
        response
    }
}

fn handed_over(step: Step, handover: Handover) -> Step {
    match step {
        Step::Reply(Reply::Answer(response)) => Step::Reply(Reply::Answer(handover.apply(response))),
        Step::Draw(drawing) => Step::Draw(drawing.handed_over(handover)),
        step => step,
    }
}
