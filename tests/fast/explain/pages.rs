//! `docs/controls.md` is up to date. `just controls` writes it.

use crate::support::skip::is_set;
use std::{env, fs, path::Path};

use portcullis::explain;

#[test]
fn the_page_of_controls_is_the_texts() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/controls.md");
    let expected = explain::controls_page();
    if is_set("PORTCULLIS_REWRITE") {
        fs::write(&file, &expected).unwrap();
    }
    let is = fs::read_to_string(&file).unwrap_or_default();
    let line = is.lines().zip(expected.lines()).position(|(is, expected)| is != expected);
    assert!(
        is == expected,
        "docs/controls.md is not what the texts say, from line {:?}. Run `just controls` and look at the difference",
        line.map(|line| line + 1)
    );
}

/// Every link of the table leads to a heading, with GitHub's anchors.
#[test]
fn the_page_s_links_lead_somewhere() {
    let page = explain::controls_page();
    let anchors: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
        })
        .collect();
    let links: Vec<&str> =
        page.split("](#").skip(1).map(|rest| rest.split_once(')').unwrap().0).collect();
    // A link for each control and rule, and one to the section of the rules.
    assert_eq!(links.len(), explain::all().count() + 1);
    for link in links {
        assert!(anchors.iter().any(|anchor| anchor == link), "{link} is not in {anchors:?}");
    }
}
