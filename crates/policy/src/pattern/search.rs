//! Finds the patterns of a list that can match a text, without checking the others.
//!
//! Selects one literal piece of each pattern, the one that the fewest others share. Aho-Corasick searches all pieces at
//! once, in time linear in the text for any number of patterns. Only patterns whose piece is found are checked.
//! Building takes time linear in the patterns' bytes.

use std::{cmp::Reverse, collections::HashMap, fmt};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::Pattern;

/// Up to this many patterns are checked one by one, which is faster than a search.
const FEW: usize = 8;

/// The search for a list of patterns with stars.
#[derive(Clone, Default)]
pub(super) enum Search {
    /// Checks each pattern.
    #[default]
    Each,
    /// Checks the patterns whose piece is found.
    Pieces {
        pieces: AhoCorasick,
        /// For each piece, where it must be found, and the numbers of its patterns.
        asked: Vec<(Place, Vec<usize>)>,
        /// Patterns without a piece: nothing but stars.
        always: Vec<usize>,
    },
}

/// The position of a piece in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Begin,
    End,
    Anywhere,
}

impl Search {
    pub(super) fn new(patterns: &[Pattern]) -> Self {
        if patterns.len() <= FEW {
            return Self::Each;
        }
        let mut counts: HashMap<(Place, &str), usize> = HashMap::new();
        for piece in patterns.iter().flat_map(pieces) {
            *counts.entry(piece).or_default() += 1;
        }
        let mut numbers: HashMap<(Place, &str), usize> = HashMap::new();
        let (mut texts, mut asked, mut always) = (Vec::new(), Vec::new(), Vec::new());
        for (number, pattern) in patterns.iter().enumerate() {
            let rarity =
                |piece: &(Place, &str)| (counts.get(piece).copied(), Reverse(piece.1.len()));
            let Some(piece) = pieces(pattern).min_by_key(rarity) else {
                always.push(number);
                continue;
            };
            let place = *numbers.entry(piece).or_insert_with(|| {
                texts.push(piece.1);
                asked.push((piece.0, Vec::new()));
                asked.len() - 1
            });
            if let Some((_, patterns)) = asked.get_mut(place) {
                patterns.push(number);
            }
        }
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(texts);
        match built {
            Ok(pieces) => Self::Pieces { pieces, asked, always },
            // More states than the automaton can number, from a configuration of gigabytes.
            Err(_) => Self::Each,
        }
    }

    /// Passes the numbers of the patterns that can match a text to `take`, each once, until it accepts one.
    pub(super) fn any(
        &self,
        text: &str,
        count: usize,
        mut take: impl FnMut(usize) -> bool,
    ) -> bool {
        let Self::Pieces { pieces, asked, always } = self else {
            return (0..count).any(take);
        };
        if always.iter().any(|number| take(*number)) {
            return true;
        }
        let mut seen = Vec::new();
        for found in pieces.find_overlapping_iter(text) {
            let piece = found.pattern().as_usize();
            let Some((place, numbers)) = asked.get(piece) else { continue };
            let fits = match place {
                Place::Begin => found.start() == 0,
                Place::End => found.end() == text.len(),
                Place::Anywhere => true,
            };
            if seen.is_empty() {
                seen.resize(asked.len(), false);
            }
            let Some(seen) = seen.get_mut(piece).filter(|seen| fits && !**seen) else { continue };
            *seen = true;
            if numbers.iter().any(|number| take(*number)) {
                return true;
            }
        }
        false
    }
}

/// The literal pieces of a pattern with stars.
fn pieces(pattern: &Pattern) -> impl Iterator<Item = (Place, &str)> {
    let last = pattern.as_str().matches('*').count();
    let pieces = pattern.as_str().split('*').enumerate().map(move |(index, piece)| {
        let place = match index {
            0 => Place::Begin,
            _ if index == last => Place::End,
            _ => Place::Anywhere,
        };
        (place, piece)
    });
    pieces.filter(|(_, piece)| !piece.is_empty())
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each => f.write_str("Each"),
            Self::Pieces { asked, .. } => write!(f, "Pieces({})", asked.len()),
        }
    }
}
