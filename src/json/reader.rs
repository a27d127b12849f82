//! JSON text to a tree, as JavaScript's `JSON.parse` reads it, within the bounds of the tree. Never recurses.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Json, Long, TooLarge, TreeBuilder};
use crate::text;

/// What the strings of a text are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strings {
    /// Themselves, however long.
    Plain,
    /// Long ones were cut out by the host: in their place stands a string that begins with [`CUT`], the host's number for it, a blank, and its head.
    /// JSON has no such strings, so none of a server's can pass for one.
    Cut,
}

/// Why there is no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The text is no JSON.
    NotJson,
    /// It is beyond the bounds.
    TooLarge(TooLarge),
}

impl From<TooLarge> for Unreadable {
    fn from(bound: TooLarge) -> Unreadable {
        Unreadable::TooLarge(bound)
    }
}

/// The control character that begins a string which the host keeps.
pub const CUT: u8 = 1;

/// Up to here every whole number is a float.
const EXACT: u64 = 1 << 53;
/// And up to this one every power of ten, so that one division by it rounds once, and rightly.
const EXACT_POWER: usize = 22;

/// Reads a text. `rare` reads a number of more digits than are exact in one step: the host has that, and in wasm its tables are 10 KB.
///
/// # Errors
/// When it is no JSON, or too large.
pub fn read(text: &str, strings: Strings, rare: &dyn Fn(&str) -> f64) -> Result<Json, Unreadable> {
    let (tree, end) = read_first(text, strings, rare)?;
    let mut rest = Reader { text, at: end, strings };
    if rest.peek() == 0 && rest.at == text.len() { Ok(tree) } else { Err(Unreadable::NotJson) }
}

/// Reads the document that a text begins with, and says where it ends, whatever follows.
///
/// # Errors
/// When the text does not begin with a whole document, or that is too large.
pub fn read_first(text: &str, strings: Strings, rare: &dyn Fn(&str) -> f64) -> Result<(Json, usize), Unreadable> {
    let mut reader = Reader { text, at: 0, strings };
    let mut tree = TreeBuilder::new();
    // Whether each open container is an object.
    let mut open: Vec<bool> = Vec::new();
    loop {
        match reader.next() {
            b'{' => {
                tree.open(Json::Object(Vec::new()))?;
                open.push(true);
                if reader.peek() != b'}' {
                    tree.key(reader.name()?);
                    continue;
                }
            }
            b'[' => {
                tree.open(Json::List(Vec::new()))?;
                open.push(false);
                if reader.peek() != b']' {
                    continue;
                }
            }
            b'"' => tree.leaf(reader.leaf()?)?,
            b't' => tree.leaf(reader.word("rue").map(|()| Json::Bool(true))?)?,
            b'f' => tree.leaf(reader.word("alse").map(|()| Json::Bool(false))?)?,
            b'n' => tree.leaf(reader.word("ull").map(|()| Json::Null)?)?,
            first => tree.leaf(Json::Number(reader.number(first, rare)?))?,
        }
        // Behind a value, or at the end of an empty container.
        loop {
            let Some(is_object) = open.last() else {
                return Ok((tree.finish(), reader.at));
            };
            match (reader.next(), is_object) {
                (b',', true) => {
                    tree.key(reader.name()?);
                    break;
                }
                (b',', false) => break,
                (b'}', true) | (b']', false) => {
                    tree.close();
                    open.pop();
                }
                _ => return Err(Unreadable::NotJson),
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    strings: Strings,
}

impl Reader<'_> {
    /// The byte here; 0 behind the last, which is no part of JSON either.
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> u8 {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self.byte()
    }

    /// The same, and goes on behind it.
    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn word(&mut self, rest: &str) -> Result<(), Unreadable> {
        for byte in rest.bytes() {
            if self.byte() != byte {
                return Err(Unreadable::NotJson);
            }
            self.at += 1;
        }
        Ok(())
    }

    /// A field's name and its colon.
    fn name(&mut self) -> Result<String, Unreadable> {
        let name = if self.next() == b'"' { self.string()? } else { return Err(Unreadable::NotJson) };
        if self.next() == b':' { Ok(name) } else { Err(Unreadable::NotJson) }
    }

    /// A string value whose first quotation mark was read.
    fn leaf(&mut self) -> Result<Json, Unreadable> {
        let is_cut = self.is_cut();
        let text = self.string()?;
        if !is_cut {
            return Ok(Json::Text(text));
        }
        let (handle, head) = text.split_once(' ').ok_or(Unreadable::NotJson)?;
        let handle = text::whole(handle).ok_or(Unreadable::NotJson)? as u32;
        Ok(Json::Handle(Long { handle, head: String::from(head) }))
    }

    /// Whether the host keeps the string that begins here; goes on behind the mark.
    fn is_cut(&mut self) -> bool {
        let is_cut = self.strings == Strings::Cut && self.byte() == CUT;
        self.at += usize::from(is_cut);
        is_cut
    }

    /// The rest of a string whose first quotation mark was read.
    fn string(&mut self) -> Result<String, Unreadable> {
        let mut string = self.run();
        loop {
            let end = self.byte();
            self.at += 1;
            match end {
                b'"' => return Ok(string),
                b'\\' => string.push(self.escaped()?),
                _ => return Err(Unreadable::NotJson),
            }
            string.push_str(&self.run());
        }
    }

    /// What stands for itself from here on; most strings are no more than that.
    fn run(&mut self) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let run = rest.get(..text::run(rest.as_bytes())).unwrap_or_default();
        self.at += run.len();
        String::from(run)
    }

    /// What stands behind a backslash.
    fn escaped(&mut self) -> Result<char, Unreadable> {
        let letter = self.byte();
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let place = self.at;
                if (0xd800..0xdc00).contains(&unit) && self.word("\\u").is_ok() {
                    let low = self.unit()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                }
                self.at = place;
                // Half of a pair is what it becomes wherever text leaves JavaScript.
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(Unreadable::NotJson),
        })
    }

    fn unit(&mut self) -> Result<u32, Unreadable> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.byte()).to_digit(16).ok_or(Unreadable::NotJson)?;
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    /// A number whose first byte was read.
    fn number(&mut self, first: u8, rare: &dyn Fn(&str) -> f64) -> Result<f64, Unreadable> {
        let start = self.at - 1;
        if first != b'-' {
            self.at = start;
        }
        let mut digits: u64 = 0;
        let whole = self.digits(&mut digits);
        let leads = self.text.as_bytes().get(self.at.saturating_sub(whole)) == Some(&b'0');
        if whole == 0 || (leads && whole > 1) {
            return Err(Unreadable::NotJson);
        }
        let mut places = 0;
        if self.byte() == b'.' {
            self.at += 1;
            places = self.digits(&mut digits);
            if places == 0 {
                return Err(Unreadable::NotJson);
            }
        }
        let is_scaled = matches!(self.byte(), b'e' | b'E');
        if is_scaled {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            if self.digits(&mut 0) == 0 {
                return Err(Unreadable::NotJson);
            }
        }
        if is_scaled || digits > EXACT || places > EXACT_POWER {
            return Ok(rare(self.text.get(start..self.at).unwrap_or_default()));
        }
        let mut size = digits as f64;
        if places > 0 {
            size /= (0..places).fold(1.0, |power, _| power * 10.0);
        }
        Ok(if first == b'-' { -size } else { size })
    }

    /// Reads digits onto a number, which stays beyond what is exact once it is there, and says how many there were.
    fn digits(&mut self, number: &mut u64) -> usize {
        let from = self.at;
        while self.byte().is_ascii_digit() {
            *number = number.saturating_mul(10).saturating_add(u64::from(self.byte() - b'0'));
            self.at += 1;
        }
        self.at - from
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Result<Json, Unreadable> {
        read(text, Strings::Plain, &|digits| digits.parse().unwrap())
    }

    /// Of equal names the last, as [`Json::get`] has it.
    fn same(tree: &Json, value: &serde_json::Value) -> bool {
        match (tree, value) {
            (Json::Null, serde_json::Value::Null) => true,
            (Json::Bool(one), serde_json::Value::Bool(other)) => one == other,
            // The other one is a bit off where there are many digits.
            (Json::Number(one), serde_json::Value::Number(other)) => {
                let other = other.as_f64().unwrap();
                *one == other || (one / other - 1.0).abs() < 1e-15
            }
            (Json::Text(one), serde_json::Value::String(other)) => one == other,
            (Json::List(list), serde_json::Value::Array(other)) => {
                list.len() == other.len() && list.iter().zip(other).all(|(one, other)| same(one, other))
            }
            (Json::Object(fields), serde_json::Value::Object(other)) => {
                fields.iter().all(|(name, _)| other.contains_key(name))
                    && other.iter().all(|(name, value)| {
                        same(
                            fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value).unwrap(),
                            value,
                        )
                    })
            }
            _ => false,
        }
    }

    fn agrees(text: &str) -> Result<(), TestCaseError> {
        let tree = plain(text);
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value) => prop_assert!(tree.as_ref().is_ok_and(|tree| same(tree, &value)), "{text}: {tree:?}"),
            // It refuses halves of pairs and numbers that are too large, which JavaScript doesn't.
            Err(error) if error.to_string().contains("surrogate") || error.to_string().contains("out of range") => {}
            Err(error) => prop_assert_eq!(tree, Err(Unreadable::NotJson), "{}: {}", text, error),
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_reads_as_another_parser_has_it(
            text in prop_oneof![
                prop::collection::vec(prop::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00e9", "\\ud83d\\ude00", "\\n", "a", "é", "\"a\"", "\"b\":", "0", "1",
                    "-", ".", "5", "e", "E+", "12", "true", "false", "null", " ", "\n", "\u{1}", "9007199254740993",
                ]), 0..12).prop_map(|pieces| pieces.concat()),
                "-?[0-9]{1,20}(\\.[0-9]{1,24})?",
            ],
        ) {
            agrees(&text)?;
        }

        #[test]
        fn numbers_are_exact(number in any::<f64>().prop_filter("JSON has no other", |number| number.is_finite()), text in "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,24})?") {
            for text in [format!("{number}"), format!("{number:e}"), text] {
                prop_assert_eq!(plain(&text), Ok(Json::Number(text.parse().unwrap())));
            }
        }

        #[test]
        fn any_string_comes_through(text in any::<String>()) {
            agrees(&serde_json::to_string(&text).unwrap())?;
        }
    }

    #[test]
    fn halves_of_pairs_become_what_they_are_everywhere_else() {
        let texts = plain(r#"["\ud800","\ud800x","\ud800\u0041","\udc00\ud83d\ude00"]"#).unwrap();
        let texts: Vec<&str> = texts.list().iter().filter_map(Json::text).collect();
        assert_eq!(texts, ["\u{fffd}", "\u{fffd}x", "\u{fffd}A", "\u{fffd}😀"]);
    }

    #[test]
    fn what_the_host_has_cut_out_is_a_handle() {
        let cut = |text: &str| read(text, Strings::Cut, &|_| 0.0);
        let tree = cut("{\"a\":\"text\",\"b\":[\"\u{1}12 iVBOR w\",1]}").unwrap();
        assert_eq!(tree.get("a"), Some(&Json::from("text")));
        let kept = Json::Handle(Long { handle: 12, head: String::from("iVBOR w") });
        assert_eq!(tree.get("b").map(Json::list), Some(&[kept, Json::Number(1.0)][..]));
        for text in ["\"\u{1}\"", "\"\u{1}12\"", "\"\u{1}x y\"", "\"a\u{1}12 x\"", "\"\u{2}12 x\""] {
            assert_eq!(cut(text), Err(Unreadable::NotJson), "{text}");
        }
        assert_eq!(plain("\"\u{1}12 x\""), Err(Unreadable::NotJson), "only where the host has cut anything out");
        assert_eq!(cut("\"\\u000112 x\""), Ok(Json::from("\u{1}12 x")), "an escape is the server's own");
    }

    #[test]
    fn the_first_document_ends_where_it_ends() {
        let first = |text: &str| read_first(text, Strings::Plain, &|_| 0.0);
        let (tree, end) = first(" {\"a\":1}{\"b\"").unwrap();
        assert_eq!((tree.get("a"), end), (Some(&Json::Number(1.0)), 8));
        assert_eq!(first("{\"a\":1"), Err(Unreadable::NotJson));
    }
}
