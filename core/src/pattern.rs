//! Names that stand for many: `*` is any run of characters, the slash included, and all else is itself. Compiled when
//! the configuration is read; matching takes time linear in the text, whatever pattern and text are.

mod list;
mod search;

use std::{fmt, ops::Range};

pub use list::{PatternMap, Patterns};

/// The longest pattern, in bytes.
pub const MAX_BYTES: usize = 253;
/// The most stars in one pattern.
pub const MAX_STARS: usize = 8;
/// How many items a list spells out to people.
const SHOWN: usize = 5;

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    text: String,
    /// Where its first star is, and its last.
    stars: Option<(usize, usize)>,
}

/// What was written instead of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Nothing.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_BYTES`].
    #[error("must be at most {MAX_BYTES} bytes long")]
    TooLong,
    /// More than [`MAX_STARS`].
    #[error("must have at most {MAX_STARS} \"*\"")]
    TooManyStars,
}

impl Pattern {
    /// Reads a pattern. Without a star it matches its own text alone.
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

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has no star.
    pub fn is_exact(&self) -> bool {
        self.stars.is_none()
    }

    /// Of parts that were read as patterns, and is looked up as one.
    pub(crate) fn joined(text: String) -> Self {
        Self::of(text)
    }

    /// What lies below it: a pattern for paths, a slash, and anything.
    pub fn below(&self) -> Self {
        Self::of(format!("{}/*", self.text))
    }

    /// Whether a text is one that it stands for.
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
        // The first place of each part is as good as any later one: what is left only gets shorter. So no part is
        // looked for twice, and each search begins where the last one ended.
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

/// A list as people are told it: `a, b, c, d, e and 3 more`.
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
            // None of these is special.
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

    /// A matcher that goes back would take the eighth power of a million steps.
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

    /// By what a star means, tried in every way.
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
