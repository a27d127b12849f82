//! Requests with images: what the core describes as text becomes `multipart/form-data`. See [`crate::http::Request::form`].

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::{Array, JSON, Object, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Blob, BlobPropertyBag, FormData, RequestInit};

use super::fetch::global_fetch;
use super::fetch::{self, FetchedBody};
use crate::http::{IMAGE_LIMIT, image_kind};
use crate::json::Json;
use crate::text::concat;
use crate::web::text::own;

/// A form whose files may still have to be fetched.
pub(super) struct Form {
    fields: Vec<(String, String)>,
    files: Vec<(String, Source)>,
}

enum Source {
    Bytes(Uint8Array),
    Url(String),
}

impl Form {
    /// Reads the core's text; `input` gives the bytes that are kept under a number. `None` if any are not.
    pub fn read(text: &str, input: impl Fn(u32) -> Option<Uint8Array>) -> Option<Form> {
        let parsed = JSON::parse(text).ok()?;
        let form = own(text);
        let fields = js_sys::Reflect::get(&parsed, &"fields".into()).ok()?;
        let fields = Object::entries(&fields.dyn_into().ok()?);
        let fields = fields.iter().filter_map(|entry| {
            let entry: Array = entry.dyn_into().ok()?;
            let value = entry.get(1);
            let text = value.as_string().or_else(|| JSON::stringify(&value).ok().map(String::from));
            Some((entry.get(0).as_string()?, text?))
        });
        let files = form.get("files").map_or(&[][..], Json::list).iter().map(|file| {
            let url = file.text_of("url").map(Source::Url);
            let kept = || input(u32::try_from(file.get("handle")?.whole()?).ok()?).map(Source::Bytes);
            Some((file.text_of("name")?, url.or_else(kept)?))
        });
        Some(Form { fields: fields.collect(), files: files.collect::<Option<Vec<_>>>()? })
    }

    /// Whether nothing has to be fetched for it.
    pub fn is_here(&self) -> bool {
        self.files.iter().all(|(_, source)| matches!(source, Source::Bytes(_)))
    }

    /// The form, if nothing has to be fetched for it.
    pub fn build(&self) -> Result<FormData, String> {
        let form = FormData::new().map_err(|_| "this host has no forms")?;
        for (name, value) in &self.fields {
            form.append_with_str(name, value).map_err(|_| "a field does not fit into a form")?;
        }
        for (name, source) in &self.files {
            let Source::Bytes(bytes) = source else { continue };
            let (blob, file) = blob(bytes).ok_or("this host has no blobs")?;
            form.append_with_blob_and_filename(name, &blob, &file).map_err(|_| "an image does not fit into a form")?;
        }
        Ok(form)
    }

    /// The form, with what has to be fetched for it; no credential goes to those addresses.
    pub async fn fetch(mut self) -> Result<FormData, String> {
        for (_, source) in &mut self.files {
            if let Source::Url(url) = source {
                let bytes =
                    download(url).await.map_err(|why| concat(&["an image that goes in can't be had: ", &why]))?;
                *source = Source::Bytes(bytes);
            }
        }
        self.build()
    }
}

async fn download(url: &str) -> Result<Uint8Array, String> {
    let promise = global_fetch(url, &RequestInit::new()).map_err(|_| "the fetch failed")?;
    let fetched = fetch::read(promise, IMAGE_LIMIT, true).await?;
    match fetched.body {
        FetchedBody::Bytes(bytes) if (200..300).contains(&fetched.status) => Ok(bytes),
        FetchedBody::TooLarge => Err(String::from("it is too large")),
        _ => Err(String::from("its address gave none")),
    }
}

fn blob(bytes: &Uint8Array) -> Option<(Blob, String)> {
    let head = bytes.slice(0, 64).to_vec();
    let kind = image_kind(&head).map_or("image/png", |(kind, _)| kind);
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let blob = Blob::new_with_u8_array_sequence_and_options(&Array::of1(bytes), &options).ok()?;
    // Servers tell the kind by the name's end.
    Some((blob, concat(&["image.", kind.strip_prefix("image/").unwrap_or("png")])))
}
