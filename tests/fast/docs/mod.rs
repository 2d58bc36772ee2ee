//! Tests that pages name exist, and no file names a foreign account.

mod publisher;
mod schemas;

use std::fs;
use std::path::{Path, PathBuf};

/// A page may be added later; an existing one is checked.
const PAGES: [&str; 2] = ["docs/threat-model.md", "docs/reliability.md"];

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// File names of the project in backticks, with the name of a test if there is one.
fn named(page: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    const OURS: [&str; 3] = ["tests/", "src/", "crates/"];
    let is_ours = |text: &&str| OURS.iter().any(|start| text.starts_with(start));
    page.lines().flat_map(move |line| {
        let quoted = line.split('`').skip(1).step_by(2).filter(is_ours);
        quoted.filter(|text| !text.contains(['…', ' '])).map(|text| {
            text.split_once("::").map_or((text, None), |(file, test)| (file, Some(test)))
        })
    })
}

/// The problem with a name.
fn problem(file: &str, test: Option<&str>) -> Option<String> {
    let path = project(file);
    if !path.exists() {
        return Some(format!("{file}: no such file"));
    }
    let test = test?;
    let source = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let start = [format!("fn {test}("), format!("async fn {test}(")];
    let is_start = |line: &&str| start.iter().any(|start| line.starts_with(start.as_str()));
    let Some(at) = lines.iter().position(is_start) else {
        return Some(format!("{file} has no {test}"));
    };
    let is_test = |line: &str| line == "#[test]" || line.starts_with("#[tokio::test");
    let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with('#'));
    let is_marked = attributes.copied().any(is_test);
    (!is_marked).then(|| format!("{file}: {test} is no test"))
}

#[test]
fn every_test_that_is_named_exists() {
    let mut count = 0;
    let mut problems = Vec::new();
    for page in PAGES {
        let Ok(text) = fs::read_to_string(project(page)) else { continue };
        for (file, test) in named(&text) {
            count += usize::from(test.is_some());
            problems.extend(problem(file, test).map(|problem| format!("{page}: {problem}")));
        }
    }
    assert_eq!(problems, [""; 0]);
    assert!(count > 80, "only {count} are named");
}

/// Each row has a test or a reason.
#[test]
fn every_class_of_attack_has_its_row() {
    let page = fs::read_to_string(project("docs/threat-model.md")).unwrap();
    let (_, classes) = page.split_once("## The classes of attack").unwrap();
    for number in 1..=28 {
        let start = format!("| {number} | ");
        let rows: Vec<&str> = classes.lines().filter(|line| line.starts_with(&start)).collect();
        let [row] = rows[..] else { panic!("class {number} has {} rows", rows.len()) };
        assert!(named(row).next().is_some() || row.contains("Does not apply"), "{row}");
    }
}

#[test]
fn a_name_that_is_wrong_is_found() {
    let own = "tests/fast/docs/mod.rs";
    assert_eq!(problem(own, Some("a_name_that_is_wrong_is_found")), None);
    assert_eq!(problem(own, Some("project")), Some(format!("{own}: project is no test")));
    assert_eq!(problem(own, Some("nothing")), Some(format!("{own} has no nothing")));
    assert_eq!(problem("tests/x.rs", None), Some("tests/x.rs: no such file".to_owned()));
    let page = "`tests/a.rs::b`, `c`, `src/d.rs`";
    assert_eq!(named(page).collect::<Vec<_>>(), [("tests/a.rs", Some("b")), ("src/d.rs", None)]);
}

/// Kyverno has a resource with that name too, and kubectl takes the first one.
#[test]
fn commands_name_policy_exceptions_in_full() {
    let bare = |line: &str| {
        let (_, command) = line.split_once("kubectl ").unwrap_or_default();
        let mut words = command.split(|c: char| c.is_whitespace() || "`'\"".contains(c));
        words.any(|word| word == "policyexceptions" || word == "policyexception")
    };
    assert!(bare("kubectl get policyexceptions -A") && bare("`kubectl get policyexception NAME`"));
    assert!(!bare("kubectl get policyexceptions.portcullis.dev -A") && !bare("kubectl get ppex"));

    let mut count = 0;
    let mut found = Vec::new();
    for folder in ["docs", "charts", "deploy", "src", "crates"] {
        for file in files(&project(folder)) {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            count += text.matches("policyexceptions.portcullis.dev").count();
            let lines = text.lines().filter(|line| bare(line));
            found.extend(lines.map(|line| format!("{}: {line}", file.display())));
        }
    }
    assert_eq!(found, [""; 0]);
    assert!(count > 5, "only {count} are named");
}

/// `--reuse-values` keeps the defaults of the installed chart, so new values are missing.
#[test]
fn helm_upgrades_take_the_defaults_of_the_new_chart() {
    let mut count = 0;
    for file in ["docs", "charts", "deploy"].iter().flat_map(|folder| files(&project(folder))) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for line in text.lines().filter(|line| line.contains("helm ") && line.contains("upgrade "))
        {
            count += usize::from(line.contains("--reset-then-reuse-values"));
            assert!(!line.contains(" --reuse-values"), "{}: {line}", file.display());
        }
    }
    assert!(count > 5, "only {count} upgrades keep their values");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
