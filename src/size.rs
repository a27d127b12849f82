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

/// Pixels of a square that every OpenAI model draws, and the budget that other ratios are cut to.
const OPENAI_SIDE: u32 = 1_024;

impl Aspect {
    /// The pixels that OpenAI's models take for a ratio. GPT Image 1 and its kin draw three sizes, and only those three ratios are honoured; later
    /// models any two sides divisible by 16 within 1:3 and 3:1 (developers.openai.com, guide on image generation).
    pub fn openai_pixels(self, model: &str) -> Option<Size> {
        if model.starts_with("gpt-image-1") || model.starts_with("dall-e") {
            let sizes = [(1, 1, 1_024, 1_024), (3, 2, 1_536, 1_024), (2, 3, 1_024, 1_536)];
            let drawn = sizes.into_iter().find(|(wide, high, ..)| self.across * high == self.down * wide);
            return drawn.map(|(_, _, width, height)| Size { width, height });
        }
        let fits = self.across <= self.down * 3 && self.down <= self.across * 3;
        fits.then(|| Size { width: near(self.across, self.down), height: near(self.down, self.across) })
    }
}

/// The multiple of 16 nearest to the square root of the budget times this ratio; `core` has no square root.
fn near(one: u32, other: u32) -> u32 {
    let budget = OPENAI_SIDE * OPENAI_SIDE * one;
    let mut side = 16;
    while (side + 8) * (side + 8) * other < budget {
        side += 16;
    }
    side
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
    fn a_ratio_becomes_pixels_that_openai_takes() {
        let pixels = |ratio: &str, model: &str| Aspect::parse(ratio).unwrap().openai_pixels(model).map(Size::text);
        assert_eq!(pixels("1:1", "gpt-image-2").as_deref(), Some("1024x1024"));
        assert_eq!(pixels("16:9", "gpt-image-2").as_deref(), Some("1360x768"));
        assert_eq!(pixels("9:16", "gpt-image-2.5-flare").as_deref(), Some("768x1360"));
        assert_eq!(pixels("4:1", "gpt-image-2"), None);
        assert_eq!(pixels("3:2", "gpt-image-1.5").as_deref(), Some("1536x1024"));
        assert_eq!(pixels("4:6", "gpt-image-1-mini").as_deref(), Some("1024x1536"));
        assert_eq!(pixels("16:9", "gpt-image-1"), None, "it would be another ratio");
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
