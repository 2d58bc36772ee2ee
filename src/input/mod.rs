//! Sources of manifests: files, directories, patterns, standard input, and the output of other programs. The size of
//! each is limited.

mod kustomization;
mod rendered;

use std::{
    ffi::{OsStr, OsString},
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    thread,
};

pub use kustomization::without_patches;
pub use rendered::Rendered;
pub(crate) use rendered::message;

/// Extensions of files that are read in directories. Files named explicitly may have any.
pub const EXTENSIONS: [&str; 4] = ["yaml", "yml", "json", "jsonl"];
/// The largest text, in bytes: enough for ten thousand large pods, or for all of most clusters.
pub const MAX_TEXT: u64 = 64 << 20;
/// Maximum depth of nested directories.
const MAX_DEPTH: usize = 64;

/// A text with manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// A link in a directory to a file outside of that directory. It is read like any file, but never replaced.
    Outside(PathBuf),
    /// The output of another program.
    Rendered(Rendered),
    /// A directory that could not be listed or a pattern without matches, and why. Reported as a finding.
    Unlisted(PathBuf, String),
    /// A file in a directory that is not read, and why. Not an error.
    Skipped(PathBuf, Skip),
}

/// Why a file in a directory is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// Reading a pipe or a device may never end.
    #[error("it is no regular file: name it to have it read")]
    NotRegular,
    /// Links to directories are not followed; targets inside the directory are read in their place.
    #[error(
        "it is a link to a directory outside of the one that was named: name it to have it read"
    )]
    LinkOutside,
    /// A patch of this kustomization. The patched result is judged and hardened instead.
    #[error("it is a patch of {}: judge what is rendered, with check -k {}", .0.display(), folder(.0).display())]
    Patch(PathBuf),
    /// It is not a manifest.
    #[error("it is a kustomization: judge what is rendered, with check -k {}", .0.display())]
    Kustomization(PathBuf),
}

/// Runs work that reads manifests on a separate stack, so that the accepted depth of a manifest depends neither on the
/// caller nor on `ulimit -s`.
///
/// # Errors
/// Those of the work, and a failure to create a thread.
pub(crate) fn on_deep_stack<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let done = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(manifest::STACK);
        Ok::<_, io::Error>(thread.spawn_scoped(scope, work)?.join())
    })?;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

impl Source {
    /// The sources for a path on the command line. `-` is standard input. A directory yields all its files with
    /// [`EXTENSIONS`], recursively and sorted by name, without hidden files and without following links to directories.
    /// A path that does not exist is a pattern if it contains `*`, `?` or `[`, for shells that do not expand it. Pipes
    /// and devices are read only if they are named directly.
    pub fn of(path: &Path) -> Vec<Self> {
        if path == Path::new("-") {
            return vec![Self::Stdin];
        }
        if !path.exists() && is_pattern(path) {
            return matching(path);
        }
        if !path.is_dir() {
            return vec![Self::File(path.to_owned())];
        }
        match fs::canonicalize(path) {
            Ok(root) => {
                let mut walk = Walk { root, sources: Vec::new() };
                walk.directory(path, 0);
                walk.sources
            }
            Err(error) => vec![Self::Unlisted(path.to_owned(), failed(&error))],
        }
    }

    /// The output of `kubectl kustomize` for a directory.
    pub fn kustomize(directory: &Path) -> Self {
        Self::Rendered(Rendered::Kustomize(directory.to_owned()))
    }

    /// The output of `helm template` for a chart with these values files.
    pub fn helm(chart: &OsStr, values: &[PathBuf]) -> Self {
        let chart = OsString::from(chart);
        Self::Rendered(Rendered::Helm { chart, values: values.to_vec() })
    }

    /// Reads the whole text.
    ///
    /// # Errors
    /// A message for people.
    pub fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Stdin => bounded(io::stdin().lock()),
            Self::File(path) | Self::Outside(path) => read(path),
            Self::Rendered(rendered) => rendered.read(),
            Self::Unlisted(_, why) => Err(why.clone()),
            Self::Skipped(_, why) => Err(why.to_string()),
        }
    }

    /// Reads the whole text of a file of at most this many bytes. `None` for anything else and on errors, which
    /// [`Self::read`] reports.
    pub fn read_file_within(&self, bytes: u64) -> Option<Vec<u8>> {
        let (Self::File(path) | Self::Outside(path)) = self else { return None };
        // Checked before opening, because reading from a pipe consumes its content.
        let about = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let size = usize::try_from(about.len()).ok().filter(|_| about.len() <= bytes)?;
        // One byte more, to detect a file that has grown.
        let mut text = Vec::with_capacity(size + 1);
        fs::File::open(path).ok()?.take(bytes + 1).read_to_end(&mut text).ok()?;
        (text.len() as u64 <= bytes).then_some(text)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("-"),
            Self::File(path)
            | Self::Outside(path)
            | Self::Unlisted(path, _)
            | Self::Skipped(path, _)
            | Self::Rendered(Rendered::Kustomize(path)) => path.display().fmt(f),
            Self::Rendered(Rendered::Helm { chart, .. }) => Path::new(chart).display().fmt(f),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = fs::File::open(path).map_err(|error| failed(&error))?;
    // Rejects a large file before reading it. The size of a pipe is unknown.
    match file.metadata() {
        Ok(about) if about.is_file() && about.len() > MAX_TEXT => Err(too_large()),
        _ => bounded(file),
    }
}

fn bounded(reader: impl io::Read) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    reader.take(MAX_TEXT + 1).read_to_end(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > MAX_TEXT { Err(too_large()) } else { Ok(text) }
}

fn too_large() -> String {
    format!("is larger than the {} MiB that are allowed: split it", MAX_TEXT >> 20)
}

fn failed(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The files that match a pattern, sorted by name. A pattern without matches is most likely a mistake.
fn matching(pattern: &Path) -> Vec<Source> {
    let unlisted = |why: String| vec![Source::Unlisted(pattern.to_owned(), why)];
    let Some(text) = pattern.to_str() else { return unlisted("is not UTF-8".to_owned()) };
    let paths = match glob::glob(text) {
        Ok(paths) => paths,
        Err(error) => return unlisted(format!("is no pattern: {error}")),
    };
    let root = fs::canonicalize(literal(pattern)).unwrap_or_default();
    let sources: Vec<_> = paths
        .flat_map(|path| match path {
            // As in a directory: the author of the pattern did not see where a link leads.
            Ok(path) if fs::canonicalize(&path).is_ok_and(|target| !target.starts_with(&root)) => {
                vec![if path.is_dir() {
                    Source::Skipped(path, Skip::LinkOutside)
                } else if path.is_file() {
                    Source::Outside(path)
                } else {
                    not_regular(path)
                }]
            }
            Ok(path) if path.exists() && !path.is_file() && !path.is_dir() => {
                vec![not_regular(path)]
            }
            Ok(path) => Source::of(&path),
            Err(error) => vec![Source::Unlisted(error.path().to_owned(), failed(error.error()))],
        })
        .collect();
    if sources.is_empty() { unlisted("nothing matches this pattern".to_owned()) } else { sources }
}

/// The directory above everything that a pattern can match.
fn literal(pattern: &Path) -> PathBuf {
    let plain: PathBuf =
        pattern.components().take_while(|part| !is_pattern(part.as_ref())).collect();
    if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
}

struct Walk {
    /// The named directory, without links.
    root: PathBuf,
    sources: Vec<Source>,
}

impl Walk {
    fn directory(&mut self, directory: &Path, depth: usize) {
        let unlisted = |why| Source::Unlisted(directory.to_owned(), why);
        if depth == MAX_DEPTH {
            let why = format!("is more than {MAX_DEPTH} directories deep");
            return self.sources.push(unlisted(why));
        }
        let entries = match list(directory) {
            Ok(entries) => entries,
            Err(error) => return self.sources.push(unlisted(failed(&error))),
        };
        for (path, kind) in entries {
            if kind.is_dir() {
                self.directory(&path, depth + 1);
            } else if kind.is_symlink() {
                self.sources.extend(self.link(path));
            } else if kustomization::is_one(&path) && !is_manifest(&path) {
                let why = Skip::Kustomization(directory.to_owned());
                self.sources.push(Source::Skipped(path, why));
            } else if is_manifest(&path) {
                self.sources.push(if kind.is_file() {
                    Source::File(path)
                } else {
                    not_regular(path)
                });
            }
        }
    }

    fn link(&self, path: PathBuf) -> Option<Source> {
        let is_inside = |target: &Path| target.starts_with(&self.root);
        match fs::canonicalize(&path).and_then(|target| Ok((fs::metadata(&target)?, target))) {
            Ok((about, target)) if about.is_dir() => {
                (!is_inside(&target)).then_some(Source::Skipped(path, Skip::LinkOutside))
            }
            _ if !is_manifest(&path) => None,
            Ok((about, _)) if !about.is_file() => Some(not_regular(path)),
            Ok((_, target)) if !is_inside(&target) => Some(Source::Outside(path)),
            // A broken link is reported when it is read.
            Ok(_) | Err(_) => Some(Source::File(path)),
        }
    }
}

fn not_regular(path: PathBuf) -> Source {
    Source::Skipped(path, Skip::NotRegular)
}

/// Entries that are not hidden, sorted by name.
fn list(directory: &Path) -> io::Result<Vec<(PathBuf, fs::FileType)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push((entry.path(), entry.file_type()?));
        }
    }
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(entries)
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}
