//! Changes as a JSON Patch on the object as it really is, and as a simulated pod.

use json_patch::{
    AddOperation, Patch, PatchOperation, RemoveOperation,
    jsonptr::{self, PointerBuf},
};
use serde_json::{Map, Value, json};

use crate::pss::{Capabilities, Place, Pod, Profile, SecurityContext, Text};

use super::{
    plan::{Change, Field},
    token::Token,
};

/// The operations that add the changes, and nothing else. Parents that are missing are made; what is there is
/// not written again. `root` is the path of the pod's `spec` in the object: `/spec`, `/spec/template/spec`.
pub fn patch(pod: &Pod<'_>, changes: &[Change], root: &[&str]) -> Patch {
    let mut operations = Vec::new();
    let mut by_place = changes.to_vec();
    by_place.sort_by_key(|change| change.place);
    for at_place in by_place.chunk_by(|one, other| one.place == other.place) {
        let fields: Vec<_> = at_place.iter().map(|change| change.field).collect();
        let Some(first) = at_place.first() else { continue };
        Target::of(pod, first.place, root).add(&fields, &mut operations);
    }
    if changes.iter().any(|change| change.field == Field::NoServiceAccountToken) {
        remove_token(pod, root, &mut operations);
    }
    Patch(operations)
}

/// What the pod will look like: as far as the view goes.
pub fn apply<'a>(pod: &Pod<'a>, changes: &[Change]) -> Pod<'a> {
    let mut pod = pod.clone();
    for change in changes {
        match change.place {
            Place::Container { kind, index } => {
                if let Some(container) = pod.spec.list_mut(kind).get_mut(index) {
                    set(container.security_context.get_or_insert_default(), change.field);
                }
            }
            Place::Metadata | Place::Pod | Place::Volume { .. } => {
                set_in_pod(&mut pod, change.field)
            }
        }
    }
    pod
}

fn set_in_pod(pod: &mut Pod<'_>, field: Field) {
    let context = &mut pod.spec.security_context;
    match field {
        Field::RunAsNonRoot => context.get_or_insert_default().run_as_non_root = Some(true),
        Field::SeccompProfile => {
            context.get_or_insert_default().seccomp_profile = Some(runtime_default());
        }
        Field::NoServiceAccountToken => {
            pod.spec.automount_service_account_token = Some(false);
            let token = Token::of(pod);
            for (kind, container, mount) in token.mounts {
                if let Some(container) = pod.spec.list_mut(kind).get_mut(container) {
                    container.volume_mounts.remove(mount);
                }
            }
            for volume in token.volumes {
                pod.spec.volumes.remove(volume);
            }
        }
        Field::DropCapabilities | Field::NoPrivilegeEscalation | Field::ReadOnlyRootFilesystem => {}
    }
}

fn set(context: &mut SecurityContext<'_>, field: Field) {
    match field {
        Field::RunAsNonRoot => context.run_as_non_root = Some(true),
        Field::SeccompProfile => context.seccomp_profile = Some(runtime_default()),
        Field::DropCapabilities => {
            context.capabilities.get_or_insert_default().drop.push(Text::from("ALL"));
        }
        Field::NoPrivilegeEscalation => context.allow_privilege_escalation = Some(false),
        Field::ReadOnlyRootFilesystem => context.read_only_root_filesystem = Some(true),
        Field::NoServiceAccountToken => {}
    }
}

fn runtime_default() -> Profile<'static> {
    Profile { kind: Text::from("RuntimeDefault"), localhost_profile: Text::default() }
}

/// The object that defaults of one place are added to.
struct Target<'p> {
    /// The pod's spec or the container.
    owner: PointerBuf,
    /// Whether the owner has a `securityContext`.
    has_context: bool,
    /// Only of containers.
    capabilities: Option<&'p Capabilities<'p>>,
}

impl<'p> Target<'p> {
    fn of(pod: &'p Pod<'p>, place: Place, root: &[&str]) -> Self {
        let mut owner = pointer(root);
        let context = match place {
            Place::Container { kind, index } => {
                owner.push_back(kind.list());
                owner.push_back(jsonptr::Token::from(index));
                let container = pod.spec.list(kind).get(index);
                container.and_then(|container| container.security_context.as_ref())
            }
            Place::Metadata | Place::Pod | Place::Volume { .. } => {
                let has_context = pod.spec.security_context.is_some();
                return Self { owner, has_context, capabilities: None };
            }
        };
        let capabilities = context.and_then(|context| context.capabilities.as_ref());
        Self { owner, has_context: context.is_some(), capabilities }
    }

    fn add(&self, fields: &[Field], operations: &mut Vec<PatchOperation>) {
        let (of_spec, of_context): (Vec<_>, Vec<_>) =
            fields.iter().partition(|field| **field == Field::NoServiceAccountToken);
        if !of_spec.is_empty() {
            operations.push(add(&self.owner, &["automountServiceAccountToken"], json!(false)));
        }
        if of_context.is_empty() {
            return;
        }
        if !self.has_context {
            let fields: Map<_, _> =
                of_context.into_iter().map(|field: &Field| member(*field)).collect();
            operations.push(add(&self.owner, &["securityContext"], fields.into()));
            return;
        }
        for field in of_context {
            let (name, value) = member(*field);
            operations.push(match (field, self.capabilities) {
                (Field::DropCapabilities, Some(set)) if set.drop.is_empty() => {
                    add(&self.owner, &["securityContext", "capabilities", "drop"], json!(["ALL"]))
                }
                (Field::DropCapabilities, Some(_)) => add(
                    &self.owner,
                    &["securityContext", "capabilities", "drop", "-"],
                    json!("ALL"),
                ),
                _ => add(&self.owner, &["securityContext", &name], value),
            });
        }
    }
}

/// A default as a member of a `securityContext`.
fn member(field: Field) -> (String, Value) {
    let value = match field {
        Field::RunAsNonRoot | Field::ReadOnlyRootFilesystem => json!(true),
        Field::SeccompProfile => json!({"type": "RuntimeDefault"}),
        Field::DropCapabilities => json!({"drop": ["ALL"]}),
        Field::NoPrivilegeEscalation | Field::NoServiceAccountToken => json!(false),
    };
    (field.name().to_owned(), value)
}

fn remove_token(pod: &Pod<'_>, root: &[&str], operations: &mut Vec<PatchOperation>) {
    let token = Token::of(pod);
    let mut remove = |below: &[jsonptr::Token<'_>]| {
        let mut path = pointer(root);
        below.iter().for_each(|token| path.push_back(token.clone()));
        operations.push(PatchOperation::Remove(RemoveOperation { path }));
    };
    for (kind, container, mount) in token.mounts {
        remove(&[kind.list().into(), container.into(), "volumeMounts".into(), mount.into()]);
    }
    for volume in token.volumes {
        remove(&["volumes".into(), volume.into()]);
    }
}

fn pointer(tokens: &[&str]) -> PointerBuf {
    PointerBuf::from_tokens(tokens.iter().copied())
}

fn add(owner: &PointerBuf, below: &[&str], value: Value) -> PatchOperation {
    let mut path = owner.clone();
    for token in below {
        path.push_back(*token);
    }
    PatchOperation::Add(AddOperation { path, value })
}
