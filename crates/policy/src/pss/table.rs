//! The table of controls, and its evaluation.

use super::{
    allow_privilege_escalation, app_armor, capabilities,
    control::{Control, Revision},
    findings::{FindingLimits, Findings},
    host_namespaces, host_path, host_ports, host_probes,
    level::{Level, Minor},
    pod::Pod,
    privileged, proc_mount, run_as_non_root, run_as_user, seccomp, selinux, sysctls, volume_types,
    windows_host_process,
};

/// Every control, in the order in which upstream evaluates and reports them: baseline before restricted, each sorted by
/// id (`policy/registry.go`).
pub static CONTROLS: [&Control; 19] = [
    &app_armor::APP_ARMOR_PROFILE,
    &capabilities::BASELINE,
    &host_namespaces::HOST_NAMESPACES,
    &host_path::HOST_PATH_VOLUMES,
    &host_ports::HOST_PORTS,
    &host_probes::HOST_PROBES_AND_HOST_LIFECYCLE,
    &privileged::PRIVILEGED,
    &proc_mount::BASELINE,
    &selinux::SE_LINUX_OPTIONS,
    &seccomp::BASELINE,
    &sysctls::SYSCTLS,
    &windows_host_process::WINDOWS_HOST_PROCESS,
    &allow_privilege_escalation::ALLOW_PRIVILEGE_ESCALATION,
    &capabilities::RESTRICTED,
    &proc_mount::RESTRICTED,
    &volume_types::RESTRICTED_VOLUMES,
    &run_as_non_root::RUN_AS_NON_ROOT,
    &run_as_user::RUN_AS_USER,
    &seccomp::RESTRICTED,
];

/// The controls of a level and version that a pod violates, in the table's order, each with what must change. No pod
/// violates privileged.
pub fn evaluate(level: Level, version: Minor, pod: &Pod<'_>) -> Vec<(&'static Control, Findings)> {
    find(level, version, pod, FindingLimits::REPORT).collect()
}

/// The controls of a level and version that a pod violates, in the table's order.
pub fn broken(
    level: Level,
    version: Minor,
    pod: &Pod<'_>,
) -> impl Iterator<Item = &'static Control> {
    find(level, version, pod, FindingLimits::NONE).map(|(control, _)| control)
}

fn find(
    level: Level,
    version: Minor,
    pod: &Pod<'_>,
    caps: FindingLimits,
) -> impl Iterator<Item = (&'static Control, Findings)> {
    in_force(level, version, |_| false).filter_map(move |(control, revision)| {
        let mut findings = Findings::new(caps);
        (revision.check)(pod, &mut findings);
        (!findings.is_empty()).then_some((control, findings))
    })
}

/// The controls in force in a level and version, in the table's order. A control for which `is_freed` returns true
/// replaces no other control.
pub fn in_force(
    level: Level,
    version: Minor,
    is_freed: impl Fn(&'static Control) -> bool,
) -> impl Iterator<Item = (&'static Control, &'static Revision)> {
    CONTROLS
        .into_iter()
        .filter(move |control| {
            control.level <= level && replacement(control, level, version, &is_freed).is_none()
        })
        .filter_map(move |control| Some((control, control.at(version)?)))
}

/// The control that replaces this one in a level and version, if one does and is not freed.
pub fn replacement(
    control: &Control,
    level: Level,
    version: Minor,
    is_freed: impl Fn(&'static Control) -> bool,
) -> Option<&'static Control> {
    // Only restricted controls override, and only baseline ones; a test checks the table for it.
    let takes_place = |other: &&'static Control| {
        other.overrides == Some(control.id) && other.at(version).is_some() && !is_freed(other)
    };
    (control.level < level).then(|| CONTROLS.into_iter().find(takes_place)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pss::NEWEST;

    #[test]
    fn the_order_is_upstreams() {
        let keys: Vec<_> = CONTROLS.iter().map(|control| (control.level, control.id)).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "an id is used twice");
    }

    #[test]
    fn no_control_judges_privileged() {
        assert!(CONTROLS.iter().all(|control| control.level > Level::Privileged));
    }

    #[test]
    fn revisions_rise() {
        for control in CONTROLS {
            let since: Vec<_> = control.revisions.iter().map(|revision| revision.since).collect();
            assert!(!since.is_empty(), "{}", control.id);
            assert!(since.windows(2).all(|pair| pair[0] < pair[1]), "{}: {since:?}", control.id);
        }
    }

    #[test]
    fn the_newest_version_is_that_of_the_newest_revision() {
        let newest =
            CONTROLS.iter().flat_map(|control| control.revisions).map(|revision| revision.since);
        assert_eq!(newest.max(), Some(NEWEST));
    }

    #[test]
    fn overrides_are_upstreams() {
        let overrides: Vec<_> =
            CONTROLS.iter().filter_map(|control| Some((control.id, control.overrides?))).collect();
        let upstreams = [
            ("capabilities_restricted", "capabilities_baseline"),
            ("procMount_restricted", "procMount"),
            ("restrictedVolumes", "hostPathVolumes"),
            ("seccompProfile_restricted", "seccompProfile_baseline"),
        ];
        assert_eq!(overrides, upstreams);
    }

    #[test]
    fn only_a_restricted_control_overrides_and_only_a_baseline_one() {
        for control in CONTROLS {
            let Some(id) = control.overrides else {
                continue;
            };
            assert_eq!(control.level, Level::Restricted, "{}", control.id);
            let overridden = CONTROLS.iter().find(|other| other.id == id).unwrap();
            assert_eq!(overridden.level, Level::Baseline, "{}", control.id);
        }
    }

    #[test]
    fn reasons_differ_within_a_level() {
        for (i, control) in CONTROLS.iter().enumerate() {
            for other in &CONTROLS[..i] {
                assert!(
                    control.reason != other.reason || control.overrides == Some(other.id),
                    "{} and {} share a reason",
                    control.id,
                    other.id
                );
            }
        }
    }
}
