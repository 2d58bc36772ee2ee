//! The values of a relaxation, as written: one parser for the configuration's profiles and for exceptions, so that both
//! reject the same.

use std::borrow::Cow;

use crate::{
    requirement::Requirement,
    rules::{Access, HostPath, Numbers},
    words::UnknownWord,
};

use super::{CAPABILITIES, Relaxation, SYSCTL_ROOTS, VOLUME_TYPES};

/// Maximum number of values per field.
pub const MAX_VALUES: usize = 64;
/// Maximum length of a name, in bytes.
const MAX_NAME: usize = 253;
/// Maximum length of a path, in bytes.
const MAX_PATH: usize = 1024;

/// One value of `allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed<'t> {
    /// In `capabilities`: `NET_RAW`.
    Capability(&'t str),
    /// In `hostPaths`: a `path`, and whether every mount of it must set `readOnly: true`.
    HostPath(&'t str, Access),
    /// In `hostPorts`: `9100` or `30000-30010`.
    HostPorts(&'t str),
    /// In `hostNamespaces`: `network`, `pid` or `ipc`.
    HostNamespace(&'t str),
    /// In `volumeTypes`, a field of volumes: `nfs`.
    VolumeType(&'t str),
    /// In `sysctls`: `net.core.somaxconn`.
    Sysctl(&'t str),
    /// In `controls`, the id of a control or rule: `runAsNonRoot`.
    Control(&'t str),
}

/// The error for a value, and what is allowed.
pub type Refusal = Cow<'static, str>;

/// Two fields that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The field of `allow` to remove or to narrow.
    pub field: &'static str,
    /// The reason.
    pub why: &'static str,
}

impl Relaxation {
    /// Adds an allowed value.
    ///
    /// # Errors
    /// An invalid value, a duplicate, or one too many.
    pub fn add(&mut self, value: Allowed<'_>) -> Result<(), Refusal> {
        let is_new = match value {
            Allowed::Capability(name) => {
                capability(name)?;
                room(self.capabilities.len())?;
                self.capabilities.insert(name.to_owned())
            }
            Allowed::HostPath(path, access) => {
                room(self.host_paths.len())?;
                return self.add_path(path, access);
            }
            Allowed::HostPorts(text) => {
                room(self.host_ports.len())?;
                let added = self.host_ports.add(text, Numbers::Ports);
                return added.map_err(|error| error.to_string().into());
            }
            Allowed::HostNamespace(word) => {
                let namespace = word.parse().map_err(|error: UnknownWord| error.to_string())?;
                self.host_namespaces.insert(namespace)
            }
            Allowed::VolumeType(name) => {
                volume_type(name)?;
                room(self.volume_types.len())?;
                self.volume_types.insert(name.to_owned())
            }
            Allowed::Sysctl(name) => {
                sysctl(name)?;
                room(self.sysctls.len())?;
                self.sysctls.insert(name.to_owned())
            }
            Allowed::Control(id) => {
                let requirement = requirement(id)?;
                let is_new = !self.requirements.contains(&requirement);
                if is_new {
                    self.requirements.push(requirement);
                }
                is_new
            }
        };
        is_new.then_some(()).ok_or("must not be listed twice".into())
    }

    fn add_path(&mut self, path: &str, access: Access) -> Result<(), Refusal> {
        if path.len() > MAX_PATH {
            return Err(format!("must be at most {MAX_PATH} bytes long").into());
        }
        let new = HostPath::parse(path, access).map_err(|error| error.to_string())?;
        if new.to_string() == "/" {
            return Err("must be below /: to allow all of the node, list hostPathVolumes or restrictedVolumes in controls".into());
        }
        for known in &self.host_paths {
            if known.is_same_path(&new) {
                return Err("must not be listed twice".into());
            }
            let is_within = |inner: &HostPath, outer: &HostPath| {
                inner.is_within(outer)
                    && (inner.access() == Access::ReadOnly || outer.access() == Access::ReadWrite)
            };
            if is_within(&new, known) || is_within(known, &new) {
                return Err(format!(
                    "must not overlap with \"{known}\": one of the two allows the other already"
                )
                .into());
            }
        }
        self.host_paths.push(new);
        Ok(())
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Single values without effect, because all values of their kind are allowed. One of the two is a mistake, and
    /// guessing which could allow more than intended.
    pub fn contradictions(&self) -> impl Iterator<Item = Contradiction> {
        let frees = |id: &str| self.requirements.iter().any(|freed| freed.id() == id);
        let has_nothing = [
            ("capabilities", self.capabilities.is_empty(), frees("capabilities_baseline")),
            ("hostPaths", self.host_paths.is_empty(), frees("hostPathVolumes")),
            ("hostPorts", self.host_ports.is_empty(), frees("hostPorts")),
            ("hostNamespaces", self.host_namespaces.is_empty(), frees("hostNamespaces")),
            ("sysctls", self.sysctls.is_empty(), frees("sysctls")),
        ];
        let why = "must not be set where controls lists the control of the same values: that allows all of them";
        has_nothing
            .into_iter()
            .filter(|(_, is_empty, is_free)| !is_empty && *is_free)
            .map(move |(field, _, _)| Contradiction { field, why })
    }
}

fn room(taken: usize) -> Result<(), Refusal> {
    let is_left = taken < MAX_VALUES;
    is_left.then_some(()).ok_or_else(|| format!("must be one of at most {MAX_VALUES}").into())
}

fn capability(name: &str) -> Result<(), Refusal> {
    CAPABILITIES.contains(&name).then_some(()).ok_or(
        "must be a capability of Linux as pods name it, such as NET_RAW: upper-case, without CAP_, and not ALL"
            .into(),
    )
}

fn volume_type(name: &str) -> Result<(), Refusal> {
    if name == "hostPath" {
        return Err(
            "must be a volume's field other than hostPath: list its paths in hostPaths".into()
        );
    }
    VOLUME_TYPES.contains(&name).then_some(()).ok_or_else(|| {
        format!("must be a source of volumes as pods name it, one of {}", VOLUME_TYPES.join(", "))
            .into()
    })
}

fn sysctl(name: &str) -> Result<(), Refusal> {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_inner);
    let mut parts = name.split(['.', '/']);
    let is_rooted = parts.next().is_some_and(|root| SYSCTL_ROOTS.contains(&root));
    let has_more = parts.clone().next().is_some();
    let fits = name.len() <= MAX_NAME && is_rooted && has_more && parts.all(is_part);
    fits.then_some(())
        .ok_or("must be the whole name of a sysctl, such as net.core.somaxconn".into())
}

fn requirement(id: &str) -> Result<Requirement, Refusal> {
    Requirement::find(id).ok_or_else(|| {
        let ids: Vec<_> = Requirement::all().map(Requirement::id).collect();
        format!("must be one of {}", ids.join(", ")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(values: &[Allowed<'_>]) -> String {
        let mut relaxation = Relaxation::default();
        let refused = values.iter().find_map(|value| relaxation.add(*value).err());
        refused.map(Cow::into_owned).unwrap_or_default()
    }

    #[test]
    fn values_are_taken_as_they_are_written() {
        let mut relaxation = Relaxation::default();
        for value in [
            Allowed::Capability("NET_RAW"),
            Allowed::HostPath("/var/log/", Access::ReadOnly),
            Allowed::HostPath("/var/log/app", Access::ReadWrite),
            Allowed::HostPath("/var/logs", Access::ReadOnly),
            Allowed::HostPorts("9100"),
            Allowed::HostPorts("30000-30010"),
            Allowed::HostNamespace("pid"),
            Allowed::VolumeType("nfs"),
            Allowed::Sysctl("net/core/somaxconn"),
            Allowed::Control("runAsNonRoot"),
            Allowed::Control("rules/readOnlyRootFilesystem"),
        ] {
            assert_eq!(relaxation.add(value), Ok(()), "{value:?}");
        }
        assert_eq!(relaxation.host_ports.to_string(), "9100, 30000-30010");
        assert_eq!(relaxation.host_paths[0].to_string(), "/var/log");
        assert_eq!(relaxation.contradictions().next(), None);
        assert!(!relaxation.is_empty());
    }

    #[test]
    fn impossible_values_are_refused() {
        for value in [
            Allowed::Capability("CAP_NET_RAW"),
            Allowed::Capability("ALL"),
            Allowed::Capability("net_raw"),
            Allowed::Capability("NET_*"),
            Allowed::Capability("NET_RAWW"),
            Allowed::Capability(""),
            Allowed::HostPath("var/log", Access::ReadOnly),
            Allowed::HostPath("/", Access::ReadOnly),
            Allowed::HostPath("/var/../etc", Access::ReadOnly),
            Allowed::HostPath("/var/*", Access::ReadOnly),
            Allowed::HostPorts("0"),
            Allowed::HostPorts("65536"),
            Allowed::HostPorts("+80"),
            Allowed::HostPorts("90-80"),
            Allowed::HostPorts("80-"),
            Allowed::HostNamespace("hostNetwork"),
            Allowed::VolumeType("hostPath"),
            Allowed::VolumeType("NFS"),
            Allowed::VolumeType("*"),
            Allowed::VolumeType("hostpath"),
            Allowed::VolumeType("persistentVolume"),
            Allowed::Sysctl("net.*"),
            Allowed::Sysctl("net"),
            Allowed::Sysctl("nett.core.somaxconn"),
            Allowed::Sysctl("somaxconn"),
            Allowed::Sysctl(""),
            Allowed::Sysctl("kernel."),
            Allowed::Control("runasnonroot"),
        ] {
            assert!(refusal(&[value]).starts_with("must "), "{value:?}: {}", refusal(&[value]));
        }
    }

    #[test]
    fn what_is_there_already_is_refused() {
        let path = |path, access| Allowed::HostPath(path, access);
        for values in [
            [Allowed::Capability("NET_RAW"), Allowed::Capability("NET_RAW")],
            [Allowed::HostNamespace("ipc"), Allowed::HostNamespace("ipc")],
            [Allowed::Control("sysctls"), Allowed::Control("sysctls")],
            [path("/a", Access::ReadOnly), path("/a/", Access::ReadWrite)],
            [path("/a", Access::ReadWrite), path("/a/b", Access::ReadOnly)],
            [path("/a/b", Access::ReadOnly), path("/a", Access::ReadOnly)],
        ] {
            assert!(refusal(&values).starts_with("must not "), "{values:?}");
        }
        let ports = [Allowed::HostPorts("80-90"), Allowed::HostPorts("90-100")];
        assert_eq!(refusal(&ports), "must not overlap another range");
        let many: Vec<_> = (1..=65).map(|port| port.to_string()).collect();
        let many: Vec<_> = many.iter().map(|port| Allowed::HostPorts(port)).collect();
        assert_eq!(refusal(&many), "must be one of at most 64");
    }

    #[test]
    fn single_values_next_to_all_of_their_kind_contradict() {
        for (value, all, field) in [
            (Allowed::HostPorts("80"), Allowed::Control("hostPorts"), "hostPorts"),
            (
                Allowed::Capability("NET_RAW"),
                Allowed::Control("capabilities_baseline"),
                "capabilities",
            ),
            (
                Allowed::HostPath("/a", Access::ReadOnly),
                Allowed::Control("hostPathVolumes"),
                "hostPaths",
            ),
        ] {
            let mut relaxation = Relaxation::default();
            relaxation.add(value).unwrap();
            relaxation.add(all).unwrap();
            let fields: Vec<_> = relaxation.contradictions().map(|it| it.field).collect();
            assert_eq!(fields, [field]);
        }
    }
}
