//! The stories that are recorded, and the loop that tells them: an engine behind a [`Player`], a world, and a clock that jumps.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidegate::engine::Effect;
use tidegate::http::{READ_HEADERS, Request};
use tidegate_simulator::{Config, Pending, Reply, Response, World};

use super::play::{EPOCH, Player};
use super::tree;

/// Where the world is.
const BASE: &str = "http://127.0.0.1:8787";
/// Half of a round trip, ms.
const HALFWAY: u64 = 100;
/// Until a record is durable or found, ms.
const STORE: u64 = 2;
/// No story takes longer, ms.
const LONGEST: u64 = 3_600_000;

/// What is told.
pub struct Story {
    /// The file's name.
    pub name: &'static str,
    /// Of the simulator.
    pub settings: Value,
    /// The dialect of the provider.
    pub dialect: &'static str,
    /// What the client is told of its limits.
    pub limits: Value,
    /// What happens by itself: when, and the line but for its time.
    pub acts: Vec<(u64, Value)>,
}

enum Event {
    Line(Value),
    Arrive(u64, u32, Request),
    Due(u64, u32, Pending),
}

struct Stage {
    player: Player,
    world: World,
    events: BTreeMap<(u64, u64), Event>,
    order: u64,
    now: u64,
    timers: BTreeMap<u32, Option<u64>>,
    records: BTreeMap<String, Value>,
    lines: Vec<Value>,
}

/// The lines of a story.
pub fn record(story: &Story) -> Vec<Value> {
    let version = if story.dialect == "openai" { "/v1" } else { "" };
    let provider = json!({
        "name": "provider",
        "dialect": story.dialect,
        "baseURL": format!("{BASE}{version}"),
        "limits": story.limits,
        "keyed": true,
    });
    let first = json!({"config": {"providers": [provider]}, "seed": 7});
    let world = Config { base_url: String::from(BASE), epoch_ms: EPOCH, plain_pictures: true, ..Config::default() };
    let mut stage = Stage {
        player: Player::new(&tree(&first)),
        world: World::new(world.patched(story.settings.clone()).unwrap()),
        events: BTreeMap::new(),
        order: 0,
        now: 0,
        timers: BTreeMap::new(),
        records: BTreeMap::new(),
        lines: vec![first],
    };
    for (at, line) in &story.acts {
        stage.schedule(*at, Event::Line(line.clone()));
    }
    stage.run();
    stage.lines
}

impl Stage {
    fn schedule(&mut self, at: u64, event: Event) {
        self.order += 1;
        self.events.insert((at, self.order), event);
    }

    fn run(&mut self) {
        loop {
            let event = self.events.keys().next().map(|(at, _)| *at);
            let timer = self.timers.iter().filter_map(|(owner, at)| Some(((*at)?, *owner))).min();
            assert!(self.now < LONGEST, "no end in sight");
            match (event, timer) {
                (Some(at), timer) if timer.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    let (_, event) = self.events.pop_first().unwrap();
                    self.perform(event);
                }
                (_, Some((due, owner))) => {
                    self.now = self.now.max(due);
                    self.tell(json!({"wake": true}), owner);
                }
                _ => return,
            }
        }
    }

    fn perform(&mut self, event: Event) {
        match event {
            Event::Line(mut line) => {
                let owner = line.as_object_mut().unwrap().remove("owner").and_then(|owner| owner.as_u64());
                self.tell(line, owner.unwrap_or(0) as u32);
            }
            Event::Arrive(call, owner, request) => {
                let headers = request.headers.iter().map(|(name, value)| (String::from(*name), value.clone()));
                let key = (String::from("authorization"), String::from("Bearer sk-0"));
                let sent = tidegate_simulator::Request {
                    method: String::from(request.method),
                    path: String::from(request.url.strip_prefix(BASE).unwrap()),
                    headers: headers.chain([key]).collect(),
                    body: request.body.unwrap_or_default().into_bytes(),
                };
                let reply = self.world.handle(self.now, &sent);
                self.send_back(call, owner, reply);
            }
            Event::Due(call, owner, pending) => {
                let reply = self.world.collect(self.now, &pending);
                self.send_back(call, owner, reply);
            }
        }
    }

    fn send_back(&mut self, call: u64, owner: u32, reply: Reply) {
        let line = match reply {
            Reply::Later(pending) => {
                let at = pending.at_ms.unwrap().max(self.now);
                return self.schedule(at, Event::Due(call, owner, pending));
            }
            Reply::Lost => json!({"owner": owner, "lost": call}),
            Reply::Answer(response) => json!({"owner": owner, "answer": answer(call, &response)}),
        };
        self.schedule(self.now + HALFWAY, Event::Line(line));
    }

    fn tell(&mut self, mut line: Value, owner: u32) {
        line["at"] = json!(self.now);
        if owner > 0 {
            line["owner"] = json!(owner);
        }
        let (effects, texts) = self.player.play(&tree(&line));
        line["out"] = json!(texts);
        self.lines.push(line);
        let context = self.player.engine.context();
        for effect in effects {
            match effect {
                Effect::Send { call, request, .. } => {
                    self.schedule(self.now + HALFWAY, Event::Arrive(call, context, request));
                }
                Effect::Store { seq, key, record } => {
                    self.records.insert(key, serde_json::from_str(&record).unwrap());
                    let line = json!({"owner": context, "stored": seq});
                    self.schedule(self.now + STORE, Event::Line(line));
                }
                Effect::Forget { key } => drop(self.records.remove(&key)),
                Effect::Load { seq, key } => {
                    let line = json!({"owner": context, "loaded": {"seq": seq, "record": self.records.get(&key)}});
                    self.schedule(self.now + STORE, Event::Line(line));
                }
                _ => {}
            }
        }
        let deadline = self.player.engine.deadline(context);
        self.timers.insert(context, deadline.map(tidegate::time::Instant::millis));
    }
}

fn answer(call: u64, response: &Response) -> Value {
    let headers: Map<String, Value> =
        READ_HEADERS.into_iter().filter_map(|name| Some((String::from(name), json!(response.header(name)?)))).collect();
    let mut answer = json!({"call": call, "status": response.status});
    if !headers.is_empty() {
        answer["headers"] = Value::Object(headers);
    }
    match (serde_json::from_slice::<Value>(&response.body), std::str::from_utf8(&response.body)) {
        (Ok(body), _) => answer["json"] = body,
        (Err(_), Ok(text)) if !text.is_empty() => answer["text"] = json!(text),
        _ => {}
    }
    answer
}

/// So many calls at once, with these options.
fn calls(first: u32, count: u32, owner: u32, options: &Value) -> Vec<(u64, Value)> {
    let call = |task: u32| {
        let request = json!({"model": "gpt-image-2", "prompt": format!("picture {task}"), "size": "64x64"});
        json!({"owner": owner, "submit": {"task": task, "request": request, "options": options}})
    };
    (first..first + count).map(|task| (0, call(task))).collect()
}

/// Settings on top of those of all stories: tasks of a few seconds, so that traces stay short.
fn settings(more: Value) -> Value {
    let mut settings = json!({"duration": "uniform:2000,5000", "least_pixels": 1});
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    settings
}

/// Every story.
pub fn stories() -> Vec<Story> {
    let batch = json!({"priority": "batch"});
    let untold = |name, more, tasks| Story {
        name,
        settings: settings(more),
        dialect: "hiapi",
        limits: json!({}),
        acts: calls(1, tasks, 0, &batch),
    };
    let mut shared = calls(1, 4, 1, &json!({"priority": "batch", "tenant": "a", "batch": 1, "download": false}));
    shared.extend(calls(5, 4, 2, &json!({"priority": "batch", "tenant": "b", "weight": 2})));
    shared.push((1_000, json!({"owner": 1, "pause": {"batch": 1, "paused": true}})));
    shared.push((2_000, json!({"owner": 2, "cancel": 8})));
    shared.extend(calls(9, 1, 2, &json!({})).into_iter().map(|(_, line)| (4_000, line)));
    shared.push((9_000, json!({"owner": 1, "pause": {"batch": 1, "paused": false}})));
    vec![
        untold("cap-unknown", json!({"concurrency": 6}), 10),
        untold("cap-drops", json!({"concurrency": 7, "concurrency_schedule": "4000:2,14000:7"}), 10),
        untold("window-without-hint", json!({"concurrency": 8, "rpm": 5, "rpm_window_ms": 20_000}), 9),
        untold(
            "window-with-dates",
            json!({"concurrency": 8, "rpm": 5, "rpm_window_ms": 20_000, "hint": "http-date"}),
            9,
        ),
        untold(
            "lost-answers",
            json!({"concurrency": 3, "submit_503": 0.15, "poll_503": 0.1, "lost_answer": 0.2, "poll_lost": 0.1}),
            8,
        ),
        Story {
            dialect: "openai",
            ..untold("synchronous", json!({"concurrency": 3, "refuse_after_ms": 300, "rpm": 10, "hint": "seconds"}), 10)
        },
        Story {
            limits: json!({"concurrency": 3}),
            acts: shared,
            ..untold("owners-and-tenants", json!({"concurrency": 3}), 0)
        },
    ]
}
