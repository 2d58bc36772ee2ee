//! Sets of patterns.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use super::{Pattern, few, search::Search};

/// A set of patterns. A text matches if any pattern matches; an empty set matches nothing.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    exact: BTreeSet<String>,
    globs: Vec<Pattern>,
    search: Search,
}

impl Patterns {
    /// Whether any of them matches this text.
    pub fn matches(&self, text: &str) -> bool {
        self.exact.contains(text) || any_of(&self.globs, &self.search, text, |_| true)
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.globs.is_empty()
    }

    /// Whether the set contains this pattern literally.
    pub fn contains(&self, text: &str) -> bool {
        self.exact.contains(text)
            || self.globs.binary_search_by(|glob| glob.as_str().cmp(text)).is_ok()
    }

    /// The patterns as written, exact ones first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.exact.iter().map(String::as_str).chain(self.globs.iter().map(Pattern::as_str))
    }
}

impl FromIterator<Pattern> for Patterns {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let (exact, mut globs): (Vec<_>, Vec<_>) =
            patterns.into_iter().partition(Pattern::is_exact);
        // Sorted, so that equal sets compare as equal in any order.
        globs.sort_unstable();
        globs.dedup();
        let search = Search::new(&globs);
        Self { exact: exact.into_iter().map(|Pattern { text, .. }| text).collect(), globs, search }
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.exact == other.exact && self.globs == other.globs
    }
}

impl Eq for Patterns {}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&few(self.iter()))
    }
}

/// Maps patterns to numbers. A lookup returns those of all patterns that match a text.
#[derive(Clone, Debug, Default)]
pub struct PatternMap {
    exact: HashMap<Box<str>, Vec<usize>>,
    globs: Vec<Pattern>,
    /// The numbers of each glob.
    numbers: Vec<Vec<usize>>,
    search: Search,
}

impl PatternMap {
    /// The numbers of the matching patterns, in no order. A number with several matching patterns appears several
    /// times.
    pub fn get(&self, text: &str) -> Vec<usize> {
        let mut all = self.exact.get(text).cloned().unwrap_or_default();
        any_of(&self.globs, &self.search, text, |glob| {
            all.extend(self.numbers.get(glob).into_iter().flatten());
            false
        });
        all
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.globs.is_empty()
    }

    /// How many patterns with stars are checked for a text. For tests, which count steps instead of measuring time.
    #[cfg(test)]
    pub(crate) fn asked(&self, text: &str) -> usize {
        let mut asked = 0;
        self.search.any(text, self.globs.len(), |_| {
            asked += 1;
            false
        });
        asked
    }
}

impl FromIterator<(Pattern, usize)> for PatternMap {
    fn from_iter<I: IntoIterator<Item = (Pattern, usize)>>(patterns: I) -> Self {
        let mut map = Self::default();
        let mut places: HashMap<Pattern, usize> = HashMap::new();
        for (pattern, number) in patterns {
            if pattern.is_exact() {
                map.exact.entry(pattern.text.into()).or_default().push(number);
                continue;
            }
            let place = *places.entry(pattern).or_insert_with_key(|pattern| {
                map.globs.push(pattern.clone());
                map.numbers.push(Vec::new());
                map.globs.len() - 1
            });
            map.numbers.get_mut(place).into_iter().for_each(|numbers| numbers.push(number));
        }
        map.search = Search::new(&map.globs);
        map
    }
}

/// Whether `take` accepts any matching glob.
fn any_of(
    globs: &[Pattern],
    search: &Search,
    text: &str,
    mut take: impl FnMut(usize) -> bool,
) -> bool {
    search.any(text, globs.len(), |number| {
        globs.get(number).is_some_and(|glob| glob.matches(text)) && take(number)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    fn list(texts: &[&str]) -> Patterns {
        texts.iter().map(|text| pattern(text)).collect()
    }

    #[test]
    fn a_list_matches_what_one_of_it_matches() {
        let some = list(&["b", "x*", "a", "a"]);
        assert!(some.matches("a") && some.matches("b") && some.matches("xyz"));
        assert!(!some.matches("ab") && !some.matches("*") && !some.matches(""));
        assert_eq!(some, list(&["x*", "a", "b", "x*"]));
        assert_eq!(some.to_string(), "a, b, x*");
        assert!(list(&[]).is_empty() && !some.is_empty() && !list(&["*"]).is_empty());
        assert!(!list(&[]).matches(""));
        assert!(some.contains("x*") && some.contains("a") && !some.contains("xyz"));
        assert_eq!(
            list(&["a", "b", "c", "d", "e", "f*", "g"]).to_string(),
            "a, b, c, d, e and 2 more"
        );
    }

    /// With any common literal at any position.
    #[test]
    fn only_patterns_that_could_match_are_asked() {
        for (form, text) in [
            ("*-N", "shop-77"),
            ("*.N.*", "a.77.b"),
            ("team-N-*", "team-77-web"),
            ("*.example.com/*/N", "eu.example.com/a/77"),
            ("team-*-N-prod", "team-x-77-prod"),
            ("*team*N*", "my-team-77-web"),
        ] {
            // Equal numbers of digits, so that no number is part of another.
            let patterns = (10..1_010).map(|number| {
                let name = if number == 77 { "77".to_owned() } else { format!("x{number:05}") };
                (pattern(&form.replace('N', &name)), number)
            });
            let map: PatternMap = patterns.collect();
            assert_eq!(map.get(text), [77], "{form}");
            assert_eq!(map.asked(text), 1, "{form}");
            assert_eq!(map.asked("nothing of the kind"), 0, "{form}");
        }
    }

    /// A repeated piece is found at each position, but the pattern is checked once.
    #[test]
    fn a_text_that_repeats_a_piece_asks_once() {
        let patterns = (0..100).map(|number| (pattern(&format!("*ab*x{number}")), number));
        let map: PatternMap = patterns.chain([(pattern("*ab*ba"), 100)]).collect();
        assert!(map.asked(&"ab".repeat(100_000)) <= 1);
    }

    #[test]
    fn a_million_bytes_of_patterns_are_searched_at_once() {
        let patterns = (0..10_000)
            .map(|number| (pattern(&format!("*.{}.{number}.example", "long".repeat(20))), number));
        let map: PatternMap = patterns.collect();
        let text = format!("a.{}.123.example", "long".repeat(20));
        assert_eq!((map.get(&text), map.asked(&text)), (vec![123], 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A small alphabet, so that pieces contain each other, and many patterns, so that the search is used.
        #[test]
        fn a_list_and_a_map_match_as_their_patterns_do(
            globs in proptest::collection::vec("[ab/]{0,3}(\\*[ab/]{0,3}){0,3}", 0..30),
            texts in proptest::collection::vec("[ab/]{0,8}", 10),
        ) {
            let globs: Vec<_> = globs.iter().filter(|text| !text.is_empty()).collect();
            let patterns: Vec<_> = globs.iter().map(|text| pattern(text)).collect();
            let list: Patterns = patterns.iter().cloned().collect();
            let map: PatternMap = patterns.iter().cloned().zip(0..).collect();
            for text in texts {
                let fits = |(_, pattern): &(usize, &Pattern)| pattern.matches(&text);
                let expected = patterns.iter().enumerate().filter(fits).map(|(number, _)| number);
                let expected: Vec<_> = expected.collect();
                let mut found = map.get(&text);
                found.sort_unstable();
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(list.matches(&text), !expected.is_empty());
            }
        }
    }
}
