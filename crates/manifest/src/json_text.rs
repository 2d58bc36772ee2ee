//! Reformats valid JSON without parsing it into values.

use std::borrow::Cow;

/// Removes whitespace between tokens.
pub fn compact(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut text = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1),
            byte if byte.is_ascii_whitespace() => {
                text.push_str(json.get(copied..at).unwrap_or_default());
                at += 1;
                copied = at;
            }
            _ => at += 1,
        }
    }
    match copied {
        0 => json.into(),
        _ => (text + json.get(copied..).unwrap_or_default()).into(),
    }
}

/// The position after the closing quote of the string.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(next) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += next;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitespace_goes_but_not_from_strings() {
        for (json, expected) in [
            ("{ \"a b\" :\n[1 , \"\\\" c\"\t]\r\n}", r#"{"a b":[1,"\" c"]}"#),
            ("[1]", "[1]"),
            (" ", ""),
            ("\"a b\"", "\"a b\""),
        ] {
            assert_eq!(compact(json), expected);
        }
    }
}
