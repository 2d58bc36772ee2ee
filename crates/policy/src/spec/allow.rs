//! The relaxations of a profile or of a PolicyException.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::{
    exceptions::{Allowed, CAPABILITIES, MAX_VALUES, Relaxation, SYSCTL_ROOTS, VOLUME_TYPES},
    requirement::Requirement,
    rules::{Access, HostPath, InvalidHostPath},
};

use super::{
    list::{MOST, at_least, gather, list_schema, twice},
    text::{Scalar, one_of, shown},
};

/// What a profile or an exception allows. `LEAST` is 1 where a list that is set must not be empty.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = contradictions()))]
pub struct Allow<const LEAST: usize> {
    /// Capabilities that containers may add, such as NET_RAW.
    #[serde(default)]
    pub capabilities: Only<Capabilities, LEAST>,
    /// Directories of the node that may be mounted, with what is below them.
    #[serde(default)]
    pub host_paths: Only<Paths, LEAST>,
    /// Ports of the node, such as 9100 or "30000-30010".
    #[serde(default)]
    pub host_ports: Only<HostPorts, LEAST>,
    /// Namespaces of the node: network, pid, ipc.
    #[serde(default)]
    pub host_namespaces: Only<HostNamespaces, LEAST>,
    /// Sources of volumes, by the name of their field, such as nfs.
    #[serde(default)]
    pub volume_types: Only<VolumeTypes, LEAST>,
    /// Sysctls, by their whole names.
    #[serde(default)]
    pub sysctls: Only<Sysctls, LEAST>,
    /// Controls and rules that need not be met at all.
    #[serde(default)]
    pub controls: Only<Controls, LEAST>,
}

impl<const LEAST: usize> From<Allow<LEAST>> for Relaxation {
    fn from(allow: Allow<LEAST>) -> Self {
        Self {
            capabilities: allow.capabilities.values.capabilities,
            host_paths: allow.host_paths.values.host_paths,
            host_ports: allow.host_ports.values.host_ports,
            host_namespaces: allow.host_namespaces.values.host_namespaces,
            volume_types: allow.volume_types.values.volume_types,
            sysctls: allow.sysctls.values.sysctls,
            requirements: allow.controls.values.requirements,
        }
    }
}

/// One list of a relaxation.
#[derive(Clone, Debug)]
pub struct Only<L, const LEAST: usize> {
    values: Relaxation,
    list: PhantomData<L>,
}

impl<L, const LEAST: usize> Default for Only<L, LEAST> {
    fn default() -> Self {
        Self { values: Relaxation::default(), list: PhantomData }
    }
}

/// A list of a relaxation: how an item is added, and the schema of the list.
pub(super) trait List {
    type Item: for<'de> Deserialize<'de>;

    fn add(to: &mut Relaxation, item: Self::Item) -> Result<(), String>;
    fn schema(generator: &mut SchemaGenerator, least: usize) -> Schema;
}

impl<'de, L: List, const LEAST: usize> Deserialize<'de> for Only<L, LEAST> {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        // The relaxation itself limits the number of values.
        let (values, count) =
            gather(list, usize::MAX, |(to, count): &mut (Relaxation, usize), item| {
                *count += 1;
                L::add(to, item)
            })?;
        at_least(LEAST, count)?;
        Ok(Self { values, list: PhantomData })
    }
}

impl<L: List, const LEAST: usize> JsonSchema for Only<L, LEAST> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Only".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        L::schema(generator, LEAST)
    }
}

macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident: $value:path, $most:expr, $schema:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $list;

        impl List for $list {
            type Item = Scalar;

            fn add(to: &mut Relaxation, Scalar(text): Scalar) -> Result<(), String> {
                to.add($value(&text)).map_err(|why| format!("{}: {why}", shown(&text)))
            }

            fn schema(_: &mut SchemaGenerator, least: usize) -> Schema {
                list_schema("set", (least, $most), &$schema)
            }
        }
    )+};
}

lists! {
    /// The list of capabilities.
    Capabilities: Allowed::Capability, MAX_VALUES, one_of(CAPABILITIES);
    /// The list of ports and ranges of ports.
    HostPorts: Allowed::HostPorts, MAX_VALUES, port();
    /// The list of namespaces of the node.
    HostNamespaces: Allowed::HostNamespace, 3, one_of(["network", "pid", "ipc"]);
    /// The list of sources of volumes.
    VolumeTypes: Allowed::VolumeType, MAX_VALUES, one_of(VOLUME_TYPES);
    /// The list of sysctls.
    Sysctls: Allowed::Sysctl, MAX_VALUES, json_schema!({
        "type": "string",
        "maxLength": 253,
        "pattern": format!("^({})([./][-_a-z0-9]+)+$", SYSCTL_ROOTS.join("|")),
    });
    /// The list of controls and rules.
    Controls: Allowed::Control, MAX_VALUES, one_of(Requirement::all().map(Requirement::id));
}

/// The list of directories of the node.
#[derive(Clone, Debug)]
pub struct Paths;

impl List for Paths {
    type Item = PathItem;

    fn add(to: &mut Relaxation, item: PathItem) -> Result<(), String> {
        let PathItem { path: PathText(text), read_only } = item;
        let added = to.add(Allowed::HostPath(&text, access(read_only)));
        added.map_err(|why| format!("{}: {why}", shown(&text)))
    }

    fn schema(generator: &mut SchemaGenerator, least: usize) -> Schema {
        let mut schema = list_schema("map", (least, MAX_VALUES), &PathItem::json_schema(generator));
        schema.insert("x-kubernetes-list-map-keys".to_owned(), vec!["path"].into());
        schema
    }
}

/// A directory of the node, and what is below it.
// A field that is not known was to narrow it: where that would be dropped, the API server keeps it, and we refuse it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub(super) struct PathItem {
    /// An absolute path.
    path: PathText,
    /// Whether every mount of it must say readOnly: true.
    #[serde(default)]
    read_only: bool,
}

impl PathItem {
    /// Its schema where more than one directory may be meant: in a rule.
    fn schema_of_rule(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Self::json_schema(generator);
        if let Some(path) = schema.pointer_mut("/properties/path") {
            *path = serde_json::json!({"type": "string", "pattern": "^/"});
        }
        schema
    }
}

fn access(read_only: bool) -> Access {
    if read_only { Access::ReadOnly } else { Access::ReadWrite }
}

texts! {
    /// A path of the node.
    pub(super) PathText: |text| HostPath::parse(text, Access::ReadWrite).is_ok()
        => InvalidHostPath.to_string(), json_schema!({
            "type": "string",
            "maxLength": 1024,
            "pattern": "^(/[^/*]+)+/?$",
            "x-kubernetes-validations": [{
                "rule": "!(self + '/').contains('/../') && !(self + '/').contains('/./')",
                "message": "must be an absolute path below /, without . and ..",
            }],
        });
}

/// A port or a range of ports. A schema cannot compare numbers in a text, so the pattern excludes ports above 65535.
pub(super) fn port() -> Schema {
    const PORT: &str =
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 1,
        "maximum": 65_535,
        "maxLength": 11,
        "pattern": format!("^{PORT}(-{PORT})?$"),
    })
}

/// Rules of the API server, in CEL.
fn contradictions() -> serde_json::Value {
    let fields = [
        "capabilities",
        "hostPaths",
        "hostPorts",
        "hostNamespaces",
        "volumeTypes",
        "sysctls",
        "controls",
    ];
    let some = fields.map(|field| format!("has(self.{field})")).join(" || ");
    let mut rules = vec![serde_json::json!({"message": "must allow something", "rule": some})];
    for (field, control) in [
        ("capabilities", "capabilities_baseline"),
        ("hostPaths", "hostPathVolumes"),
        ("hostPorts", "hostPorts"),
        ("hostNamespaces", "hostNamespaces"),
        ("sysctls", "sysctls"),
    ] {
        rules.push(serde_json::json!({
            "message": format!("{field} must not be set where controls lists {control}: that allows all of them"),
            "rule": format!("!has(self.controls) || !has(self.{field}) || !('{control}' in self.controls)"),
        }));
    }
    rules.into()
}

/// The paths of the node that a rule allows, sorted, so that equal lists compare as equal in any order.
#[derive(Clone, Debug, Default)]
pub struct HostPaths(pub(super) Vec<HostPath>);

impl<'de> Deserialize<'de> for HostPaths {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        let mut paths = gather(list, MOST, |paths: &mut Vec<HostPath>, item: PathItem| {
            let PathItem { path: PathText(text), read_only } = item;
            let new = HostPath::parse(&text, access(read_only)).map_err(|why| why.to_string())?;
            if paths.iter().any(|path| path.is_same_path(&new)) {
                return Err(twice(&text));
            }
            paths.push(new);
            Ok(())
        })?;
        paths.sort_unstable();
        Ok(Self(paths))
    }
}

impl JsonSchema for HostPaths {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HostPaths".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        list_schema("map", (0, MOST), &PathItem::schema_of_rule(generator))
    }
}
