//! How a client in Rust ends, what it refuses, and whom it trusts.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use futures_util::future::join;
use js_sys::{Function, Promise, Reflect};
use tidegate::engine::Cancelled;
use tidegate::error::{Billed, Code};
use tidegate::limit::{Concurrency, Limits};
use tidegate::request::ImageRequest;
use tidegate::web::{Client, Options, Provider, Task, TaskReference};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::world::{apple, builder, client, story};

fn in_browser() -> bool {
    Function::new_no_args("return typeof process !== 'object'")
        .call0(&wasm_bindgen::JsValue::UNDEFINED)
        .unwrap()
        .is_truthy()
}

#[wasm_bindgen_test]
async fn a_dropped_batch_submits_nothing_more() {
    story("{}", |world| async move {
        let client = client(2);
        let mut batch = client.batch((0..10).map(|_| apple()));
        batch.next().await.unwrap().result.unwrap();
        let posts = world.posts().len();
        drop(batch);
        world.sleep(60_000).await;
        assert_eq!(world.posts().len(), posts);
        assert!(posts <= 4, "{posts}");
        let status = client.status();
        assert_eq!((status.waiting, status.running, status.lanes[0].held), (0, 0, 0));
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_batch_that_pauses_submits_nothing_until_it_goes_on() {
    story("{}", |world| async move {
        let mut batch = client(4).batch((0..3).map(|_| apple()));
        batch.pause();
        world.sleep(30_000).await;
        assert!(world.sent().is_empty());
        batch.resume();
        let mut count = 0;
        while let Some(item) = batch.next().await {
            item.result.unwrap();
            count += 1;
        }
        assert_eq!((count, world.created()), (3, 3));
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_client_that_is_gone_lets_go() {
    story("{}", |world| async move {
        let client = client(4);
        client.submit(apple()).await.unwrap();
        drop(client);
        let requests = world.sent().len();
        world.sleep(60_000).await;
        assert_eq!(world.sent().len(), requests, "nobody is left to ask for");

        // A task alone keeps what it needs.
        let task = self::client(4).generate(apple());
        assert!(task.await.is_ok());
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_closed_client_ends_what_it_has_and_takes_nothing() {
    story("{}", |world| async move {
        let client = client(1);
        let (running, waiting) = (client.generate(apple()), client.generate(apple()));
        running.reference().await.unwrap();
        client.close();
        let (running, waiting) = (running.await.unwrap_err(), waiting.await.unwrap_err());
        assert!(running.is_cancelled() && waiting.is_cancelled());
        assert_eq!((running.billed, waiting.billed), (Billed::Unknown, Billed::No));
        assert_eq!(client.pending().len(), 1, "the provider has it still");
        let requests = world.sent().len();
        let error = client.generate(apple()).await.unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (Code::Cancelled, "The client is closed."));
        world.sleep(60_000).await;
        assert_eq!(world.sent().len(), requests);
    })
    .await;
}

#[wasm_bindgen_test]
async fn cancelling_says_what_it_came_to() {
    story("{}", |_| async move {
        let client = client(1);
        let (first, second) = (client.generate(apple()), client.generate(apple()));
        first.reference().await.unwrap();
        assert_eq!(second.cancel(), Cancelled::BeforeSubmit);
        assert_eq!(first.cancel(), Cancelled::Unsupported);
        assert_eq!(first.cancel(), Cancelled::TooLate);
        let error = first.await.unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(error.reference().and_then(TaskReference::task_id), Some("t1"));
        assert!(second.await.unwrap_err().reference().is_none());
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_a_fetch_cancels_while_it_is_called_is_given_up() {
    let (task, aborted) = (Rc::new(OnceCell::<Task>::new()), Rc::new(Cell::new(false)));
    let (mine, seen) = (task.clone(), aborted.clone());
    let fetch = Closure::<dyn FnMut(JsValue, JsValue) -> Promise>::new(move |_, init: JsValue| {
        if let Some(task) = mine.get() {
            assert_eq!(task.cancel(), Cancelled::BeforeSubmit);
        }
        let signal = Reflect::get(&init, &"signal".into()).unwrap();
        seen.set(Reflect::get(&signal, &"aborted".into()).unwrap().is_truthy());
        Promise::reject(&"given up".into())
    });
    let hiapi = Provider::hiapi("secret-key");
    let client = builder(hiapi).fetch(fetch.as_ref().unchecked_ref::<Function>().clone()).build().unwrap();
    let task = task.get_or_init(|| client.generate(apple()));
    assert!(task.reference().await.unwrap_err().is_cancelled());
    assert!(aborted.get(), "nobody pays for what counts as not sent");
}

#[wasm_bindgen_test]
async fn one_key_is_one_image() {
    story("{}", |world| async move {
        let client = client(4);
        let options = Options::new().idempotency_key("order-7");
        let one = client.generate_with(apple(), &options);
        let other = client.generate_with(apple(), &options);
        drop(one);
        let result = other.await.unwrap();
        assert_eq!(result.task_id.as_deref(), Some("t1"), "one handle less cancels nothing");
        let again = client.generate_with(apple(), &options).await.unwrap();
        assert_eq!(again.task_id, result.task_id);
        assert_eq!((world.created(), world.posts()[0].text("key")), (1, "order-7"));
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_breaks_a_rule_is_refused_before_anything_is_sent() {
    story("{}", |world| async move {
        let client = client(4);
        let error = client.generate(apple().n(99)).await.unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (Code::InvalidRequest, Some("n")));
        let options = Options::new().idempotency_key("line\nbreak");
        let error = client.generate_with(apple(), &options).await.unwrap_err();
        assert_eq!(error.param.as_deref(), Some("idempotency_key"));
        for text in ["", "[]", "{}", r#"{ "provider": "hiapi", "taskId": "" }"#] {
            assert!(text.parse::<TaskReference>().is_err(), "{text}");
        }
        let climbing = TaskReference::of_provider_task("hiapi", "..");
        assert_eq!(client.resume(climbing).await.unwrap_err().code, Code::InvalidRequest);
        let error = client.submit(apple().size(0, 0)).await.unwrap_err();
        assert_eq!(error.param.as_deref(), Some("size"));
        assert!(world.sent().is_empty());

        let param = |provider: Provider| builder(provider).build().unwrap_err().param.clone().unwrap();
        assert_eq!(param(Provider::hiapi("")), "key");
        assert_eq!(param(Provider::hiapi("a\nb")), "key");
        for url in ["http://x.example", "https://user@x.example", "https://x.example?key=1", "x.example", ""] {
            assert_eq!(param(Provider::hiapi_proxy(url)), "base_url", "{url}");
        }
        assert_eq!(param(Provider::hiapi("k").header("Idempotency-Key", "x")), "header");
        assert_eq!(param(Provider::hiapi("k").concurrency(0)), "concurrency");
        let learn = |start, most| Limits { concurrency: Concurrency::Learn { start, most }, ..Limits::default() };
        for limits in [learn(0, 4), learn(5, 4)] {
            assert_eq!(param(Provider::hiapi("k").limits(limits)), "concurrency");
        }
        assert_eq!(param(Provider::hiapi("k").limits(Limits { rpm: Some(0), ..Limits::default() })), "rpm");
        assert!(Client::builder().build().is_err(), "no provider");
        let twice = builder(Provider::hiapi("k")).provider("hiapi", Provider::hiapi("l"));
        assert_eq!(twice.build().unwrap_err().param.as_deref(), Some("provider"));
        assert!(!format!("{:?}", Provider::hiapi("secret-key")).contains("secret"));
    })
    .await;
}

#[wasm_bindgen_test]
fn a_key_in_a_browser_has_to_be_meant() {
    let built = Client::builder().provider("hiapi", Provider::hiapi("k")).build();
    assert_eq!(built.is_err(), in_browser());
    let proxied = Client::builder().provider("hiapi", Provider::hiapi_proxy("https://x.example/images/")).build();
    assert!(proxied.is_ok());
}

#[wasm_bindgen_test]
async fn a_fetch_of_the_callers_may_do_what_it_likes() {
    for strange in
        ["return Promise.resolve(5)", "return Promise.resolve({ status: 200 })", "throw new Error('no')", "return 5"]
    {
        story("{}", move |world| async move {
            let fetch = Function::new_no_args(strange);
            let client = builder(Provider::hiapi("k")).fetch(fetch).build().unwrap();
            let error = client.generate(apple()).await.unwrap_err();
            assert!(matches!(error.code, Code::UnknownOutcome | Code::Protocol), "{strange}: {error}");
            assert_eq!(error.billed, Billed::Unknown, "{strange}");
            assert!(world.sent().is_empty());
        })
        .await;
    }
}

#[wasm_bindgen_test]
async fn images_come_and_go_as_data_where_the_provider_speaks_so() {
    story("{}", |world| async move {
        let provider = Provider::openai("secret-key").concurrency(2);
        let client = Client::builder().provider("openai", provider).dangerously_allow_browser().build().unwrap();
        let draw = || ImageRequest::new("openai/gpt-image-1", "an apple");
        let head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x04";
        let edit = draw().image(client.input(head)).image_url("https://images.test/in.png?signature=secret");
        let (drawn, edited) = join(client.generate(draw()), client.generate(edit)).await;
        for result in [drawn.unwrap(), edited.unwrap()] {
            let image = result.image();
            assert_eq!((image.size(), image.revised_prompt()), (Some((8, 4)), Some("a redder apple")));
            let bytes = image.bytes().await.unwrap();
            assert_eq!((bytes.len(), &bytes[..24]), (50_200, &head[..]));
            assert_eq!(result.usage, [(String::from("total_tokens"), 7)]);
        }
        let edits: Vec<_> = world.sent().into_iter().filter(|sent| sent.text("path") == "/v1/images/edits").collect();
        let fields = edits[0].0.get("form").unwrap().list().iter();
        let form: Vec<_> = fields
            .map(|field| field.list().iter().filter_map(tidegate::json::Json::text).collect::<Vec<_>>())
            .collect();
        for part in [
            ["model", "gpt-image-1"],
            ["prompt", "an apple"],
            ["image[]", "image.png image/png 24"],
            ["image[]", "image.png image/png 200"],
        ] {
            assert!(form.iter().any(|field| *field == part), "{part:?} is not in {form:?}");
        }
        let inputs: Vec<_> = world.sent().into_iter().filter(|sent| sent.text("path") == "/in.png").collect();
        assert_eq!((inputs.len(), inputs[0].text("authorization")), (1, ""));

        let foreign = draw().image(tidegate::request::ImageInput::Handle(4_000));
        let error = client.generate(foreign).await.unwrap_err();
        assert_eq!(error.billed, Billed::No, "{error}");
        let gone = draw().image(client.input(head)).image_url("https://nowhere.test/in.png");
        assert_eq!(client.generate(gone).await.unwrap_err().billed, Billed::No);
    })
    .await;
}
