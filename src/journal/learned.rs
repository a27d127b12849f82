//! What is written down of a lane, so that the next process begins where this one ended. Only ever a hint: whatever looks odd is not believed.

use alloc::string::String;

use super::VERSION;
use crate::json::{Json, JsonWriter};
use crate::limit::Learned;
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

/// What is written down of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRecord {
    /// The lane's name: the key in the store is only a hash of it.
    pub lane: String,
    /// When it was written, ms since the epoch.
    pub at: u64,
    /// What was learned.
    pub learned: Learned,
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
        writer.key("limit").whole(u64::from(self.learned.limit));
        writer.key("bounded").raw(if self.learned.bounded { "true" } else { "false" });
        if let Some((count, length)) = self.learned.window {
            writer.key("windowLimit").whole(u64::from(count)).key("windowMs").whole(length);
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
        Some(LaneRecord {
            lane: json.text_of("lane")?,
            at: json.get("at").and_then(Json::whole)?,
            learned: Learned {
                limit: whole("limit", MOST_SLOTS)?? as u32,
                bounded: json.get("bounded").and_then(Json::boolean)?,
                window,
            },
        })
    }

    /// Whether it is of this lane, and lately written.
    pub fn holds(&self, lane: &str, wall: u64) -> bool {
        self.lane == lane && wall.saturating_sub(self.at) <= LEARNED_LIFE && self.at.saturating_sub(wall) <= SKEW
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::json::ObjectBuilder;

    const NOW: u64 = 1_795_309_783_000;

    fn record(window: Option<(u32, Millis)>) -> LaneRecord {
        let learned = Learned { limit: 23, bounded: true, window };
        LaneRecord { lane: String::from("hiapi https://api.hiapi.ai a"), at: NOW, learned }
    }

    fn parse(text: &str) -> Option<LaneRecord> {
        LaneRecord::read(&crate::journal::tests::tree(serde_json::from_str(text).unwrap()))
    }

    #[test]
    fn what_is_written_is_read_back() {
        for window in [None, Some((60, 60_000))] {
            assert_eq!(parse(&record(window).write()), Some(record(window)));
        }
        let open = LaneRecord { learned: Learned { limit: 8, bounded: false, window: None }, ..record(None) };
        assert_eq!(parse(&open.write()), Some(open));
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
