//! The page of metrics lists exactly the metrics that a run exposes.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::read;
use super::run::Exposed;

const HEAD: &str = "| metric | type | labels | says |\n| --- | --- | --- | --- |\n";

/// The description of a metric on a page.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

#[tokio::test]
async fn the_page_lists_what_a_run_exposes() {
    let Ok(exposed) = Exposed::shared().await else { return };
    let mut families = BTreeMap::new();
    for page in [&exposed.server, &exposed.self_managed, &exposed.reporting] {
        note(page, &mut families);
    }
    let table: String = families.iter().map(|(name, family)| line(name, family)).collect();

    let page = read("docs/observability.md");
    let (_, listed) = page.split_once(HEAD).unwrap();
    let listed = listed.split("\n\n").next().unwrap();
    let listed = format!("{}\n", listed.trim_end());
    assert!(listed == table, "docs/observability.md should list:\n{HEAD}{table}");
}

fn line(name: &str, Family { kind, help, labels }: &Family) -> String {
    let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "))
}

fn note(page: &str, families: &mut BTreeMap<String, Family>) {
    for text in page.lines() {
        if let Some((name, help)) = text.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) =
            text.strip_prefix("# TYPE ").and_then(|l| l.split_once(' '))
        {
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((name, rest)) = text.split_once('{') {
            // A histogram's series have suffixes, and `le` is not one of our labels.
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| {
                    name.strip_suffix(suffix).filter(|name| families.contains_key(*name))
                })
                .unwrap_or(name);
            let (labels, _) = rest.rsplit_once('}').unwrap();
            let names = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
            let names = names.map(|(label, _)| label.to_owned()).filter(|label| label != "le");
            families.get_mut(name).unwrap().labels.extend(names);
        }
    }
}
