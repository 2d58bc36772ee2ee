//! Names as Kubernetes checks them.

/// Whether this can be a namespace's name: a DNS-1123 label.
pub fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

/// Whether this is a DNS-1123 subdomain. Only the whole is limited in length, not its parts.
pub fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_part)
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
    fn subdomains() {
        for name in ["a", "a.b-c.0", &"a".repeat(253), "a.".repeat(126).trim_end_matches('.')] {
            assert!(is_subdomain(name), "{name}");
        }
        for name in ["", ".", "a.", ".a", "a..b", "a.-b", "a.B", &"a".repeat(254)] {
            assert!(!is_subdomain(name), "{name}");
        }
    }
}
