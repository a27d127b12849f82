//! From a request to a submit, and from a task's id to a poll, by a dialect's table.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Dialect, Field};
use crate::error::Error;
use crate::gather::gather;
use crate::http::{Request, path_segment};
use crate::json::JsonWriter;
use crate::request::{ImageInput, ImageRequest, Unsupported};
use crate::text::concat;

/// The body of a submit, the same bytes for every try: providers compare them under one idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// JSON text.
    pub body: String,
    /// Fields that the provider doesn't take and that were left out.
    pub left_out: Vec<&'static str>,
}

/// Writes the body of a submit for one image. Fields that the provider doesn't take are refused or left out, as the request says.
pub fn submit_request(
    dialect: &Dialect,
    provider: &str,
    model: &str,
    request: &ImageRequest,
) -> Result<Submission, Error> {
    let options = request.options_for(provider);
    let given = given_fields(request);
    let taken = |field: Field| dialect.fields.iter().find(|(known, _)| *known == field).map(|(_, name)| *name);
    let mut left_out = Vec::new();
    for (field, name) in &given {
        let carried = field.is_some_and(|field| taken(field).is_some());
        // Bytes can't travel where the provider takes addresses.
        let bytes = *name == "images" && request.images.iter().any(|image| matches!(image, ImageInput::Handle(_)));
        if !carried || bytes {
            left_out.push(*name);
        }
    }
    if let (Some(name), Unsupported::Reject) = (left_out.first(), request.unsupported) {
        let message = concat(&["is not supported by ", provider, "; leave it out, or set unsupported: \"warn\""]);
        return Err(Error::invalid(name, &message));
    }
    let mut writer = JsonWriter::new();
    writer.open().key("model").string(model);
    let at_root = |name: &String| dialect.section.is_none() || dialect.root_options.contains(&name.as_str());
    for (name, json) in options.iter().filter(|(name, _)| at_root(name) && name != "model") {
        writer.key(name).raw(json);
    }
    if let Some(section) = dialect.section {
        writer.key(section).open();
    }
    for (field, name) in dialect.fields {
        let overridden = options.iter().any(|(option, _)| option == name);
        let wanted = given.iter().any(|(given, label)| *given == Some(*field) && !left_out.contains(label));
        if wanted && !overridden {
            write_field(&mut writer, name, *field, request);
        }
    }
    for (name, json) in options.iter().filter(|(name, _)| !at_root(name)) {
        writer.key(name).raw(json);
    }
    if dialect.section.is_some() {
        writer.close();
    }
    writer.close();
    Ok(Submission { body: writer.finish(), left_out })
}

/// Every field that the caller gave, and its name in the contract.
fn given_fields(request: &ImageRequest) -> Vec<(Option<Field>, &'static str)> {
    let fields = [
        (Some(Field::Prompt), "prompt", true),
        (Some(Field::Size), "size", request.size.is_some()),
        (Some(Field::AspectRatio), "aspectRatio", request.aspect_ratio.is_some()),
        (Some(Field::Seed), "seed", request.seed.is_some()),
        (Some(Field::Format), "format", request.format.is_some()),
        (Some(Field::Quality), "quality", request.quality.as_deref().is_some_and(|quality| quality != "auto")),
        (Some(Field::Background), "background", request.background.as_deref().is_some_and(|kind| kind != "auto")),
        (Some(Field::NegativePrompt), "negativePrompt", request.negative_prompt.is_some()),
        (Some(Field::ImageUrls), "images", !request.images.is_empty()),
        (None, "mask", request.mask.is_some()),
    ];
    gather(fields.into_iter().filter_map(|(field, name, given)| given.then_some((field, name))))
}

fn write_field(writer: &mut JsonWriter, name: &str, field: Field, request: &ImageRequest) {
    match field {
        Field::Prompt => writer.maybe(name, Some(&request.prompt)),
        Field::Size => writer.maybe(name, request.size.map(|size| size.text()).as_deref()),
        Field::AspectRatio => writer.maybe(name, request.aspect_ratio.map(|ratio| ratio.text()).as_deref()),
        Field::Seed => match request.seed {
            Some(seed) => writer.key(name).whole(seed),
            None => writer,
        },
        Field::Format => writer.maybe(name, request.format.as_deref()),
        Field::Quality => writer.maybe(name, request.quality.as_deref()),
        Field::Background => writer.maybe(name, request.background.as_deref()),
        Field::NegativePrompt => writer.maybe(name, request.negative_prompt.as_deref()),
        Field::ImageUrls => {
            writer.key(name).open_list();
            for image in &request.images {
                if let ImageInput::Url(url) = image {
                    writer.string(url);
                }
            }
            writer.close_list()
        }
    };
}

/// The submit itself.
pub fn submission(dialect: &Dialect, base_url: &str, provider: usize, key: &str, body: &str) -> Request {
    let mut headers =
        vec![("accept", String::from("application/json")), ("content-type", String::from("application/json"))];
    if let Some(idempotency) = &dialect.idempotency {
        headers.push((idempotency.header, String::from(key)));
    }
    Request {
        method: "POST",
        url: concat(&[base_url, dialect.submit_path]),
        headers,
        body: Some(String::from(body)),
        credential: Some(provider),
    }
}

/// The address at which a task is asked after; `None` if the id can't stand in an address.
pub fn poll_url(dialect: &Dialect, base_url: &str, task_id: &str) -> Option<String> {
    Some(concat(&[base_url, dialect.poll_path, &path_segment(task_id)?]))
}

/// A poll.
pub fn poll_request(dialect: &Dialect, base_url: &str, provider: usize, task_id: &str) -> Option<Request> {
    Some(Request {
        method: "GET",
        url: poll_url(dialect, base_url, task_id)?,
        headers: vec![("accept", String::from("application/json"))],
        body: None,
        credential: Some(provider),
    })
}
