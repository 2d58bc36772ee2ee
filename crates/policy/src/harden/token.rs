//! The service account token that the API server's ServiceAccount plugin mounts into a pod before any webhook runs.

use std::collections::{HashMap, HashSet};

use crate::pss::{ContainerKind, Pod};

/// The mount path that only the plugin uses.
pub(super) const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The plugin's volume and its mounts, by index, last first, so that removing one does not shift the others.
pub(super) struct Token {
    /// Indices in `spec.volumes`.
    pub(super) volumes: Vec<usize>,
    /// The list, the container's index, and the index in its `volumeMounts`.
    pub(super) mounts: Vec<(ContainerKind, usize, usize)>,
}

impl Token {
    pub(super) fn of(pod: &Pod<'_>) -> Self {
        let places = mount_places(pod);
        // A volume mounted elsewhere as well is in use by the author.
        let is_injected = |name: &str| places.get(name) == Some(&true);
        let volumes = pod.spec.volumes.iter().enumerate().rev();
        let volumes: Vec<_> = volumes
            .filter(|(_, volume)| volume.has("projected") && is_injected(&volume.name))
            .collect();
        let names: HashSet<_> = volumes.iter().map(|(_, volume)| volume.name.as_str()).collect();
        let mounts = mounts(pod)
            .filter(|mount| names.contains(mount.volume))
            .map(|mount| (mount.kind, mount.container, mount.index))
            .collect();
        Self { volumes: volumes.into_iter().map(|(index, _)| index).collect(), mounts }
    }
}

/// Volumes with the name pattern of the plugin, and whether all their mounts are at the plugin's path.
fn mount_places<'p>(pod: &'p Pod<'_>) -> HashMap<&'p str, bool> {
    let mut places = HashMap::new();
    for mount in mounts(pod).filter(|mount| mount.volume.starts_with("kube-api-access-")) {
        *places.entry(mount.volume).or_insert(true) &= mount.path == MOUNT_PATH;
    }
    places
}

struct Mount<'p> {
    kind: ContainerKind,
    container: usize,
    index: usize,
    volume: &'p str,
    path: &'p str,
}

fn mounts<'p>(pod: &'p Pod<'_>) -> impl Iterator<Item = Mount<'p>> {
    ContainerKind::ALL.into_iter().flat_map(move |kind| {
        pod.spec.list(kind).iter().enumerate().flat_map(move |(container, it)| {
            let mounts = it.volume_mounts.iter().enumerate().rev();
            mounts.map(move |(index, mount)| Mount {
                kind,
                container,
                index,
                volume: mount.name.as_str(),
                path: mount.mount_path.as_str(),
            })
        })
    })
}
