//! Splits a text into its documents, each with its first line. An invalid one does not affect the others.
//!
//! Only markers separate YAML documents; a JSON document begins where the last one ended. After the first invalid JSON,
//! each line that begins with `{` starts a new one.

use memchr::memchr_iter;

use super::{
    Extent, Line, Unreadable, text_kind,
    tree::{NoTree, NodeKind, Repeats, Tree},
};

/// One document, not necessarily an object.
#[derive(Debug)]
pub(super) struct Document<'t> {
    /// The position in the text.
    pub(super) extent: Extent,
    pub(super) content: Content<'t>,
}

#[derive(Debug)]
pub(super) enum Content<'t> {
    Json(&'t str),
    Yaml(Box<Tree<'t>>),
}

const CUT: &str = "not JSON that can be read: it ends before it is closed";

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The documents of a text, in order, without empty ones.
pub(super) fn read(text: &[u8]) -> impl Iterator<Item = Result<Document<'_>, Unreadable>> {
    read_some(text, |_| true)
}

/// The same, without the parts between two markers that are not wanted. They are not parsed.
pub(super) fn read_some(
    text: &[u8],
    is_wanted: fn(&[u8]) -> bool,
) -> impl Iterator<Item = Result<Document<'_>, Unreadable>> {
    // The whole text, so that most are neither split nor checked for UTF-8.
    let text = if is_wanted(text) { text } else { &[] };
    let whole = str::from_utf8(text).ok();
    let chunks = chunks(text, whole).filter(move |chunk| is_wanted(chunk.text));
    chunks.flat_map(|chunk| match chunk.trimmed().text.first() {
        Some(b'{' | b'[') => chunk.json(),
        _ => chunk.yaml(),
    })
}

/// The rest of a text after its valid JSON.
enum Left<'t> {
    /// A truncated value. It is truncated in YAML, too, so it is not parsed again.
    Cut(Chunk<'t>),
    /// Invalid JSON that may be valid YAML: trailing commas, comments, keys without quotes.
    Odd(Chunk<'t>),
}

/// A part of the text, with the line and the offset of its first byte.
#[derive(Clone, Copy)]
struct Chunk<'t> {
    /// The whole text, if all of it is UTF-8.
    whole: Option<&'t str>,
    line: Line,
    at: usize,
    text: &'t [u8],
}

/// Splits at the lines `---` and `...`. These cannot be part of anything else, neither of a YAML block or quoted string
/// nor of JSON.
fn chunks<'t>(text: &'t [u8], whole: Option<&'t str>) -> impl Iterator<Item = Chunk<'t>> {
    let all = Chunk { whole, line: Line::FIRST, at: 0, text };
    let mut rest =
        if text.starts_with(BYTE_ORDER_MARK) { all.from(BYTE_ORDER_MARK.len()) } else { Some(all) };
    std::iter::from_fn(move || {
        let chunk = rest.take()?;
        let (start, end) = match next_marker(chunk.text) {
            Some(at) => (chunk.text.get(..at)?, Some(at + 3)),
            None => (chunk.text, None),
        };
        rest = end.and_then(|end| chunk.from(end));
        Some(Chunk { text: start, ..chunk })
    })
}

fn next_marker(text: &[u8]) -> Option<usize> {
    let is_marker = |line: &[u8]| {
        let after = line.strip_prefix(b"---").or_else(|| line.strip_prefix(b"..."));
        after.is_some_and(|after| after.first().is_none_or(u8::is_ascii_whitespace))
    };
    line_starts(text).find(|&at| text.get(at..).is_some_and(is_marker))
}

/// The offset of each line's first byte.
pub(super) fn line_starts(text: &[u8]) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(memchr_iter(b'\n', text).map(|at| at + 1))
}

impl<'t> Chunk<'t> {
    /// Drops the first bytes.
    fn from(self, at: usize) -> Option<Self> {
        let (before, text) = self.text.split_at_checked(at)?;
        let line = self.line.after_newlines(before);
        Some(Self { line, at: self.at + at, text, ..self })
    }

    fn trimmed(self) -> Self {
        self.from(self.text.len() - self.text.trim_ascii_start().len()).unwrap_or(self)
    }

    /// Whether it has nothing but comments and directives.
    fn is_empty(self) -> bool {
        let mut lines = self.text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start);
        lines.all(|line| matches!(line.first(), None | Some(b'#' | b'%')))
    }

    fn extent(self) -> Extent {
        Extent { line: self.line, bytes: self.at..self.at + self.text.len() }
    }

    fn as_str(self) -> Result<&'t str, Unreadable> {
        if let Some(text) = self.whole.and_then(|whole| whole.get(self.extent().bytes)) {
            return Ok(text);
        }
        str::from_utf8(self.text).map_err(|error| {
            let valid = self.text.get(..error.valid_up_to()).unwrap_or_default();
            Unreadable::at(self.line.after_newlines(valid), "not UTF-8")
                .of(text_kind::of_text(self.text))
        })
    }

    fn yaml(self) -> Vec<Result<Document<'t>, Unreadable>> {
        if self.is_empty() {
            return Vec::new();
        }
        match self.as_str().and_then(|text| self.tree(text)) {
            Ok(tree) if tree.root().kind() == NodeKind::Null => Vec::new(),
            Ok(tree) => {
                vec![Ok(Document { extent: self.extent(), content: Content::Yaml(Box::new(tree)) })]
            }
            Err(unreadable) => vec![Err(unreadable)],
        }
    }

    /// `text` is the whole text.
    fn tree(self, text: &'t str) -> Result<Tree<'t>, Unreadable> {
        let (whole, bytes) = match self.whole {
            Some(whole) => (whole, self.extent().bytes),
            None => (text, 0..text.len()),
        };
        let start = bytes.start;
        Tree::parse(whole, bytes, Repeats::Refused).map_err(|NoTree { byte, why }| {
            let before = text.get(..byte.saturating_sub(start)).unwrap_or_default();
            no_document(self.line.after_newlines(before.as_bytes()), &why, text)
        })
    }

    fn json(self) -> Vec<Result<Document<'t>, Unreadable>> {
        let mut documents = Vec::new();
        let mut broken = match self.json_values(&mut documents) {
            Some(Left::Cut(chunk) | Left::Odd(chunk)) => Some(chunk),
            None => None,
        };
        while let Some(chunk) = broken {
            let (piece, rest) = chunk.trimmed().piece();
            // Only within its own lines, because many unclosed values would otherwise each be read to the end.
            match piece.json_values(&mut documents) {
                Some(Left::Cut(chunk)) => {
                    let cut = Unreadable::at(chunk.line, CUT);
                    documents.push(Err(cut.of(text_kind::of_text(chunk.text))));
                }
                Some(Left::Odd(chunk)) => documents.extend(chunk.yaml()),
                None => {}
            }
            broken = rest;
        }
        documents
    }

    /// Reads values from the start. Returns the rest from the first invalid one.
    fn json_values(
        self,
        documents: &mut Vec<Result<Document<'t>, Unreadable>>,
    ) -> Option<Left<'t>> {
        let Ok(text) = self.as_str() else { return Some(Left::Odd(self)) };
        let mut values =
            serde_json::Deserializer::from_str(text).into_iter::<&serde_json::value::RawValue>();
        let mut at = self;
        loop {
            let start = values.byte_offset();
            let value = values.next()?;
            let value = match value {
                Ok(value) => value,
                Err(error) => {
                    let left = self.from(start)?.trimmed();
                    let is_cut = error.is_eof() && matches!(left.text.first(), Some(b'{' | b'['));
                    return Some(if is_cut { Left::Cut(left) } else { Left::Odd(left) });
                }
            };
            let json = value.get();
            let offset = values.byte_offset() - json.len();
            let from = at.text.len() - (self.text.len() - offset);
            at = at.from(from)?;
            let document = Self { text: json.as_bytes(), ..at };
            let (extent, content) = (document.extent(), Content::Json(json));
            documents.push(Ok(Document { extent, content }));
        }
    }

    /// Splits before the next line that begins with `{`. A list is one piece.
    fn piece(self) -> (Self, Option<Self>) {
        let is_start = |&at: &usize| at > 0 && self.text.get(at) == Some(&b'{');
        let is_list = self.text.starts_with(b"[");
        match line_starts(self.text).find(is_start).filter(|_| !is_list) {
            Some(end) => {
                let text = self.text.get(..end).unwrap_or_default();
                (Self { text, ..self }, self.from(end))
            }
            None => (self, None),
        }
    }
}

/// Why a text is not a document, with the most common cause.
pub(super) fn no_document(line: Line, why: &str, text: &str) -> Unreadable {
    let hint = match text.contains("{{") {
        true => {
            "; it looks like a template that is not rendered: give what renders it, as --helm does"
        }
        false => "",
    };
    Unreadable::at(line, format!("{why}{hint}")).of(text_kind::of_text(text.as_bytes()))
}
