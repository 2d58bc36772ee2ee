//! Values as JSON text, each on its line.

use std::fmt::Write as _;

use crate::manifest::{
    plain::{self, Piece, What},
    tree::{Kind, Quotes},
};

use super::{Node, Value, Wrong, options};

/// The JSON of what is plain. None where a scalar needs to be read in its place.
pub(super) fn plain_json(text: &str, pieces: &[Piece<'_>]) -> Option<String> {
    let mut json = Json::for_yaml(text);
    // Of each collection that is open: what closes it, and how much is in it. Keys count, too.
    let mut open: Vec<(char, usize)> = Vec::new();
    for piece in pieces {
        if matches!(piece.what, What::End) {
            json.text.push(open.pop()?.0);
            continue;
        }
        let place = open.last_mut().map(|(close, count)| {
            let place = (*close, *count);
            *count += 1;
            place
        });
        match place {
            Some((']', items)) => json.comma(items),
            Some((_, taken)) if taken.is_multiple_of(2) => json.comma(taken),
            _ => {}
        }
        json.go_to(piece.line + 1);
        match (&piece.what, place) {
            (What::Start(Kind::List(_)), _) => {
                json.text.push('[');
                open.push((']', 0));
            }
            (What::Start(_), _) => {
                json.text.push('{');
                open.push(('}', 0));
            }
            (What::Scalar(quotes, key), Some(('}', taken))) if taken.is_multiple_of(2) => {
                match quotes {
                    // Letters and digits, and few signs.
                    Quotes::Plain => json.text.extend(["\"", key, "\":"]),
                    _ => {
                        json.string(key);
                        json.text.push(':');
                    }
                }
            }
            (What::Scalar(Quotes::Plain, words), _) => json.plain(words)?,
            (What::Scalar(_, value), _) => json.string(value),
            (What::End, _) => {}
        }
    }
    Some(json.text)
}

/// JSON as it is written.
pub(super) struct Json<'n> {
    pub(super) text: String,
    /// Of its end, from 1.
    line: u64,
    pub(super) wrong: Option<&'n Wrong>,
}

impl<'n> Json<'n> {
    pub(super) fn for_yaml(text: &str) -> Self {
        Self { text: String::with_capacity(text.len()), line: 1, wrong: None }
    }

    /// A scalar without quotes. What the few words and numbers of every manifest are not, the parser is asked.
    fn plain(&mut self, words: &str) -> Option<()> {
        const MAX_DIGITS: usize = 18;
        let is_number = || {
            let digits = words.bytes().all(|byte| byte.is_ascii_digit());
            digits && words.len() <= MAX_DIGITS && (words == "0" || !words.starts_with('0'))
        };
        if matches!(words, "true" | "false" | "null") || is_number() {
            self.text.push_str(words);
        } else if plain::is_text(words) {
            self.string(words);
        } else {
            match serde_saphyr::from_str_with_options(words, options()).ok()? {
                Value::Null => self.text.push_str("null"),
                Value::Bool(value) => self.text.push_str(if value { "true" } else { "false" }),
                Value::Number(number) => self.text.push_str(&number),
                Value::Text(text) => self.string(&text),
                Value::List(_) | Value::Map(_) | Value::Wrong(_) => return None,
            }
        }
        Some(())
    }

    pub(super) fn node(&mut self, node: &'n Node) {
        self.go_to(node.line);
        match &node.value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(value) => {
                let _ = write!(self.text, "{value}");
            }
            Value::Number(number) => self.text.push_str(number),
            Value::Text(text) => self.string(text),
            Value::List(items) => {
                self.text.push('[');
                for (i, item) in items.iter().enumerate() {
                    self.comma(i);
                    self.node(item);
                }
                self.text.push(']');
            }
            Value::Map(entries) => {
                self.text.push('{');
                for (i, entry) in entries.iter().enumerate() {
                    self.comma(i);
                    self.go_to(entry.line);
                    self.string(&entry.key);
                    self.text.push(':');
                    self.node(&entry.value);
                }
                self.text.push('}');
            }
            Value::Wrong(wrong) => self.wrong = self.wrong.or(Some(wrong)),
        }
    }

    /// What a merge key brings in may stand before what has been written: it stays on the line reached.
    fn go_to(&mut self, line: u64) {
        while self.line < line {
            self.text.push('\n');
            self.line += 1;
        }
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.text.push(',');
        }
    }

    fn string(&mut self, text: &str) {
        let is_bare = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_bare) {
            self.text.extend(["\"", text, "\""]);
            return;
        }
        // A string always serialises.
        self.text.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}
