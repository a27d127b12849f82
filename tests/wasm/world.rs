//! Stories in virtual time, against a provider that is scripted; see `world.js`.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{JSON, Promise};
use tidegate::json::Json;
use tidegate::request::ImageRequest;
use tidegate::web::{Client, ClientBuilder, Provider};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/tests/wasm/world.js")]
extern "C" {
    #[derive(Clone)]
    pub type World;

    #[wasm_bindgen(constructor)]
    fn new(settings: &JsValue) -> World;

    #[wasm_bindgen(method)]
    fn begin(this: &World) -> Promise;

    #[wasm_bindgen(method)]
    fn end(this: &World);

    #[wasm_bindgen(method, js_name = sleep)]
    fn sleeps(this: &World, ms: f64) -> Promise;

    #[wasm_bindgen(method)]
    fn summary(this: &World) -> String;

    /// Virtual milliseconds since the beginning.
    #[wasm_bindgen(method, getter)]
    pub fn now(this: &World) -> f64;

    /// The most tasks that ran at once.
    #[wasm_bindgen(method, getter)]
    pub fn most(this: &World) -> u32;

    /// How many tasks the provider has made.
    #[wasm_bindgen(method, getter)]
    pub fn created(this: &World) -> u32;

    /// Submits over the provider's limit.
    #[wasm_bindgen(method, getter)]
    pub fn refused(this: &World) -> u32;
}

/// A request that was sent.
#[derive(Debug)]
pub struct Sent(pub Json);

impl Sent {
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Json::text).unwrap_or_default()
    }

    pub fn at(&self) -> f64 {
        self.0.get("at").and_then(Json::number).unwrap()
    }
}

impl World {
    pub async fn sleep(&self, ms: u32) {
        JsFuture::from(self.sleeps(f64::from(ms))).await.unwrap();
    }

    /// All requests so far.
    pub fn sent(&self) -> Vec<Sent> {
        let list = JSON::parse(&self.summary()).unwrap();
        let tree = tidegate::web::value::read(&list, u32::MAX, &mut |_| 0).unwrap();
        tree.list().iter().cloned().map(Sent).collect()
    }

    pub fn posts(&self) -> Vec<Sent> {
        self.sent().into_iter().filter(|sent| sent.text("method") == "POST").collect()
    }
}

/// Tells a story in virtual time, in a world with these settings.
pub async fn story<F: Future<Output = ()>>(settings: &str, tell: impl FnOnce(World) -> F) {
    let world = World::new(&JSON::parse(settings).unwrap());
    let time = JsFuture::from(world.begin());
    let told = pin!(tell(world.clone()));
    let end = select(told, time).await;
    world.end();
    if let Either::Right((stuck, _)) = end {
        panic!("{:?}", stuck.unwrap_err());
    }
}

pub fn builder(provider: Provider) -> ClientBuilder {
    Client::builder().provider("hiapi", provider).dangerously_allow_browser()
}

/// A client of HiAPI that holds so many tasks.
pub fn client(concurrency: u32) -> Client {
    builder(Provider::hiapi("secret-key").concurrency(concurrency)).build().unwrap()
}

pub fn apple() -> ImageRequest {
    ImageRequest::new("hiapi/gpt-image-2", "a red apple")
}
