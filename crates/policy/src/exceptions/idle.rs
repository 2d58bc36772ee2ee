//! Values of a relaxation without effect: no control forbids them at any level and in any version, except those that
//! the relaxation lifts completely.

use crate::{
    pss::{
        CONTROLS, Capabilities, Container, FindingLimits, Findings, List, Pod, PodSecurityContext,
        SecurityContext, Sysctl, Text, Volume,
    },
    requirement::Requirement,
};

use super::{Relaxation, relaxed::harmless};

/// Creates a pod that uses one value, and violates nothing else.
type PodWith = fn(&str) -> Pod<'_>;

/// Maximum number of values in a note.
const MOST_NAMED: usize = 8;

impl Relaxation {
    /// Values without effect, each with its field. Rules may still forbid capabilities among them.
    pub fn idle(&self) -> Vec<(&'static str, &str)> {
        let fields: [(_, _, PodWith); 3] = [
            ("capabilities", &self.capabilities, pod_with_capability),
            ("volumeTypes", &self.volume_types, pod_with_volume),
            ("sysctls", &self.sysctls, pod_with_sysctl),
        ];
        let values = fields
            .into_iter()
            .flat_map(|(field, values, pod)| values.iter().map(move |value| (field, value, pod)));
        values
            .filter(|(_, value, pod)| !self.is_forbidden(&pod(value)))
            .map(|(field, value, _)| (field, value.as_str()))
            .collect()
    }

    /// A sentence about them for users. None if every value has an effect.
    pub fn idle_note(&self) -> Option<String> {
        let idle = self.idle();
        let named: Vec<_> =
            idle.iter().take(MOST_NAMED).map(|(field, value)| format!("{field} {value}")).collect();
        let beginning = match idle.len() {
            0 => return None,
            count if count == self.size() => "it allows nothing",
            _ => "a part of it allows nothing",
        };
        let more = match idle.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let freed = if self.requirements.is_empty() { "" } else { ", or the listed controls do" };
        let rule = match idle.iter().any(|(field, _)| *field == "capabilities") {
            true => "; only the rule addedCapabilities could forbid a capability of these",
            false => "",
        };
        let named = named.join(", ");
        Some(format!("{beginning}: every level allows {named}{more} anyway{freed}{rule}"))
    }

    /// The number of values and requirements.
    fn size(&self) -> usize {
        self.capabilities.len()
            + self.host_paths.len()
            + self.host_ports.len()
            + self.host_namespaces.len()
            + self.volume_types.len()
            + self.sysctls.len()
            + self.requirements.len()
    }

    /// Whether a control that is not lifted forbids anything in a pod, in any version.
    fn is_forbidden(&self, pod: &Pod<'_>) -> bool {
        let asked = CONTROLS
            .into_iter()
            .filter(|control| !self.requirements.contains(&Requirement::Control(control)));
        asked.flat_map(|control| control.revisions).any(|revision| {
            let mut found = Findings::new(FindingLimits::NONE);
            (revision.check)(pod, &mut found);
            !found.is_empty()
        })
    }
}

/// A pod with one container that violates nothing.
fn pod<'a>() -> Pod<'a> {
    let mut pod = Pod::default();
    pod.spec.containers = List::from(vec![harmless(&Container::default())]);
    pod
}

fn pod_with_volume(source: &str) -> Pod<'_> {
    let mut pod = pod();
    let volume = Volume { sources: vec![Text::from(source)], ..Volume::default() };
    pod.spec.volumes = List::from(vec![volume]);
    pod
}

fn pod_with_sysctl(name: &str) -> Pod<'_> {
    let mut pod = pod();
    let sysctls = List::from(vec![Sysctl { name: Text::from(name) }]);
    pod.spec.security_context = Some(PodSecurityContext { sysctls, ..Default::default() });
    pod
}

fn pod_with_capability(name: &str) -> Pod<'_> {
    let mut pod = pod();
    for container in pod.spec.containers.iter_mut() {
        let context = container.security_context.get_or_insert_with(SecurityContext::default);
        let set = context.capabilities.get_or_insert_with(Capabilities::default);
        set.add = List::from(vec![Text::from(name)]);
    }
    pod
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exceptions::{Allowed, CAPABILITIES, VOLUME_TYPES},
        rules::Access,
    };

    fn relaxation<'t>(values: impl IntoIterator<Item = Allowed<'t>>) -> Relaxation {
        let mut relaxation = Relaxation::default();
        values.into_iter().for_each(|value| relaxation.add(value).unwrap());
        relaxation
    }

    fn idle(relaxation: &Relaxation) -> Vec<&str> {
        relaxation.idle().into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn a_harmless_pod_is_forbidden_nothing() {
        assert!(!Relaxation::default().is_forbidden(&pod()));
    }

    #[test]
    fn what_no_level_forbids_is_idle() {
        let all = relaxation(CAPABILITIES.map(Allowed::Capability));
        assert_eq!(idle(&all), ["NET_BIND_SERVICE"]);
        let all = relaxation(VOLUME_TYPES.map(Allowed::VolumeType));
        assert_eq!(
            idle(&all),
            [
                "configMap",
                "csi",
                "downwardAPI",
                "emptyDir",
                "ephemeral",
                "image",
                "persistentVolumeClaim",
                "projected",
                "secret",
            ]
        );
        // Allowed since v1.27, forbidden by older versions.
        let sysctls =
            ["kernel.shm_rmid_forced", "net.ipv4.ip_local_reserved_ports", "vm.swappiness"];
        assert_eq!(idle(&relaxation(sysctls.map(Allowed::Sysctl))), ["kernel.shm_rmid_forced"]);
    }

    #[test]
    fn what_only_freed_controls_forbid_is_idle() {
        let restricted = Allowed::Control("capabilities_restricted");
        for (value, freed, is_idle) in [
            (Allowed::VolumeType("nfs"), Allowed::Control("restrictedVolumes"), true),
            (Allowed::VolumeType("nfs"), restricted, false),
            (Allowed::Capability("CHOWN"), restricted, true),
            // The baseline control applies instead of the lifted one.
            (Allowed::Capability("SYS_ADMIN"), restricted, false),
        ] {
            assert_eq!(!idle(&relaxation([value, freed])).is_empty(), is_idle, "{value:?}");
        }
    }

    #[test]
    fn errors_are_sentences() {
        let note = |values: &[Allowed<'_>]| {
            relaxation(values.iter().copied()).idle_note().unwrap_or_default()
        };
        let empty_dir = Allowed::VolumeType("emptyDir");
        assert_eq!(
            note(&[empty_dir, Allowed::VolumeType("csi"), Allowed::Capability("NET_BIND_SERVICE")]),
            "it allows nothing: every level allows capabilities NET_BIND_SERVICE, volumeTypes csi, volumeTypes emptyDir anyway; only the rule addedCapabilities could forbid a capability of these"
        );
        assert_eq!(
            note(&[empty_dir, Allowed::HostPath("/a", Access::ReadOnly)]),
            "a part of it allows nothing: every level allows volumeTypes emptyDir anyway"
        );
        assert_eq!(
            note(&[Allowed::VolumeType("nfs"), Allowed::Control("restrictedVolumes")]),
            "a part of it allows nothing: every level allows volumeTypes nfs anyway, or the listed controls do"
        );
        assert_eq!(note(&[Allowed::HostPorts("80")]), "");
        let many = note(&VOLUME_TYPES.map(Allowed::VolumeType));
        assert!(many.contains("volumeTypes projected and 1 more anyway"), "{many}");
    }
}
