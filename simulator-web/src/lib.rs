//! The simulated provider for JavaScript: a [`World`](tidegate_simulator::World) behind one class, with texts and bytes in and out.
//!
//! Time is an argument here too; clocks, latency and the form of a `fetch` are the package's (`pkg-template/src/testing`).

use serde_json::Value;
use tidegate_simulator::{Config, Reply, Request, Response};
use wasm_bindgen::prelude::*;

/// A provider. Times are milliseconds since its beginning.
#[wasm_bindgen]
#[derive(Debug)]
pub struct World {
    world: tidegate_simulator::World,
}

#[wasm_bindgen]
impl World {
    /// A provider at time 0, with the default settings but for those of a JSON object.
    ///
    /// # Errors
    /// A text, `FIELD: what is wrong`, when a setting is unknown or not of its type.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &str) -> Result<World, String> {
        Ok(World { world: tidegate_simulator::World::new(patched(&Config::default(), settings)?) })
    }

    /// What becomes of a request; `headers` are names and values by turns.
    pub fn handle(&mut self, now: f64, method: String, path: String, headers: Vec<String>, body: Vec<u8>) -> Outcome {
        let mut headers = headers.into_iter();
        let pairs = std::iter::from_fn(|| Some((headers.next()?, headers.next()?))).collect();
        let request = Request { method, path, headers: pairs, body };
        Outcome { reply: self.world.handle(now as u64, &request) }
    }

    /// What becomes of a request whose answer was not there yet.
    pub fn resume(&mut self, now: f64, later: &Outcome) -> Outcome {
        Outcome {
            reply: match &later.reply {
                Reply::Later(pending) => self.world.collect(now as u64, pending),
                other => other.clone(),
            },
        }
    }

    /// The client no longer waits for an answer that was not there yet.
    pub fn abandon(&mut self, later: &Outcome) {
        if let Reply::Later(pending) = &later.reply {
            self.world.abandon(pending);
        }
    }

    /// Changes some settings from now on; none when one is refused.
    ///
    /// # Errors
    /// As of the constructor.
    pub fn change(&mut self, now: f64, settings: &str) -> Result<(), String> {
        let config = patched(self.world.config(), settings)?;
        self.world.reconfigure(now as u64, config);
        Ok(())
    }

    /// All settings, as a JSON object.
    pub fn settings(&self) -> String {
        self.world.config().to_json().to_string()
    }

    /// The counts up to now, as a JSON object.
    pub fn stats(&mut self, now: f64) -> String {
        self.world.advance(now as u64);
        serde_json::to_string(&self.world.stats()).unwrap_or_default()
    }

    /// The charges up to now, as a JSON array.
    pub fn ledger(&mut self, now: f64) -> String {
        self.world.advance(now as u64);
        serde_json::to_string(self.world.ledger()).unwrap_or_default()
    }
}

/// What the network makes of a request.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Outcome {
    reply: Reply,
}

#[wasm_bindgen]
impl Outcome {
    /// When to ask again; endless: after a change of settings. Nothing: there is no more to wait for.
    #[wasm_bindgen(getter)]
    pub fn due(&self) -> Option<f64> {
        match &self.reply {
            Reply::Later(pending) => Some(pending.at_ms.map_or(f64::INFINITY, |at| at as f64)),
            _ => None,
        }
    }

    /// The status code; 0: the connection broke.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.answer().map_or(0, |response| response.status)
    }

    /// Names and values by turns.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Vec<String> {
        let headers = self.answer().map(|response| response.headers.as_slice()).unwrap_or_default();
        headers.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect()
    }

    /// The body, and the end of this object.
    #[wasm_bindgen(js_name = intoBody)]
    pub fn into_body(self) -> Vec<u8> {
        match self.reply {
            Reply::Answer(response) => response.body,
            _ => Vec::new(),
        }
    }

    fn answer(&self) -> Option<&Response> {
        match &self.reply {
            Reply::Answer(response) => Some(response),
            _ => None,
        }
    }
}

fn patched(config: &Config, settings: &str) -> Result<Config, String> {
    let patch: Value = serde_json::from_str(settings).map_err(|cause| format!("settings: {cause}"))?;
    config.patched(patch).map_err(|error| error.to_string())
}
