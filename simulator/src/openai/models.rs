//! The models and what each can do.

/// A model's abilities beyond those that all have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    pub name: &'static str,
    /// Any size by its rules, instead of the three standard ones.
    pub takes_any_size: bool,
    /// The qualities `xhigh` and `max`, and `markup`.
    pub has_fine_quality: bool,
    /// The values of `input_fidelity`.
    pub fidelities: &'static [&'static str],
    /// The parameter `complexity`.
    pub has_complexity: bool,
}

const EARLY: Model =
    Model { name: "", takes_any_size: false, has_fine_quality: false, fidelities: &[], has_complexity: false };
const SECOND: Model = Model { takes_any_size: true, ..EARLY };
const FINE: Model = Model { has_fine_quality: true, ..SECOND };

/// OpenAI's models of the autumn of 2026.
const MODELS: [Model; 11] = [
    Model { name: "gpt-image-2", ..SECOND },
    Model { name: "gpt-image-2-2026-04-21", ..SECOND },
    Model { name: "gpt-image-2.5-sunburst", ..FINE },
    Model { name: "gpt-image-2.5-sunburst-2026-09-08", ..FINE },
    Model { name: "gpt-image-2.5-flare", ..FINE },
    Model { name: "gpt-image-2.5-flare-2026-09-08", ..FINE },
    Model { name: "gpt-image-2.6-sunburst", has_complexity: true, ..FINE },
    Model { name: "gpt-image-2.6-flare", has_complexity: true, ..FINE },
    Model { name: "gpt-image-1.5", fidelities: &["high", "low"], ..EARLY },
    Model { name: "gpt-image-1-mini", fidelities: &["low"], ..EARLY },
    Model { name: "chatgpt-image-latest", ..EARLY },
];

/// A model that is not OpenAI's: whatever it can do is let through.
const FOREIGN: Model = Model {
    name: "",
    takes_any_size: true,
    has_fine_quality: true,
    fidelities: &["high", "low"],
    has_complexity: true,
};

/// The names of OpenAI's models.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|model| model.name)
}

/// What a model can do; every name has an answer.
pub(super) fn of(name: &str) -> Model {
    MODELS.iter().copied().find(|model| model.name == name).unwrap_or(FOREIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_can_what_it_can() {
        assert_eq!(names().count(), 11);
        assert!(!of("gpt-image-1.5").takes_any_size && of("gpt-image-2").takes_any_size);
        assert!(!of("gpt-image-2").has_fine_quality && of("gpt-image-2.5-flare").has_fine_quality);
        assert_eq!(of("gpt-image-1-mini").fidelities, ["low"]);
        assert!(of("gpt-image-2.6-flare").has_complexity && !of("gpt-image-2.5-flare").has_complexity);
        assert!(of("seedream-5.0").takes_any_size);
    }
}
