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
    let replaced = replaced(&files::read_text(&path)?, name, text)
        .ok_or_else(|| Failure::new(format!("README.md has no lines `<!-- {name} -->` and `<!-- /{name} -->`")))?;
    files::write(&path, replaced)
}

fn replaced(readme: &str, name: &str, text: &str) -> Option<String> {
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let (before, rest) = readme.split_once(&start)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{start}\n{}\n\n{end}{after}", text.trim()))
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
