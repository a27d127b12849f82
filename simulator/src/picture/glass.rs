//! Stained glass: cells of coloured glass in lead, lit from behind.

use super::canvas::Canvas;
use super::color::{Color, smooth};
use super::noise::Dice;
use super::palette::Palette;

/// A pane and where its middle lies, in cells.
#[derive(Clone, Copy)]
struct Pane {
    x: f32,
    y: f32,
    color: Color,
}

pub(super) fn draw(canvas: &mut Canvas, palette: &Palette, dice: &mut Dice) {
    let (width, height) = canvas.size();
    let unit = canvas.unit();
    let across = dice.between(7.0, 11.0);
    let cell = unit / across;
    let (columns, rows) = ((width / cell).ceil() as i32 + 4, (height / cell).ceil() as i32 + 4);
    let sun = (width * dice.between(0.3, 0.7) / cell, height * dice.between(0.25, 0.6) / cell);
    let ring = dice.between(0.9, 1.5);
    let panes: Vec<Pane> = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (column - 2, row - 2)))
        .map(|(column, row)| {
            let x = column as f32 + dice.between(0.08, 0.92);
            let y = row as f32 + dice.between(0.08, 0.92);
            let distance = (x - sun.0).hypot(y - sun.1);
            Pane { x, y, color: glass(palette, dice, distance / ring, y * cell / height) }
        })
        .collect();
    let grain = dice.noise();
    let lead = palette.lead(0.14, 0.015, 0.0);
    let thick = 0.035 + 1.2 / cell;
    for row in 0..rows - 4 {
        for column in 0..columns - 4 {
            let around = neighbours(&panes, columns, column + 2, row + 2);
            let (left, top) = (column as f32 * cell, row as f32 * cell);
            canvas.shade_box([left, top, left + cell, top + cell], |x, y, _| {
                let (u, v) = (x / cell, y / cell);
                let Some((pane, border)) = nearest(&around, u, v) else { return lead };
                let ripple = grain.fractal(x / unit * 9.0, y / unit * 9.0, 3);
                let light = 1.15 - 0.5 * ((u - sun.0).hypot(v - sun.1) / across).min(1.2) + 0.22 * ripple;
                let rim = smooth(0.0, 0.32, border - thick);
                let color = pane.color.times(light * (0.62 + 0.38 * rim));
                let solder = lead.times(1.0 + 1.8 * smooth(thick, 0.0, border));
                solder.mix(color, ((border - thick) * cell + 0.5).clamp(0.0, 1.0))
            });
        }
    }
}

/// The colour of a pane: bright in the sun and its halo, the palette's family around them.
fn glass(palette: &Palette, dice: &mut Dice, distance: f32, down: f32) -> Color {
    if distance < 1.0 {
        palette.accent(dice.between(0.84, 0.94), 0.13)
    } else if distance < 2.0 {
        palette.accent(dice.between(0.62, 0.78), 0.18)
    } else if dice.chance(0.1) {
        palette.accent(dice.between(0.55, 0.75), 0.17)
    } else {
        palette.lead(dice.between(0.42, 0.78) - 0.1 * (down - 0.5), dice.between(0.1, 0.19), dice.between(-2.0, 2.0))
    }
}

/// The panes of the 25 cells about one.
fn neighbours(panes: &[Pane], columns: i32, column: i32, row: i32) -> Vec<Pane> {
    (-2..=2)
        .flat_map(|dy| (-2..=2).map(move |dx| (row + dy) * columns + column + dx))
        .filter_map(|index| panes.get(usize::try_from(index).ok()?).copied())
        .collect()
}

/// The pane at a point and the distance to its border, in cells.
fn nearest(panes: &[Pane], u: f32, v: f32) -> Option<(Pane, f32)> {
    let square = |pane: &Pane| (pane.x - u) * (pane.x - u) + (pane.y - v) * (pane.y - v);
    let (mut best, mut shortest) = (None, f32::INFINITY);
    for pane in panes {
        let distance = square(pane);
        if distance < shortest {
            (best, shortest) = (Some(*pane), distance);
        }
    }
    let best = best?;
    let mut border = f32::INFINITY;
    for pane in panes {
        let between = ((pane.x - best.x) * (pane.x - best.x) + (pane.y - best.y) * (pane.y - best.y)).sqrt();
        if between > 1e-6 {
            border = border.min((square(pane) - shortest) / (2.0 * between));
        }
    }
    Some((best, border))
}
