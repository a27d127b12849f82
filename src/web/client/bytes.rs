//! Image data that stays in JavaScript: as bytes, or as the base64 text that it came in.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::{JsString, Uint8Array};

/// How many characters of base64 are in this program's memory at a time.
const STRIDE: u32 = 1 << 16;

/// What the host keeps of an image.
#[derive(Clone)]
pub(super) enum Data {
    Bytes(Uint8Array),
    Base64(JsString),
}

impl Data {
    /// The bytes; `None` if the text is no base64, nor a data URL of it.
    pub fn bytes(&self) -> Option<Uint8Array> {
        match self {
            Data::Bytes(bytes) => Some(bytes.clone()),
            Data::Base64(url) if url.starts_with("data:", 0) => {
                decode(&url.slice(url.index_of(",", 0).unsigned_abs() + 1, url.length()))
            }
            Data::Base64(text) => decode(text),
        }
    }
}

fn decode(text: &JsString) -> Option<Uint8Array> {
    decode_whole(text).or_else(|| decode_pieces(&String::from(text)))
}

/// With blanks or line ends, or in pieces that were each padded, as some servers write it.
fn decode_pieces(text: &str) -> Option<Uint8Array> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for piece in text.split('=') {
        let plain: String = piece.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        bytes.extend(decode_chunk(&plain)?);
    }
    Some(Uint8Array::from(bytes.as_slice()))
}

fn decode_whole(text: &JsString) -> Option<Uint8Array> {
    let length = text.length();
    let padding = String::from(text.slice(length.saturating_sub(2), length)).matches('=').count() as u32;
    let characters = length - padding;
    let bytes = Uint8Array::new_with_length((u64::from(characters) * 3 / 4) as u32);
    let (mut from, mut at) = (0, 0);
    while from < characters {
        let until = characters.min(from + STRIDE);
        let chunk = decode_chunk(&String::from(text.slice(from, until)))?;
        let next = at + chunk.len() as u32;
        bytes.subarray(at, next).copy_from(&chunk);
        (from, at) = (until, next);
    }
    Some(bytes)
}

fn decode_chunk(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for place in 0..4 {
            bits = bits << 6 | group.get(place).map_or(Some(0), |character| sextet(*character))?;
        }
        let [_, whole @ ..] = bits.to_be_bytes();
        bytes.extend(whole.iter().take(group.len() * 3 / 4));
    }
    Some(bytes)
}

fn sextet(character: u8) -> Option<u32> {
    let (first, offset) = match character {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        // In the alphabet for addresses, too (RFC 4648 §5).
        b'+' | b'-' => (character, 62),
        b'/' | b'_' => (character, 63),
        _ => return None,
    };
    Some(u32::from(character - first) + offset)
}
