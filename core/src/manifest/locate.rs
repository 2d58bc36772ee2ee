//! The places of fields in a source.

use std::{cell::OnceCell, ops::Range, sync::Arc};

use crate::{
    findings::{Found, Location, Position, Region, Replacement, Workload},
    harden::Change,
};

use super::{
    Line, Manifest, document, edit,
    path::{Path, Step},
    tree::{Node, Repeats, Stop, Tree},
};

const STRIDE: usize = 1 << 10;

/// What is known of the places in one source. What it takes to know them is found out when it is first asked for.
pub struct Places<'t> {
    source: Arc<str>,
    text: Option<&'t str>,
    /// The offset of each line's first byte.
    lines: OnceCell<Vec<usize>>,
    /// How many characters stand before every [`STRIDE`]th byte: a line may be as long as the text.
    characters: OnceCell<Vec<usize>>,
    /// Of the line that was asked for last: all objects of a text may begin on one, which may be one word.
    first_word: Option<(Line, Region)>,
    /// Of the JSON document that was asked for last. None where it is read, but not as its author's.
    tree: Option<(Range<usize>, Option<Tree<'t>>)>,
}

impl<'t> Places<'t> {
    /// Of a text, which may be no text at all.
    pub fn new(source: Arc<str>, text: &'t [u8]) -> Self {
        Self {
            source,
            text: str::from_utf8(text).ok(),
            lines: OnceCell::new(),
            characters: OnceCell::new(),
            first_word: None,
            tree: None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&'t str> {
        self.text
    }

    /// Says where an object stands, and where what is wrong with it.
    pub fn mark(&mut self, workload: &mut Workload, manifest: &Manifest<'_>) {
        let region = match self.first_word {
            Some((line, region)) if line == manifest.line => region,
            _ => self.first_word(manifest.line),
        };
        self.first_word = Some((manifest.line, region));
        workload.location = Some(Location { source: Arc::clone(&self.source), region });
        if workload.violations.is_empty() {
            return;
        }
        self.read(manifest);
        let Some(tree) = self.tree(manifest) else { return };
        let found = workload.violations.iter_mut().flat_map(|broken| &mut broken.found);
        found.for_each(|found| self.mark_one(tree, found, manifest.path));
    }

    /// Says what hardening would write, and where.
    pub fn mend(&mut self, workload: &mut Workload, manifest: &Manifest<'_>) {
        if workload.violations.is_empty() {
            return;
        }
        self.read(manifest);
        let Some(tree) = self.tree(manifest) else { return };
        let pod = manifest.pod_path();
        for broken in &mut workload.violations {
            broken.mends = self.mends(tree, &pod, &broken.hardening);
        }
    }

    /// None where the place cannot be edited.
    fn mends(&self, tree: &Tree<'_>, pod: &Path, changes: &[Change]) -> Vec<Replacement> {
        let edits = edit::edits(tree, pod, changes).unwrap_or_default();
        let region = |range: &Range<usize>| self.region(range.start, range.end);
        edits
            .into_iter()
            .map(|edit| Replacement { region: region(&edit.range), text: edit.text })
            .collect()
    }

    /// Most JSON breaks nothing: only of other documents it is worth knowing where all is.
    fn read(&mut self, manifest: &Manifest<'_>) {
        let document = &manifest.document.bytes;
        let is_known = self.tree.as_ref().is_some_and(|(known, _)| known == document);
        if manifest.tree.is_none() && !is_known {
            let parse = |text| Tree::parse(text, document.clone(), Repeats::Kept).ok();
            let tree = self.text.and_then(parse);
            self.tree = Some((document.clone(), tree));
        }
    }

    /// None where no text of the source is known.
    fn tree<'m>(&'m self, manifest: &Manifest<'m>) -> Option<&'m Tree<'m>> {
        self.text?;
        let of_json = || self.tree.as_ref().and_then(|(_, tree)| tree.as_ref());
        manifest.tree.or_else(of_json)
    }

    fn mark_one(&self, tree: &Tree<'_>, found: &mut Found, object: &Path) {
        let path = |below: &str| object.clone().join(&Path::of(below));
        let (field, part) = (path(&found.field), path(&found.part));
        let name = span(tree, &part.clone().key("name"));
        let region = |span: Range<usize>| self.region(span.start, span.end);
        let misspelt = misspelt(tree, &field, &found.place).map(|(key, meant)| {
            let hint =
                format!(" (did you mean {meant:?} where it says {key:?}?)", key = key.source());
            found.fix = format!("{}{hint}", found.fix).into();
            key.span()
        });
        match (span(tree, &field).or(misspelt), name) {
            (Some(field), name) => {
                found.region = Some(region(field));
                found.context = name.map(region);
            }
            (None, Some(name)) => found.region = Some(region(name)),
            // Of the pod as a whole: its key says it.
            (None, None) => found.region = key(tree, &part).map(region),
        }
    }

    /// The first word of a line. An object starts with it.
    fn first_word(&self, line: Line) -> Region {
        let text = self.text.unwrap_or_default();
        let start = usize::try_from(line.0)
            .ok()
            .and_then(|line| self.lines().get(line.saturating_sub(1)).copied());
        let Some(start) = start else {
            let at = Position { line: line.0, column: 1, byte: 0 };
            return Region { start: at, end: at };
        };
        let rest = text.get(start..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches([' ', '-', '\t']).len();
        let word = rest.get(blank..).unwrap_or_default();
        let word = word.find(char::is_whitespace).unwrap_or(word.len());
        self.region(start + blank, start + blank + word)
    }

    fn region(&self, start: usize, end: usize) -> Region {
        Region { start: self.position(start), end: self.position(end) }
    }

    /// Where a byte is.
    pub fn position(&self, byte: usize) -> Position {
        let lines = self.lines();
        let line = lines.partition_point(|start| *start <= byte);
        let start = lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.characters_before(byte).saturating_sub(self.characters_before(start)) + 1;
        Position { line: line as u64, column: column as u64, byte }
    }

    fn characters_before(&self, byte: usize) -> usize {
        let bytes = self.text.unwrap_or_default().as_bytes();
        let strides = self.characters.get_or_init(|| {
            let counts = bytes.chunks(STRIDE).scan(0, |sum, chunk| {
                let before = *sum;
                *sum += characters(chunk);
                Some(before)
            });
            counts.collect()
        });
        let stride = byte / STRIDE;
        let rest = bytes.get(stride * STRIDE..byte).unwrap_or_default();
        // The text's end may be one stride behind the last.
        strides.get(stride).copied().unwrap_or_else(|| characters(bytes)) + characters(rest)
    }

    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            document::line_starts(self.text.unwrap_or_default().as_bytes()).collect()
        })
    }
}

/// Those that begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count()
}

/// A field with its key. What an alias or a merge key brings in stands there.
fn span(tree: &Tree<'_>, path: &Path) -> Option<Range<usize>> {
    let found = tree.find(path);
    let stop = found.last().filter(|_| found.missing.is_empty())?;
    Some(match (stop.through, stop.key) {
        (Some(through), _) => through.span(),
        (None, Some(key)) => key.span().start..stop.node.span().end,
        (None, None) => stop.node.span(),
    })
}

/// The key of the deepest that is there.
fn key(tree: &Tree<'_>, path: &Path) -> Option<Range<usize>> {
    let found = tree.find(path);
    let keys = |stop: &Stop<'_>| Some(stop.through.or(stop.key)?.span());
    found.trail.iter().rev().find_map(keys)
}

/// How far below a pod's spec a container's fields of security are.
const DEPTH: usize = 4;

/// Of a field that is missing: the key that is there instead, one edit away, and the key that it was meant to be. What a
/// pod lacks may have been meant for its containers.
///
/// No key of a pod that Kubernetes has is so close to one that a control asks for.
fn misspelt<'n>(tree: &'n Tree<'_>, field: &Path, place: &str) -> Option<(Node<'n>, String)> {
    let found = tree.find(field);
    let keys = found.missing.iter().filter_map(|step| match step {
        Step::Key(key) => Some(&**key),
        Step::Index(_) => None,
    });
    let (node, depth) = (found.last()?.node, if place == "pod" { DEPTH } else { 1 });
    search(node, &keys.collect::<Vec<_>>(), depth)
}

fn search<'n>(node: Node<'n>, meant: &[&str], depth: usize) -> Option<(Node<'n>, String)> {
    let depth = depth.checked_sub(1)?;
    let of_entries = node.entries().find_map(|(key, value)| {
        let is_it =
            |meant: &&&str| key.key().is_some_and(|key| key != **meant && is_one_edit(key, meant));
        let here = meant.iter().find(is_it).map(|meant| (key, (*meant).to_owned()));
        here.or_else(|| search(value, meant, depth))
    });
    of_entries.or_else(|| node.items().find_map(|item| search(item, meant, depth)))
}

/// Whether one becomes the other by case alone, or by one letter more, fewer or another, or two that change places.
fn is_one_edit(one: &str, other: &str) -> bool {
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let start = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let rest = |bytes: &[u8]| bytes.len() - start;
    let ends = one.iter().rev().zip(other.iter().rev());
    let end = ends.take_while(|(one, other)| one == other).count().min(rest(one)).min(rest(other));
    let middle = |bytes: &'_ [u8]| bytes.get(start..bytes.len() - end).map(<[u8]>::to_vec);
    match (middle(one).as_deref(), middle(other).as_deref()) {
        (Some([a, b]), Some([c, d])) => a == d && b == c,
        (Some(one), Some(other)) => one.len() <= 1 && other.len() <= 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_is_one_mistake_in_typing() {
        for (key, is_one) in [
            ("runAsNonroot", true),
            ("runasnonroot", true),
            ("runAsNonRot", true),
            ("runAsNonRooot", true),
            ("runAsNonRoto", true),
            ("runAsNunRoot", true),
            ("unAsNonRoot", true),
            ("runAsRoot", false),
            ("runAsUser", false),
            ("", false),
        ] {
            assert_eq!(is_one_edit(key, "runAsNonRoot"), is_one, "{key}");
        }
    }
}
