//! Output files. A regular file is replaced as a whole or not at all; anything else, such as a device, a pipe or a
//! descriptor of the shell, is written to directly. Links are followed and kept.
//!
//! No partial file remains after an error or a signal: the new file has no name until it is complete. It is private to
//! its owner (mode 0600) until it takes the mode of the file that it replaces, or of a new file.

mod target;

use std::{
    fs::{self, File, Metadata},
    io::{self, IsTerminal as _, Seek as _, Write},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use target::OutputTarget;
pub use target::{end, own_stdout};

/// The mode of a new file before the umask applies.
const NEW_FILE: u32 = 0o666;
const OWNER_ONLY: u32 = 0o600;

/// A file that is being written.
pub struct OutputFile {
    out: io::BufWriter<File>,
    /// None if `out` is the target itself.
    replaces: Option<Replaced>,
}

/// The regular file that appears once everything is written.
struct Replaced {
    /// Without links.
    path: PathBuf,
    /// None if it does not exist yet.
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
    /// Opens the target of a path. A pipe waits for its reader, as in a shell.
    ///
    /// # Errors
    /// A directory, a file without write permission, a folder in which no file can be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        match target::of(path)? {
            OutputTarget::Stream(out) => Ok(Self { out: io::BufWriter::new(out), replaces: None }),
            OutputTarget::Regular { path, existing } => Self::stage(path, existing),
        }
    }

    /// Opens a regular file that exists.
    ///
    /// # Errors
    /// Those of [`Self::create`], and a target that is not a regular file.
    pub fn existing(path: &Path) -> io::Result<Self> {
        // Checked before opening, because opening a pipe waits for its reader.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        Self::create(path)
    }

    /// Whether the output goes to a terminal.
    pub fn is_terminal(&self) -> bool {
        self.out.get_ref().is_terminal()
    }

    fn stage(path: PathBuf, existing: Option<Metadata>) -> io::Result<Self> {
        // In the target's own folder, which must have room for it.
        let staged = tempfile::tempfile_in(folder(&path))?;
        staged.set_permissions(fs::Permissions::from_mode(OWNER_ONLY))?;
        let replaces = Some(Replaced { path, existing });
        Ok(Self { out: io::BufWriter::new(staged), replaces })
    }

    /// Completes the file: a regular file appears now. A file that cannot be replaced, because it is a mount point or
    /// its owner could not be kept, is overwritten instead.
    ///
    /// # Errors
    /// The step that failed.
    pub fn commit(self) -> io::Result<()> {
        self.finish(|_| Ok(()), |staged, replaced| replaced.overwrite(staged))
    }

    /// Like [`Self::commit`], but never overwrites: the file is replaced or stays as it was. `check` runs last, on the
    /// file to be replaced.
    ///
    /// # Errors
    /// The step that failed, and errors of `check`.
    pub fn replace(self, check: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        self.finish(check, |_, _| None)
    }

    /// Runs `otherwise` if the file cannot be replaced.
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

/// Why a file was not replaced.
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
        // Some file systems cannot sync a folder; the file is complete anyway.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// Sets owner and mode of the replaced file, or of a new file.
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

    /// Overwrites the file itself, which keeps its owner and mode. None if it does not exist.
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

/// The mode of a new file under the umask and the folder's default ACL: only creating a file reveals it.
fn mode_of_new(folder: &Path) -> io::Result<u32> {
    let mode = fs::Permissions::from_mode(NEW_FILE);
    let empty = Builder::new().prefix(".portcullis-").permissions(mode).tempfile_in(folder)?;
    Ok(empty.as_file().metadata()?.mode() & NEW_FILE)
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}
