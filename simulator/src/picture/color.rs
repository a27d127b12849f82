//! Colours: linear sRGB for mixing, OKLCH for choosing.

/// A colour in linear sRGB; components may leave 0 to 1 while mixing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Color {
    pub red: f32,
    pub green: f32,
    pub blue: f32,
}

impl Color {
    /// A colour from OKLCH: lightness 0 to 1, chroma 0 to about 0.3, hue in turns. Chroma is lowered until it is in gamut.
    pub fn oklch(lightness: f32, chroma: f32, hue: f32) -> Color {
        let (sin, cos) = (hue * std::f32::consts::TAU).sin_cos();
        let mut chroma = chroma;
        loop {
            let color = Color::oklab(lightness, chroma * cos, chroma * sin);
            if chroma < 0.005 || color.in_gamut() {
                return color.clamped();
            }
            chroma *= 0.94;
        }
    }

    /// Björn Ottosson's matrices.
    fn oklab(lightness: f32, a: f32, b: f32) -> Color {
        let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
        let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
        let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
        Color {
            red: 4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
            green: -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
            blue: -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
        }
    }

    fn in_gamut(self) -> bool {
        [self.red, self.green, self.blue].iter().all(|part| (-0.001..=1.001).contains(part))
    }

    fn clamped(self) -> Color {
        Color { red: self.red.clamp(0.0, 1.0), green: self.green.clamp(0.0, 1.0), blue: self.blue.clamp(0.0, 1.0) }
    }

    /// The mixture with another colour; a share of 1 is all the other.
    pub fn mix(self, other: Color, share: f32) -> Color {
        let part = |from: f32, to: f32| from + (to - from) * share;
        Color {
            red: part(self.red, other.red),
            green: part(self.green, other.green),
            blue: part(self.blue, other.blue),
        }
    }

    /// The colour with light added.
    pub fn plus(self, other: Color, amount: f32) -> Color {
        Color {
            red: self.red + other.red * amount,
            green: self.green + other.green * amount,
            blue: self.blue + other.blue * amount,
        }
    }

    /// The colour under more or less light.
    pub fn times(self, factor: f32) -> Color {
        Color { red: self.red * factor, green: self.green * factor, blue: self.blue * factor }
    }
}

/// A smooth step from 0 at `from` to 1 at `to`.
pub(super) fn smooth(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
