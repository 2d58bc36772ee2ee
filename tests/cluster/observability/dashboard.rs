//! The dashboard in the chart: its queries, and Grafana's schema.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rules::read;
use crate::chart::helm::{Helm, find};

pub(crate) const FILE: &str = "charts/portcullis/files/dashboard.json";

pub(crate) fn dashboard() -> Value {
    serde_json::from_str(&read(FILE)).unwrap()
}

/// Every expression of the dashboard as sent to Prometheus, with its purpose.
pub(crate) fn expressions() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let mut found = Vec::new();
    for panel in array(&dashboard["panels"]) {
        for target in array(&panel["targets"]) {
            found.push((text(&panel["title"]), text(&target["expr"])));
        }
    }
    for annotation in array(&dashboard["annotations"]["list"]) {
        found.extend(annotation.get("expr").map(|query| (text(&annotation["name"]), text(query))));
    }
    for variable in array(&dashboard["templating"]["list"]) {
        if variable["type"] == "query" {
            let query = text(&variable["query"]["query"]);
            let inside = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
            let (series, label) = inside.rsplit_once(", ").unwrap();
            let query = format!("count by ({label}) ({series})");
            found.push((text(&variable["label"]), query));
        }
    }
    found.into_iter().map(|(what, query)| (what, interpolate(&query))).collect()
}

/// As Grafana does if all values are selected.
fn interpolate(query: &str) -> String {
    let query = query
        .replace("$__rate_interval", "5m")
        .replace("$__range", "6h")
        .replace("$namespace", ".+")
        .replace("$job", ".+");
    assert!(!query.contains('$'), "{query}");
    query
}

#[test]
fn each_panel_has_what_a_reader_and_grafana_need() {
    let dashboard = dashboard();
    // Grafana 12; versions since 10 read it too.
    assert_eq!(dashboard["schemaVersion"], 41);
    assert_eq!(dashboard["uid"], "portcullis");
    assert!(dashboard.get("id").is_none() && dashboard.get("__inputs").is_none());
    let (mut ids, mut titles, mut cells) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in array(&dashboard["panels"]) {
        let title = text(&panel["title"]);
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        assert!(titles.insert(title.clone()), "{title} twice");
        for cell in area(&panel["gridPos"]) {
            assert!(cells.insert(cell), "{title} overlaps another at {cell:?}");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(text(&panel["description"]).ends_with('.'), "{title}");
        assert!(!array(&panel["targets"]).is_empty(), "{title}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
        let mut references = BTreeSet::new();
        for target in array(&panel["targets"]) {
            assert!(references.insert(text(&target["refId"])), "{title}");
            for source in [&panel["datasource"], &target["datasource"]] {
                assert_eq!(source["uid"], "${datasource}", "{title}");
            }
            let query = text(&target["expr"]);
            for label in labels(&text(&target["legendFormat"])) {
                let is_kept = !query.contains(" by (") || by(&query).contains(&label);
                assert!(is_kept, "{title}: no {label} is left of {query}");
            }
            let is_ours = !query.contains("apiserver_") && !query.contains("ALERTS");
            let chosen = r#"{namespace=~"$namespace",job=~"$job""#;
            let selectors = query.matches('{').count();
            assert!(!is_ours || query.matches(chosen).count() == selectors, "{title}: {query}");
        }
    }
}

#[test]
fn the_chart_ships_it_as_it_is() {
    let Ok(helm) = Helm::v4() else { return };
    let rendered = helm.template(&["metrics.grafanaDashboard.enabled=true"]);
    let map = find(&rendered, "ConfigMap", "portcullis-dashboard");
    let shipped: Value = serde_json::from_str(&text(&map["data"]["portcullis.json"])).unwrap();
    assert_eq!(shipped, dashboard());
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
}

/// The labels in a legend such as `{{hook}} {{outcome}}`.
fn labels(legend: &str) -> Vec<String> {
    legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap().to_owned()).collect()
}

/// The labels that the outermost aggregation with a list keeps; `histogram_quantile` removes `le`.
fn by(query: &str) -> Vec<String> {
    let (_, list) = query.split_once(" by (").unwrap();
    let list = list.split(')').next().unwrap();
    list.split(", ").map(str::to_owned).collect()
}

/// The cells of Grafana's grid, which is 24 wide.
fn area(position: &Value) -> Vec<(u64, u64)> {
    let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| position[key].as_u64().unwrap());
    assert!(x + w <= 24 && w > 0 && h > 0, "{position}");
    (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
