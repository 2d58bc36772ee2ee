//! Words that differ by one mistake in typing.

/// Words of the table that are shorter resemble too many others.
const MIN_LENGTH: usize = 3;

/// The word that was meant: one that differs by case only, or else by one edit.
pub(crate) fn nearest(
    word: &str,
    words: impl Iterator<Item = &'static str> + Clone,
) -> Option<&'static str> {
    let mut by_case = words.clone();
    by_case
        .find(|it| it.eq_ignore_ascii_case(word))
        .or_else(|| words.into_iter().find(|it| it.len() >= MIN_LENGTH && is_one_edit(word, it)))
}

/// Whether two words differ only by case, by one added, removed or replaced letter, or by two swapped letters. Does not
/// allocate, as strsim does: the webhook compares keys of any number and length.
pub(crate) fn is_one_edit(one: &str, other: &str) -> bool {
    if one.len().abs_diff(other.len()) > 1 {
        return false;
    }
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (_, one) = one.split_at(same);
    let (_, other) = other.split_at(same);
    let ends = one.iter().rev().zip(other.iter().rev());
    let same = ends.take_while(|(one, other)| one == other).count();
    let (one, _) = one.split_at(one.len() - same);
    let (other, _) = other.split_at(other.len() - same);
    match (one, other) {
        ([a, b], [c, d]) => a == d && b == c,
        (one, other) => one.len() <= 1 && other.len() <= 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_is_one_mistake_in_typing() {
        for (key, is_one) in [
            ("runAsNonroot", true),
            ("runasnonroot", true),
            ("runAsNonRot", true),
            ("runAsNonRooot", true),
            ("runAsNonRoto", true),
            ("runAsNunRoot", true),
            ("unAsNonRoot", true),
            ("runAsRoot", false),
            ("runAsUser", false),
            ("", false),
        ] {
            assert_eq!(is_one_edit(key, "runAsNonRoot"), is_one, "{key}");
            assert_eq!(is_one_edit("runAsNonRoot", key), is_one, "{key}");
        }
    }

    #[test]
    fn a_difference_of_case_is_preferred() {
        let words = ["hostIPs", "hostIP", "ip"];
        let nearest = |word| nearest(word, words.into_iter());
        assert_eq!(nearest("hostip"), Some("hostIP"));
        assert_eq!(nearest("hostIPz"), Some("hostIPs"));
        assert_eq!(nearest("IP"), Some("ip"));
        assert_eq!(nearest("it"), None);
    }
}
