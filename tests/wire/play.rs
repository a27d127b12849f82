//! Plays a row: the engine against its exchange, in virtual time.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use tidegate::engine::{Input, Outcome};
use tidegate::error::{Billed, Code, Error};
use tidegate::http::{Purpose, image_kind, same_origin};
use tidegate::options::{Config, ProviderConfig};
use tidegate::provider::{Image, by_name};
use tidegate::request::ImageRequest;

use super::reason::reason;
use super::rows::{Entry, Row};
use super::support::sim::{Act, EPOCH, Said, Sent, Sim, Surroundings, options};
use super::support::walk::{Read, read};

/// How long an answer takes at least, ms.
const QUICK: u64 = 20;
const TASK: u32 = 1;

/// What came of a row.
#[derive(Debug)]
pub struct Played {
    pub outcome: Outcome,
    /// Of each picture its bytes, as far as they are here and can be read.
    pub pictures: Vec<Option<Vec<u8>>>,
    pub posts: Vec<Post>,
    /// When the first answer came, ms.
    pub first_answer: Option<u64>,
    /// When the caller heard of it, ms.
    pub ended_at: u64,
}

/// A submit.
#[derive(Debug)]
pub struct Post {
    pub at: u64,
    pub key: Option<String>,
}

/// Plays a row in that dialect with that picture.
pub fn play(row: &Row, name: &str, picture: &'static [u8]) -> Played {
    let dialect = by_name(name).unwrap_or_else(|| panic!("{}: no dialect {name}", row.id));
    let usual = if dialect.base_has_version { "https://relay.example/v1" } else { "https://relay.example" };
    let base_url = row.base_url.clone().unwrap_or_else(|| String::from(usual));
    let base = base_url.clone();
    let provider = ProviderConfig { base_url, ..ProviderConfig::new(name, dialect) };
    let config = Config { providers: vec![provider], ..Config::default() };
    let around = Surroundings { rtt: (0, 0), ..Surroundings::default() };
    let mut sim = Sim::new(config, tidegate_simulator::Config::default(), around);
    let mut exchange = Exchange::new(row, picture);
    sim.exchange = Some(Box::new(move |sent, now| exchange.answer(sent, now)));
    sim.at(0, Act::Input(Box::new(input(row, name))));
    sim.run();
    let mut outcome = sim.outcome(TASK).clone();
    let mut pictures = Vec::new();
    if let Outcome::Succeeded(success) = &outcome {
        pictures.extend(success.images.iter().map(|image| bytes(&sim, image)));
        let is_none = |bytes: &Option<Vec<u8>>| bytes.as_deref().is_none_or(|bytes| image_kind(bytes).is_none());
        if success.images.iter().zip(&pictures).any(|(image, bytes)| image.is_here() && is_none(bytes)) {
            // What the facade's `decode` says to whoever wants the bytes.
            let mut error = Error::new(Code::Protocol).billed(Billed::Yes);
            error.message = String::from("What came in the provider's answer is not an image.");
            outcome = Outcome::Failed(error, None);
        }
    }
    for sent in sim.sent.iter().filter(|sent| sent.request.credential.is_some()) {
        assert!(same_origin(&sent.request.url, &base), "{}: a key on its way to {}", row.id, sent.request.url);
    }
    let posts = sim.submits().map(|sent| {
        let key = sent.request.headers.iter().find(|(name, _)| *name == "idempotency-key");
        Post { at: sent.at, key: key.map(|(_, key)| key.clone()) }
    });
    Played {
        pictures,
        posts: posts.collect(),
        first_answer: sim.submits().next().and_then(|sent| sent.answer).map(|heard| heard.at),
        ended_at: sim.settled[0].at,
        outcome,
    }
}

fn input(row: &Row, dialect: &str) -> Input {
    let owner = 0;
    if row.call == "check" {
        return Input::Check { task: TASK, owner, provider: String::from(dialect) };
    }
    assert_eq!(row.call, "generate", "{}: a call that this runner doesn't make", row.id);
    let mut request = row.request.clone();
    if let Some(Value::Array(images)) = request.get_mut("images") {
        // Bytes that the host keeps: the engine knows them by a number.
        images.iter_mut().enumerate().for_each(|(number, image)| *image = Value::from(number));
    }
    let Read::Tree(tree) = read(&Value::Object(request).to_string(), &mut Vec::new()) else { panic!("{}", row.id) };
    let request = ImageRequest::read(&tree).map(Box::new);
    let mut options = options();
    options.download = true;
    Input::Submit { task: TASK, owner, request, options: Box::new(options), records: vec![] }
}

/// A picture's bytes, if the host would make bytes of what it has of it.
fn bytes(sim: &Sim, image: &Image) -> Option<Vec<u8>> {
    let text = match image.handle {
        Some(handle) => sim.held(handle),
        None => image.base64.as_deref()?,
    };
    if text.starts_with('\u{89}') {
        return Some(text.chars().map(|c| c as u8).collect());
    }
    let is_url = text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    let text = if is_url { text.rsplit_once(',')?.1 } else { text };
    // How the host decodes is the other runner's to check: here every spelling of the same bytes will do.
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = plain.replace('-', "+").replace('_', "/");
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoder = GeneralPurpose::new(&alphabet::STANDARD, lenient);
    let mut all = Vec::new();
    for piece in plain.split_inclusive('=').filter(|piece| *piece != "=") {
        all.extend(decoder.decode(piece.trim_end_matches('=')).ok()?);
    }
    Some(all)
}

/// The other side of a row.
struct Exchange {
    entries: Vec<Entry>,
    picture: &'static [u8],
    groups: BTreeMap<(String, Option<String>), Group>,
}

/// How far the entries are that answer the same requests.
#[derive(Default)]
struct Group {
    first: Option<u64>,
    next: usize,
}

impl Exchange {
    fn new(row: &Row, picture: &'static [u8]) -> Exchange {
        Exchange { entries: row.exchange.clone(), picture, groups: BTreeMap::new() }
    }

    fn answer(&mut self, sent: &Sent, now: u64) -> (u64, Said) {
        let kind = match sent.purpose {
            Purpose::Submit => "submit",
            Purpose::Image => "image",
            Purpose::Poll | Purpose::List | Purpose::Check => "poll",
        };
        let Some(entry) = self.next(kind, &sent.request.url, now) else {
            return (QUICK, Said::Answer(tidegate_simulator::Response { status: 404, ..Default::default() }));
        };
        let said = match &entry.fails {
            Some(failure) => Said::Fails(reason(failure)),
            None => {
                let response = entry.response(self.picture, EPOCH + now + entry.delay_ms.max(QUICK));
                if entry.cut { Said::Cut(response) } else { Said::Answer(response) }
            }
        };
        (entry.delay_ms.max(QUICK), said)
    }

    /// The entry whose turn it is: of those for this kind of request and this address, else for this kind, else for any.
    fn next(&mut self, kind: &str, url: &str, now: u64) -> Option<Entry> {
        let fits = |entry: &&Entry, when: &str, at: bool| {
            entry.when == when && entry.at.is_some() == at && entry.at.as_deref().is_none_or(|at| url.contains(at))
        };
        let ways = [(kind, true), (kind, false), ("any", true), ("any", false)];
        let (when, has_at) =
            ways.into_iter().find(|(when, at)| self.entries.iter().any(|entry| fits(&entry, when, *at)))?;
        let entries: Vec<&Entry> = self.entries.iter().filter(|entry| fits(entry, when, has_at)).collect();
        let group = self.groups.entry((String::from(when), entries[0].at.clone())).or_default();
        let first = *group.first.get_or_insert(now);
        let last = entries.len() - 1;
        while group.next < last && entries[group.next].for_ms.is_some_and(|length| now >= first + length) {
            group.next += 1;
        }
        let entry = entries[group.next];
        if entry.for_ms.is_none() {
            group.next = last.min(group.next + 1);
        }
        Some(entry.clone())
    }
}
