//! JSON text as the objects that may hold a pod: pods, what holds a template, and lists of any of them.

use std::{borrow::Cow, ops::Range};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    admission::{Kind, Object, Target},
    findings::Identity,
    json,
    pss::Pod,
};

use super::{
    Line, Reading, Unreadable, defaults,
    document::Document,
    envelope::Envelope,
    patch::{self, Patch, Sign},
    plain::Piece,
    yaml,
};

const NO_OBJECT: &str = "not a Kubernetes object";
/// Lists in lists, deeper than anyone nests them: each level reads its items' text once more.
const MAX_NESTED: usize = 8;
/// How much of a parser's words is shown: they may repeat a whole value.
const MAX_WHY: usize = 200;

/// An object that may hold a pod, and where it stands.
#[derive(Debug)]
pub struct Manifest<'a> {
    /// Which.
    pub identity: Identity,
    /// The line on which it starts.
    pub line: Line,
    /// The document that it stands in.
    pub document: &'a Extent,
    /// The parts of that document, where it keeps them.
    pub(super) parts: Option<&'a [Piece<'a>]>,
    /// Its path in the document: empty, or `items[3].`.
    pub path: &'a str,
    /// Where its pod stands in it: empty for a pod, `spec.template.` for a Deployment.
    pub root: &'static str,
    /// The pod, or the template, after the API server's defaulting. None for a controller without a template,
    /// which makes no pods.
    pub pod: Option<Box<Pod<'a>>>,
}

/// Where a document stands in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The line of its first byte.
    pub line: Line,
    /// Its bytes.
    pub bytes: Range<usize>,
}

/// Reads one document, and tells of each object in it. Errors are only those of `tell`.
pub(super) fn read<E>(
    document: &Document<'_>,
    tell: &mut impl FnMut(Reading<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let list = Inherited::default();
    Reader { document, tell }.read(&document.json, document.extent.line, &list)
}

struct Reader<'d, T> {
    document: &'d Document<'d>,
    tell: &'d mut T,
}

/// What the items of a list are that do not say it themselves: a PodList's are pods. And where they stand.
#[derive(Default)]
struct Inherited {
    api_version: String,
    kind: String,
    path: String,
    depth: usize,
}

/// What an object turned out to be.
enum Content<'a> {
    Object(Box<Manifest<'a>>),
    Ignored,
    Patch(Patch),
    List(Inherited, Vec<&'a RawValue>),
}

impl<'d, E, T: FnMut(Reading<'_>) -> Result<(), E>> Reader<'d, T> {
    fn read(&mut self, json: &str, line: Line, inherited: &Inherited) -> Result<(), E> {
        let object = json.trim_ascii_start();
        let (blank, _) = json.split_at(json.len() - object.len());
        let line = line.after_newlines(blank.as_bytes());
        let wrong = match self.content(object, line, inherited) {
            Ok(content) => return self.take(content, object, line, inherited),
            Err(wrong) => wrong,
        };
        // The YAML reader cannot help: no reader finds an object here, or the JSON came from that reader.
        if wrong.why.starts_with(NO_OBJECT) || matches!(self.document.json, Cow::Owned(_)) {
            return (self.tell)(Reading::Unreadable(wrong));
        }
        // What JSON's 1e3 and repeated keys mean, the reader of YAML knows as Go does.
        let again = match yaml::to_json(object, line) {
            Ok(again) => again,
            Err(unreadable) => return (self.tell)(Reading::Unreadable(unreadable)),
        };
        match self.content(&again, line, inherited) {
            Ok(content) => self.take(content, &again, line, inherited),
            Err(unreadable) => (self.tell)(Reading::Unreadable(unreadable)),
        }
    }

    fn take(
        &mut self,
        content: Content<'_>,
        json: &str,
        line: Line,
        parent: &Inherited,
    ) -> Result<(), E> {
        let (mut inherited, items) = match content {
            Content::Object(manifest) => return (self.tell)(Reading::Object(manifest)),
            Content::Ignored => return (self.tell)(Reading::Ignored),
            Content::Patch(patch) => return (self.tell)(Reading::Patch(patch)),
            Content::List(..) if parent.depth == MAX_NESTED => {
                let why = format!("lists are nested more than {MAX_NESTED} deep");
                return (self.tell)(Reading::Unreadable(Unreadable::at(line, why)));
            }
            Content::List(inherited, items) => (inherited, items),
        };
        inherited.depth = parent.depth + 1;
        let mut at = (line, 0);
        for (index, item) in items.into_iter().enumerate() {
            let start = item.get().as_ptr().addr() - json.as_ptr().addr();
            let between = json.as_bytes().get(at.1..start).unwrap_or_default();
            at = (at.0.after_newlines(between), start);
            inherited.path = format!("{}items[{index}].", parent.path);
            self.read(item.get(), at.0, &inherited)?;
        }
        Ok(())
    }

    /// Of the document itself, its parts may know it already.
    fn envelope<'a>(
        &self,
        json: &'a str,
        line: Line,
        inherited: &Inherited,
    ) -> Result<Envelope<'a>, Unreadable>
    where
        'd: 'a,
    {
        let parts = self.document.parts.as_ref().filter(|_| inherited.depth == 0);
        match parts.and_then(|parts| Envelope::of_parts(parts)) {
            Some(envelope) => Ok(envelope),
            None => serde_json::from_str(json)
                .map_err(|error| unreadable(&error, line, "apiVersion, kind or metadata")),
        }
    }

    fn content<'a>(
        &self,
        json: &'a str,
        line: Line,
        inherited: &'a Inherited,
    ) -> Result<Content<'a>, Unreadable>
    where
        'd: 'a,
    {
        let patch = |identity, sign| Content::Patch(Patch { line, identity, sign });
        if patch::is_operations(json) {
            return Ok(patch(None, Sign::Operations));
        }
        if !json.starts_with('{') {
            return Err(Unreadable::at(line, format!("{NO_OBJECT}: it is no mapping")));
        }
        let envelope = self.envelope(json, line, inherited)?;
        let kind = or(&envelope.kind, &inherited.kind);
        let api_version = or(&envelope.api_version, &inherited.api_version);
        for (field, value) in [("kind", kind), ("apiVersion", api_version)] {
            if value.is_empty() {
                let why = format!("{NO_OBJECT}: it has no {field}");
                return Err(Unreadable::at(line, why));
            }
        }
        if let Some((kind, items)) = list(kind, json, line)? {
            let is_typed = !kind.is_empty();
            let api_version = if is_typed { api_version } else { "" };
            let inherited = Inherited {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                ..Inherited::default()
            };
            return Ok(Content::List(inherited, items));
        }
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let (target, root) = match (group, kind, Kind::of_manifest(group, kind)) {
            (_, _, Some(kind)) => (Target::Template(kind), kind.root()),
            ("", "Pod", None) => (Target::Pod, ""),
            _ => return Ok(Content::Ignored),
        };
        let identity = Identity {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: envelope.metadata.namespace.to_string(),
            name: or(&envelope.metadata.name, &envelope.metadata.generate_name).to_owned(),
        };
        if let Some(sign) = patch::directive(json) {
            return Ok(patch(Some(identity), sign));
        }
        // As the webhook reads it: one and the same verdict.
        let object = json::from_untrusted(json, target)
            .map_err(|error| unreadable(&error, line, &identity.to_string()))?;
        let pod = pod_of(object);
        if let Some(sign) = patch::lacking(api_version, kind, json, pod.as_deref()) {
            return Ok(patch(Some(identity), sign));
        }
        Ok(Content::Object(Box::new(Manifest {
            identity,
            line,
            document: &self.document.extent,
            parts: self.document.parts.as_deref(),
            path: &inherited.path,
            root,
            pod,
        })))
    }
}

/// The kind that the items of a list have, and the items. None of what is no list.
fn list<'k, 'a>(
    kind: &'k str,
    json: &'a str,
    line: Line,
) -> Result<Option<(&'k str, Vec<&'a RawValue>)>, Unreadable> {
    let Some(kind) = kind.strip_suffix("List") else { return Ok(None) };
    let Items { items } =
        serde_json::from_str(json).map_err(|error| unreadable(&error, line, "items"))?;
    Ok(items.map(|items| (kind, items)))
}

/// The pod of an object, as a review has it.
fn pod_of(object: Object<'_>) -> Option<Box<Pod<'_>>> {
    match object {
        Object::Pod(mut pod) => {
            defaults::of_pod(&mut pod);
            Some(pod)
        }
        Object::Template(Some(mut template)) => {
            defaults::of_template(&mut template);
            Some(template)
        }
        Object::Template(None)
        | Object::Absent
        | Object::Ignored
        | Object::Namespace(_)
        | Object::Unreadable(_)
        | Object::Malformed(_) => None,
    }
}

/// What a list has, unread.
#[derive(Deserialize)]
struct Items<'a> {
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// The parser's words with the line of the source instead of the text's own.
fn unreadable(error: &serde_json::Error, first: Line, what: &str) -> Unreadable {
    let (line, error) = (error.line(), error.to_string());
    let words = error.rsplit_once(" at line ").map_or(&*error, |(words, _)| words);
    let mut why = format!("{what}: ");
    why.extend(words.chars().take(MAX_WHY));
    let lines = line.saturating_sub(1).try_into().unwrap_or_default();
    Unreadable::at(first.after(lines), why)
}
