//! What a caller asks for, checked before anything is sent.

mod build;
mod fingerprint;

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::json::Json;
use crate::size::{Aspect, Size};
use crate::text::{characters, concat};

/// What a prompt may be long, in characters: the largest limit that a provider documents (OpenAI's) is 32,000; servers judge below that.
pub const MAX_PROMPT: usize = 32_000;
/// The most images of one call. Providers make 1 to 10 of one submit; beyond that a batch is the tool.
pub const MAX_N: u64 = 10;

/// An image that goes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageInput {
    /// Public address.
    Url(String),
    /// Bytes that the host keeps under this number.
    Handle(u32),
}

/// What to do with a field that a target can't honour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// Refuse before paying.
    Reject,
    /// Leave it out and say so in `warnings`.
    Warn,
}

/// By provider: the names of its own options, and their values as JSON text.
pub type ProviderOptions = Vec<(String, Vec<(String, String)>)>;

/// One call's wish; see `ImageRequest` in the public contract.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRequest {
    /// "provider/model" or a model.
    pub model: String,
    /// What to draw.
    pub prompt: String,
    /// How many images.
    pub n: u16,
    /// Pixels; `None` leaves it to the model.
    pub size: Option<Size>,
    /// Ratio of the sides.
    pub aspect_ratio: Option<Aspect>,
    /// The seed of the images.
    pub seed: Option<u64>,
    /// png, jpeg or webp.
    pub format: Option<String>,
    /// auto, low, medium, high, …
    pub quality: Option<String>,
    /// auto, opaque or transparent.
    pub background: Option<String>,
    /// What not to draw.
    pub negative_prompt: Option<String>,
    /// Images to edit.
    pub images: Vec<ImageInput>,
    /// Where to edit.
    pub mask: Option<ImageInput>,
    /// Passed through: provider, then field and its JSON text.
    pub provider_options: ProviderOptions,
    /// What to do with a field that a target can't honour.
    pub unsupported: Unsupported,
}

impl ImageRequest {
    /// A request for one image with the defaults of the contract.
    pub fn new(model: &str, prompt: &str) -> ImageRequest {
        ImageRequest {
            model: String::from(model),
            prompt: String::from(prompt),
            n: 1,
            size: None,
            aspect_ratio: None,
            seed: None,
            format: None,
            quality: None,
            background: None,
            negative_prompt: None,
            images: Vec::new(),
            mask: None,
            provider_options: Vec::new(),
            unsupported: Unsupported::Reject,
        }
    }

    /// Reads and checks what a caller passed in. The error names the field.
    pub fn read(json: &Json) -> Result<ImageRequest, Error> {
        let Json::Object(fields) = json else { return Err(Error::invalid("request", "must be an object")) };
        let mut request = ImageRequest::new("", "");
        for (name, value) in fields {
            if *value != Json::Null {
                request.field(name, value).map_err(|error| with_value(error, name, value))?;
            }
        }
        if request.model.is_empty() {
            return Err(Error::invalid("model", "is required, as a string"));
        }
        if request.prompt.is_empty() {
            return Err(Error::invalid("prompt", "is required, as a string that is not empty"));
        }
        Ok(request)
    }

    fn field(&mut self, name: &str, value: &Json) -> Result<(), Error> {
        match name {
            "model" => {
                self.model = text(name, value)?;
                if self.model.len() > 256 || self.model.chars().any(char::is_control) {
                    return Err(Error::invalid(name, "must be at most 256 bytes, without control characters"));
                }
            }
            "prompt" => {
                self.prompt = text(name, value)?;
                if self.prompt.trim().is_empty() || characters(&self.prompt) > MAX_PROMPT {
                    return Err(Error::invalid(name, "must have 1 to 32000 characters, not only blanks"));
                }
            }
            "n" => {
                let n = value.whole().filter(|n| (1..=MAX_N).contains(n));
                self.n = n.ok_or_else(|| Error::invalid(name, "must be a whole number from 1 to 10"))? as u16;
            }
            "size" => {
                let size = text(name, value)?;
                if size != "auto" {
                    let parsed = Size::parse(&size);
                    self.size =
                        Some(parsed.ok_or_else(|| Error::invalid(name, "must be like \"1024x1024\", or \"auto\""))?);
                }
            }
            "aspectRatio" => {
                let parsed = Aspect::parse(&text(name, value)?);
                self.aspect_ratio = Some(parsed.ok_or_else(|| Error::invalid(name, "must be like \"16:9\""))?);
            }
            "seed" => {
                let seed = value.whole();
                self.seed = Some(seed.ok_or_else(|| Error::invalid(name, "must be a whole number, not negative"))?);
            }
            "format" => self.format = Some(one_of(name, value, &["png", "jpeg", "webp"])?),
            "background" => self.background = Some(one_of(name, value, &["auto", "opaque", "transparent"])?),
            "quality" => self.quality = Some(text(name, value)?),
            "negativePrompt" => self.negative_prompt = Some(text(name, value)?),
            "images" => {
                let Json::List(images) = value else { return Err(Error::invalid(name, "must be an array")) };
                for image in images {
                    self.images.push(image_input(name, image)?);
                }
            }
            "mask" => self.mask = Some(image_input(name, value)?),
            // None is what there is: pictures on the way are not streamed yet.
            "previews" if value.whole() == Some(0) => {}
            "providerOptions" => self.provider_options = provider_options(value)?,
            "unsupported" => {
                let warn = one_of(name, value, &["reject", "warn"])? == "warn";
                self.unsupported = if warn { Unsupported::Warn } else { Unsupported::Reject };
            }
            _ => return Err(Error::invalid(name, "is not a field of a request")),
        }
        Ok(())
    }

    /// The options meant for one provider.
    pub fn options_for(&self, provider: &str) -> &[(String, String)] {
        self.provider_options.iter().find(|(name, _)| name == provider).map_or(&[], |(_, options)| options)
    }
}

/// The error with the text that was wrong, unless that is a prompt, or long.
fn with_value(mut error: Error, name: &str, value: &Json) -> Error {
    if let Some(text) = value.text().filter(|text| text.len() <= 60 && !name.ends_with("rompt")) {
        error.message = concat(&[&error.message, ", and is \"", text, "\""]);
    }
    error
}

fn text(name: &str, value: &Json) -> Result<String, Error> {
    let wrong = if matches!(value, Json::Handle(_)) { "is too long" } else { "must be a string" };
    value.text().map(String::from).ok_or_else(|| Error::invalid(name, wrong))
}

fn one_of(name: &str, value: &Json, allowed: &[&str]) -> Result<String, Error> {
    let given = text(name, value)?;
    if allowed.contains(&given.as_str()) {
        return Ok(given);
    }
    let mut message = String::from("must be one of ");
    for (place, word) in allowed.iter().enumerate() {
        message.push_str(if place > 0 { ", " } else { "" });
        message.push_str(word);
    }
    Err(Error::invalid(name, &message))
}

fn image_input(name: &str, value: &Json) -> Result<ImageInput, Error> {
    match value {
        Json::Text(url) if url.starts_with("https://") || crate::http::is_loopback_url(url) => {
            Ok(ImageInput::Url(url.clone()))
        }
        Json::Number(handle) if *handle >= 0.0 => Ok(ImageInput::Handle(*handle as u32)),
        _ => Err(Error::invalid(name, "must be https or data URLs, Blobs, bytes or Images")),
    }
}

fn provider_options(value: &Json) -> Result<ProviderOptions, Error> {
    let wrong = || Error::invalid("providerOptions", "must be an object of objects, by provider");
    let Json::Object(providers) = value else { return Err(wrong()) };
    let mut all = Vec::with_capacity(providers.len());
    for (provider, options) in providers {
        let Json::Object(options) = options else { return Err(wrong()) };
        let mut texts = Vec::with_capacity(options.len());
        for (name, json) in options {
            texts.push((name.clone(), String::from(json.text().ok_or_else(wrong)?)));
        }
        all.push((provider.clone(), texts));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::ObjectBuilder;

    fn base() -> ObjectBuilder {
        ObjectBuilder::new().with("model", "m").with("prompt", "a red apple")
    }

    fn param(json: Json) -> String {
        ImageRequest::read(&json).unwrap_err().param.clone().unwrap()
    }

    #[test]
    fn reads_a_whole_request() {
        let options = ObjectBuilder::new().with("hiapi", ObjectBuilder::new().with("route", "\"pro\"").build()).build();
        let json = base()
            .with("n", 4u64)
            .with("size", "1024x1024")
            .with("seed", 7u64)
            .with("providerOptions", options)
            .with("mask", Json::Null)
            .build();
        let request = ImageRequest::read(&json).unwrap();
        assert_eq!((request.n, request.size, request.seed), (4, Size::parse("1024x1024"), Some(7)));
        assert_eq!(request.options_for("hiapi"), [(String::from("route"), String::from("\"pro\""))]);
        assert!(request.options_for("openai").is_empty());
    }

    #[test]
    fn every_refusal_names_its_field() {
        assert_eq!(param(Json::from("x")), "request");
        assert_eq!(param(ObjectBuilder::new().with("prompt", "x").build()), "model");
        assert_eq!(param(ObjectBuilder::new().with("model", "m").build()), "prompt");
        assert_eq!(param(ObjectBuilder::new().with("model", "m").with("prompt", " \n").build()), "prompt");
        assert_eq!(param(ObjectBuilder::new().with("model", "m\r\n").with("prompt", "x").build()), "model");
        for n in [0.0, 11.0, 1.5, -1.0, f64::NAN] {
            assert_eq!(param(base().with("n", Json::Number(n)).build()), "n");
        }
        for (field, value) in [
            ("size", "big"),
            ("size", "1024"),
            ("size", "0x10"),
            ("aspectRatio", "16x9"),
            ("format", "svg"),
            ("background", "none"),
            ("unsupported", "ignore"),
            ("images", "https://x.example/a.png"),
            ("mask", "/etc/passwd"),
            ("seed", "1"),
            ("colour", "red"),
        ] {
            assert_eq!(param(base().with(field, value).build()), field);
        }
    }
}
