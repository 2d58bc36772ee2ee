//! Replaces a manifest as a whole or not at all.

use std::{fs, io, io::Write as _, path::Path};

use crate::output_file::OutputFile;

/// Replaces the content `old` of a file by `new`. Keeps its permissions and owner, and follows a link. Other hard links
/// keep the old text.
///
/// # Errors
/// The step that failed. The file is then unchanged.
pub(super) fn replace(path: &Path, old: &[u8], new: &[u8]) -> io::Result<()> {
    let mut file = OutputFile::existing(path)?;
    file.write_all(new)?;
    file.replace(|path| match fs::read(path)? == old {
        true => Ok(()),
        false => Err(io::Error::other("it has changed since it was read: run it again")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yaml");
        fs::write(&path, "old").unwrap();
        replace(&path, b"old", b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["web.yaml"]);
    }

    #[test]
    fn concurrent_changes_by_others_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yaml");
        fs::write(&path, "theirs").unwrap();
        let error = replace(&path, b"old", b"new").unwrap_err();
        assert!(error.to_string().contains("changed since it was read"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["web.yaml"]);
    }

    #[test]
    fn what_is_no_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(folder.path(), b"", b"new").is_err());
        assert!(replace(Path::new("/dev/null"), b"", b"new").is_err());
        assert!(replace(&folder.path().join("none"), b"", b"new").is_err());
        assert!(names(folder.path()).is_empty());
    }
}
