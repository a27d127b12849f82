//! What a provider's filter said: at which stage, of what, and how grave that is. Whether another model may be asked depends on it.

use alloc::string::String;
use alloc::vec::Vec;

use super::Dialect;
use super::complaint::Complaint;
use crate::error::{Filter, FilterStage, Severity};
use crate::gather::gather;
use crate::json::Json;
use crate::text::says;

/// The most categories that are kept.
const MAX_CATEGORIES: usize = 16;
/// No model should be asked for these.
const HARD: &[&str] = &[
    "minor",
    "child",
    "csam",
    "self-harm",
    "self_harm",
    "suicide",
    "terror",
    "extrem",
    "hate",
    "weapon",
    "illicit",
    "pii",
    "jailbreak",
];
/// Matters of taste and of rights, on which models differ.
const SOFT: &[&str] = &[
    "violence",
    "gore",
    "sexual",
    "suggestive",
    "celebrity",
    "public_figure",
    "likeness",
    "copyright",
    "brand",
    "recitation",
];
/// How OpenAI names categories in its words: `safety_violations=[sexual, violence]`.
const IN_WORDS: &str = "safety_violations=[";

/// Reads a filter's verdict from an error's body and words.
pub fn filter(dialect: &Dialect, json: Option<&Json>, complaint: &Complaint) -> Filter {
    let table = &dialect.answer;
    let at = |paths| json.and_then(|json: &Json| json.first(paths));
    let stage = match at(table.filter_stage).and_then(Json::text) {
        Some("input" | "prompt") => FilterStage::Prompt,
        Some("output") => FilterStage::Output,
        _ => FilterStage::Unknown,
    };
    let listed = at(table.filter_categories).map_or(&[][..], Json::list).iter();
    let mut categories = gather(listed.filter_map(Json::text).map(String::from).take(MAX_CATEGORIES));
    if categories.is_empty() {
        categories.clone_from(&complaint.categories);
    }
    if categories.is_empty() {
        categories = in_words(&complaint.words);
    }
    let severity = severity(stage, &categories);
    Filter { stage, severity, categories }
}

fn in_words(message: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let start = message.as_bytes().windows(IN_WORDS.len()).position(|window| window == IN_WORDS.as_bytes());
    let rest = start.and_then(|start| message.as_bytes().get(start + IN_WORDS.len()..)).unwrap_or_default();
    for byte in rest {
        match byte {
            b',' | b']' if words.len() < MAX_CATEGORIES && !word.is_empty() => words.push(core::mem::take(&mut word)),
            b'!'..=b'~' => word.push(char::from(*byte)),
            _ => {}
        }
        if *byte == b']' {
            break;
        }
    }
    words
}

/// The gravest category decides; a word that is not known is not soft, nor is a verdict of an unknown stage.
fn severity(stage: FilterStage, categories: &[String]) -> Severity {
    if categories.iter().any(|word| says(word, HARD)) {
        return Severity::Hard;
    }
    if stage == FilterStage::Unknown || categories.iter().any(|word| !says(word, SOFT)) {
        return Severity::Unknown;
    }
    Severity::Soft
}

#[cfg(test)]
mod tests {
    use super::super::openai::OPENAI;
    use super::*;
    use crate::json::ObjectBuilder;

    fn verdict(stage: &str, categories: &[&str], message: &str) -> Filter {
        let categories = Json::List(categories.iter().map(|word| Json::from(*word)).collect());
        let details = ObjectBuilder::new().with("moderation_stage", stage).with("categories", categories).build();
        let error = ObjectBuilder::new().with("moderation_details", details).build();
        let complaint = Complaint { words: message.to_ascii_lowercase(), ..Complaint::default() };
        filter(&OPENAI, Some(&ObjectBuilder::new().with("error", error).build()), &complaint)
    }

    #[test]
    fn the_gravest_category_decides() {
        assert_eq!(verdict("input", &["violence"], "").severity, Severity::Soft);
        assert_eq!(verdict("output", &["violence", "sexual/minors"], "").severity, Severity::Hard);
        assert_eq!(verdict("output", &["violence", "something new"], "").severity, Severity::Unknown);
        assert_eq!(verdict("output", &[], "").severity, Severity::Soft, "a general refusal at a known stage");
    }

    #[test]
    fn a_verdict_of_an_unknown_stage_is_not_soft() {
        let filter = verdict("", &[], "Rejected by the safety system. safety_violations=[violence, sexual].");
        assert_eq!((filter.stage, filter.severity), (FilterStage::Unknown, Severity::Unknown));
        assert_eq!(filter.categories, ["violence", "sexual"]);
        assert_eq!(verdict("", &["self-harm"], "").severity, Severity::Hard);
    }
}
