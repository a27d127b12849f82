//! The `size` parameter.

use super::models::Model;
use super::problem::Problem;

const LONGEST_EDGE: u32 = 3840;
const MOST_PIXELS: u64 = 3840 * 2160;
const STANDARD: [&str; 4] = ["1024x1024", "1024x1536", "1536x1024", "auto"];

/// Width and height of a size; `auto` is 1024x1024 here. `least_pixels` is the smallest picture of models that take any.
pub(super) fn read(size: &str, model: &Model, least_pixels: u64) -> Result<(u32, u32), Problem> {
    if size == "auto" {
        return Ok((1024, 1024));
    }
    let sides = size.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    if !model.takes_any_size {
        return match sides.filter(|_| STANDARD.contains(&size)) {
            Some(sides) => Ok(sides),
            None => Err(Problem::choice("size", size, &STANDARD)),
        };
    }
    let wrong = |why: &str| Problem::by_user("size", "invalid_value", format!("Invalid size '{size}'. {why}"));
    let Some((width, height)) = sides else {
        return Err(wrong("It must be 'auto' or WIDTHxHEIGHT in pixels."));
    };
    let (long, short) = (width.max(height), width.min(height));
    let pixels = u64::from(width) * u64::from(height);
    if long > LONGEST_EDGE {
        Err(wrong("The longest edge must be less than or equal to 3840."))
    } else if width % 16 != 0 || height % 16 != 0 {
        Err(wrong("Width and height must both be divisible by 16."))
    } else if u64::from(long) > 3 * u64::from(short) {
        Err(wrong("The aspect ratio must be between 1:3 and 3:1."))
    } else if pixels < least_pixels {
        Err(wrong(&format!("The total number of pixels must be at least {least_pixels}.")))
    } else if pixels > MOST_PIXELS {
        Err(wrong(&format!("The total number of pixels must be at most {MOST_PIXELS}.")))
    } else {
        Ok((width, height))
    }
}

/// A number without sign or leading zero.
fn side(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::models;
    use super::*;

    fn refused(size: &str, model: &str) -> String {
        read(size, &models::of(model), 655_360).unwrap_err().message
    }

    #[test]
    fn sizes_keep_to_their_rules() {
        for (size, sides) in [
            ("auto", (1024, 1024)),
            ("1536x864", (1536, 864)),
            ("3840x2160", (3840, 2160)),
            ("2160x3840", (2160, 3840)),
            ("1024x640", (1024, 640)),
        ] {
            assert_eq!(read(size, &models::of("gpt-image-2"), 655_360), Ok(sides));
        }
        assert_eq!(read("16x16", &models::of("gpt-image-2"), 1), Ok((16, 16)));
        assert_eq!(
            refused("4096x4096", "gpt-image-2"),
            "Invalid size '4096x4096'. The longest edge must be less than or equal to 3840."
        );
        for (size, word) in [
            ("1000x1000", "divisible by 16"),
            ("3840x1024", "1:3 and 3:1"),
            ("512x512", "at least 655360"),
            ("3840x3840", "at most 8294400"),
            ("banana", "WIDTHxHEIGHT"),
            ("+1024x1024", "WIDTHxHEIGHT"),
            ("0x0", "WIDTHxHEIGHT"),
        ] {
            assert!(refused(size, "gpt-image-2").contains(word), "{size}");
        }
    }

    #[test]
    fn early_models_take_three_sizes() {
        assert_eq!(read("1024x1536", &models::of("gpt-image-1.5"), 1), Ok((1024, 1536)));
        assert_eq!(
            refused("1536x864", "gpt-image-1.5"),
            "Invalid value: '1536x864'. Supported values are: '1024x1024', '1024x1536', '1536x1024', and 'auto'."
        );
    }
}
