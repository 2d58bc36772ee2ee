//! Profiles, their relaxations, and the floor.

use std::{collections::BTreeMap, sync::Arc};

use policy::{
    config::{Floor, Profile, Settings},
    dns,
    exceptions::{Allowed, Relaxation},
    pattern::{InvalidPattern, Pattern, Patterns},
    pss::{Level, LevelVersion, Version},
};

use super::{
    fields::{Fields, Reader},
    rules,
};

/// Maximum number of profiles, which are all compiled and kept in memory.
const MAX_PROFILES: usize = 1000;

/// The configuration fields that this module reads.
pub(super) const FIELDS: [&str; 4] = ["rules", "profiles", "floor", "exceptions"];

/// All settings beyond the Standard.
pub(super) fn settings(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Settings {
    let floor = floor(reader, fields);
    Settings {
        rules: rules::demands(reader, fields, "rules").into(),
        profiles: profiles(reader, fields, floor.as_ref()),
        floor,
    }
}

fn floor(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Floor> {
    fields.get("floor")?;
    let section = reader.section(fields, "floor", &["level", "version", "exceptNamespaces"]);
    let except = patterns(reader, &section, "exceptNamespaces");
    Some(Floor { enforce: pair(reader, &section)?, except })
}

/// The required `level` and the optional `version`.
fn pair(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<LevelVersion> {
    let version = reader.parsed(fields, "version").unwrap_or(Version::Latest);
    match reader.parsed::<Level>(fields, "level") {
        Some(level) => Some(LevelVersion { level, version }),
        None => {
            if fields.get("level").is_none() {
                let path = fields.path("level");
                let text =
                    format!("{path} is missing: must be one of privileged, baseline, restricted");
                reader.problem(fields.at(""), &text);
            }
            None
        }
    }
}

fn profiles(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    floor: Option<&Floor>,
) -> BTreeMap<String, Arc<Profile>> {
    let mut profiles = BTreeMap::new();
    let entries = reader.entries(fields, "profiles");
    if entries.len() > MAX_PROFILES {
        let text = format!("profiles: must be at most {MAX_PROFILES}");
        reader.problem(None, &text);
    }
    for (path, entry) in entries {
        // The name becomes a label's value.
        if !dns::is_label(&entry.key) {
            let allowed = "must be a DNS-1123 label: at most 63 of a-z, 0-9 and -, first and last a letter or digit";
            reader.problem(Some(entry.at), &format!("{path}: {allowed}"));
        }
        let Some(section) = reader.mapping(&entry.node, &path) else { continue };
        let Some(profile) = profile(reader, &section, &entry.key) else { continue };
        contradictions(reader, &section, &profile, floor);
        profiles.insert(entry.key.clone(), Arc::new(profile));
    }
    profiles
}

fn profile(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Option<Profile> {
    reader.allow(fields, &["level", "version", "namespaces", "allow", "require"]);
    Some(Profile {
        name: name.to_owned(),
        namespaces: patterns(reader, fields, "namespaces"),
        allow: relaxation(reader, fields, "allow"),
        require: rules::demands(reader, fields, "require"),
        enforce: pair(reader, fields)?,
    })
}

/// Combinations of a profile's fields that contradict each other.
fn contradictions(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    profile: &Profile,
    floor: Option<&Floor>,
) {
    let is_lenient = profile.allow != Relaxation::default();
    if is_lenient && profile.namespaces.is_empty() {
        let text = format!(
            "{}: is for certain namespaces only: list them in {}",
            fields.path("allow"),
            fields.path("namespaces")
        );
        reader.problem(fields.at("allow"), &text);
    }
    for requirement in &profile.allow.requirements {
        let level = requirement.level();
        if level.is_some_and(|level| level > profile.enforce.level) {
            let text = format!(
                "{}: level {} does not ask for {:?}",
                fields.path("allow.controls"),
                profile.enforce.level,
                requirement.id()
            );
            reader.problem(fields.at("allow"), &text);
        }
    }
    if let Some(floor) = floor.filter(|floor| floor.enforce.is_above(profile.enforce))
        && !is_excepted(profile, floor)
    {
        let text = format!(
            "{}: {} is below the floor {}: allow what is needed instead, or list its namespaces in floor.exceptNamespaces, too",
            fields.path("level"),
            profile.enforce,
            floor.enforce
        );
        reader.problem(fields.at("level"), &text);
    }
}

/// Compares the patterns literally, without checking whether one includes the other.
fn is_excepted(profile: &Profile, floor: &Floor) -> bool {
    let is_listed = |namespace| floor.except.contains(namespace);
    !profile.namespaces.is_empty() && profile.namespaces.iter().all(is_listed)
}

fn patterns(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Patterns {
    let mut patterns = Vec::new();
    reader.each_pattern(fields, name, |text| {
        patterns.push(Pattern::parse(text)?);
        Ok::<_, InvalidPattern>(())
    });
    patterns.into_iter().collect()
}

/// The relaxation of a profile.
fn relaxation(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Relaxation {
    let allowed = [
        "capabilities",
        "hostPaths",
        "hostPorts",
        "hostNamespaces",
        "volumeTypes",
        "sysctls",
        "controls",
    ];
    let section = reader.section(fields, name, &allowed);
    let mut relaxation = Relaxation::default();
    for path in rules::host_paths(reader, &section, "hostPaths") {
        let (text, access) = (path.to_string(), path.access());
        if let Err(why) = relaxation.add(Allowed::HostPath(&text, access)) {
            reader.problem(
                section.at("hostPaths"),
                &format!("{}: {text:?}: {why}", section.path("hostPaths")),
            );
        }
    }
    let mut each = |name, value: for<'t> fn(&'t str) -> Allowed<'t>| {
        reader.each(&section, name, |text| relaxation.add(value(text)));
    };
    each("capabilities", |text| Allowed::Capability(text));
    each("hostPorts", |text| Allowed::HostPorts(text));
    each("hostNamespaces", |text| Allowed::HostNamespace(text));
    each("volumeTypes", |text| Allowed::VolumeType(text));
    each("sysctls", |text| Allowed::Sysctl(text));
    each("controls", |text| Allowed::Control(text));
    for contradiction in relaxation.contradictions() {
        let path = section.path(contradiction.field);
        reader.problem(section.at(contradiction.field), &format!("{path}: {}", contradiction.why));
    }
    relaxation
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use policy::{config::Config, exceptions::HostNamespace, pss::Level, requirement::Requirement};

    use crate::config;

    const HEAD: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n";

    fn good(text: &str) -> Config {
        config::parse(&format!("{HEAD}{text}"), Path::new("c.yaml")).unwrap()
    }

    /// The problems, one per line, in full length.
    fn bad(text: &str) -> Vec<String> {
        let text = format!("{HEAD}{text}");
        let error = config::tests::parsed_by_all(&text, Path::new("c.yaml")).unwrap_err();
        error.to_string().split("; ").map(str::to_owned).collect()
    }

    #[test]
    fn a_profile_reads_as_it_is_written() {
        let config = good(
            "
floor: {level: baseline, version: v1.20, exceptNamespaces: [legacy]}
profiles:
  agent:
    level: baseline
    version: v1.30
    namespaces: [monitoring, 'team-*']
    allow:
      capabilities: [NET_RAW]
      hostPaths: [{path: /var/log, readOnly: true}]
      hostPorts: [9100, '30000-30010']
      hostNamespaces: [network, pid]
      volumeTypes: [nfs]
      sysctls: [net.core.somaxconn]
      controls: [privileged, rules/imageTag]
    require: {imageTag: enforce}
  open: {level: privileged, namespaces: [legacy]}
",
        );
        let agent = &config.policies.profiles["agent"];
        assert_eq!(agent.enforce.to_string(), "baseline:v1.30");
        assert!(agent.is_for("team-a") && !agent.is_for("default"));
        let allow = &agent.allow;
        assert!(allow.capabilities.contains("NET_RAW"));
        assert!(allow.host_ports.contains(30_005) && !allow.host_ports.contains(30_011));
        assert!(allow.host_namespaces.iter().eq([&HostNamespace::Network, &HostNamespace::Pid]));
        let freed: Vec<_> = allow.requirements.iter().map(|it| it.id()).collect();
        assert_eq!(freed, ["privileged", "rules/imageTag"]);
        assert_eq!(agent.require.len(), 1);
        let floor = config.policies.floor.as_ref().unwrap();
        assert_eq!(floor.enforce.level, Level::Baseline);
        assert!(floor.is_for("shop") && !floor.is_for("legacy"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, expected) in [
            (
                "profiles: {a: {}}",
                vec![
                    "profiles.a.level is missing: must be one of privileged, baseline, restricted",
                ],
            ),
            ("profiles: {A: {level: baseline}}", vec!["profiles.A: must be a DNS-1123 label"]),
            ("profiles: {a: {level: high}}", vec!["profiles.a.level: \"high\": must be one of"]),
            (
                "profiles: {a: {level: baseline, alow: {}}}",
                vec!["unknown field \"profiles.a.alow\""],
            ),
            (
                "profiles: {a: {level: baseline, namespaces: [b], allow: {capabilities: [CAP_NET_RAW, ALL, net_raw, CHOWN, CHOWN]}}}",
                vec![
                    "profiles.a.allow.capabilities[0]: \"CAP_NET_RAW\": must be a capability",
                    "profiles.a.allow.capabilities[1]: \"ALL\": must be a capability",
                    "profiles.a.allow.capabilities[2]: \"net_raw\": must be a capability",
                    "profiles.a.allow.capabilities[4]: \"CHOWN\": must not be listed twice",
                ],
            ),
            (
                "profiles: {a: {level: baseline, namespaces: [b], allow: {hostPaths: [{path: ../etc}], hostPorts: [0, x], hostNamespaces: [net]}}}",
                vec![
                    "profiles.a.allow.hostPaths[0].path: \"../etc\": must be",
                    "profiles.a.allow.hostPorts[0]: \"0\": must lie within 1-65535",
                    "profiles.a.allow.hostPorts[1]: \"x\": must be a number or a range",
                    "profiles.a.allow.hostNamespaces[0]: \"net\": must be one of network, pid, ipc",
                ],
            ),
            (
                "profiles: {a: {level: baseline, namespaces: [b], allow: {volumeTypes: [hostPath], controls: [hostports]}}}",
                vec![
                    "profiles.a.allow.volumeTypes[0]: \"hostPath\": must be a volume's field",
                    "profiles.a.allow.controls[0]: \"hostports\": must be one of",
                ],
            ),
            (
                "profiles: {a: {level: baseline, allow: {capabilities: [NET_RAW]}}}",
                vec!["profiles.a.allow: is for certain namespaces only"],
            ),
            (
                "profiles: {a: {level: baseline, namespaces: [b], allow: {controls: [runAsNonRoot]}}}",
                vec!["profiles.a.allow.controls: level baseline does not ask for \"runAsNonRoot\""],
            ),
            (
                "floor: {level: baseline, exceptNamespaces: [c]}\nprofiles: {a: {level: privileged, namespaces: [b]}}",
                vec!["profiles.a.level: privileged:latest is below the floor baseline:latest"],
            ),
            ("floor: {}", vec!["floor.level is missing"]),
            (
                "profiles: {a: {level: baseline, namespaces: [\"********* \"]}}",
                vec!["profiles.a.namespaces[0]"],
            ),
        ] {
            let found = bad(text);
            assert_eq!(found.len(), expected.len(), "{text}: {found:#?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{text}: {found}");
            }
        }
    }

    #[test]
    fn every_requirement_can_be_freed_of() {
        for requirement in Requirement::all() {
            let id = requirement.id();
            let config = good(&format!(
                "profiles: {{a: {{level: restricted, namespaces: [b], allow: {{controls: [{id}]}}}}}}"
            ));
            assert_eq!(config.policies.profiles["a"].allow.requirements, [requirement]);
        }
    }
}
