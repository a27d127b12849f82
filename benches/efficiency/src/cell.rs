//! One provider, one load, one distance.

use serde_json::{Map, Value, json};
use tidegate::limit::{Concurrency, Counts, Limits};
use tidegate::options::{Config as ClientConfig, ProviderConfig};
use tidegate::provider::Dialect;
use tidegate::provider::hiapi::HIAPI;
use tidegate::provider::openai::OPENAI;
use tidegate_simulator::{Config, clairvoyant_for};

/// Where the world is.
pub const BASE: &str = "http://127.0.0.1:8787";

/// What a client is told of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Tasks at once.
    pub concurrency: Option<u32>,
    /// Submits a minute.
    pub rpm: Option<u32>,
    /// Slots are taken by submits on the wire.
    pub counts_requests: bool,
}

/// What is asked for, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Each client asks for so many at once, as a batch.
    Batch(u32),
    /// The same, and somebody who looks at the screen asks for one every so many ms until four fifths of the batch could be done.
    WithPerson(u32, u64),
    /// Three tenants of one client ask for so many each, all at once: weight and tasks.
    Tenants([(u32, u32); 3]),
}

/// One provider, one load, one distance.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What it is called in tables.
    pub name: String,
    /// The provider, but for its seed.
    pub world: Config,
    /// The provider answers a submit with the image, as OpenAI does.
    pub synchronous: bool,
    /// What is asked for.
    pub load: Load,
    /// Somebody waits for the tasks of the batch, too.
    pub interactive: bool,
    /// How many clients share the key without knowing of each other.
    pub clients: u32,
    /// What they are told.
    pub told: Told,
    /// There and back, ms; half each way.
    pub rtt: u64,
}

impl Cell {
    /// A client that is told nothing, 200 ms away from a provider that makes pictures in 8 to 30 s.
    pub fn new(cap: Option<u32>, tasks: u32) -> Cell {
        let world = Config { concurrency: cap, plain_pictures: true, least_pixels: 1, ..Config::default() };
        Cell {
            name: String::new(),
            world,
            synchronous: false,
            load: Load::Batch(tasks),
            interactive: false,
            clients: 1,
            told: Told::default(),
            rtt: 200,
        }
    }

    /// The world that a seed makes of it.
    pub fn world(&self, seed: u64) -> Config {
        Config { seed, base_url: String::from(BASE), ..self.world.clone() }
    }

    /// How many tasks there are in the batches of all clients.
    pub fn batch(&self) -> u64 {
        match self.load {
            Load::Batch(tasks) | Load::WithPerson(tasks, _) => u64::from(tasks) * u64::from(self.clients),
            Load::Tenants(tenants) => tenants.iter().map(|(_, tasks)| u64::from(*tasks)).sum(),
        }
    }

    /// When the person asks, ms, where there is one.
    pub fn visits(&self, seed: u64) -> Vec<u64> {
        let Load::WithPerson(_, every) = self.load else { return Vec::new() };
        let last = clairvoyant_for(&self.world(seed), self.batch()) * 4 / 5;
        (1..).map(|visit| visit * every).take_while(|at| *at <= last).collect()
    }

    /// The makespan of a schedule that knows everything beforehand, ms.
    pub fn optimum(&self, seed: u64) -> u64 {
        clairvoyant_for(&self.world(seed), self.batch() + self.visits(seed).len() as u64)
    }

    /// How the provider speaks.
    pub fn dialect(&self) -> &'static Dialect {
        if self.synchronous { &OPENAI } else { &HIAPI }
    }

    /// A client of this provider.
    pub fn client(&self) -> ClientConfig {
        let dialect = self.dialect();
        let base_url = [BASE, if dialect.base_has_version { "/v1" } else { "" }].concat();
        let learned = Limits::default().concurrency;
        let limits = Limits {
            concurrency: self.told.concurrency.map_or(learned, Concurrency::Told),
            rpm: self.told.rpm,
            counts: if self.told.counts_requests { Counts::Request } else { Counts::Task },
            ..Limits::default()
        };
        let provider = ProviderConfig { base_url, limits, ..ProviderConfig::new("provider", dialect) };
        ClientConfig { providers: vec![provider], ..ClientConfig::default() }
    }

    /// The cell as data: of the provider's settings those that differ from its defaults, of the limits what is told, in the words of the package's options.
    pub fn to_json(&self) -> Value {
        let usual = Config::default().to_json();
        let mut settings = Map::new();
        if let Value::Object(all) = self.world.to_json() {
            settings.extend(all.into_iter().filter(|(name, value)| usual.get(name) != Some(value)));
        }
        let (tasks, every, tenants) = match self.load {
            Load::Batch(tasks) => (tasks, None, None),
            Load::WithPerson(tasks, every) => (tasks, Some(every), None),
            Load::Tenants(tenants) => (0, None, Some(tenants)),
        };
        let mut limits = Map::new();
        limits.extend(self.told.concurrency.map(|cap| (String::from("concurrency"), json!(cap))));
        limits.extend(self.told.rpm.map(|rpm| (String::from("rpm"), json!(rpm))));
        limits.extend(self.told.counts_requests.then(|| (String::from("counts"), json!("request"))));
        json!({
            "name": self.name,
            "settings": settings,
            "synchronous": self.synchronous,
            "interactive": self.interactive,
            "tasks": tasks,
            "person_every_ms": every,
            "tenants": tenants.map(|tenants| tenants.map(|(weight, tasks)| json!({"weight": weight, "tasks": tasks}))),
            "clients": self.clients,
            "limits": limits,
            "rtt_ms": self.rtt,
        })
    }

    /// Reads what [`Cell::to_json`] wrote.
    ///
    /// # Errors
    /// When a field is missing or wrong; says which.
    pub fn from_json(json: &Value) -> Result<Cell, String> {
        let field = |name: &str| json.get(name).ok_or_else(|| format!("{name} is missing in {json}"));
        let number = |name: &str| field(name)?.as_u64().ok_or_else(|| format!("{name} is no number in {json}"));
        let flag = |name: &str| field(name)?.as_bool().ok_or_else(|| format!("{name} is neither true nor false"));
        let small = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let tasks = u32::try_from(number("tasks")?).map_err(|error| error.to_string())?;
        let limits = field("limits")?;
        Ok(Cell {
            name: field("name")?.as_str().map(String::from).ok_or("name is no text")?,
            world: Config::default().patched(field("settings")?.clone()).map_err(|error| error.to_string())?,
            synchronous: flag("synchronous")?,
            load: match (field("person_every_ms")?.as_u64(), field("tenants")?.as_array()) {
                (Some(every), _) => Load::WithPerson(tasks, every),
                (None, None) => Load::Batch(tasks),
                (None, Some(tenants)) => {
                    let figure = |tenant: &Value, name: &str| tenant.get(name).and_then(small);
                    let tenants =
                        tenants.iter().map(|tenant| Some((figure(tenant, "weight")?, figure(tenant, "tasks")?)));
                    let tenants: Option<Vec<(u32, u32)>> = tenants.collect();
                    let tenants = tenants.and_then(|tenants| <[(u32, u32); 3]>::try_from(tenants).ok());
                    Load::Tenants(tenants.ok_or("three tenants have a weight and tasks each")?)
                }
            },
            interactive: flag("interactive")?,
            clients: u32::try_from(number("clients")?).map_err(|error| error.to_string())?,
            told: Told {
                concurrency: limits.get("concurrency").and_then(small),
                rpm: limits.get("rpm").and_then(small),
                counts_requests: limits.get("counts").and_then(Value::as_str) == Some("request"),
            },
            rtt: number("rtt_ms")?,
        })
    }
}
