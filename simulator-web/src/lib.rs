//! The simulated provider for JavaScript: a [`World`](tidegate_simulator::World) behind one class, with texts and bytes in and out.
//!
//! Time is an argument here too; clocks, latency and the form of a `fetch` are the package's (`pkg-template/src/testing`).

use serde_json::Value;
use tidegate_simulator::{Config, Reply, Request};
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

    /// Answers a request; `headers` are names and values by turns. Nothing: the connection broke.
    pub fn handle(
        &mut self,
        now: f64,
        method: String,
        path: String,
        headers: Vec<String>,
        body: Vec<u8>,
    ) -> Option<Answer> {
        let mut headers = headers.into_iter();
        let pairs = std::iter::from_fn(|| Some((headers.next()?, headers.next()?))).collect();
        let request = Request { method, path, headers: pairs, body };
        match self.world.handle(now as u64, &request) {
            Reply::Answer(response) => Some(Answer { response }),
            Reply::Lost | Reply::Later(_) => None,
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

/// An answer that arrives.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Answer {
    response: tidegate_simulator::Response,
}

#[wasm_bindgen]
impl Answer {
    /// The status code.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// Names and values by turns.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Vec<String> {
        self.response.headers.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect()
    }

    /// The body, and the end of this object.
    #[wasm_bindgen(js_name = intoBody)]
    pub fn into_body(self) -> Vec<u8> {
        self.response.body
    }
}

fn patched(config: &Config, settings: &str) -> Result<Config, String> {
    let patch: Value = serde_json::from_str(settings).map_err(|cause| format!("settings: {cause}"))?;
    config.patched(patch).map_err(|error| error.to_string())
}
