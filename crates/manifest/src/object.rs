//! The objects in a document that may contain a pod: pods, kinds with a pod template, and lists of them.

use std::{marker::PhantomData, ops::Range};

use serde::de::DeserializeSeed;

use policy::{
    findings::Identity,
    workloads::{Hardens, HeldPod, Kinds, Object, PodRoot, RightKind, Target},
};

use super::{
    Line, Reading, TextKind, Unreadable, defaults,
    document::{Content as Text, Document, no_document},
    envelope::Envelope,
    namespace::{self, Namespace, NamespaceMetadata},
    patch::{self, Patch, Sign},
    path::Path,
    text_kind,
    tree::{Error, NoTree, Repeats, Tree},
    value::Value,
};

const NO_OBJECT: &str = "not a Kubernetes object";
/// Maximum depth of nested lists: each level parses its items' text again.
const MAX_NESTED: usize = 8;
/// Maximum length of an error message, which may repeat a whole value.
const MAX_WHY: usize = 400;

/// An object, its position, and the pod that it may contain.
#[derive(Debug)]
pub struct Manifest<'a> {
    /// The object.
    pub identity: Identity,
    /// The line on which it starts.
    pub line: Line,
    /// The document that contains it.
    pub document: &'a Extent,
    /// The tree of that document, if it is YAML.
    pub(super) tree: Option<&'a Tree<'a>>,
    /// The object itself.
    pub(super) value: Value<'a>,
    /// Its path in the document: empty, or `items[3]`.
    pub path: &'a Path,
    /// The pod that it is, or those that it describes, with the API server's defaults. Empty for an object without any.
    pub pods: Vec<HeldPod<'a>>,
    /// What hardening may set in it.
    pub hardens: Hardens,
}

impl<'a> Manifest<'a> {
    /// Reads the whole object again, as another type.
    ///
    /// # Errors
    /// A value of another type, and a document beyond the limits.
    pub fn read<S: DeserializeSeed<'a>>(&self, seed: S) -> Result<S::Value, Error> {
        self.value.read(seed)
    }
}

/// The position of a document in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The line of its first byte.
    pub line: Line,
    /// Its range of bytes.
    pub bytes: Range<usize>,
}

/// Reads one document, and passes each object in it to `visit`. Only `visit` can fail.
pub(super) fn read<E>(
    document: &Document<'_>,
    kinds: Kinds<'_>,
    visit: &mut impl FnMut(Reading<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let (value, tree) = match &document.content {
        Text::Json(json) => (Value::Json(json), None),
        Text::Yaml(tree) => (Value::Yaml(tree.root()), Some(&**tree)),
    };
    let (text, _) = value.base();
    let blank = match tree {
        Some(tree) => text.get(document.extent.bytes.start..tree.root().span().start),
        None => None,
    };
    let line = document.extent.line.after_newlines(blank.unwrap_or_default().as_bytes());
    let mut reader = Reader { extent: &document.extent, tree, kinds, visit };
    reader.read(value, line, &Inherited::default())
}

struct Reader<'d, T> {
    extent: &'d Extent,
    tree: Option<&'d Tree<'d>>,
    kinds: Kinds<'d>,
    visit: &'d mut T,
}

/// The kind of list items that set none, as in a PodList, and their position.
#[derive(Default)]
struct Inherited {
    api_version: String,
    kind: String,
    path: Path,
    depth: usize,
}

/// The content of an object.
enum Content<'a> {
    Object(Box<Manifest<'a>>),
    Other(Box<Manifest<'a>>),
    Namespace(Box<Namespace<'a>>),
    Patch(Patch),
    List(Inherited, Vec<(usize, Value<'a>)>),
}

impl<'d, E, T: FnMut(Reading<'_>) -> Result<(), E>> Reader<'d, T> {
    fn read(&mut self, value: Value<'_>, line: Line, inherited: &Inherited) -> Result<(), E> {
        let wrong = match self.content(value, line, inherited) {
            Ok(content) => return self.take(content, value, line, inherited),
            Err(wrong) => wrong,
        };
        match value {
            // The YAML parser reads 1e3 and repeated keys in JSON as Go does.
            Value::Json(json) if !wrong.why.starts_with(NO_OBJECT) => {
                match Tree::parse(json, 0..json.len(), Repeats::Refused) {
                    Ok(tree) => self.read(Value::Yaml(tree.root()), line, inherited),
                    Err(NoTree { byte, why }) => {
                        let before = json.get(..byte).unwrap_or_default();
                        let line = line.after_newlines(before.as_bytes());
                        (self.visit)(Reading::Unreadable(no_document(line, &why, json)))
                    }
                }
            }
            Value::Json(_) | Value::Yaml(_) => {
                let kind = match inherited.depth {
                    _ if wrong.why.contains("{{") => TextKind::Template,
                    0 => text_kind::of_value(value),
                    _ => TextKind::Manifest,
                };
                (self.visit)(Reading::Unreadable(wrong.of(kind)))
            }
        }
    }

    fn take(
        &mut self,
        content: Content<'_>,
        value: Value<'_>,
        line: Line,
        parent: &Inherited,
    ) -> Result<(), E> {
        let (mut inherited, items) = match content {
            Content::Object(manifest) => return (self.visit)(Reading::Object(manifest)),
            Content::Other(manifest) => return (self.visit)(Reading::Other(manifest)),
            Content::Namespace(namespace) => return (self.visit)(Reading::Namespace(namespace)),
            Content::Patch(patch) => return (self.visit)(Reading::Patch(patch)),
            Content::List(..) if parent.depth == MAX_NESTED => {
                let why = format!("lists are nested more than {MAX_NESTED} deep");
                return (self.visit)(Reading::Unreadable(Unreadable::at(line, why)));
            }
            Content::List(inherited, items) => (inherited, items),
        };
        inherited.depth = parent.depth + 1;
        let (text, start) = value.base();
        let mut at = (line, start);
        for (index, (start, item)) in items.into_iter().enumerate() {
            let between = text.as_bytes().get(at.1..start).unwrap_or_default();
            at = (at.0.after_newlines(between), start.max(at.1));
            inherited.path = parent.path.clone().key("items").index(index);
            self.read(item, at.0, &inherited)?;
        }
        Ok(())
    }

    fn content<'a>(
        &self,
        value: Value<'a>,
        line: Line,
        inherited: &'a Inherited,
    ) -> Result<Content<'a>, Unreadable>
    where
        'd: 'a,
    {
        let patch = |identity, sign| Content::Patch(Patch { line, identity, sign });
        if patch::is_operations(value) {
            return Ok(patch(None, Sign::Operations));
        }
        if !value.is_map() {
            return Err(Unreadable::at(line, format!("{NO_OBJECT}: it is no mapping")));
        }
        let envelope = value.read(PhantomData::<Envelope<'_>>);
        let envelope = envelope.map_err(|error| wrong(&error, value, line, ""))?;
        let kind = or(&envelope.kind, &inherited.kind);
        let api_version = or(&envelope.api_version, &inherited.api_version);
        for (field, value) in [("kind", kind), ("apiVersion", api_version)] {
            if value.is_empty() {
                let why = format!("{NO_OBJECT}: it has no {field}");
                return Err(Unreadable::at(line, why));
            }
        }
        if let Some((kind, items)) = list(kind, value, line)? {
            let is_typed = !kind.is_empty();
            let api_version = if is_typed { api_version } else { "" };
            let inherited = Inherited {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                ..Inherited::default()
            };
            return Ok(Content::List(inherited, items));
        }
        let manifest = |identity, pods, hardens| {
            let (document, tree, path) = (self.extent, self.tree, &inherited.path);
            Box::new(Manifest { identity, line, document, tree, value, path, pods, hardens })
        };
        if namespace::is_one(api_version, kind) {
            let identity = Identity {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                namespace: String::new(),
                name: envelope.metadata.name.to_string(),
            };
            if let Some(sign) = patch::directive(value) {
                return Ok(patch(Some(identity), sign));
            }
            let metadata = NamespaceMetadata::read(value)
                .map_err(|error| wrong(&error, value, line, &format!("{identity}: ")))?;
            let manifest = *manifest(identity, Vec::new(), Hardens::Pod);
            let namespace = Namespace { manifest, metadata };
            return Ok(Content::Namespace(Box::new(namespace)));
        }
        let identity = Identity {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: envelope.metadata.namespace.to_string(),
            name: or(&envelope.metadata.name, &envelope.metadata.generate_name).to_owned(),
        };
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let target = match (group, kind, self.kinds.of_manifest(group, kind)) {
            (_, _, Some(kind)) => Target::Workload(kind),
            ("", "Pod", None) => Target::Pod,
            _ => {
                return match self.kinds.misspelt(group, kind) {
                    Some(right) => Err(Unreadable::at(line, no_kind(&identity, right))),
                    None => Ok(Content::Other(manifest(identity, Vec::new(), Hardens::Pod))),
                };
            }
        };
        if let Some(sign) = patch::directive(value) {
            return Ok(patch(Some(identity), sign));
        }
        // Decoded as in the webhook, for the same verdict.
        let object = value
            .read(target)
            .map_err(|error| wrong(&error, value, line, &format!("{identity}: ")))?;
        let pods = pods_of(object);
        if let Some(sign) = patch::lacking(api_version, target, value, &pods) {
            return Ok(patch(Some(identity), sign));
        }
        let hardens = match target {
            Target::Workload(kind) => kind.hardens(),
            Target::Pod | Target::Namespace | Target::Ignored | Target::Unknown => Hardens::Pod,
        };
        Ok(Content::Object(manifest(identity, pods, hardens)))
    }
}

/// Why an object has no kind of any API server, with the kind to write.
fn no_kind(identity: &Identity, right: RightKind<'_>) -> String {
    let Identity { api_version, kind, .. } = identity;
    let what = format!("{identity}: there is no kind {kind} in {api_version}: write ");
    match right.api_version {
        Some(version) => format!("{what}apiVersion: {version}, kind: {}", right.kind),
        None => format!("{what}kind: {}", right.kind),
    }
}

/// The kind of a list's items, and the items. None if it is not a list.
type Listed<'k, 'a> = Option<(&'k str, Vec<(usize, Value<'a>)>)>;

fn list<'k, 'a>(kind: &'k str, value: Value<'a>, line: Line) -> Result<Listed<'k, 'a>, Unreadable> {
    let Some(kind) = kind.strip_suffix("List") else { return Ok(None) };
    let items = value.items().map_err(|error| wrong(&error, value, line, ""))?;
    Ok(items.map(|items| (kind, items)))
}

/// The pods of an object, as a review contains it.
fn pods_of(object: Object<'_>) -> Vec<HeldPod<'_>> {
    match object {
        Object::Pod(mut pod) => {
            defaults::of_pod(&mut pod);
            vec![HeldPod { root: PodRoot::POD, pod }]
        }
        Object::Workload(mut held) => {
            held.iter_mut().for_each(|held| defaults::of_template(&mut held.pod));
            held
        }
        Object::Absent
        | Object::Ignored
        | Object::Namespace(_)
        | Object::Unreadable(_)
        | Object::Malformed(_) => Vec::new(),
    }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// The error for a field with the wrong type, in an object that begins on this line. `whose` describes the object.
fn wrong(error: &Error, object: Value<'_>, line: Line, whose: &str) -> Unreadable {
    let (text, start) = object.base();
    let before = error.byte().and_then(|byte| text.get(start..byte)).unwrap_or_default();
    let mut why = whose.to_owned();
    why.extend(error.to_string().chars().take(MAX_WHY));
    Unreadable::at(line.after_newlines(before.as_bytes()), why)
}
