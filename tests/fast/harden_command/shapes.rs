//! Texts as people write them, with the hardened result or the errors. Each file contains both, separated by `=====`.

use std::{fs, path::Path};

use crate::harden_command::{everything, harden, harden_by, hardened, hardened_by};

/// The name, the part before the line, and the part after it.
fn cases(folder: &str) -> Vec<(String, String, String)> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests_to_harden").join(folder);
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
fn so_they_are_with_every_default_that_there_is() {
    for (name, before, after) in cases("everything") {
        let result = hardened_by(everything(), &before);
        assert!(result == after, "{name}:\n{result}");
        assert_eq!(hardened_by(everything(), &after), after, "{name}: a second time");
        let other = |text: &str| text.replace('\n', "\r\n");
        assert_eq!(hardened_by(everything(), &other(&before)), other(&after), "{name}");
        let cut = before.strip_suffix('\n').unwrap();
        assert_eq!(hardened_by(everything(), cut), after.strip_suffix('\n').unwrap(), "{name}");
    }
}

#[test]
fn lists_that_are_used_elsewhere_too_are_refused_by_their_names() {
    let text = "apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  spec:
    volumes: &shared [{name: data, emptyDir: {}}]
    containers: [{name: web, image: web}]
- apiVersion: v1
  kind: Pod
  spec:
    volumes: *shared
    containers: [{name: web, image: web}]
";
    let refused = harden_by(everything(), text.as_bytes()).unwrap_err();
    let errors = refused.iter().map(|one| format!("{}: {}", one.line.unwrap(), one.why));
    let errors: Vec<_> = errors.collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("7: volumes is at an anchor that *shared uses"), "{errors:?}");
    assert!(errors[1].starts_with("12: volumes comes from the alias *shared"), "{errors:?}");
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
fn ambiguous_places_are_refused_by_line() {
    for (name, before, after) in cases("refused") {
        let refused = harden(&before).expect_err(&name);
        let errors: Vec<_> = refused
            .iter()
            .map(|refused| format!("{}: {}", refused.line.unwrap(), refused.why))
            .collect();
        let expected: Vec<_> = after.lines().collect();
        assert_eq!(errors.len(), expected.len(), "{name}: {errors:?}");
        for (errors, expected) in errors.iter().zip(expected) {
            assert!(errors.starts_with(expected), "{name}: {errors}");
        }
    }
}
