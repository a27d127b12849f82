//! The largest parts of the wasm, by function and by module, read from a build that kept the names of its functions.

use super::thousands;
use crate::failure::{Failure, Result};
use std::collections::HashMap;
use std::fmt::Write;
use wasmparser::{BinaryReaderError, KnownCustom, Name, Parser, Payload, TypeRef};

const LISTED: usize = 10;

/// The data section: what is read and not run.
const DATA: &str = "(texts and tables)";

/// What wasm-opt makes out of pieces that several functions share has no name.
const SHARED: &str = "(shared pieces)";

/// Bytes, and of how many functions they are the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    bytes: u64,
    functions: u64,
}

/// Two tables: the ten largest functions, where the instances of a generic one are one, and the ten largest modules.
///
/// # Errors
/// When these bytes are no module that names its functions.
pub fn largest(wasm: &[u8]) -> Result<String> {
    let functions = functions(wasm).map_err(|error| Failure::new(format!("the wasm cannot be read: {error}")))?;
    let mut by_name: HashMap<&str, Part> = HashMap::new();
    let mut by_module: HashMap<String, Part> = HashMap::new();
    // The data always has its name.
    if functions.iter().filter(|(name, _)| name.is_some()).count() < 2 {
        return Err(Failure::new("the wasm names none of its functions"));
    }
    for (name, bytes) in &functions {
        let name = name.as_deref().unwrap_or(SHARED);
        for part in [by_name.entry(without_hash(name)).or_default(), by_module.entry(module_of(name)).or_default()] {
            part.bytes += bytes;
            part.functions += 1;
        }
    }
    let sum: u64 = functions.iter().map(|(_, bytes)| bytes).sum();
    Ok([table("function", &by_name, sum), table("module", &by_module, sum)].join("\n"))
}

/// Name and bytes of every function, and of the data.
fn functions(wasm: &[u8]) -> std::result::Result<Vec<(Option<String>, u64)>, BinaryReaderError> {
    let (mut imported, mut sizes, mut data) = (0, Vec::new(), 0);
    let mut names = HashMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => sizes.push(body.range().end - body.range().start),
            Payload::DataSection(section) => data = section.range().end - section.range().start,
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(section) = section.as_known() {
                    for subsection in section {
                        let Name::Function(functions) = subsection? else { continue };
                        for naming in functions {
                            let naming = naming?;
                            names.insert(naming.index, naming.name.to_owned());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let mut functions: Vec<_> = (imported..).zip(sizes).map(|(index, bytes)| (names.remove(&index), bytes)).collect();
    functions.push((Some(DATA.to_owned()), data));
    Ok(functions)
}

fn table(what: &str, parts: &HashMap<impl AsRef<str>, Part>, sum: u64) -> String {
    let mut parts: Vec<(&str, Part)> = parts.iter().map(|(name, part)| (name.as_ref(), *part)).collect();
    parts.sort_by_key(|(name, part)| (std::cmp::Reverse(part.bytes), *name));
    let mut text = format!("{:>8} {:>6} {:>5}  largest by {what}\n", "bytes", "share", "of");
    for (name, part) in parts.into_iter().take(LISTED) {
        let tenths = part.bytes * 1000 / sum.max(1);
        let share = format!("{}.{} %", tenths / 10, tenths % 10);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>8} {share:>6} {:>5}  {name}", thousands(part.bytes), part.functions);
    }
    text
}

/// Without the compiler's hash: then all instances of a generic function have one name.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()) => path,
        _ => name,
    }
}

/// The module of a function of our own, the crate of another's.
fn module_of(name: &str) -> String {
    let name = without_hash(name);
    if name.starts_with("core::ptr::drop_in_place") {
        return "(drop glue)".to_owned();
    }
    // `<Type as Trait>::function` belongs to its type, unless that is only a parameter.
    let path = name.trim_start_matches(['<', '&', '[', '(']);
    let path = path.strip_prefix("mut ").unwrap_or(path);
    let of_type = path.split([' ', '>']).next().unwrap_or(path);
    let path = if of_type.contains("::") { of_type } else { path.split(" as ").nth(1).unwrap_or(path) };
    let is_module = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_');
    let mut words: Vec<&str> = path.split("::").take_while(is_module).collect();
    match words.as_slice() {
        [] | [_] if name.starts_with('(') => name.to_owned(),
        [] | [_] => "(exports and built-ins)".to_owned(),
        ["tidegate", ..] => {
            // A free function's own name is one word too many.
            if words.len() == path.split("::").count() {
                words.pop();
            }
            words.join("::")
        }
        // The standard library's crates have a hash of theirs: `core[c5930c85a12de822]`.
        [other, ..] => other.split('[').next().unwrap_or(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_belongs_to_the_module_that_it_is_written_in() {
        let of = |name: &str, module: &str| assert_eq!(module_of(name), module, "{name}");
        of("tidegate::http::origin::h0123456789abcdef", "tidegate::http");
        of("tidegate::provider::read::read", "tidegate::provider::read");
        of("tidegate::web::Core::find", "tidegate::web");
        of("tidegate::engine::settle::<impl tidegate::engine::Engine>::finish_task", "tidegate::engine::settle");
        of("tidegate::table::Table<K,V>::insert", "tidegate::table");
        of("<tidegate::json::Json as core::clone::Clone>::clone", "tidegate::json");
        of("<alloc::vec::Vec<T,A> as core::clone::Clone>::clone", "alloc");
        of("<&mut I as core::iter::traits::iterator::Iterator>::next", "core");
        of("<core[c5930c85a12de822]::str::pattern::StrSearcher>::new", "core");
        of("core::ptr::drop_in_place<tidegate::web::Core>", "(drop glue)");
        of("core_find", "(exports and built-ins)");
    }

    #[test]
    fn instances_are_told_from_one_another_by_a_hash_only() {
        assert_eq!(without_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(without_hash("a::hash"), "a::hash");
    }

    /// One import, one function of this body, one byte of data, names for both.
    fn module(with_name: bool) -> Vec<u8> {
        let mut wasm =
            b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x07\x01\x01a\x01b\0\0\x03\x02\x01\0\x05\x03\x01\0\x01".to_vec();
        wasm.extend(b"\x0a\x05\x01\x03\0\x01\x0b\x0b\x07\x01\0\x41\0\x0b\x01x");
        if with_name {
            wasm.extend(b"\0\x0f\x04name\x01\x08\x01\x01\x05t::fn");
        }
        wasm
    }

    #[test]
    fn sizes_go_with_names_whatever_is_imported() {
        let expected = vec![(Some("t::fn".to_owned()), 3), (Some(DATA.to_owned()), 7)];
        assert_eq!(functions(&module(true)).unwrap(), expected);
        assert!(largest(&module(true)).unwrap().contains("t::fn"));
    }

    #[test]
    fn a_module_without_names_is_an_error() {
        assert!(largest(&module(false)).is_err());
        assert!(largest(b"no wasm").is_err());
    }
}
