//! Links to result images: signed, and good for a time.

use crate::random::hash;

/// What a request for an image came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Link<'a> {
    /// The link is good for the image of this name.
    Good(&'a str),
    /// Its time is over.
    Expired,
    /// It was not made here.
    Forged,
}

/// The link to the image of this name (`task_1.png`).
pub(crate) fn make(seed: u64, base_url: &str, name: &str, expires_s: u64) -> String {
    let base_url = base_url.trim_end_matches('/');
    format!("{base_url}/images/{name}?expires={expires_s}&signature={:016x}", sign(seed, name, expires_s))
}

/// Reads a path such as [`make`] makes; `wall_ms` is the provider's clock.
pub(crate) fn read(seed: u64, path: &str, wall_ms: u64) -> Link<'_> {
    let parts = || {
        let (name, query) = path.strip_prefix("/images/")?.split_once('?')?;
        let (expires, signature) = query.strip_prefix("expires=")?.split_once("&signature=")?;
        let expires: u64 = expires.parse().ok()?;
        let signed = signature == format!("{:016x}", sign(seed, name, expires));
        signed.then_some((name, expires))
    };
    match parts() {
        Some((_, expires)) if wall_ms / 1000 >= expires => Link::Expired,
        Some((name, _)) => Link::Good(name),
        None => Link::Forged,
    }
}

fn sign(seed: u64, name: &str, expires_s: u64) -> u64 {
    hash(format!("{seed}/{name}/{expires_s}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_until_it_expires_and_only_as_it_was_made() {
        let url = make(1, "http://127.0.0.1:1/", "task_1.png", 10);
        let path = url.strip_prefix("http://127.0.0.1:1").unwrap();
        assert_eq!(read(1, path, 9999), Link::Good("task_1.png"));
        assert_eq!(read(1, path, 10_000), Link::Expired);
        assert_eq!(read(1, &path.replace("=10&", "=99&"), 0), Link::Forged);
        assert_eq!(read(1, &path.replace("task_1", "task_2"), 0), Link::Forged);
        assert_eq!(read(1, "/images/task_1.png", 0), Link::Forged);
    }
}
