//! Name patterns: `*` matches any run of characters including slashes, everything else is literal. Parsed when the
//! configuration is read. Matching takes time linear in the text, for any pattern and text.

mod list;
mod search;

use std::{fmt, ops::Range};

pub use list::{PatternMap, Patterns};

/// Maximum length of a pattern, in bytes.
pub const MAX_BYTES: usize = 253;
/// Maximum number of stars in a pattern.
pub const MAX_STARS: usize = 8;
/// How many items of a list are spelled out in messages.
const SHOWN: usize = 5;

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    text: String,
    /// The positions of the first and the last star.
    stars: Option<(usize, usize)>,
}

/// The text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It is longer than [`MAX_BYTES`].
    #[error("must be at most {MAX_BYTES} bytes long")]
    TooLong,
    /// It has more than [`MAX_STARS`].
    #[error("must have at most {MAX_STARS} \"*\"")]
    TooManyStars,
}

impl Pattern {
    /// Parses a pattern. Without a star it matches only its own text.
    ///
    /// # Errors
    /// A text that is empty, too long, or has too many stars.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if text.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(InvalidPattern::TooLong);
        }
        if text.matches('*').count() > MAX_STARS {
            return Err(InvalidPattern::TooManyStars);
        }
        Ok(Self::of(text.to_owned()))
    }

    fn of(text: String) -> Self {
        let stars = text.find('*').zip(text.rfind('*'));
        Self { text, stars }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has no star.
    pub fn is_exact(&self) -> bool {
        self.stars.is_none()
    }

    /// A pattern made of valid patterns, for a lookup of the whole.
    pub(crate) fn joined(text: String) -> Self {
        Self::of(text)
    }

    /// A pattern for everything below a path: this pattern, a slash, and anything.
    pub fn below(&self) -> Self {
        Self::of(format!("{}/*", self.text))
    }

    /// Whether it matches a text.
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, last)) = self.stars else {
            return self.text == text;
        };
        let part = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let (start, end) = (part(0..first), part(last + 1..self.text.len()));
        let inner = text.strip_prefix(start).and_then(|text| text.strip_suffix(end));
        if first == last {
            return inner.is_some();
        }
        let middle = part(first + 1..last);
        // The first match of each part is as good as any later one, because it leaves the most text. So each search
        // begins where the last one ended, and no part is searched twice.
        let fits = |inner: &str| {
            let mut left = inner;
            middle.split('*').all(|part| match left.split_once(part) {
                Some((_, after)) if !part.is_empty() => {
                    left = after;
                    true
                }
                Some(_) => true,
                None => false,
            })
        };
        inner.is_some_and(fits)
    }
}

impl std::str::FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        Self::parse(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A shortened list for messages: `a, b, c, d, e and 3 more`.
pub fn few<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut items = items.into_iter();
    let shown: Vec<_> = items.by_ref().take(SHOWN).map(|item| item.to_string()).collect();
    match items.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (text, yes, no) in [
            ("a", vec!["a"], vec!["", "aa", "A", "a "]),
            ("*", vec!["", "a", "a/b", "*"], vec![]),
            ("a*", vec!["a", "ab", "a/b", "a*"], vec!["", "ba"]),
            ("*a", vec!["a", "ba", "b/a", "aa"], vec!["", "ab"]),
            ("a*a", vec!["aa", "aba", "a/a"], vec!["a", "ab"]),
            ("a**a", vec!["aa", "aba"], vec!["a"]),
            ("*ab*ab*", vec!["abab", "xabyabz"], vec!["ab", "aab", "abxa"]),
            ("a*b*c", vec!["abc", "axbxbxc", "abcbc"], vec!["ac", "acb", "bc"]),
            ("profiles/*.json", vec!["profiles/a.json", "profiles/a/b.json"], vec!["profiles/a"]),
            // None of these characters is special.
            ("a.b?[c]\\{d}", vec!["a.b?[c]\\{d}"], vec!["axb?[c]\\{d}", "a.bx[c]\\{d}"]),
            ("é*ß", vec!["éß", "éxß"], vec!["eß", "é"]),
        ] {
            for yes in yes {
                assert!(pattern(text).matches(yes), "{text:?} {yes:?}");
            }
            for no in no {
                assert!(!pattern(text).matches(no), "{text:?} {no:?}");
            }
        }
    }

    #[test]
    fn prefix_and_suffix_do_not_overlap() {
        assert!(!pattern("ab*ba").matches("aba"));
        assert!(!pattern("aa*aa").matches("aaa"));
        assert!(pattern("aa*aa").matches("aaaa"));
    }

    /// A backtracking matcher would take a million steps to the eighth power.
    #[test]
    fn the_worst_pattern_takes_linear_time() {
        let text = "a".repeat(1_000_000);
        assert!(!pattern("a*a*a*a*a*a*a*a*b").matches(&text));
        assert!(!pattern("*a*a*a*a*a*b*a").matches(&text));
        assert!(pattern("a*a*a*a*a*a*a*a*a").matches(&text));
        let nearly = format!("{}b", "a".repeat(120));
        assert!(!pattern(&format!("*{nearly}*{nearly}")).matches(&text));
    }

    #[test]
    fn what_is_unbounded_is_refused() {
        assert_eq!(Pattern::parse(""), Err(InvalidPattern::Empty));
        assert_eq!(Pattern::parse(&"a".repeat(254)), Err(InvalidPattern::TooLong));
        assert!(Pattern::parse(&"a".repeat(253)).is_ok());
        assert_eq!(Pattern::parse(&"*".repeat(9)), Err(InvalidPattern::TooManyStars));
        assert!(Pattern::parse(&"*".repeat(8)).is_ok());
    }

    /// The definition of a star, tried in every way.
    fn oracle(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| oracle(rest, &text[at..])),
            Some((first, rest)) => text.first() == Some(first) && oracle(rest, &text[1..]),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn matching_is_as_defined(text in "[ab/]{0,12}", glob in "[ab/]{0,3}(\\*[ab/]{0,3}){0,4}") {
            prop_assume!(!glob.is_empty());
            let expected = oracle(glob.as_bytes(), text.as_bytes());
            prop_assert_eq!(pattern(&glob).matches(&text), expected);
        }
    }
}
