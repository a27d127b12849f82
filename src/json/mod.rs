//! One small value tree for everything that crosses the wall: requests, options, records, answers and results.
//!
//! Trees are built by [`TreeBuilder`], which bounds depth and size whoever feeds it ([`reader`], the walk over JavaScript values in the client for
//! Rust programs), and written as text by [`JsonWriter`].

mod documents;
pub mod reader;
mod writer;

use alloc::string::String;
use alloc::vec::Vec;

use crate::gather::gather;
use crate::text::cut;
pub use documents::{MAX_DOCUMENTS, read_documents};
pub use writer::{JsonWriter, Value, Written, decimal, list, object};

/// Containers within containers before an answer counts as hostile; the deepest documented answer has 6.
pub const MAX_DEPTH: usize = 32;
/// Values in a tree before it counts as hostile: a list of 1,000 tasks has about 10,000.
pub const MAX_NODES: usize = 20_000;
/// Strings over this many UTF-16 units stay in JavaScript, as handles: image data is long, everything that is read is short.
pub const MAX_STRING: usize = 4_096;

/// A JSON value, or a handle to a long string that stayed in JavaScript.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`, and whatever JavaScript has that JSON does not.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A short string.
    Text(String),
    /// A string over [`MAX_STRING`], kept by the host.
    Handle(Long),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order of its fields.
    Object(Vec<(String, Json)>),
}

/// A long string that stayed in JavaScript.
#[derive(Clone, Debug, PartialEq)]
pub struct Long {
    /// The host's number for it.
    pub handle: u32,
    /// Its first [`HEAD`] UTF-16 units, to tell by what it is.
    pub head: String,
}

/// How much of a long string comes in: the base64 of 48 bytes, in which every kind of image shows itself.
pub const HEAD: usize = 64;

impl Json {
    /// The field of that name, if this is an object that has it and it is not `null`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(fields) => {
                // Of equal names the last counts, as in JavaScript.
                fields
                    .iter()
                    .rev()
                    .find(|(field, _)| field == name)
                    .map(|(_, value)| value)
                    .filter(|v| **v != Json::Null)
            }
            _ => None,
        }
    }

    /// What lies at the end of a path: field names with dots between them. Of a list, `0` names the first element.
    pub fn at(&self, path: &str) -> Option<&Json> {
        let (mut value, mut rest) = (self, path);
        while !rest.is_empty() {
            let (name, after) = cut(rest, b'.');
            value = match value {
                Json::List(values) if name == "0" => values.first()?,
                _ => value.get(name)?,
            };
            rest = after;
        }
        Some(value)
    }

    /// What lies at the ends of several paths, which have blanks between them.
    pub fn all<'a>(&'a self, paths: &'a str) -> Ends<'a> {
        Ends { json: self, paths }
    }

    /// The first of several paths that leads somewhere.
    pub fn first<'a>(&'a self, paths: &'a str) -> Option<&'a Json> {
        self.all(paths).next()
    }

    /// The string at the end of the first of several paths that leads to one that is not empty.
    pub fn first_text<'a>(&'a self, paths: &'a str) -> Option<&'a str> {
        self.all(paths).find_map(|end| end.text().filter(|text| !text.is_empty()))
    }

    /// The string, if it is one (and short).
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a finite one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Json::Number(number) if number.is_finite() => Some(*number),
            _ => None,
        }
    }

    /// The number, if it is whole, not negative, and exactly representable.
    pub fn whole(&self) -> Option<u64> {
        self.number()
            .filter(|n| *n >= 0.0 && *n <= 9_007_199_254_740_991.0 && (*n as u64) as f64 == *n)
            .map(|n| n as u64)
    }

    /// The boolean, if it is one.
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The elements; none if it is not an array.
    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(values) => values,
            _ => &[],
        }
    }

    /// The fields; none if it is not an object.
    pub fn fields(&self) -> &[(String, Json)] {
        match self {
            Json::Object(fields) => fields,
            _ => &[],
        }
    }

    /// The string fields of the object at a field.
    pub fn texts(&self, name: &str) -> Vec<(String, String)> {
        let fields = self.get(name).map_or(&[][..], Json::fields).iter();
        gather(fields.filter_map(|(name, value)| Some((name.clone(), String::from(value.text()?)))))
    }

    /// An owned copy of the text at a field.
    pub fn text_of(&self, name: &str) -> Option<String> {
        self.get(name).and_then(Json::text).map(String::from)
    }
}

/// See [`Json::all`].
#[derive(Debug)]
pub struct Ends<'a> {
    json: &'a Json,
    paths: &'a str,
}

impl<'a> Iterator for Ends<'a> {
    type Item = &'a Json;

    fn next(&mut self) -> Option<&'a Json> {
        while !self.paths.is_empty() {
            let (path, rest) = cut(self.paths, b' ');
            self.paths = rest;
            if let Some(end) = self.json.at(path) {
                return Some(end);
            }
        }
        None
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::Text(String::from(text))
    }
}

impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::Text(text)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Json {
        Json::Number(number as f64)
    }
}

/// Builds an object field by field; absent values leave no field.
#[derive(Default)]
pub struct ObjectBuilder {
    fields: Vec<(String, Json)>,
}

impl ObjectBuilder {
    /// An object without fields.
    pub fn new() -> ObjectBuilder {
        ObjectBuilder::default()
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> ObjectBuilder {
        self.fields.push((String::from(name), value.into()));
        self
    }

    /// Adds a field if there is a value.
    pub fn maybe<T: Into<Json>>(self, name: &str, value: Option<T>) -> ObjectBuilder {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The finished object.
    pub fn build(self) -> Json {
        Json::Object(self.fields)
    }
}

/// Why a tree was given up. Either way what was built so far is dropped, so memory stays bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// Nested beyond [`MAX_DEPTH`].
    Depth,
    /// More values than [`MAX_NODES`].
    Nodes,
}

/// Puts a tree together from a depth-first walk, within the bounds. Never recurses.
#[derive(Default)]
pub struct TreeBuilder {
    open: Vec<(Option<String>, Json)>,
    key: Option<String>,
    root: Option<Json>,
    nodes: usize,
}

impl TreeBuilder {
    /// A builder without a value.
    pub fn new() -> TreeBuilder {
        TreeBuilder::default()
    }

    /// Names the next value; only inside an object.
    pub fn key(&mut self, name: String) {
        self.key = Some(name);
    }

    /// Adds a value that contains nothing.
    pub fn leaf(&mut self, value: Json) -> Result<(), TooLarge> {
        self.count()?;
        let key = self.key.take();
        self.place(key, value);
        Ok(())
    }

    /// Opens an array or an object; give it empty.
    pub fn open(&mut self, container: Json) -> Result<(), TooLarge> {
        self.count()?;
        if self.open.len() >= MAX_DEPTH {
            return Err(TooLarge::Depth);
        }
        let key = self.key.take();
        self.open.push((key, container));
        Ok(())
    }

    /// Closes the innermost open array or object.
    pub fn close(&mut self) {
        if let Some((key, container)) = self.open.pop() {
            self.place(key, container);
        }
    }

    /// The whole tree; `Null` if there was none.
    pub fn finish(mut self) -> Json {
        while !self.open.is_empty() {
            self.close();
        }
        self.root.unwrap_or(Json::Null)
    }

    fn count(&mut self) -> Result<(), TooLarge> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(TooLarge::Nodes) } else { Ok(()) }
    }

    fn place(&mut self, key: Option<String>, value: Json) {
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some((_, Json::List(values))) => values.push(value),
            Some((_, Json::Object(fields))) => fields.push((key.unwrap_or_default(), value)),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stop_at_what_is_not_there() {
        let tree = ObjectBuilder::new()
            .with("data", ObjectBuilder::new().with("id", "x").with("n", 3u64).build())
            .maybe("none", None::<u64>)
            .with("nothing", Json::Null)
            .build();
        assert_eq!(tree.at("data.id").and_then(Json::text), Some("x"));
        assert_eq!(tree.first("data.taskId data.n").and_then(Json::whole), Some(3));
        assert_eq!(tree.at("data.id.deeper"), None);
        assert_eq!(tree.get("nothing"), None);
        assert_eq!(tree.fields().len(), 2);
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let mut deep = TreeBuilder::new();
        assert_eq!((0..).find_map(|_| deep.open(Json::List(vec![])).err()), Some(TooLarge::Depth));
        let mut wide = TreeBuilder::new();
        wide.open(Json::List(vec![])).unwrap();
        assert_eq!((0..).find_map(|_| wide.leaf(Json::Null).err()), Some(TooLarge::Nodes));
    }

    #[test]
    fn numbers_are_whole_only_when_exact() {
        for (number, whole) in [
            (0.0, Some(0)),
            (1.5, None),
            (-1.0, None),
            (f64::NAN, None),
            (1e300, None),
            (4e15, Some(4_000_000_000_000_000)),
        ] {
            assert_eq!(Json::Number(number).whole(), whole);
        }
    }
}
