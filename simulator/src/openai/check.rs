//! The checks of a request, and what is to be made of one that passes them.

use super::Endpoint;
use super::fields::Fields;
use super::files;
use super::models::{self, Model};
use super::problem::Problem;
use super::size;
use crate::config::Config;
use crate::provider::Provider;
use crate::sketch::{Format, Sketch};

const LONGEST_PROMPT: usize = 32_000;

const KNOWN: [&str; 17] = [
    "prompt",
    "model",
    "n",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "stream",
    "partial_images",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "svg",
    "safety_identifier",
    "user",
];
const KNOWN_IN_EDITS: [&str; 5] = ["image", "image[]", "mask", "markup", "input_fidelity"];
/// Where an edit comes as JSON.
const KNOWN_IN_JSON_EDITS: [&str; 3] = ["images", "mask", "input_fidelity"];

/// A request that passed the checks.
#[derive(Debug)]
pub(super) struct Order {
    /// The model that answers.
    pub model: String,
    pub images: u32,
    pub sketch: Sketch,
    /// The words of the answer, with every `auto` settled.
    pub quality: &'static str,
    pub safety_identifier: Option<String>,
}

/// Reads and checks a request's fields.
pub(super) fn order(
    endpoint: Endpoint,
    provider: Provider,
    fields: &Fields,
    config: &Config,
) -> Result<Order, Problem> {
    let name = fields.text("model")?.filter(|name| !name.is_empty());
    let name = name
        .ok_or_else(|| Problem::invalid("model", "missing_required_parameter", "You must provide a model parameter"))?;
    let name = offered(name, provider, config)?;
    let model = models::of(&name);
    if provider == Provider::OpenAi {
        let of_edits: &[&str] = if fields.is_form { &KNOWN_IN_EDITS } else { &KNOWN_IN_JSON_EDITS };
        let is_known = |name: &str| KNOWN.contains(&name) || (endpoint == Endpoint::Edits && of_edits.contains(&name));
        if let Some(unknown) = fields.names().find(|name| !is_known(name)) {
            return Err(Problem::unknown_parameter(unknown));
        }
    }
    let prompt = prompt(fields)?;
    if fields.flag("stream")? {
        let message = "The simulator has no streaming: leave out 'stream', or send false.";
        return Err(Problem::invalid("stream", "unsupported_value", message));
    }
    fields.integer("partial_images", 0, 3)?;
    let images = fields.integer("n", 1, 10)?.unwrap_or(1) as u32;
    let (width, height) = size::read(fields.text("size")?.unwrap_or("auto"), &model, config.least_pixels)?;
    let quality = quality(fields, &model)?;
    let format = format(fields)?;
    let is_transparent = fields.choice("background", &["auto", "transparent", "opaque"])? == "transparent";
    if is_transparent && matches!(format, Format::Jpeg(_)) {
        let message = "Transparent background is not supported for JPEG output format";
        return Err(Problem::by_user("background", "invalid_value", message));
    }
    fields.choice("moderation", &["auto", "low"])?;
    lesser(fields, &name, &model)?;
    let safety_identifier = match fields.text("safety_identifier")? {
        Some(text) if !text.is_empty() => Some(text),
        _ => fields.text("user")?.filter(|text| !text.is_empty()),
    };
    let safety_identifier = safety_identifier.map(str::to_owned);
    let mut sketch = Sketch { format, is_transparent, ..Sketch::of_prompt(prompt, width, height) };
    if endpoint == Endpoint::Edits {
        let inputs = files::read(fields, &model)?;
        (sketch.inputs, sketch.mask, sketch.markup) = (inputs.images, inputs.mask, inputs.markup);
    }
    Ok(Order { model: name, images, sketch, quality, safety_identifier })
}

/// The model that answers to this name.
fn offered(name: &str, provider: Provider, config: &Config) -> Result<String, Problem> {
    let is_retired = config.retired_models.iter().any(|retired| retired == name);
    let is_offered = |name: &str| match config.models.is_empty() {
        true => provider != Provider::OpenAi || models::names().any(|known| known == name),
        false => config.models.iter().any(|known| known == name),
    };
    match provider {
        // The gateway has another model in the place of one that is gone.
        Provider::CreativeAi if is_retired => {
            Ok(config.models.first().map_or("gpt-image-2", String::as_str).to_owned())
        }
        _ if is_retired => Err(Problem::retired_model(name)),
        _ if is_offered(name) => Ok(name.to_owned()),
        _ => Err(Problem::no_model(name)),
    }
}

fn prompt(fields: &Fields) -> Result<String, Problem> {
    let prompt = fields.text("prompt")?.ok_or_else(|| Problem::missing("prompt"))?;
    let length = prompt.chars().count();
    if length == 0 {
        let message =
            "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty string instead.";
        return Err(Problem::invalid("prompt", "empty_string", message));
    }
    if length > LONGEST_PROMPT {
        let message = format!(
            "Invalid 'prompt': string too long. Expected a string with maximum length {LONGEST_PROMPT}, but got a string with length {length} instead."
        );
        return Err(Problem::invalid("prompt", "string_above_max_length", message));
    }
    Ok(prompt.to_owned())
}

/// The quality, `auto` being medium.
fn quality(fields: &Fields, model: &Model) -> Result<&'static str, Problem> {
    let offered: &[&str] = match model.has_fine_quality {
        true => &["auto", "low", "medium", "high", "xhigh", "max"],
        false => &["auto", "low", "medium", "high"],
    };
    Ok(match fields.choice("quality", offered)? {
        "low" => "low",
        "high" => "high",
        "xhigh" => "xhigh",
        "max" => "max",
        _ => "medium",
    })
}

fn format(fields: &Fields) -> Result<Format, Problem> {
    let compression = fields.integer("output_compression", 0, 100)?.unwrap_or(100) as u8;
    match fields.choice("output_format", &["png", "jpeg", "webp", "gif", "svg"])? {
        "jpeg" => Ok(Format::Jpeg(compression)),
        "webp" => Ok(Format::Webp),
        "png" if compression < 100 => {
            let message = "Compression less than 100 is not supported for PNG output format";
            Err(Problem::by_user("output_compression", "invalid_png_output_compression", message))
        }
        "png" => Ok(Format::Png),
        other => {
            let message = format!("Unsupported value: '{other}'. The simulator draws 'png', 'jpeg', and 'webp'.");
            Err(Problem::invalid("output_format", "unsupported_value", message))
        }
    }
}

/// Parameters that change nothing that is drawn here.
fn lesser(fields: &Fields, name: &str, model: &Model) -> Result<(), Problem> {
    for animated in ["frame_count", "frame_duration_ms", "svg"] {
        if fields.value(animated).is_some() {
            let format = if animated == "svg" { "svg" } else { "gif" };
            let message = format!("'{animated}' is only supported with output_format '{format}'.");
            return Err(Problem::invalid(animated, "invalid_value", message));
        }
    }
    let unsupported = |param: &str, code: &'static str| {
        Problem::by_user(param, code, format!("The model '{name}' does not support the '{param}' parameter."))
    };
    if fields.value("complexity").is_some() {
        fields.choice("complexity", &["low", "medium", "high"])?;
        if !model.has_complexity {
            return Err(unsupported("complexity", "invalid_value"));
        }
    }
    if fields.value("input_fidelity").is_some() {
        if model.fidelities.is_empty() {
            return Err(unsupported("input_fidelity", "invalid_input_fidelity_model"));
        }
        fields.choice("input_fidelity", model.fidelities)?;
    }
    Ok(())
}
