//! Sources of manifests: files, directories, patterns, standard input, and the output of other programs. The size of
//! each is limited.

mod arrange;
mod exclude;
mod kustomization;
mod objects;
mod rendered;
mod skip;
mod walk;

use std::{
    ffi::{OsStr, OsString},
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use manifest::Places;

pub use arrange::{FoundInDirectories, Rendering, arrange};
pub use exclude::Exclusions;
pub use objects::{Part, read, sample_of_no_manifest};
pub use rendered::Rendered;
pub(crate) use rendered::message;
pub use skip::{Skip, SkipCounts, SkipReason};

/// Extensions of files that are read in directories. Files named explicitly may have any.
pub const EXTENSIONS: [&str; 4] = ["yaml", "yml", "json", "jsonl"];
/// The largest text, in bytes: enough for ten thousand large pods, or for all of most clusters.
pub const MAX_TEXT: u64 = 64 << 20;
/// The file that makes a directory a chart.
const CHART: &str = "Chart.yaml";

/// A text with manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf, Origin),
    /// The output of another program.
    Rendered(Rendered),
    /// A directory that could not be listed or a pattern without matches, and why. Reported as a finding.
    Unlisted(PathBuf, String),
    /// A file that is not read, and why. Not an error.
    Skipped(PathBuf, Skip, Origin),
}

/// How a file came to be a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line names it, or a pattern on it. It must be a manifest.
    Named,
    /// It is in a directory.
    Found,
    /// It is a link in a directory to a file outside of that directory. It is read like any file, but never replaced.
    Outside,
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
    /// [`EXTENSIONS`], recursively and sorted by name, without `.git` and without following links to directories.
    /// A path that does not exist is a pattern if it contains `*`, `?` or `[`, for shells that do not expand it. Pipes
    /// and devices are read only if they are named directly.
    pub fn of(path: &Path, exclusions: &Exclusions) -> Vec<Self> {
        if path == Path::new("-") {
            return vec![Self::Stdin];
        }
        if !path.exists() && is_pattern(path) {
            return matching(path, exclusions);
        }
        if exclusions.covers(path) {
            return vec![Self::Skipped(path.to_owned(), Skip::Excluded, Origin::Named)];
        }
        if path.is_dir() {
            return walk::directory(path, exclusions);
        }
        vec![Self::File(path.to_owned(), Origin::Named)]
    }

    /// How the source was given. What another program has rendered must be read as a file that was named.
    pub fn origin(&self) -> Origin {
        match self {
            Self::File(_, origin) | Self::Skipped(_, _, origin) => *origin,
            Self::Stdin | Self::Rendered(_) | Self::Unlisted(..) => Origin::Named,
        }
    }

    /// The output of `kubectl kustomize` for a directory.
    pub fn kustomize(directory: &Path) -> Self {
        Self::Rendered(Rendered::Kustomize(directory.to_owned()))
    }

    /// The output of `helm template` for a chart with these options.
    pub fn helm(chart: &OsStr, options: &Arc<Vec<OsString>>) -> Self {
        let (chart, options) = (OsString::from(chart), Arc::clone(options));
        Self::Rendered(Rendered::Helm { chart, options })
    }

    /// The places in the text of this source.
    pub fn places<'t>(&self, name: &Arc<str>, text: &'t [u8]) -> Places<'t> {
        let name = Arc::clone(name);
        match self {
            Self::Rendered(of) => Places::of_rendering(name, text, of.templates(text)),
            _ => Places::new(name, text),
        }
    }

    /// Reads the whole text.
    ///
    /// # Errors
    /// A message for people.
    pub fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Stdin => bounded(io::stdin().lock()),
            Self::File(path, _) => read_file(path),
            Self::Rendered(rendered) => rendered.read(),
            Self::Unlisted(_, why) => Err(why.clone()),
            Self::Skipped(_, why, _) => Err(why.to_string()),
        }
    }

    /// Reads the whole text of a file of at most this many bytes. `None` for anything else and on errors, which
    /// [`Self::read`] reports.
    pub fn read_file_within(&self, bytes: u64) -> Option<Vec<u8>> {
        let Self::File(path, _) = self else { return None };
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
            Self::File(path, _)
            | Self::Unlisted(path, _)
            | Self::Skipped(path, ..)
            | Self::Rendered(Rendered::Kustomize(path)) => path.display().fmt(f),
            Self::Rendered(Rendered::Helm { chart, .. }) => Path::new(chart).display().fmt(f),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
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
fn matching(pattern: &Path, exclusions: &Exclusions) -> Vec<Source> {
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
                    Source::Skipped(path, Skip::LinkOutside, Origin::Found)
                } else if path.is_file() {
                    Source::File(path, Origin::Outside)
                } else {
                    not_regular(path)
                }]
            }
            Ok(path) if path.exists() && !path.is_file() && !path.is_dir() => {
                vec![not_regular(path)]
            }
            Ok(path) => Source::of(&path, exclusions),
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

fn not_regular(path: PathBuf) -> Source {
    Source::Skipped(path, Skip::NotRegular, Origin::Found)
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}
