//! Short ways to ask a synchronous provider.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use image::{ImageFormat, Rgba, RgbaImage};
use serde_json::{Value, json};
use std::io::Cursor;
use tidegate_simulator::{Config, Distribution, Reply, Request, Response, World};

/// Pictures of any size, made in ten seconds.
pub fn config() -> Config {
    Config { duration: Distribution::Fixed(10_000), least_pixels: 1, ..Config::default() }
}

/// A request for a small picture, with these fields instead of or beside its own; null takes one away.
pub fn generation(path: &str, fields: Value) -> Request {
    let mut body = json!({"model": "gpt-image-2", "prompt": "a lake", "size": "32x16"});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    Request::new("POST", path)
        .with_header("Authorization", "Bearer sk-1")
        .with_header("Content-Type", "application/json")
        .with_body(body.to_string())
}

pub fn openai(fields: Value) -> Request {
    generation("/v1/images/generations", fields)
}

pub fn creativeai(fields: Value) -> Request {
    generation("/creativeai/v1/images/generations", fields)
}

/// A part of a form.
pub struct Part<'a> {
    pub name: &'a str,
    /// File name and content type; none for a text.
    pub file: Option<(&'a str, &'a str)>,
    pub bytes: Vec<u8>,
}

pub fn text<'a>(name: &'a str, value: &str) -> Part<'a> {
    Part { name, file: None, bytes: value.as_bytes().to_vec() }
}

pub fn png_part<'a>(name: &'a str, image: &RgbaImage) -> Part<'a> {
    Part { name, file: Some(("a.png", "image/png")), bytes: encoded(image, ImageFormat::Png) }
}

/// An edit of these parts, besides model, prompt and size.
pub fn edit(path: &str, parts: Vec<Part<'_>>) -> Request {
    let mut body = Vec::new();
    let own = [text("model", "gpt-image-2"), text("prompt", "a lake"), text("size", "32x16")];
    let own = own.into_iter().filter(|own| parts.iter().all(|part| part.name != own.name)).collect::<Vec<_>>();
    for part in own.iter().chain(&parts) {
        body.extend_from_slice(format!("--B\r\nContent-Disposition: form-data; name=\"{}\"", part.name).as_bytes());
        if let Some((file, content_type)) = part.file {
            body.extend_from_slice(format!("; filename=\"{file}\"").as_bytes());
            if !content_type.is_empty() {
                body.extend_from_slice(format!("\r\nContent-Type: {content_type}").as_bytes());
            }
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&part.bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--B--\r\n");
    Request::new("POST", path)
        .with_header("Authorization", "Bearer sk-1")
        .with_header("Content-Type", "multipart/form-data; boundary=B")
        .with_body(body)
}

pub fn openai_edit(parts: Vec<Part<'_>>) -> Request {
    edit("/v1/images/edits", parts)
}

pub fn flat(width: u32, height: u32, color: [u8; 4]) -> RgbaImage {
    RgbaImage::from_pixel(width, height, Rgba(color))
}

pub fn encoded(image: &RgbaImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => image::DynamicImage::ImageRgba8(image.clone()).into_rgb8().write_to(&mut bytes, format),
        _ => image.write_to(&mut bytes, format),
    }
    .unwrap();
    bytes.into_inner()
}

/// Asks and waits for the answer; gives when it came, too.
pub fn wait(world: &mut World, now_ms: u64, request: &Request) -> (u64, Reply) {
    let (mut now_ms, mut reply) = (now_ms, world.handle(now_ms, request));
    while let Reply::Later(pending) = reply {
        now_ms = pending.at_ms.unwrap();
        reply = world.collect(now_ms, &pending);
    }
    (now_ms, reply)
}

pub fn waited(world: &mut World, now_ms: u64, request: &Request) -> (u64, Response) {
    match wait(world, now_ms, request) {
        (at, Reply::Answer(response)) => (at, response),
        (at, other) => panic!("{other:?} at {at}"),
    }
}

/// Asks and expects to be left waiting.
pub fn later(world: &mut World, now_ms: u64, request: &Request) -> tidegate_simulator::Pending {
    match world.handle(now_ms, request) {
        Reply::Later(pending) => pending,
        other => panic!("{other:?}"),
    }
}

/// Asks and expects an answer at once.
pub fn at_once(world: &mut World, now_ms: u64, request: &Request) -> Response {
    match world.handle(now_ms, request) {
        Reply::Answer(response) => response,
        other => panic!("{other:?}"),
    }
}

/// The pictures of an answer.
pub fn pictures(response: &Response) -> Vec<(ImageFormat, RgbaImage)> {
    use base64::Engine;
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    let data = body["data"].as_array().unwrap_or_else(|| panic!("{body}"));
    data.iter()
        .map(|row| {
            picture(&base64::engine::general_purpose::STANDARD.decode(row["b64_json"].as_str().unwrap()).unwrap())
        })
        .collect()
}

pub fn picture(bytes: &[u8]) -> (ImageFormat, RgbaImage) {
    (image::guess_format(bytes).unwrap(), image::load_from_memory(bytes).unwrap().into_rgba8())
}
