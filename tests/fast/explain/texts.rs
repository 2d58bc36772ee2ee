//! The statements of each text about its control are true, by the table and by judging its manifests.

use std::collections::BTreeSet;

use policy::{
    harden::{self, Mode, Scope, Settings},
    pss::{Level, Minor, NEWEST, Pod, evaluate},
};
use portcullis::explain::{self, Text};

/// The API server requires these fields together, so the bad manifest also violates this control.
const ALSO: [(&str, &str); 1] = [("windowsHostProcess", "hostNamespaces")];

/// The ids that a manifest violates.
fn broken(manifest: &str, level: Level) -> Vec<&'static str> {
    judged(manifest, |pod| {
        evaluate(level, NEWEST, pod).iter().map(|(control, _)| control.id).collect()
    })
}

fn judged<T>(manifest: &str, judge: impl FnOnce(&Pod<'_>) -> T) -> T {
    let value: serde_json::Value = serde_saphyr::from_str(manifest).unwrap();
    assert_eq!((&value["apiVersion"], &value["kind"]), (&"v1".into(), &"Pod".into()), "{manifest}");
    let json = value.to_string();
    judge(&serde_json::from_str(&json).unwrap())
}

fn controls() -> impl Iterator<Item = (Text, &'static policy::pss::Control)> {
    explain::all().filter_map(|text| Some((text, text.control?)))
}

#[test]
fn a_bad_manifest_breaks_its_control_and_nothing_else() {
    for (text, control) in controls() {
        let mut expected = BTreeSet::from([text.id]);
        expected.extend(ALSO.iter().filter(|(id, _)| *id == text.id).map(|(_, also)| *also));
        let broken = broken(text.bad, control.level);
        assert_eq!(BTreeSet::from_iter(broken), expected, "{}", text.id);
    }
}

#[test]
fn a_good_manifest_meets_the_level() {
    for (text, control) in controls() {
        assert_eq!(broken(text.good, control.level), [""; 0], "{}", text.id);
    }
}

/// The two manifests show one change of one pod.
#[test]
fn the_manifests_are_of_one_pod() {
    for text in explain::all() {
        let name = |manifest: &str| {
            let value: serde_json::Value = serde_saphyr::from_str(manifest).unwrap();
            value["metadata"]["name"].clone()
        };
        assert_eq!(name(text.bad), name(text.good), "{}", text.id);
        assert_ne!(text.bad, text.good, "{}", text.id);
    }
}

/// At restricted, manifests of these rules also violate this control.
const BROKEN_ANYWAY: [(&str, &str); 2] =
    [("rules/hostPaths", "restrictedVolumes"), ("rules/hostPorts", "hostPorts")];

fn rules() -> impl Iterator<Item = Text> {
    explain::all().filter(|text| text.control.is_none())
}

#[test]
fn the_manifests_of_a_rule_are_restricted_but_for_what_it_is_about() {
    for text in rules() {
        let anyway = BROKEN_ANYWAY.iter().filter(|(id, _)| *id == text.id);
        let anyway: Vec<_> = anyway.map(|(_, control)| *control).collect();
        for manifest in [text.bad, text.good] {
            assert_eq!(broken(manifest, Level::Restricted), anyway, "{}: {manifest}", text.id);
        }
    }
}

/// The first code that begins with `rules.` is the configuration: the rule's name, and a mode or settings.
#[test]
fn a_rule_s_text_says_how_it_is_switched_on() {
    for text in rules() {
        let code = text.since.split('`').skip(1).step_by(2);
        let settings = code.filter_map(|code| code.strip_prefix("rules."));
        let settings: Vec<_> = settings.collect();
        assert!(!settings.is_empty(), "{}", text.id);
        for setting in settings {
            let value: serde_json::Value = serde_saphyr::from_str(setting).unwrap();
            let (name, value) = value.as_object().unwrap().iter().next().unwrap();
            assert_eq!(Some(&**name), text.id.strip_prefix("rules/"));
            let mode = value.get("mode").unwrap_or(value);
            assert_eq!(mode, "warn", "{}: {setting}", text.id);
        }
    }
}

/// The two rules with a default in hardening.
#[test]
fn the_manifests_of_hardened_rules_are_changed_and_left_alone_by_hardening() {
    let on = Settings {
        mode: Mode::Apply,
        run_as_non_root: true,
        seccomp_profile: true,
        drop_capabilities: true,
        no_privilege_escalation: true,
        read_only_root_filesystem: false,
        no_service_account_token: false,
        ..Settings::default()
    };
    let root = Settings { read_only_root_filesystem: true, ..on.clone() };
    let token = Settings { no_service_account_token: true, ..on.clone() };
    let app_armor = Settings { app_armor_profile: true, ..on.clone() };
    let host_users = Settings { user_namespace: true, ..on };
    let hardened = [
        ("rules/readOnlyRootFilesystem", "readOnlyRootFilesystem", root),
        ("rules/serviceAccountToken", "automountServiceAccountToken", token),
        ("rules/appArmorProfile", "appArmorProfile", app_armor),
        ("rules/userNamespaces", "hostUsers", host_users),
    ];
    for (id, field, settings) in hardened {
        let text = explain::of(id).unwrap();
        let changes = |manifest: &str| {
            judged(manifest, |pod| {
                let changes = harden::plan(pod, &settings, Scope::Create);
                changes.iter().map(|change| change.field.name()).collect::<Vec<_>>()
            })
        };
        assert_eq!(changes(text.bad), [field]);
        assert_eq!(changes(text.good), [""; 0]);
        assert!(text.since.contains(&format!("`harden.{field}: ")), "{id}");
    }
}

/// `- v1.25: ...` for every revision of the table, and for no other.
#[test]
fn the_versions_are_those_of_the_table() {
    for (text, control) in controls() {
        let items = text.since.lines().filter_map(|line| line.strip_prefix("- v1."));
        let versions: Vec<_> =
            items.map(|item| Minor(item.split_once(": ").unwrap().0.parse().unwrap())).collect();
        let revisions: Vec<_> = control.revisions.iter().map(|revision| revision.since).collect();
        assert_eq!(versions, revisions, "{}", text.id);
    }
}

/// The text lists each field that a fix for the bad manifest sets.
#[test]
fn the_fields_that_are_found_are_named() {
    for (text, control) in controls() {
        let fields: Vec<String> = judged(text.bad, |pod| {
            let violations = evaluate(control.level, NEWEST, pod);
            let own = violations.iter().filter(|(control, _)| control.id == text.id);
            own.flat_map(|(_, findings)| findings)
                .map(|finding| finding.path.split(['.', '[']).next_back().unwrap().to_owned())
                .collect()
        });
        assert!(!fields.is_empty(), "{}", text.id);
        // A forbidden type of volume is a field itself; the text only lists the allowed types.
        if text.id == "restrictedVolumes" {
            continue;
        }
        for field in fields {
            assert!(text.fields.contains(&field), "{}: {field} is not named", text.id);
        }
    }
}

/// Everything in code that is documented as allowed, in volumes, capabilities, sysctls and SELinux types, passes.
#[test]
fn values_documented_as_allowed_are_allowed() {
    let allowed = |id: &str, within: &str| -> Vec<String> {
        let fields = explain::of(id).unwrap().fields.replace('\n', " ");
        let (_, item) = fields.split_once(within).unwrap();
        let item = item.split(" - `").next().unwrap();
        item.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let pod = |spec: String| format!("apiVersion: v1\nkind: Pod\nspec: {spec}");
    for volume in allowed("restrictedVolumes", "`: ") {
        let pod = pod(format!("{{volumes: [{{name: a, {volume}: {{}}}}]}}"));
        assert!(!broken(&pod, Level::Restricted).contains(&"restrictedVolumes"), "{volume}");
    }
    for name in allowed("sysctls", "`: ") {
        let pod = pod(format!("{{securityContext: {{sysctls: [{{name: {name}, value: '1'}}]}}}}"));
        assert_eq!(broken(&pod, Level::Baseline), [""; 0], "{name}");
    }
    for name in allowed("capabilities_baseline", "ephemeral container:") {
        let pod = pod(format!(
            "{{containers: [{{name: a, securityContext: {{capabilities: {{add: [{name}]}}}}}}]}}"
        ));
        let is_broken = broken(&pod, Level::Baseline).contains(&"capabilities_baseline");
        // The last two are documented as not allowed.
        assert_eq!(is_broken, name == "CAP_CHOWN" || name == "chown", "{name}");
    }
    for name in allowed("seLinuxOptions", "every container: ") {
        let pod = pod(format!("{{securityContext: {{seLinuxOptions: {{type: {name}}}}}}}"));
        assert_eq!(broken(&pod, Level::Baseline), [""; 0], "{name}");
    }
}

#[test]
fn no_line_is_too_long_for_a_terminal() {
    for text in explain::all() {
        for line in explain::page(&text).lines() {
            assert!(line.chars().count() <= 105, "{}: {line}", text.id);
        }
    }
}
