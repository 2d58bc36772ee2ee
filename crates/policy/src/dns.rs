//! Validates names as Kubernetes does.

/// Whether it is a DNS-1123 label, such as the name of a namespace.
pub fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

/// Whether it is a DNS-1123 subdomain. As in Kubernetes, only its total length is limited, not that of its parts.
pub fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_part)
}

/// Whether a pattern with `*` for any characters can match a DNS-1123 label.
pub fn is_label_pattern(pattern: &str) -> bool {
    ["", "a"].iter().any(|any| is_label(&pattern.replace('*', any)))
}

/// Whether a pattern with `*` for any characters can match a DNS-1123 subdomain.
pub fn is_subdomain_pattern(pattern: &str) -> bool {
    ["", "a"].iter().any(|any| is_subdomain(&pattern.replace('*', any)))
}

/// Whether it is a valid key of an object's label: `app`, `app.kubernetes.io/name`.
pub fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_label_value(name) && !name.is_empty(),
        None => is_label_value(key) && !key.is_empty(),
    }
}

/// Whether it is a valid value of an object's label. The empty value is valid.
pub fn is_label_value(value: &str) -> bool {
    let ends = |b: Option<u8>| b.is_none_or(|b| b.is_ascii_alphanumeric());
    value.len() <= 63
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && ends(value.bytes().next())
        && ends(value.bytes().next_back())
}

fn is_part(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.bytes().all(|b| alphanumeric(b) || b == b'-')
        && text.bytes().next().is_some_and(alphanumeric)
        && text.bytes().next_back().is_some_and(alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for name in ["a", "0", "a-b", "a--b", &"a".repeat(63)] {
            assert!(is_label(name), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a.b", "a_b", "é", "a/b", "..", &"a".repeat(64)] {
            assert!(!is_label(name), "{name}");
        }
    }

    #[test]
    fn patterns_match_something_or_are_none() {
        for pattern in ["*", "a*", "*-a", "a-*", "a*b", "a", &format!("*{}", "a".repeat(63))] {
            assert!(is_label_pattern(pattern), "{pattern}");
        }
        for pattern in ["", "-*", "*-", "A*", "a.*", "a_*", &format!("*{}", "a".repeat(64))] {
            assert!(!is_label_pattern(pattern), "{pattern}");
        }
        assert!(is_subdomain_pattern("a.*") && is_subdomain_pattern("*.a"));
        assert!(!is_subdomain_pattern(".*") && !is_subdomain_pattern("a..*"));
    }

    #[test]
    fn object_labels() {
        for key in ["a", "A_b.c-d", "app.kubernetes.io/name", &"a".repeat(63)] {
            assert!(is_label_key(key), "{key}");
        }
        for key in ["", "/", "a/", "/a", "a/b/c", "-a", "a b", "App.io/a", &"a".repeat(64)] {
            assert!(!is_label_key(key), "{key}");
        }
        for value in ["", "a", "A_b.c-d"] {
            assert!(is_label_value(value), "{value}");
        }
        for value in ["*", "a*", "-a", "a-", "a b", "a/b", &"a".repeat(64)] {
            assert!(!is_label_value(value), "{value}");
        }
    }

    #[test]
    fn subdomains() {
        for name in ["a", "a.b-c.0", &"a".repeat(253), "a.".repeat(126).trim_end_matches('.')] {
            assert!(is_subdomain(name), "{name}");
        }
        for name in ["", ".", "a.", ".a", "a..b", "a.-b", "a.B", &"a".repeat(254)] {
            assert!(!is_subdomain(name), "{name}");
        }
    }
}
