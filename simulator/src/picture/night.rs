//! A night sky: stars, a band of haze, sometimes a moon or an aurora, over dark ridges.

use super::canvas::Canvas;
use super::color::{Color, smooth};
use super::noise::Dice;
use super::palette::Palette;

/// A sky with a moon.
pub(super) fn moonlit(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    sky(canvas, palette, dice);
    stars(canvas, palette, dice);
    let place = (width * dice.between(0.2, 0.8), height * dice.between(0.16, 0.42));
    let radius = canvas.unit() * dice.between(0.05, 0.1);
    moon(canvas, palette, dice, place, radius);
    ridges(canvas, palette, dice);
}

/// A sky with polar lights.
pub(super) fn aurora(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    sky(canvas, palette, dice);
    stars(canvas, palette, dice);
    curtains(canvas, palette, dice);
    ridges(canvas, palette, dice);
}

fn ridges(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (_, height) = canvas.size();
    let unit = canvas.unit();
    for layer in 0..3 {
        let near = layer as f32 / 2.0;
        let color = palette.lead(0.24 - 0.1 * near, 0.045 - 0.02 * near, 0.0);
        let foot = palette.lead(0.32 - 0.16 * near, 0.05, 0.5);
        let noise = dice.noise();
        let (base, rise) = (height * (0.8 + 0.1 * near), unit * (0.2 - 0.06 * near));
        let edge = |x: f32| base - rise * (0.3 + noise.fractal(x / unit * (1.8 + near), 3.0, 5));
        canvas.shade_below(edge, |_, y, edge, _| color.mix(foot, smooth(0.0, 0.3, (y - edge) / unit)));
    }
}

fn sky(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    let top = palette.lead(0.17, 0.06, 0.6);
    let low = palette.lead(0.44, 0.12, -0.4);
    let haze = palette.lead(0.72, 0.09, -1.0);
    let warm = palette.accent(0.74, 0.1);
    let (noise, dust) = (dice.noise(), dice.noise());
    let tilt = dice.between(-0.9, 0.9);
    let offset = dice.between(0.25, 0.5);
    canvas.shade(|x, y, _| {
        let base = top.mix(low, smooth(0.1, 1.0, y / height).powf(1.4));
        let across = (y / height - offset) * height / unit + tilt * (x / width - 0.5);
        let cloud = noise.fractal(x / unit * 3.0, y / unit * 3.0, 5);
        let band = (-(across * 3.6 + cloud * 0.7).powi(2)).exp();
        let lanes = smooth(-0.25, 0.35, dust.fractal(x / unit * 5.0, y / unit * 5.0, 5));
        base.mix(haze, band * 0.3 * lanes).mix(warm, band.powi(3) * 0.22 * lanes)
    });
}

fn stars(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    let count = (width * height / (unit * unit) * 620.0) as usize;
    for _ in 0..count {
        let size = dice.unit().powi(9);
        let warm = palette.accent(0.95, 0.06);
        let light = palette.lead(0.97, 0.03, 0.0).mix(warm, dice.unit());
        let middle = (dice.between(0.0, width), dice.between(0.0, height * 0.88));
        let radius = unit * (0.0006 + 0.0026 * size);
        let strength = 0.35 + 0.65 * dice.unit().powi(2);
        canvas.disc(middle, radius, 1.0, |_, under| under.mix(light, strength));
        if size > 0.35 {
            canvas.disc(middle, radius * 9.0, 1.0, |r, under| under.plus(light, 0.22 * (1.0 - r).max(0.0).powi(3)));
        }
    }
}

fn moon(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice, place: (f32, f32), radius: f32) {
    let light = palette.accent(0.95, 0.035);
    let shade = palette.accent(0.84, 0.05);
    let noise = dice.noise();
    let phase = dice.between(-0.9, 0.9);
    let unit = canvas.unit();
    canvas.shade(|x, y, under| {
        let distance = ((x - place.0).hypot(y - place.1) - radius).max(0.0) / unit;
        under.plus(light, 0.16 * (-distance * 9.0).exp())
    });
    let reach = radius + 1.0;
    canvas.shade_box([place.0 - reach, place.1 - reach, place.0 + reach, place.1 + reach], |x, y, under| {
        let (u, v) = ((x - place.0) / radius, (y - place.1) / radius);
        let cover = ((1.0 - u.hypot(v)) * radius + 0.5).clamp(0.0, 1.0);
        // The terminator is half an ellipse whose width is the phase.
        let lit = smooth(-0.05, 0.05, u - phase * (1.0 - v * v).max(0.0).sqrt());
        let seas = smooth(0.0, 0.4, noise.fractal(u * 2.0, v * 2.0, 4));
        under.mix(light.mix(shade, seas), cover * (0.06 + 0.94 * lit))
    });
}

fn curtains(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    for _ in 0..3 {
        let noise = dice.noise();
        let foot = palette.accent(dice.between(0.72, 0.84), 0.17);
        let crown = palette.lead(0.6, 0.16, dice.between(-1.0, 1.0));
        let base = height * dice.between(0.42, 0.66);
        let tall = unit * dice.between(0.3, 0.5);
        let strength = dice.between(0.6, 0.95);
        let columns: Vec<(f32, f32)> = (0..width as usize)
            .map(|x| {
                let x = x as f32 / unit;
                let rays = 0.55 + 0.45 * noise.fractal(x * 14.0, 7.0, 3) * 2.0;
                let fade = smooth(-0.8, 0.1, noise.at(x * 1.4, 40.0));
                (base + unit * 0.26 * noise.fractal(x * 1.3, 1.0, 3), rays.max(0.0) * fade * strength)
            })
            .collect();
        canvas.shade(|x, y, under| {
            let (edge, light) = columns.get(x as usize).copied().unwrap_or_default();
            let up = (edge - y) / tall;
            if light <= 0.0 || !(-0.1..1.4).contains(&up) {
                return under;
            }
            let glow = smooth(-0.1, 0.06, up) * (-up.max(0.0) * 3.0).exp() * (1.0 - smooth(1.0, 1.4, up));
            let color: Color = foot.mix(crown, smooth(0.05, 0.7, up));
            under.plus(color, glow * light)
        });
    }
}
