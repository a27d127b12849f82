//! Sizes and ratios as callers write them.

use alloc::string::String;

use crate::json::decimal;
use crate::text::{concat, whole};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// The longest side that any provider draws is 4,096; this leaves room for the next ones and refuses nonsense.
const MAX_SIDE: u32 = 16_384;

fn pair(text: &str, separator: char, most: u32) -> Option<(u32, u32)> {
    let (one, other) = text.split_once(separator)?;
    Some((side(one, most)?, side(other, most)?))
}

fn side(digits: &str, most: u32) -> Option<u32> {
    let number = whole(digits).filter(|number| *number <= u64::from(most))?;
    (!digits.starts_with('0')).then_some(number as u32)
}

impl Size {
    /// Reads `1024x1024`.
    pub fn parse(text: &str) -> Option<Size> {
        pair(text, 'x', MAX_SIDE).map(|(width, height)| Size { width, height })
    }

    /// Writes `1024x1024`.
    pub fn text(self) -> String {
        concat(&[decimal(u64::from(self.width)).as_str(), "x", &decimal(u64::from(self.height))])
    }
}

/// A ratio of the sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aspect {
    /// Parts across.
    pub across: u32,
    /// Parts down.
    pub down: u32,
}

impl Aspect {
    /// Reads `16:9`.
    pub fn parse(text: &str) -> Option<Aspect> {
        pair(text, ':', 99).map(|(across, down)| Aspect { across, down })
    }

    /// Writes `16:9`.
    pub fn text(self) -> String {
        concat(&[decimal(u64::from(self.across)).as_str(), ":", &decimal(u64::from(self.down))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_back() {
        for text in ["1024x1024", "1x16384", "3840x2160"] {
            assert_eq!(Size::parse(text).unwrap().text(), text);
        }
        assert_eq!(Aspect::parse("21:9").unwrap().text(), "21:9");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "x",
            "1024",
            "1024x",
            "0x5",
            "-1x5",
            "1e3x5",
            "1024X1024",
            "16385x1",
            "99999999999x1",
            "1024x1024x1",
            " 1x1",
        ] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
        assert_eq!(Aspect::parse("100:1"), None);
        assert_eq!(Aspect::parse("0:1"), None);
    }
}
