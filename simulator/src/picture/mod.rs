//! Pictures drawn from a prompt: generative, seeded, in harmonious colours. No model, no network, some milliseconds.
//!
//! The prompt's words choose the style and the hue where they name one ("a night sky", "red"); its hash chooses the rest.

mod canvas;
mod circles;
mod color;
mod glass;
mod landscape;
mod night;
mod noise;
mod palette;
mod paper;
mod ribbons;

use crate::random::{hash, mix};
use canvas::Canvas;
use noise::Dice;
use palette::Palette;

/// Longest side of a picture in pixels; larger sizes are cut to it.
pub const LONGEST_SIDE: u32 = 3840;

/// Draws one style.
type Style = fn(&mut Canvas, &Palette, &mut Dice);

/// The styles and the words in a prompt that ask for them.
const STYLES: [(Style, &[&str]); 8] = [
    (landscape::hills, HILLS),
    (landscape::sea, SEA),
    (night::moonlit, NIGHT),
    (night::aurora, AURORA),
    (paper::draw, PAPER),
    (ribbons::draw, RIBBONS),
    (circles::draw, CIRCLES),
    (glass::draw, GLASS),
];

const HILLS: &[&str] = &[
    "landscape",
    "mountain",
    "hill",
    "valley",
    "sunrise",
    "desert",
    "dune",
    "forest",
    "field",
    "fog",
    "mist",
    "dawn",
    "fox",
];
const SEA: &[&str] =
    &["sea", "ocean", "lake", "beach", "island", "coast", "lighthouse", "harbor", "boat", "ship", "whale", "sunset"];
const NIGHT: &[&str] = &["night", "star", "moon", "galaxy", "space", "cosmos", "midnight", "planet", "astronaut"];
const AURORA: &[&str] = &["aurora", "arctic", "polar", "iceberg", "borealis"];
const PAPER: &[&str] = &["paper", "wave", "layer", "canyon", "strata", "cave", "origami"];
const RIBBONS: &[&str] =
    &["silk", "wind", "river", "smoke", "hair", "ribbon", "dance", "music", "flow", "fire", "dragon"];
const CIRCLES: &[&str] =
    &["circle", "bubble", "balloon", "lantern", "light", "rain", "city", "neon", "bokeh", "street"];
const GLASS: &[&str] = &["glass", "mosaic", "window", "crystal", "gem", "cathedral", "tile", "butterfly", "geometric"];

/// Draws a picture and encodes it as PNG. The same arguments always give the same bytes; sides are 1 to 3840 pixels.
pub fn render(prompt: &str, seed: u64, width: u32, height: u32) -> Vec<u8> {
    paint(prompt, seed, width, height).into_png()
}

/// The same picture as bytes: red, green and blue of each pixel, row by row.
pub(crate) fn pixels(prompt: &str, seed: u64, width: u32, height: u32) -> Vec<u8> {
    paint(prompt, seed, width, height).into_bytes()
}

fn paint(prompt: &str, seed: u64, width: u32, height: u32) -> Canvas {
    let mut canvas = Canvas::new(width.clamp(1, LONGEST_SIDE), height.clamp(1, LONGEST_SIDE));
    let prompt = prompt.to_lowercase();
    let words: Vec<&str> = prompt.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut dice = Dice::new(mix(hash(prompt.as_bytes()) ^ mix(seed)));
    let draw = style(&words, &mut dice);
    let palette = Palette::new(&words, &mut dice);
    draw(&mut canvas, &palette, &mut dice);
    canvas
}

/// A black picture as PNG, for whoever wants a picture of a size and looks at nothing else of it; sides are 1 to 3840 pixels.
pub fn plain(width: u32, height: u32) -> Vec<u8> {
    let (width, height) = (width.clamp(1, LONGEST_SIDE), height.clamp(1, LONGEST_SIDE));
    canvas::png(width, height, &vec![0; (width.div_ceil(8) * height) as usize], png::BitDepth::One)
}

/// The style of the last word that asks for one (the noun of "a fire by the sea"), else any.
fn style(words: &[&str], dice: &mut Dice) -> Style {
    let any = STYLES.get(dice.below(STYLES.len())).map_or(landscape::hills as Style, |(style, _)| *style);
    let named = |word: &&str| STYLES.iter().find(|(_, names)| asks(names, word)).map(|(style, _)| *style);
    words.iter().rev().find_map(named).unwrap_or(any)
}

/// Whether a word is one of these names, or their plural.
fn asks(names: &[&str], word: &str) -> bool {
    names.contains(&word) || word.strip_suffix('s').is_some_and(|singular| names.contains(&singular))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(png: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut bytes).unwrap();
        (frame.width, frame.height, bytes)
    }

    #[test]
    fn a_plain_picture_is_a_small_one_of_the_asked_size() {
        let bytes = plain(1024, 1024);
        assert!(bytes.len() < 4000, "{}", bytes.len());
        let (width, height, bytes) = decoded(&bytes);
        assert_eq!((width, height), (1024, 1024));
        assert!(bytes.iter().all(|&byte| byte == 0));
        assert_eq!(decoded(&plain(0, 9999)).1, LONGEST_SIDE);
    }

    #[test]
    fn every_style_draws_any_shape_without_a_flat_picture() {
        for (_, words) in STYLES {
            for (width, height) in [(96, 64), (64, 200), (1, 1), (300, 2)] {
                let (drawn_width, drawn_height, bytes) = decoded(&render(words[0], 3, width, height));
                assert_eq!((drawn_width, drawn_height), (width, height));
                let shades: std::collections::HashSet<&[u8]> = bytes.chunks(3).collect();
                assert!(width * height < 1000 || shades.len() > 200, "{}: {} shades", words[0], shades.len());
            }
        }
    }

    #[test]
    fn the_same_prompt_and_seed_give_the_same_bytes_and_others_do_not() {
        let drawn = render("a red apple", 1, 64, 64);
        assert_eq!(drawn, render("A red apple", 1, 64, 64));
        assert_ne!(drawn, render("a red apple", 2, 64, 64));
        assert_ne!(drawn, render("a green apple", 1, 64, 64));
        assert_eq!(decoded(&render("p", 1, 5000, 1)).0, LONGEST_SIDE);
    }

    #[test]
    fn the_last_word_that_names_a_style_chooses_it_and_words_choose_the_hue() {
        let chosen = |prompt: &str| {
            let words: Vec<&str> = prompt.split(' ').collect();
            let style = style(&words, &mut Dice::new(1));
            STYLES.iter().position(|(known, _)| std::ptr::fn_addr_eq(*known, style)).unwrap()
        };
        assert_eq!(chosen("a fire by the sea"), 1);
        assert_eq!(chosen("two moons"), 2);
        assert_eq!(chosen("stained glass window"), 7);
        let hue = |word| Palette::new(&[word], &mut Dice::new(5)).hue;
        assert!((hue("blue") - 0.64).abs() < 0.02 && (hue("roses") - 0.07).abs() < 0.02);
    }
}
