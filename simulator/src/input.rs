//! Reads and checks the body of a submit.

use serde_json::Value;

/// Longest side of a picture; larger sizes are scaled down to it.
const LONGEST_SIDE: u32 = 2048;

const RATIOS: [&str; 16] = [
    "auto", "1:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "2:1", "1:2", "3:1", "1:3", "21:9", "9:21",
];

/// A submit that passed the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submit {
    /// The model with its route, `gpt-image-2@pro`.
    pub model: String,
    /// The route, if one was named.
    pub route: Option<String>,
    pub prompt: String,
    pub width: u32,
    pub height: u32,
}

/// Why a submit is refused with 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A field is missing or wrong.
    Invalid(String),
    /// There is no such model or route.
    Model(String),
}

/// Reads a submit; `models` is the list on offer, empty for any.
pub(crate) fn read(body: &[u8], models: &[String]) -> Result<Submit, Fault> {
    let invalid = |message: &str| Fault::Invalid(message.to_owned());
    let body: Value = serde_json::from_slice(body).map_err(|_| invalid("body is not valid JSON"))?;
    let name = text(body.get("model")).ok_or_else(|| invalid("model is required"))?;
    let input = body.get("input").filter(|input| input.is_object()).ok_or_else(|| invalid("input is required"))?;
    let prompt = text(input.get("prompt")).ok_or_else(|| invalid("input.prompt is required"))?.to_owned();
    let route = match body.get("route") {
        None | Some(Value::Null) => None,
        Some(Value::String(route)) if route.is_empty() || route == "default" => None,
        Some(Value::String(route)) => Some(route.clone()),
        Some(_) => return Err(invalid("route must be a string")),
    };
    let model = route.as_ref().map_or_else(|| name.to_owned(), |route| format!("{name}@{route}"));
    if !models.is_empty() && !models.contains(&model) {
        if route.is_some() && models.iter().any(|offered| offered == name) {
            let prefix = format!("{name}@");
            let routes: Vec<&str> = models.iter().filter_map(|offered| offered.strip_prefix(&prefix)).collect();
            return Err(Fault::Invalid(format!("unknown route; available routes: default {}", routes.join(" "))));
        }
        return Err(Fault::Model(format!("model {model} is not available")));
    }
    check_urls(input.get("input_urls"))?;
    let (width, height) = size(input, &model)?;
    Ok(Submit { model, route, prompt, width, height })
}

/// A text that is not blank.
fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

fn check_urls(urls: Option<&Value>) -> Result<(), Fault> {
    match urls {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(urls)) if (1..=5).contains(&urls.len()) && urls.iter().all(Value::is_string) => Ok(()),
        Some(_) => Err(Fault::Invalid("input.input_urls takes 1 to 5 URLs".to_owned())),
    }
}

/// The size in pixels: `size` in pixels, or an aspect ratio with a pixel budget of 1K, 2K or 4K squared.
fn size(input: &Value, model: &str) -> Result<(u32, u32), Fault> {
    let text = |name: &str| match input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Fault::Invalid(format!("input.{name} must be a string"))),
    };
    let (size, ratio, resolution) = (text("size")?, text("aspect_ratio")?, text("resolution")?);
    if let Some(size) = size.filter(|size| *size != "auto") {
        let sides = size.split_once(['x', 'X']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        return match sides {
            Some((width @ 64..=4096, height @ 64..=4096)) => Ok(fitted(f64::from(width), f64::from(height))),
            _ => Err(Fault::Invalid("input.size must be WIDTHxHEIGHT, 64 to 4096 pixels a side".to_owned())),
        };
    }
    let ratio = ratio.unwrap_or("auto");
    if !RATIOS.contains(&ratio) {
        return Err(Fault::Invalid(format!("input.aspect_ratio must be one of {}", RATIOS.join(", "))));
    }
    let budget: f64 = match resolution.unwrap_or("1K") {
        "1K" => 1024.0,
        _ if ratio == "auto" => return Err(Fault::Invalid("aspect_ratio auto supports only resolution 1K".to_owned())),
        "2K" => 2048.0,
        "4K" if ratio == "1:1" => return Err(Fault::Invalid("aspect_ratio 1:1 does not support 4K".to_owned())),
        "4K" if model.contains("pro") => return Err(Fault::Invalid("this model supports only 1K and 2K".to_owned())),
        "4K" => 4096.0,
        _ => return Err(Fault::Invalid("input.resolution must be one of 1K, 2K, 4K".to_owned())),
    };
    let (across, down) = ratio.split_once(':').unwrap_or(("1", "1"));
    let quotient: f64 = across.parse().unwrap_or(1.0) / down.parse().unwrap_or(1.0);
    let (width, height) = fitted(budget * quotient.sqrt(), budget / quotient.sqrt());
    let to_16 = |side: u32| (side + 8) / 16 * 16;
    Ok((to_16(width), to_16(height)))
}

/// The size, scaled down where a side is beyond the longest.
fn fitted(width: f64, height: f64) -> (u32, u32) {
    let scale = (f64::from(LONGEST_SIDE) / width.max(height)).min(1.0);
    ((width * scale).round() as u32, (height * scale).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_input(input: Value) -> Result<Submit, Fault> {
        read(json!({"model": "m", "input": input}).to_string().as_bytes(), &[])
    }

    fn sized(mut input: Value) -> Option<(u32, u32)> {
        input["prompt"] = json!("p");
        read_input(input).ok().map(|submit| (submit.width, submit.height))
    }

    #[test]
    fn both_ways_to_ask_for_a_size_give_pixels() {
        assert_eq!(sized(json!({})), Some((1024, 1024)));
        assert_eq!(sized(json!({"size": "1536x1024"})), Some((1536, 1024)));
        assert_eq!(sized(json!({"size": "4096x2048"})), Some((2048, 1024)));
        assert_eq!(sized(json!({"aspect_ratio": "16:9"})), Some((1360, 768)));
        assert_eq!(sized(json!({"aspect_ratio": "1:1", "resolution": "2K"})), Some((2048, 2048)));
        assert_eq!(sized(json!({"aspect_ratio": "9:16", "resolution": "4K"})), Some((1152, 2048)));
        for bad in [
            json!({"size": "banana"}),
            json!({"size": "0x5"}),
            json!({"size": 1024}),
            json!({"size": "9999x9999"}),
            json!({"aspect_ratio": "7:5"}),
            json!({"aspect_ratio": "auto", "resolution": "2K"}),
            json!({"aspect_ratio": "1:1", "resolution": "4K"}),
            json!({"aspect_ratio": "3:2", "resolution": "8K"}),
        ] {
            assert_eq!(sized(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn wrong_submits_name_the_field() {
        let message = |body: &str| match read(body.as_bytes(), &[]) {
            Err(Fault::Invalid(message)) => message,
            other => panic!("{other:?}"),
        };
        assert!(message("{").contains("JSON"));
        assert!(message("{}").contains("model"));
        assert!(message(r#"{"model":"m"}"#).contains("input"));
        assert!(message(r#"{"model":"m","input":{"prompt":" "}}"#).contains("prompt"));
        assert!(message(r#"{"model":"m","input":{"prompt":"p","input_urls":[]}}"#).contains("input_urls"));
    }

    #[test]
    fn routes_make_variants_of_a_model() {
        let offered = ["m".to_owned(), "m@pro".to_owned()];
        let read = |route: &str| {
            let body = json!({"model": "m", "route": route, "input": {"prompt": "p"}}).to_string();
            read(body.as_bytes(), &offered)
        };
        assert_eq!(read("pro").unwrap().model, "m@pro");
        assert_eq!(read("default").unwrap().model, "m");
        assert_eq!(read("").unwrap().route, None);
        assert!(matches!(read("x"), Err(Fault::Invalid(message)) if message.contains("default pro")));
        let other = json!({"model": "n", "input": {"prompt": "p"}}).to_string();
        assert!(matches!(super::read(other.as_bytes(), &offered), Err(Fault::Model(_))));
    }
}
