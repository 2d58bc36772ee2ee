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
    #[error("it is a template of the chart {}: judge what is rendered, with check --helm", .0.display())]
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
    /// It is not a manifest.
    #[error("it is a kustomization: judge what is rendered, with check -k {}", .0.display())]
    Kustomization(PathBuf),
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
    /// A kustomization that is not rendered.
    Kustomization,
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
            Self::Kustomization(_) => SkipReason::Kustomization,
        }
    }
}

impl SkipReason {
    /// Whether a repository may have many of them, so that they are counted rather than listed.
    pub fn is_common(self) -> bool {
        !matches!(self, Self::NotRegular | Self::LinkOutside)
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
            Self::Kustomization => ("kustomization", "kustomizations"),
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

    /// All of it in one line. None if nothing is skipped.
    pub fn line(&self) -> Option<String> {
        let counts = self.0.iter().map(|(reason, count)| reason.counted(*count));
        let counts: Vec<_> = counts.collect();
        (!counts.is_empty()).then(|| format!("skipped: {}", counts.join(", ")))
    }
}
