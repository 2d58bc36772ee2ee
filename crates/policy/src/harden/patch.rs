//! Changes as a JSON Patch for the actual object.

use json_patch::{
    AddOperation, Patch, PatchOperation, RemoveOperation,
    jsonptr::{self, PointerBuf},
};
use serde_json::{Map, Value, json};

use crate::pss::{Container, Place, Pod};

use super::{
    empty_dirs::EmptyDir,
    field::{Field, MissingDefault, Values},
    resources::{List, Resources},
    token::Token,
};

/// The operations that add the changes, and nothing else. They create missing parents and never rewrite existing ones.
/// `owner` is the pointer in the object to the pod's `spec`, or to a container: [`in_pod`] if the object is the pod.
pub fn patch(pod: &Pod<'_>, changes: &[MissingDefault], owner: &Owner<'_>) -> Patch {
    let mut operations = Vec::new();
    each(pod, changes, owner, &mut |operation| operations.push(operation));
    Patch(operations)
}

/// The patch as JSON text. Each operation is serialised at once, because all of them as values take far more memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchText(Vec<u8>);

impl PatchText {
    /// Serialises the operations of [`patch`] for a pod.
    pub fn new(pod: &Pod<'_>, changes: &[MissingDefault]) -> Self {
        let mut text = Vec::with_capacity(if changes.is_empty() { 0 } else { 512 });
        each(pod, changes, &in_pod, &mut |operation| {
            text.push(if text.is_empty() { b'[' } else { b',' });
            // Strings and maps with text keys always serialise, and writing to memory cannot fail.
            let _ = serde_json::to_writer(&mut text, &operation);
        });
        if !text.is_empty() {
            text.push(b']');
        }
        Self(text)
    }

    /// Whether there are no operations.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON. Empty if there are no operations.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Consumes operations one by one.
type Take<'t> = dyn FnMut(PatchOperation) + 't;

/// The pointer to the part of a pod that has a `securityContext`: its `spec`, or a container.
pub type Owner<'o> = dyn Fn(Place) -> PointerBuf + 'o;

/// [`Owner`] for an object that is a pod.
pub fn in_pod(place: Place) -> PointerBuf {
    let mut owner = PointerBuf::from_tokens(["spec"]);
    if let Place::Container { kind, index } = place {
        owner.push_back(kind.list());
        owner.push_back(jsonptr::Token::from(index));
    }
    owner
}

fn each(pod: &Pod<'_>, changes: &[MissingDefault], owner: &Owner<'_>, take: &mut Take<'_>) {
    let mut by_place: Vec<_> = changes.iter().collect();
    by_place.sort_by_key(|change| change.place);
    for at_place in by_place.chunk_by(|one, other| one.place == other.place) {
        let Some(first) = at_place.first() else { continue };
        Target::of(pod, first.place, owner).add(at_place, take);
    }
    add_volumes(pod, &by_place, owner, take);
    if changes.iter().any(|change| change.field == Field::NoServiceAccountToken) {
        remove_token(pod, owner, take);
    }
}

/// The object to which the defaults of one place are added.
struct Target<'p> {
    /// The pod's spec or the container.
    owner: PointerBuf,
    /// Whether the owner has a `securityContext`.
    has_context: bool,
    /// Only for containers.
    container: Option<&'p Container<'p>>,
}

impl<'p> Target<'p> {
    fn of(pod: &'p Pod<'p>, place: Place, owner: &Owner<'_>) -> Self {
        let owner = owner(place);
        match place {
            Place::Container { kind, index } => {
                let container = pod.spec.list(kind).get(index);
                let has_context =
                    container.is_some_and(|container| container.security_context.is_some());
                Self { owner, has_context, container }
            }
            Place::Metadata | Place::Pod | Place::Volume { .. } => {
                let has_context = pod.spec.security_context.is_some();
                Self { owner, has_context, container: None }
            }
        }
    }

    fn add(&self, changes: &[&MissingDefault], take: &mut Take<'_>) {
        let mut of_context = Vec::new();
        for change in changes {
            match (&change.values, change.field) {
                (Values::Fixed, Field::NoServiceAccountToken | Field::UserNamespace) => {
                    take(add(&self.owner, &[change.field.name()], json!(false)));
                }
                (Values::Fixed, field) => of_context.push(field),
                (Values::EmptyDirs(_) | Values::Resources(_), _) => {}
            }
        }
        self.add_to_context(&of_context, take);
        for change in changes {
            match &change.values {
                Values::Fixed => {}
                Values::EmptyDirs(all) => self.add_mounts(all, take),
                Values::Resources(lacking) => self.add_resources(lacking, take),
            }
        }
    }

    fn add_to_context(&self, fields: &[Field], take: &mut Take<'_>) {
        if fields.is_empty() {
            return;
        }
        if !self.has_context {
            let fields: Map<_, _> = fields.iter().map(|field| member(*field)).collect();
            take(add(&self.owner, &["securityContext"], fields.into()));
            return;
        }
        let context = self.container.and_then(|container| container.security_context.as_ref());
        let capabilities = context.and_then(|context| context.capabilities.as_ref());
        for field in fields {
            let (name, value) = member(*field);
            take(match (field, capabilities) {
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

    fn add_mounts(&self, all: &[EmptyDir], take: &mut Take<'_>) {
        let mounts = all.iter();
        let mounts = mounts.map(|one| json!({"mountPath": one.path(), "name": one.volume()}));
        let has_any = self.container.is_some_and(|container| !container.volume_mounts.is_empty());
        append(&self.owner, "volumeMounts", has_any, mounts, take);
    }

    fn add_resources(&self, lacking: &Resources, take: &mut Take<'_>) {
        let own = self.container.and_then(|container| container.resources.as_ref());
        let map = |list: List| -> Map<_, _> {
            let amounts = lacking.iter().filter(|(of, ..)| *of == list);
            amounts.map(|(_, name, amount)| (name.to_string(), json!(amount.to_string()))).collect()
        };
        let lists = [List::Requests, List::Limits].map(|list| (list, map(list)));
        let lists = lists.into_iter().filter(|(_, map)| !map.is_empty());
        let Some(own) = own else {
            let all: Map<_, _> =
                lists.map(|(list, map)| (list.to_string(), Value::Object(map))).collect();
            take(add(&self.owner, &["resources"], all.into()));
            return;
        };
        for (list, map) in lists {
            let set = match list {
                List::Requests => &own.requests,
                List::Limits => &own.limits,
            };
            if set.is_empty() {
                take(add(&self.owner, &["resources", list.name()], map.into()));
                continue;
            }
            for (name, amount) in map {
                take(add(&self.owner, &["resources", list.name(), &name], amount));
            }
        }
    }
}

/// A default as a member of a `securityContext`.
fn member(field: Field) -> (String, Value) {
    let value = match field {
        Field::RunAsNonRoot | Field::ReadOnlyRootFilesystem => json!(true),
        Field::SeccompProfile | Field::AppArmorProfile => json!({"type": "RuntimeDefault"}),
        Field::DropCapabilities => json!({"drop": ["ALL"]}),
        Field::NoPrivilegeEscalation | Field::NoServiceAccountToken | Field::UserNamespace => {
            json!(false)
        }
        Field::EmptyDirs | Field::Resources => Value::Null,
    };
    (field.name().to_owned(), value)
}

fn add_volumes(pod: &Pod<'_>, changes: &[&MissingDefault], owner: &Owner<'_>, take: &mut Take<'_>) {
    let empty_dirs = changes.iter().flat_map(|change| change.empty_dirs());
    let volumes = empty_dirs.map(|one| json!({"emptyDir": {}, "name": one.volume()}));
    append(&owner(Place::Pod), "volumes", !pod.spec.volumes.is_empty(), volumes, take);
}

/// Appends to a list that may be missing.
fn append(
    owner: &PointerBuf,
    list: &str,
    has_any: bool,
    items: impl Iterator<Item = Value>,
    take: &mut Take<'_>,
) {
    /// Maximum number of items that create a list in one operation: more than a real pod has.
    const AT_ONCE: usize = 64;
    let mut items = items.peekable();
    if !has_any && items.peek().is_some() {
        let first: Vec<_> = items.by_ref().take(AT_ONCE).collect();
        take(add(owner, &[list], first.into()));
    }
    items.for_each(|item| take(add(owner, &[list, "-"], item)));
}

fn remove_token(pod: &Pod<'_>, owner: &Owner<'_>, take: &mut Take<'_>) {
    let token = Token::of(pod);
    let mut remove = |place, list: &'static str, item: usize| {
        let mut path = owner(place);
        path.push_back(list);
        path.push_back(jsonptr::Token::from(item));
        take(PatchOperation::Remove(RemoveOperation { path }));
    };
    for (kind, index, mount) in token.mounts {
        remove(Place::Container { kind, index }, "volumeMounts", mount);
    }
    for volume in token.volumes {
        remove(Place::Pod, "volumes", volume);
    }
}

fn add(owner: &PointerBuf, below: &[&str], value: Value) -> PatchOperation {
    let mut path = owner.clone();
    for token in below {
        path.push_back(*token);
    }
    PatchOperation::Add(AddOperation { path, value })
}
