//! What the lanes of one key's models tell one another.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod support;

use support::sim::{Act, Sim, Surroundings, client, json, options};
use tidegate::engine::Input;
use tidegate::limit::{Counts, Known, LaneSnapshot, Limits, Scope, Window};
use tidegate::provider::openai::OPENAI;
use tidegate::request::ImageRequest;
use tidegate_simulator::{Config, Reply};

const ONE: &str = "gpt-image-1";
const OTHER: &str = "gpt-image-1-mini";

/// A client whose models have lanes of their own.
fn sim(limits: Limits) -> Sim {
    let mut client = client(&OPENAI, 1);
    client.providers[0].limits = Limits { scope: Scope::Model, ..limits };
    Sim::new(client, Config::default(), Surroundings::default())
}

fn ask(sim: &mut Sim, at: u64, task: u32, model: &str, n: u16) {
    let mut request = Box::new(ImageRequest::new(model, "an apple"));
    request.n = n;
    let options = Box::new(options());
    sim.at(at, Act::Input(Box::new(Input::Submit { task, owner: 0, request: Ok(request), options, records: vec![] })));
}

/// An answer with so many images.
fn images(n: usize) -> Reply {
    json(200, &[], &format!("{{\"data\":[{}]}}", vec!["{\"b64_json\":\"iVBORw0KGgo=\"}"; n].join(",")))
}

/// The lane of a model.
fn lane(sim: &Sim, model: &str) -> LaneSnapshot {
    let lanes = sim.engine.lanes().enumerate();
    let mut own = lanes.filter(|(place, _)| sim.engine.lane_model(*place) == Some(model));
    own.next().map(|(_, (_, _, lane))| lane).expect("a lane of this model")
}

#[test]
fn a_window_of_the_whole_key_counts_the_images_of_all_models() {
    for (counts, used) in [(Counts::Image, 6), (Counts::Task, 2)] {
        let mut sim = sim(Limits { counts, ..Limits::default() });
        ask(&mut sim, 0, 1, ONE, 3);
        ask(&mut sim, 0, 2, ONE, 3);
        // A lane hears of the others from its first task on.
        ask(&mut sim, 0, 3, OTHER, 1);
        sim.at(1, Act::Cancel(3));
        ask(&mut sim, 10_000, 4, OTHER, 1);
        // What was accepted at 0.2 s leaves a rolling minute at 60.2 s.
        sim.script = Some(Box::new(|_, now| match now {
            0..10_000 => Some(images(3)),
            10_000..60_000 => Some(json(429, &[("retry-after", "50")], "{}")),
            _ => Some(images(1)),
        }));
        sim.run_until(11_000);
        let window = Window { limit: used, used, length: 60_000, known: Known::Confirmed };
        assert_eq!(lane(&sim, OTHER).window.map(|window| Window { used, ..window }), Some(window), "{counts:?}");
        sim.run();
    }
}
