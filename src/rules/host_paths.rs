//! `rules/hostPaths`: of the node's files, pods mount only those that are listed.
//!
//! Fields: `spec.volumes[*].hostPath.path`.
//! Allowed: a path of the settings, and what is below it, up to a slash: `/var/log` is not `/var/logs`. Repeated slashes
//! and `.` count for nothing, as to the kernel. A path with `..` never is, nor one that does not begin with a slash, nor
//! one with a backslash, which Windows nodes take for a slash.
//!
//! Fields: `volumeMounts[*].readOnly` of every container.
//! Allowed: `true` in every mount of a volume whose path is listed as read-only alone. What is mounted below it on the
//! node stays writable, unless `recursiveReadOnly` is set as well; links are the node's, and are not seen.

use std::fmt;

use crate::pss::{Finding, Place, Pod, Volume};

use super::table::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/hostPaths", reason: "host path that is not listed" };

/// A path of the node that may be mounted, with what is below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPath {
    /// From the root; the root itself has none.
    components: Vec<String>,
    access: Access,
}

/// What a pod may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Every mount must be read-only.
    ReadOnly,
    /// Mounts may be writable.
    ReadWrite,
}

/// What was written instead of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a path that begins with \"/\", without \"..\" and \"\\\"")]
pub struct InvalidHostPath;

impl HostPath {
    /// Reads a path of the configuration.
    ///
    /// # Errors
    /// A path that is relative, or has `..` or a backslash in it.
    pub fn parse(path: &str, access: Access) -> Result<Self, InvalidHostPath> {
        let components = components(path).ok_or(InvalidHostPath)?.map(str::to_owned).collect();
        Ok(Self { components, access })
    }

    /// Whether two are about the same path, whatever the access.
    pub fn is_same_path(&self, other: &Self) -> bool {
        self.components == other.components
    }

    /// What may be done with it.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Whether a path is this one or below it.
    pub fn covers(&self, path: &str) -> bool {
        let Some(mut components) = components(path) else {
            return false;
        };
        self.components.iter().all(|component| components.next() == Some(component))
    }

    /// Whether a volume of a pod is no more than this allows: its path, and how every container mounts it.
    pub fn allows(&self, volume: &Volume<'_>, pod: &Pod<'_>) -> bool {
        volume.host_path.as_ref().is_some_and(|path| self.covers(path))
            && (self.access == Access::ReadWrite || writable_mounts(volume, pod).next().is_none())
    }
}

/// The parts of an absolute path. `None` for a path that may lead elsewhere.
fn components(path: &str) -> Option<impl Iterator<Item = &str>> {
    let is_plain = path.starts_with('/')
        && !path.contains('\\')
        && path.split('/').all(|component| component != "..");
    is_plain.then(|| path.split('/').filter(|component| !matches!(*component, "" | ".")))
}

/// The mounts of a volume that are not read-only: container, and index in its `volumeMounts`.
fn writable_mounts<'p>(
    volume: &'p Volume<'_>,
    pod: &'p Pod<'_>,
) -> impl Iterator<Item = (Place, usize)> {
    pod.containers().flat_map(move |(place, container)| {
        let mounts = container.volume_mounts.iter().enumerate();
        mounts
            .filter(move |(_, mount)| mount.name == volume.name && !mount.read_only)
            .map(move |(index, _)| (place, index))
    })
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.components.join("/"))
    }
}

pub(super) fn findings(allowed: &[HostPath], pod: &Pod<'_>) -> Vec<Finding> {
    let volumes = pod.spec.volumes.iter().enumerate();
    volumes
        .filter_map(|(index, volume)| Some((index, volume, volume.host_path.as_ref()?)))
        .filter(|(_, volume, _)| !allowed.iter().any(|path| path.allows(volume, pod)))
        .flat_map(|(index, volume, path)| {
            let mut covering = allowed.iter().filter(|allowed| allowed.covers(path));
            match covering.next() {
                Some(read_only) => writable_mounts(volume, pod)
                    .map(|(place, mount)| mounted_writable(place, mount, read_only))
                    .collect(),
                None => vec![not_listed(Place::Volume { index }, allowed)],
            }
        })
        .collect()
}

fn mounted_writable(place: Place, mount: usize, path: &HostPath) -> Finding {
    let field = format!("volumeMounts[{mount}].readOnly");
    let fix = format!("set {field}=true: {path} of the node may only be read");
    Finding::new(place, field, fix)
}

fn not_listed(place: Place, allowed: &[HostPath]) -> Finding {
    const SHOWN: usize = 5;
    let shown: Vec<_> = allowed.iter().take(SHOWN).map(HostPath::to_string).collect();
    let fix = match (shown.is_empty(), allowed.len().saturating_sub(SHOWN)) {
        (true, _) => "replace hostPath by another type of volume".to_owned(),
        (false, 0) => format!("set hostPath.path within {}", shown.join(", ")),
        (false, more) => format!("set hostPath.path within {} and {more} more", shown.join(", ")),
    };
    Finding::new(place, "hostPath.path", fix)
}
