//! Ribbons that follow a field of flow, laid over one another.

use super::canvas::Canvas;
use super::color::{Color, smooth};
use super::noise::{Dice, Noise};
use super::palette::Palette;

/// A ribbon's path and looks.
struct Ribbon {
    points: Vec<(f32, f32)>,
    width: f32,
    from: Color,
    to: Color,
}

pub(super) fn draw(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    let dark = dice.chance(0.65);
    let (deep, pale) = if dark { (0.17, 0.3) } else { (0.97, 0.9) };
    let (ground, corner) = (palette.lead(pale, if dark { 0.07 } else { 0.03 }, 0.0), palette.lead(deep, 0.04, 0.8));
    canvas.shade(|x, y, _| ground.mix(corner, smooth(0.1, 1.0, (x / width - 0.5).hypot(y / height - 0.5) * 1.3)));
    let mut loom = Loom::new(canvas);
    let field = dice.noise();
    let heading = dice.between(0.0, std::f32::consts::TAU);
    let swirl = dice.between(1.1, 2.4);
    let scale = dice.between(0.9, 1.7);
    let count = (150.0 * (width * height / (unit * unit)).sqrt()) as usize;
    for index in 0..count {
        let start = (dice.between(-0.1, 1.1) * width, dice.between(-0.1, 1.1) * height);
        // Wide ribbons lie at the back, threads on top.
        let back = 1.0 - index as f32 / count as f32;
        // Where it starts across the flow chooses its hue, so that neighbours are alike.
        let side = ((start.0 - width / 2.0) * heading.sin() - (start.1 - height / 2.0) * heading.cos()) / unit * 1.6;
        let ribbon = Ribbon {
            points: trace(field, start, unit, (heading, swirl, scale), dice.between(0.35, 1.1)),
            width: unit * (0.005 + 0.06 * back.powi(2) * dice.between(0.4, 1.0)),
            from: hue(palette, dice, side, 0.0),
            to: hue(palette, dice, side, 0.5),
        };
        loom.lay(canvas, &ribbon);
    }
}

/// A ribbon's colour: by its side of the picture, with a few accents.
fn hue(palette: &Palette, dice: &mut Dice, side: f32, shift: f32) -> Color {
    let lightness = dice.between(0.42, 0.86);
    if dice.chance(0.08) {
        palette.accent(lightness, 0.15)
    } else {
        palette.lead(lightness, dice.between(0.1, 0.17), side + shift + dice.between(-0.4, 0.4))
    }
}

/// A path along the flow, both ways from its start; `length` in units.
fn trace(field: Noise, start: (f32, f32), unit: f32, flow: (f32, f32, f32), length: f32) -> Vec<(f32, f32)> {
    let (heading, swirl, scale) = flow;
    let step = unit * 0.008;
    let steps = (length * unit / step / 2.0) as usize;
    let follow = |direction: f32| {
        let mut at = start;
        (0..steps)
            .map(|_| {
                let angle = heading + swirl * field.fractal(at.0 / unit * scale, at.1 / unit * scale, 2) * 2.0;
                at = (at.0 + direction * step * angle.cos(), at.1 + direction * step * angle.sin());
                at
            })
            .collect::<Vec<_>>()
    };
    let mut points: Vec<_> = follow(-1.0).into_iter().rev().collect();
    points.push(start);
    points.extend(follow(1.0));
    points
}

/// How far a ribbon's shadow reaches, in halves of its width.
const SHADOW: f32 = 1.8;

/// What is nearest to a pixel of the ribbon being laid: distance in halves of its width there, half, place along.
#[derive(Clone, Copy)]
struct Near {
    across: f32,
    half: f32,
    along: f32,
}

/// Room to find the nearest part of a ribbon for every pixel, so that each is painted once.
struct Loom {
    near: Vec<Near>,
    touched: Vec<usize>,
}

const NOTHING: Near = Near { across: f32::INFINITY, half: 0.0, along: 0.0 };

impl Loom {
    fn new(canvas: &Canvas) -> Loom {
        Loom { near: vec![NOTHING; canvas.count()], touched: Vec::new() }
    }

    /// Paints a ribbon: tapered, shaded across like a tube, over its soft shadow.
    fn lay(&mut self, canvas: &mut Canvas, ribbon: &Ribbon) {
        let last = ribbon.points.len().saturating_sub(2).max(1) as f32;
        for (index, (from, to)) in ribbon.points.iter().zip(ribbon.points.iter().skip(1)).enumerate() {
            let along = index as f32 / last;
            let taper = (std::f32::consts::PI * along).sin().max(0.0).powf(0.7);
            self.segment(canvas, *from, *to, (ribbon.width * taper * 0.5).max(0.6), along);
        }
        for index in self.touched.drain(..) {
            let Some(slot) = self.near.get_mut(index) else { continue };
            let Near { across, half, along } = std::mem::replace(slot, NOTHING);
            let color = ribbon.from.mix(ribbon.to, along).times(1.14 - 0.55 * across.min(1.0).powi(2));
            let cover = (half - across * half + 0.5).clamp(0.0, 1.0);
            let shade = 0.4 * ((SHADOW - across) / (SHADOW - 1.0)).clamp(0.0, 1.0).powi(2);
            canvas.paint(index, |under| under.times(1.0 - shade).mix(color, cover));
        }
    }

    fn segment(&mut self, canvas: &Canvas, a: (f32, f32), b: (f32, f32), half: f32, along: f32) {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let square = (dx * dx + dy * dy).max(1e-6);
        let reach = half * SHADOW + 1.0;
        let corners = [a.0.min(b.0) - reach, a.1.min(b.1) - reach, a.0.max(b.0) + reach, a.1.max(b.1) + reach];
        let (near, touched) = (&mut self.near, &mut self.touched);
        canvas.visit_box(corners, |index, x, y| {
            let t = (((x - a.0) * dx + (y - a.1) * dy) / square).clamp(0.0, 1.0);
            let (u, v) = (x - a.0 - t * dx, y - a.1 - t * dy);
            let across = (u * u + v * v).sqrt() / half;
            let Some(slot) = near.get_mut(index).filter(|slot| across * half < reach && across < slot.across) else {
                return;
            };
            if slot.across == f32::INFINITY {
                touched.push(index);
            }
            *slot = Near { across, half, along };
        });
    }
}
