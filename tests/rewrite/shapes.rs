//! Texts as people write them, and what they are hardened; and what is refused of them. Before and after stand in one
//! file each, with `=====` between.

use std::{fs, path::Path};

use crate::{harden, hardened};

/// Name, what stands before the line, what after it.
fn cases(folder: &str) -> Vec<(String, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rewrite").join(folder);
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: &Path| {
        let text = fs::read_to_string(file).unwrap();
        let (before, after) = text.split_once("=====\n").unwrap();
        (file.display().to_string(), before.to_owned(), after.to_owned())
    };
    files.iter().map(|file| read(file)).collect()
}

#[test]
fn texts_are_hardened_as_their_authors_write() {
    for (name, before, after) in cases("shapes") {
        let result = hardened(&before);
        assert!(result == after, "{name}:\n{result}");
        assert_eq!(hardened(&after), after, "{name}: a second time");
    }
}

#[test]
fn so_are_texts_of_other_systems() {
    for (name, before, after) in cases("shapes") {
        let other = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(hardened(&other(&before)), other(&after), "{name}");
    }
}

#[test]
fn so_are_texts_that_end_without_a_line_break() {
    for (name, before, after) in cases("shapes") {
        let result = hardened(before.strip_suffix('\n').unwrap());
        assert_eq!(result, after.strip_suffix('\n').unwrap(), "{name}");
    }
}

#[test]
fn what_cannot_be_told_apart_is_refused_by_its_line() {
    for (name, before, after) in cases("refused") {
        let refused = harden(&before).expect_err(&name);
        let told: Vec<_> = refused
            .iter()
            .map(|refused| format!("{}: {}", refused.line.unwrap(), refused.why))
            .collect();
        let expected: Vec<_> = after.lines().collect();
        assert_eq!(told.len(), expected.len(), "{name}: {told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{name}: {told}");
        }
    }
}
