//! Profiles, their relaxations, and the floor.

use std::{collections::BTreeMap, sync::Arc};

use manifest::path::Path as Field;
use policy::{
    config::{Floor, Profile, Settings},
    dns,
    exceptions::Relaxation,
    pss::{Level, LevelVersion, Version},
    spec,
};

use super::reader::Reader;

/// Maximum number of profiles, which are all compiled and kept in memory.
const MAX_PROFILES: usize = 1000;

/// All settings beyond the Standard.
pub(super) fn settings(
    reader: &mut Reader<'_>,
    rules: spec::Rules,
    profiles: BTreeMap<String, spec::Profile>,
    floor: Option<spec::Floor>,
) -> Settings {
    let floor = floor.and_then(|spec::Floor { level, version, except_namespaces }| {
        let enforce = pair(reader, &Field::default().key("floor"), level, version)?;
        Some(Floor { enforce, except: except_namespaces.0.0.into_iter().collect() })
    });
    let all = Field::default().key("profiles");
    if profiles.len() > MAX_PROFILES {
        reader.problem_of_file(&format!("profiles: must be at most {MAX_PROFILES}"));
    }
    let profiles = profiles.into_iter().filter_map(|(name, written)| {
        let field = all.clone().key(&name);
        // The name becomes a label's value.
        if !dns::is_label(&name) {
            let allowed = "must be a DNS-1123 label: at most 63 of a-z, 0-9 and -, first and last a letter or digit";
            reader.problem(&field, allowed);
        }
        let profile = profile(reader, &field, &name, written)?;
        contradictions(reader, &field, &profile, floor.as_ref());
        Some((name, Arc::new(profile)))
    });
    let profiles = profiles.collect();
    Settings { rules: rules.demands().into(), profiles, floor }
}

/// The required level and the optional version.
fn pair(
    reader: &mut Reader<'_>,
    of: &Field,
    level: Option<Level>,
    version: Option<Version>,
) -> Option<LevelVersion> {
    let levels = "one of privileged, baseline, restricted";
    let level = reader.required(of, "level", level, levels)?;
    Some(LevelVersion { level, version: version.unwrap_or(Version::Latest) })
}

fn profile(
    reader: &mut Reader<'_>,
    field: &Field,
    name: &str,
    written: spec::Profile,
) -> Option<Profile> {
    Some(Profile {
        name: name.to_owned(),
        enforce: pair(reader, field, written.level, written.version)?,
        namespaces: written.namespaces.0.0.into_iter().collect(),
        allow: written.allow.map(Relaxation::from).unwrap_or_default(),
        require: written.require.demands(),
    })
}

/// Combinations of a profile's fields that contradict each other.
fn contradictions(reader: &mut Reader<'_>, of: &Field, profile: &Profile, floor: Option<&Floor>) {
    let field = |key: &str| of.clone().key(key);
    let allow = field("allow");
    let is_lenient = profile.allow != Relaxation::default();
    if is_lenient && !reader.is_set(&field("namespaces")) {
        let why = format!("is for certain namespaces only: list them in {}", field("namespaces"));
        reader.problem(&allow, &why);
    }
    for requirement in &profile.allow.requirements {
        if requirement.level().is_some_and(|level| level > profile.enforce.level) {
            let (level, id) = (profile.enforce.level, requirement.id());
            let why = format!("level {level} does not ask for {id:?}");
            reader.problem(&allow.clone().key("controls"), &why);
        }
    }
    for contradiction in profile.allow.contradictions() {
        reader.problem(&allow.clone().key(contradiction.field), contradiction.why);
    }
    if let Some(floor) = floor.filter(|floor| floor.enforce.is_above(profile.enforce))
        && !is_excepted(profile, floor)
    {
        let why = format!(
            "{} is below the floor {}: allow what is needed instead, or list its namespaces in floor.exceptNamespaces, too",
            profile.enforce, floor.enforce
        );
        reader.problem(&field("level"), &why);
    }
}

/// Compares the patterns literally, without checking whether one includes the other.
fn is_excepted(profile: &Profile, floor: &Floor) -> bool {
    let is_listed = |namespace| floor.except.contains(namespace);
    !profile.namespaces.is_empty() && profile.namespaces.iter().all(is_listed)
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
