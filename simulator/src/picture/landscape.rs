//! Hills behind hills under a low sun, sometimes by the sea.

use super::canvas::Canvas;
use super::color::{Color, smooth};
use super::noise::Dice;
use super::palette::Palette;

/// Ranges of hills.
pub(super) fn hills(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    draw(canvas, palette, dice, false);
}

/// A sea between capes.
pub(super) fn sea(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    draw(canvas, palette, dice, true);
}

fn draw(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice, sea: bool) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    let horizon = height * dice.between(0.52, 0.64);
    let sun = (width * dice.between(0.2, 0.8), horizon - unit * dice.between(0.06, 0.34));
    let radius = unit * dice.between(0.05, 0.11);
    let zenith = palette.lead(dice.between(0.42, 0.66), 0.12, 1.0);
    let middle = palette.lead(dice.between(0.74, 0.84), 0.1, 0.0);
    // Suns are warm in any palette: peach, apricot or pale yellow.
    let warmth = dice.between(0.06, 0.24);
    let glow = Color::oklch(0.87, 0.11, warmth);
    let light = Color::oklch(0.965, 0.055, warmth + 0.03);
    sky(canvas, dice, horizon, [zenith, middle, glow]);
    shine(canvas, sun, radius, unit, light);
    if sea {
        water(canvas, dice, horizon, sun, [zenith, middle, light]);
    }
    let layers = if sea { 3 } else { 5 + dice.below(2) };
    for layer in 0..layers {
        let near = layer as f32 / (layers - 1) as f32;
        range(canvas, palette, dice, Layer { near, sea, horizon, glow, sun: sun.0 });
    }
}

fn sky(canvas: &mut Canvas, dice: &mut Dice, horizon: f32, [zenith, middle, glow]: [Color; 3]) {
    let unit = canvas.unit();
    let noise = dice.noise();
    let clouds = dice.between(0.25, 0.75);
    canvas.shade(|x, y, _| {
        let t = (y / horizon).clamp(0.0, 1.0);
        let base =
            if t < 0.6 { zenith.mix(middle, smooth(0.0, 0.6, t)) } else { middle.mix(glow, smooth(0.6, 1.0, t)) };
        if y > horizon {
            return base;
        }
        // Streaks of cloud, flatter towards the horizon.
        let streak = noise.fractal(x / unit * 2.2, y / unit * (5.0 + 7.0 * t), 4);
        base.mix(glow, smooth(0.02, 0.5, streak) * clouds * (1.0 - t * 0.6))
    });
}

fn shine(canvas: &mut Canvas, sun: (f32, f32), radius: f32, unit: f32, light: Color) {
    canvas.shade(|x, y, under| {
        let distance = (x - sun.0).hypot(y - sun.1) / unit;
        under.mix(light, 0.55 * (-distance * 5.5).exp())
    });
    canvas.disc(sun, radius, 1.5, |_, _| light);
}

fn water(canvas: &mut Canvas, dice: &mut Dice, horizon: f32, sun: (f32, f32), [zenith, middle, light]: [Color; 3]) {
    let (_, height) = canvas.size();
    let unit = canvas.unit();
    let noise = dice.noise();
    let depth = height - horizon;
    canvas.shade_below(
        |_| horizon,
        |x, y, _, _| {
            let t = ((y - horizon) / depth).clamp(0.0, 1.0);
            // Waves shrink towards the horizon: perspective by dividing through the distance below it.
            let far = (y - horizon) / unit + 0.02;
            let wave = noise.fractal(x / unit / far * 0.7, 9.0 / far, 3);
            let base = middle.mix(zenith.times(0.75), smooth(0.0, 0.9, t)).times(0.93);
            let path = (-((x - sun.0) / (unit * (0.05 + 0.3 * t))).powi(2)).exp();
            let glint = smooth(0.0, 0.35, wave + 0.3 * path) * path;
            base.mix(light, 0.85 * glint).times(1.0 + 0.1 * wave)
        },
    );
}

/// One range of hills; `near` from 0 (far) to 1.
struct Layer {
    near: f32,
    sea: bool,
    horizon: f32,
    glow: Color,
    sun: f32,
}

fn range(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice, layer: Layer) {
    let (_, height) = canvas.size();
    let unit = canvas.unit();
    let Layer { near, sea, horizon, glow, sun } = layer;
    let noise = dice.noise();
    let detail = dice.noise();
    let color = palette.lead(0.7 - 0.46 * near, 0.1 - 0.02 * near, 0.6 - near).mix(glow, 0.55 * (1.0 - near).powi(2));
    let foot = palette.lead(0.76 - 0.38 * near, 0.08, 0.4 - near).mix(glow, 0.6 * (1.0 - near));
    let (base, rise, scale) = if sea {
        // Capes at the horizon, then a shore that is only the frame's corner.
        let base = if near < 1.0 { horizon + unit * 0.012 * near } else { height - unit * 0.02 };
        (base, unit * (0.09 + 0.05 * near), 1.1 + near)
    } else {
        (horizon + (height - horizon) * near * 0.82, unit * (0.16 - 0.05 * near), 1.6 + 0.9 * near)
    };
    let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
    let phase = dice.between(0.0, 100.0);
    let middle = canvas.size().0 / 2.0;
    let edge = move |x: f32| {
        let shape = noise.fractal(x / unit * scale + phase, phase, 5) + 0.16;
        let rough = detail.fractal(x / unit * 26.0, phase, 3) * 0.02 * near;
        let lift = if sea { ((x - middle) / middle * side - 0.1 + 0.3 * near).clamp(-1.2, 1.0) } else { 1.0 };
        let height_here = rise * (shape * 1.5 + rough * 3.0);
        if sea {
            base - unit * 0.3 * lift * (0.25 + near * 0.5) - height_here * lift.max(0.0)
        } else {
            base - height_here
        }
    };
    let reach = unit * (0.2 + 0.25 * near);
    canvas.shade_below(edge, |x, y, edge, under| {
        if sea && near < 1.0 && y > base {
            return under;
        }
        let down = ((y - edge) / reach).clamp(0.0, 1.0);
        // The rim that faces the sun catches its light.
        let rim = (-(y - edge) / (unit * 0.012)).exp() * (-((x - sun) / (unit * 0.45)).powi(2)).exp();
        color.mix(foot, down).mix(glow, 0.35 * rim * (1.0 - 0.5 * near))
    });
}
