//! `docs/controls.md` and `docs/lints.md` are up to date. `just controls` writes it.

use crate::support::skip::is_set;
use std::{env, fs, path::Path};

use portcullis::explain;

#[test]
fn the_pages_of_controls_and_lints_are_the_texts() {
    let pages = [("controls", explain::controls_page()), ("lints", explain::lints_page())];
    for (name, expected) in pages {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name).with_extension("md");
        if is_set("PORTCULLIS_REWRITE") {
            fs::write(&file, &expected).unwrap();
        }
        let is = fs::read_to_string(&file).unwrap_or_default();
        let line = is.lines().zip(expected.lines()).position(|(is, expected)| is != expected);
        assert!(
            is == expected,
            "docs/{name}.md is not what the texts say, from line {:?}. Run `just controls` and look at the difference",
            line.map(|line| line + 1)
        );
    }
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
