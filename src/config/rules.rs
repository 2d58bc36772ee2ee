//! The `rules` block: the enabled rules beyond the Standard, and their settings. A rule is set to a mode, or to a
//! mapping of `mode` and settings. Values that match nothing, or more than intended, are rejected.

use std::{collections::BTreeSet, str::FromStr};

use policy::{
    pattern::{Pattern, Patterns},
    rules::{
        Access, AppArmor, Bound, Check, Demand, HostPath, Mode, Numbers, Quantity, Ranges,
        Registries, Repository, Resources,
    },
};

use super::{
    fields::{Fields, Reader},
    tree::{Node, Value},
};

/// The form of a rule in the configuration.
struct Form {
    name: &'static str,
    /// Its settings besides the mode.
    settings: &'static [&'static str],
    /// Settings of which at least one must not be empty, because the rule would otherwise match nothing or everything.
    needs: &'static [&'static str],
    check: fn(&mut Reader<'_>, &Fields<'_>) -> Check,
}

/// Every rule, in the order of its table; a test compares both.
const FORMS: [Form; 16] = [
    plain("readOnlyRootFilesystem", |_, _| Check::ReadOnlyRootFilesystem),
    plain("serviceAccountToken", |_, _| Check::ServiceAccountToken),
    plain("defaultServiceAccount", |_, _| Check::DefaultServiceAccount),
    listing("appArmorProfile", app_armor_profile),
    listing("seccompLocalhost", |reader, settings| {
        Check::SeccompLocalhost(patterns(reader, settings, seccomp_profile))
    }),
    listing("seLinux", |reader, settings| {
        let pattern = |text: &str| Pattern::parse(text).map_err(|error| error.to_string());
        Check::SeLinux(patterns(reader, settings, pattern))
    }),
    Form {
        name: "resources",
        settings: &["requests", "limits", "max"],
        needs: &["requests", "limits", "max"],
        check: resources,
    },
    Form { needs: &["allowed"], ..listing("imageRegistries", image_registries) },
    plain("imageTag", |_, _| Check::ImageTag),
    plain("imageDigest", |_, _| Check::ImageDigest),
    ranging("runAsGroup", |reader, settings| Check::RunAsGroup(ids(reader, settings))),
    ranging("runAsUserRange", |reader, settings| Check::RunAsUserRange(ids(reader, settings))),
    plain("userNamespaces", |_, _| Check::UserNamespaces),
    listing("addedCapabilities", added_capabilities),
    listing("hostPaths", |reader, settings| {
        Check::HostPaths(host_paths(reader, settings, "allowed"))
    }),
    listing("hostPorts", |reader, settings| {
        Check::HostPorts(ranges(reader, settings, "allowed", Numbers::Ports))
    }),
];

const fn plain(name: &'static str, check: fn(&mut Reader<'_>, &Fields<'_>) -> Check) -> Form {
    Form { name, settings: &[], needs: &[], check }
}

const fn listing(name: &'static str, check: fn(&mut Reader<'_>, &Fields<'_>) -> Check) -> Form {
    Form { name, settings: &["allowed"], needs: &[], check }
}

const fn ranging(name: &'static str, check: fn(&mut Reader<'_>, &Fields<'_>) -> Check) -> Form {
    Form { name, settings: &["ranges"], needs: &[], check }
}

/// The name of each rule, and its settings besides the mode.
#[cfg(test)]
pub(super) fn settings() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    FORMS.iter().map(|form| (form.name, form.settings))
}

/// A mode as written in the configuration.
enum Written {
    Off,
    On(Mode),
}

impl FromStr for Written {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::On).map_err(|_| MODES),
        }
    }
}

const MODES: &str = "must be one of off, warn, audit, enforce";

/// Reads the rules of a mapping field, in the table's order, without those that are off.
pub(super) fn demands(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Vec<Demand> {
    let names: Vec<_> = FORMS.iter().map(|form| form.name).collect();
    let rules = reader.section(fields, name, &names);
    FORMS.iter().filter_map(|form| demand(reader, &rules, form)).collect()
}

fn demand(reader: &mut Reader<'_>, rules: &Fields<'_>, form: &Form) -> Option<Demand> {
    let node = rules.get(form.name)?;
    let path = rules.path(form.name);
    let (mode, settings) = match &node.value {
        Value::Text(_) => (reader.parsed(rules, form.name), Fields::none(path.clone())),
        Value::Map(_) => {
            let allowed: Vec<_> =
                std::iter::once("mode").chain(form.settings.iter().copied()).collect();
            let settings = reader.section(rules, form.name, &allowed);
            if settings.get("mode").is_none() {
                reader.problem(
                    Some(node.at),
                    &format!("{} is missing: {MODES}", settings.path("mode")),
                );
            }
            (reader.parsed(&settings, "mode"), settings)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) => {
            reader.wrong_type(node, &path, "a mode or a mapping");
            return None;
        }
    };
    let check = (form.check)(reader, &settings);
    if matches!(mode, Some(Written::Off)) {
        return None;
    }
    let is_set = |name: &&str| settings.get(name).is_some_and(|node| !is_empty(node));
    if !form.needs.is_empty() && !form.needs.iter().any(is_set) {
        let needs = form.needs.join(", ");
        reader.problem(Some(node.at), &format!("{path}: must set one of: {needs}"));
    }
    match mode {
        Some(Written::On(mode)) => Some(Demand { mode, check }),
        Some(Written::Off) | None => None,
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => false,
    }
}

fn app_armor_profile(reader: &mut Reader<'_>, settings: &Fields<'_>) -> Check {
    if !is_given(reader, settings, "allowed") {
        return Check::AppArmorProfile(AppArmor::default());
    }
    let mut allowed = BTreeSet::new();
    reader.each_pattern(settings, "allowed", |text| {
        let profile = AppArmor::profile(text).map_err(|error| error.to_string())?;
        once(&mut allowed, profile)
    });
    Check::AppArmorProfile(allowed.into_iter().collect())
}

fn seccomp_profile(text: &str) -> Result<Pattern, String> {
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return Err(
            "must be a path below the kubelet's seccomp folder: not absolute, without \"..\""
                .to_owned(),
        );
    }
    Pattern::parse(text).map_err(|error| error.to_string())
}

fn patterns(
    reader: &mut Reader<'_>,
    settings: &Fields<'_>,
    pattern: fn(&str) -> Result<Pattern, String>,
) -> Patterns {
    let mut allowed = BTreeSet::new();
    reader.each_pattern(settings, "allowed", |text| once(&mut allowed, pattern(text)?));
    allowed.into_iter().collect()
}

/// Adds a value that must be new.
fn once<T: Ord>(set: &mut BTreeSet<T>, value: T) -> Result<(), String> {
    set.insert(value).then_some(()).ok_or_else(|| "must not be listed twice".to_owned())
}

fn resources(reader: &mut Reader<'_>, settings: &Fields<'_>) -> Check {
    let mut names = |list| {
        let mut names = BTreeSet::new();
        reader.each(settings, list, |text| {
            resource(text)?;
            once(&mut names, text.to_owned())
        });
        names.into_iter().collect()
    };
    let (requests, limits) = (names("requests"), names("limits"));
    let bounds = settings.get("max").and_then(|node| reader.mapping(node, &settings.path("max")));
    let bounds = bounds.unwrap_or(Fields::none(String::new()));
    // Resource names are open-ended, but must not repeat.
    let names: Vec<_> = bounds.names().collect();
    reader.allow(&bounds, &names);
    let names: BTreeSet<_> = names.into_iter().collect();
    let max = names.into_iter().filter_map(|name| {
        let bound = bound(reader, &bounds, name)?;
        Some((name.to_owned(), bound))
    });
    Check::Resources(Resources { requests, limits, max: max.collect() })
}

fn bound(reader: &mut Reader<'_>, bounds: &Fields<'_>, name: &str) -> Option<Bound> {
    let (node, path) = (bounds.get(name)?, bounds.path(name));
    if let Err(allowed) = resource(name) {
        reader.invalid(node, &path, name, allowed);
    }
    let text = reader.scalar(node, &path)?;
    match text.parse() {
        Ok(quantity) if quantity > Quantity::ZERO => {
            Some(Bound { quantity, text: text.to_owned() })
        }
        Ok(_) => {
            reader.invalid(node, &path, text, "must be more than 0");
            None
        }
        Err(allowed) => {
            reader.invalid(node, &path, text, allowed);
            None
        }
    }
}

/// Kubernetes' own container resources have no domain in their names; all others have one.
fn resource(name: &str) -> Result<(), String> {
    let is_own = matches!(name, "cpu" | "memory" | "ephemeral-storage")
        || name.strip_prefix("hugepages-").is_some_and(|size| size.parse::<Quantity>().is_ok());
    let is_extended = name.split_once('/').is_some_and(|(domain, name)| {
        let is_known =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        policy::dns::is_subdomain(domain)
            && (1..=63).contains(&name.len())
            && name.bytes().all(is_known)
    });
    (is_own || is_extended).then_some(()).ok_or_else(|| {
        "must be a resource of containers: cpu, memory, ephemeral-storage, hugepages-2Mi, or one with a domain such as nvidia.com/gpu".to_owned()
    })
}

fn image_registries(reader: &mut Reader<'_>, settings: &Fields<'_>) -> Check {
    let mut allowed = BTreeSet::new();
    reader.each_pattern(settings, "allowed", |text| {
        let repository = Repository::parse(text).map_err(|error| error.to_string())?;
        once(&mut allowed, repository)
    });
    Check::ImageRegistries(Registries::from_iter(allowed))
}

/// Ids of users and groups. By default all except root.
fn ids(reader: &mut Reader<'_>, settings: &Fields<'_>) -> Ranges {
    if is_given(reader, settings, "ranges") {
        ranges(reader, settings, "ranges", Numbers::Ids)
    } else {
        Ranges::all(Numbers::Ids)
    }
}

/// Whether a list with a default is set. An empty one is an error, because nothing could comply.
fn is_given(reader: &mut Reader<'_>, settings: &Fields<'_>, name: &str) -> bool {
    let node = settings.get(name);
    if let Some(node) = node.filter(|node| is_empty(node)) {
        let path = settings.path(name);
        reader.problem(Some(node.at), &format!("{path}: must not be empty"));
    }
    node.is_some()
}

/// Numbers and ranges of them: `[9100, "30000-30010"]`.
pub(super) fn ranges(
    reader: &mut Reader<'_>,
    settings: &Fields<'_>,
    name: &str,
    numbers: Numbers,
) -> Ranges {
    let mut ranges = Ranges::default();
    reader.each(settings, name, |text| ranges.add(text, numbers));
    ranges
}

fn added_capabilities(reader: &mut Reader<'_>, settings: &Fields<'_>) -> Check {
    let mut allowed = BTreeSet::new();
    reader.each(settings, "allowed", |text| {
        let is_known =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || text.starts_with("CAP_") || !text.bytes().all(is_known) {
            return Err(
                "must be a capability in upper case, without CAP_: NET_BIND_SERVICE".to_owned()
            );
        }
        once(&mut allowed, text.to_owned())
    });
    Check::AddedCapabilities(allowed)
}

/// Paths of the node: `{path: /var/log, readOnly: true}`.
pub(super) fn host_paths(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    name: &str,
) -> Vec<HostPath> {
    let mut allowed: Vec<HostPath> = Vec::new();
    for (item, node) in reader.few(fields, name) {
        let Some(fields) = reader.mapping(node, &item) else {
            continue;
        };
        reader.allow(&fields, &["path", "readOnly"]);
        let access = match reader.boolean(&fields, "readOnly") {
            Some(true) => Access::ReadOnly,
            Some(false) | None => Access::ReadWrite,
        };
        let Some((text, at)) = reader.text(&fields, "path") else {
            reader.problem(Some(node.at), &format!("{item}: must set path"));
            continue;
        };
        match HostPath::parse(text, access) {
            Ok(path) if allowed.iter().any(|other| other.is_same_path(&path)) => {
                reader.invalid(at, &fields.path("path"), text, "must not be listed twice");
            }
            Ok(path) => allowed.push(path),
            Err(error) => reader.invalid(at, &fields.path("path"), text, error),
        }
    }
    // Sorted, so that equal lists compare as equal in any order.
    allowed.sort_unstable();
    allowed
}
