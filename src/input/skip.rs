//! Why an input is not read or not judged, although nothing is wrong with it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use super::folder;

/// Why a file, a directory or a document is skipped. Not an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// A file or a document that no API server accepts.
    #[error("it is no manifest: it does not have both apiVersion and kind")]
    NoManifest,
    /// A template of this chart, which only Helm can read.
    #[error("it is a template of the chart {}: judge what is rendered, with check --helm or --render", .0.display())]
    ChartTemplate(PathBuf),
    /// A file or a document with the actions of a template.
    #[error("it is a template that is not rendered: judge what is rendered")]
    Template,
    /// A patch of this kustomization. The patched result is judged and hardened instead.
    #[error("it is a patch of {}: judge what is rendered, with check -k {}", .0.display(), folder(.0).display())]
    Patch(PathBuf),
    /// An option or a `.portcullisignore` leaves it out.
    #[error("it is excluded by --exclude or .portcullisignore")]
    Excluded,
    /// Reading a pipe or a device may never end.
    #[error("it is no regular file: name it to have it read")]
    NotRegular,
    /// Links to directories are not followed; targets inside the directory are read in their place.
    #[error(
        "it is a link to a directory outside of the one that was named: name it to have it read"
    )]
    LinkOutside,
    /// A kustomization rendered it.
    #[error("it is judged as a kustomization renders it")]
    Rendered,
    /// The directory of a chart.
    #[error("it is a chart: judge what is rendered, with check --helm {}{}", .0.display(), .1)]
    Chart(PathBuf, NotRendered),
    /// The directory of a kustomization.
    #[error("it is a kustomization: judge what is rendered, with check -k {}{}", .0.display(), .1)]
    Kustomization(PathBuf, NotRendered),
}

/// Why a chart or a kustomization in a directory is not rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRendered {
    /// It was not asked for.
    #[error(" or --render")]
    NotAsked,
    /// The program for it is not in PATH.
    #[error(" (--render found no program for it in PATH)")]
    NoProgram,
}

/// The reasons as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SkipReason {
    /// No manifest.
    NoManifest,
    /// A template that is not rendered.
    Template,
    /// A patch.
    Patch,
    /// Excluded by the user.
    Excluded,
    /// A pipe, a socket or a device.
    NotRegular,
    /// A link to a directory outside of the given one.
    LinkOutside,
    /// A file that a rendered kustomization contains.
    Rendered,
    /// A chart that is not rendered.
    Chart,
    /// A kustomization that is not rendered.
    Kustomization,
    /// An object with containers, of a kind that is not known.
    Unjudged,
}

impl Skip {
    /// The reason without its details.
    pub fn reason(&self) -> SkipReason {
        match self {
            Self::NoManifest => SkipReason::NoManifest,
            Self::ChartTemplate(_) | Self::Template => SkipReason::Template,
            Self::Patch(_) => SkipReason::Patch,
            Self::Excluded => SkipReason::Excluded,
            Self::NotRegular => SkipReason::NotRegular,
            Self::LinkOutside => SkipReason::LinkOutside,
            Self::Rendered => SkipReason::Rendered,
            Self::Chart(..) => SkipReason::Chart,
            Self::Kustomization(..) => SkipReason::Kustomization,
        }
    }
}

impl SkipReason {
    /// Whether a repository may have many of them, so that they are counted rather than listed.
    pub fn is_common(self) -> bool {
        !matches!(self, Self::NotRegular | Self::LinkOutside | Self::Unjudged)
    }

    fn is_renderable(self) -> bool {
        matches!(self, Self::Chart | Self::Kustomization)
    }

    /// `2 patches`.
    fn counted(self, count: u64) -> String {
        let (one, many) = match self {
            Self::NoManifest => {
                ("file or document that is no manifest", "files or documents that are no manifests")
            }
            Self::Template => ("template", "templates"),
            Self::Patch => ("patch", "patches"),
            Self::Excluded => ("excluded path", "excluded paths"),
            Self::NotRegular => ("pipe, socket or device", "pipes, sockets or devices"),
            Self::LinkOutside => ("link to another directory", "links to other directories"),
            Self::Rendered => ("file that is rendered", "files that are rendered"),
            Self::Chart => ("chart", "charts"),
            Self::Kustomization => ("kustomization", "kustomizations"),
            Self::Unjudged => ("object that is not judged", "objects that are not judged"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

/// How many inputs are skipped for each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SkipCounts(BTreeMap<SkipReason, u64>);

impl SkipCounts {
    /// Counts one.
    pub fn add(&mut self, reason: SkipReason) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// All of it in one line, with what to do about charts and kustomizations. None if nothing is skipped.
    pub fn line(&self, to_render: &str) -> Option<String> {
        let counts = |of: fn(SkipReason) -> bool| {
            let counts = self.0.iter().filter(|(reason, _)| of(**reason));
            let counts: Vec<_> = counts.map(|(reason, count)| reason.counted(*count)).collect();
            counts.join(", ")
        };
        let skipped = counts(|reason| !reason.is_renderable());
        let not_rendered = counts(SkipReason::is_renderable);
        let lines = [("skipped: ", skipped, ""), ("", not_rendered, to_render)];
        let lines = lines.into_iter().filter(|(_, counts, _)| !counts.is_empty());
        let lines: Vec<_> =
            lines.map(|(start, counts, end)| format!("{start}{counts}{end}")).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}
