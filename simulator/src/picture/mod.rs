//! Pictures drawn from a prompt: generative, seeded, in harmonious colours. No model, no network, some milliseconds.
//!
//! The prompt's words choose the hue where they name one; its hash chooses the rest.

mod canvas;
mod color;
mod landscape;
mod noise;
mod palette;

use crate::random::{hash, mix};
use canvas::Canvas;
use noise::Dice;
use palette::Palette;

/// Longest side of a picture in pixels; larger sizes are cut to it.
pub const LONGEST_SIDE: u32 = 2048;

/// Draws a picture and encodes it as PNG. The same arguments always give the same bytes; sides are 1 to 2048 pixels.
pub fn render(prompt: &str, seed: u64, width: u32, height: u32) -> Vec<u8> {
    let mut canvas = Canvas::new(width.clamp(1, LONGEST_SIDE), height.clamp(1, LONGEST_SIDE));
    let prompt = prompt.to_lowercase();
    let words: Vec<&str> = prompt.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut dice = Dice::new(mix(hash(prompt.as_bytes()) ^ mix(seed)));
    let palette = Palette::new(&words, &mut dice);
    landscape::draw(&mut canvas, &palette, &mut dice);
    canvas.into_png()
}

/// Whether a word is one of these names, or their plural.
fn asks(names: &[&str], word: &str) -> bool {
    names.contains(&word) || word.strip_suffix('s').is_some_and(|singular| names.contains(&singular))
}
