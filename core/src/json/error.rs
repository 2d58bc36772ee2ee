//! What was wrong with the text and where, in words for whoever must fix it.

use std::fmt::{self, Write};
use std::str::Utf8Error;

/// Text that could not be read, with the place where reading stopped.
///
/// A wrong value is only known once it has been read, so the place is then just behind it.
#[derive(Debug)]
pub struct Error(Box<Report>);

#[derive(Debug)]
struct Report {
    problem: Problem,
    /// Bytes before the place; none until known, since serde's own complaints come without.
    offset: Option<usize>,
    line: usize,
    column: usize,
}

#[derive(Debug)]
enum Problem {
    /// Something else should stand here: what.
    Expected(&'static str),
    /// The same once it is known what was found instead; none at the end of the text.
    ExpectedNot(&'static str, Option<char>),
    /// What stands here can be read by nobody: why.
    Refused(&'static str),
    /// JSON of the wrong type, in serde's words.
    Mismatch(String),
}

/// What a text may at most add to a message: names and values in it are as long as its sender likes.
const MESSAGE_BYTES: usize = 400;

impl Error {
    #[cold]
    pub(super) fn expected(what: &'static str, offset: usize) -> Self {
        Self::new(Problem::Expected(what), Some(offset))
    }

    #[cold]
    pub(super) fn refused(why: &'static str, offset: usize) -> Self {
        Self::new(Problem::Refused(why), Some(offset))
    }

    #[cold]
    pub(super) fn not_utf8(bytes: &[u8], error: Utf8Error) -> Self {
        let refused = Self::refused("not UTF-8", error.valid_up_to());
        refused.with_line_and_column(bytes)
    }

    #[cold]
    fn new(problem: Problem, offset: Option<usize>) -> Self {
        Self(Box::new(Report { problem, offset, line: 0, column: 0 }))
    }

    /// Gives the place where reading stopped, unless a better one is known.
    #[cold]
    pub(super) fn stopped(mut self, offset: usize) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Fills in what can only be told with the whole text at hand.
    #[cold]
    pub(super) fn located(mut self, text: &str) -> Self {
        let offset = self.offset();
        if let Problem::Expected(what) = self.0.problem {
            let found = text.get(offset..).and_then(|rest| rest.chars().next());
            self.0.problem = Problem::ExpectedNot(what, found);
        }
        self.with_line_and_column(text.as_bytes())
    }

    fn with_line_and_column(mut self, bytes: &[u8]) -> Self {
        let before = bytes.get(..self.offset()).unwrap_or(bytes);
        let line_start = before.iter().rposition(|&byte| byte == b'\n');
        let line = before.get(line_start.map_or(0, |at| at + 1)..);
        self.0.line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        self.0.column = 1 + line.map_or(0, characters);
        self
    }

    /// The place in bytes from the start of the text.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset.unwrap_or(0)
    }

    /// The line of the place; the first is 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The column of the place in characters; the first is 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.0.column
    }
}

/// Counts the bytes that start a character, so that it also works up to a place inside of one.
fn characters(line: &[u8]) -> usize {
    line.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}: ", self.0.line, self.0.column)?;
        match &self.0.problem {
            Problem::Expected(what) => write!(f, "expected {what}"),
            Problem::ExpectedNot(what, None) => write!(f, "expected {what}, found the end"),
            Problem::ExpectedNot(what, Some(found)) => {
                write!(f, "expected {what}, found `{}`", found.escape_debug())
            }
            Problem::Refused(why) => f.write_str(why),
            Problem::Mismatch(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        let mut bounded = Bounded(String::new());
        if write!(bounded, "{message}").is_err() {
            bounded.0.push_str(" ...");
        }
        Self::new(Problem::Mismatch(bounded.0), None)
    }
}

/// Takes text up to [`MESSAGE_BYTES`], control characters escaped, and refuses the rest.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.len() >= MESSAGE_BYTES {
                return Err(fmt::Error);
            }
            if character.is_control() {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{from_slice, from_str};
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Port {
        #[expect(dead_code, reason = "only its reading is of interest")]
        port: u16,
    }

    fn complaint(text: &str) -> String {
        from_str::<Port>(text).unwrap_err().to_string()
    }

    #[test]
    fn says_what_was_expected_and_what_was_found() {
        assert_eq!(complaint(""), "line 1 column 1: expected a value, found the end");
        assert_eq!(complaint("{\n  \"port\" 80}"), "line 2 column 10: expected `:`, found `8`");
        assert_eq!(complaint("{\"port\":80]"), "line 1 column 11: expected `,` or `}`, found `]`");
        assert_eq!(
            complaint("{\"port\":80}\u{7}"),
            "line 1 column 12: expected the end, found `\\u{7}`"
        );
    }

    #[test]
    fn says_which_type_was_expected() {
        assert_eq!(
            complaint("{\"port\":\"http\"}"),
            "line 1 column 15: invalid type: string \"http\", expected u16"
        );
        assert_eq!(
            complaint("{\"port\":70000}"),
            "line 1 column 14: invalid value: integer `70000`, expected u16"
        );
        assert_eq!(complaint("{}"), "line 1 column 2: missing field `port`");
    }

    #[test]
    fn counts_columns_in_characters() {
        assert_eq!(complaint("{\"é\":1"), "line 1 column 5: unknown field `é`, expected `port`");
    }

    #[test]
    fn bounds_and_escapes_what_the_text_adds() {
        let long = complaint(&format!("{{\"port\":\"{}\"}}", "x".repeat(100_000)));
        assert!(long.len() < 500 && long.ends_with("xxx ..."), "{long}");
        assert!(complaint("{\"a\\nb\":1}").contains("unknown field `a\\nb`"));
    }

    #[test]
    fn names_the_byte_that_is_not_utf8() {
        let error = from_slice::<Port>(b"{\n\"port\": \xff}").unwrap_err();
        assert_eq!(
            (error.offset(), error.to_string().as_str()),
            (10, "line 2 column 9: not UTF-8")
        );
    }
}
