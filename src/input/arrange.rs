//! Arranges the sources of a run: patches are left out, and charts and kustomizations that are in directories are rendered
//! or named. What is rendered is not read as files, too.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    CHART, Origin, Rendered, Skip, Source, folder,
    kustomization::{self, Form, Kustomizations},
    skip::NotRendered,
};

/// What is rendered.
#[derive(Debug, Default)]
pub struct Rendering {
    /// Directories with kustomizations that were named.
    pub kustomize: Vec<PathBuf>,
    /// Charts that were named.
    pub charts: Vec<OsString>,
    /// Options for helm.
    pub options: Arc<Vec<OsString>>,
    /// Whether what is found in directories is rendered.
    pub found: FoundInDirectories,
}

/// What happens with charts and kustomizations in directories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FoundInDirectories {
    /// They are named.
    #[default]
    Named,
    /// They are rendered, if the programs for it are there.
    Rendered,
}

/// All sources of a run in order: the given ones as they are arranged, and what was named for rendering.
pub fn arrange(sources: Vec<Source>, rendering: &Rendering) -> Vec<Source> {
    let mut known = Kustomizations::default();
    for source in &sources {
        if let Source::File(path, _) | Source::Skipped(path, ..) = source {
            known.read_above(path);
        }
    }
    rendering.kustomize.iter().for_each(|folder| known.read(folder));
    let (parts, rendered) = Default::default();
    let mut arrangement = Arrangement { rendering, known, parts, rendered, charts: Vec::new() };
    arrangement.plan(&sources);
    let arranged = sources.into_iter().filter_map(|source| arrangement.arranged(source));
    let kustomizations = rendering.kustomize.iter().map(|folder| Source::kustomize(folder));
    let charts = rendering.charts.iter().map(|chart| Source::helm(chart, &rendering.options));
    arranged.chain(kustomizations).chain(charts).collect()
}

/// Of a `Chart.yaml`, in bytes; larger than any real one.
const MAX_CHART: u64 = 1 << 20;

struct Arrangement<'r> {
    rendering: &'r Rendering,
    known: Kustomizations,
    /// The folders of kustomizations that others of the run render. Without links.
    parts: HashSet<PathBuf>,
    /// Files, and folders of kustomizations, that are rendered. Without links.
    rendered: HashSet<PathBuf>,
    /// The directories of charts that are rendered, without links.
    charts: Vec<PathBuf>,
}

impl Arrangement<'_> {
    /// Determines what is rendered.
    fn plan(&mut self, sources: &[Source]) {
        let kustomizations =
            sources.iter().filter_map(found).filter(|it| kustomization::is_one(it));
        self.parts = kustomizations.flat_map(|file| self.known.parts(folder(file))).collect();
        let named = self.rendering.charts.iter().filter_map(|chart| fs::canonicalize(chart).ok());
        self.charts = named.collect();
        let mut folders = self.rendering.kustomize.clone();
        for source in sources {
            let Some(rendered) = found(source).and_then(|path| self.renderable(path)) else {
                continue;
            };
            if self.rendering.found == FoundInDirectories::Rendered && rendered.is_possible() {
                match rendered {
                    Rendered::Kustomize(folder) => folders.push(folder),
                    Rendered::Helm { chart, .. } => self.charts.extend(fs::canonicalize(chart)),
                }
            }
        }
        self.rendered = self.known.rendered(&folders);
    }

    /// What a file in a directory makes of that directory, if it is a chart or a kustomization of its own.
    fn renderable(&self, path: &Path) -> Option<Rendered> {
        if kustomization::is_one(path) {
            let is_one = matches!(self.known.form(path), Form::Whole | Form::WithoutKind);
            let real = fs::canonicalize(folder(path)).ok().filter(|_| is_one)?;
            let is_root = !self.parts.contains(&real);
            return is_root.then(|| Rendered::Kustomize(folder(path).to_owned()));
        }
        (path.ends_with(CHART) && is_chart(path)).then(|| Rendered::Helm {
            chart: folder(path).into(),
            options: Arc::clone(&self.rendering.options),
        })
    }

    fn arranged(&self, source: Source) -> Option<Source> {
        let (path, origin) = match &source {
            Source::File(path, origin) | Source::Skipped(path, Skip::Kustomization(..), origin) => {
                (path, *origin)
            }
            // The rendering has it.
            Source::Skipped(_, Skip::ChartTemplate(chart), _) if self.is_in_chart(chart) => {
                return None;
            }
            _ => return Some(source),
        };
        let skipped = |why| Some(Source::Skipped(path.clone(), why, origin));
        if let Some(kustomization) = self.known.listing(path) {
            return skipped(Skip::Patch(kustomization.to_owned()));
        }
        let is_without_kind =
            || kustomization::is_one(path) && self.known.form(path) == Form::WithoutKind;
        match origin {
            Origin::Found => {}
            Origin::Named if is_without_kind() => {
                return skipped(Skip::Kustomization(
                    folder(path).to_owned(),
                    NotRendered::NotAsked,
                ));
            }
            Origin::Named | Origin::Outside => return Some(source),
        }
        match self.renderable(path) {
            Some(rendered) => self.rendered(path, rendered),
            None if self.is_rendered(path) => skipped(Skip::Rendered),
            None => Some(source),
        }
    }

    /// The source for a chart or a kustomization in a directory. None if it was named as well.
    fn rendered(&self, path: &Path, rendered: Rendered) -> Option<Source> {
        let why = match self.rendering.found {
            FoundInDirectories::Rendered => NotRendered::NoProgram,
            FoundInDirectories::Named => NotRendered::NotAsked,
        };
        let real = fs::canonicalize(folder(path)).ok();
        let is_named = |named: &Path| fs::canonicalize(named).ok() == real;
        let (is_planned, is_named, why) = match &rendered {
            Rendered::Kustomize(folder) => (
                self.is_rendered(folder),
                self.rendering.kustomize.iter().any(|it| is_named(it)),
                Skip::Kustomization(folder.clone(), why),
            ),
            Rendered::Helm { chart, .. } => (
                self.is_in_chart(Path::new(chart)),
                self.rendering.charts.iter().any(|it| is_named(Path::new(it))),
                Skip::Chart(chart.into(), why),
            ),
        };
        match (is_planned, is_named) {
            (_, true) => None,
            (true, false) => Some(Source::Rendered(rendered)),
            (false, false) => Some(Source::Skipped(path.to_owned(), why, Origin::Found)),
        }
    }

    fn is_rendered(&self, path: &Path) -> bool {
        !self.rendered.is_empty()
            && fs::canonicalize(path).is_ok_and(|path| {
                let is_file_of_one = kustomization::is_one(&path)
                    && path.parent().is_some_and(|folder| self.rendered.contains(folder));
                is_file_of_one || self.rendered.contains(&path)
            })
    }

    fn is_in_chart(&self, chart: &Path) -> bool {
        !self.charts.is_empty()
            && fs::canonicalize(chart)
                .is_ok_and(|chart| self.charts.iter().any(|known| chart.starts_with(known)))
    }
}

/// The file of a source that was found in a directory.
fn found(source: &Source) -> Option<&Path> {
    match source {
        Source::File(path, Origin::Found)
        | Source::Skipped(path, Skip::Kustomization(..), Origin::Found) => Some(path),
        _ => None,
    }
}

/// Whether a `Chart.yaml` is that of a chart that Helm renders by itself: neither a library, nor a dependency in another
/// chart.
fn is_chart(file: &Path) -> bool {
    let Ok(directory) = fs::canonicalize(folder(file)) else { return false };
    let in_chart =
        |above: &Path| above.ends_with("charts") && above.with_file_name(CHART).is_file();
    if directory.parent().is_some_and(in_chart) {
        return false;
    }
    let text = Source::File(file.to_owned(), Origin::Found).read_file_within(MAX_CHART);
    let Some(text) = text else { return false };
    let Some(Ok((_, chart))) = manifest::values(&text).next() else { return false };
    let is_library = chart.get("type").is_some_and(|kind| kind == "library");
    chart.get("name").is_some() && chart.get("kind").is_none() && !is_library
}
