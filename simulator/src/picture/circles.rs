//! Lights out of focus: soft translucent discs over a quiet ground.

use super::canvas::Canvas;
use super::color::smooth;
use super::noise::Dice;
use super::palette::Palette;

pub(super) fn draw(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    let dark = dice.chance(0.6);
    let lightness = if dark { (0.2, 0.36) } else { (0.95, 0.86) };
    let corner = palette.lead(lightness.0, 0.07, 0.8);
    let center = palette.lead(lightness.1, if dark { 0.11 } else { 0.05 }, -0.6);
    let noise = dice.noise();
    let (cx, cy) = (dice.between(0.25, 0.75), dice.between(0.25, 0.75));
    canvas.shade(|x, y, _| {
        let distance =
            (x / width - cx).hypot(y / height - cy) + 0.16 * noise.fractal(x / unit * 1.5, y / unit * 1.5, 3);
        center.mix(corner, smooth(0.0, 0.8, distance))
    });
    // Far lights are small and many, near ones wide and faint.
    for (count, small, large, strength) in [(26, 0.012, 0.045, 0.75), (20, 0.05, 0.1, 0.5), (11, 0.1, 0.21, 0.42)] {
        let scattered = (count as f32 * (width * height / (unit * unit)).sqrt()) as usize;
        for _ in 0..scattered {
            let tone = if dark { (0.6, 0.8) } else { (0.62, 0.85) };
            let color = palette.any(dice, 0.35, tone);
            // The mean of two draws gathers the discs about a diagonal drift.
            let along = dice.unit();
            let drift = 0.5 * (along + dice.unit());
            let middle = (width * along, height * (0.15 + 0.7 * drift + 0.3 * (dice.unit() - 0.5)));
            let radius = unit * dice.between(small, large);
            let alpha = strength * dice.between(0.5, 1.0);
            let edge = (radius * 0.04).max(1.2);
            canvas.disc(middle, radius, edge, |r, under| {
                let body = 0.45 + 0.35 * r * r + 0.5 * smooth(0.86, 0.98, r);
                if dark {
                    // Light adds up, but keeps below the eye's white.
                    let lit = under.plus(color, 0.7 * alpha * body);
                    under.mix(lit, 0.92)
                } else {
                    under.mix(color, alpha * body * 0.7)
                }
            });
        }
    }
}
