//! Files that the program writes. A regular file is replaced as a whole or not at all; what is no regular file, such as
//! a device, a pipe or a descriptor of the shell, is written to as it is. Links are followed and stay.
//!
//! Nothing is left behind: what is written has no name until it is complete, so that neither an error nor a signal
//! leaves a part of it. It is its owner's alone (mode 0600) until it takes the mode of the file that it replaces, or of
//! a new file.

mod target;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, Metadata},
    io::{self, IsTerminal as _, Seek as _, Write},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use target::Target;
pub use target::{end, own_stdout};

/// What a new file may have at most: the umask takes from it.
const NEW_FILE: u32 = 0o666;
const OWNER_ONLY: u32 = 0o600;

/// A file as it is written.
pub struct OutputFile {
    out: io::BufWriter<File>,
    /// None where `out` is the target itself.
    replaces: Option<Replaced>,
}

/// The regular file that appears when all is written.
struct Replaced {
    /// Without links.
    path: PathBuf,
    /// None where it does not exist yet.
    existing: Option<Metadata>,
}

/// Writes a whole file.
///
/// # Errors
/// Those of [`OutputFile::create`] and [`OutputFile::commit`].
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OutputFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

impl OutputFile {
    /// Opens what a path leads to. A pipe waits for its reader, as in a shell.
    ///
    /// # Errors
    /// A directory, a file that may not be written to, a folder that takes no files.
    pub fn create(path: &Path) -> io::Result<Self> {
        match target::of(path)? {
            Target::Stream(out) => Ok(Self { out: io::BufWriter::new(out), replaces: None }),
            Target::Regular { path, existing } => Self::stage(path, existing),
        }
    }

    /// Opens a regular file that is there.
    ///
    /// # Errors
    /// Those of [`Self::create`], and whatever is no regular file.
    pub fn existing(path: &Path) -> io::Result<Self> {
        // Asked before it is opened: a pipe would wait for its reader.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        Self::create(path)
    }

    /// Whether people read what is written as it is written.
    pub fn is_terminal(&self) -> bool {
        self.out.get_ref().is_terminal()
    }

    fn stage(path: PathBuf, existing: Option<Metadata>) -> io::Result<Self> {
        // In the target's own folder: there must be room for it.
        let staged = tempfile::tempfile_in(folder(&path))?;
        staged.set_permissions(fs::Permissions::from_mode(OWNER_ONLY))?;
        let replaces = Some(Replaced { path, existing });
        Ok(Self { out: io::BufWriter::new(staged), replaces })
    }

    /// Says that all is written: a regular file appears now. One that cannot be replaced, since something is mounted
    /// on it or since its owner could not be kept, is written to in its place.
    ///
    /// # Errors
    /// Whatever could not be done.
    pub fn commit(self) -> io::Result<()> {
        self.finish(|_| Ok(()), |staged, replaced| replaced.overwrite(staged))
    }

    /// As [`Self::commit`], but the file is replaced or stays as it was: `check` is the last to look at it.
    ///
    /// # Errors
    /// Whatever could not be done, and those of `check`.
    pub fn replace(self, check: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        self.finish(check, |_, _| None)
    }

    /// `otherwise` is what is done where the file cannot be replaced.
    fn finish(
        self,
        check: impl FnOnce(&Path) -> io::Result<()>,
        otherwise: impl FnOnce(&mut File, &Replaced) -> Option<io::Result<()>>,
    ) -> io::Result<()> {
        let mut out = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let Some(replaced) = self.replaces else { return Ok(()) };
        match replaced.replace(&mut out, check) {
            Err(NotReplaced::Impossible(error)) => {
                otherwise(&mut out, &replaced).unwrap_or(Err(error))
            }
            Err(NotReplaced::Failed(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Why a file is as it was.
enum NotReplaced {
    /// Another file cannot take its place.
    Impossible(io::Error),
    Failed(io::Error),
}

impl From<io::Error> for NotReplaced {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Replaced {
    fn replace(
        &self,
        staged: &mut File,
        check: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), NotReplaced> {
        let folder = folder(&self.path);
        let mut named = Builder::new().prefix(".portcullis-").tempfile_in(folder)?;
        copy(staged, named.as_file_mut())?;
        self.take_over(&named)?;
        named.as_file().sync_all()?;
        target::is_replaceable(&self.path)?;
        check(&self.path)?;
        named.persist(&self.path).map_err(|failed| match failed.error.kind() {
            io::ErrorKind::ResourceBusy => NotReplaced::Impossible(failed.error),
            _ => NotReplaced::Failed(failed.error),
        })?;
        // Some file systems cannot: the file is whole all the same.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// Owner and mode of the file that is replaced, or of any new one.
    fn take_over(&self, named: &NamedTempFile) -> Result<(), NotReplaced> {
        let file = named.as_file();
        let mode = match &self.existing {
            Some(like) => {
                let own = file.metadata()?;
                if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
                    fchown(file, Some(like.uid()), Some(like.gid())).map_err(|error| {
                        let why = format!("its owner could not be kept: {error}");
                        NotReplaced::Impossible(io::Error::new(error.kind(), why))
                    })?;
                }
                like.mode() & 0o7777
            }
            None => mode_of_new(folder(&self.path))?,
        };
        Ok(file.set_permissions(fs::Permissions::from_mode(mode))?)
    }

    /// Writes into the file itself, which keeps its owner and its mode. None where there is no file.
    fn overwrite(&self, staged: &mut File) -> Option<io::Result<()>> {
        self.existing.as_ref()?;
        let opened = fs::OpenOptions::new().write(true).truncate(true).open(&self.path);
        Some(opened.and_then(|mut file| {
            copy(staged, &mut file)?;
            file.sync_all()
        }))
    }
}

fn copy(staged: &mut File, to: &mut File) -> io::Result<()> {
    staged.rewind()?;
    io::copy(staged, to).map(drop)
}

/// What the umask, or the folder's own rules, leave of a new file's mode: only a new file knows.
fn mode_of_new(folder: &Path) -> io::Result<u32> {
    let mode = fs::Permissions::from_mode(NEW_FILE);
    let empty = Builder::new().prefix(".portcullis-").permissions(mode).tempfile_in(folder)?;
    Ok(empty.as_file().metadata()?.mode() & NEW_FILE)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}
