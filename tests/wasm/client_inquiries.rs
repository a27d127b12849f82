//! What a client in Rust finds out about a key.

use tidegate::error::{Axis, Code};
use tidegate::limit::Concurrency;
use tidegate::request::ImageRequest;
use tidegate::web::{Budget, Client, Error, ProbeReport, Provider};
use wasm_bindgen_test::wasm_bindgen_test;

use super::world::{apple, builder, client, story};

/// A client that is told nothing of its key's limits, and what an image costs.
fn learning() -> Client {
    builder(Provider::hiapi("secret-key").price("gpt-image-2", 0.04)).build().unwrap()
}

fn is_near(cost: f64, images: u32) -> bool {
    (cost - 0.04 * f64::from(images)).abs() < 1e-9
}

#[wasm_bindgen_test]
async fn a_good_key_is_told_from_a_bad_one_for_free() {
    story("{}", |world| async move {
        let report = client(4).check("hiapi").await.unwrap();
        assert_eq!((report.ok, report.code, report.axis), (Some(true), None, None), "{report:?}");
        assert_eq!(report.limits.unwrap().concurrency, Concurrency::Told(4));
        let sent = world.sent();
        assert_eq!((sent.len(), sent[0].text("method")), (1, "GET"));
        assert_eq!(sent[0].text("authorization"), "Bearer secret-key");
    })
    .await;
    story(r#"{ "stranger": true }"#, |world| async move {
        let report = client(4).check("hiapi").await.unwrap();
        assert_eq!((report.ok, report.code), (Some(false), Some(Code::Authentication)));
        assert!(report.advice.contains("is not accepted"), "{}", report.advice);
        let unknown = client(4).check("elsewhere").await.unwrap_err();
        assert_eq!((unknown.code, unknown.param.as_deref()), (Code::InvalidRequest, Some("provider")));
        assert_eq!(world.sent().len(), 1);
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_ceiling_is_found_and_what_it_took_is_in_hand() {
    story(r#"{ "cap": 5, "duration": 20000 }"#, |world| async move {
        let client = learning();
        let report = client.probe(apple(), 60, 5.0).await.unwrap();
        assert_eq!((report.ceiling, report.axis), (Some(5), Some(Axis::Concurrency)), "{report:?}");
        // Some end meanwhile, and their slots are taken again: how many depends on the seed, which is the host's here.
        assert!((5..=10).contains(&report.accepted) && is_near(report.cost, report.accepted), "{report:?}");
        assert_eq!((report.accepted, report.refused), (world.created(), world.refused()));
        assert_eq!(report.tasks.len(), world.created() as usize);
        let mut ids = Vec::new();
        for task in report.tasks {
            let result = task.await.unwrap();
            assert_eq!(result.image().bytes().await.unwrap().len(), 200);
            ids.extend(result.task_id);
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), world.created() as usize, "nothing more was bought, and nothing is lost");
        assert_eq!(client.status().lanes[0].limit, 5, "and the lane goes on with it");
        assert_eq!(client.check("hiapi").await.unwrap().limits.unwrap().concurrency, Concurrency::Told(5));
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_probe_keeps_to_its_number_and_its_budget() {
    story("{}", |world| async move {
        let client = learning();
        let few = client.probe(apple(), 3, 5.0).await.unwrap();
        assert_eq!((few.ceiling, few.accepted, few.refused), (None, 3, 0), "{few:?}");
        let dear = client.probe(apple(), 60, Budget::per_day(0.2)).await.unwrap();
        assert_eq!((dear.accepted, world.created()), (2, 5), "what the first bought counts in the day");
        let spent = client.probe(apple(), 1, Budget::per_month(0.2)).await.unwrap_err();
        assert_eq!(spent.code, Code::Budget);
        assert_eq!(world.created(), 5);
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_a_probe_can_not_do_it_says_before_it_costs_anything() {
    fn param(end: Result<ProbeReport, Error>) -> (Code, Option<String>) {
        let error = end.unwrap_err();
        (error.code, error.param.clone())
    }
    let wrong = |name: &str| (Code::InvalidRequest, Some(String::from(name)));
    story("{}", |world| async move {
        let client = learning();
        assert_eq!(param(client.probe(apple(), 0, 1.0).await), wrong("max"));
        for budget in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(param(client.probe(apple(), 9, budget).await), wrong("budget"));
        }
        assert_eq!(param(client.probe(apple().n(2), 9, 1.0).await), wrong("n"));
        assert_eq!(param(client.probe(ImageRequest::new("hiapi/gpt-image-2", ""), 9, 1.0).await), wrong("prompt"));
        assert_eq!(param(client.probe(ImageRequest::new("hiapi/flux", "a"), 9, 1.0).await), wrong("prices"));
        assert_eq!(param(client.probe(apple(), 9, 0.03).await), (Code::Budget, None));
        let told = builder(Provider::hiapi("secret-key").concurrency(4).price("gpt-image-2", 0.04)).build().unwrap();
        assert_eq!(param(told.probe(apple(), 9, 1.0).await), wrong("limits.concurrency"));
        let mad = builder(Provider::hiapi("secret-key").price("gpt-image-2", f64::NAN)).build().unwrap_err();
        assert_eq!(mad.param.as_deref(), Some("price"));
        client.close();
        assert_eq!(param(client.probe(apple(), 9, 1.0).await).0, Code::Cancelled);
        assert_eq!(client.check("hiapi").await.unwrap_err().code, Code::Cancelled);
        assert!(world.sent().is_empty());
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_question_that_is_dropped_is_withdrawn() {
    story("{}", |world| async move {
        let client = learning();
        drop(client.probe(apple(), 50, 5.0));
        world.sleep(1_000).await;
        assert!(world.sent().is_empty(), "dropped in the same turn");
        let probe = client.probe(apple(), 50, 5.0);
        world.sleep(200).await;
        drop(probe);
        let bought = world.created();
        world.sleep(60_000).await;
        assert!((1..50).contains(&bought) && world.created() == bought, "{bought}, then {}", world.created());
        assert_eq!(client.pending().len(), bought as usize);
        drop(client.check("hiapi"));
        assert_eq!(client.check("hiapi").await.unwrap().ok, Some(true), "the next one is another");
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_client_that_closes_ends_what_it_was_asked() {
    story("{}", |world| async move {
        let client = learning();
        let (check, probe) = (client.check("hiapi"), client.probe(apple(), 50, 5.0));
        world.sleep(10).await;
        client.close();
        assert!(check.await.unwrap_err().is_cancelled());
        assert!(probe.await.unwrap_err().is_cancelled());
    })
    .await;
}
