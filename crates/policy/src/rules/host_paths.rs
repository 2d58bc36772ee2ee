//! `rules/hostPaths`: pods mount only the listed paths of the node.
//!
//! Fields: `spec.volumes[*].hostPath.path`.
//! Allowed: a path of the settings, and everything below it: `/var/log` allows `/var/log/pods` but not `/var/logs`.
//! Repeated slashes and `.` are ignored, as by the kernel. Never allowed: a path with `..`, a path without a leading
//! slash, and a path with a backslash, which Windows nodes take for a slash.
//!
//! Fields: `volumeMounts[*].readOnly` of every container.
//! Allowed: `true` in every mount of a volume whose path is listed as read-only. Mounts below it on the node stay
//! writable, unless `recursiveReadOnly` is set as well. Links on the node are not visible here.

use std::{collections::BTreeSet, fmt};

use crate::{
    pattern::few,
    pss::{Finding, Findings, Place, Pod, Volume},
};

use super::rule::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/hostPaths", reason: "host path that is not listed" };

/// A path of the node that may be mounted, including everything below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPath {
    path: Plain,
    access: Access,
}

/// How a pod may mount it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Every mount must be read-only.
    ReadOnly,
    /// Mounts may be writable.
    ReadWrite,
}

/// The text is not a valid path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a path that begins with \"/\", without \"..\", \"\\\" and \"*\": it is for all that is below it, too"
)]
pub struct InvalidHostPath;

impl HostPath {
    /// Parses a path of the configuration.
    ///
    /// # Errors
    /// A relative path, or one with `..`, a backslash or a star. A star would be literal, and match nothing.
    pub fn parse(path: &str, access: Access) -> Result<Self, InvalidHostPath> {
        let plain = Plain::of(path).filter(|_| !path.contains('*'));
        Ok(Self { path: plain.ok_or(InvalidHostPath)?, access })
    }

    /// Whether two have the same path, regardless of access.
    pub fn is_same_path(&self, other: &Self) -> bool {
        self.path == other.path
    }

    /// How pods may mount it.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Whether the paths allow a volume: its own path, and how the containers of its pod mount it.
    pub fn allow(paths: &[Self], volume: &Volume<'_>, mounts: &WritableMounts<'_>) -> bool {
        let path = volume.host_path.as_ref().and_then(|path| Clear::of(path));
        path.is_some_and(|path| {
            paths.iter().any(|it| it.covers(path) && it.allows_mounts(volume, mounts))
        })
    }

    /// Whether it equals the other path, or is below it.
    pub fn is_within(&self, other: &Self) -> bool {
        other.covers(Clear(&self.path.0))
    }

    fn covers(&self, path: Clear<'_>) -> bool {
        let mut parts = path.parts();
        Clear(&self.path.0).parts().all(|own| parts.next() == Some(own))
    }

    fn allows_mounts(&self, volume: &Volume<'_>, mounts: &WritableMounts<'_>) -> bool {
        self.access == Access::ReadWrite || mounts.of_volume(volume).is_empty()
    }
}

/// A normalised absolute path: one slash before each part, no empty or special parts. The root is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Plain(String);

impl Plain {
    /// `None` if the path may lead elsewhere.
    fn of(path: &str) -> Option<Self> {
        let parts = Clear::of(path)?.parts();
        Some(Self(parts.flat_map(|part| ["/", part]).collect()))
    }
}

/// A path as written, for comparison without a copy, since a pod's path may be long.
#[derive(Clone, Copy)]
struct Clear<'p>(&'p str);

impl<'p> Clear<'p> {
    /// `None` if the path may lead elsewhere.
    fn of(path: &'p str) -> Option<Self> {
        let is_clear = path.starts_with('/')
            && !path.contains('\\')
            && path.split('/').all(|part| part != "..");
        is_clear.then_some(Self(path))
    }

    fn parts(self) -> impl Iterator<Item = &'p str> {
        self.0.split('/').filter(|part| !matches!(*part, "" | "."))
    }
}

/// The volumes that containers can write to, with the mounts. Computed once, so that the cost is linear in volumes and
/// mounts.
#[derive(Clone, Debug, Default)]
pub struct WritableMounts<'p>(Vec<(&'p str, Place, usize)>);

impl<'p> WritableMounts<'p> {
    /// The writable mounts of a pod.
    pub fn of(pod: &'p Pod<'_>) -> Self {
        let all = || {
            pod.containers().flat_map(|(place, container)| {
                let mounts = container.volume_mounts.iter().enumerate();
                let writable = mounts.filter(|(_, mount)| !mount.read_only);
                writable.map(move |(index, mount)| (mount.name.as_str(), place, index))
            })
        };
        let mut found = Vec::with_capacity(all().count());
        found.extend(all());
        found.sort_by_key(|(name, ..)| *name);
        Self(found)
    }

    fn of_volume(&self, volume: &Volume<'_>) -> &[(&'p str, Place, usize)] {
        let name = volume.name.as_str();
        let start = self.0.partition_point(|(other, ..)| *other < name);
        let rest = self.0.get(start..).unwrap_or_default();
        let length = rest.partition_point(|(other, ..)| *other == name);
        rest.get(..length).unwrap_or_default()
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if self.path.0.is_empty() { "/" } else { &self.path.0 })
    }
}

pub(super) fn find(allowed: &[HostPath], pod: &Pod<'_>, found: &mut Findings) {
    let volumes = pod.spec.volumes.iter().enumerate();
    let mut volumes = volumes
        .filter_map(|(index, volume)| Some((index, volume, volume.host_path.as_ref()?)))
        .peekable();
    if volumes.peek().is_none() {
        return;
    }
    let mounts = WritableMounts::of(pod);
    // The API allows no duplicate volume names; report mounts of a duplicate once.
    let mut reported = BTreeSet::new();
    for (index, volume, path) in volumes {
        let path = Clear::of(path);
        let covers = |allowed: &&HostPath| path.is_some_and(|path| allowed.covers(path));
        let mut covering = allowed.iter().filter(covers).peekable();
        let Some(&first) = covering.peek() else {
            let place = Place::Volume { index };
            found.add_with(place, || not_listed(place, allowed));
            continue;
        };
        let is_allowed = covering.any(|allowed| allowed.allows_mounts(volume, &mounts));
        if is_allowed || !reported.insert(&volume.name) {
            continue;
        }
        for &(_, place, mount) in mounts.of_volume(volume) {
            found.add_with(place, || mounted_writable(place, mount, first));
        }
    }
}

fn mounted_writable(place: Place, mount: usize, path: &HostPath) -> Finding {
    let field = format!("volumeMounts[{mount}].readOnly");
    let fix = format!("set {field}=true: {path} of the node may only be read");
    Finding::new(place, field, fix)
}

fn not_listed(place: Place, allowed: &[HostPath]) -> Finding {
    let fix = if allowed.is_empty() {
        "replace hostPath by another type of volume".to_owned()
    } else {
        format!("set hostPath.path within {}", few(allowed))
    };
    Finding::new(place, "hostPath.path", fix)
}
