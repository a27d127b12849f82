//! OpenAI's Images API and CreativeAI's on the wire, against the documents and recorded answers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod common;
#[path = "common/images.rs"]
mod images;

use common::*;
use image::ImageFormat;
use images::*;
use serde_json::{Value, json};
use tidegate_simulator::{Config, FilterStage, HintMode, Provider, QuotaCode, Request, Response, World};

const RED: [u8; 4] = [255, 0, 0, 255];

#[test]
fn a_picture_comes_as_base64_when_its_task_ends() {
    let mut world = World::new(config());
    let asked = openai(json!({"n": 2, "quality": "high", "safety_identifier": "u1", "output_format": "webp"}));
    let (at, response) = waited(&mut world, 500, &asked);
    assert_eq!((at, response.status), (10_500, 200));
    for (name, value) in [
        ("content-type", "application/json"),
        ("openai-processing-ms", "10000"),
        ("openai-organization", "org-simulator"),
        ("date", "Thu, 01 Jan 2026 00:00:10 GMT"),
    ] {
        assert_eq!(response.header(name), Some(value));
    }
    assert!(response.header("x-request-id").unwrap().starts_with("req_"));
    let pictures = pictures(&response);
    assert_eq!(pictures.len(), 2);
    assert!(pictures.iter().all(|(format, picture)| (*format, picture.dimensions()) == (ImageFormat::WebP, (32, 16))));
    assert_ne!(pictures[0].1, pictures[1].1);
    let mut body = json_of(&response);
    body.as_object_mut().unwrap().remove("data");
    let tokens = json!({
        "input_tokens": 2, "input_tokens_details": {"text_tokens": 2, "image_tokens": 0},
        "output_tokens": 2, "output_tokens_details": {"text_tokens": 0, "image_tokens": 2}, "total_tokens": 4,
    });
    let rest = json!({
        "created": 1_767_225_610, "background": "opaque", "output_format": "webp", "quality": "high",
        "size": "32x16", "usage": tokens, "safety_identifier": "u1",
    });
    assert_eq!(body, rest);
    let charge = &world.ledger()[0];
    assert_eq!((charge.provider, charge.model.as_str(), charge.images), (Provider::OpenAi, "gpt-image-2", 2));
    assert_eq!((charge.amount_usd, charge.delivered, charge.image_fetched), (0.08, true, false));
}

#[test]
fn what_is_asked_for_is_what_is_drawn() {
    let mut world = World::new(Config { concurrency: None, ..config() });
    let mut drawn = |fields: Value| pictures(&waited(&mut world, 0, &openai(fields)).1).remove(0);
    assert_eq!(drawn(json!({})).0, ImageFormat::Png);
    assert_eq!(drawn(json!({"output_format": "jpeg", "output_compression": 10})).0, ImageFormat::Jpeg);
    let clear = drawn(json!({"background": "transparent"})).1;
    assert_eq!((clear.get_pixel(0, 0).0[3], clear.get_pixel(16, 8).0[3]), (0, 255));
    assert_eq!(drawn(json!({"size": null})).1.dimensions(), (1024, 1024));
    assert_eq!(drawn(json!({"size": "1536x1024", "model": "gpt-image-1.5"})).1.dimensions(), (1536, 1024));
}

#[test]
fn an_edit_shows_its_images_and_keeps_what_the_mask_covers() {
    let mut world = World::new(config());
    let photo = flat(32, 16, RED);
    let plain = pictures(&waited(&mut world, 0, &openai(json!({}))).1).remove(0).1;
    let mut mask = flat(32, 16, [0, 0, 0, 255]);
    (0..16).for_each(|x| mask.get_pixel_mut(x, 3).0[3] = 0);
    let webp = Part { name: "image[]", file: Some(("b", "image/webp")), bytes: encoded(&photo, ImageFormat::WebP) };
    let jpeg = Part { name: "image[]", file: Some(("b", "image/jpeg")), bytes: encoded(&photo, ImageFormat::Jpeg) };
    let parts = vec![png_part("image[]", &photo), webp, jpeg, png_part("mask", &mask), text("n", "2")];
    let (_, response) = waited(&mut world, 20_000, &openai_edit(parts));
    assert_eq!(json_of(&response)["usage"]["input_tokens_details"]["image_tokens"], 3);
    let edited = pictures(&response);
    assert_eq!(edited.len(), 2);
    let edited = &edited[0].1;
    assert_eq!(edited.get_pixel(20, 3).0, RED);
    assert_ne!(edited.get_pixel(5, 3).0, RED);
    let (_, response) = waited(&mut world, 40_000, &openai_edit(vec![png_part("image", &photo)]));
    let blended = pictures(&response).remove(0).1;
    let mean = |picture: &image::RgbaImage| picture.pixels().map(|pixel| u64::from(pixel.0[0])).sum::<u64>() / 512;
    assert!(mean(&blended) >= 127 && mean(&blended) > mean(&plain));
    let marked = vec![
        text("model", "gpt-image-2.5-flare"),
        png_part("image", &photo),
        png_part("markup", &flat(32, 16, [0, 255, 0, 255])),
    ];
    let (_, response) = waited(&mut world, 60_000, &openai_edit(marked));
    assert_eq!(pictures(&response)[0].1.get_pixel(3, 3).0, [0, 255, 0, 255]);
}

#[test]
fn creativeai_answers_with_links_and_has_a_model_for_every_name() {
    let mut world = World::new(Config { base_url: "https://cdn.test".to_owned(), ..config() });
    let extras = json!({
        "model": "seedream-3.0", "n": 2, "camera_angle": "low", "style_reference_url": "https://a.test/b.png",
        "character_references": ["https://a.test/c.png"], "response_format": "url", "output_format": "jpeg",
    });
    let (at, response) = waited(&mut world, 0, &creativeai(extras));
    assert_eq!((at, response.status, response.header("x-simulator-model")), (10_000, 200, Some("seedream-3.0")));
    assert_eq!((response.header("openai-version"), response.header("openai-processing-ms")), (None, Some("10000")));
    let body = json_of(&response);
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["created", "data"]);
    let urls: Vec<&str> = body["data"].as_array().unwrap().iter().map(|row| row["url"].as_str().unwrap()).collect();
    let mut fetched = |url: &str| {
        let path = url.strip_prefix("https://cdn.test").unwrap();
        assert!(path.contains(".jpeg?expires="));
        let response = answer(&mut world, 20_000, &Request::new("GET", path));
        assert_eq!((response.status, response.header("content-type")), (200, Some("image/jpeg")));
        picture(&response.body)
    };
    let (first, second) = (fetched(urls[0]), fetched(urls[1]));
    assert_eq!((first.0, first.1.dimensions()), (ImageFormat::Jpeg, (32, 16)));
    assert_ne!(first.1, second.1);
    let charge = &world.ledger()[0];
    assert_eq!((charge.provider, charge.images, charge.delivered), (Provider::CreativeAi, 2, true));
    assert!(charge.image_fetched);
    let (_, response) = waited(&mut world, 20_000, &creativeai(json!({"model": "dall-e-3"})));
    assert_eq!(response.header("x-simulator-model"), Some("gpt-image-2"));
    let edited = edit("/creativeai/v1/images/edits", vec![png_part("image", &flat(8, 8, RED)), text("whatever", "1")]);
    assert!(json_of(&waited(&mut world, 40_000, &edited).1)["data"][0]["url"].is_string());
}

/// The recorded answer of this name: its status and its `error`.
fn recorded(id: &str) -> (u16, Value) {
    let lines = include_str!("vectors/openai.jsonl").lines();
    let rows = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let row = rows.into_iter().find(|row| row["id"] == id).unwrap();
    (row["http_status"].as_u64().unwrap() as u16, row["body"]["error"].clone())
}

/// An answer's `error`, with the words of ours that no recording can have in the place of its own.
fn like_recorded(response: &Response, replaced: &[(&str, &str)]) -> (u16, Value) {
    let body = json_of(response);
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    let mut error = body["error"].clone();
    let words = replaced.iter().fold(error["message"].as_str().unwrap().to_owned(), |text, (ours, theirs)| {
        assert!(text.contains(ours), "{text}");
        text.replace(ours, theirs)
    });
    error["message"] = json!(words);
    (response.status, error)
}

#[test]
fn refusals_read_as_recorded() {
    let mut world = World::new(config());
    let photo = flat(32, 16, RED);
    let refuse = |world: &mut World, fields: Value| at_once(world, 0, &openai(fields));
    let response = refuse(&mut world, json!({"response_format": "b64_json"}));
    assert_eq!(like_recorded(&response, &[]), recorded("OA-3"));
    let response = refuse(&mut world, json!({"size": "4096x4096"}));
    assert_eq!(like_recorded(&response, &[]), recorded("OA-4"));
    let text_file = Part { name: "image[]", file: Some(("c.png", "image/png")), bytes: b"no image".to_vec() };
    let parts = vec![png_part("image[]", &photo), png_part("image[]", &photo), text_file];
    assert_eq!(like_recorded(&at_once(&mut world, 0, &openai_edit(parts)), &[]), recorded("OA-5"));
    let parts = vec![png_part("image", &photo), text("input_fidelity", "high")];
    let (status, mut error) = recorded("OA-6");
    // The recording is a relay's, which puts its name before the type.
    error["type"] = json!(error["type"].as_str().unwrap().strip_prefix("packy_").unwrap());
    assert_eq!(like_recorded(&at_once(&mut world, 0, &openai_edit(parts)), &[]), (status, error));
    let bad = openai(json!({})).headers.into_iter().filter(|(name, _)| name != "Authorization").collect();
    let bad = Request { headers: bad, ..openai(json!({})) }.with_header("Authorization", "Bearer sk-bad");
    assert_eq!(like_recorded(&at_once(&mut world, 0, &bad), &[]), recorded("OA-12"));

    for (quota_code, id) in [
        (QuotaCode::InsufficientQuota, "OA-7"),
        (QuotaCode::OrganizationSpendLimitExceeded, "OA-9b"),
        (QuotaCode::ProjectSpendLimitExceeded, "OA-9c"),
    ] {
        let mut poor = World::new(Config { credit_micro_usd: Some(0), quota_code, ..config() });
        assert_eq!(like_recorded(&refuse(&mut poor, json!({})), &[]), recorded(id));
    }

    let limited = Config { ipm: Some(5), rpm_window_ms: 12_000, hint: HintMode::Message, ..config() };
    let mut limited = World::new(limited);
    later(&mut limited, 0, &openai(json!({"n": 5})));
    let response = refuse(&mut limited, json!({}));
    assert_eq!(like_recorded(&response, &[("org-simulator", "org-x")]), recorded("OA-10"));
    for (name, value) in [("limit", "5"), ("remaining", "0"), ("reset", "12s")] {
        assert_eq!(response.header(&format!("x-ratelimit-{name}-input-images")), Some(value));
    }

    let sexual = Config { filter_categories: vec!["sexual".to_owned()], ..config() };
    let (_, response) = waited(&mut World::new(sexual), 0, &openai(json!({"prompt": "a [filtered]"})));
    let id = response.header("x-request-id").unwrap().to_owned();
    assert_eq!(like_recorded(&response, &[(&id, "<uuid>")]), recorded("OA-1"));
    let vague = Config { filter_stage: FilterStage::Unknown, ..config() };
    let (_, response) = waited(&mut World::new(vague), 0, &openai(json!({"prompt": "a [filtered]"})));
    let (status, error) = recorded("OA-2");
    let body = json_of(&response)["error"].clone();
    assert_eq!((response.status, &body["code"], &body["type"]), (status, &error["code"], &error["type"]));
    assert!(body["message"].as_str().unwrap().contains("safety_violations=[violence]"));
    assert!(body.get("moderation_details").is_none());
}

#[test]
fn every_wrong_parameter_is_named() {
    let mut world = World::new(Config { least_pixels: 655_360, ..config() });
    let size = json!("1024x1024");
    for (fields, code, param) in [
        (json!({"model": null}), "missing_required_parameter", "model"),
        (json!({"model": 5}), "invalid_type", "model"),
        (json!({"prompt": null}), "missing_required_parameter", "prompt"),
        (json!({"prompt": ""}), "empty_string", "prompt"),
        (json!({"prompt": "x".repeat(32_001)}), "string_above_max_length", "prompt"),
        (json!({"n": 0}), "integer_below_min_value", "n"),
        (json!({"n": 11}), "integer_above_max_value", "n"),
        (json!({"n": "2"}), "invalid_type", "n"),
        (json!({"size": "512x512"}), "invalid_value", "size"),
        (json!({"quality": "hd"}), "invalid_value", "quality"),
        (json!({"quality": "max"}), "invalid_value", "quality"),
        (json!({"background": "blue"}), "invalid_value", "background"),
        (json!({"background": "transparent", "output_format": "jpeg"}), "invalid_value", "background"),
        (json!({"output_format": "bmp"}), "invalid_value", "output_format"),
        (json!({"output_format": "gif"}), "unsupported_value", "output_format"),
        (json!({"output_compression": 50}), "invalid_png_output_compression", "output_compression"),
        (json!({"output_compression": 101, "output_format": "jpeg"}), "integer_above_max_value", "output_compression"),
        (json!({"moderation": "none"}), "invalid_value", "moderation"),
        (json!({"stream": true}), "unsupported_value", "stream"),
        (json!({"partial_images": 4}), "integer_above_max_value", "partial_images"),
        (json!({"complexity": "high"}), "invalid_value", "complexity"),
        (json!({"frame_count": 3}), "invalid_value", "frame_count"),
        (json!({"seed": 1}), "unknown_parameter", "seed"),
        (json!({"style": "vivid"}), "unknown_parameter", "style"),
        (json!({"input_fidelity": "high"}), "unknown_parameter", "input_fidelity"),
    ] {
        let mut fields = fields;
        if fields.get("size").is_none() {
            fields["size"] = size.clone();
        }
        let response = at_once(&mut world, 0, &openai(fields.clone()));
        let error = json_of(&response)["error"].clone();
        assert_eq!(
            (response.status, &error["code"], &error["param"]),
            (400, &json!(code), &json!(param)),
            "{fields} {error}"
        );
    }
    for model in ["gpt-image-1", "dall-e-3", "gpt-image-9"] {
        let response = at_once(&mut world, 0, &openai(json!({"model": model})));
        assert_eq!((response.status, &json_of(&response)["error"]["code"]), (404, &json!("model_not_found")));
    }
    assert_eq!((world.stats().invalid, world.stats().accepted, world.stats().submits), (28, 0, 28));
    for fine in [json!({"quality": "max", "model": "gpt-image-2.6-flare", "complexity": "high"}), json!({"user": "u"})]
    {
        let mut fine = fine;
        fine["size"] = size.clone();
        later(&mut world, 0, &openai(fine));
    }
    let text = openai(json!({})).headers.into_iter().map(|(name, _)| (name, "text/plain".to_owned())).collect();
    let text = Request { headers: text, ..openai(json!({})) };
    assert_eq!(at_once(&mut world, 0, &text).status, 401);
    let text = Request::new("POST", "/v1/images/generations").with_header("Authorization", "Bearer k");
    let error = json_of(&at_once(&mut world, 0, &text))["error"].clone();
    assert_eq!(error["code"], "unsupported_content_type");
}

#[test]
fn every_wrong_file_is_named() {
    let photo = flat(32, 16, RED);
    let opaque = {
        let rgb = image::DynamicImage::ImageRgba8(photo.clone()).into_rgb8();
        let mut bytes = std::io::Cursor::new(Vec::new());
        rgb.write_to(&mut bytes, ImageFormat::Png).unwrap();
        Part { name: "mask", file: Some(("m.png", "image/png")), bytes: bytes.into_inner() }
    };
    let png = || png_part("image", &photo);
    let typed = |name, content_type| {
        let bytes = encoded(&photo, ImageFormat::Png);
        Part { name, file: Some(("a.png", content_type)), bytes }
    };
    let half = |name| {
        let whole = encoded(&photo, ImageFormat::Png);
        Part { name, file: Some(("a.png", "image/png")), bytes: whole[..whole.len() / 2].to_vec() }
    };
    let big = Part { name: "mask", file: Some(("m.png", "image/png")), bytes: vec![0; 4_000_000] };
    let crowd: Vec<Part<'_>> = (0..17).map(|_| png_part("image[]", &photo)).collect();
    let mut world = World::new(config());
    for (parts, code, param) in [
        (vec![], "missing_required_parameter", "image"),
        (vec![text("image", "https://a.test/a.png")], "unsupported_file_mimetype", "image"),
        (vec![typed("image", "")], "unsupported_file_mimetype", "image"),
        (vec![typed("image[]", "image/png"), typed("image[]", "image/gif")], "unsupported_file_mimetype", "image[1]"),
        (vec![half("image")], "invalid_image_file", ""),
        (crowd, "array_above_max_length", "image"),
        (vec![png(), typed("mask", "image/webp")], "unsupported_file_mimetype", "mask"),
        (vec![png(), png_part("mask", &flat(16, 16, RED))], "invalid_mask_image_format", "mask"),
        (vec![png(), opaque], "invalid_mask_image_format", "mask"),
        (vec![png(), half("mask")], "invalid_mask_image_format", "mask"),
        (vec![png(), big], "file_too_large", "mask"),
        (vec![png(), png_part("markup", &photo)], "invalid_value", "markup"),
        (vec![png(), text("n", "eleven")], "invalid_type", "n"),
        (vec![png(), text("stream", "true")], "unsupported_value", "stream"),
        (vec![png(), text("strength", "1")], "unknown_parameter", "strength"),
        (vec![png(), png_part("reference", &photo)], "unknown_parameter", "reference"),
    ] {
        let response = at_once(&mut world, 0, &openai_edit(parts));
        let error = json_of(&response)["error"].clone();
        assert_eq!((response.status, &error["code"], &error["param"]), (400, &json!(code), &json!(param)), "{error}");
    }
    let mut cut = openai_edit(vec![png()]);
    cut.body.truncate(cut.body.len() - 30);
    assert_eq!(json_of(&at_once(&mut world, 0, &cut))["error"]["message"], "Could not parse multipart form");
    let plain = Request::new("POST", "/v1/images/edits").with_header("Authorization", "Bearer key");
    let plain = plain.with_header("Content-Type", "text/plain");
    assert_eq!(json_of(&at_once(&mut world, 0, &plain))["error"]["code"], "unsupported_content_type");
    let huge = openai(json!({})).with_body(vec![b' '; 64_000_001]);
    assert_eq!(at_once(&mut world, 0, &huge).status, 413);
}

#[test]
fn an_edit_names_addresses_in_json() {
    let mut world = World::new(config());
    let edit = |fields: Value| Request { path: "/v1/images/edits".to_owned(), ..openai(fields) };
    let address = |url: &str| json!({"image_url": url});
    let good = json!({"images": [address("https://a.example/1.png"), address("https://a.example/2.png")], "mask": address("https://a.example/m.png")});
    assert!(json_of(&waited(&mut world, 40_000, &edit(good)).1)["data"][0]["b64_json"].is_string());
    for (fields, param) in [
        (json!({}), "images"),
        (json!({"images": []}), "images"),
        (json!({"images": ["https://a.example/1.png"]}), "images[0]"),
        (json!({"images": [address("http://a.example/1.png")]}), "images[0]"),
        (json!({"images": [address("https://a.example/1.png")], "mask": "m"}), "mask"),
        (json!({"images": vec![address("https://a.example/1.png"); 17]}), "images"),
        (json!({"image": address("https://a.example/1.png")}), "image"),
    ] {
        let response = at_once(&mut world, 50_000, &edit(fields));
        assert_eq!((response.status, json_of(&response)["error"]["param"].as_str()), (400, Some(param)));
    }
}

#[test]
fn routes_keys_models_and_origins() {
    let mut world = World::new(config());
    let method = Request { method: "GET".to_owned(), ..openai(json!({})) };
    assert_eq!(at_once(&mut world, 0, &method).status, 405);
    let variations = Request { path: "/v1/images/variations".to_owned(), ..openai(json!({})) };
    assert_eq!(at_once(&mut world, 0, &variations).status, 404);
    let nobody = Request::new("POST", "/creativeai/v1/images/generations");
    let response = at_once(&mut world, 0, &nobody);
    assert!(json_of(&response)["error"]["message"].as_str().unwrap().contains("didn't provide an API key"));
    assert_eq!((response.status, world.stats().unauthorized), (401, 1));
    let names = |world: &mut World, path| -> Vec<String> {
        let body = json_of(&answer(world, 0, &get(path)));
        body["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let models = names(&mut world, "/v1/models");
    assert!(models.contains(&"gpt-image-2.6-flare".to_owned()) && !models.contains(&"gpt-image-1".to_owned()));
    assert_eq!(models.iter().filter(|name| *name == "gpt-image-2").count(), 1);
    assert!(!names(&mut world, "/creativeai/v1/models").contains(&"gpt-image-2-pro".to_owned()));
    let own = Config { models: vec!["mine".to_owned()], ..config() };
    world.reconfigure(0, own);
    assert_eq!(names(&mut world, "/v1/models"), ["mine"]);
    assert_eq!(at_once(&mut world, 0, &openai(json!({}))).status, 404);

    let exposed = |config: Config, request: &Request| {
        waited(&mut World::new(config), 0, request).1.header("access-control-expose-headers").map(str::to_owned)
    };
    assert_eq!(exposed(config(), &openai(json!({}))).unwrap(), "X-Request-ID");
    assert!(exposed(config(), &creativeai(json!({}))).unwrap().contains("Retry-After"));
    let open = Config { expose_headers: Some(true), ..config() };
    assert!(exposed(open, &openai(json!({}))).unwrap().contains("X-RateLimit-Remaining-Input-Images"));
    assert_eq!(exposed(Config { expose_headers: Some(false), ..config() }, &openai(json!({}))), None);
    let preflight = Request::new("OPTIONS", "/v1/images/edits")
        .with_header("Access-Control-Request-Headers", "authorization,x-stainless-os");
    let allowed = answer(&mut world, 0, &preflight);
    assert_eq!(allowed.header("access-control-allow-headers"), Some("authorization,x-stainless-os"));
}
