//! File operations whose errors name the file.

use crate::failure::{Failure, Result};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn named<T>(what: &str, path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|error| Failure::new(format!("cannot {what} {}: {error}", path.display())))
}

pub fn read(path: &Path) -> Result<Vec<u8>> {
    named("read", path, fs::read(path))
}

pub fn read_text(path: &Path) -> Result<String> {
    named("read", path, fs::read_to_string(path))
}

pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result {
    named("write", path, fs::write(path, content))
}

pub fn copy(from: &Path, to: &Path) -> Result {
    named("read", from, fs::copy(from, to)).map(|_| ())
}

pub fn make_folder(path: &Path) -> Result {
    named("make the folder", path, fs::create_dir_all(path))
}

/// An empty folder at `path`, whatever was there before.
pub fn empty_folder(path: &Path) -> Result {
    remove_folder(path)?;
    make_folder(path)
}

pub fn remove_folder(path: &Path) -> Result {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => named("remove", path, Err(error)),
        _ => Ok(()),
    }
}

pub fn rename(from: &Path, to: &Path) -> Result {
    named("rename", from, fs::rename(from, to))
}

/// What is in a folder, sorted by name.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in named("list", folder, fs::read_dir(folder))? {
        paths.push(named("list", folder, entry)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Whether both files exist and hold the same bytes.
pub fn same(left: &Path, right: &Path) -> bool {
    matches!((fs::read(left), fs::read(right)), (Ok(left), Ok(right)) if left == right)
}

pub fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// A new folder among the machine's temporary files, removed when this is dropped.
pub struct TemporaryFolder {
    /// Where it is.
    pub path: PathBuf,
}

impl TemporaryFolder {
    /// # Errors
    /// When it cannot be made.
    pub fn new(purpose: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("tidegate-{purpose}-{}", std::process::id()));
        empty_folder(&path)?;
        Ok(Self { path })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What stays is only some temporary files.
        let _ = remove_folder(&self.path);
    }
}

#[cfg(unix)]
pub fn link(to: &Path, link: &Path) -> Result {
    named("link", link, std::os::unix::fs::symlink(to, link))
}

#[cfg(unix)]
pub fn write_program(path: &Path, text: &str) -> Result {
    use std::os::unix::fs::PermissionsExt;
    write(path, text)?;
    named("make executable", path, fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
}
