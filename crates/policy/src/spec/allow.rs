//! The relaxations of a profile or of a PolicyException.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::{
    exceptions::{
        Allowed, CAPABILITIES, HostNamespace, MAX_VALUES, Relaxation, SYSCTL_ROOTS, VOLUME_TYPES,
    },
    requirement::Requirement,
    rules::{Access, HostPath, InvalidHostPath},
};

use super::{
    List,
    list::{Collection, wrong},
    text::{Scalar, one_of},
};

/// What a profile or an exception allows. `LEAST` is 1 where a list that is set must not be empty.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = contradictions()))]
pub struct Allow<const LEAST: usize> {
    /// Capabilities that containers may add, such as NET_RAW.
    #[serde(default)]
    pub capabilities: List<Only<Capabilities>, MAX_VALUES, LEAST>,
    /// Directories of the node that may be mounted, with what is below them.
    #[serde(default)]
    pub host_paths: List<Only<Paths>, MAX_VALUES, LEAST>,
    /// Ports of the node, such as 9100 or "30000-30010".
    #[serde(default)]
    pub host_ports: List<Only<HostPorts>, MAX_VALUES, LEAST>,
    /// Namespaces of the node: network, pid, ipc.
    #[serde(default)]
    pub host_namespaces: List<Only<HostNamespaces>, 3, LEAST>,
    /// Sources of volumes, by the name of their field, such as nfs.
    #[serde(default)]
    pub volume_types: List<Only<VolumeTypes>, MAX_VALUES, LEAST>,
    /// Sysctls, by their whole names.
    #[serde(default)]
    pub sysctls: List<Only<Sysctls>, MAX_VALUES, LEAST>,
    /// Controls and rules that need not be met at all.
    #[serde(default)]
    pub controls: List<Only<Controls>, MAX_VALUES, LEAST>,
}

impl<const LEAST: usize> From<Allow<LEAST>> for Relaxation {
    fn from(allow: Allow<LEAST>) -> Self {
        Self {
            capabilities: allow.capabilities.0.values.capabilities,
            host_paths: allow.host_paths.0.values.host_paths,
            host_ports: allow.host_ports.0.values.host_ports,
            host_namespaces: allow.host_namespaces.0.values.host_namespaces,
            volume_types: allow.volume_types.0.values.volume_types,
            sysctls: allow.sysctls.0.values.sysctls,
            requirements: allow.controls.0.values.requirements,
        }
    }
}

/// The values of one list of a relaxation.
#[derive(Clone, Debug)]
pub struct Only<K> {
    values: Relaxation,
    kind: PhantomData<K>,
}

impl<K> Default for Only<K> {
    fn default() -> Self {
        Self { values: Relaxation::default(), kind: PhantomData }
    }
}

macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident: $value:path, $schema:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $list;

        impl Collection for Only<$list> {
            type Item = Scalar;

            fn add(&mut self, Scalar(text): Scalar) -> Result<(), String> {
                self.values.add($value(&text)).map_err(|why| wrong(&text, why))
            }

            fn schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

lists! {
    /// The list of capabilities.
    Capabilities: Allowed::Capability, one_of(CAPABILITIES);
    /// The list of ports and ranges of ports.
    HostPorts: Allowed::HostPorts, port();
    /// The list of namespaces of the node.
    HostNamespaces: Allowed::HostNamespace, one_of(HostNamespace::ALL.map(HostNamespace::as_str));
    /// The list of sources of volumes.
    VolumeTypes: Allowed::VolumeType, one_of(VOLUME_TYPES);
    /// The list of sysctls.
    Sysctls: Allowed::Sysctl, json_schema!({
        "type": "string",
        "maxLength": 253,
        "pattern": format!("^({})([./][-_a-z0-9]+)+$", SYSCTL_ROOTS.join("|")),
    });
    /// The list of controls and rules.
    Controls: Allowed::Control, one_of(Requirement::all().map(Requirement::id));
}

/// The list of directories of the node.
#[derive(Clone, Debug)]
pub struct Paths;

impl Collection for Only<Paths> {
    type Item = PathItem;

    const KIND: &'static str = "map";

    const KEYS: &'static [&'static str] = &["path"];

    fn add(&mut self, item: PathItem) -> Result<(), String> {
        let PathText(text) = &item.path;
        let added = self.values.add(Allowed::HostPath(text, item.access()));
        added.map_err(|why| wrong(text, why))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        PathItem::json_schema(generator)
    }
}

/// A directory of the node, and what is below it.
// A field that is not known was to narrow it: where that would be dropped, the API server keeps it, and we refuse it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct PathItem {
    /// An absolute path.
    path: PathText,
    /// Whether every mount of it must say readOnly: true.
    #[serde(default)]
    read_only: bool,
}

impl PathItem {
    fn access(&self) -> Access {
        if self.read_only { Access::ReadOnly } else { Access::ReadWrite }
    }
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

/// The paths of the node that a rule allows.
impl Collection for Vec<HostPath> {
    type Item = PathItem;

    const KIND: &'static str = "map";

    fn add(&mut self, item: PathItem) -> Result<(), String> {
        let PathText(text) = &item.path;
        let new = HostPath::parse(text, item.access()).map_err(|why| wrong(text, why))?;
        if self.iter().any(|path| path.is_same_path(&new)) {
            return Err(wrong(text, "must not be listed twice"));
        }
        self.push(new);
        Ok(())
    }

    /// Unlike an exception, a rule may allow the root, and a path in any notation.
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = PathItem::json_schema(generator);
        if let Some(path) = schema.pointer_mut("/properties/path") {
            *path = serde_json::json!({"type": "string", "pattern": "^/"});
        }
        schema
    }
}
