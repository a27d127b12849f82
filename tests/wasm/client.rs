//! The client for Rust programs, from the first image to the errors that callers have to tell apart.

use std::rc::Rc;

use futures_util::future::join;
use tidegate::error::{Billed, Code};
use tidegate::options::{Ambiguous, RetryPolicy};
use tidegate::request::ImageRequest;
use tidegate::web::{Options, Provider, TaskReference, TaskUpdate};
use wasm_bindgen_test::wasm_bindgen_test;

use super::world::{apple, builder, client, story};

fn name(update: &TaskUpdate) -> &'static str {
    match update {
        TaskUpdate::Waiting { reason, .. } => reason,
        TaskUpdate::Submitting { .. } => "submitting",
        TaskUpdate::Queued { .. } => "queued",
        TaskUpdate::Processing { .. } => "processing",
        TaskUpdate::Succeeded(_) => "succeeded",
        TaskUpdate::Failed(_) => "failed",
        TaskUpdate::Cancelled(_) => "cancelled",
        _ => "unknown",
    }
}

#[wasm_bindgen_test]
async fn an_image_comes_with_its_bytes() {
    story("{}", |world| async move {
        let client = client(4);
        let task = client.generate(apple().size(1024, 1024));
        assert!(task.idempotency_key().starts_with("tg-"));
        let key = task.idempotency_key();
        let mut updates = task.updates();
        let result = task.await.unwrap();
        let mut names = Vec::new();
        while let Some(update) = updates.next().await {
            names.push(name(&update));
        }
        assert_eq!(names.first(), Some(&"concurrency"));
        assert!(names.contains(&"submitting") && names.contains(&"processing"), "{names:?}");
        assert_eq!(names.last(), Some(&"succeeded"));

        assert_eq!((result.provider.as_str(), result.model.as_str()), ("hiapi", "gpt-image-2"));
        assert_eq!((result.task_id.as_deref(), result.attempts.len()), (Some("t1"), 1));
        let image = result.image();
        assert_eq!(image.url(), Some("https://images.test/t1.png?signature=secret"));
        assert!(!format!("{result:?}").contains("signature"), "addresses print without their signatures");
        let (one, other) = join(image.bytes(), image.bytes()).await;
        assert_eq!((one.unwrap().len(), other.unwrap().len()), (200, 200));
        assert_eq!((image.size(), image.media_type().as_str()), (Some((8, 4)), "image/png"));

        let sent = world.sent();
        let post = &sent[0];
        assert_eq!(post.text("path"), "/v1/tasks");
        assert_eq!((post.text("authorization"), post.text("redirect")), ("Bearer secret-key", "manual"));
        assert_eq!(post.text("key"), key);
        assert!(post.text("body").contains("1024x1024"), "{post:?}");
        let images: Vec<_> = sent.iter().filter(|sent| sent.text("host") == "images.test").collect();
        assert_eq!(images.len(), 1, "both asked for the same bytes");
        assert_eq!(images[0].text("authorization"), "", "no key goes to an image's address");
        assert!(client.pending().is_empty(), "what was delivered is written down no more");
    })
    .await;
}

#[wasm_bindgen_test]
async fn two_go_side_by_side() {
    story("{}", |world| async move {
        let client = client(4);
        let (one, other) = join(client.generate(apple()), client.generate(apple())).await;
        assert_ne!(one.unwrap().task_id, other.unwrap().task_id);
        assert_eq!(world.most(), 2);
        assert!(world.now() < 6_000.0);
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_one_client_submits_another_resumes() {
    story("{}", |world| async move {
        let first = client(4);
        let options = Options::new().metadata("user", "7");
        let reference = first.submit_with(apple(), &options).await.unwrap();
        assert_eq!(first.pending(), std::slice::from_ref(&reference));
        drop(first);

        let text = reference.to_json();
        assert!(!text.contains("secret"), "{text}");
        let read: TaskReference = text.parse().unwrap();
        assert_eq!(read, reference);
        let result = client(4).resume(read).await.unwrap();
        assert_eq!(result.task_id.as_deref(), Some("t1"));
        assert_eq!(result.metadata, [(String::from("user"), String::from("7"))]);
        let by_id = client(4).resume(TaskReference::of_provider_task("hiapi", "t1")).await.unwrap();
        assert_eq!(by_id.image().url(), result.image().url());
        assert_eq!(world.posts().len(), 1, "nothing is bought again");
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_batch_keeps_every_slot_full_and_trips_no_limit() {
    story(r#"{ "cap": 3 }"#, |world| async move {
        let client = client(3);
        let prompts = (0..12).map(|index| ImageRequest::new("hiapi/gpt-image-2", &format!("apple {index}")));
        let mut batch = client.batch(prompts);
        let mut seen = Vec::new();
        while let Some(item) = batch.next().await {
            assert!(client.status().lanes[0].held <= 3);
            let requests = world.sent().len();
            assert_eq!(item.result.unwrap().image().bytes().await.unwrap().len(), 200);
            assert_eq!(world.sent().len(), requests, "the bytes are here already");
            seen.push(item.index);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
        assert_eq!((world.most(), world.refused(), world.created()), (3, 0, 12));
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_finished_and_was_not_read_is_there_for_whoever_resumes_it() {
    story("{}", |world| async move {
        let client = client(4);
        let prompts = (0..4).map(|index| ImageRequest::new("hiapi/gpt-image-2", &format!("apple {index}")));
        let mut batch = client.batch(prompts);
        assert!(batch.next().await.unwrap().result.is_ok());
        world.sleep(60_000).await;
        drop(batch);
        let pending = client.pending();
        assert_eq!((pending.len(), world.created()), (3, 4));
        let requests = world.sent().len();
        for reference in pending {
            assert_eq!(client.resume(reference).await.unwrap().image().bytes().await.unwrap().len(), 200);
        }
        assert_eq!(world.sent().len(), requests, "from memory");
        assert!(client.pending().is_empty());

        let watched = client.generate(apple());
        let mut updates = watched.updates();
        while updates.next().await.is_some() {}
        assert!(client.pending().is_empty(), "watched to its end");
        let task = client.generate(apple());
        task.reference().await.unwrap();
        drop(task);
        world.sleep(60_000).await;
        let [left] = &client.pending()[..] else { panic!("{:?}", client.pending()) };
        assert!(client.resume(left.clone()).await.is_ok());
        assert_eq!(world.created(), 6);
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_key_belongs_to_one_request() {
    story("{}", |world| async move {
        let client = client(4);
        let options = Options::new().idempotency_key("order-7");
        let first = client.generate_with(apple(), &options);
        let other = || client.generate_with(ImageRequest::new("hiapi/gpt-image-2", "a pear"), &options);
        let error = other().await.unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (Code::InvalidRequest, Some("idempotencyKey")));
        assert!(first.await.is_ok());
        assert_eq!(other().await.unwrap_err().code, Code::InvalidRequest);
        assert_eq!(world.created(), 1);
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_is_dropped_before_its_submit_is_never_sent() {
    story("{}", |world| async move {
        let client = client(1);
        drop(client.generate(apple()));
        world.sleep(1_000).await;
        assert!(world.sent().is_empty(), "dropped in the same turn");

        let first = client.generate(apple());
        let second = client.generate(apple());
        world.sleep(500).await;
        assert_eq!(name(&second.state()), "concurrency");
        drop(second);
        first.await.unwrap();
        world.sleep(10_000).await;
        assert_eq!(world.posts().len(), 1, "dropped while it waited");
        assert!(client.pending().is_empty());
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_is_dropped_while_it_runs_stays_pending_and_holds_its_slot() {
    story("{}", |world| async move {
        let client = client(1);
        let task = client.generate(apple());
        let key = task.idempotency_key();
        let reference = task.reference().await.unwrap();
        drop(task);
        let pending = client.pending();
        assert_eq!((pending.len(), pending[0].idempotency_key()), (1, Some(key.as_str())));

        client.generate(apple()).await.unwrap();
        let posts = world.posts();
        assert_eq!(posts.len(), 2);
        assert!(posts[1].at() >= 2_000.0, "the slot was the ghost's until then: {posts:?}");
        let result = client.resume(reference).await.unwrap();
        assert_eq!(result.task_id.as_deref(), Some("t1"));
        assert_eq!(world.created(), 2);
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_refused_key_is_an_error_with_a_type() {
    story(r#"{ "posts": [[401, {}, { "code": 401, "message": "no such key" }]] }"#, |world| async move {
        let error = client(4).generate(apple()).await.unwrap_err();
        assert_eq!((error.code, error.billed, error.status), (Code::Authentication, Billed::No, Some(401)));
        assert!(!error.retryable() && error.reference().is_none());
        assert_eq!((error.attempts.len(), world.posts().len()), (1, 1));
        let told = format!("{error} {error:?}");
        assert!(told.contains("authentication") && !told.contains("secret-key"), "{told}");
        let as_any: Rc<dyn std::error::Error> = Rc::new(error);
        assert!(!as_any.to_string().is_empty());
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_refusal_is_waited_out_as_long_as_the_server_said() {
    let refusal = r#"{ "posts": [[429, { "retry-after": "7" }, { "error": { "code": "rate_limit_exceeded" } }]] }"#;
    story(refusal, |world| async move {
        let client = client(4);
        let task = client.generate(apple());
        let mut updates = task.updates();
        let result = task.await.unwrap();
        let posts = world.posts();
        assert_eq!(posts.len(), 2);
        assert!(posts[1].at() - posts[0].at() >= 7_000.0, "{posts:?}");
        assert_eq!(posts[0].text("key"), posts[1].text("key"));
        assert_eq!(result.attempts.len(), 2);
        let mut names = Vec::new();
        while let Some(update) = updates.next().await {
            names.push(name(&update));
        }
        assert!(names.contains(&"cooldown"), "{names:?}");
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_lost_answer_is_asked_for_again_under_its_key() {
    story(r#"{ "posts": ["network"] }"#, |world| async move {
        let result = client(4).generate(apple()).await.unwrap();
        let posts = world.posts();
        assert_eq!((posts.len(), world.created()), (2, 1), "one image, asked for twice");
        assert_eq!(posts[0].text("key"), posts[1].text("key"));
        assert_eq!(posts[0].text("body"), posts[1].text("body"));
        assert_eq!(result.attempts.len(), 2);
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_lost_answer_that_may_not_be_asked_for_is_an_unknown_outcome() {
    story(r#"{ "posts": ["network"] }"#, |world| async move {
        let retry = RetryPolicy { ambiguous: Ambiguous::Never, ..RetryPolicy::default() };
        let client = builder(Provider::hiapi("secret-key")).retry(retry).build().unwrap();
        let error = client.generate(apple()).await.unwrap_err();
        assert_eq!((error.code, error.billed), (Code::UnknownOutcome, Billed::Unknown));
        assert!(!error.retryable());
        assert!(!format!("{error:?}").contains("token=secret"));
        assert_eq!(world.posts().len(), 1);
        // What may have been bought can still be asked for.
        let reference = error.reference().unwrap().clone();
        assert_eq!(client.pending()[0].idempotency_key(), reference.idempotency_key());
        let willing = Options::new().retry(RetryPolicy::default());
        assert_eq!(client.resume_with(reference, &willing).await.unwrap().task_id.as_deref(), Some("t1"));
        assert_eq!(world.created(), 1);
    })
    .await;
}
