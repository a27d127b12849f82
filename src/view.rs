//! What crosses the wall outwards, as plain data in the shapes of the public contract; and the references that come back in.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::engine::{Effect, Engine, KeyReport, Outcome, ProbeReport, Reference, Success, Update};
use crate::error::{Attempt, Error, Target};
use crate::gather::gather;
use crate::journal::{MAX_PARTS, Record};
use crate::json::{Json, JsonWriter, Value, Written, list, object};
use crate::limit::{Concurrency, Known, LaneSnapshot, Limits, MINUTE, Phase, Window};
use crate::provider::Image;
use crate::task::KnownPart;

fn fields<'a, T: 'a, V: Value>(fields: &'a [(String, T)], value: impl Fn(&'a T) -> V + 'a) -> Option<impl Value> {
    let write = move |it: &mut JsonWriter| {
        it.open();
        for (name, field) in fields {
            value(field).write(it.name(name));
        }
        it.close();
    };
    (!fields.is_empty()).then_some(write)
}

fn texts(pairs: &[(String, String)]) -> Option<impl Value> {
    fields(pairs, |text| text.as_str())
}

fn target(target: &Target) -> impl Value {
    object(|it| it.with("provider", target.provider.as_str()).with("model", target.model.as_str()))
}

fn attempt(attempt: &Attempt) -> impl Value {
    object(|it| {
        it.with("target", target(&attempt.target))
            .with("at", attempt.at)
            .with("outcome", attempt.outcome.name())
            .maybe("code", attempt.code.map(|code| code.name()))
            .maybe("axis", attempt.axis.map(|axis| axis.name()))
            .maybe("status", attempt.status.map(u64::from))
            .maybe("requestId", attempt.request_id.as_deref())
            .with("waitedMs", attempt.waited)
    })
}

/// An error, with the reference that its task can be resumed by.
pub fn error(error: &Error, reference: Option<&Reference>) -> impl Value {
    object(move |it| {
        it.with("code", error.code.name())
            .with("message", error.message.as_str())
            .with("billed", error.billed.name())
            .with("retryable", error.retryable())
            .maybe("provider", error.provider.as_deref())
            .maybe("model", error.model.as_deref())
            .maybe("status", error.status.map(u64::from))
            .maybe("requestId", error.request_id.as_deref())
            .maybe("taskId", error.task_id.as_deref())
            .maybe("providerCode", error.provider_code.as_deref())
            .maybe("retryAfterMs", error.retry_after)
            .maybe("axis", error.axis.map(|axis| axis.name()))
            .maybe("param", error.param.as_deref())
            .maybe("stage", error.filter.as_ref().map(|filter| filter.stage.name()))
            .maybe("severity", error.filter.as_ref().map(|filter| filter.severity.name()))
            .maybe("categories", error.filter.as_ref().map(|filter| list(&filter.categories, |word| word.as_str())))
            .with("attempts", list(&error.attempts, attempt))
            .maybe("ref", reference.map(self::reference))
    })
}

/// A reference: `TaskRef`.
pub fn reference(reference: &Reference) -> impl Value {
    object(|it| {
        it.with("v", 1)
            .with("idempotencyKey", reference.key.as_str())
            .with("parts", list(&reference.parts, known_part))
            .maybe("metadata", texts(&reference.metadata))
    })
}

fn known_part(part: &KnownPart) -> impl Value {
    object(|it| {
        it.with("index", u64::from(part.index))
            .with("provider", part.provider.as_str())
            .with("model", part.model.as_str())
            .maybe("taskId", part.task_id.as_deref())
            .maybe("url", part.url.as_deref())
            .with("idempotencyKey", part.key.as_str())
            .maybe("submittedAt", part.submitted_at)
    })
}

fn image(image: &Image) -> impl Value {
    object(|it| {
        it.with("mediaType", image.media_type.as_deref().unwrap_or("image/png"))
            .maybe("url", image.url.as_deref())
            .maybe("handle", image.handle.map(u64::from))
            .maybe("base64", image.base64.as_deref())
            .maybe("expiresAt", image.expires_at)
            .maybe("width", image.size.map(|(width, _)| u64::from(width)))
            .maybe("height", image.size.map(|(_, height)| u64::from(height)))
            .maybe("revisedPrompt", image.revised_prompt.as_deref())
    })
}

/// An update: `TaskUpdate`.
pub fn update(update: &Update) -> Written {
    Written::of(object(|it| match update {
        Update::Waiting { reason, ahead, until, eta } => it
            .with("status", "waiting")
            .with("reason", *reason)
            .with("ahead", *ahead as u64)
            .maybe("until", *until)
            .maybe("etaMs", *eta),
        Update::Retrying { status, target: to, attempt, until, error, reference: known } => {
            it.with("status", *status);
            match (known, *status) {
                (Some(known), _) => it.with("ref", reference(known)),
                (None, "waiting") => it.with("reason", "cooldown").with("ahead", 0),
                _ => it.with("target", target(to)).with("attempt", u64::from(*attempt)),
            };
            it.with("until", *until).with("error", self::error(error, None))
        }
        Update::Submitting { target: to, attempt } => {
            it.with("status", "submitting").with("target", target(to)).with("attempt", u64::from(*attempt))
        }
        Update::Running { queued, reference: known, progress, eta, late } => it
            .with("status", if *queued { "queued" } else { "processing" })
            .with("ref", reference(known))
            .maybe("progress", *progress)
            .maybe("etaMs", *eta)
            .maybe("late", late.then_some(true)),
    }))
}

/// The end of a task: "succeeded", "failed" or "cancelled", and the value that goes with it.
pub fn outcome(outcome: &Outcome) -> (&'static str, Written) {
    match outcome {
        Outcome::Succeeded(success) => ("succeeded", Written::of(self::success(success, None))),
        Outcome::Late(success, known) => ("late", Written::of(self::success(success, Some(known)))),
        Outcome::Checked(report) => ("succeeded", Written::of(key_report(report))),
        Outcome::Probed(report) => ("succeeded", Written::of(probe_report(report))),
        Outcome::Failed(failure, known) => ("failed", Written::of(error(failure, known.as_ref()))),
        Outcome::Cancelled(failure, known) => ("cancelled", Written::of(error(failure, known.as_ref()))),
    }
}

/// `KeyReport`
fn key_report(report: &KeyReport) -> impl Value {
    object(|it| {
        it.maybe("ok", report.ok)
            .maybe("code", report.code.map(|code| code.name()))
            .maybe("axis", report.axis.map(|axis| axis.name()))
            .maybe("requestId", report.request_id.as_deref())
            .with("advice", report.advice.as_str())
            .maybe("limits", report.limits.map(limits))
    })
}

/// `ProbeReport`
fn probe_report(report: &ProbeReport) -> impl Value {
    object(|it| {
        match report.ceiling {
            Some(ceiling) => it.with("ceiling", u64::from(ceiling)),
            None => it.key("ceiling").raw("null"),
        };
        it.with("accepted", u64::from(report.accepted))
            .with("refused", u64::from(report.refused))
            .maybe("axis", report.axis.map(|axis| axis.name()))
            .with("cost", report.cost)
            .with("refs", list(&report.references, reference))
    })
}

/// `Limits`, as far as they are figures.
fn limits(limits: Limits) -> impl Value {
    let concurrency = match limits.concurrency {
        Concurrency::Told(limit) => Some(u64::from(limit)),
        Concurrency::Learn { .. } => None,
    };
    object(move |it| {
        it.maybe("concurrency", concurrency)
            .maybe("rpm", limits.rpm.map(u64::from))
            .maybe("rpd", limits.rpd.map(u64::from))
    })
}

fn success<'a>(success: &'a Success, known: Option<&'a Reference>) -> impl Value {
    let timing = object(|it| {
        it.with("waitedMs", success.waited)
            .with("queuedMs", success.queued)
            .with("ranMs", success.ran)
            .with("polls", u64::from(success.polls))
    });
    object(move |it| {
        it.with("images", list(&success.images, image))
            .with("provider", success.target.provider.as_str())
            .with("model", success.target.model.as_str())
            .with("requestedModel", success.requested_model.as_str())
            .maybe("requestId", success.request_id.as_deref())
            .maybe("taskId", success.task_id.as_deref())
            .maybe("metadata", texts(&success.metadata))
            .maybe("usage", fields(&success.usage, |figure| *figure))
            .with("attempts", list(&success.attempts, attempt))
            .with("warnings", list(&success.warnings, warning))
            .with("failures", list(&success.failures, failure))
            .with("timing", timing)
            .maybe("ref", known.map(reference))
    })
}

fn warning((code, message): &(&'static str, String)) -> impl Value {
    object(|it| it.with("code", *code).with("message", message.as_str()))
}

fn failure((index, failure): &(u16, Error)) -> impl Value {
    object(|it| it.with("index", u64::from(*index)).with("error", error(failure, None)))
}

/// A lane, by its place: `LaneStatus`.
fn lane(engine: &Engine, place: usize, (name, provider, snapshot): (&str, usize, LaneSnapshot)) -> impl Value {
    object(move |it| {
        it.with("lane", name)
            .with("provider", engine.config().name_of(provider))
            .maybe("model", engine.lane_model(place))
            .with("limit", u64::from(snapshot.limit))
            .with("held", u64::from(snapshot.held))
            .with("phase", phase(snapshot.phase))
            .maybe("pausedUntil", snapshot.paused_until.map(|until| engine.wall_clock(until)))
            .maybe("window", snapshot.window.map(window))
            .with("refusals", u64::from(snapshot.refusals))
    })
}

fn window(window: Window) -> impl Value {
    let known = match window.known {
        Known::Configured => "configured",
        Known::Header => "header",
        Known::Confirmed => "confirmed",
        Known::Suspected => "suspected",
    };
    // Of a header's window the length is what is left of it.
    let length = Some(window.length).filter(|length| *length != MINUTE && window.known != Known::Header);
    object(move |it| {
        it.with("rpm", u64::from(window.limit))
            .with("used", u64::from(window.used))
            .maybe("lengthMs", length)
            .with("known", known)
    })
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Ramp => "ramp",
        Phase::Steady => "steady",
        Phase::Trial => "trial",
    }
}

/// What the client believes: `ClientStatus`.
pub fn status(engine: &Engine) -> Written {
    let (waiting, running) = engine.counts();
    let lanes = engine.lanes().enumerate();
    Written::of(object(|it| {
        it.with("lanes", list(lanes, |(place, known)| lane(engine, place, known)))
            .with("waiting", waiting as u64)
            .with("running", running as u64)
    }))
}

/// The name of the event that an effect is, if it is one.
pub fn event_name(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::Refusal { .. } => Some("refusal"),
        Effect::Limit { .. } => Some("limit"),
        _ => None,
    }
}

/// What those hear who listen to it.
pub fn event(engine: &Engine, effect: &Effect) -> Option<Written> {
    match effect {
        Effect::Refusal { lane, axis, retry_after, request_id } => Some(Written::of(object(|it| {
            it.with("lane", lane.as_str())
                .with("axis", axis.name())
                .maybe("retryAfterMs", *retry_after)
                .maybe("requestId", request_id.as_deref())
        }))),
        Effect::Limit { lane: place } => Some(Written::of(lane(engine, *place, engine.lanes().nth(*place)?))),
        _ => None,
    }
}

/// References to the tasks among some records that are unfinished or not taken, as a list of `TaskRef`.
pub fn pending(records: &[Record], wall: u64) -> Written {
    Written::of(list(&references(records, wall), reference))
}

/// References to the tasks among some records that are unfinished or not taken.
pub fn references(records: &[Record], wall: u64) -> Vec<Reference> {
    let mut references: Vec<Reference> = Vec::new();
    for record in records.iter().filter(|record| record.is_pending(wall)) {
        let part = KnownPart {
            index: record.index,
            provider: record.provider.clone(),
            model: record.model.clone(),
            task_id: record.task_id.clone(),
            key: record.key.clone(),
            url: record.poll_url.clone(),
            submitted_at: record.submitted_at,
        };
        match references.iter_mut().find(|known| known.key == record.task_key) {
            Some(known) => {
                let later = known.parts.iter().position(|other| other.index > part.index);
                known.parts.insert(later.unwrap_or(known.parts.len()), part);
            }
            None => references.push(Reference {
                key: record.task_key.clone(),
                parts: vec![part],
                metadata: record.metadata.clone(),
            }),
        }
    }
    references
}

/// What a caller wants to go on with: a key, a `TaskRef`, or a provider and its task's id.
pub fn read_reference(json: &Json) -> (Option<String>, Result<Vec<KnownPart>, Error>) {
    let wrong = |message: &str| (None, Err(Error::invalid("ref", message)));
    if let Some(key) = json.text() {
        return if key.is_empty() { wrong("is an empty key") } else { (Some(String::from(key)), Ok(Vec::new())) };
    }
    if let (Some(provider), Some(task_id)) = (json.text_of("provider"), json.text_of("taskId")) {
        let task_id = Some(task_id).filter(|id| crate::http::path_segment(id).is_some());
        if task_id.is_none() {
            return wrong("has a taskId that no provider gives");
        }
        let model = json.text_of("model").unwrap_or_default();
        let part = KnownPart { index: 0, provider, model, task_id, key: String::new(), url: None, submitted_at: None };
        return (None, Ok(vec![part]));
    }
    let (Some(key), Some(1)) = (json.text_of("idempotencyKey"), json.get("v").and_then(Json::whole)) else {
        return wrong("must be a TaskRef of version 1, { provider, taskId }, or an idempotency key");
    };
    let parts = json.get("parts").map_or(&[][..], Json::list);
    let read = gather(parts.iter().filter_map(read_part));
    if read.is_empty() || read.len() != parts.len() || read.len() > MAX_PARTS {
        return wrong("has parts that are missing or malformed");
    }
    (Some(key), Ok(read))
}

fn read_part(json: &Json) -> Option<KnownPart> {
    let task_id = json.text_of("taskId");
    if task_id.as_deref().is_some_and(|id| crate::http::path_segment(id).is_none()) {
        return None;
    }
    Some(KnownPart {
        index: json
            .get("index")
            .and_then(Json::whole)
            .and_then(|index| u16::try_from(index).ok())
            .filter(|i| usize::from(*i) < MAX_PARTS)?,
        provider: json.text_of("provider")?,
        model: json.text_of("model")?,
        task_id,
        key: json.text_of("idempotencyKey")?,
        url: json.text_of("url"),
        submitted_at: json.get("submittedAt").and_then(Json::whole),
    })
}
