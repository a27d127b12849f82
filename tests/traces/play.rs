//! Traces: what went into an engine, as data, and what came out of it, as text. The same lines are played natively and in wasm.
//!
//! The first line of a trace is `{"config", "seed"}`, as the package hands them over; each other one is `{"at", "out"}` and one input, by its name.

use tidegate::engine::{Effect, Engine, Input};
use tidegate::http::{Answer, Body, Fault, READ_HEADERS};
use tidegate::journal::Stored;
use tidegate::json::Json;
use tidegate::options::{CallOptions, Config};
use tidegate::request::ImageRequest;
use tidegate::time::Instant;

/// The wall's clock at virtual time 0.
pub const EPOCH: u64 = 1_767_225_600_000;
/// The longest text of an effect that stands in a trace as it is, bytes.
const LONGEST: usize = 100;

/// An engine that hears lines.
pub struct Player {
    pub engine: Engine,
}

impl Player {
    /// By the first line of a trace.
    pub fn new(line: &Json) -> Player {
        let config = Config::read(line.get("config").unwrap());
        Player { engine: Engine::new(config, whole(line, "seed")) }
    }

    /// Hears a line and gives what came out in the context of its owner; the last text is that owner's timer.
    pub fn play(&mut self, line: &Json) -> (Vec<Effect>, Vec<String>) {
        let at = whole(line, "at");
        let owner = line.get("owner").map_or(0, |_| whole(line, "owner") as u32);
        let now = Instant::from_millis(at);
        self.engine.enter(owner);
        match line.get("cancel").and_then(Json::whole) {
            Some(task) => drop(self.engine.cancel(now, EPOCH + at, task as u32)),
            None => {
                let input = self.input(owner, line);
                self.engine.handle(now, EPOCH + at, input);
            }
        }
        let context = self.engine.context();
        let mut effects = Vec::new();
        while let Some(effect) = self.engine.poll(context) {
            // Somebody waits for each.
            if let Effect::Settle { task, .. } = &effect {
                self.engine.taken(*task);
            }
            effects.push(effect);
        }
        let mut texts: Vec<String> = effects.iter().map(text).collect();
        texts.push(self.engine.deadline(context).map_or(String::from("-"), |at| at.millis().to_string()));
        (effects, texts)
    }

    fn input(&self, owner: u32, line: &Json) -> Input {
        if let Some(submit) = line.get("submit") {
            let options = CallOptions::read(submit.get("options").unwrap(), &self.engine.config().defaults);
            let request = ImageRequest::read(submit.get("request").unwrap()).map(Box::new);
            let options = Box::new(options);
            return Input::Submit { task: whole(submit, "task") as u32, owner, request, options, records: Vec::new() };
        }
        if let Some(answer) = line.get("answer") {
            return Input::Answer { call: whole(answer, "call"), answer: read_answer(answer) };
        }
        if let Some(call) = line.get("lost").and_then(Json::whole) {
            return Input::Failed { call, fault: Fault::Network, message: String::from("read ECONNRESET") };
        }
        if let Some(seq) = line.get("stored").and_then(Json::whole) {
            return Input::Stored { seq, ok: true };
        }
        if let Some(loaded) = line.get("loaded") {
            return Input::Loaded { seq: whole(loaded, "seq"), record: loaded.get("record").and_then(Stored::read) };
        }
        if let Some(pause) = line.get("pause") {
            let paused = pause.get("paused").and_then(Json::boolean).unwrap();
            return Input::Pause { batch: whole(pause, "batch") as u32, paused };
        }
        assert!(line.get("wake").is_some(), "no input is known by the name that this line has: {line:?}");
        Input::Wake { owner }
    }
}

/// Plays a trace; the first line that comes out otherwise than it is written fails.
pub fn replay(name: &str, lines: &[Json]) {
    let mut player = Player::new(&lines[0]);
    for (number, line) in lines.iter().enumerate().skip(1) {
        let written: Vec<&str> = line.get("out").unwrap().list().iter().filter_map(Json::text).collect();
        let (_, texts) = player.play(line);
        assert_eq!(
            texts,
            written,
            "{name}, line {}: left what came out now, right what was recorded. If that is meant, record them anew: see CONTRIBUTING.md",
            number + 1
        );
    }
    assert_eq!(player.engine.counts(), (0, 0), "{name}: something is left at the end");
}

fn whole(json: &Json, name: &str) -> u64 {
    json.get(name).and_then(Json::whole).unwrap()
}

fn read_answer(json: &Json) -> Answer {
    let told = json.texts("headers");
    let headers = READ_HEADERS.into_iter().filter_map(|name| {
        let (_, value) = told.iter().find(|(other, _)| other == name)?;
        Some((name, value.clone()))
    });
    let body = match (json.get("json"), json.get("text")) {
        (Some(json), _) => Body::Json(json.clone()),
        (None, Some(text)) => Body::Text(String::from(text.text().unwrap())),
        (None, None) => Body::Empty,
    };
    Answer { status: whole(json, "status") as u16, headers: headers.collect(), body }
}

/// An effect in a line; what is long is cut, and told by its hash.
fn text(effect: &Effect) -> String {
    match effect {
        Effect::Send { call, part, purpose, request, .. } => {
            let rest = format!("{:?} {:?} {}", request.headers, request.body, request.limit);
            let (task, index, method, url) = (part.task, part.index, request.method, &request.url);
            format!("{purpose:?} {call} of {task}.{index}: {method} {url} #{:016x}", hash(&rest))
        }
        Effect::Store { seq, key, record } => format!("Store {seq} {key} #{:016x}", hash(record)),
        other => {
            let whole = format!("{other:?}");
            let cut = whole.char_indices().map(|(place, _)| place).find(|place| *place >= LONGEST);
            cut.map_or(whole.clone(), |cut| format!("{}… #{:016x}", &whole[..cut], hash(&whole)))
        }
    }
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
