//! The pictures of an answer, wherever they stand and however they are written: what was paid for is not lost for a spelling.

use alloc::string::String;
use alloc::vec::Vec;

use super::reading::Image;
use super::{Dialect, Paths};
use crate::http::{image_kind, is_fetchable, resolve};
use crate::json::Json;
use crate::text::{base64_head, says};

/// The most images of one task that are kept.
const MAX_IMAGES: usize = 64;
/// Where relays have a picture's address.
const URLS: Paths = "url.0 url image_url.url image_url imageUrl image.url image uri download_url";
/// Where they have its bytes.
const BASE64: Paths = "b64_json base64 b64 image_base64 image.b64_json result";
/// Where they have the list of pictures.
const LISTS: Paths = "data.data data.images data.output data.result.images data images image_urls output result.data result.images result results output.results output_images item";

/// Lists of pictures within a row.
const NESTED: Paths = "images image_urls urls outputs";

/// What was found.
#[derive(Default)]
pub struct Found {
    /// The pictures.
    pub images: Vec<Image>,
    /// There is something that should be one, and can't be read.
    pub is_spoilt: bool,
}

/// Finds the pictures of a document. A sketch on the way to one is none.
pub fn images(dialect: &Dialect, base_url: &str, json: &Json) -> Found {
    let mut found = Found::default();
    let table = &dialect.answer;
    let is_partial = json.get("type").and_then(Json::text).is_some_and(|kind| says(kind, &["partial"]));
    if is_partial {
        return found;
    }
    let format = json.first_text(table.format).and_then(media_type);
    for output in json.all(table.output).chain(json.all(LISTS)) {
        match output {
            Json::List(rows) => rows.iter().for_each(|row| found.take(dialect, base_url, row)),
            row => found.take(dialect, base_url, row),
        }
        if !found.images.is_empty() || found.is_spoilt {
            break;
        }
    }
    if found.images.is_empty() && !found.is_spoilt {
        // The event of a stream is the picture itself. A task's address is none of a picture.
        let urls = if json.get("status").is_none() { "url result" } else { "" };
        found.take_fields(dialect, base_url, json, urls);
    }
    for image in &mut found.images {
        if image.media_type.is_none() {
            image.media_type = format.map(String::from);
        }
    }
    found
}

impl Found {
    /// A row of a list: an object with a picture's fields, or its address or its bytes alone.
    fn take(&mut self, dialect: &Dialect, base_url: &str, row: &Json) {
        match row {
            Json::Object(_) => self.take_fields(dialect, base_url, row, URLS),
            Json::Text(_) | Json::Handle(_) => {
                let mut image = Image::default();
                take_base64(&mut image, row, false);
                // Under no name of its own, a word is no address.
                let is_address = row.text().is_some_and(|text| text.starts_with('/') || says(text, &["://"]));
                if is_address && !image.is_here() {
                    take_address(&mut image, base_url, row);
                }
                self.add(image, false);
            }
            _ => {}
        }
    }

    fn take_fields(&mut self, dialect: &Dialect, base_url: &str, row: &Json, urls: Paths) {
        let table = &dialect.answer;
        let (kind_field, kind) = table.output_kind;
        let text = |name| row.get(name).and_then(Json::text);
        if text(kind_field).is_some_and(|found| !kind_field.is_empty() && found != kind) {
            return;
        }
        let mut image = Image {
            expires_at: row.get(table.output_expires).and_then(Json::whole).map(|seconds| seconds * 1_000),
            revised_prompt: text(table.output_prompt).map(String::from),
            ..Image::default()
        };
        let mut is_there = false;
        for (paths, is_bare) in [(urls, false), (BASE64, true)] {
            for data in row.all(paths) {
                if image.is_here() || (!is_bare && image.url.is_some()) {
                    break;
                }
                is_there |= !is_blank(data);
                let is_address = data.text().is_some_and(|text| says(text, &["://"]) && !says(text, &["data:"]));
                if !is_address {
                    take_base64(&mut image, data, is_bare);
                }
                if (!is_bare || is_address) && !image.is_here() && image.url.is_none() {
                    take_address(&mut image, base_url, data);
                }
            }
        }
        let before = self.images.len();
        self.add(image, is_there);
        if self.images.len() == before {
            row.all(NESTED).flat_map(Json::list).for_each(|row| self.take(dialect, base_url, row));
        }
    }

    fn add(&mut self, image: Image, should_be_one: bool) {
        if image.url.is_none() && !image.is_here() {
            self.is_spoilt |= should_be_one;
        } else if self.images.len() < MAX_IMAGES {
            self.images.push(image);
        }
    }
}

fn is_blank(json: &Json) -> bool {
    !matches!(json, Json::Text(text) if !text.trim().is_empty()) && !matches!(json, Json::Handle(_))
}

/// An address, resolved against the configured one; whether it is one.
fn take_address(image: &mut Image, base_url: &str, json: &Json) -> bool {
    let Some(text) = json.text().map(str::trim) else { return false };
    // An address that is not like others (a password in it, say) is handed over as it is, and never fetched.
    let is_odd = || text.starts_with("https://") || text.starts_with("http://");
    let Some(url) = resolve(text, base_url).or_else(|| is_odd().then(|| String::from(text))) else { return false };
    image.is_barred = !is_fetchable(&url, base_url);
    image.url = Some(url);
    true
}

/// The media type of a format; whatever else a server says is none.
fn media_type(format: &str) -> Option<&'static str> {
    let known = [
        ("png", "image/png"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("webp", "image/webp"),
        ("gif", "image/gif"),
        ("svg", "image/svg+xml"),
    ];
    known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(format)).map(|(_, kind)| kind)
}

/// Image data that came in the answer, as a data URL or as bare base64: under a name that says so, or where it shows itself to be an image. Only its
/// own head is looked at; the rest stays with the host until somebody wants the bytes.
fn take_base64(image: &mut Image, data: &Json, bare: bool) {
    let head = match data {
        Json::Text(text) => text,
        Json::Handle(long) => &long.head,
        _ => return,
    };
    let Some((head, is_marked)) = base64_text(head).filter(|(head, _)| !head.trim().is_empty()) else { return };
    let kind = image_kind(&base64_head(head));
    if !(bare || is_marked || kind.is_some()) {
        return;
    }
    match data {
        Json::Handle(long) => image.handle = Some(long.handle),
        _ => image.base64 = data.text().map(String::from),
    }
    if let Some((kind, size)) = kind {
        (image.media_type, image.size) = (Some(String::from(kind)), size);
    }
}

/// What follows the head of a data URL, or the text itself if it can be base64; and whether it is marked as such.
fn base64_text(text: &str) -> Option<(&str, bool)> {
    if text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        let (head, base64) = text.split_once(',')?;
        return head.to_ascii_lowercase().ends_with(";base64").then_some((base64, true));
    }
    Some((text, false))
}
