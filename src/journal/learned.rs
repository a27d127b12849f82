//! What is written down of a lane, so that the next process begins where this one ended. Only ever a hint: whatever looks odd is not believed.

use alloc::string::String;
use alloc::vec::Vec;

use super::VERSION;
use crate::gather::gather;
use crate::json::{Json, JsonWriter};
use crate::limit::Learned;
use crate::poll::Summary;
use crate::table::text_code;
use crate::text::{concat, hex_digit};
use crate::time::Millis;

/// So long what was learned is believed, ms: keys are moved between tiers, and a week is what people call lately.
pub const LEARNED_LIFE: Millis = 7 * 24 * 3_600_000;
/// Two machines that share a store may have clocks so far apart, ms; a record from later than that is not from now.
const SKEW: Millis = 24 * 3_600_000;
/// More slots than any key is known to have: 200 is documented, and a flood of refusals is what believing nonsense would cost.
const MOST_SLOTS: u64 = 10_000;
/// The longest window that is believed, ms: a month.
const LONGEST_WINDOW: u64 = 31 * 24 * 3_600_000;
/// So many models a record tells of.
const MOST_MODELS: usize = 16;
/// The longest name of a model that is kept, bytes.
const LONGEST_NAME: usize = 200;

/// What is written down of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRecord {
    /// The lane's name: the key in the store is only a hash of it.
    pub lane: String,
    /// When it was written, ms since the epoch.
    pub at: u64,
    /// What was learned of its limits, if anything was.
    pub learned: Option<Learned>,
    /// How long the tasks of its provider's models take, the last used last. What is read is at most 16 models.
    pub models: Vec<(String, Summary)>,
}

impl LaneRecord {
    /// The key of a lane in the store. No caller's own key collides with it, for none has a blank; and it is fit for a file's name.
    pub fn key(lane: &str) -> String {
        let code = text_code(lane);
        let mut digits = String::with_capacity(32);
        for shift in 0..32 {
            digits.push(hex_digit((code >> (4 * shift)) as u64));
        }
        concat(&["tidegate lane ", &digits])
    }

    /// The text to store.
    pub fn write(&self) -> String {
        let mut writer = JsonWriter::new();
        writer.open().key("v").whole(VERSION).key("lane").string(&self.lane).key("at").whole(self.at);
        if let Some(learned) = self.learned {
            writer.key("limit").whole(u64::from(learned.limit));
            writer.key("bounded").raw(if learned.bounded { "true" } else { "false" });
            if let Some((count, length)) = learned.window {
                writer.key("windowLimit").whole(u64::from(count)).key("windowMs").whole(length);
            }
        }
        if !self.models.is_empty() {
            writer.key("models").open_list();
            let fitting = || self.models.iter().filter(|(name, _)| name.len() <= LONGEST_NAME);
            for (name, Summary { p5, p50, p95 }) in fitting().skip(fitting().count().saturating_sub(MOST_MODELS)) {
                writer.open().key("name").string(name);
                writer.key("p5").whole(*p5).key("p50").whole(*p50).key("p95").whole(*p95).close();
            }
            writer.close_list();
        }
        writer.close();
        writer.finish()
    }

    /// Reads a parsed record; `None` if it is none of these, of another version, or says what can't be.
    pub fn read(json: &Json) -> Option<LaneRecord> {
        let whole = |name: &str, most: u64| {
            json.get(name).map(|value| value.whole().filter(|figure| (1..=most).contains(figure)))
        };
        if json.get("v").and_then(Json::whole) != Some(VERSION) {
            return None;
        }
        let window = match (whole("windowLimit", u64::from(u32::MAX)), whole("windowMs", LONGEST_WINDOW)) {
            (None, None) => None,
            (Some(count), Some(length)) => Some((count? as u32, length?)),
            _ => return None,
        };
        let models = json.get("models");
        let learned = match whole("limit", MOST_SLOTS) {
            // Durations may be all that is known; without them, it is no record of a lane.
            None if window.is_none() && models.is_some() => None,
            limit => {
                Some(Learned { limit: limit?? as u32, bounded: json.get("bounded").and_then(Json::boolean)?, window })
            }
        };
        let models = models.map_or(&[][..], Json::list).iter().filter_map(read_model).take(MOST_MODELS);
        Some(LaneRecord {
            lane: json.text_of("lane")?,
            at: json.get("at").and_then(Json::whole)?,
            learned,
            models: gather(models),
        })
    }

    /// Whether it is of this lane, and lately written.
    pub fn holds(&self, lane: &str, wall: u64) -> bool {
        self.lane == lane && wall.saturating_sub(self.at) <= LEARNED_LIFE && self.at.saturating_sub(wall) <= SKEW
    }
}

/// A model's durations, if they can be.
fn read_model(json: &Json) -> Option<(String, Summary)> {
    let whole = |name: &str| json.get(name).and_then(Json::whole).filter(|length| *length <= LONGEST_WINDOW);
    let name = json.text_of("name").filter(|name| name.len() <= LONGEST_NAME)?;
    let summary = Summary { p5: whole("p5")?, p50: whole("p50")?, p95: whole("p95")? };
    (summary.p5 <= summary.p50 && summary.p50 <= summary.p95).then_some((name, summary))
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::json::ObjectBuilder;
    use alloc::string::ToString;
    use alloc::vec;

    const NOW: u64 = 1_795_309_783_000;

    fn record(window: Option<(u32, Millis)>) -> LaneRecord {
        let learned = Some(Learned { limit: 23, bounded: true, window });
        LaneRecord { lane: String::from("hiapi https://api.hiapi.ai a"), at: NOW, learned, models: Vec::new() }
    }

    fn took(name: &str, p5: Millis) -> (String, Summary) {
        (String::from(name), Summary { p5, p50: p5 + 1, p95: p5 + 2 })
    }

    fn parse(text: &str) -> Option<LaneRecord> {
        LaneRecord::read(&crate::journal::tests::tree(serde_json::from_str(text).unwrap()))
    }

    #[test]
    fn what_is_written_is_read_back() {
        for window in [None, Some((60, 60_000))] {
            assert_eq!(parse(&record(window).write()), Some(record(window)));
        }
        let open = Learned { limit: 8, bounded: false, window: None };
        let open = LaneRecord { learned: Some(open), models: vec![took("m", 10)], ..record(None) };
        assert_eq!(parse(&open.write()), Some(open));
        let durations = LaneRecord { learned: None, models: vec![took("a", 1), took("b", 2)], ..record(None) };
        assert_eq!(parse(&durations.write()), Some(durations));
        assert_eq!(parse(&LaneRecord { learned: None, ..record(None) }.write()), None, "says nothing");
    }

    #[test]
    fn few_models_are_kept_and_odd_ones_left_out() {
        let names = (0..40u32).map(|nth| took(&nth.to_string(), 1_000)).chain([took(&"n".repeat(201), 1)]);
        let long = LaneRecord { models: names.collect(), ..record(None) };
        let read = parse(&long.write()).unwrap();
        assert_eq!(read.models, long.models[24..40], "the last used");
        let text = LaneRecord { models: vec![took("odd", 777), took("even", 8)], ..record(None) }.write();
        for (true_word, odd) in [("\"p95\":779", "\"p95\":5"), ("\"p5\":777", "\"p5\":-1"), ("\"odd\"", "7")] {
            let read = parse(&text.replace(true_word, odd)).unwrap();
            assert_eq!((read.learned, read.models), (record(None).learned, vec![took("even", 8)]), "{odd}");
        }
    }

    #[test]
    fn what_cannot_be_is_not_believed() {
        let text = record(Some((60, 60_000))).write();
        for (true_word, odd) in [
            ("\"v\":1", "\"v\":2"),
            ("\"limit\":23", "\"limit\":0"),
            ("\"limit\":23", "\"limit\":-3"),
            ("\"limit\":23", "\"limit\":2.5"),
            ("\"limit\":23", "\"limit\":10001"),
            ("\"limit\":23", "\"limit\":1e300"),
            ("\"limit\":23", "\"limit\":\"23\""),
            ("\"bounded\":true", "\"bounded\":1"),
            ("\"windowLimit\":60", "\"windowLimit\":0"),
            ("\"windowLimit\":60", "\"windowLimit\":4294967296"),
            ("\"windowMs\":60000", "\"windowMs\":9007199254740991"),
            ("\"windowMs\":60000", "\"windowMiles\":60000"),
            ("\"at\":", "\"when\":"),
            ("\"lane\":", "\"line\":"),
        ] {
            assert_ne!(text.replace(true_word, odd), text, "{true_word}");
            assert_eq!(parse(&text.replace(true_word, odd)), None, "{odd}");
        }
    }

    #[test]
    fn a_week_later_or_of_another_lane_it_says_nothing() {
        let known = record(None);
        assert!(known.holds(&known.lane, NOW) && known.holds(&known.lane, NOW + LEARNED_LIFE));
        assert!(!known.holds(&known.lane, NOW + LEARNED_LIFE + 1));
        assert!(!known.holds("hiapi https://api.hiapi.ai b", NOW));
        assert!(known.holds(&known.lane, NOW - SKEW) && !known.holds(&known.lane, NOW - SKEW - 1));
    }

    #[test]
    fn a_key_is_no_callers() {
        let key = LaneRecord::key("hiapi https://api.hiapi.ai a");
        assert!(key.starts_with("tidegate lane ") && key.len() == 46, "{key}");
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == ' '), "{key}");
        assert_ne!(key, LaneRecord::key("hiapi https://api.hiapi.ai b"));
    }

    #[test]
    fn a_tasks_record_is_none_and_the_other_way_round() {
        assert_eq!(LaneRecord::read(&ObjectBuilder::new().with("v", 1).with("stage", "planned").build()), None);
        let lane = crate::journal::tests::tree(serde_json::from_str(&record(None).write()).unwrap());
        assert_eq!(crate::journal::Record::read(&lane), None);
    }
}
