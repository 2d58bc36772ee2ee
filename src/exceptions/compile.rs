//! Compiles an object into an exception that can be matched: completely, or not at all.

use std::{collections::BTreeSet, fmt, time::SystemTime};

use serde_json::Value;

use policy::{
    dns,
    exceptions::{Allowed, Exception, Expiry, Match, Namespaces, OwnerKind, Relaxation},
    pattern::Pattern,
    rules::{Access, ImagePattern},
};

use super::resource::{AllowSpec, HostPathSpec, MatchSpec, OwnerSpec, PolicyExceptionSpec};

/// Maximum length of `reason`, in characters.
pub(super) const MAX_REASON: usize = 1024;
/// Maximum length of `owner`, in characters.
pub(super) const MAX_OWNER: usize = 256;
/// Maximum number of elements in a list of `match`.
pub(super) const MAX_SELECTORS: usize = 64;
/// Maximum number of labels in `match`.
pub(super) const MAX_LABELS: usize = 16;

/// Why an exception is invalid: the field, its value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Invalid {
    fn new(field: &str, why: impl fmt::Display) -> Self {
        Self(shortened(format!("spec.{field}: {why}")))
    }

    fn value(field: &str, value: &str, why: impl fmt::Display) -> Self {
        Self::new(field, format_args!("{}: {why}", shown(value)))
    }
}

/// Compiles `spec` of the object with this name, `namespace/name`.
///
/// # Errors
/// The first problem. The exception then has no effect at all.
pub fn compile(name: &str, spec: &Value, expiry: Expiry) -> Result<Exception, Invalid> {
    let written = spec;
    let spec: PolicyExceptionSpec = serde_path_to_error::deserialize(spec).map_err(|error| {
        let path = error.path().to_string();
        let why = error.inner();
        match path.as_str() {
            "." => Invalid(shortened(format!("spec: {why}"))),
            path => Invalid::new(path, why),
        }
    })?;
    nothing_is_empty(written)?;
    Ok(Exception {
        name: name.to_owned(),
        matches: matches(&spec.matches)?,
        allow: allow(&spec.allow)?,
        reason: words("reason", &spec.reason, MAX_REASON)?,
        owner: words("owner", &spec.owner, MAX_OWNER)?,
        expires: expires(spec.expires.as_deref(), expiry)?,
    })
}

/// Rejects empty lists and maps. They would mean the same as absent ones, everything in `match` and nothing in `allow`,
/// which is not what their author intends.
fn nothing_is_empty(spec: &Value) -> Result<(), Invalid> {
    for part in ["match", "allow"] {
        for (key, value) in spec.get(part).and_then(Value::as_object).into_iter().flatten() {
            let is_empty = match value {
                Value::Array(list) => list.is_empty(),
                Value::Object(map) => map.is_empty(),
                _ => false,
            };
            if is_empty {
                let field = format!("{part}.{key}");
                let why = match part {
                    "match" => "must not be empty: leave it out where it is not to narrow anything",
                    _ => "must not be empty",
                };
                return Err(Invalid::new(&field, why));
            }
        }
    }
    Ok(())
}

fn words(field: &str, text: &str, most: usize) -> Result<String, Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new(field, "must not be empty"));
    }
    if text.chars().count() > most {
        return Err(Invalid::new(field, format_args!("must be at most {most} characters long")));
    }
    Ok(text.to_owned())
}

fn expires(text: Option<&str>, expiry: Expiry) -> Result<Option<SystemTime>, Invalid> {
    match (text, expiry) {
        (Some(text), _) => {
            let allowed = "must be a date and a time with its zone, such as 2027-01-31T00:00:00Z";
            let time = text.parse::<jiff::Timestamp>();
            let time = time.map_err(|_| Invalid::value("expires", text, allowed))?;
            Ok(Some(time.into()))
        }
        (None, Expiry::Optional) => Ok(None),
        (None, Expiry::Required) => Err(Invalid::new(
            "expires",
            "must be set: the configuration does not permit exceptions without an end",
        )),
    }
}

fn matches(spec: &MatchSpec) -> Result<Match, Invalid> {
    let field = "match.namespaces";
    let mut namespaces = Namespaces::default();
    for (path, text) in each(field, &spec.namespaces, MAX_SELECTORS)? {
        namespaces.add(text).map_err(|why| Invalid::value(&path, text, why))?;
    }
    let accounts = each("match.serviceAccounts", &spec.service_accounts, MAX_SELECTORS)?;
    let account = |text: (String, &str)| account(text, &spec.namespaces);
    let images = each("match.images", &spec.images, MAX_SELECTORS)?;
    Ok(Match {
        namespaces,
        service_accounts: accounts.map(account).collect::<Result<_, _>>()?,
        images: images.map(image).collect::<Result<_, _>>()?,
        owners: owners(&spec.owners)?,
        pod_labels: pod_labels(spec)?,
    })
}

/// The texts of a list with their paths.
fn each<'t>(
    field: &'t str,
    texts: &'t [String],
    most: usize,
) -> Result<impl Iterator<Item = (String, &'t str)>, Invalid> {
    if texts.len() > most {
        return Err(Invalid::new(field, format_args!("must have at most {most} elements")));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = texts.iter().find(|text| !seen.insert(*text)) {
        return Err(Invalid::value(field, twice, "must not be listed twice"));
    }
    Ok(texts.iter().enumerate().map(move |(i, text)| (format!("{field}[{i}]"), text.as_str())))
}

fn image((path, text): (String, &str)) -> Result<ImagePattern, Invalid> {
    text.parse().map_err(|why| Invalid::value(&path, text, why))
}

fn pattern((path, text): (String, &str)) -> Result<Pattern, Invalid> {
    text.parse().map_err(|why| Invalid::value(&path, text, why))
}

/// A service account that pods in some of these namespaces can have: accounts belong to the pod's own namespace.
fn account((path, text): (String, &str), namespaces: &[String]) -> Result<Pattern, Invalid> {
    let invalid = |why: &str| Err(Invalid::value(&path, text, why));
    let Some((namespace, name)) = text.split_once(':') else {
        return invalid("must be namespace:name, each a name or a pattern");
    };
    if !dns::is_label_pattern(namespace) || !dns::is_subdomain_pattern(name) {
        return invalid("must be namespace:name, each a name or a pattern");
    }
    if !namespaces.iter().any(|other| can_be_the_same(namespace, other)) {
        return invalid(
            "must be an account of a namespace in match.namespaces: pods have accounts of their own namespace",
        );
    }
    pattern((path, text))
}

/// Whether some name may match both patterns. For two patterns with `*`, assumes that it may.
fn can_be_the_same(one: &str, other: &str) -> bool {
    let fits = |pattern: &str, name: &str| {
        pattern.parse::<Pattern>().is_ok_and(|pattern| pattern.matches(name))
    };
    match (one.contains('*'), other.contains('*')) {
        (true, true) => true,
        (true, false) => fits(one, other),
        (false, true) => fits(other, one),
        (false, false) => one == other,
    }
}

fn owners(owners: &[OwnerSpec]) -> Result<BTreeSet<(OwnerKind, String)>, Invalid> {
    let field = "match.owners";
    if owners.len() > MAX_SELECTORS {
        let why = format_args!("must have at most {MAX_SELECTORS} elements");
        return Err(Invalid::new(field, why));
    }
    let mut known = BTreeSet::new();
    for (i, owner) in owners.iter().enumerate() {
        let kind = OwnerKind::find(&owner.kind).ok_or_else(|| {
            let kinds = OwnerKind::ALL.map(OwnerKind::as_str).join(", ");
            let path = format!("{field}[{i}].kind");
            Invalid::value(&path, &owner.kind, format_args!("must be one of {kinds}"))
        })?;
        let path = format!("{field}[{i}].name");
        if !dns::is_subdomain(&owner.name) {
            return Err(Invalid::value(&path, &owner.name, "must be the name of such an object"));
        }
        if !known.insert((kind, owner.name.clone())) {
            return Err(Invalid::value(&path, &owner.name, "must not be listed twice"));
        }
    }
    Ok(known)
}

fn pod_labels(spec: &MatchSpec) -> Result<Vec<(String, String)>, Invalid> {
    let field = "match.podLabels";
    if spec.pod_labels.len() > MAX_LABELS {
        return Err(Invalid::new(field, format_args!("must have at most {MAX_LABELS} labels")));
    }
    for (key, value) in &spec.pod_labels {
        if !dns::is_label_key(key) {
            return Err(Invalid::value(field, key, "must be a key that a label can have"));
        }
        if !dns::is_label_value(value) {
            let field = format!("{field}[{}]", shown(key));
            return Err(Invalid::value(
                &field,
                value,
                "must be a value that a label can have: patterns are not known here",
            ));
        }
    }
    Ok(spec.pod_labels.clone().into_iter().collect())
}

fn allow(spec: &AllowSpec) -> Result<Relaxation, Invalid> {
    let ports: Vec<_> = spec.host_ports.iter().map(ToString::to_string).collect();
    let mut allow = Relaxation::default();
    add_each(&mut allow, "capabilities", &spec.capabilities, Allowed::Capability)?;
    add_each(&mut allow, "hostPorts", &ports, Allowed::HostPorts)?;
    add_each(&mut allow, "hostNamespaces", &spec.host_namespaces, Allowed::HostNamespace)?;
    add_each(&mut allow, "volumeTypes", &spec.volume_types, Allowed::VolumeType)?;
    add_each(&mut allow, "sysctls", &spec.sysctls, Allowed::Sysctl)?;
    add_each(&mut allow, "controls", &spec.controls, Allowed::Control)?;
    for (i, HostPathSpec { path, read_only }) in spec.host_paths.iter().enumerate() {
        let access = if *read_only { Access::ReadOnly } else { Access::ReadWrite };
        let field = format!("allow.hostPaths[{i}].path");
        let added = allow.add(Allowed::HostPath(path, access));
        added.map_err(|why| Invalid::value(&field, path, why))?;
    }
    if allow.is_empty() {
        return Err(Invalid::new("allow", "must allow something"));
    }
    if let Some(wrong) = allow.contradictions().next() {
        return Err(Invalid::new(&format!("allow.{}", wrong.field), wrong.why));
    }
    Ok(allow)
}

fn add_each<'t>(
    allow: &mut Relaxation,
    field: &str,
    texts: &'t [String],
    of: fn(&'t str) -> Allowed<'t>,
) -> Result<(), Invalid> {
    for (i, text) in texts.iter().enumerate() {
        let added = allow.add(of(text));
        added.map_err(|why| Invalid::value(&format!("allow.{field}[{i}]"), text, why))?;
    }
    Ok(())
}

/// A text in a message: quoted, escaped and truncated.
fn shown(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// Truncates a message, because the object's status stores it.
fn shortened(text: String) -> String {
    const MOST: usize = 1000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> Value {
        json!({
            "match": {
                "namespaces": ["shop", "team-*"],
                "serviceAccounts": ["shop:web"],
                "images": ["ghcr.io/shop/*"],
                "owners": [{"kind": "Deployment", "name": "web"}],
                "podLabels": {"app": "web"},
            },
            "allow": {
                "capabilities": ["NET_RAW"],
                "hostPaths": [{"path": "/var/log", "readOnly": true}],
                "hostPorts": [9100, "30000-30010"],
                "hostNamespaces": ["network"],
                "volumeTypes": ["nfs"],
                "sysctls": ["net.core.somaxconn"],
                "controls": ["runAsNonRoot"],
            },
            "reason": "the agent reads packets",
            "owner": "team-net@shop.example",
            "expires": "2027-01-31T00:00:00+01:00",
        })
    }

    /// The error after a field is set.
    fn wrong(pointer: &str, value: Value) -> String {
        let mut spec = spec();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = spec.pointer_mut(parent).unwrap();
        match value {
            Value::Null => drop(parent.as_object_mut().unwrap().remove(key)),
            value => parent[key] = value,
        }
        compile("x/y", &spec, Expiry::Required).map_err(|why| why.to_string()).unwrap_err()
    }

    #[test]
    fn a_whole_one_is_read() {
        let exception = compile("x/y", &spec(), Expiry::Required).unwrap();
        assert_eq!(exception.name, "x/y");
        let namespaces = &exception.matches.namespaces;
        assert!(namespaces.contain("shop") && namespaces.contain("team-a"));
        assert!(!namespaces.contain("shops"));
        assert_eq!(exception.matches.owners, [(OwnerKind::Deployment, "web".to_owned())].into());
        assert_eq!(exception.allow.host_ports.to_string(), "9100, 30000-30010");
        assert_eq!(exception.allow.host_paths[0].access(), Access::ReadOnly);
        let end = jiff::Timestamp::try_from(exception.expires.unwrap()).unwrap();
        assert_eq!(end.to_string(), "2027-01-30T23:00:00Z");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        for (pointer, value, expected) in [
            (
                "/match/namespace",
                json!(["shop"]),
                "spec.match.namespace: unknown field `namespace`",
            ),
            ("/alow", json!({}), "spec.alow: unknown field `alow`"),
            ("/allow/capability", json!(["NET_RAW"]), "spec.allow.capability: unknown field"),
            ("/match/namespaces", json!([]), "spec.match.namespaces: must not be empty"),
            ("/match/namespaces", Value::Null, "spec.match: missing field `namespaces`"),
            (
                "/match/namespaces",
                json!([7]),
                "spec.match.namespaces[0]: invalid type: integer `7`",
            ),
            (
                "/match/namespaces",
                json!(["a", "B"]),
                "spec.match.namespaces[1]: \"B\": must be a namespace",
            ),
            (
                "/match/namespaces",
                json!(["a", "a"]),
                "spec.match.namespaces: \"a\": must not be listed twice",
            ),
            (
                "/match/serviceAccounts",
                json!(["web"]),
                "spec.match.serviceAccounts[0]: \"web\": must be namespace:name",
            ),
            (
                "/match/owners",
                json!([{"kind": "Pod", "name": "a"}]),
                "spec.match.owners[0].kind: \"Pod\": must be one of Deployment",
            ),
            (
                "/match/owners",
                json!([{"kind": "Job", "name": "A"}]),
                "spec.match.owners[0].name: \"A\": must be",
            ),
            ("/match/podLabels", json!({"": "x"}), "spec.match.podLabels: \"\": must be a key"),
            ("/allow", json!({}), "spec.allow: must allow something"),
            ("/match/podLabels", json!({}), "spec.match.podLabels: must not be empty"),
            (
                "/match/images",
                json!(["*agent:1"]),
                "spec.match.images[0]: \"*agent:1\": must begin with a registry",
            ),
            (
                "/match/images",
                json!(["Nginx"]),
                "spec.match.images[0]: \"Nginx\": must be an image, such as",
            ),
            ("/match/images", json!([]), "spec.match.images: must not be empty"),
            ("/match/owners", json!([]), "spec.match.owners: must not be empty"),
            ("/match/serviceAccounts", json!([]), "spec.match.serviceAccounts: must not be empty"),
            (
                "/match/podLabels",
                json!({"app": "web*"}),
                "spec.match.podLabels[\"app\"]: \"web*\": must be a value",
            ),
            (
                "/match/namespaces",
                json!(["-*"]),
                "spec.match.namespaces[0]: \"-*\": must be a pattern",
            ),
            (
                "/match/serviceAccounts",
                json!(["shopp:web"]),
                "spec.match.serviceAccounts[0]: \"shopp:web\": must be an account of a namespace",
            ),
            (
                "/allow/capabilities",
                json!(["NET_RAWW"]),
                "spec.allow.capabilities[0]: \"NET_RAWW\": must be a capability",
            ),
            ("/allow/capabilities", json!([]), "spec.allow.capabilities: must not be empty"),
            (
                "/allow/hostPorts",
                json!(["99999"]),
                "spec.allow.hostPorts[0]: \"99999\": must lie within 1-65535",
            ),
            ("/allow/hostPorts", json!(["200-100"]), "spec.allow.hostPorts[0]: \"200-100\": must"),
            (
                "/allow/volumeTypes",
                json!(["hostpath"]),
                "spec.allow.volumeTypes[0]: \"hostpath\": must be a source",
            ),
            (
                "/allow/sysctls",
                json!(["somaxconn"]),
                "spec.allow.sysctls[0]: \"somaxconn\": must be the whole name",
            ),
            (
                "/allow/capabilities",
                json!(["CAP_SYS_ADMIN"]),
                "spec.allow.capabilities[0]: \"CAP_SYS_ADMIN\": must be",
            ),
            (
                "/allow/hostPorts",
                json!([80, "80-81"]),
                "spec.allow.hostPorts[1]: \"80-81\": must not overlap",
            ),
            ("/allow/hostPorts", json!([-1]), "spec.allow.hostPorts[0]: \"-1\": must be a number"),
            ("/allow/hostPorts", json!([true]), "spec.allow.hostPorts[0]: must be a port"),
            (
                "/allow/hostPaths",
                json!([{"path": "/a/../b"}]),
                "spec.allow.hostPaths[0].path: \"/a/../b\": must be",
            ),
            (
                "/allow/controls",
                json!(["hostPort"]),
                "spec.allow.controls[0]: \"hostPort\": must be one of",
            ),
            (
                "/allow/controls",
                json!(["hostPorts"]),
                "spec.allow.hostPorts: must not be set where controls",
            ),
            ("/reason", json!(" "), "spec.reason: must not be empty"),
            ("/owner", json!("x".repeat(257)), "spec.owner: must be at most 256"),
            ("/expires", Value::Null, "spec.expires: must be set"),
            ("/expires", json!(""), "spec.expires: \"\": must be a date"),
            (
                "/expires",
                json!("2027-02-30T00:00:00Z"),
                "spec.expires: \"2027-02-30T00:00:00Z\": must be a date",
            ),
            ("/expires", json!("2027-01-31"), "spec.expires: \"2027-01-31\": must be a date"),
            (
                "/expires",
                json!("2027-01-31T00:00:00"),
                "spec.expires: \"2027-01-31T00:00:00\": must be a date",
            ),
        ] {
            let why = wrong(pointer, value);
            assert!(why.starts_with(expected), "{why}\n  is not {expected}");
        }
    }

    #[test]
    fn what_is_said_is_bounded() {
        let why = wrong("/allow/controls", json!(["x".repeat(500_000)]));
        assert!(why.len() < 1100, "{}", why.len());
        let why = wrong(&format!("/{}", "x".repeat(500_000)), json!(1));
        assert!(why.chars().count() < 1100, "{}", why.len());
    }

    #[test]
    fn an_end_may_be_optional() {
        let mut spec = spec();
        spec.as_object_mut().unwrap().remove("expires");
        assert_eq!(compile("x/y", &spec, Expiry::Optional).unwrap().expires, None);
    }
}
