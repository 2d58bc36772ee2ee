//! Writable directories in a container whose root becomes read-only: a separate `emptyDir` at each listed path, so that
//! containers share nothing that they did not share before.
//!
//! None is mounted at, above or below a path at which the author mounted something. The token that the ServiceAccount
//! plugin mounts in almost every container does not count, and stays visible below.

use std::{cmp::Ordering, collections::BTreeSet};

use crate::pss::{Container, ContainerKind, Place, Pod, Text, Volume, VolumeMount};

use super::{field::Values, token};

/// A path for a mounted directory: absolute, without `.`, `..`, `:` or empty parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPath(Text<'static>);

impl MountPath {
    /// Parses a path.
    ///
    /// # Errors
    /// An invalid path, or one at which nothing may be mounted. The text says what is allowed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const MOST: usize = 253;
        let is_possible = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.chars().all(|c| c != ':' && c != '\\' && !c.is_control())
        };
        let parts = text.strip_prefix('/').unwrap_or_default();
        if text.len() > MOST || !parts.split('/').all(is_possible) {
            return Err(
                "must be an absolute path, such as /tmp: not / itself, without \".\", \"..\", \":\" or a \"/\" at its end, at most 253 bytes",
            );
        }
        let first = parts.split('/').next().unwrap_or_default();
        if matches!(first, "dev" | "proc" | "sys") {
            return Err("must not be in /dev, /proc or /sys, which the container runtime provides");
        }
        Ok(Self(Text::from(text.to_owned())))
    }

    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the two are equal, or one contains the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        Parts(&self.0).relation(Parts(&other.0)) != Relation::Apart
    }
}

/// A new volume, and the path at which a container mounts it. The hardened pod shares both texts: there may be as many
/// as there are containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmptyDir {
    path: MountPath,
    volume: Text<'static>,
}

impl EmptyDir {
    /// The mount path.
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// The volume's name.
    pub fn volume(&self) -> &str {
        &self.volume
    }

    pub(super) fn as_volume(&self) -> Volume<'static> {
        Volume {
            name: self.volume.clone(),
            sources: vec![Text::from("emptyDir")],
            ..Volume::default()
        }
    }

    pub(super) fn as_mount(&self) -> VolumeMount<'static> {
        VolumeMount {
            name: self.volume.clone(),
            mount_path: self.path.0.clone(),
            ..VolumeMount::default()
        }
    }
}

/// The directories for each of these containers, whose roots become read-only.
pub(super) fn plan(pod: &Pod<'_>, paths: &[MountPath], places: &[Place]) -> Vec<(Place, Values)> {
    let volumes = pod.spec.volumes.iter();
    let mut taken: BTreeSet<_> = volumes.map(|volume| volume.name.clone()).collect();
    let mut planned = Vec::new();
    for place in places {
        // Volumes of a running pod are immutable.
        let Place::Container { kind: kind @ (ContainerKind::Init | ContainerKind::Main), index } =
            *place
        else {
            continue;
        };
        let Some(container) = pod.spec.list(kind).get(index) else { continue };
        let free = paths.iter().filter(|path| is_free(container, path));
        let empty_dirs: Vec<_> = free
            .map(|path| {
                let volume = Text::from(name(&path.0, &container.name));
                EmptyDir { path: path.clone(), volume }
            })
            .filter(|one| taken.insert(one.volume.clone()))
            .collect();
        if !empty_dirs.is_empty() {
            planned.push((*place, Values::EmptyDirs(empty_dirs)));
        }
    }
    planned
}

fn is_free(container: &Container<'_>, path: &MountPath) -> bool {
    let own = Parts(&path.0);
    let mounts = container.volume_mounts.iter().map(|mount| mount.mount_path.as_str());
    let devices = container.volume_devices.iter().map(|device| device.device_path.as_str());
    mounts.chain(devices).map(Parts).all(|other| match own.relation(other) {
        Relation::Apart => true,
        // The service account token.
        Relation::Around => Parts(token::MOUNT_PATH).relation(other) == Relation::Same,
        Relation::Same | Relation::Within => false,
    })
}

/// The parts of a path, without empty ones and `.`, and with `..` resolved. A relative path starts at the root, as for
/// the kubelet. Nothing is stored, because a path may have any length.
#[derive(Clone, Copy, Debug)]
struct Parts<'p>(&'p str);

/// The relation of one path to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Same,
    /// It contains the other.
    Around,
    /// The other contains it.
    Within,
    Apart,
}

impl<'p> Parts<'p> {
    /// From the last part to the first, so that the number of `..` is known before the parts that they cancel.
    fn reversed(self) -> impl Iterator<Item = &'p str> {
        let mut taken_back = 0_usize;
        self.0.rsplit('/').filter(move |part| match *part {
            "" | "." => false,
            ".." => {
                taken_back += 1;
                false
            }
            _ if taken_back > 0 => {
                taken_back -= 1;
                false
            }
            _ => true,
        })
    }

    fn relation(self, other: Self) -> Relation {
        let (own, others) = (self.reversed().count(), other.reversed().count());
        // Compare as many leading parts as both have.
        let own_first = self.reversed().skip(own.saturating_sub(others));
        let others_first = other.reversed().skip(others.saturating_sub(own));
        match own.cmp(&others) {
            _ if !own_first.eq(others_first) => Relation::Apart,
            Ordering::Equal => Relation::Same,
            Ordering::Less => Relation::Around,
            Ordering::Greater => Relation::Within,
        }
    }
}

/// A DNS-1123 label that names the purpose of the volume: `portcullis-tmp-web`. Truncates what does not fit, and adds a
/// hash.
fn name(path: &str, container: &str) -> String {
    const MOST: usize = 63;
    const HASH: usize = "-01234567".len();
    let full = || ["portcullis", path, "/", container].into_iter();
    let is_kept = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut written = String::with_capacity(MOST + 1);
    let characters = full().flat_map(str::chars).take(MOST + 1);
    written.extend(characters.map(|c| if is_kept(c) { c } else { '-' }));
    let is_plain = path.chars().all(|c| is_kept(c) || c == '/')
        && container.chars().all(|c| is_kept(c) || c == '-')
        && !written.ends_with('-')
        && written.len() <= MOST;
    if is_plain {
        written.shrink_to_fit();
        return written;
    }
    let cut = written.get(..written.len().min(MOST - HASH)).unwrap_or_default();
    format!("{}-{:08x}", cut.trim_end_matches('-'), fnv1a(full().flat_map(str::bytes)))
}

/// Unlike the hash of the standard library, stable in every version and on every machine.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    bytes.fold(0x811c_9dc5, step)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_labels_that_differ() {
        assert_eq!(name("/tmp", "web"), "portcullis-tmp-web");
        assert_eq!(name("/var/run", "web"), "portcullis-var-run-web");
        let long = "a".repeat(63);
        let mut odd = vec![
            name("/var-run", "web"),
            name("/.cache", "web"),
            name("/Tmp", "web"),
            name("/tmp", &long),
            name("/tmp", &format!("{}b", "a".repeat(62))),
            name("/tmp", ""),
            name(&format!("/{}", "ä".repeat(90)), "web"),
        ];
        for name in &odd {
            assert!(crate::dns::is_label(name), "{name}");
            assert!(name.starts_with("portcullis-"), "{name}");
        }
        odd.extend([name("/tmp", "web"), name("/var/run", "web")]);
        let different: HashSet<_> = odd.iter().collect();
        assert_eq!(different.len(), odd.len(), "{odd:?}");
    }

    #[test]
    fn paths_are_absolute_and_plain() {
        for path in ["/tmp", "/var/run", "/home/app/.cache", "/a b", "/devices", "/..."] {
            assert_eq!(MountPath::parse(path).unwrap().as_str(), path);
        }
        let long = format!("/{}", "a".repeat(253));
        for path in [
            "", "/", "tmp", "./tmp", "/tmp/", "//tmp", "/tmp//a", "/.", "/a/../b", "/a/./b",
            "/a:b", "/a\nb", "C:\\tmp", "/a\\b", "/dev", "/dev/shm", "/proc", "/sys/fs", &long,
        ] {
            assert!(MountPath::parse(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn paths_overlap_by_whole_parts() {
        let path = |text| MountPath::parse(text).unwrap();
        assert!(path("/tmp").overlaps(&path("/tmp")));
        assert!(path("/tmp").overlaps(&path("/tmp/a")));
        assert!(path("/tmp/a").overlaps(&path("/tmp")));
        assert!(!path("/tmp").overlaps(&path("/tmpfs")));
        assert!(!path("/var/run").overlaps(&path("/var/log")));
    }
}
