//! Adds the changes of hardening to a document as edits of its text. Everything else stays byte for byte: comments,
//! order, quotes, indentation. Nothing is removed or rewritten.
//!
//! Text that occurs once but stands for several places in the object is not edited, because the edit would change all
//! of them.

mod addition;
mod block;
mod flow;
mod layout;

use std::{collections::BTreeMap, ops::Range};

use policy::{harden::MissingDefault, pss::Place, workloads::PodRoot};

use super::{
    path::Path,
    tree::{FoundNode, Node, NodeKind, Quotes, Stop, Style, Tree},
};
use crate::edit::{
    addition::{Addition, Entry},
    block::Block,
    flow::Flow,
};

/// A part of the source's text, in bytes, and its replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Empty for an insertion.
    pub range: Range<usize>,
    /// The new text.
    pub text: String,
    /// For edits at one place, the more indented come first.
    column: usize,
}

/// Why a document cannot be edited, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The position in the source's text.
    pub byte: usize,
    /// The reason, without the position.
    pub why: String,
}

/// Whether all objects of a text can be edited if all of it can be read: it has no anchors, merge keys or explicit keys.
/// Other texts may be editable, too.
pub fn is_editable(text: &[u8]) -> bool {
    let signs: [&[u8]; 3] = [b"&", b"<<", b"? "];
    !signs.iter().any(|sign| memchr::memmem::find(text, sign).is_some())
}

/// The edits that add `changes` to the pod at `root` in the object at path `object` in the document.
///
/// # Errors
/// The first place that cannot be edited.
pub fn edits(
    tree: &Tree<'_>,
    object: &Path,
    root: &PodRoot,
    changes: &[MissingDefault],
) -> Result<Vec<Edit>, Refusal> {
    let mut editor = Editor { tree, edits: Vec::new() };
    let mut by_place: BTreeMap<Place, Vec<&MissingDefault>> = BTreeMap::new();
    for change in changes {
        by_place.entry(change.place).or_default().push(change);
    }
    let of_places = by_place.into_iter().map(|(place, changes)| (place, Addition::of(&changes)));
    let mut additions: BTreeMap<Place, Vec<Entry>> = of_places.collect();
    if let Some(volumes) = Addition::of_volumes(changes) {
        additions.entry(Place::Pod).or_default().push(volumes);
    }
    for (place, additions) in additions {
        editor.change(&object.clone().join(&owner(root, place)), additions)?;
    }
    Ok(editor.edits)
}

/// Applies edits to a text, after sorting them.
///
/// # Errors
/// Overlapping edits.
pub fn apply(text: &str, edits: &mut [Edit]) -> Result<String, Refusal> {
    sort(edits);
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut edited = String::with_capacity(text.len() + added);
    let mut at = 0;
    for edit in edits {
        let why = "two changes meet here: set the fields by hand";
        let clash = || Refusal { byte: edit.range.start, why: why.to_owned() };
        edited.push_str(text.get(at..edit.range.start).ok_or_else(clash)?);
        edited.push_str(&edit.text);
        at = edit.range.end;
    }
    edited.push_str(text.get(at..).unwrap_or_default());
    Ok(edited)
}

/// Sorts edits, and joins insertions at one point: programs that apply them one by one would insert them in any order.
pub(super) fn merged(mut edits: Vec<Edit>) -> Vec<Edit> {
    sort(&mut edits);
    let mut merged: Vec<Edit> = Vec::with_capacity(edits.len());
    for edit in edits {
        match merged.last_mut().filter(|last| last.range == edit.range && edit.range.is_empty()) {
            Some(last) => last.text.push_str(&edit.text),
            None => merged.push(edit),
        }
    }
    merged
}

fn sort(edits: &mut [Edit]) {
    edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.column)));
}

/// The mapping that contains a `securityContext`.
fn owner(root: &PodRoot, place: Place) -> Path {
    Path::of(&root.path(match place {
        Place::Container { .. } => place,
        Place::Metadata | Place::Pod | Place::Volume { .. } => Place::Pod,
    }))
}

struct Editor<'n> {
    tree: &'n Tree<'n>,
    edits: Vec<Edit>,
}

impl<'n> Editor<'n> {
    fn change(&mut self, owner: &Path, additions: Vec<Entry>) -> Result<(), Refusal> {
        let found = self.tree.find(owner);
        let Some(last) = found.last().filter(|_| found.missing.is_empty()) else {
            let byte = found.last().map_or(0, |stop| stop.node.span().start);
            return Err(refusal(
                byte,
                format!("{owner} cannot be found in the text: set its fields by hand"),
            ));
        };
        for stop in &found.trail {
            once(stop)?;
        }
        self.add_to_map(&found, last, additions)
    }

    /// Adds to the mapping at the end of a trail.
    fn add_to_map(
        &mut self,
        found: &FoundNode<'n, '_>,
        at: Stop<'n>,
        additions: Vec<Entry>,
    ) -> Result<(), Refusal> {
        let NodeKind::Map(style) = at.node.kind() else { return Err(unexpected(at.node)) };
        let mut new = Vec::new();
        for (key, addition) in additions {
            if at.node.entries().filter(|(own, _)| own.key() == Some(key)).nth(1).is_some() {
                return Err(refusal(
                    at.node.span().start,
                    format!("the key {key} is repeated: keep one"),
                ));
            }
            match at.node.get(key) {
                Some((own, value)) => {
                    let stop = Stop { key: Some(own), node: value, through: None };
                    self.add_to_value(found, at, stop, addition)?;
                }
                None => {
                    if let Some(merge) = at.node.merged(key).and_then(|stop| stop.through) {
                        return Err(by_merge_key(merge, key));
                    }
                    new.push((key, addition));
                }
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        self.edits.extend(match style {
            Style::Block => Block::of(found, at.node).entries(&new)?,
            Style::Flow => Flow::of(found, at.node).entries(&new),
        });
        Ok(())
    }

    /// Adds to the value of a key in the mapping `parent`.
    fn add_to_value(
        &mut self,
        found: &FoundNode<'n, '_>,
        parent: Stop<'n>,
        at: Stop<'n>,
        addition: Addition,
    ) -> Result<(), Refusal> {
        if at.node.target().is_some() {
            return Err(by_alias(at.node, at.key.and_then(Node::key).unwrap_or("this")));
        }
        once(&at)?;
        let mut below = found.clone();
        below.trail.push(at);
        match (addition, at.node.kind()) {
            (Addition::Map(entries), NodeKind::Map(_)) => self.add_to_map(&below, at, entries),
            (Addition::List(items), NodeKind::List(style)) => {
                self.edits.extend(match style {
                    Style::Block => Block::of(&below, at.node).items(&items)?,
                    Style::Flow => Flow::of(&below, at.node).items(&items),
                });
                Ok(())
            }
            (addition, NodeKind::Null) => {
                let edits = match parent.node.kind() {
                    NodeKind::Map(Style::Block) => {
                        Block::of(found, parent.node).value(at, &addition)?
                    }
                    _ => Flow::of(found, parent.node).value(at, &addition)?,
                };
                self.edits.extend(edits);
                Ok(())
            }
            _ => Err(unexpected(at.node)),
        }
    }
}

/// Checks that a node occurs only once in the object, where its author wrote it.
fn once(stop: &Stop<'_>) -> Result<(), Refusal> {
    let what = stop.key.and_then(Node::key).unwrap_or("this");
    match (stop.through, stop.node.uses().next()) {
        (Some(through), _) if through.target().is_some() => Err(by_alias(through, what)),
        (Some(merge), _) => Err(by_merge_key(merge, what)),
        (None, Some(alias)) => Err(refusal(
            stop.node.span().start,
            format!(
                "{what} is at an anchor that {} uses again: a change here would also apply there. Write out one of \
                 them, or set the fields here by hand if they should apply to both",
                alias.source()
            ),
        )),
        (None, None) => Ok(()),
    }
}

fn by_alias(alias: Node<'_>, what: &str) -> Refusal {
    refusal(
        alias.span().start,
        format!(
            "{what} comes from the alias {}: a change at its anchor would also apply elsewhere. Write it out here, \
             or set the fields at the anchor by hand if they should apply everywhere",
            alias.source()
        ),
    )
}

fn by_merge_key(merge: Node<'_>, key: &str) -> Refusal {
    refusal(
        merge.span().start,
        format!(
            "{key} comes from this merge key: a change at its anchor would also apply elsewhere. Write out {key} \
             next to the merge key, or set the fields at the anchor by hand if they should apply everywhere"
        ),
    )
}

fn unexpected(node: Node<'_>) -> Refusal {
    let why = "the value here cannot contain the fields to set: set them by hand";
    refusal(node.span().start, why.to_owned())
}

fn refusal(byte: usize, why: String) -> Refusal {
    Refusal { byte, why }
}

/// The position after the colon of a key.
fn behind_colon(tree: &str, key: Node<'_>) -> Result<usize, Refusal> {
    let end = key.span().end;
    let rest = tree.get(end..).unwrap_or_default();
    let blank = rest.len() - rest.trim_start().len();
    match rest.trim_start().starts_with(':') {
        true => Ok(end + blank + 1),
        false => Err(refusal(end, "a key without a colon: write one".to_owned())),
    }
}

/// Whether the keys around it are quoted, as in JSON.
fn is_quoted(node: Node<'_>) -> bool {
    node.kind() == NodeKind::Scalar(Quotes::Double)
}
