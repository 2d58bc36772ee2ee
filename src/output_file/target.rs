//! The file that a path leads to when it is written to.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

/// The maximum number of links that Linux follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

pub(super) enum OutputTarget {
    /// An open device, pipe or descriptor.
    Stream(File),
    /// A regular file, or none yet.
    Regular {
        /// Without links.
        path: PathBuf,
        existing: Option<Metadata>,
    },
}

/// The end of a path, not opened.
enum End {
    /// In a folder of descriptors.
    Descriptor(PathBuf),
    Existing(PathBuf, Metadata),
    New(PathBuf),
}

/// Opens the end of a path.
///
/// # Errors
/// A directory, a file without write permission, a missing folder.
pub(super) fn of(path: &Path) -> io::Result<OutputTarget> {
    match follow(path)? {
        End::Descriptor(path) => descriptor(&path).map(OutputTarget::Stream),
        End::Existing(path, about) => existing(path, about),
        End::New(path) => Ok(OutputTarget::Regular { path, existing: None }),
    }
}

/// The path behind all links, equal for all paths that lead to the same file.
///
/// # Errors
/// A directory, a missing folder.
pub fn end(path: &Path) -> io::Result<PathBuf> {
    Ok(match follow(path)? {
        End::Descriptor(path) | End::Existing(path, _) | End::New(path) => path,
    })
}

/// The [`end`] of the names of standard output.
pub fn own_stdout() -> PathBuf {
    own_descriptor("1")
}

fn follow(path: &Path) -> io::Result<End> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut path = path.to_owned();
    for _ in 0..=MAX_LINKS {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let folder = fs::canonicalize(folder)?;
        let here = folder.join(name);
        match fs::symlink_metadata(&here) {
            Ok(about) if about.is_symlink() && holds_descriptors(&folder) => {
                return Ok(End::Descriptor(here));
            }
            Ok(about) if about.is_symlink() => path = folder.join(fs::read_link(&here)?),
            Ok(about) => return Ok(End::Existing(here, about)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(End::New(here)),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many links lead from one to the next"))
}

/// Succeeds if the path holds a regular file or nothing: anything that appeared there meanwhile is not replaced.
pub(super) fn is_replaceable(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_file() => Ok(()),
        Ok(_) => Err(io::Error::other("it is no longer a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn existing(path: PathBuf, about: Metadata) -> io::Result<OutputTarget> {
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // A rename checks the permissions of the folder, not those of the file.
    let open = OpenOptions::new().write(true).open(&path)?;
    Ok(match about.is_file() {
        true => OutputTarget::Regular { path, existing: Some(about) },
        false => OutputTarget::Stream(open),
    })
}

/// `/dev/stdout`, `/dev/fd/63` and `>(…)` of a shell lead into such a folder (proc_pid_fd(5)).
fn holds_descriptors(folder: &Path) -> bool {
    folder.starts_with("/proc") && folder.ends_with("fd")
}

/// A descriptor opened by the shell. Its file is not replaced, even if it is regular: the shell continues to write to
/// it.
fn descriptor(path: &Path) -> io::Result<File> {
    let is_own = |number: &str| path == own_descriptor(number);
    let copy = match () {
        // A socket cannot be opened by its name, and reopening a file would write from its beginning.
        () if is_own("1") => io::stdout().as_fd().try_clone_to_owned()?,
        () if is_own("2") => io::stderr().as_fd().try_clone_to_owned()?,
        () => return OpenOptions::new().append(true).open(path),
    };
    Ok(File::from(copy))
}

fn own_descriptor(number: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{number}", std::process::id()))
}
