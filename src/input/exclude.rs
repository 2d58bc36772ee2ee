//! What users leave out of directories: `--exclude`, and `.portcullisignore` files with the syntax of gitignore.
//! `.gitignore` files have no effect, because kubectl applies what git ignores.

use std::{
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The name of the files with patterns.
const NAME: &str = ".portcullisignore";
/// In bytes; larger than any real one.
const MAX_FILE: u64 = 1 << 20;

/// The patterns of the command line.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    globs: Vec<String>,
    /// Relative to the current directory.
    matcher: Option<Gitignore>,
}

impl Exclusions {
    /// Uses patterns with the syntax of gitignore. Those with a slash are relative to the current directory or to the
    /// directory that is walked.
    ///
    /// # Errors
    /// An invalid pattern.
    pub fn new(globs: &[String]) -> Result<Self, String> {
        // `./deploy` as paths are written, which gitignore has no meaning for.
        let anchored = |glob: &String| match glob.strip_prefix("./") {
            Some(glob) => format!("/{glob}"),
            None => glob.clone(),
        };
        let globs: Vec<_> = globs.iter().map(anchored).collect();
        let current = env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let matcher = (!globs.is_empty()).then(|| matcher(&current, None, &globs)).transpose()?;
        Ok(Self { globs, matcher })
    }

    /// Whether a path that was named is left out, or is in a directory that is.
    pub(super) fn covers(&self, path: &Path) -> bool {
        let Some(matcher) = &self.matcher else { return false };
        let Ok(path) = fs::canonicalize(path) else { return false };
        path.starts_with(matcher.path())
            && matcher.matched_path_or_any_parents(&path, path.is_dir()).is_ignore()
    }

    /// For the entries of a directory.
    ///
    /// # Errors
    /// Those of its `.portcullisignore` files.
    pub(super) fn below(&self, root: &Path) -> Result<TreeExclusions, String> {
        let own = (!self.globs.is_empty()).then(|| matcher(root, None, &self.globs)).transpose()?;
        let globs = self.matcher.iter().cloned().chain(own).collect();
        let mut below = TreeExclusions { globs, files: Vec::new() };
        for above in above(root) {
            below.enter(above)?;
        }
        Ok(below)
    }
}

/// The patterns that apply to the entries of one directory. All paths are without links.
pub(super) struct TreeExclusions {
    globs: Vec<Gitignore>,
    /// Those of `.portcullisignore` files, outer directories first.
    files: Vec<Gitignore>,
}

impl TreeExclusions {
    /// Reads the patterns of a directory, before its entries are asked for.
    ///
    /// # Errors
    /// A file that cannot be read, or an invalid pattern in it.
    pub(super) fn enter(&mut self, directory: &Path) -> Result<(), String> {
        let file = directory.join(NAME);
        // Opening a pipe waits for its writer.
        let Ok(about) = fs::metadata(&file) else { return Ok(()) };
        let failed = |why: &str| format!("{}: {why}", file.display());
        if !about.is_file() || about.len() > MAX_FILE {
            return Err(failed("must be a regular file of at most 1 MiB"));
        }
        let mut text = String::new();
        let opened =
            fs::File::open(&file).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
        opened.map_err(|error| failed(&error.to_string()))?;
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        self.files.push(matcher(directory, Some(&file), &lines).map_err(|why| failed(&why))?);
        Ok(())
    }

    /// Whether an entry is left out. The deepest file that matches decides, as in git.
    pub(super) fn covers(&self, path: &Path, is_directory: bool) -> bool {
        let of_files = self.files.iter().rev().filter(|it| path.starts_with(it.path()));
        let mut of_files = of_files.map(|it| it.matched(path, is_directory));
        let of_globs = self.globs.iter().filter(|it| path.starts_with(it.path()));
        of_globs.into_iter().any(|it| it.matched(path, is_directory).is_ignore())
            || of_files.find(|it| !it.is_none()).is_some_and(|it| it.is_ignore())
    }
}

fn matcher(root: &Path, from: Option<&Path>, patterns: &[String]) -> Result<Gitignore, String> {
    let mut builder = GitignoreBuilder::new(root);
    for pattern in patterns {
        let pattern = pattern.trim_start_matches('\u{feff}');
        builder.add_line(from.map(Path::to_owned), pattern).map_err(|error| error.to_string())?;
    }
    builder.build().map_err(|error| error.to_string())
}

/// The directory and those above it up to its repository or the current directory, outermost first. Only the directory
/// itself if it is in neither: a file in a shared directory, such as `/tmp`, must not hide anything.
fn above(root: &Path) -> Vec<&Path> {
    let current = env::current_dir().ok();
    let is_end = |path: &&Path| path.join(".git").exists() || Some(*path) == current.as_deref();
    let count = root.ancestors().position(|path| is_end(&path)).unwrap_or(0) + 1;
    let mut above: Vec<_> = root.ancestors().take(count).collect();
    above.reverse();
    above
}
