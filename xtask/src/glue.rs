//! wasm-bindgen's glue as a factory.
//!
//! The glue of `--target bundler` is one module with one instance: its memory, its caches and its classes are module
//! variables. The client needs a new instance after a trap, with nothing of the old one in it. So the glue becomes the
//! body of a function `instantiate(module)`. It is rewritten line by line; a line of unknown shape stops the build.

use crate::failure::{Failure, Result};

/// What ends the glue, and what the factory does itself.
const SET_WASM: &str = "export function __wbg_set_wasm(val) {\n    wasm = val;\n}";

/// The name that wasm-opt gives to the one module that is imported from.
const MODULE: &str = "a";

/// The short names that wasm-opt gave: old name, new name.
#[derive(Debug, Default)]
pub struct Names {
    imports: Vec<(String, String)>,
    exports: Vec<(String, String)>,
}

impl Names {
    /// Reads what `--minify-imports-and-exports-and-modules` prints: one import or export a line, as a list of JSON strings.
    ///
    /// # Errors
    /// When it prints something else.
    pub fn read(text: &str) -> Result<Self> {
        let mut names = Self::default();
        for line in text.lines().filter(|line| line.trim_start().starts_with("[\"")) {
            let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            match *words.as_slice() {
                [_, old, new] => names.imports.push((old.to_owned(), new.to_owned())),
                [old, new] => names.exports.push((old.to_owned(), new.to_owned())),
                _ => return Err(Failure::new(format!("wasm-opt names imports and exports in an unknown way: {line}"))),
            }
        }
        Ok(names)
    }

    fn import(&self, name: &str) -> Result<String> {
        let short = self.imports.iter().find(|(old, _)| old == name).map(|(_, new)| new);
        short.map(|new| format!("{new}: {name}")).ok_or_else(|| unknown("an import that the module lacks", name))
    }

    /// The glue with every `wasm.NAME` under its new name.
    fn shorten_exports(&self, glue: &str) -> Result<String> {
        let mut parts = glue.split("wasm.");
        let mut shortened = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|letter: char| !is_identifier_letter(letter)).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            let short = self.exports.iter().find(|(old, _)| old == name).map(|(_, new)| new.as_str());
            shortened += "wasm.";
            shortened += short.ok_or_else(|| unknown("an export that the module lacks", name))?;
            shortened += rest;
        }
        Ok(shortened)
    }
}

/// The factory module for the crate named `name`, from `name_bg.js` (the bindings) and `name.js` (the entry).
///
/// # Errors
/// When a line has a shape that this was not written for: another version of wasm-bindgen, or a use of it (JavaScript
/// snippets, imported modules) that would tie the glue to one instance.
pub fn factory(name: &str, bindings: &str, entry: &str, names: &Names) -> Result<String> {
    let public = public_names(name, entry)?;
    if bindings.matches(SET_WASM).count() != 1 || bindings.matches("\nlet wasm;\n").count() != 1 {
        return Err(unknown("the end of the bindings, `let wasm; export function __wbg_set_wasm`", "none or several"));
    }
    let mut body = String::new();
    let mut imports = Vec::new();
    let mut defined = Vec::new();
    for line in bindings.replace(SET_WASM, "").lines() {
        let inner = if let Some(declaration) = line.strip_prefix("export ") {
            let name = declared_name(declaration).ok_or_else(|| unknown("an export", line))?;
            if public.iter().any(|public| public == name) {
                defined.push(name.to_owned());
            } else if name.starts_with("__wbg_") || name.starts_with("__wbindgen_") {
                imports.push(names.import(name)?);
            } else {
                return Err(unknown("an export that is neither public nor wasm-bindgen's own", line));
            }
            declaration
        } else if ["export", "import", "await "].iter().any(|word| line.starts_with(word)) {
            return Err(unknown("a line that only a module may have", line));
        } else {
            line
        };
        body.push_str(inner);
        body.push('\n');
    }
    if let Some(missing) = public.iter().find(|name| !defined.contains(name)) {
        return Err(unknown("the entry exports what the bindings do not define", missing));
    }
    let start = if entry.lines().any(|line| line == START) { "wasm.__wbindgen_start();\n" } else { "" };
    let module = format!(
        "// Made by the build from wasm-bindgen's glue: each call has memory, caches and classes of its own.\n\
         export function instantiate(module) {{\n{}\n\
         const imports = {{ {}: {{ {} }} }};\n\
         wasm = new WebAssembly.Instance(module, imports).exports;\n\
         {start}return {{ {} }};\n}}\n",
        body.trim_end(),
        MODULE,
        imports.join(", "),
        public.join(", "),
    );
    names.shorten_exports(&module)
}

const START: &str = "wasm.__wbindgen_start();";

/// The names that the entry exports; every other line of it must be one that is known.
fn public_names(name: &str, entry: &str) -> Result<Vec<String>> {
    let known = [
        format!("import * as wasm from \"./{name}_bg.wasm\";"),
        format!("import {{ __wbg_set_wasm }} from \"./{name}_bg.js\";"),
        "__wbg_set_wasm(wasm);".to_owned(),
        START.to_owned(),
    ];
    let end_of_list = format!("}} from \"./{name}_bg.js\";");
    let mut names = Vec::new();
    let mut in_list = false;
    for line in entry.lines() {
        if in_list {
            in_list = line != end_of_list;
            if in_list {
                names.extend(line.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
            }
        } else if line == "export {" {
            in_list = true;
        } else if !line.is_empty() && !line.starts_with("/* @ts-self-types=") && !known.iter().any(|text| text == line)
        {
            return Err(unknown("a line of the entry", line));
        }
    }
    match names.iter().find(|name| !is_identifier(name)) {
        Some(name) => Err(unknown("an exported name", name)),
        None if in_list => Err(unknown("the entry's list of exports has no end", end_of_list.as_str())),
        None => Ok(names),
    }
}

/// The name of `function NAME(`, `class NAME {` or `const NAME = `.
fn declared_name(declaration: &str) -> Option<&str> {
    let (keyword, rest) = declaration.split_once(' ')?;
    let end = match keyword {
        "function" => rest.find('(')?,
        "class" => rest.find(" {")?,
        "const" => rest.find(" = ")?,
        _ => return None,
    };
    rest.get(..end).filter(|name| is_identifier(name))
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_identifier_letter)
}

fn is_identifier_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '$'
}

fn unknown(what: &str, line: &str) -> Failure {
    Failure::new(format!("the glue of this wasm-bindgen has a shape that the build does not know: {what}: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "/* @ts-self-types=\"./core.d.ts\" */\nimport * as wasm from \"./core_bg.wasm\";\n\
                         import { __wbg_set_wasm } from \"./core_bg.js\";\n\n__wbg_set_wasm(wasm);\n\
                         wasm.__wbindgen_start();\nexport {\n    Core, Kind\n} from \"./core_bg.js\";\n";
    const BINDINGS: &str = "export class Core {\n    free() {\n        wasm.free();\n    }\n}\n\
                            export const Kind = Object.freeze({\n    A: 0,\n});\n\
                            export function __wbg_fetch_12ab(arg0) {\n    return fetch(arg0);\n}\n\
                            export function __wbindgen_init_externref_table() {\n}\n\
                            let cached = null;\n\n\nlet wasm;\n\
                            export function __wbg_set_wasm(val) {\n    wasm = val;\n}\n";

    const NAMES: &str = "{\n\"imports\": [\n  [\"./core_bg.js\", \"__wbg_fetch_12ab\", \"a\"],\n  [\"./core_bg.js\", \
                         \"__wbindgen_init_externref_table\", \"b\"]\n ],\n\"exports\": [\n  [\"free\", \"c\"],\n  [\"__wbindgen_start\", \"d\"]\n ]\n}\n";

    fn made(bindings: &str, entry: &str) -> Result<String> {
        factory("core", bindings, entry, &Names::read(NAMES)?)
    }

    #[test]
    fn the_whole_glue_becomes_the_body_of_one_function() {
        let expected = "// Made by the build from wasm-bindgen's glue: each call has memory, caches and classes of its own.\n\
            export function instantiate(module) {\nclass Core {\n    free() {\n        wasm.c();\n    }\n}\n\
            const Kind = Object.freeze({\n    A: 0,\n});\nfunction __wbg_fetch_12ab(arg0) {\n    return fetch(arg0);\n}\n\
            function __wbindgen_init_externref_table() {\n}\nlet cached = null;\n\n\nlet wasm;\n\
            const imports = { a: { a: __wbg_fetch_12ab, b: __wbindgen_init_externref_table } };\n\
            wasm = new WebAssembly.Instance(module, imports).exports;\nwasm.d();\n\
            return { Core, Kind };\n}\n";
        assert_eq!(made(BINDINGS, ENTRY).unwrap(), expected);
    }

    #[test]
    fn a_module_without_a_start_function_is_not_started() {
        let entry = ENTRY.replace("wasm.__wbindgen_start();\n", "");
        assert!(!made(BINDINGS, &entry).unwrap().contains("wasm.d()"));
    }

    #[test]
    fn an_unknown_shape_stops_the_build() {
        let changed = |from: &str, to: &str| made(&BINDINGS.replace(from, to), ENTRY);
        assert!(changed("let cached", "import { x } from './snippets/x.js';\nlet cached").is_err());
        assert!(changed("let cached", "export { x as y };\nlet cached").is_err());
        assert!(changed("let cached", "export default cached;\nlet cached").is_err());
        assert!(changed("let cached", "export function stray() {}\nlet cached").is_err());
        assert!(changed("let cached", "await 1;\nlet cached").is_err());
        assert!(changed("wasm = val;", "wasm = val.exports;").is_err());
        assert!(changed("let wasm;", "var wasm;").is_err());
        assert!(changed("class Core", "class Other").is_err());
        assert!(changed("wasm.free", "wasm.gone").is_err());
        assert!(changed("__wbg_fetch_12ab", "__wbg_other").is_err());
        let entry = |from: &str, to: &str| made(BINDINGS, &ENTRY.replace(from, to));
        assert!(entry("wasm.__wbindgen_start();", "await wasm.__wbindgen_start();").is_err());
        assert!(entry("} from", "} of").is_err());
        assert!(entry("Core, Kind", "Core as default").is_err());
        assert!(entry("Core, Kind", "Core, Kind, Gone").is_err());
    }
}
