//! The sources in a directory, in the order of their names.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ignore::{DirEntry, WalkBuilder};

use super::{
    Origin, Skip, Source,
    exclude::{Exclusions, TreeExclusions},
    failed, is_manifest, kustomization, not_regular,
    skip::NotRendered,
};

/// Maximum depth of nested directories.
const MAX_DEPTH: usize = 64;

/// All sources below a directory. Includes hidden entries, as kubectl does, but not `.git`. Links to directories are not
/// followed.
pub(super) fn directory(path: &Path, exclusions: &Exclusions) -> Vec<Source> {
    let unlisted = |why| vec![Source::Unlisted(path.to_owned(), why)];
    let root = match fs::canonicalize(path) {
        Ok(root) => root,
        Err(error) => return unlisted(failed(&error)),
    };
    match exclusions.below(&root) {
        Ok(exclusions) => Walk::new(path, root).all(exclusions),
        Err(why) => unlisted(why),
    }
}

struct Walk<'p> {
    path: &'p Path,
    /// The same without links.
    root: PathBuf,
    /// The charts of the directories that are in the templates of one.
    charts: HashMap<PathBuf, Option<PathBuf>>,
    sources: Vec<Source>,
}

/// What the filter of the walk has left out, and its errors.
struct Filter {
    exclusions: TreeExclusions,
    excluded: Vec<Source>,
}

impl<'p> Walk<'p> {
    fn new(path: &'p Path, root: PathBuf) -> Self {
        Self { path, root, charts: HashMap::new(), sources: Vec::new() }
    }

    fn all(mut self, exclusions: TreeExclusions) -> Vec<Source> {
        let filter = Arc::new(Mutex::new(Filter { exclusions, excluded: Vec::new() }));
        let (path, root) = (self.path.to_owned(), self.root.clone());
        let shared = Arc::clone(&filter);
        let entries = WalkBuilder::new(self.path)
            .standard_filters(false)
            .max_depth(Some(MAX_DEPTH))
            .sort_by_file_name(OsStr::cmp)
            .filter_entry(move |entry| locked(&shared).keeps(entry, &path, &root))
            .build();
        for entry in entries {
            self.sources.append(&mut locked(&filter).excluded);
            match entry {
                Ok(entry) => self.entry(&entry),
                Err(error) => {
                    let path = path_of(&error).unwrap_or(self.path).to_owned();
                    let why = error.io_error().map_or_else(|| error.to_string(), failed);
                    self.sources.push(Source::Unlisted(path, why));
                }
            }
        }
        self.sources.append(&mut locked(&filter).excluded);
        self.sources
    }

    fn entry(&mut self, entry: &DirEntry) {
        let path = entry.path();
        let Some(kind) = entry.file_type().filter(|_| entry.depth() > 0) else { return };
        let source = if kind.is_dir() {
            let why = format!("is more than {MAX_DEPTH} directories deep");
            (entry.depth() == MAX_DEPTH).then(|| Source::Unlisted(path.to_owned(), why))
        } else if kind.is_symlink() {
            self.link(path)
        } else if kustomization::is_one(path) && !is_manifest(path) {
            let why = Skip::Kustomization(super::folder(path).to_owned(), NotRendered::NotAsked);
            Some(skipped(path, why))
        } else if !is_manifest(path) {
            None
        } else if kind.is_file() {
            Some(self.file(path))
        } else {
            Some(not_regular(path.to_owned()))
        };
        self.sources.extend(source);
    }

    fn file(&mut self, path: &Path) -> Source {
        match self.chart_of(super::folder(path)) {
            Some(chart) => skipped(path, Skip::ChartTemplate(chart)),
            None => Source::File(path.to_owned(), Origin::Found),
        }
    }

    fn link(&self, path: &Path) -> Option<Source> {
        let is_inside = |target: &Path| target.starts_with(&self.root);
        match fs::canonicalize(path).and_then(|target| Ok((fs::metadata(&target)?, target))) {
            Ok((about, target)) if about.is_dir() => {
                (!is_inside(&target)).then(|| skipped(path, Skip::LinkOutside))
            }
            _ if !is_manifest(path) => None,
            Ok((about, _)) if !about.is_file() => Some(not_regular(path.to_owned())),
            Ok((_, target)) if !is_inside(&target) => {
                Some(Source::File(path.to_owned(), Origin::Outside))
            }
            // A broken link is reported when it is read.
            Ok(_) | Err(_) => Some(Source::File(path.to_owned(), Origin::Found)),
        }
    }

    /// The chart whose templates are in a directory or in one above it.
    fn chart_of(&mut self, directory: &Path) -> Option<PathBuf> {
        if let Some(known) = self.charts.get(directory) {
            return known.clone();
        }
        let real = real(directory, self.path, &self.root);
        let chart = real.ancestors().find_map(|above| {
            let chart = above.parent().filter(|_| above.ends_with("templates"))?;
            chart.join(super::CHART).is_file().then_some(chart)
        });
        // As it is written, if it is below the directory that was named.
        let chart = chart.map(|chart| match chart.strip_prefix(&self.root) {
            Ok(below) => self.path.join(below),
            Err(_) => chart.to_owned(),
        });
        self.charts.insert(directory.to_owned(), chart.clone());
        chart
    }
}

impl Filter {
    fn keeps(&mut self, entry: &DirEntry, path: &Path, root: &Path) -> bool {
        let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
        if entry.depth() == 0 {
            return true;
        }
        if entry.file_name() == ".git" {
            return false;
        }
        if !is_directory && !is_manifest(entry.path()) && !kustomization::is_one(entry.path()) {
            return true;
        }
        let real = real(entry.path(), path, root);
        if self.exclusions.covers(&real, is_directory) {
            self.excluded.push(skipped(entry.path(), Skip::Excluded));
            return false;
        }
        if is_directory && let Err(why) = self.exclusions.enter(&real) {
            self.excluded.push(Source::Unlisted(entry.path().to_owned(), why));
        }
        true
    }
}

fn skipped(path: &Path, why: Skip) -> Source {
    Source::Skipped(path.to_owned(), why, Origin::Found)
}

/// An entry of the directory `path`, which is `root` without links.
fn real(entry: &Path, path: &Path, root: &Path) -> PathBuf {
    entry.strip_prefix(path).map_or_else(|_| entry.to_owned(), |below| root.join(below))
}

fn locked(filter: &Mutex<Filter>) -> std::sync::MutexGuard<'_, Filter> {
    filter.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        _ => None,
    }
}
