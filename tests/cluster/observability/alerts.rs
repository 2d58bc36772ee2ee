//! Each alert fires when it should, is silent otherwise, and says what to do.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use super::rules::{FILE, Rule, read, rules};
use crate::{
    chart::helm::Helm,
    support::{
        go::{Program, build},
        process::Folder,
    },
};

/// The cases of an alert in `alerts.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    fires: Vec<Case>,
    silent: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    after: String,
    /// A series and its samples.
    series: BTreeMap<String, String>,
    #[serde(default)]
    labels: Vec<BTreeMap<String, String>>,
    #[serde(default)]
    value: String,
}

#[test]
fn promtool_accepts_the_rules() {
    let Ok(promtool) = build(Program::Promtool) else { return };
    check(&promtool, Path::new(FILE));
}

#[test]
fn each_alert_fires_and_is_silent_when_it_should() {
    let Ok(promtool) = build(Program::Promtool) else { return };
    let cases: BTreeMap<String, Cases> =
        serde_saphyr::from_str(include_str!("alerts.yaml")).unwrap();
    let rules = rules();
    let mut tests = Vec::new();
    for rule in &rules {
        let cases = cases.get(&rule.alert).unwrap_or_else(|| panic!("no case for {}", rule.alert));
        assert!(!cases.fires.is_empty() && !cases.silent.is_empty(), "{}", rule.alert);
        for case in &cases.fires {
            assert!(!case.labels.is_empty(), "{}", rule.alert);
            tests.push(test(rule, case));
        }
        for case in &cases.silent {
            assert!(case.labels.is_empty(), "{}", rule.alert);
            tests.push(test(rule, case));
        }
    }
    assert_eq!(cases.len(), rules.len(), "a case of an alert that does not exist");

    let folder = Folder::new("alerts");
    let file = json!({"rule_files": [FILE], "evaluation_interval": "1m", "tests": tests});
    let file = folder.write("tests.yaml", file.to_string());
    run(Command::new(&promtool).args(["test", "rules"]).arg(file));
}

/// In promtool's format.
fn test(rule: &Rule, case: &Case) -> Value {
    let series: Vec<_> = case
        .series
        .iter()
        .map(|(series, values)| json!({"series": series, "values": values}))
        .collect();
    let alerts: Vec<_> = case.labels.iter().map(|labels| alert(rule, case, labels)).collect();
    json!({
        "name": format!("{} after {}", rule.alert, case.after),
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [
            {"alertname": rule.alert, "eval_time": case.after, "exp_alerts": alerts},
        ],
    })
}

fn alert(rule: &Rule, case: &Case, labels: &BTreeMap<String, String>) -> Value {
    let text = |template: &str| expand(template, labels, &case.value);
    let mut all = rule.labels.clone();
    all.extend(labels.iter().map(|(name, value)| (name.clone(), json!(value))));
    json!({"exp_labels": all, "exp_annotations": {
        "summary": text(&rule.annotations.summary),
        "description": text(&rule.annotations.description),
        "runbook_url": rule.annotations.runbook_url,
    }})
}

/// Expands the parts of Prometheus' templates that our texts use; a label that the alert lacks is an error.
fn expand(template: &str, labels: &BTreeMap<String, String>, value: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{ ") {
        let (inside, after) = after.split_once(" }}").unwrap();
        text += before;
        text += match inside.strip_prefix("$labels.") {
            Some(label) => labels.get(label).unwrap_or_else(|| panic!("no {label}: {template}")),
            None => {
                assert_eq!(inside, "$value | humanizeDuration");
                value
            }
        };
        rest = after;
    }
    text + rest
}

#[test]
fn each_alert_has_a_severity_and_a_remedy() {
    let page = read("docs/alerts.md");
    let mut sections: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    for rule in rules() {
        let Rule { alert, labels, annotations, .. } = &rule;
        let severity = labels["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{alert}: {severity}");
        assert!(annotations.summary.len() < 200, "{alert}");
        assert!(annotations.description.ends_with('.'), "{alert}");
        let (_, anchor) = annotations.runbook_url.split_once("/docs/alerts.md#").unwrap();
        assert_eq!(anchor, alert.to_lowercase());
        let (_, section) = page.split_once(&format!("\n## {alert}\n")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        assert!(section.contains("**What breaks**"), "{alert}");
        assert!(section.contains("**What to do**"), "{alert}");
        sections.retain(|section| section != alert);
    }
    assert!(sections.is_empty(), "of no alert: {sections:?}");
}

#[test]
fn links_within_the_page_lead_somewhere() {
    let page = read("docs/alerts.md");
    let headings: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase).collect();
    for link in page.split("](#").skip(1) {
        let anchor = link.split(')').next().unwrap().to_owned();
        assert!(headings.contains(&anchor), "#{anchor}");
    }
}

#[test]
fn the_chart_installs_the_same_alerts_for_its_own_namespace_and_timeout() {
    let Ok(promtool) = build(Program::Promtool) else { return };
    let Ok(helm) = Helm::v4() else { return };
    let rendered = helm.template(&["metrics.prometheusRule.enabled=true"]);
    assert_eq!(groups(&rendered), file_groups(|text| text), "as in the file");

    let args = ["template", "x", "charts/portcullis", "--namespace=guard", "--set"];
    let values = "metrics.prometheusRule.enabled=true,webhooks.mutating.timeoutSeconds=3";
    let rendered = crate::chart::helm::objects(&helm.run(&[&args[..], &[values]].concat()));
    let expected = file_groups(|text| {
        text.replace(r#"namespace="portcullis""#, r#"namespace="guard""#).replace("> 2.5", "> 1.5")
    });
    assert_eq!(groups(&rendered), expected);

    let folder = Folder::new("rendered-rules");
    let text = json!({"groups": groups(&rendered)}).to_string();
    check(&promtool, &folder.write("rules.yaml", text));
}

fn groups(objects: &[Value]) -> Value {
    let rule = objects.iter().find(|object| object["kind"] == "PrometheusRule").unwrap();
    rule["spec"]["groups"].clone()
}

fn file_groups(change: impl Fn(String) -> String) -> Value {
    let text = change(std::fs::read_to_string(FILE).unwrap());
    let file: Value = serde_saphyr::from_str(&text).unwrap();
    file["groups"].clone()
}

fn check(promtool: &Path, rules: &Path) {
    run(Command::new(promtool).args(["check", "rules", "--lint=all", "--lint-fatal"]).arg(rules));
}

/// promtool writes failures to both.
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}
