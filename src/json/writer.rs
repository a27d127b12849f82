//! Trees and records as text.

use alloc::string::String;
use alloc::vec::Vec;

use crate::text::{hex_digit, run};

/// So many bytes are there from the beginning: most texts fit, and to grow byte by byte is most of the work of writing them.
const ROOM: usize = 512;

/// Writes JSON text: objects, arrays, strings, whole numbers and fragments that were JSON already.
///
/// Fractions are rounded to billionths: nothing that the core sends or stores has one, and printing all digits costs 24 KB of wasm.
pub struct JsonWriter {
    /// UTF-8. Bytes, since a character costs a case for each length that it may have.
    text: Vec<u8>,
    /// Whether the next value at this level needs a comma before it.
    comma: bool,
}

impl Default for JsonWriter {
    fn default() -> JsonWriter {
        JsonWriter { text: Vec::with_capacity(ROOM), comma: false }
    }
}

impl JsonWriter {
    /// A writer without text.
    pub fn new() -> JsonWriter {
        JsonWriter::default()
    }

    /// `{`
    pub fn open(&mut self) -> &mut Self {
        self.begin(b'{')
    }

    /// `}`
    pub fn close(&mut self) -> &mut Self {
        self.end(b'}')
    }

    /// `[`
    pub fn open_list(&mut self) -> &mut Self {
        self.begin(b'[')
    }

    /// `]`
    pub fn close_list(&mut self) -> &mut Self {
        self.end(b']')
    }

    /// A field's name of our own: nothing in it stands for anything but itself.
    pub fn key(&mut self, name: &'static str) -> &mut Self {
        self.separate();
        // One look for room, not one for each piece.
        self.text.reserve(name.len() + 3);
        self.text.push(b'"');
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
        self.comma = false;
        self
    }

    /// A field's name, whatever is in it.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.text.push(b':');
        self.comma = false;
        self
    }

    /// A field, and its value.
    pub fn with(&mut self, name: &'static str, value: impl Value) -> &mut Self {
        value.write(self.key(name));
        self
    }

    /// A field, if there is a value.
    pub fn maybe(&mut self, name: &'static str, value: Option<impl Value>) -> &mut Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A string.
    pub fn string(&mut self, value: &str) -> &mut Self {
        self.separate();
        // What most of them need.
        self.text.reserve(value.len() + 3);
        self.text.push(b'"');
        let mut rest = value.as_bytes();
        loop {
            // Whole runs of what stands for itself: most strings are one.
            let (plain, other) = rest.split_at(run(rest));
            self.text.extend_from_slice(plain);
            let Some((byte, behind)) = other.split_first() else { break };
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                ..0x10 => b"\\u000",
                _ => b"\\u001",
            };
            self.text.extend_from_slice(escape);
            if escape.len() > 2 {
                self.text.push(hex_digit(u64::from(*byte)) as u8);
            }
            rest = behind;
        }
        self.text.push(b'"');
        self
    }

    /// A whole number.
    pub fn whole(&mut self, value: u64) -> &mut Self {
        self.separate();
        let (digits, from) = digits(value);
        self.text.extend_from_slice(digits.get(from..).unwrap_or_default());
        self
    }

    /// A number, not negative, to the billionth; `null` if it is none.
    pub fn number(&mut self, value: f64) -> &mut Self {
        if !value.is_finite() {
            return self.raw("null");
        }
        let mut whole = value as u64;
        let mut rest = ((value - whole as f64) * 1e9 + 0.5) as u64;
        if rest >= BILLION {
            whole += 1;
            rest = 0;
        }
        self.whole(whole);
        if rest > 0 {
            // As many digits as a billion has zeros, but none that mean nothing.
            let digits = decimal(BILLION + rest);
            self.text.push(b'.');
            self.text.extend_from_slice(digits.trim_end_matches('0').as_bytes().get(1..).unwrap_or_default());
        }
        self
    }

    /// Text that is JSON already.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.separate();
        self.text.extend_from_slice(json.as_bytes());
        self
    }

    /// The text.
    pub fn finish(self) -> String {
        // All of it came out of strings.
        String::from_utf8(self.text).unwrap_or_default()
    }

    fn begin(&mut self, bracket: u8) -> &mut Self {
        self.separate();
        self.text.push(bracket);
        self.comma = false;
        self
    }

    fn end(&mut self, bracket: u8) -> &mut Self {
        self.text.push(bracket);
        self.comma = true;
        self
    }

    fn separate(&mut self) {
        if self.comma {
            self.text.push(b',');
        }
        self.comma = true;
    }
}

const BILLION: u64 = 1_000_000_000;

/// A value as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written(pub String);

impl Written {
    /// The text of a value.
    pub fn of(value: impl Value) -> Written {
        let mut writer = JsonWriter::new();
        value.write(&mut writer);
        Written(writer.finish())
    }
}

/// What can be written: all into one text, for one of its own for each that stands in another would be most of the work.
pub trait Value {
    /// Writes it.
    fn write(self, writer: &mut JsonWriter);
}

impl<F: FnOnce(&mut JsonWriter)> Value for F {
    fn write(self, writer: &mut JsonWriter) {
        self(writer);
    }
}

impl Value for &str {
    fn write(self, writer: &mut JsonWriter) {
        writer.string(self);
    }
}

impl Value for u64 {
    fn write(self, writer: &mut JsonWriter) {
        writer.whole(self);
    }
}

impl Value for f64 {
    fn write(self, writer: &mut JsonWriter) {
        writer.number(self);
    }
}

impl Value for bool {
    fn write(self, writer: &mut JsonWriter) {
        writer.raw(if self { "true" } else { "false" });
    }
}

/// An object of the fields that are written in it.
pub fn object(fields: impl FnOnce(&mut JsonWriter) -> &mut JsonWriter) -> impl Value {
    |writer: &mut JsonWriter| {
        fields(writer.open()).close();
    }
}

/// A list of values.
pub fn list<T, V: Value>(items: impl IntoIterator<Item = T>, value: impl Fn(T) -> V) -> impl Value {
    move |writer: &mut JsonWriter| {
        writer.open_list();
        for item in items {
            value(item).write(writer);
        }
        writer.close_list();
    }
}

/// The decimal digits of a number, and where they begin.
fn digits(mut value: u64) -> ([u8; 20], usize) {
    // The highest number has so many.
    let mut digits = [0; 20];
    let mut from = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        from -= 1;
        if value == 0 {
            break;
        }
    }
    (digits, from)
}

/// A whole number in decimal digits, without the formatting machinery of `core::fmt`.
pub fn decimal(value: u64) -> String {
    let (digits, from) = digits(value);
    String::from(digits.get(from..).and_then(|digits| core::str::from_utf8(digits).ok()).unwrap_or_default())
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    #[test]
    fn objects_are_written_field_by_field() {
        let inner = object(|it| it.with("é", true).maybe("none", None::<u64>));
        let all = list([1u64, 2], |number| object(move |it| it.with("n", number)));
        let outer = object(|it| it.with("inner", inner).with("all", all).maybe("text", Some("x")));
        assert_eq!(Written::of(outer).0, r#"{"inner":{"é":true},"all":[{"n":1},{"n":2}],"text":"x"}"#);
    }

    #[test]
    fn numbers_are_written_to_the_billionth() {
        for (number, text) in [
            (0.0, "0"),
            (0.35, "0.35"),
            (0.96, "0.96"),
            (1.0 / 3.0, "0.333333333"),
            (12.000_000_001, "12.000000001"),
            (0.999_999_999_9, "1"),
            (4e15, "4000000000000000"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            let mut writer = JsonWriter::new();
            writer.number(number);
            assert_eq!(writer.finish(), text);
        }
        assert_eq!((decimal(0), decimal(u64::MAX)), (String::from("0"), u64::MAX.to_string()));
    }

    #[test]
    fn writes_what_a_parser_reads_back() {
        let hostile = "quote \" backslash \\ newline \n tab \t bell \u{7} unit \u{1f} heart ♥ 🌊";
        let mut writer = JsonWriter::new();
        writer.open().key("a").whole(0).key("b").whole(u64::MAX).name(hostile).string(hostile);
        writer
            .key("c")
            .open_list()
            .string("x")
            .raw("1.5e3")
            .open()
            .close()
            .close_list()
            .maybe("d", None::<&str>)
            .close();
        let parsed: serde_json::Value = serde_json::from_str(&writer.finish()).unwrap();
        assert_eq!(parsed["a"], 0);
        assert_eq!(parsed["b"], u64::MAX);
        assert_eq!(parsed[hostile], hostile);
        assert_eq!(parsed["c"], serde_json::json!(["x", 1500.0, {}]));
        assert!(parsed.get("d").is_none());
    }
}
