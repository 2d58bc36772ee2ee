//! Kinds of custom resources that describe pods, in addition to the table of the build.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::{
    dns,
    workloads::{self, Kinds, PodForm, WorkloadKind},
};

use super::{
    Set,
    list::{Collection, wrong},
};

/// The most paths of a kind.
const MOST_PATHS: usize = 32;

/// A kind of custom resource that describes pods, by exactly one of podTemplates, podSpecs and containers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("required" = ["group", "kind", "plural"]))]
pub struct Workload {
    /// Its API group, such as argoproj.io.
    pub group: Option<Group>,
    /// The kind, such as Rollout.
    pub kind: Option<KindName>,
    /// Its resource, such as rollouts.
    pub plural: Option<Plural>,
    /// The paths of its pod templates, such as spec.template or spec.groups[].template.
    pub pod_templates: Set<PodPath, MOST_PATHS>,
    /// The paths of its pod specs, such as spec.predictor.
    pub pod_specs: Set<PodPath, MOST_PATHS>,
    /// The paths of its containers, if the rest of the pod is elsewhere, such as spec.steps[].
    pub containers: Set<PodPath, MOST_PATHS>,
}

/// Rows for the table of kinds.
#[derive(Clone, Debug, Default)]
pub struct Workloads(pub Vec<WorkloadKind>);

impl Collection for Workloads {
    type Item = Workload;

    const KIND: &'static str = "atomic";

    fn add(&mut self, written: Workload) -> Result<(), String> {
        let (Some(group), Some(kind), Some(plural)) = (written.group, written.kind, written.plural)
        else {
            return Err("group, kind and plural must be set".to_owned());
        };
        let forms = [
            (PodForm::Template, written.pod_templates),
            (PodForm::Spec, written.pod_specs),
            (PodForm::Container, written.containers),
        ];
        let mut set = forms.into_iter().filter(|(_, paths)| !paths.0.is_empty());
        let (Some((form, paths)), None) = (set.next(), set.next()) else {
            let allowed = "exactly one of podTemplates, podSpecs and containers must be set";
            return Err(wrong(&kind.0, allowed));
        };
        let paths: Vec<_> = paths.0.into_iter().map(|path| path.0).collect();
        let row = WorkloadKind {
            group: Cow::Owned(group.0),
            kind: Cow::Owned(kind.0),
            plural: Cow::Owned(plural.0),
            form,
            paths: Cow::Owned(paths.join(" ")),
        };
        let is_known = Kinds::default().of_manifest(&row.group, &row.kind);
        if is_known.is_some_and(WorkloadKind::is_built_in) {
            return Err(wrong(&row.kind, "must not be one of Kubernetes' own kinds"));
        }
        if self.0.iter().any(|other| (&other.group, &other.kind) == (&row.group, &row.kind)) {
            return Err(wrong(&row.kind, "must not be listed twice"));
        }
        row.validate().map_err(|why| wrong(&row.kind, why))?;
        self.0.push(row);
        Ok(())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Workload>()
    }
}

fn is_kind(text: &str) -> bool {
    let is_first = text.starts_with(|first: char| first.is_ascii_uppercase());
    is_first && text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

texts! {
    /// An API group.
    pub Group: dns::is_subdomain => "must be an API group: a DNS-1123 subdomain, such as argoproj.io",
        json_schema!({"type": "string", "minLength": 1, "maxLength": 253});
    /// A kind.
    pub KindName: is_kind => "must be a kind: letters and digits, the first an upper-case letter, at most 63",
        json_schema!({"type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$", "maxLength": 63});
    /// A resource.
    pub Plural: dns::is_label => "must be a resource: a DNS-1123 label in the plural, such as rollouts",
        json_schema!({"type": "string", "minLength": 1, "maxLength": 63});
    /// The path of a pod in an object.
    pub PodPath: workloads::is_path => "must be keys with dots between them, [] behind a list, {} behind a map, such as spec.groups[].template",
        json_schema!({"type": "string", "pattern": "^[A-Za-z0-9]+(\\[\\]|\\{\\})*(\\.[A-Za-z0-9]+(\\[\\]|\\{\\})*)*$"});
}
