//! Who is to make an image, by the caller's words; what would be bought at the wrong place is refused before anything is sent.

use super::Engine;
use crate::error::Error;
use crate::provider::by_name;
use crate::request::ImageRequest;
use crate::text::concat;

impl Engine {
    /// Provider and model from the caller's words: what precedes the first slash is a provider if it is the name of one.
    pub(super) fn target<'a>(&self, model: &'a str) -> Result<(usize, &'a str), Error> {
        if let Some((name, rest)) = model.split_once('/') {
            if let Some(place) = self.config.place_of(name) {
                return if rest.is_empty() {
                    Err(Error::invalid("model", "names a provider and no model"))
                } else {
                    Ok((place, rest))
                };
            }
            self.check_prefix(name, model)?;
        }
        if self.config.providers.is_empty() {
            Err(Error::invalid("providers", "there is none"))
        } else {
            Ok((0, model))
        }
    }

    /// Models have names with slashes, too. A prefix that is nearly a provider's name, or that of a provider function, was most likely meant for one.
    fn check_prefix(&self, name: &str, model: &str) -> Result<(), Error> {
        let near = self.config.providers.iter().find(|provider| is_near(name, &provider.name));
        let problem = match near {
            Some(provider) => concat(&["Did you mean \"", &provider.name, "\"? "]),
            None if by_name(name).is_some() => concat(&["Add it to `providers`: { ", name, ": ", name, "(…) }. "]),
            None => return Ok(()),
        };
        let message = concat(&[
            "no provider of this client is named \"",
            name,
            "\". ",
            &problem,
            "If that is part of the model's own name, write \"",
            self.config.name_of(0),
            "/",
            model,
            "\".",
        ]);
        Err(Error::invalid("model", &message))
    }

    /// Options for a provider that is none of this client's would be dropped in silence.
    pub(super) fn check_options(&self, request: &ImageRequest) -> Result<(), Error> {
        for (name, _) in &request.provider_options {
            let is_known = |provider: &crate::options::ProviderConfig| {
                provider.name == *name || provider.dialect.name == name.as_str()
            };
            if !self.config.providers.iter().any(is_known) {
                let param = concat(&["providerOptions.", name]);
                return Err(Error::invalid(
                    &param,
                    "is for none of this client's providers; use a name of `providers`",
                ));
            }
        }
        Ok(())
    }
}

/// Whether a word is a misspelling of a name: one or two letters off (Levenshtein's distance), and fewer than half of the name's.
fn is_near(word: &str, name: &str) -> bool {
    are_within(word.as_bytes(), name.as_bytes(), ((name.len().max(1) - 1) / 2).min(2))
}

/// Whether so many letters taken out, put in or replaced make one word of the other.
fn are_within(word: &[u8], name: &[u8], edits: usize) -> bool {
    let (mut word, mut name) = (word, name);
    loop {
        match (word.split_first(), name.split_first()) {
            (None, None) => return true,
            (Some((one, rest)), Some((other, end))) if one == other => (word, name) = (rest, end),
            _ if edits == 0 => return false,
            (one, other) => {
                let (rest, end) = (one.map(|(_, rest)| rest), other.map(|(_, end)| end));
                let edits = edits - 1;
                return rest
                    .is_some_and(|rest| are_within(rest, end.unwrap_or(name), edits) || are_within(rest, name, edits))
                    || end.is_some_and(|end| are_within(word, end, edits));
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::options::{Config, ProviderConfig};
    use crate::provider::hiapi::HIAPI;
    use crate::provider::openai::OPENAI_COMPATIBLE;
    use alloc::vec;

    fn engine() -> Engine {
        let providers = vec![ProviderConfig::new("hiapi", &HIAPI), ProviderConfig::new("relay", &OPENAI_COMPATIBLE)];
        Engine::new(Config { providers, ..Config::default() }, 1)
    }

    #[test]
    fn a_misspelt_provider_is_not_bought_from_another_one() {
        for (model, said) in [
            ("hiapl/gpt-image-2", "Did you mean \"hiapi\"?"),
            ("haipi/gpt-image-2", "Did you mean \"hiapi\"?"),
            ("Relay/x", "Did you mean \"relay\"?"),
            ("relays1/x", "Did you mean \"relay\"?"),
            ("openai/gpt-image-2", "`providers`: { openai: openai(…) }"),
        ] {
            let error = engine().target(model).unwrap_err();
            assert_eq!(error.param.as_deref(), Some("model"));
            assert!(error.message.contains(said), "{}", error.message);
            assert!(error.message.contains(&concat(&["\"hiapi/", model, "\""])), "{}", error.message);
        }
    }

    #[test]
    fn a_model_with_a_slash_is_a_model() {
        for model in ["black-forest-labs/flux", "stabilityai/sdxl", "r/x", "/x", "x", "hiapi2345/x"] {
            assert_eq!(engine().target(model), Ok((0, model)));
        }
        assert_eq!(engine().target("relay/openai/gpt-image-2"), Ok((1, "openai/gpt-image-2")));
        // Two letters off is another name where names have four.
        assert!(!is_near("fa", "fal2") && is_near("fal", "fal2"));
        assert!(!is_near("ab", "a") && !is_near("", "ab") && is_near("opneai", "openai"));
    }

    #[test]
    fn options_are_for_a_provider_or_its_dialect() {
        let with = |name: &str| ImageRequest::new("m", "p").provider_option(name, "a", "1");
        for name in ["hiapi", "relay", "openaiCompatible"] {
            assert_eq!(engine().check_options(&with(name)), Ok(()));
        }
        let error = engine().check_options(&with("opneai")).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("providerOptions.opneai"));
        assert!(error.message.contains("none of this client's providers"), "{}", error.message);
    }
}
