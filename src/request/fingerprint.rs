//! What tells one request from another, so that a key that comes again with another request is noticed.

use alloc::string::String;

use super::{ImageInput, ImageRequest};

/// Adds a field by its letter: FNV-1a of both. A sum, so that their order counts for nothing; and what is left out adds nothing, so that a field that is new
/// to some version changes no other request's number.
#[inline(never)]
fn add(sum: &mut u64, letter: u8, value: &[u8]) {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for byte in [letter].iter().chain(value) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    *sum = sum.wrapping_add(hash);
}

fn add_text(sum: &mut u64, letter: u8, value: Option<&String>) {
    if let Some(value) = value {
        add(sum, letter, value.as_bytes());
    }
}

fn add_number(sum: &mut u64, letter: u8, value: Option<u64>) {
    if let Some(value) = value {
        add(sum, letter, &value.to_le_bytes());
    }
}

impl ImageRequest {
    /// A number of 53 bits, which JSON holds: the same for equal requests in every version, whatever the order of their fields, and by all likelihood another
    /// one for others. Of images that are given as bytes only their number counts; how to treat what a provider can't do counts for nothing.
    pub fn fingerprint(&self) -> u64 {
        let pair = |one: u32, other: u32| u64::from(one) << 32 | u64::from(other);
        let mut all = 0;
        let sum = &mut all;
        add_text(sum, b'm', Some(&self.model));
        add_text(sum, b'p', Some(&self.prompt));
        add_text(sum, b'f', self.format.as_ref());
        add_text(sum, b'q', self.quality.as_ref());
        add_text(sum, b'b', self.background.as_ref());
        add_text(sum, b'x', self.negative_prompt.as_ref());
        add_number(sum, b'n', Some(u64::from(self.n)));
        add_number(sum, b's', self.size.map(|size| pair(size.width, size.height)));
        add_number(sum, b'a', self.aspect_ratio.map(|aspect| pair(aspect.across, aspect.down)));
        add_number(sum, b'r', self.seed);
        // The first image is another one than the second, and a mask is none of them.
        let mut place = u64::from(self.mask.is_some());
        for image in self.mask.iter().chain(&self.images) {
            let mut own = place;
            add(&mut own, b'u', if let ImageInput::Url(url) = image { url.as_bytes() } else { b"" });
            add_number(sum, b'i', Some(own));
            place += 2;
        }
        for (provider, options) in &self.provider_options {
            for (name, json) in options {
                let mut own = 0;
                add_text(&mut own, b'v', Some(json));
                add_text(&mut own, b'k', Some(name));
                add_text(&mut own, b'o', Some(provider));
                add_number(sum, b'o', Some(own));
            }
        }
        all >> 11
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::Size;
    use alloc::vec;
    use alloc::vec::Vec;

    fn whole() -> ImageRequest {
        ImageRequest::new("gpt-image-2", "a lighthouse")
            .n(2)
            .size(1024, 1536)
            .seed(7)
            .quality("high")
            .image_url("https://a.example/1.png")
            .provider_option("hiapi", "route", "\"pro\"")
            .provider_option("hiapi", "tier", "2")
            .provider_option("openai", "user", "\"7\"")
    }

    #[test]
    fn each_field_counts() {
        let mut others: Vec<ImageRequest> = vec![whole(); 12];
        others[0].model.push('s');
        others[1].prompt.push(' ');
        others[2].n = 3;
        others[3].size = Size::parse("1536x1024");
        others[4].seed = None;
        others[5].quality = None;
        others[6].format = whole().quality;
        others[7].images.reverse();
        others[7].images.push(ImageInput::Handle(1));
        others[8].mask = Some(ImageInput::Url(alloc::string::String::from("https://a.example/1.png")));
        others[9].provider_options[0].1[0].1 = alloc::string::String::from("\"free\"");
        others[10].provider_options[1].0 = alloc::string::String::from("creativeai");
        others[11].background = whole().quality;
        let mut prints: Vec<u64> = others.iter().map(ImageRequest::fingerprint).collect();
        prints.push(whole().fingerprint());
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 13);
        assert!(prints.iter().all(|print| *print < 1 << 53));
    }

    #[test]
    fn equal_requests_have_one_in_every_version() {
        let mut turned = whole();
        turned.provider_options.reverse();
        turned.provider_options[1].1.reverse();
        turned.unsupported = super::super::Unsupported::Warn;
        assert_eq!(turned.fingerprint(), whole().fingerprint());
        // Records of these are out there.
        let plain = ImageRequest::new("gpt-image-2", "a red apple");
        assert_eq!((plain.fingerprint(), whole().fingerprint()), (7_301_371_467_306_312, 1_585_908_930_523_501));
    }

    #[test]
    fn the_places_of_images_count() {
        let urls = ["https://a.example/1.png", "https://a.example/2.png"];
        let of =
            |first: usize| ImageRequest::new("m", "p").image_url(urls[first]).image_url(urls[1 - first]).fingerprint();
        assert_ne!(of(0), of(1));
    }
}
