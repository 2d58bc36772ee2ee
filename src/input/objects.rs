//! The objects in a text. In the files of a directory, only what may be a manifest must be one.

use manifest::{Line, Reading, TextKind, Unreadable};
use policy::workloads::Kinds;

use super::{Origin, Skip};

/// A part of a text.
pub enum Part<'a> {
    /// An object, or what cannot be read.
    Reading(Reading<'a>),
    /// A document, or without a line the whole text, that is not for reading.
    Skipped(Option<Line>, Skip),
}

/// Reads all objects of a text in order. A text that was named must have nothing else; in one that was found in a
/// directory, templates and what is no manifest are skipped. Of a template, only the first error counts.
///
/// Deep documents need [`manifest::STACK`] bytes of stack.
///
/// # Errors
/// Only those of `visit`.
pub fn read<E>(
    text: &[u8],
    kinds: Kinds<'_>,
    origin: Origin,
    visit: impl FnMut(Part<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader =
        Reader { visit, origin, others: Vec::new(), has_objects: false, is_template: false };
    if origin == Origin::Named {
        return manifest::read(text, kinds, |reading| reader.reading(reading));
    }
    if manifest::may_be_manifest(text) {
        manifest::read(text, kinds, |reading| reader.reading(reading))?;
        return reader.finish();
    }
    if has_content(text) { reader.skip(None, Skip::NoManifest) } else { Ok(()) }
}

/// The shortest text that is read as this one, if it was found in a directory and is no manifest: whether there is any
/// content is all that counts.
pub fn sample_of_no_manifest(text: &[u8], origin: Origin) -> Option<Vec<u8>> {
    let is_no_manifest = origin != Origin::Named && !manifest::may_be_manifest(text);
    is_no_manifest.then(|| if has_content(text) { b"-".to_vec() } else { Vec::new() })
}

fn has_content(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| !matches!(line, [] | [b'#', ..] | b"---"))
}

struct Reader<V> {
    visit: V,
    origin: Origin,
    /// Lines of documents that are no manifests, before the first object.
    others: Vec<Option<Line>>,
    has_objects: bool,
    is_template: bool,
}

impl<E, V: FnMut(Part<'_>) -> Result<(), E>> Reader<V> {
    fn reading(&mut self, reading: Reading<'_>) -> Result<(), E> {
        let (line, kind) = match &reading {
            Reading::Unreadable(Unreadable { line, kind, .. }) => (*line, *kind),
            _ => (None, TextKind::Manifest),
        };
        match (kind, self.origin) {
            (TextKind::Template, _) if self.is_template => return Ok(()),
            (TextKind::Template, Origin::Found | Origin::Outside) => {
                self.is_template = true;
                self.before_object()?;
                return self.skip(line, Skip::Template);
            }
            (TextKind::Template, Origin::Named) => self.is_template = true,
            (TextKind::Other, Origin::Found | Origin::Outside) if self.has_objects => {
                return self.skip(line, Skip::NoManifest);
            }
            (TextKind::Other, Origin::Found | Origin::Outside) => {
                self.others.push(line);
                return Ok(());
            }
            (TextKind::Manifest | TextKind::Other, _) => {}
        }
        self.before_object()?;
        (self.visit)(Part::Reading(reading))
    }

    fn before_object(&mut self) -> Result<(), E> {
        self.has_objects = true;
        std::mem::take(&mut self.others)
            .into_iter()
            .try_for_each(|line| self.skip(line, Skip::NoManifest))
    }

    /// A text without any object is skipped as a whole.
    fn finish(mut self) -> Result<(), E> {
        if self.others.is_empty() { Ok(()) } else { self.skip(None, Skip::NoManifest) }
    }

    fn skip(&mut self, line: Option<Line>, why: Skip) -> Result<(), E> {
        (self.visit)(Part::Skipped(line, why))
    }
}
