//! The tables of the README that commands write.

use crate::failure::{Failure, Result};
use crate::files;
use crate::project::Project;

/// Puts `text` between the README's lines `<!-- NAME -->` and `<!-- /NAME -->`.
///
/// # Errors
/// When the README lacks these lines, or cannot be written.
pub fn write(project: &Project, name: &str, text: &str) -> Result {
    let path = project.root.join("README.md");
    let replaced = replaced(&files::read_text(&path)?, name, text).ok_or_else(|| lacks(name))?;
    files::write(&path, replaced)
}

/// What stands between these two lines.
///
/// # Errors
/// When the README lacks them.
pub fn read(project: &Project, name: &str) -> Result<String> {
    let readme = files::read_text(&project.root.join("README.md"))?;
    let [_, text, _] = split(&readme, name).ok_or_else(|| lacks(name))?;
    Ok(text.to_owned())
}

fn lacks(name: &str) -> Failure {
    Failure::new(format!("README.md has no lines `<!-- {name} -->` and `<!-- /{name} -->`"))
}

fn split<'a>(readme: &'a str, name: &str) -> Option<[&'a str; 3]> {
    let (before, rest) = readme.split_once(&format!("<!-- {name} -->\n"))?;
    let (text, after) = rest.split_once(&format!("<!-- /{name} -->\n"))?;
    Some([before, text, after])
}

fn replaced(readme: &str, name: &str, text: &str) -> Option<String> {
    let [before, _, after] = split(readme, name)?;
    Some(format!("{before}<!-- {name} -->\n\n{}\n\n<!-- /{name} -->\n{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let readme = "a\n<!-- size -->\nold\n<!-- /size -->\nb\n";
        let written = replaced(readme, "size", "| new |\n").unwrap();
        assert_eq!(written, "a\n<!-- size -->\n\n| new |\n\n<!-- /size -->\nb\n");
        assert_eq!(replaced(&written, "size", "| new |").unwrap(), written);
        assert_eq!(replaced(readme, "hosts", ""), None);
    }
}
