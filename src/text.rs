//! The few things that are done with text. `std` has them all, each for any type and any separator, and each a kilobyte of wasm.

use alloc::string::String;
use alloc::vec::Vec;

/// Texts one after the other.
pub fn concat(parts: &[&str]) -> String {
    let mut whole = String::new();
    for part in parts {
        whole.push_str(part);
    }
    whole
}

/// Whether one of the phrases (in lower case) stands in a text. Bytes, not `str::contains`: that search and what it can panic with are 6 KB of wasm.
pub fn says(text: &str, phrases: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    let stands = |phrase: &&str| text.as_bytes().windows(phrase.len()).any(|window| window == phrase.as_bytes());
    phrases.iter().any(stands)
}

/// What stands before the first such character, and what behind it; without one, all and nothing.
pub fn cut(text: &str, at: u8) -> (&str, &str) {
    let end = text.bytes().position(|byte| byte == at).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default())
}

/// A number of decimal digits and nothing else, up to `u64::MAX`.
pub fn whole(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for byte in digits.bytes() {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(number)
}

/// So many bytes stand for themselves in a JSON string, before one of those that don't: quotation marks, backslashes, and what is below a blank.
pub fn run(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let mut at = 0;
    // Eight at a time: of a byte that is below a bound, and of one that was made 0 by what it is compared with, the top bit is set. It may be of bytes
    // after the first such one, too.
    while let Some(word) = bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map(u64::from_le_bytes) {
        let others =
            below(word, 0x20) | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1);
        if others & TOPS != 0 {
            return at + (others & TOPS).trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).unwrap_or(rest.len())
}

/// How many characters there are: each has one byte that doesn't continue another.
pub fn characters(text: &str) -> usize {
    text.bytes().filter(|byte| !(0x80..0xc0).contains(byte)).count()
}

/// The bytes that the first characters of a base64 text stand for, up to 48; fewer where it is none.
pub fn base64_head(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0u32);
    for character in text.bytes().take(64) {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' | b' ' => continue,
            // Some servers pad each piece of a text that they encode in pieces.
            b'=' => {
                (bits, count) = (0, 0);
                continue;
            }
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// The lower-case hexadecimal digit of the lowest four bits.
pub fn hex_digit(bits: u64) -> char {
    char::from_digit(bits as u32 & 15, 16).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(whole("18446744073709551615"), Some(u64::MAX));
        assert_eq!(whole("007"), Some(7));
        for text in ["", "18446744073709551616", "+1", "-1", " 1", "1.0", "x"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn the_head_of_a_base64_text_is_decoded() {
        assert_eq!(base64_head("iVBORw0KGgo="), b"\x89PNG\r\n\x1a\n");
        assert_eq!(base64_head(&"AAAA".repeat(100)), [0; 48]);
        assert_eq!(base64_head("iVBORw==\r\nDQoaCg=="), b"\x89PNG\r\n\x1a\n", "padded piece by piece, with line ends");
        assert_eq!(base64_head("_-8"), [0xff, 0xef], "the alphabet for addresses");
        assert_eq!(base64_head("..."), b"");
    }

    #[test]
    fn a_run_ends_before_what_is_escaped_wherever_it_stands() {
        let plain: Vec<u8> = (0u8..=255).filter(|byte| !matches!(byte, b'"' | b'\\' | ..0x20)).collect();
        assert_eq!((run(&plain), run(b"")), (plain.len(), 0));
        for other in (0..0x20).chain([b'"', b'\\']) {
            for at in 0..20 {
                for before in [b'!', 0x7f, 0xff] {
                    let mut bytes = alloc::vec![before; at];
                    bytes.push(other);
                    bytes.extend([0; 9]);
                    assert_eq!(run(&bytes), at, "{other} behind {at} of {before}");
                }
            }
        }
    }

    #[test]
    fn characters_are_not_bytes() {
        assert_eq!(characters("aé漢🍎"), 4);
        assert_eq!(concat(&["a", "", "é"]), "aé");
        assert_eq!((hex_digit(7), hex_digit(0x1f)), ('7', 'f'));
    }
}
