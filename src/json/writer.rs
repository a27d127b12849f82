//! Trees and records as text.

use alloc::string::String;

use crate::text::hex_digit;

/// So many bytes are there from the beginning: most texts fit, and to grow byte by byte is most of the work of writing them.
const ROOM: usize = 512;

/// Writes JSON text: objects, arrays, strings, whole numbers and fragments that were JSON already.
///
/// Fractions are rounded to billionths: nothing that the core sends or stores has one, and printing all digits costs 24 KB of wasm.
pub struct JsonWriter {
    text: String,
    /// Whether the next value at this level needs a comma before it.
    comma: bool,
}

impl Default for JsonWriter {
    fn default() -> JsonWriter {
        JsonWriter { text: String::with_capacity(ROOM), comma: false }
    }
}

impl JsonWriter {
    /// A writer without text.
    pub fn new() -> JsonWriter {
        JsonWriter::default()
    }

    /// `{`
    pub fn open(&mut self) -> &mut Self {
        self.separate();
        self.text.push('{');
        self.comma = false;
        self
    }

    /// `}`
    pub fn close(&mut self) -> &mut Self {
        self.text.push('}');
        self.comma = true;
        self
    }

    /// `[`
    pub fn open_list(&mut self) -> &mut Self {
        self.separate();
        self.text.push('[');
        self.comma = false;
        self
    }

    /// `]`
    pub fn close_list(&mut self) -> &mut Self {
        self.text.push(']');
        self.comma = true;
        self
    }

    /// A field's name.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.text.push(':');
        self.comma = false;
        self
    }

    /// A string.
    pub fn string(&mut self, value: &str) -> &mut Self {
        self.separate();
        self.text.push('"');
        // Whole runs of what stands for itself: most strings are one.
        let mut from = 0;
        for (at, byte) in value.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                ..0x10 => "\\u000",
                0x10..0x20 => "\\u001",
                _ => continue,
            };
            self.text.push_str(value.get(from..at).unwrap_or_default());
            self.text.push_str(escape);
            if escape.len() > 2 {
                self.text.push(hex_digit(u64::from(byte)));
            }
            from = at + 1;
        }
        self.text.push_str(value.get(from..).unwrap_or_default());
        self.text.push('"');
        self
    }

    /// A whole number.
    pub fn whole(&mut self, value: u64) -> &mut Self {
        self.separate();
        self.text.push_str(&decimal(value));
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
            self.text.push('.');
            self.text.push_str(digits.trim_end_matches('0').get(1..).unwrap_or_default());
        }
        self
    }

    /// Text that is JSON already.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.separate();
        self.text.push_str(json);
        self
    }

    /// A string field, if there is a value.
    pub fn maybe(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.key(name).string(value);
        }
        self
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn separate(&mut self) {
        if self.comma {
            self.text.push(',');
        }
        self.comma = true;
    }
}

const BILLION: u64 = 1_000_000_000;

/// A value as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written(pub String);

/// What an object's field can be.
pub trait Value {
    /// Writes it.
    fn write(self, writer: &mut JsonWriter);
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

impl Value for Written {
    fn write(self, writer: &mut JsonWriter) {
        writer.raw(&self.0);
    }
}

/// Writes an object field by field; absent values leave no field.
pub struct ObjectWriter {
    writer: JsonWriter,
}

impl Default for ObjectWriter {
    fn default() -> ObjectWriter {
        let mut writer = JsonWriter::new();
        writer.open();
        ObjectWriter { writer }
    }
}

impl ObjectWriter {
    /// An object without fields.
    pub fn new() -> ObjectWriter {
        ObjectWriter::default()
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: impl Value) -> ObjectWriter {
        self.writer.key(name);
        value.write(&mut self.writer);
        self
    }

    /// Adds a field if there is a value.
    pub fn maybe(self, name: &str, value: Option<impl Value>) -> ObjectWriter {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The finished object.
    pub fn build(mut self) -> Written {
        self.writer.close();
        Written(self.writer.finish())
    }
}

/// A list of values.
pub fn list<T, V: Value>(items: impl IntoIterator<Item = T>, value: impl Fn(T) -> V) -> Written {
    let mut writer = JsonWriter::new();
    writer.open_list();
    for item in items {
        value(item).write(&mut writer);
    }
    writer.close_list();
    Written(writer.finish())
}

/// A whole number in decimal digits, without the formatting machinery of `core::fmt`.
pub fn decimal(mut value: u64) -> String {
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
    String::from(digits.get(from..).and_then(|digits| core::str::from_utf8(digits).ok()).unwrap_or_default())
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    #[test]
    fn objects_are_written_field_by_field() {
        let inner = ObjectWriter::new().with("é\"", true).maybe("none", None::<u64>).build();
        let all = list([1u64, 2], |number| ObjectWriter::new().with("n", number).build());
        let outer = ObjectWriter::new().with("inner", inner).with("all", all).maybe("text", Some("x")).build();
        assert_eq!(outer.0, r#"{"inner":{"é\"":true},"all":[{"n":1},{"n":2}],"text":"x"}"#);
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
            assert_eq!(writer.number(number).text, text);
        }
        assert_eq!((decimal(0), decimal(u64::MAX)), (String::from("0"), u64::MAX.to_string()));
    }

    #[test]
    fn writes_what_a_parser_reads_back() {
        let hostile = "quote \" backslash \\ newline \n tab \t bell \u{7} unit \u{1f} heart ♥ 🌊";
        let mut writer = JsonWriter::new();
        writer.open().key("a").whole(0).key("b").whole(u64::MAX).key(hostile).string(hostile);
        writer.key("c").open_list().string("x").raw("1.5e3").open().close().close_list().maybe("d", None).close();
        let parsed: serde_json::Value = serde_json::from_str(&writer.finish()).unwrap();
        assert_eq!(parsed["a"], 0);
        assert_eq!(parsed["b"], u64::MAX);
        assert_eq!(parsed[hostile], hostile);
        assert_eq!(parsed["c"], serde_json::json!(["x", 1500.0, {}]));
        assert!(parsed.get("d").is_none());
    }
}
