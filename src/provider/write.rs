//! From a request to a submit, and from a task's id to a poll, by a dialect's table.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::relayed::guesses;
use super::{AddressTable, Dialect, EditTable, Field, LongPoll, Ratio};
use crate::error::Error;
use crate::gather::gather;
use crate::http::{BASE64_LIMIT, PLAIN_LIMIT, Request, path_segment, same_origin};
use crate::json::JsonWriter;
use crate::request::{ImageInput, ImageRequest, Unsupported};
use crate::size::Size;
use crate::text::{concat, says};

/// The body of a submit, the same bytes for every try: providers compare them under one idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// JSON text; of an edit, what its form is made of.
    pub body: String,
    /// It goes to the dialect's place for edits.
    pub edit: bool,
    /// Fields that the provider doesn't take and that were left out.
    pub left_out: Vec<&'static str>,
}

/// Writes the body of a submit for so many images. Fields that the provider doesn't take are refused or left out, as the request says.
pub fn submit_request(
    dialect: &Dialect,
    provider: &str,
    model: &str,
    request: &ImageRequest,
    count: u16,
) -> Result<Submission, Error> {
    let options = request.options_for(provider);
    if let Some((name, _)) = options.iter().find(|(name, _)| dialect.refused_options.contains(&name.as_str())) {
        let param = concat(&["providerOptions.", provider, ".", name]);
        return Err(Error::invalid(&param, "is the client's to set, or not supported"));
    }
    let is_unknown = |json: &str| !says(json, &["png", "jpg", "jpeg", "webp", "gif", "avif", "null", "auto"]);
    let format = |name: &str| dialect.fields.iter().any(|(field, known)| *field == Field::Format && *known == name);
    if let Some((name, _)) = options.iter().find(|(name, json)| format(name) && is_unknown(json)) {
        // It would be paid for, and then be taken for no image.
        let param = concat(&["providerOptions.", provider, ".", name]);
        return Err(Error::invalid(
            &param,
            "must be png, jpeg, webp, gif or avif: no other format is known by its bytes",
        ));
    }
    let given = given_fields(request);
    let pixels = pixels(dialect, model, request);
    let taken = |field: Field| dialect.fields.iter().any(|(known, _)| *known == field);
    let edits = dialect.edits.as_ref().filter(|_| !request.images.is_empty());
    let mut left_out = Vec::new();
    for (field, name) in &given {
        let carried = match *name {
            "images" if dialect.edits.is_some() => true,
            // Bytes can't travel where the provider takes addresses.
            "images" => {
                taken(Field::ImageUrls) && request.images.iter().all(|image| matches!(image, ImageInput::Url(_)))
            }
            "mask" => edits.is_some(),
            "aspectRatio" if dialect.ratio == Ratio::OpenAiPixels => pixels.is_some() && request.size.is_none(),
            _ => field.is_some_and(taken),
        };
        if !carried {
            left_out.push(*name);
        }
    }
    if let (Some(name), Unsupported::Reject) = (left_out.first(), request.unsupported) {
        let is_bytes = *name == "images" && taken(Field::ImageUrls);
        let instead = if is_bytes { " as bytes; give https addresses" } else { "; leave it out" };
        let message = concat(&["is not supported by ", provider, instead, ", or set unsupported: \"warn\""]);
        return Err(Error::invalid(name, &message));
    }
    if edits.is_some_and(|edits| request.images.len() > edits.most) {
        return Err(Error::invalid("images", "are more than this provider takes"));
    }
    let size = pixels.map(Size::text);
    let addresses = edits.and_then(|edits| edits.addresses).filter(|table| {
        let mut images = request.images.iter().chain(&request.mask);
        images.all(|image| matches!(image, ImageInput::Url(_)))
            && size.as_deref().is_none_or(|size| table.sizes.contains(&size))
    });
    let form = edits.filter(|_| addresses.is_none());
    let mut writer = JsonWriter::new();
    if form.is_some() {
        writer.open().key("fields");
    }
    writer.open().key("model").string(model);
    let at_root = |name: &String| dialect.section.is_none() || dialect.root_options.contains(&name.as_str());
    for (name, json) in options.iter().filter(|(name, _)| at_root(name) && name != "model") {
        writer.name(name).raw(json);
    }
    if let Some(section) = dialect.section {
        writer.key(section).open();
    }
    for (field, name) in dialect.fields {
        let overridden = options.iter().any(|(option, _)| option == name);
        let wanted = given.iter().any(|(given, label)| *given == Some(*field) && !left_out.contains(label));
        match field {
            _ if overridden => {}
            Field::Size => {
                writer.maybe(name, size.as_deref());
            }
            Field::Count if count > 1 => {
                writer.key(name).whole(u64::from(count));
            }
            _ if wanted => write_field(&mut writer, name, *field, request),
            _ => {}
        }
    }
    for (name, json) in options.iter().filter(|(name, _)| !at_root(name)) {
        writer.name(name).raw(json);
    }
    if dialect.section.is_some() {
        writer.close();
    }
    if let (Some(edits), Some(table)) = (edits, &addresses) {
        write_addresses(&mut writer, edits, table, request);
    }
    writer.close();
    if let Some(edits) = form {
        write_files(&mut writer, edits, request);
    }
    Ok(Submission { body: writer.finish(), edit: edits.is_some(), left_out })
}

/// The pixels to ask for: the caller's own, or those that its ratio stands for.
fn pixels(dialect: &Dialect, model: &str, request: &ImageRequest) -> Option<Size> {
    let by_ratio = || match dialect.ratio {
        Ratio::OpenAiPixels => request.aspect_ratio?.openai_pixels(model),
        Ratio::AsGiven => None,
    };
    request.size.or_else(by_ratio)
}

/// How the text begins that a form is made of: no request's JSON does.
const FORM: &str = "{\"fields\":";

/// The images of an edit, as addresses for the provider to fetch.
fn write_addresses(writer: &mut JsonWriter, edits: &EditTable, table: &AddressTable, request: &ImageRequest) {
    let write = |writer: &mut JsonWriter, image: &ImageInput| {
        if let ImageInput::Url(url) = image {
            writer.open().key(table.url).string(url).close();
        }
    };
    writer.key(table.images).open_list();
    request.images.iter().for_each(|image| write(writer, image));
    writer.close_list();
    if let Some(mask) = &request.mask {
        write(writer.key(edits.mask), mask);
    }
}

/// The images of a form, after its fields.
fn write_files(writer: &mut JsonWriter, edits: &EditTable, request: &ImageRequest) {
    writer.key("files").open_list();
    let name = if request.images.len() > 1 { edits.images } else { edits.image };
    let images = request.images.iter().map(|image| (name, image));
    for (name, image) in images.chain(request.mask.iter().map(|mask| (edits.mask, mask))) {
        writer.open().key("name").string(name);
        match image {
            ImageInput::Handle(handle) => writer.key("handle").whole(u64::from(*handle)),
            ImageInput::Url(url) => writer.key("url").string(url),
        };
        writer.close();
    }
    writer.close_list().close();
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

fn write_field(writer: &mut JsonWriter, name: &'static str, field: Field, request: &ImageRequest) {
    match field {
        Field::Prompt => writer.maybe(name, Some(request.prompt.as_str())),
        // Written beforehand, for they don't stand in the request as they are sent.
        Field::Size | Field::Count => writer,
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

/// The submit itself: `body` as [`submit_request`] wrote it, for an edit or not, and how many images it asks for.
pub fn submission(
    dialect: &Dialect,
    base_url: &str,
    provider: usize,
    key: &str,
    (body, edit, count): (&str, bool, u16),
) -> Request {
    let mut headers = vec![("accept", String::from("application/json"))];
    let edits = dialect.edits.as_ref().filter(|_| edit);
    let is_form = edits.is_some() && body.starts_with(FORM);
    if !is_form {
        headers.push(("content-type", String::from("application/json")));
    }
    if let Some(idempotency) = &dialect.idempotency {
        headers.push((idempotency.header, String::from(key)));
    }
    // And room for one image more than was asked for, which some send.
    let with_images = if dialect.is_synchronous() { BASE64_LIMIT.saturating_mul(u32::from(count) + 1) } else { 0 };
    Request {
        method: "POST",
        url: concat(&[base_url, edits.map_or(dialect.submit_path, |edits| edits.path)]),
        headers,
        body: Some(String::from(body)),
        form: is_form,
        limit: PLAIN_LIMIT.saturating_add(with_images),
        credential: Some(provider),
    }
}

fn get(url: String, provider: usize) -> Request {
    Request {
        method: "GET",
        url,
        headers: vec![("accept", String::from("application/json"))],
        body: None,
        form: false,
        limit: PLAIN_LIMIT,
        credential: Some(provider),
    }
}

/// The free request that tells whether a key is good.
pub fn check_request(dialect: &Dialect, base_url: &str, provider: usize) -> Request {
    get(concat(&[base_url, dialect.check.path]), provider)
}

/// A poll; `None` if the id can't stand in an address. `poll_url` is where the provider said that the task can be asked after; of a task that a relay
/// made where there should be none, and didn't say, the usual places are tried in turn.
pub fn poll_request(
    dialect: &Dialect,
    base_url: &str,
    provider: usize,
    (task_id, poll_url, misses): (&str, Option<&str>, u32),
) -> Option<Request> {
    if let Some(url) = poll_url.filter(|url| same_origin(url, base_url)) {
        return Some(get(String::from(url), provider));
    }
    let Some(tasks) = dialect.tasks.as_ref() else {
        let mut guesses = guesses(base_url, task_id);
        let place = misses as usize % guesses.len().max(1);
        return (place < guesses.len()).then(|| get(guesses.swap_remove(place), provider));
    };
    let mut request = get(concat(&[base_url, tasks.poll_path, &path_segment(task_id)?]), provider);
    if let Some(LongPoll { header: (name, value), .. }) = tasks.long_poll {
        request.headers.push((name, String::from(value)));
    }
    Some(request)
}

/// The list of the newest tasks; `None` where there is none.
pub fn list_request(dialect: &Dialect, base_url: &str, provider: usize) -> Option<Request> {
    Some(get(concat(&[base_url, dialect.tasks.as_ref()?.list.as_ref()?.path]), provider))
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::super::openai::OPENAI_COMPATIBLE;
    use super::*;

    #[test]
    fn formats_that_no_bytes_tell_are_refused_before_they_are_paid_for() {
        let ask = |format: &str| {
            let mut request = ImageRequest::new("m", "an apple");
            let option = (String::from("output_format"), String::from(format));
            request.provider_options = vec![(String::from("relay"), vec![option])];
            submit_request(&OPENAI_COMPATIBLE, "relay", "m", &request, 1)
        };
        for format in ["\"svg\"", "\"tiff\"", "7"] {
            let error = ask(format).unwrap_err();
            assert_eq!(error.param.as_deref(), Some("providerOptions.relay.output_format"), "{format}");
        }
        let body = ask("\"webp\"").unwrap().body;
        assert!(says(&body, &["\"output_format\":\"webp\""]), "{body}");
    }
}
