//! Which of some names a misspelt word was meant to be.

/// The least Jaro similarity, from 0 to 1, of a word and the name that it is taken for. clap's 0.7 would take
/// `runAsUser` for `runAsNonRoot`.
const SIMILAR: f64 = 0.8;

/// The name that is most similar to the word, whatever the case of both; of equals, the first.
pub(crate) fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_ascii_lowercase();
    let rated =
        names.into_iter().map(|name| (strsim::jaro(&name.to_ascii_lowercase(), &word), name));
    rated
        .filter(|(similarity, _)| *similarity > SIMILAR)
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, name)| name)
}
