//! Names and values of a pod, and whole texts, in messages for people. They are truncated, because untrusted clients choose
//! their length.

/// Maximum number of characters of a name or value. A name in the API has at most 63, most values have fewer.
const MOST: usize = 120;
/// Maximum number of characters of a value in a file that a person wrote.
const MOST_OF_VALUE: usize = 80;
/// Maximum number of bytes of a key in the path of a field. A qualified name has at most 317.
const MOST_OF_KEY: usize = 320;
/// Maximum number of names of one list that are spelled out. Linux has 41 capabilities.
const MOST_NAMES: usize = 48;

/// A text in quotes, escaped and truncated.
pub fn shown(text: &str) -> String {
    in_quotes(text, MOST)
}

/// The same of a value in a file that a person wrote.
pub fn value(text: &str) -> String {
    in_quotes(text, MOST_OF_VALUE)
}

fn in_quotes(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// The same without quotes, for a path or a word in a sentence.
pub fn key(text: &str) -> String {
    if text.len() <= MOST_OF_KEY {
        return text.to_owned();
    }
    let start = text.get(..text.floor_char_boundary(MOST_OF_KEY)).unwrap_or_default();
    format!("{start}...")
}

/// Quoted names in their order, without duplicates.
pub fn names<'n>(names: impl Iterator<Item = &'n str> + Clone) -> String {
    let mut all = Vec::with_capacity(names.clone().count());
    all.extend(names);
    all.sort_unstable();
    all.dedup();
    let (first, rest) = all.split_at(all.len().min(MOST_NAMES));
    let first: Vec<_> = first.iter().map(|name| shown(name)).collect();
    match rest.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Marks truncated text. ASCII, because warnings are sent in an HTTP header.
const CUT: &str = "...";

/// Truncates a name to the maximum length of names in the API.
pub fn cut(name: &str) -> &str {
    const MOST: usize = 253;
    name.get(..name.floor_char_boundary(MOST)).unwrap_or_default()
}

/// Removes control characters, and truncates at a character boundary.
pub fn clean(text: &str, max: usize) -> String {
    if text.len() <= max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if clean.len() + c.len_utf8() > max {
            let mut end = max.saturating_sub(CUT.len());
            while !clean.is_char_boundary(end) {
                end -= 1;
            }
            clean.truncate(end);
            clean.push_str(CUT);
            break;
        }
        clean.push(c);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shown("a\"b"), r#""a\"b""#);
        assert_eq!(shown(&"\u{e9}".repeat(120)).chars().count(), 122);
        assert_eq!(shown(&"\u{e9}".repeat(121)).chars().count(), 125);
        assert_eq!(value(&"v".repeat(80)).len(), 82);
        assert_eq!(value(&"v".repeat(81)).len(), 85);
        assert_eq!(key(&"k".repeat(320)).len(), 320);
        assert_eq!(key(&"\u{2603}".repeat(200)).len(), 318 + 3);
    }

    #[test]
    fn names_are_listed_once_in_order_and_counted_beyond_the_limit() {
        assert_eq!(names(["b", "a", "b"].into_iter()), r#""a", "b""#);
        assert_eq!(names([].into_iter()), "");
        let many: Vec<_> = (100..200).map(|name| name.to_string()).collect();
        let text = names(many.iter().map(String::as_str));
        assert!(text.ends_with("\"147\" and 52 more"), "{text}");
    }
}
