//! Trees and records as text.

use alloc::string::String;
use alloc::vec::Vec;

use super::Json;
use crate::text::hex_digit;

/// Writes JSON text: objects, arrays, strings, whole numbers and fragments that were JSON already.
///
/// Fractions it leaves to the host: nothing that the core sends or stores has one, and printing them costs 24 KB of wasm.
#[derive(Default)]
pub struct JsonWriter {
    text: String,
    /// Whether the next value at this level needs a comma before it.
    comma: bool,
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

    /// Text that is JSON already.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.separate();
        self.text.push_str(json);
        self
    }

    /// A whole tree; `print` writes a number that is not whole. What stayed with the host is `null`. Recursive: trees of the core's own are a few levels
    /// deep.
    pub fn tree(&mut self, tree: &Json, print: &impl Fn(f64) -> String) -> &mut Self {
        match tree {
            Json::Null | Json::Handle(_) => self.raw("null"),
            Json::Bool(truth) => self.raw(if *truth { "true" } else { "false" }),
            Json::Number(number) => match tree.whole() {
                Some(whole) => self.whole(whole),
                None if number.is_finite() => self.raw(&print(*number)),
                None => self.raw("null"),
            },
            Json::Text(text) => self.string(text),
            Json::List(values) => {
                self.open_list();
                for value in values {
                    self.tree(value, print);
                }
                self.close_list()
            }
            Json::Object(fields) => {
                self.open();
                for (name, value) in fields {
                    self.key(name).tree(value, print);
                }
                self.close()
            }
        }
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

/// A whole number in decimal digits, without the formatting machinery of `core::fmt`.
pub fn decimal(mut value: u64) -> String {
    let mut digits = Vec::with_capacity(20);
    loop {
        digits.push(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::json::reader::{Strings, read};

    #[test]
    fn trees_come_back_as_they_went() {
        let text = r#"{"a":[1,2.5,true,null,"x"],"b":{"c":{},"é\"":-3},"d":[]}"#;
        let tree = read(text, Strings::Plain(9), |_| 0.0).unwrap();
        let mut writer = JsonWriter::new();
        writer.tree(&tree, &|number| number.to_string());
        assert_eq!(writer.finish(), text);
        let mut writer = JsonWriter::new();
        writer.tree(&Json::List(alloc::vec![Json::Number(f64::NAN), Json::Number(f64::INFINITY)]), &|_| String::new());
        assert_eq!(writer.finish(), "[null,null]");
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
