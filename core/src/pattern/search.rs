//! Finds which patterns of a list can match a text, without asking the others.
//!
//! Of each pattern one literal piece is looked for, the one that the fewest others have. All pieces are looked for at
//! once (Aho-Corasick): that takes time linear in the text, however many patterns there are. Only patterns whose piece is
//! found are asked. Building it takes time linear in the patterns' bytes.

use std::{cmp::Reverse, collections::HashMap, fmt};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::Pattern;

/// Up to so many patterns are asked one by one, which is faster than to search.
const FEW: usize = 8;

/// What is known of a list of patterns with stars.
#[derive(Clone, Default)]
pub(super) enum Search {
    /// Each is asked.
    #[default]
    Each,
    /// Those are asked whose piece is found.
    Pieces {
        pieces: AhoCorasick,
        /// Of each piece, where it must be found, and the numbers of the patterns that it was taken from.
        asked: Vec<(Place, Vec<usize>)>,
        /// Those that have no piece: nothing but stars.
        always: Vec<usize>,
    },
}

/// Where in a text a piece stands.
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
            // More bytes than it can number: a configuration of gigabytes.
            Err(_) => Self::Each,
        }
    }

    /// The numbers of those patterns of the list that can match a text, each once, until one is taken.
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
