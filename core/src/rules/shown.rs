//! Texts of a pod as they are said to people.

/// A text of the pod as a fix shows it: quoted, escaped and not too long.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
