//! The places of fields in a source.

use std::{cell::OnceCell, ops::Range, sync::Arc};

use policy::{
    findings::{
        FieldToFix, LinesOf, Lint, LintRule, Location, PodDefaults, Position, Region, Replacement,
        Workload,
    },
    shown::shown,
    workloads::Hardens,
};

use super::{
    Line, Manifest, document, edit,
    path::{Path, Step},
    tree::{Repeats, Stop, Tree},
};

const STRIDE: usize = 1 << 10;

/// Locates fields in one source. Computes what it needs on first use.
pub struct Places<'t> {
    source: Arc<str>,
    /// For a rendering: the sources of its parts, each from its line on.
    parts: Option<Vec<(Line, Arc<str>)>>,
    text: Option<&'t str>,
    /// The offset of each line's first byte.
    lines: OnceCell<Vec<usize>>,
    /// The number of characters before every [`STRIDE`]th byte, because a line may be as long as the text.
    characters: OnceCell<Vec<usize>>,
    /// For the last requested line, because all objects of a text may begin on one long line.
    first_word: Option<(Line, Region)>,
    /// For the last requested JSON document. None if it cannot be read as the author wrote it.
    tree: Option<(Range<usize>, Option<Tree<'t>>)>,
}

impl<'t> Places<'t> {
    /// A source, which may not be text.
    pub fn new(source: Arc<str>, text: &'t [u8]) -> Self {
        Self {
            source,
            parts: None,
            text: str::from_utf8(text).ok(),
            lines: OnceCell::new(),
            characters: OnceCell::new(),
            first_word: None,
            tree: None,
        }
    }

    /// What another program has rendered from a source, of which parts may be from other sources, each from its line on.
    pub fn of_rendering(source: Arc<str>, text: &'t [u8], parts: Vec<(Line, Arc<str>)>) -> Self {
        Self { parts: Some(parts), ..Self::new(source, text) }
    }

    /// The text, if the source is text.
    pub fn text(&self) -> Option<&'t str> {
        self.text
    }

    /// Sets the locations of lints.
    pub fn mark_lints(&mut self, lints: &mut [Lint], manifest: &Manifest<'_>) {
        for lint in lints {
            let is_key = matches!(lint.rule, LintRule::UnknownField | LintRule::MisplacedField);
            let span = if is_key { key_span } else { span };
            lint.location = Some(self.location_of(manifest, &lint.field, span));
        }
    }

    /// Sets the location of an object and of its findings. A missing field is located at the key that a lint says was meant
    /// for it.
    pub fn mark(&mut self, workload: &mut Workload, lints: &[Lint], manifest: &Manifest<'_>) {
        workload.location = Some(self.location(manifest));
        if workload.violations.is_empty() {
            return;
        }
        self.read(manifest);
        let Some(tree) = self.tree(manifest) else { return };
        let found = workload.violations.iter_mut().flat_map(|broken| &mut broken.found);
        found.for_each(|found| self.mark_one(tree, found, lints, manifest.path));
    }

    /// The location of an object.
    pub fn location(&mut self, manifest: &Manifest<'_>) -> Location {
        let region = match self.first_word {
            Some((line, region)) if line == manifest.line => region,
            _ => self.first_word(manifest.line),
        };
        self.first_word = Some((manifest.line, region));
        let lines = match self.parts {
            Some(_) => LinesOf::Rendering,
            None => LinesOf::Source,
        };
        let source = self.part(manifest.line).unwrap_or(&self.source);
        Location { source: Arc::clone(source), region, lines }
    }

    /// The source of the part of a rendering that has this line, if it is known.
    pub fn part(&self, line: Line) -> Option<&Arc<str>> {
        let parts = self.parts.as_ref()?;
        let before = parts.partition_point(|(start, _)| *start <= line);
        parts.get(before.checked_sub(1)?).map(|(_, source)| source)
    }

    /// The location of a field, by its path from the object's root. That of the object if there is no such field.
    pub fn field(&mut self, manifest: &Manifest<'_>, field: &str) -> Location {
        self.location_of(manifest, field, span)
    }

    fn location_of(
        &mut self,
        manifest: &Manifest<'_>,
        field: &str,
        span: fn(&Tree<'_>, &Path) -> Option<Range<usize>>,
    ) -> Location {
        let location = self.location(manifest);
        self.read(manifest);
        let path = manifest.path.clone().join(&Path::of(field));
        let span = self.tree(manifest).and_then(|tree| span(tree, &path));
        let region = span.map_or(location.region, |span| self.region(span.start, span.end));
        Location { region, ..location }
    }

    /// Sets the replacements that hardening would make.
    pub fn add_replacements(&mut self, workload: &mut Workload, manifest: &Manifest<'_>) {
        if workload.violations.is_empty() || manifest.hardens != Hardens::Pod {
            return;
        }
        self.read(manifest);
        let Some(tree) = self.tree(manifest) else { return };
        for broken in &mut workload.violations {
            let of_pods = broken.hardening.iter();
            broken.replacements =
                of_pods.flat_map(|of_pod| self.replacements(tree, manifest.path, of_pod)).collect();
        }
    }

    /// Empty if the place cannot be edited.
    fn replacements(
        &self,
        tree: &Tree<'_>,
        object: &Path,
        of_pod: &PodDefaults,
    ) -> Vec<Replacement> {
        let PodDefaults { root, changes } = of_pod;
        let edits = edit::edits(tree, object, root, changes).unwrap_or_default();
        let edits = edit::merged(edits);
        let region = |range: &Range<usize>| self.region(range.start, range.end);
        edits
            .into_iter()
            .map(|edit| Replacement { region: region(&edit.range), text: edit.text })
            .collect()
    }

    /// Reads JSON documents only on request, because most have no findings.
    fn read(&mut self, manifest: &Manifest<'_>) {
        let document = &manifest.document.bytes;
        let is_known = self.tree.as_ref().is_some_and(|(known, _)| known == document);
        if manifest.tree.is_none() && !is_known {
            let parse = |text| Tree::parse(text, document.clone(), Repeats::Kept).ok();
            let tree = self.text.and_then(parse);
            self.tree = Some((document.clone(), tree));
        }
    }

    /// None if the source's text is unknown.
    fn tree<'m>(&'m self, manifest: &Manifest<'m>) -> Option<&'m Tree<'m>> {
        self.text?;
        let of_json = || self.tree.as_ref().and_then(|(_, tree)| tree.as_ref());
        manifest.tree.or_else(of_json)
    }

    fn mark_one(&self, tree: &Tree<'_>, found: &mut FieldToFix, lints: &[Lint], object: &Path) {
        let path = |below: &str| object.clone().join(&Path::of(below));
        let (field, part) = (path(&found.field), path(&found.part));
        let name = span(tree, &part.clone().key("name"));
        let region = |span: Range<usize>| self.region(span.start, span.end);
        let own = span(tree, &field);
        let lint = if own.is_none() { misspelt(lints, found) } else { None };
        if let Some(Lint { field, meant: Some(meant), .. }) = lint {
            let (key, meant) = (key_of(field), key_of(meant));
            found.fix = format!("{} (did you mean {meant} where it says {key}?)", found.fix).into();
        }
        let misspelt = lint.and_then(|lint| key_span(tree, &path(&lint.field)));
        match (own.or(misspelt), name) {
            (Some(field), name) => {
                found.region = Some(region(field));
                found.context = name.map(region);
            }
            (None, Some(name)) => found.region = Some(region(name)),
            // A finding about the pod as a whole is located at the pod's key.
            (None, None) => found.region = key(tree, &part).map(region),
        }
    }

    /// The first word of a line, where an object starts.
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

    /// The position of a byte.
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
        // The end of the text may be one stride after the last.
        strides.get(stride).copied().unwrap_or_else(|| characters(bytes)) + characters(rest)
    }

    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            document::line_starts(self.text.unwrap_or_default().as_bytes()).collect()
        })
    }
}

/// The number of characters that begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count()
}

/// The range of a field with its key. For fields from an alias or a merge key, that of the alias or merge key.
fn span(tree: &Tree<'_>, path: &Path) -> Option<Range<usize>> {
    let found = tree.find(path);
    let stop = found.last().filter(|_| found.missing.is_empty())?;
    Some(match (stop.through, stop.key) {
        (Some(through), _) => through.span(),
        (None, Some(key)) => key.span().start..stop.node.span().end,
        (None, None) => stop.node.span(),
    })
}

/// The range of the key alone.
fn key_span(tree: &Tree<'_>, path: &Path) -> Option<Range<usize>> {
    let found = tree.find(path);
    let stop = found.last().filter(|_| found.missing.is_empty())?;
    Some(stop.through.or(stop.key)?.span())
}

/// The key of the deepest existing node on the path.
fn key(tree: &Tree<'_>, path: &Path) -> Option<Range<usize>> {
    let found = tree.find(path);
    let keys = |stop: &Stop<'_>| Some(stop.through.or(stop.key)?.span());
    found.trail.iter().rev().find_map(keys)
}

/// The lint about a key in the place of a missing field, or of a mapping that would contain it. A field that is missing at
/// the pod may have been meant for its containers.
fn misspelt<'l>(lints: &'l [Lint], found: &FieldToFix) -> Option<&'l Lint> {
    let name = |path: &str| Path::of(path).steps().last().cloned();
    let field = Path::of(&found.field);
    lints.iter().find(|lint| {
        let Some(meant) = lint.meant.as_deref() else { return false };
        let rest = found.field.strip_prefix(meant);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            || (*found.place == *"pod"
                && name(meant).is_some_and(|name| field.steps().contains(&name)))
    })
}

/// The last key of a path, in quotes.
fn key_of(path: &str) -> String {
    match Path::of(path).steps().last() {
        Some(Step::Key(key)) => shown(key),
        Some(Step::Index(_)) | None => String::new(),
    }
}
