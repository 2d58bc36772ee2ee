//! The places of fields in a source.

use std::{cell::OnceCell, ops::Range, sync::Arc};

use crate::{
    findings::{Found, Location, Position, Region, Replacement, Workload},
    harden::Change,
};

use super::{
    Line, Manifest, document, edit,
    path::Path,
    tree::{Stop, Tree},
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
    /// Of the document that was asked for last. None where it is read, but not as its author's.
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
        let found = workload.violations.iter_mut().flat_map(|broken| &mut broken.found);
        found.for_each(|found| self.mark_one(found, manifest.path));
    }

    /// Says what hardening would write, and where.
    pub fn mend(&mut self, workload: &mut Workload, manifest: &Manifest<'_>) {
        if workload.violations.is_empty() {
            return;
        }
        self.read(manifest);
        let pod = Path::of(&format!("{}{}", manifest.path, manifest.root));
        for broken in &mut workload.violations {
            broken.mends = self.mends(&pod, &broken.hardening);
        }
    }

    /// None where the place cannot be edited.
    fn mends(&self, pod: &Path, changes: &[Change]) -> Vec<Replacement> {
        let Some((_, Some(tree))) = &self.tree else { return Vec::new() };
        let edits = edit::edits(tree, pod, changes).unwrap_or_default();
        let region = |range: &Range<usize>| self.region(range.start, range.end);
        edits
            .into_iter()
            .map(|edit| Replacement { region: region(&edit.range), text: edit.text })
            .collect()
    }

    /// Most documents break nothing: only of others it is worth knowing where all stands.
    fn read(&mut self, manifest: &Manifest<'_>) {
        let document = &manifest.document.bytes;
        if self.tree.as_ref().is_some_and(|(known, _)| known == document) {
            return;
        }
        let tree = self.text.and_then(|text| match manifest.parts {
            Some(parts) => Tree::of_parts(text, document.start, parts).ok(),
            None => Tree::parse(text, document.clone()).ok(),
        });
        self.tree = Some((document.clone(), tree));
    }

    fn mark_one(&self, found: &mut Found, object: &str) {
        let Some((_, Some(tree))) = &self.tree else { return };
        let field = span(tree, &format!("{object}{}", found.field));
        let name = span(tree, &format!("{object}{}.name", found.part));
        let region = |span: Range<usize>| self.region(span.start, span.end);
        match (field, name) {
            (Some(field), name) => {
                found.region = Some(region(field));
                found.context = name.map(region);
            }
            (None, Some(name)) => found.region = Some(region(name)),
            // Of the pod as a whole: its key says it.
            (None, None) => {
                found.region = key(tree, &format!("{object}{}", found.part)).map(region)
            }
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

    fn position(&self, byte: usize) -> Position {
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
fn span(tree: &Tree<'_>, path: &str) -> Option<Range<usize>> {
    let path = Path::of(path);
    let found = tree.find(&path);
    let stop = found.last().filter(|_| found.missing.is_empty())?;
    Some(match (stop.through, stop.key) {
        (Some(through), _) => through.span(),
        (None, Some(key)) => key.span().start..stop.node.span().end,
        (None, None) => stop.node.span(),
    })
}

/// The key of the deepest that is there.
fn key(tree: &Tree<'_>, path: &str) -> Option<Range<usize>> {
    let path = Path::of(path);
    let found = tree.find(&path);
    let keys = |stop: &Stop<'_>| Some(stop.through.or(stop.key)?.span());
    found.trail.iter().rev().find_map(keys)
}
