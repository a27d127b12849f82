//! The answer to a request that was carried out, and the headers of every answer.

use serde_json::{Value, json};
use std::sync::Arc;

use super::problem::{ORGANIZATION, Problem};
use crate::choices::FilterStage;
use crate::drawing::Drawing;
use crate::hint;
use crate::link;
use crate::message::{Reply, Response};
use crate::provider::Provider;
use crate::random::Stream;
use crate::sketch::Sketch;
use crate::task::{Fate, Task};
use crate::window::Window;
use crate::world::{Step, World};

impl World {
    /// What a task has come to; `seen` says whether the answer reaches the client whole.
    pub(crate) fn result(&mut self, index: usize, seen: bool) -> Step {
        let Some(task) = self.tasks.get(index) else { return Step::Reply(Reply::Lost) };
        let request_id = self.request_id(self.origin.number);
        let problem = match task.fate {
            Fate::Success => None,
            Fate::Failure => Some(Problem::server_error(&request_id)),
            Fate::Filtered { hard } => Some(self.moderated(hard)),
        };
        if let Some(problem) = problem {
            return Step::Reply(Reply::Answer(self.openai_problem(&problem)));
        }
        let step = match task.provider {
            Provider::CreativeAi => Step::Reply(Reply::Answer(self.links(task))),
            _ => Step::Draw(Drawing {
                sketch: Arc::clone(&task.sketch),
                seeds: (0..task.images).map(|place| self.picture_seed(index, place)).collect(),
                is_plain: self.config.plain_pictures,
                envelope: Some(self.envelope(task)),
                is_cut: false,
                handover: None,
                head: Response::new(200, "application/json", ""),
            }),
        };
        if seen {
            self.mark(index, |charge| charge.delivered = true);
        }
        step
    }

    /// What the content policy's verdict reads like.
    pub(super) fn moderated(&self, hard: bool) -> Problem {
        let config = &self.config;
        let categories = if hard { &config.hard_filter_categories } else { &config.filter_categories };
        let stage = match config.filter_stage {
            FilterStage::Input => Some("input"),
            FilterStage::Output => Some("output"),
            FilterStage::Unknown => None,
        };
        Problem::moderated(&self.request_id(self.origin.number), stage, categories)
    }

    /// Everything of OpenAI's answer but the pictures.
    fn envelope(&self, task: &Task) -> Value {
        let sketch = &task.sketch;
        let background = if sketch.is_transparent { "transparent" } else { "opaque" };
        let mut envelope = json!({
            "created": self.wall_ms(self.now_ms) / 1000,
            "background": background,
            "output_format": sketch.format.name(),
            "quality": task.quality,
            "size": format!("{}x{}", sketch.width, sketch.height),
            "usage": usage(sketch, task.quality, task.images),
        });
        if let (Some(fields), Some(identifier)) = (envelope.as_object_mut(), &task.safety_identifier) {
            fields.insert("safety_identifier".to_owned(), json!(identifier));
        }
        envelope
    }

    /// CreativeAI's answer: links instead of bytes, and in a header of the simulator's own which model answered.
    fn links(&self, task: &Task) -> Response {
        let (seed, base_url, expires_s) = (self.config.seed, &self.config.base_url, self.expires_s(task));
        let link = |place: u32| {
            let name = format!("{}-{place}.{}", task.id, task.sketch.format.name());
            json!({"url": link::make(seed, base_url, &name, expires_s)})
        };
        let data: Vec<Value> = (0..task.images).map(link).collect();
        let body = json!({"created": self.wall_ms(self.now_ms) / 1000, "data": data});
        let mut response = Response::json(200, &body);
        response.set_header("x-simulator-model", task.model.clone());
        response
    }

    /// The answer to a request that is not carried out.
    pub(crate) fn openai_problem(&mut self, problem: &Problem) -> Response {
        match problem.status {
            400 | 404 | 413 if !problem.is_about_content() && !problem.is_about_money() => self.stats.invalid += 1,
            401 => self.stats.unauthorized += 1,
            500.. => self.stats.errors += 1,
            _ => {}
        }
        problem.response()
    }

    /// A 503 or 500 in the place of an answer, if one strikes.
    pub(super) fn openai_fault(&mut self) -> Option<Response> {
        let (share_503, share_500) = (self.config.submit_503, self.config.submit_500);
        if self.strikes(Stream::SubmitFault, share_503) {
            let mut response = self.openai_problem(&Problem::overloaded());
            hint::add(&mut response, &self.config, 1000, self.wall_ms(self.now_ms));
            Some(response)
        } else if self.strikes(Stream::SubmitFault, share_503 + share_500) {
            Some(self.openai_problem(&Problem::server_error(&self.request_id(self.origin.number))))
        } else {
            None
        }
    }

    /// Adds what OpenAI says on every answer, the state of the limits among it: as it is when the answer leaves.
    pub(crate) fn add_openai_headers(&self, response: &mut Response) {
        let is_openai = self.origin.provider == Provider::OpenAi;
        if is_openai {
            response.set_header("openai-organization", ORGANIZATION);
            response.set_header("openai-version", "2020-10-01");
        }
        response.set_header("openai-processing-ms", (self.now_ms - self.origin.arrived_ms).to_string());
        let scope = self.origin.scope.and_then(|scope| self.scopes.get(scope));
        let Some(scope) = scope.filter(|_| self.config.rate_limit_headers.unwrap_or(is_openai)) else { return };
        let mut add = |name: &str, limit: Option<u32>, window: &Window| {
            let Some(limit) = limit else { return };
            let rule = self.config.rule(limit);
            let remaining = rule.most().saturating_sub(window.used(&rule, self.now_ms));
            let reset_ms = window.empty_ms(&rule, self.now_ms) - self.now_ms;
            response.set_header(&format!("x-ratelimit-limit-{name}"), limit.to_string());
            response.set_header(&format!("x-ratelimit-remaining-{name}"), remaining.to_string());
            response.set_header(&format!("x-ratelimit-reset-{name}"), hint::duration(reset_ms));
        };
        add("requests", self.config.rpm, &scope.requests);
        add("input-images", self.config.ipm, &scope.images);
    }
}

/// Tokens by the published counts of a picture of 1024 by 1024; of input images one a square of 32 pixels.
fn usage(sketch: &Sketch, quality: &str, images: u32) -> Value {
    let square = match quality {
        "low" => 196,
        "high" => 1756,
        "xhigh" => 3122,
        "max" => 7024,
        _ => 439,
    };
    let pixels = u64::from(sketch.width) * u64::from(sketch.height);
    let output = (square * pixels).div_ceil(1024 * 1024) * u64::from(images);
    let text = (sketch.prompt.len() as u64).div_ceil(4);
    let seen = sketch.inputs.iter().map(|image| u64::from(image.width()) * u64::from(image.height()));
    let image: u64 = seen.map(|pixels| pixels.div_ceil(32 * 32)).sum();
    json!({
        "input_tokens": text + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens": output,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
        "total_tokens": text + image + output,
    })
}
