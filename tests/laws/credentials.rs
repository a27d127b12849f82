//! Law 10: credentials travel to the configured origin only.

use proptest::prelude::*;
use tidegate::engine::Outcome;
use tidegate::error::Code;
use tidegate::http::Purpose;
use tidegate::provider::hiapi::HIAPI;
use tidegate_simulator::Config;

use crate::support::audit;
use crate::support::scenario::{Habits, anything, cases};
use crate::support::sim::{BASE, Sim, client, json, options};

/// Addresses that a hostile provider, or whoever sits in between, may give; none may be fetched. Those of the web are
/// handed over as they came, with a warning; what is no address of the web is not.
const HOSTILE: [&str; 15] = [
    "http://169.254.169.254/latest/meta-data",
    "https://169.254.169.254/",
    "https://10.0.0.1/x.png",
    "https://[::ffff:169.254.169.254]/x.png",
    "https://127.0.0.1.evil.example@169.254.169.254/x.png",
    "http://cdn.example.com/x.png",
    "https://user:password@cdn.example.com/x.png",
    "https://metadata.google.internal/x.png",
    "https://printer.local/x.png",
    "https://intranet/x.png",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "https:\\\\evil.example\\x.png",
    "https://cdn.example.com:22/x.png",
];

fn check(sim: &Sim) {
    assert_eq!(sim.world.stats().leaked_credentials, 0);
    for sent in &sim.sent {
        if sent.request.credential.is_some() {
            assert!(sent.request.url.starts_with(&format!("{BASE}/v1/")), "{}", sent.request.url);
        }
        assert_eq!(sent.request.credential.is_none(), sent.purpose == Purpose::Image, "{sent:?}");
        assert!(sent.request.headers.iter().all(|(name, value)| *name != "authorization" && !value.contains("sk-")));
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn keys_go_to_the_provider_only(scenario in anything(Habits { tasks: 12, cancels: true, impatience: true, pauses: false, images: 2, owners: 1 })) {
        let mut sim = scenario.sim(&HIAPI);
        sim.run();
        check(&sim);
    }

    /// Ids that climb, and addresses that lead elsewhere.
    #[test]
    fn what_servers_give_is_checked(place in 0..HOSTILE.len(), id in "[a-z./%?#@\\\\: ]{1,12}", download: bool) {
        let mut config = client(&HIAPI, 4);
        config.providers[0].base_url = String::from("https://api.example.com");
        let mut sim = Sim::new(config, Config::default(), Default::default());
        let hostile = HOSTILE[place];
        sim.script = Some(Box::new(move |sent, _| {
            let body = match sent.purpose {
                Purpose::Submit => serde_json::json!({"data": {"taskId": id}}),
                Purpose::Poll => serde_json::json!({"data": {"status": "success", "output": [{"url": hostile, "type": "image"}]}}),
                Purpose::Image | Purpose::Check | Purpose::List => panic!("fetched {}", sent.request.url),
            };
            Some(json(200, &[], &body.to_string()))
        }));
        let mut call = options();
        call.download = download;
        call.deadline = 20_000;
        sim.ask(0, 1, call);
        sim.run();
        audit::rest(&sim);
        for sent in &sim.sent {
            let path = sent.request.url.strip_prefix("https://api.example.com/v1/tasks");
            let path = path.unwrap_or_else(|| panic!("{}", sent.request.url));
            prop_assert!(path.is_empty() || path.starts_with('/') && !path[1..].contains(['/', '?', '#', '\\', ' ', '@']), "{path}");
            prop_assert!(!["/.", "/.."].contains(&path), "{path}");
        }
        if let Outcome::Succeeded(success) = sim.outcome(1) {
            prop_assert!(success.images.iter().all(|image| image.is_barred && image.url.as_deref() == Some(hostile)));
            prop_assert!(hostile.starts_with("http") && success.warnings.len() == 1, "{:?}", success.warnings);
        }
    }
}

/// The bytes of an image are not asked for at an address that the caller made up either.
#[test]
fn a_fetch_is_held_to_the_same_rule() {
    use crate::support::sim::Act;
    use tidegate::engine::Input;
    for (place, url) in HOSTILE.iter().enumerate() {
        let mut config = client(&HIAPI, 4);
        config.providers[0].base_url = String::from("https://api.example.com");
        let mut sim = Sim::new(config, Config::default(), Default::default());
        let fetch = Input::Fetch { task: place as u32, owner: 0, url: String::from(*url) };
        sim.at(0, Act::Input(Box::new(fetch)));
        sim.run();
        assert!(sim.sent.is_empty(), "{url}");
        assert_eq!(audit::code(sim.outcome(place as u32)), Some(Code::InvalidRequest));
    }
}
