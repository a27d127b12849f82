//! The pixels of a picture, and their PNG.

use std::ops::Range;

use png::{BitDepth, ColorType};

use super::color::Color;

/// A picture in the making: linear light, painted over from back to front.
#[derive(Debug)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    pub fn new(width: u32, height: u32) -> Canvas {
        let (width, height) = (width as usize, height as usize);
        Canvas { width, height, pixels: vec![Color { red: 0.0, green: 0.0, blue: 0.0 }; width * height] }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (f32, f32) {
        (self.width as f32, self.height as f32)
    }

    /// The shorter side in pixels: the unit in which shapes are measured.
    pub fn unit(&self) -> f32 {
        self.width.min(self.height) as f32
    }

    /// Paints every pixel; the function gets the pixel's middle and its present colour.
    pub fn shade(&mut self, mut paint: impl FnMut(f32, f32, Color) -> Color) {
        for (y, row) in self.pixels.chunks_mut(self.width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = paint(x as f32 + 0.5, y as f32 + 0.5, *pixel);
            }
        }
    }

    /// Paints every pixel from a function of its column, made once a column, and its row.
    pub fn shade_below(&mut self, edge: impl Fn(f32) -> f32, paint: impl Fn(f32, f32, f32, Color) -> Color) {
        let edges: Vec<f32> = (0..self.width).map(|x| edge(x as f32 + 0.5)).collect();
        let top = edges.iter().copied().fold(f32::INFINITY, f32::min).floor().max(0.0) as usize;
        for (y, row) in self.pixels.chunks_mut(self.width).enumerate().skip(top) {
            let y = y as f32 + 0.5;
            for (x, (pixel, edge)) in row.iter_mut().zip(&edges).enumerate() {
                let cover = (y - edge + 0.5).clamp(0.0, 1.0);
                if cover > 0.0 {
                    *pixel = pixel.mix(paint(x as f32 + 0.5, y, *edge, *pixel), cover);
                }
            }
        }
    }

    /// Columns and rows of a rectangle, cut to the canvas.
    fn spans(&self, [left, top, right, bottom]: [f32; 4]) -> (Range<usize>, Range<usize>) {
        let span = |from: f32, to: f32, limit: usize| {
            let from = (from.floor().max(0.0) as usize).min(limit);
            from..(to.ceil().max(0.0) as usize).clamp(from, limit)
        };
        (span(left, right, self.width), span(top, bottom, self.height))
    }

    /// Calls a function with index and middle of each pixel of a rectangle, cut to the canvas.
    pub fn visit_box(&self, corners: [f32; 4], mut visit: impl FnMut(usize, f32, f32)) {
        let (columns, rows) = self.spans(corners);
        for y in rows {
            for x in columns.clone() {
                visit(y * self.width + x, x as f32 + 0.5, y as f32 + 0.5);
            }
        }
    }

    /// How many pixels there are.
    pub fn count(&self) -> usize {
        self.pixels.len()
    }

    /// Paints the pixel of an index.
    pub fn paint(&mut self, index: usize, paint: impl FnOnce(Color) -> Color) {
        if let Some(pixel) = self.pixels.get_mut(index) {
            *pixel = paint(*pixel);
        }
    }

    /// Paints the pixels of a rectangle, cut to the canvas.
    pub fn shade_box(&mut self, corners: [f32; 4], mut paint: impl FnMut(f32, f32, Color) -> Color) {
        let (columns, rows) = self.spans(corners);
        for (y, row) in self.pixels.chunks_mut(self.width).enumerate().take(rows.end).skip(rows.start) {
            for (x, pixel) in row.iter_mut().enumerate().take(columns.end).skip(columns.start) {
                *pixel = paint(x as f32 + 0.5, y as f32 + 0.5, *pixel);
            }
        }
    }

    /// Paints a disc with a soft edge of this many pixels; the function gets the distance from the middle, 0 to 1.
    pub fn disc(&mut self, middle: (f32, f32), radius: f32, edge: f32, paint: impl Fn(f32, Color) -> Color) {
        let (x0, y0) = middle;
        let reach = radius + edge;
        self.shade_box([x0 - reach, y0 - reach, x0 + reach, y0 + reach], |x, y, under| {
            let distance = (x - x0).hypot(y - y0);
            let cover = ((reach - distance) / edge).clamp(0.0, 1.0);
            if cover > 0.0 { under.mix(paint(distance / radius, under), cover) } else { under }
        });
    }

    /// The picture as bytes of sRGB: red, green and blue of each pixel, row by row.
    pub fn into_bytes(self) -> Vec<u8> {
        let table: Vec<u8> = (0..=4095_u16).map(|step| encode(f32::from(step) / 4095.0)).collect();
        let byte = |light: f32| {
            // The square root spreads the table's steps over the dark tones, where eyes see them.
            let step = (light.clamp(0.0, 1.0).sqrt() * 4095.0 + 0.5) as usize;
            table.get(step).copied().unwrap_or(255)
        };
        self.pixels.iter().flat_map(|p| [byte(p.red), byte(p.green), byte(p.blue)]).collect()
    }

    /// The picture as PNG, 8 bits a channel, sRGB, opaque.
    pub fn into_png(self) -> Vec<u8> {
        let (width, height) = (self.width as u32, self.height as u32);
        png(width, height, &self.into_bytes(), BitDepth::Eight)
    }
}

/// These rows as PNG: of red, green and blue at eight bits, of grey at less.
pub(super) fn png(width: u32, height: u32, rows: &[u8], depth: BitDepth) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(if depth == BitDepth::Eight { ColorType::Rgb } else { ColorType::Grayscale });
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    // Writing to memory cannot fail; an empty answer would show if it ever did.
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(rows));
    if written.is_ok() { out } else { Vec::new() }
}

/// The sRGB byte for the square of this number as linear light.
fn encode(root: f32) -> u8 {
    let light = root * root;
    let value = if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (value * 255.0 + 0.5) as u8
}
