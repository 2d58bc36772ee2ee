//! The `harden` block: the defaults to add, and where.

use std::{collections::BTreeMap, str::FromStr};

use policy::harden::{Amount, MountPath, Resource, Resources, Settings};

use super::fields::{Fields, Reader};

/// Maximum number of directories per container: each needs a volume of the pod.
const MOST_EMPTY_DIRS: usize = 8;

pub(super) fn hardening(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    unset: &Settings,
) -> Settings {
    let allowed = [
        "mode",
        "runAsNonRoot",
        "seccompProfile",
        "dropCapabilities",
        "allowPrivilegeEscalation",
        "readOnlyRootFilesystem",
        "emptyDirs",
        "automountServiceAccountToken",
        "appArmorProfile",
        "hostUsers",
        "resources",
    ];
    let section = reader.section(fields, "harden", &allowed);
    let mut on = |name, unset| reader.boolean(&section, name).unwrap_or(unset);
    let run_as_non_root = on("runAsNonRoot", unset.run_as_non_root);
    let drop_capabilities = on("dropCapabilities", unset.drop_capabilities);
    let read_only_root_filesystem = on("readOnlyRootFilesystem", unset.read_only_root_filesystem);
    // These fields name the value that a pod gets, and false is the strict one.
    let mut off = |name, unset: bool| !on(name, !unset);
    let no_privilege_escalation = off("allowPrivilegeEscalation", unset.no_privilege_escalation);
    let no_service_account_token =
        off("automountServiceAccountToken", unset.no_service_account_token);
    let user_namespace = off("hostUsers", unset.user_namespace);
    let mut profile =
        |name, unset| reader.parsed(&section, name).map_or(unset, |RuntimeDefault(added)| added);
    let seccomp_profile = profile("seccompProfile", unset.seccomp_profile);
    let app_armor_profile = profile("appArmorProfile", unset.app_armor_profile);
    Settings {
        mode: reader.parsed(&section, "mode").unwrap_or(unset.mode),
        run_as_non_root,
        seccomp_profile,
        drop_capabilities,
        no_privilege_escalation,
        read_only_root_filesystem,
        no_service_account_token,
        empty_dirs: empty_dirs(reader, &section),
        app_armor_profile,
        user_namespace,
        resources: resources(reader, &section),
    }
}

/// Whether the `RuntimeDefault` profile is added.
struct RuntimeDefault(bool);

impl FromStr for RuntimeDefault {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "RuntimeDefault" => Ok(Self(true)),
            "Unset" => Ok(Self(false)),
            _ => Err("must be one of RuntimeDefault, Unset"),
        }
    }
}

fn empty_dirs(reader: &mut Reader<'_>, section: &Fields<'_>) -> Vec<MountPath> {
    const NAME: &str = "emptyDirs";
    let check = |path: &str| MountPath::parse(path).map(drop);
    let names = reader.names(section, NAME, check);
    let paths: Vec<_> = names.iter().filter_map(|path| MountPath::parse(path).ok()).collect();
    let at = section.get(NAME).map(|node| node.at);
    let list = section.path(NAME);
    if paths.len() > MOST_EMPTY_DIRS {
        let many = paths.len();
        reader.problem(at, &format!("{list}: at most {MOST_EMPTY_DIRS} paths, not {many}"));
    }
    for (index, path) in paths.iter().enumerate() {
        let others = paths.iter().take(index);
        if let Some(other) = others.rev().find(|other| other.overlaps(path)) {
            let (path, other) = (path.as_str(), other.as_str());
            let text = format!("{list}: {path:?} is in {other:?} already: leave one of them out");
            reader.problem(at, &text);
        }
    }
    paths
}

fn resources(reader: &mut Reader<'_>, section: &Fields<'_>) -> Resources {
    let section = reader.section(section, "resources", &["requests", "limits"]);
    let resources = Resources {
        requests: amounts(reader, &section, "requests"),
        limits: amounts(reader, &section, "limits"),
    };
    let (requests, limits) = (section.path("requests"), section.path("limits"));
    let at = section.get("requests").map(|node| node.at);
    for resource in resources.contradictions() {
        reader
            .problem(at, &format!("{requests}.{resource}: must not be above {limits}.{resource}"));
    }
    resources
}

fn amounts(
    reader: &mut Reader<'_>,
    section: &Fields<'_>,
    list: &str,
) -> BTreeMap<Resource, Amount> {
    let list = reader.section(section, list, &Resource::ALL.map(Resource::name));
    let amounts = Resource::ALL.into_iter();
    amounts
        .filter_map(|resource| Some((resource, reader.parsed(&list, resource.name())?)))
        .collect()
}
