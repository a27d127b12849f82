//! Requests put together in Rust, and the same as plain data: what a program sets by hand is held to the same rules as what comes from JavaScript.

use alloc::string::String;
use alloc::vec::Vec;

use super::{ImageInput, ImageRequest, Unsupported};
use crate::error::Error;
use crate::gather::gather;
use crate::json::{Json, ObjectBuilder};
use crate::size::{Aspect, Size};

/// Setters that give the request back. Nothing is checked before [`ImageRequest::checked`], which every call of the client begins with.
///
/// ```
/// use tidegate::request::{ImageRequest, Unsupported};
///
/// let request = ImageRequest::new("hiapi/gpt-image-2", "a lighthouse at dusk")
///     .size(1536, 1024)
///     .quality("high")
///     .provider_option("hiapi", "route", "\"pro\"")
///     .unsupported(Unsupported::Warn);
/// assert!(request.checked().is_ok());
///
/// let error = ImageRequest::new("hiapi/gpt-image-2", " ").checked().unwrap_err();
/// assert_eq!(error.param.as_deref(), Some("prompt"));
/// ```
impl ImageRequest {
    /// How many images, 1 to 10; providers that make one of a submit are asked as often. 1 by default.
    pub fn n(mut self, n: u16) -> ImageRequest {
        self.n = n;
        self
    }

    /// Width and height in pixels; by default the model chooses.
    pub fn size(mut self, width: u32, height: u32) -> ImageRequest {
        self.size = Some(Size { width, height });
        self
    }

    /// Ratio of the sides, as `(16, 9)`; by default the model chooses.
    pub fn aspect_ratio(mut self, across: u32, down: u32) -> ImageRequest {
        self.aspect_ratio = Some(Aspect { across, down });
        self
    }

    /// The seed of the images, for models that take one.
    pub fn seed(mut self, seed: u64) -> ImageRequest {
        self.seed = Some(seed);
        self
    }

    /// "png", "jpeg" or "webp".
    pub fn format(mut self, format: &str) -> ImageRequest {
        self.format = Some(String::from(format));
        self
    }

    /// "auto", "low", "medium", "high", or what else the model knows.
    pub fn quality(mut self, quality: &str) -> ImageRequest {
        self.quality = Some(String::from(quality));
        self
    }

    /// "auto", "opaque" or "transparent".
    pub fn background(mut self, background: &str) -> ImageRequest {
        self.background = Some(String::from(background));
        self
    }

    /// What not to draw.
    pub fn negative_prompt(mut self, prompt: &str) -> ImageRequest {
        self.negative_prompt = Some(String::from(prompt));
        self
    }

    /// Adds an image to edit, by its public https address.
    pub fn image_url(mut self, url: &str) -> ImageRequest {
        self.images.push(ImageInput::Url(String::from(url)));
        self
    }

    /// Adds an image to edit.
    pub fn image(mut self, image: ImageInput) -> ImageRequest {
        self.images.push(image);
        self
    }

    /// Where to edit.
    pub fn mask(mut self, mask: ImageInput) -> ImageRequest {
        self.mask = Some(mask);
        self
    }

    /// Where to edit, by the public https address of a mask.
    pub fn mask_url(mut self, url: &str) -> ImageRequest {
        self.mask = Some(ImageInput::Url(String::from(url)));
        self
    }

    /// Passes an option of its own to the provider that the client knows by this name; `json` is the value's JSON text.
    pub fn provider_option(mut self, provider: &str, name: &str, json: &str) -> ImageRequest {
        let option = (String::from(name), String::from(json));
        match self.provider_options.iter_mut().find(|(known, _)| known == provider) {
            Some((_, options)) => options.push(option),
            None => self.provider_options.push((String::from(provider), Vec::from([option]))),
        }
        self
    }

    /// What to do with a field that the target can't honour: refuse before paying (the default), or leave it out and say so.
    pub fn unsupported(mut self, unsupported: Unsupported) -> ImageRequest {
        self.unsupported = unsupported;
        self
    }

    /// The request, if it keeps the rules; else an error of code `InvalidRequest` whose `param` names the field.
    pub fn checked(self) -> Result<ImageRequest, Error> {
        ImageRequest::read(&self.plain())
    }

    fn plain(self) -> Json {
        // Without `..`: a new field that is not passed on does not compile.
        let ImageRequest {
            model,
            prompt,
            n,
            size,
            aspect_ratio,
            seed,
            format,
            quality,
            background,
            negative_prompt,
            images,
            mask,
            provider_options,
            unsupported,
        } = self;
        let texts = |(name, value)| (name, Json::Text(value));
        let options = provider_options
            .into_iter()
            .map(|(provider, options)| (provider, Json::Object(gather(options.into_iter().map(texts)))));
        ObjectBuilder::new()
            .with("model", model)
            .with("prompt", prompt)
            .with("n", u64::from(n))
            .maybe("size", size.map(Size::text))
            .maybe("aspectRatio", aspect_ratio.map(Aspect::text))
            .maybe("seed", seed)
            .maybe("format", format)
            .maybe("quality", quality)
            .maybe("background", background)
            .maybe("negativePrompt", negative_prompt)
            .with("images", Json::List(gather(images.into_iter().map(input))))
            .maybe("mask", mask.map(input))
            .with("providerOptions", Json::Object(gather(options)))
            .with("unsupported", if unsupported == Unsupported::Warn { "warn" } else { "reject" })
            .build()
    }
}

fn input(image: ImageInput) -> Json {
    match image {
        ImageInput::Url(url) => Json::Text(url),
        ImageInput::Handle(handle) => Json::Number(f64::from(handle)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_keeps_the_rules_comes_back_as_it_was() {
        let request = ImageRequest::new("hiapi/gpt-image-2", "a red \"apple\"")
            .n(4)
            .size(1536, 1024)
            .aspect_ratio(3, 2)
            .seed(7)
            .format("webp")
            .quality("high")
            .background("transparent")
            .negative_prompt("pears")
            .image_url("https://x.example/a.png")
            .mask_url("https://x.example/b.png")
            .provider_option("hiapi", "route", "\"pro\"")
            .provider_option("hiapi", "tier", "2")
            .provider_option("other", "x", "{}")
            .unsupported(Unsupported::Warn);
        assert_eq!(request.options_for("hiapi").len(), 2);
        assert_eq!(request.clone().checked(), Ok(request));
        let bare = ImageRequest::new("m", "p");
        assert_eq!(bare.clone().checked(), Ok(bare));
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        let param = |request: ImageRequest| request.checked().unwrap_err().param.clone();
        let base = || ImageRequest::new("m", "p");
        assert_eq!(param(ImageRequest::new("", "p")).as_deref(), Some("model"));
        assert_eq!(param(base().n(11)).as_deref(), Some("n"));
        assert_eq!(param(base().size(0, 1024)).as_deref(), Some("size"));
        assert_eq!(param(base().format("svg")).as_deref(), Some("format"));
        assert_eq!(param(base().image_url("http://x.example/a.png")).as_deref(), Some("images"));
        assert_eq!(param(base().seed(u64::MAX)).as_deref(), Some("seed"), "not exact in JavaScript");
    }
}
