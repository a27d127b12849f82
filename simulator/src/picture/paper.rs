//! Sheets of cut paper, one over the other, each with its shadow.

use super::canvas::Canvas;
use super::noise::Dice;
use super::palette::Palette;

pub(super) fn draw(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    if dice.chance(0.5) {
        waves(canvas, palette, dice);
    } else {
        cave(canvas, palette, dice);
    }
}

/// Waves from the top of the sheet to its foot, with a disc behind them.
fn waves(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    let (top, low) = (palette.accent(0.9, 0.07), palette.accent(0.8, 0.1));
    canvas.shade(|_, y, _| top.mix(low, y / height));
    let disc = (width * dice.between(0.25, 0.75), height * dice.between(0.18, 0.34));
    let light = palette.accent(0.95, 0.06);
    let radius = unit * dice.between(0.1, 0.17);
    for ring in [2.0, 1.5, 1.0] {
        canvas.disc(disc, radius * ring, 1.5, |_, under| under.mix(light, if ring > 1.0 { 0.35 } else { 1.0 }));
    }
    let layers = 7 + dice.below(3);
    let dark_below = dice.chance(0.7);
    for layer in 0..layers {
        let near = layer as f32 / (layers - 1) as f32;
        let lightness = if dark_below { 0.8 - 0.52 * near } else { 0.42 + 0.42 * near };
        let color = palette.lead(lightness, 0.13, 1.0 - 2.0 * near);
        let (noise, phase) = (dice.noise(), dice.between(0.0, 6.3));
        let base = height * (0.3 + 0.66 * near);
        let (swell, length) = (unit * dice.between(0.03, 0.075), dice.between(4.0, 8.0));
        let edge = |x: f32| {
            let t = x / unit;
            base + swell * ((t * length + phase).sin() + 1.6 * noise.at(t * 2.2, 5.0))
        };
        let drop = unit * 0.035;
        canvas.shade_below(
            |x| edge(x) - drop,
            |x, y, above, under| {
                // The nearer to the sheet's edge, the deeper its shadow on what lies behind.
                let depth = ((y - above) / drop).clamp(0.0, 1.0);
                under.times(1.0 - 0.3 * depth * depth * (0.7 + 0.3 * (x / width)))
            },
        );
        canvas
            .shade_below(edge, |_, y, edge, _| color.times(1.06 - 0.16 * ((y - edge) / (unit * 0.3)).clamp(0.0, 1.0)));
    }
}

/// Sheets with holes that grow towards the viewer: a look into a cave of light.
fn cave(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    let middle = (width * dice.between(0.4, 0.6), height * dice.between(0.4, 0.6));
    let layers = 8 + dice.below(3);
    let (heart, rim) = (palette.accent(0.97, 0.05), palette.accent(0.84, 0.12));
    canvas.shade(|x, y, _| heart.mix(rim, ((x - middle.0).hypot(y - middle.1) / unit * 3.0).min(1.0)));
    let noise = dice.noise();
    let grow = dice.between(0.052, 0.064) * 8.0 / layers as f32;
    let twist = dice.between(-0.5, 0.5);
    let (offset, lobes) = (dice.between(0.0, 50.0), dice.between(1.1, 1.9));
    let sheets: Vec<_> = (0..layers)
        .map(|layer| {
            let near = layer as f32 / (layers - 1) as f32;
            let paper = palette.lead(0.84 - 0.58 * near, 0.14, 2.0 * near - 1.0);
            let turn = (twist * 0.35 * layer as f32).sin_cos();
            let radius = 0.1 + grow * 1.05 * layer as f32;
            // How far the rim strays from its circle: little where the hole is small.
            (paper, radius, 0.022 + 0.2 * radius, turn, 0.55 * layer as f32)
        })
        .collect();
    let drop = 0.045;
    canvas.shade(|x, y, under| {
        let (dx, dy) = ((x - middle.0) / unit, (y - middle.1) / unit);
        let distance = (dx * dx + dy * dy).sqrt().max(1e-6);
        let (cos, sin) = (dx / distance * lobes, dy / distance * lobes);
        let mut color = under;
        for (paper, radius, stray, (turn_sin, turn_cos), shape) in &sheets {
            let paper = paper.times(1.0 + 0.1 * (0.5 - y / height));
            // Noise is only needed near the rim of a hole.
            if distance > radius + stray + 0.002 {
                color = paper;
            } else if distance > radius - stray - drop {
                let (u, v) = (cos * turn_cos - sin * turn_sin, sin * turn_cos + cos * turn_sin);
                let wobble = noise.fractal(u + offset, v + shape, 2).clamp(-1.0, 1.0);
                let inside = radius + stray * wobble - distance;
                let cover = (0.5 - inside * unit).clamp(0.0, 1.0);
                let shadow = (1.0 - inside / drop).clamp(0.0, 1.0);
                color = color.times(1.0 - 0.36 * shadow * shadow).mix(paper, cover);
            }
        }
        color
    });
}
