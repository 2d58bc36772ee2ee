//! Compiles an object into an exception that can be matched: completely, or not at all.

use std::fmt;

use policy::{
    exceptions::{Exception, Expiry, Match, Relaxation},
    pattern::Pattern,
    spec,
};
use serde_json::Value;

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
}

/// Compiles `spec` of the object with this name, `namespace/name`.
///
/// # Errors
/// The first problem. The exception then has no effect at all.
pub fn compile(name: &str, spec: &Value, expiry: Expiry) -> Result<Exception, Invalid> {
    let spec: spec::PolicyException = serde_path_to_error::deserialize(spec).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.inner());
        match path.as_str() {
            "." => Invalid(shortened(format!("spec: {why}"))),
            path => Invalid::new(path, why),
        }
    })?;
    let allow = Relaxation::from(spec.allow);
    if allow.is_empty() {
        return Err(Invalid::new("allow", "must allow something"));
    }
    if let Some(wrong) = allow.contradictions().next() {
        return Err(Invalid::new(&format!("allow.{}", wrong.field), wrong.why));
    }
    if spec.expires.is_none() && expiry == Expiry::Required {
        let why = "must be set: the configuration does not permit exceptions without an end";
        return Err(Invalid::new("expires", why));
    }
    Ok(Exception {
        name: name.to_owned(),
        matches: matches(spec.matches)?,
        allow,
        reason: spec.reason.0,
        owner: spec.owner.0,
        expires: spec.expires.map(|time| time.0),
    })
}

fn matches(spec: spec::Match) -> Result<Match, Invalid> {
    let namespaces = spec.namespaces.0;
    for spec::Account(account) in &spec.service_accounts.0 {
        let namespace = account.split(':').next().unwrap_or_default();
        if !namespaces.iter().any(|other| can_be_the_same(namespace, other)) {
            let why = format_args!(
                "{account:?}: must be an account of a namespace in match.namespaces: pods have accounts of their own namespace"
            );
            return Err(Invalid::new("match.serviceAccounts", why));
        }
    }
    let accounts = spec.service_accounts.0.iter().filter_map(|account| account.0.parse().ok());
    Ok(Match {
        service_accounts: accounts.collect(),
        namespaces,
        images: spec.images.0.into_iter().collect(),
        owners: spec.owners.0.0,
        pod_labels: spec.pod_labels.0.into_iter().map(|(key, value)| (key.0, value.0)).collect(),
    })
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
    use policy::{exceptions::OwnerKind, rules::Access};
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
        let mut others = Vec::new();
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
                "spec.match.namespaces[1]: \"a\": must not be listed twice",
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
            ("/match/podLabels", json!({"": "x"}), "spec.match.podLabels.: \"\": must be a key"),
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
                "spec.match.podLabels.app: \"web*\": must be a value",
            ),
            (
                "/match/namespaces",
                json!(["-*"]),
                "spec.match.namespaces[0]: \"-*\": must be a pattern",
            ),
            (
                "/match/serviceAccounts",
                json!(["shopp:web"]),
                "spec.match.serviceAccounts: \"shopp:web\": must be an account of a namespace",
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
            (
                "/allow/hostPorts",
                json!([true]),
                "spec.allow.hostPorts[0]: invalid type: boolean `true`, expected a string or a number",
            ),
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
            ("/reason", json!(" "), "spec.reason: \" \": must not be empty"),
            ("/owner", json!("x".repeat(257)), "spec.owner: \"xxxxxxxx"),
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
            if !why.starts_with(expected) {
                others.push(format!("{why}\n  is not {expected}"));
            }
        }
        assert!(others.is_empty(), "{}", others.join("\n"));
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
