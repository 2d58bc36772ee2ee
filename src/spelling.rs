//! Suggestions for misspelt names.

/// Minimum Jaro similarity, from 0 to 1. clap's 0.7 would suggest `runAsNonRoot` for `runAsUser`.
const MIN_SIMILARITY: f64 = 0.8;

/// The name most similar to the word, ignoring case; the first of equals.
pub(crate) fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_ascii_lowercase();
    let rated =
        names.into_iter().map(|name| (strsim::jaro(&name.to_ascii_lowercase(), &word), name));
    rated
        .filter(|(similarity, _)| *similarity > MIN_SIMILARITY)
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, name)| name)
}
