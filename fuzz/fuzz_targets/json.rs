//! Answers are bytes of somebody else's: whatever they are, the reader of the core says of them what serde_json says, and nothing breaks.
#![no_main]

use tidegate::json::reader::{Strings, Unreadable, read};

fn number(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::NAN)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let _ = read(text, Strings::Cut, &number);
    let read = read(text, Strings::Plain, &number);
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => assert!(!matches!(read, Err(Unreadable::NotJson)), "{text:?}"),
        // It goes less deep, and refuses halves of pairs and numbers that are too large; JavaScript doesn't, and the tree has bounds of its own.
        Err(error) => {
            let words = error.to_string();
            let is_stricter =
                ["recursion", "surrogate", "hex escape", "out of range"].iter().any(|word| words.contains(word));
            assert!(read.is_err() || is_stricter, "{text:?}: {words}");
        }
    }
});
