//! What a picture is to be, and its making: drawn from the prompt, and over the images that came with it.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::imageops::{self, FilterType};
use image::{ColorType, DynamicImage, ImageEncoder, ImageFormat, ImageReader, Rgba, RgbaImage};

use crate::picture;

/// How a picture is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Png,
    /// With this quality, 0 to 100.
    Jpeg(u8),
    /// Always without loss, whatever compression was asked for.
    Webp,
}

impl Format {
    /// The name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg(_) => "jpeg",
            Format::Webp => "webp",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg(_) => "image/jpeg",
            Format::Webp => "image/webp",
        }
    }
}

/// What a picture is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    pub prompt: String,
    pub width: u32,
    pub height: u32,
    pub format: Format,
    /// Whether what lies around the middle is see-through.
    pub is_transparent: bool,
    /// Images to work from: the first is what is edited.
    pub inputs: Vec<RgbaImage>,
    /// Where it is see-through the first image is edited, elsewhere it stays.
    pub mask: Option<RgbaImage>,
    /// Laid over the first image, and over what comes out, so that one sees that it came.
    pub markup: Option<RgbaImage>,
}

impl Sketch {
    /// A picture of nothing but its prompt.
    pub fn of_prompt(prompt: String, width: u32, height: u32) -> Sketch {
        Sketch { prompt, width, height, ..Sketch::default() }
    }

    /// Draws the picture, on black where it is plain. The same sketch and seed always give the same bytes.
    pub fn draw(&self, seed: u64, is_plain: bool) -> Vec<u8> {
        if self.inputs.is_empty() && !self.is_transparent && self.format == Format::Png {
            return match is_plain {
                true => picture::plain(self.width, self.height),
                false => picture::render(&self.prompt, seed, self.width, self.height),
            };
        }
        let mut picture = RgbaImage::from_pixel(self.width, self.height, Rgba([0, 0, 0, 255]));
        if !is_plain {
            let drawn = picture::pixels(&self.prompt, seed, self.width, self.height);
            for (pixel, drawn) in picture.pixels_mut().zip(drawn.chunks_exact(3)) {
                if let [red, green, blue] = *drawn {
                    pixel.0 = [red, green, blue, 255];
                }
            }
        }
        self.lay_inputs(&mut picture);
        if self.is_transparent {
            cut_out(&mut picture);
        }
        self.encode(picture)
    }

    /// Half of the first image shows through, or all of it where the mask says; the others lie small along the lower edge.
    fn lay_inputs(&self, picture: &mut RgbaImage) {
        let fitted = |image: &RgbaImage| imageops::resize(image, self.width, self.height, FilterType::Triangle);
        let Some((first, others)) = self.inputs.split_first() else { return };
        let mask = self.mask.as_ref().map(fitted);
        for (x, y, kept) in fitted(first).enumerate_pixels() {
            let share = mask.as_ref().map_or(128, |mask| u16::from(mask.get_pixel(x, y).0[3]));
            let under = picture.get_pixel_mut(x, y);
            for (channel, kept) in under.0.iter_mut().zip(kept.0).take(3) {
                *channel = ((u16::from(*channel) * (255 - share) + u16::from(kept) * share) / 255) as u8;
            }
        }
        let side = (self.width.min(self.height) / 6).max(1);
        let y = i64::from(self.height.saturating_sub(side));
        for (place, image) in (0_i64..).zip(others) {
            let small = imageops::resize(image, side, side, FilterType::Triangle);
            imageops::overlay(picture, &small, place * i64::from(side), y);
        }
        if let Some(markup) = &self.markup {
            imageops::overlay(picture, &fitted(markup), 0, 0);
        }
    }

    fn encode(&self, picture: RgbaImage) -> Vec<u8> {
        let (width, height) = picture.dimensions();
        let mut out = Vec::new();
        let written = match self.format {
            Format::Png => PngEncoder::new_with_quality(&mut out, CompressionType::Fast, PngFilter::Adaptive)
                .write_image(&picture, width, height, ColorType::Rgba8.into()),
            Format::Jpeg(quality) => {
                let opaque = DynamicImage::ImageRgba8(picture).into_rgb8();
                JpegEncoder::new_with_quality(&mut out, quality.max(1)).encode_image(&opaque)
            }
            Format::Webp => {
                WebPEncoder::new_lossless(&mut out).write_image(&picture, width, height, ColorType::Rgba8.into())
            }
        };
        // Writing to memory cannot fail; an empty answer would show if it ever did.
        if written.is_ok() { out } else { Vec::new() }
    }
}

/// Lets everything outside an oval vanish, over a soft edge.
fn cut_out(picture: &mut RgbaImage) {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let across = (x as f32 + 0.5) / width * 2.0 - 1.0;
        let down = (y as f32 + 0.5) / height * 2.0 - 1.0;
        let share = ((1.0 - across.hypot(down)) * 12.0).clamp(0.0, 1.0);
        pixel.0[3] = (share * 255.0) as u8;
    }
}

/// An image that came with a request: PNG, JPEG or WebP.
pub(crate) fn decode(bytes: &[u8]) -> Option<DynamicImage> {
    ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?.decode().ok()
}

/// A PNG, which a mask has to be.
pub(crate) fn decode_png(bytes: &[u8]) -> Option<DynamicImage> {
    ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png).decode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);

    fn sketch() -> Sketch {
        Sketch::of_prompt("the sea".to_owned(), 64, 48)
    }

    fn drawn(sketch: &Sketch) -> RgbaImage {
        decode(&sketch.draw(1, false)).unwrap().into_rgba8()
    }

    #[test]
    fn every_format_is_what_it_says() {
        for (format, known) in
            [(Format::Png, ImageFormat::Png), (Format::Jpeg(80), ImageFormat::Jpeg), (Format::Webp, ImageFormat::WebP)]
        {
            let bytes = Sketch { format, ..sketch() }.draw(1, false);
            assert_eq!(image::guess_format(&bytes).unwrap(), known);
            assert_eq!(drawn(&Sketch { format, ..sketch() }).dimensions(), (64, 48));
        }
        let size = |quality| Sketch { format: Format::Jpeg(quality), ..sketch() }.draw(1, false).len();
        assert!(size(0) < size(50) && size(50) < size(100));
    }

    #[test]
    fn a_transparent_picture_is_clear_at_its_corners_only() {
        for format in [Format::Png, Format::Webp] {
            let picture = drawn(&Sketch { is_transparent: true, format, ..sketch() });
            assert_eq!((picture.get_pixel(0, 0).0[3], picture.get_pixel(32, 24).0[3]), (0, 255));
        }
        assert!(drawn(&sketch()).pixels().all(|pixel| pixel.0[3] == 255));
    }

    #[test]
    fn the_inputs_show_in_what_is_drawn() {
        let plain = drawn(&sketch());
        let red = RgbaImage::from_pixel(8, 8, RED);
        let blended = drawn(&Sketch { inputs: vec![red.clone()], ..sketch() });
        let mean = |picture: &RgbaImage| picture.pixels().map(|p| u32::from(p.0[0])).sum::<u32>() / (64 * 48);
        assert!(mean(&blended) > mean(&plain) && blended.get_pixel(5, 5).0[0] >= 128);
        let green = RgbaImage::from_pixel(8, 8, Rgba([0, 255, 0, 255]));
        let both = drawn(&Sketch { inputs: vec![red, green], ..sketch() });
        assert_eq!(both.get_pixel(3, 44).0, [0, 255, 0, 255]);
    }

    #[test]
    fn a_mask_keeps_what_it_covers() {
        let red = RgbaImage::from_pixel(64, 48, RED);
        let mask = RgbaImage::from_fn(64, 48, |x, _| Rgba([0, 0, 0, if x < 32 { 0 } else { 255 }]));
        let edited = drawn(&Sketch { inputs: vec![red], mask: Some(mask), ..sketch() });
        assert_eq!(*edited.get_pixel(50, 20), RED);
        assert_eq!(edited.get_pixel(10, 20), drawn(&sketch()).get_pixel(10, 20));
    }

    #[test]
    fn a_plain_picture_has_its_size_form_and_inputs() {
        let black = decode(&sketch().draw(1, true)).unwrap().into_rgba8();
        assert_eq!((black.dimensions(), black.get_pixel(9, 9).0), ((64, 48), [0, 0, 0, 255]));
        let red = Sketch { format: Format::Webp, inputs: vec![RgbaImage::from_pixel(8, 8, RED)], ..sketch() };
        assert_eq!(decode(&red.draw(1, true)).unwrap().into_rgba8().get_pixel(9, 9).0, [128, 0, 0, 255]);
    }

    #[test]
    fn what_is_no_image_is_not_decoded() {
        let bytes = sketch().draw(1, false);
        assert!(decode(&bytes).is_some() && decode_png(&bytes).is_some());
        assert!(decode(&bytes[..bytes.len() / 2]).is_none() && decode(b"GIF89a").is_none());
        assert!(decode_png(&Sketch { format: Format::Webp, ..sketch() }.draw(1, false)).is_none());
    }
}
