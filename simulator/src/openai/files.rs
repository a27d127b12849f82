//! The images of an edit.

use image::{Rgba, RgbaImage};
use serde_json::Value;

use super::fields::{Fields, File};
use super::models::Model;
use super::problem::Problem;
use crate::sketch;

const MOST_IMAGES: usize = 16;
const IMAGE_BYTES: usize = 50_000_000;
const MASK_BYTES: usize = 4_000_000;
const IMAGE_TYPES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];

/// What an edit works from.
#[derive(Debug)]
pub(super) struct Inputs {
    pub images: Vec<RgbaImage>,
    pub mask: Option<RgbaImage>,
    pub markup: Option<RgbaImage>,
}

/// A picture at an address, which the simulator does not fetch: a grey square stands for it.
fn at_address(name: &str, reference: &Value) -> Result<RgbaImage, Problem> {
    let url = reference.get("image_url").and_then(Value::as_str).unwrap_or_default();
    let is_alone = reference.as_object().is_some_and(|fields| fields.len() == 1);
    if !is_alone || !(url.starts_with("https://") || url.starts_with("data:image/")) {
        let message = format!("Invalid '{name}': expected an object with the 'image_url' of an image.");
        return Err(Problem::invalid(name, "invalid_value", message));
    }
    Ok(RgbaImage::from_pixel(64, 64, Rgba([128, 128, 128, 255])))
}

/// Checks the addresses of an edit that comes as JSON.
fn addresses(fields: &Fields) -> Result<Inputs, Problem> {
    let list = fields.value("images").and_then(Value::as_array).filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| Problem::missing("images"))?;
    if list.len() > MOST_IMAGES {
        return Err(Problem::invalid("images", "array_above_max_length", "Invalid 'images': array too long."));
    }
    let images = list.iter().enumerate().map(|(index, image)| at_address(&format!("images[{index}]"), image));
    let mask = fields.value("mask").map(|mask| at_address("mask", mask)).transpose()?;
    Ok(Inputs { images: images.collect::<Result<_, _>>()?, mask, markup: None })
}

/// Checks and decodes the images of an edit.
pub(super) fn read(fields: &Fields, model: &Model) -> Result<Inputs, Problem> {
    if !fields.is_form {
        return addresses(fields);
    }
    let is_image = |name: &str| name == "image" || name == "image[]";
    if fields.value("image").is_some() || fields.value("image[]").is_some() {
        return Err(Problem::mimetype("image", "text/plain", "'image/jpeg', 'image/png', and 'image/webp'"));
    }
    let files: Vec<&File> = fields.files.iter().filter(|file| is_image(&file.name)).collect();
    match files.len() {
        0 => return Err(Problem::missing("image")),
        1..=MOST_IMAGES => {}
        count => {
            let message = format!(
                "Invalid 'image': array too long. Expected an array with maximum length {MOST_IMAGES}, but got an array with length {count} instead."
            );
            return Err(Problem::invalid("image", "array_above_max_length", message));
        }
    }
    let mut images = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let name = if file.name == "image" { "image".to_owned() } else { format!("image[{index}]") };
        if !IMAGE_TYPES.contains(&file.content_type.as_str()) {
            let offered = "'image/jpeg', 'image/png', and 'image/webp'";
            return Err(Problem::mimetype(&name, &file.content_type, offered));
        }
        check_bytes(&name, file, IMAGE_BYTES)?;
        let image = sketch::decode(&file.bytes).ok_or_else(|| Problem::image_file(index + 1))?;
        images.push(image.into_rgba8());
    }
    let size = images.first().map(RgbaImage::dimensions).unwrap_or_default();
    let mask = overlay(fields, "mask", size)?;
    let markup = overlay(fields, "markup", size)?;
    if markup.is_some() && !model.has_fine_quality {
        return Err(Problem::by_user("markup", "invalid_value", "This model does not support the 'markup' parameter."));
    }
    if markup.is_some() && mask.is_some() {
        return Err(Problem::by_user("markup", "invalid_value", "'markup' cannot be combined with 'mask'."));
    }
    Ok(Inputs { images, mask, markup })
}

/// A PNG with an alpha channel and of the first image's size.
fn overlay(fields: &Fields, name: &str, size: (u32, u32)) -> Result<Option<RgbaImage>, Problem> {
    let mut files = fields.files.iter().filter(|file| file.name == name);
    let (file, more) = (files.next(), files.next());
    if more.is_some() || (file.is_none() && fields.value(name).is_some()) {
        let message = format!("Invalid type for '{name}': expected a file.");
        return Err(Problem::invalid(name, "invalid_type", message));
    }
    let Some(file) = file else { return Ok(None) };
    if file.content_type != "image/png" {
        return Err(Problem::mimetype(name, &file.content_type, "'image/png'"));
    }
    check_bytes(name, file, MASK_BYTES)?;
    let wrong = |why: &str| {
        let message = format!("Invalid {name} image format - {why}");
        Problem::by_user(name, "invalid_mask_image_format", message)
    };
    let image = sketch::decode_png(&file.bytes).ok_or_else(|| wrong(&format!("{name} is not a valid PNG file")))?;
    if !image.color().has_alpha() {
        return Err(wrong(&format!("{name} image missing alpha channel")));
    }
    let image = image.into_rgba8();
    if image.dimensions() != size {
        return Err(wrong(&format!("{name} size does not match image size")));
    }
    Ok(Some(image))
}

fn check_bytes(name: &str, file: &File, most: usize) -> Result<(), Problem> {
    if file.bytes.len() < most {
        return Ok(());
    }
    let message = format!("Invalid file '{name}': file must be less than {} MB.", most / 1_000_000);
    Err(Problem::invalid(name, "file_too_large", message))
}
