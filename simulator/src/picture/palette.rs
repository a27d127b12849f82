//! A few colours that go together.

use super::color::Color;
use super::noise::Dice;

/// Hues (in turns of OKLCH) that words name.
const HUES: [(f32, &[&str]); 9] = [
    (0.07, &["red", "apple", "rose", "crimson", "cherry", "strawberry", "ruby"]),
    (0.14, &["orange", "fire", "sunset", "autumn", "copper", "fox", "pumpkin", "desert", "brick"]),
    (0.24, &["yellow", "gold", "golden", "lemon", "sand", "honey", "wheat", "sunflower"]),
    (0.38, &["green", "forest", "leaf", "leaves", "moss", "jungle", "emerald", "garden", "tea"]),
    (0.51, &["teal", "turquoise", "jade", "mint", "lagoon", "fjord"]),
    (0.64, &["blue", "sea", "ocean", "sky", "lake", "ice", "winter", "water", "rain", "whale", "sapphire"]),
    (0.76, &["indigo", "dusk", "midnight", "twilight"]),
    (0.83, &["purple", "violet", "lavender", "plum", "galaxy", "amethyst"]),
    (0.97, &["pink", "magenta", "blossom", "cherryblossom", "flamingo", "peony"]),
];

/// Colours about one or a few hues.
#[derive(Clone, Debug)]
pub(super) struct Palette {
    /// The leading hue, in turns.
    pub hue: f32,
    /// The hue of accents, in turns.
    pub accent: f32,
    /// How far the other hues stray from the leading one, in turns.
    spread: f32,
    /// How colourful, about 1.
    vivid: f32,
}

impl Palette {
    /// The palette that the words ask for, or that the dice choose.
    pub fn new(words: &[&str], dice: &mut Dice) -> Palette {
        let any = dice.unit();
        let named = |word: &&str| HUES.iter().find(|(_, names)| super::asks(names, word)).map(|(hue, _)| *hue);
        let hue = words.iter().find_map(named).map_or(any, |hue| hue + dice.between(-0.015, 0.015));
        let offsets = [0.5, 0.42, 0.58, 0.33, 0.2, -0.2];
        let offset = offsets.get(dice.below(offsets.len())).copied().unwrap_or(0.5);
        Palette {
            hue,
            accent: hue + offset,
            spread: dice.between(0.04, 0.13) * if dice.chance(0.5) { 1.0 } else { -1.0 },
            vivid: dice.between(0.85, 1.2),
        }
    }

    /// A colour of the leading family; `step` from -1 to 1 strays in hue.
    pub fn lead(&self, lightness: f32, chroma: f32, step: f32) -> Color {
        Color::oklch(lightness, chroma * self.vivid, self.hue + self.spread * step)
    }

    /// A colour of the accent's family.
    pub fn accent(&self, lightness: f32, chroma: f32) -> Color {
        Color::oklch(lightness, chroma * self.vivid, self.accent)
    }

    /// Any colour of the palette: mostly leading, sometimes accent.
    pub fn any(&self, dice: &mut Dice, accents: f32, lightness: (f32, f32)) -> Color {
        let light = dice.between(lightness.0, lightness.1);
        let chroma = dice.between(0.12, 0.2);
        if dice.chance(accents) {
            self.accent(light, chroma)
        } else {
            self.lead(light, chroma, dice.between(-1.2, 1.2))
        }
    }
}
