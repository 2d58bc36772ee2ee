//! The texts of rules match the rules: the same ids in the same order, and manifests that violate them as configured.

use std::path::Path;

use policy::{pss::Pod, rules::RULES};
use portcullis::{config, explain};

fn rules() -> impl Iterator<Item = explain::Text> {
    explain::all().filter(|text| text.control.is_none())
}

#[test]
fn every_rule_has_its_text_in_the_order_of_the_table() {
    assert_eq!(rules().map(|text| text.id).collect::<Vec<_>>(), RULES.map(|rule| rule.id));
}

/// With each form of the configuration in the text.
#[test]
fn a_bad_manifest_breaks_its_rule_and_a_good_one_does_not() {
    for text in rules() {
        let code = text.since.split('`').skip(1).step_by(2);
        for setting in code.filter_map(|code| code.strip_prefix("rules.")) {
            let file = format!(
                "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\nrules:\n  {setting}\n"
            );
            let config = config::parse(&file, Path::new("config.yaml")).unwrap();
            let [demand] = &config.policies.rules[..] else { panic!("{setting}") };
            let findings = |manifest: &str| {
                let value: serde_json::Value = serde_saphyr::from_str(manifest).unwrap();
                let json = value.to_string();
                let pod: Pod<'_> = serde_json::from_str(&json).unwrap();
                demand.check.findings(&pod)
            };
            assert_eq!(findings(text.good), [], "{}", text.id);
            let bad = findings(text.bad);
            assert!(!bad.is_empty(), "{}", text.id);
            for finding in &bad {
                // In `resources.requests.cpu`, only the configuration names the resource.
                let field = match text.id {
                    "rules/resources" => finding.path.rsplit_once('.').unwrap().0,
                    _ => finding.path.split(['.', '[']).next_back().unwrap(),
                };
                assert!(text.fields.contains(field), "{}: {field} is not named", text.id);
            }
        }
    }
}
