//! The YAML of articles, in `tests/seeds`: `check` names every mistake with its place and fix, and nothing else.

use std::{fs, path::Path};

use portcullis::explain;

use super::quiet::lints;
use crate::check::program::check;

/// The line, the id and a part of the message of each mistake, as the file's comments say.
fn expected(text: &str) -> Vec<(usize, &str, &str)> {
    let lines = text.lines().enumerate();
    let comments = lines.filter_map(|(index, line)| Some((index + 1, line.split_once("  # ")?.1)));
    let each = comments.flat_map(|(line, comment)| {
        comment.split(" | ").map(move |one| {
            let (id, part) = one.split_once(": ").unwrap_or_else(|| panic!("{line}: {one}"));
            (line, id, part)
        })
    });
    let mut all: Vec<_> = each.collect();
    all.sort_unstable();
    all
}

/// The line, the id and the message of each line of `-o concise`.
fn found<'o>(out: &'o str, file: &str) -> Vec<(usize, &'o str, &'o str)> {
    let row = |row: &'o str| {
        let rest = row.strip_prefix(file).and_then(|rest| rest.strip_prefix(':'));
        let rest = rest.unwrap_or_else(|| panic!("{row}"));
        let (line, rest) = rest.split_once(':').unwrap();
        let mut parts = rest.splitn(4, ": ").skip(2);
        (line.parse().unwrap(), parts.next().unwrap(), parts.next().unwrap())
    };
    let mut all: Vec<_> = out.lines().map(row).collect();
    all.sort_unstable();
    all
}

#[test]
fn check_names_every_mistake_with_place_and_fix_and_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|it| it == "yaml")).collect();
    assert_eq!(files.len(), 6);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let file = file.display().to_string();
        let outcome = check(&["-o", "concise", &file]);
        let (expected, found) = (expected(&text), found(&outcome.out, &file));
        let places = |all: &[(usize, &str, &str)]| {
            all.iter().map(|(line, id, _)| format!("{line} {id}")).collect::<Vec<_>>()
        };
        assert_eq!(places(&found), places(&expected), "{file}\n{}", outcome.out);
        for ((line, _, part), (.., message)) in expected.iter().zip(&found) {
            assert!(message.contains(part), "{file}:{line}: {part} is not in {message}");
        }
        let failing = check(&["--level", "privileged", "--fail-on-lints", &file]);
        assert_eq!(failing.status, Some(1), "{file}");
    }
}

/// The manifests in the texts of `explain`.
#[test]
fn the_bad_manifest_of_a_lint_has_it_and_the_good_one_has_none() {
    for text in explain::lints() {
        let manifest = |heading: &str| {
            let rest = text.page().split_once(heading).unwrap().1;
            rest.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
        };
        let (bad, good) = (lints(&manifest("## Bad")), lints(&manifest("## Good")));
        let is_its = |found: &String| found.split(' ').nth(1) == Some(text.rule.name());
        assert!(bad.len() == 1 && bad.iter().all(is_its), "{}: {bad:?}", text.rule.id());
        assert_eq!(good, [""; 0], "{}", text.rule.id());
    }
}
