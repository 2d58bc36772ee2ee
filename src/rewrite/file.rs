//! A file that is replaced as a whole or not at all.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, fchown},
    path::{Path, PathBuf},
};

/// Puts `new` in the place of a file that was read as `old`: written beside it, made durable, then renamed over it.
/// Its permissions and owner stay, and where it is a link, the link does. Other hard links to it keep the old text.
///
/// # Errors
/// Whatever could not be done. The file is as it was then.
pub(super) fn replace(path: &Path, old: &[u8], new: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    // A rename would ask the directory for permission, and never the file.
    OpenOptions::new().write(true).open(&path)?;
    let beside = beside(&path)?;
    let written = write(&beside, &metadata, new).and_then(|()| {
        if fs::read(&path)? != old {
            return Err(io::Error::other("it has changed since it was read: run it again"));
        }
        fs::rename(&beside, &path)
    });
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    sync_directory(&path)
}

/// A name in the same directory that nothing has yet, hidden and none of a manifest.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".portcullis-{}", std::process::id()));
    Ok(path.with_file_name(hidden))
}

fn write(path: &Path, like: &Metadata, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid())).map_err(|error| {
            io::Error::new(error.kind(), format!("its owner could not be kept: {error}"))
        })?;
    }
    file.set_permissions(like.permissions())?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("/"));
    // Some file systems cannot: the file is whole all the same.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
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
    fn what_somebody_else_changed_meanwhile_is_left_to_them() {
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
