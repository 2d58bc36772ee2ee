//! Unified diffs that `git apply` and `patch -p1` take.

use std::{fmt::Write as _, path::Path};

use similar::TextDiff;

/// The diff between two texts.
pub(super) fn unified(name: &str, old: &str, new: &str) -> String {
    let diff = TextDiff::configure().newline_terminated(true).diff_slices(&lines(old), &lines(new));
    diff.unified_diff().header(&quoted("a", name), &quoted("b", name)).to_string()
}

/// The lines as git and patch see them: the library's own end at a carriage return, too.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A diff with the colours that git gives it.
pub(super) fn coloured(diff: &str) -> String {
    let mut text = String::with_capacity(diff.len() * 2);
    for (number, line) in diff.split_inclusive('\n').enumerate() {
        let colour = match line.as_bytes().first() {
            _ if number < 2 => "\u{1b}[1m",
            Some(b'@') => "\u{1b}[36m",
            Some(b'+') => "\u{1b}[32m",
            Some(b'-') => "\u{1b}[31m",
            _ => {
                text.push_str(line);
                continue;
            }
        };
        let _ = writeln!(text, "{colour}{}\u{1b}[0m", line.trim_end_matches(['\n', '\r']));
    }
    text
}

/// How a diff names a file: below the directory that it is applied in.
pub(super) fn name(path: &Path) -> String {
    let path = path.to_string_lossy();
    let mut name = path.as_ref();
    while let Some(rest) = name.strip_prefix("./").or_else(|| name.strip_prefix('/')) {
        name = rest;
    }
    name.to_owned()
}

/// As git writes it: in quotes where it holds what would end it, with a tab where it holds a blank.
fn quoted(side: &str, name: &str) -> String {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\');
    if name.chars().all(is_plain) {
        let end = if name.contains(' ') { "\t" } else { "" };
        return format!("{side}/{name}{end}");
    }
    let mut text = format!("\"{side}/");
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if c.is_control() => {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    let _ = write!(text, "\\{byte:03o}");
                }
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_git_writes_them() {
        for (path, name_in_diff) in [
            ("web.yaml", "a/web.yaml"),
            ("./shop/web.yaml", "a/shop/web.yaml"),
            ("/srv/web.yaml", "a/srv/web.yaml"),
            ("my web.yaml", "a/my web.yaml\t"),
            ("a\"b\n\u{7}.yaml", "\"a/a\\\"b\\n\\007.yaml\""),
        ] {
            assert_eq!(quoted("a", &name(Path::new(path))), name_in_diff);
        }
    }
}
