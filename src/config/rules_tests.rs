use std::path::Path;

use super::*;
use policy::rules::{Access, Check, HostPath, Mode, RULES};

const OWN: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n";

fn parse(rules: &str) -> Result<Config, ConfigError> {
    tests::parsed_by_all(&format!("{OWN}rules:\n{rules}"), Path::new("config.yaml"))
}

#[track_caller]
fn good(rules: &str) -> Vec<policy::rules::Demand> {
    parse(rules).unwrap_or_else(|error| panic!("{error}\n{rules}")).policies.rules.to_vec()
}

/// Checks the error for one rule, given by the text after `  NAME: `. Lines count from that rule.
#[track_caller]
fn bad(rule: &str, error: &str) {
    let text = parse(&format!("  {rule}\n")).unwrap_err().to_string();
    assert_eq!(
        text.replace("config.yaml:4:", "").replace("config.yaml:5:", "next:"),
        error,
        "{rule}"
    );
}

const EVERY: &str = r#"
  hostPorts: {mode: enforce, allowed: [9100, "30000-30010", 80-90]}
  hostPaths: {mode: enforce, allowed: [{path: /var/log, readOnly: true}, {path: //srv/./x/}]}
  addedCapabilities: {mode: audit, allowed: [NET_BIND_SERVICE, NET_RAW]}
  userNamespaces: {mode: warn}
  runAsUserRange: {mode: enforce, ranges: ["1000-65535"]}
  runAsGroup: {mode: enforce, ranges: ["1-65535"]}
  imageDigest: {mode: warn}
  imageTag: {mode: warn}
  imageRegistries: {mode: enforce, allowed: ["ghcr.io/acme/*", registry.example:5000]}
  resources: {mode: enforce, requests: [cpu, memory], limits: [memory], max: {memory: 4Gi, cpu: 2, nvidia.com/gpu: "1"}}
  seLinux: {mode: warn, allowed: [container_t, container_*]}
  seccompLocalhost: {mode: warn, allowed: ["profiles/*.json"]}
  appArmorProfile: {mode: warn, allowed: [RuntimeDefault, "localhost/k8s-*"]}
  defaultServiceAccount: {mode: warn}
  serviceAccountToken: {mode: warn}
  readOnlyRootFilesystem: {mode: enforce}
"#;

fn names(demands: &[policy::rules::Demand]) -> Vec<&'static str> {
    demands.iter().map(|demand| demand.check.rule().name()).collect()
}

#[test]
fn every_rule_is_read_and_stands_in_the_tables_order() {
    let table: Vec<_> = RULES.iter().map(|rule| rule.name()).collect();
    let demands = good(EVERY);
    assert_eq!(names(&demands), table);
    let modes: Vec<_> = demands.iter().map(|demand| demand.mode.as_str()).collect();
    let expected = "enforce warn warn warn warn warn enforce enforce warn warn enforce enforce warn audit enforce enforce";
    assert_eq!(modes.join(" "), expected);
}

#[test]
fn the_order_of_the_file_makes_no_difference() {
    let mut lines: Vec<_> = EVERY.lines().collect();
    lines.reverse();
    assert_eq!(good(&lines.join("\n")), good(EVERY));
    let one = good("  hostPaths: {mode: warn, allowed: [{path: /a}, {path: /b}]}\n");
    assert_eq!(one, good("  hostPaths: {mode: warn, allowed: [{path: /b}, {path: /a}]}\n"));
    let one = good("  imageRegistries: {mode: warn, allowed: [a.b/c, d.e]}\n");
    assert_eq!(one, good("  imageRegistries: {mode: warn, allowed: [D.E, a.b/c]}\n"));
}

#[test]
fn a_mode_alone_is_as_good_as_a_mapping() {
    for rule in RULES.iter().map(|rule| rule.name()) {
        assert_eq!(good(&format!("  {rule}: off\n")), [], "{rule}");
        assert_eq!(good(&format!("  {rule}: {{mode: off}}\n")), [], "{rule}");
        assert_eq!(good(&format!("  {rule}:\n")), [], "{rule}");
        if matches!(rule, "resources" | "imageRegistries") {
            continue;
        }
        let [short] = &good(&format!("  {rule}: audit\n"))[..] else { panic!("{rule}") };
        let [long] = &good(&format!("  {rule}: {{mode: audit}}\n"))[..] else { panic!("{rule}") };
        assert_eq!(short, long);
        assert_eq!((short.mode, short.check.rule().name()), (Mode::Audit, rule));
    }
}

#[test]
fn without_a_file_or_in_upstreams_no_rule_is_in_force() {
    assert_eq!(Config::embedded().policies.rules.to_vec(), []);
    assert_eq!(Config::standalone().policies.rules.to_vec(), []);
    assert_eq!(super::parse("", Path::new("x")).unwrap().policies.rules.to_vec(), []);
    let upstream = "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\nrules: {}\n";
    assert!(super::parse(upstream, Path::new("x")).is_err());
}

#[test]
fn settings_that_are_not_given_have_a_default() {
    let check = |rule: &str| good(&format!("  {rule}: warn\n"))[0].check.clone();
    let full = |rule: &str| good(&format!("  {rule}\n"))[0].check.clone();
    assert_eq!(
        check("appArmorProfile"),
        full("appArmorProfile: {mode: warn, allowed: [\"localhost/*\", RuntimeDefault]}")
    );
    for rule in ["runAsGroup", "runAsUserRange"] {
        assert_eq!(check(rule), full(&format!("{rule}: {{mode: warn, ranges: [1-2147483647]}}")));
    }
    for rule in ["seccompLocalhost", "seLinux", "addedCapabilities", "hostPaths", "hostPorts"] {
        assert_eq!(check(rule), full(&format!("{rule}: {{mode: warn, allowed: []}}")), "{rule}");
    }
    let paths = full("hostPaths: {mode: warn, allowed: [{path: /a}, {path: /b, readOnly: true}]}");
    let path = |path, access| HostPath::parse(path, access).unwrap();
    let expected = vec![path("/a", Access::ReadWrite), path("/b", Access::ReadOnly)];
    assert_eq!(paths, Check::HostPaths(expected));
}

#[test]
fn unknown_rules_fields_and_modes_are_refused() {
    let all = RULES.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", ");
    bad(
        "imagetag: warn",
        &format!(
            "3: unknown field \"rules.imagetag\" (did you mean \"imageTag\"?): allowed are {all}"
        ),
    );
    bad(
        "imageTag: warn\n  imageTag: off",
        "next:3: repeated key \"imageTag\": a mapping has each key once",
    );
    bad("imageTag: on", "13: rules.imageTag: \"on\": must be one of off, warn, audit, enforce");
    bad(
        "imageTag: true",
        "13: rules.imageTag: must be a mode or a mapping, but is the boolean true",
    );
    bad("imageTag: [warn]", "13: rules.imageTag: must be a mode or a mapping, but is a list");
    bad("imageTag: {}", "13: rules.imageTag.mode is missing");
    bad(
        "imageTag: {mode: Warn}",
        "20: rules.imageTag.mode: \"Warn\": must be one of off, warn, audit, enforce",
    );
    bad(
        "imageTag: {mode: warn, allowed: []}",
        "26: unknown field \"rules.imageTag.allowed\": allowed are mode",
    );
    bad(
        "hostPorts: {mode: warn, ranges: []}",
        "27: unknown field \"rules.hostPorts.ranges\": allowed are mode, allowed",
    );
    // Disabled rules are validated as strictly.
    bad(
        "seLinux: {mode: off, allowed: [\"\"]}",
        "34: rules.seLinux.allowed[0]: \"\": must not be empty",
    );
}

#[test]
fn rules_that_would_judge_nothing_or_everything_are_refused() {
    bad("imageRegistries: warn", "20: rules.imageRegistries.allowed is missing");
    bad(
        "imageRegistries: {mode: warn, allowed: []}",
        "20: rules.imageRegistries.allowed is missing",
    );
    bad("resources: warn", "14: rules.resources: must set one of: requests, limits, max");
    bad(
        "resources: {mode: warn, limits: [], max: {}}",
        "14: rules.resources: must set one of: requests, limits, max",
    );
    bad("runAsGroup: {mode: warn, ranges: []}", "36: rules.runAsGroup.ranges: must not be empty");
    bad(
        "appArmorProfile: {mode: warn, allowed: []}",
        "42: rules.appArmorProfile.allowed: must not be empty",
    );
}

#[test]
fn impossible_values_are_refused() {
    let long = "a".repeat(254);
    bad(
        &format!("seLinux: {{mode: warn, allowed: [{long}]}}"),
        &format!(
            "35: rules.seLinux.allowed[0]: \"{}\"...: must be at most 253 bytes long",
            &long[..80]
        ),
    );
    bad(
        "seLinux: {mode: warn, allowed: [\"*********\"]}",
        "35: rules.seLinux.allowed[0]: \"*********\": must have at most 8 \"*\"",
    );
    bad(
        "seLinux: {mode: warn, allowed: [a, b, a]}",
        "41: rules.seLinux.allowed[2]: \"a\": must not be listed twice",
    );
    bad(
        "seLinux: {mode: warn, allowed: a}",
        "34: rules.seLinux.allowed: must be a list, but is the string \"a\"",
    );
    bad(
        "seLinux: {mode: warn, allowed: [[a]]}",
        "35: rules.seLinux.allowed[0]: must be a string or a number, but is a list",
    );
    bad(
        "seLinux: {mode: warn, allowed: [null]}",
        "35: rules.seLinux.allowed[0]: must be a string or a number, but is null",
    );
    bad(
        "seccompLocalhost: {mode: warn, allowed: [../x]}",
        "44: rules.seccompLocalhost.allowed[0]: \"../x\": must be a path below the kubelet's seccomp folder: not absolute, without \"..\"",
    );
    bad(
        "appArmorProfile: {mode: warn, allowed: [Unconfined]}",
        "43: rules.appArmorProfile.allowed[0]: \"Unconfined\": must be RuntimeDefault or localhost/ and a name, such as \"localhost/k8s-*\"",
    );
    bad(
        "appArmorProfile: {mode: warn, allowed: [\"*\"]}",
        "43: rules.appArmorProfile.allowed[0]: \"*\": must be RuntimeDefault or localhost/ and a name, such as \"localhost/k8s-*\"",
    );
    bad(
        "imageRegistries: {mode: warn, allowed: [nginx]}",
        "43: rules.imageRegistries.allowed[0]: \"nginx\": must begin with a registry: docker.io/library/nginx, ghcr.io/acme, registry.example:5000",
    );
    bad(
        "addedCapabilities: {mode: warn, allowed: [CAP_NET_RAW]}",
        "45: rules.addedCapabilities.allowed[0]: \"CAP_NET_RAW\": must be a capability in upper case, without CAP_: NET_BIND_SERVICE",
    );
    bad(
        "addedCapabilities: {mode: warn, allowed: [net_raw]}",
        "45: rules.addedCapabilities.allowed[0]: \"net_raw\": must be a capability in upper case, without CAP_: NET_BIND_SERVICE",
    );
}

#[test]
fn impossible_numbers_are_refused() {
    bad(
        "runAsGroup: {mode: warn, ranges: [0]}",
        "37: rules.runAsGroup.ranges[0]: \"0\": must lie within 1-2147483647",
    );
    bad(
        "runAsUserRange: {mode: warn, ranges: [0-10]}",
        "41: rules.runAsUserRange.ranges[0]: \"0-10\": must lie within 1-2147483647",
    );
    bad(
        "runAsGroup: {mode: warn, ranges: [5-4]}",
        "37: rules.runAsGroup.ranges[0]: \"5-4\": must begin with the lower number",
    );
    bad(
        "hostPorts: {mode: warn, allowed: [65536]}",
        "37: rules.hostPorts.allowed[0]: \"65536\": must lie within 1-65535",
    );
    bad(
        "hostPorts: {mode: warn, allowed: [-1]}",
        "37: rules.hostPorts.allowed[0]: \"-1\": must be a number or a range such as \"30000-30010\"",
    );
    bad(
        "hostPorts: {mode: warn, allowed: [80.5]}",
        "37: rules.hostPorts.allowed[0]: \"80.5\": must be a number or a range such as \"30000-30010\"",
    );
    bad(
        "hostPorts: {mode: warn, allowed: [80-90, 85]}",
        "44: rules.hostPorts.allowed[1]: \"85\": must not overlap another range",
    );
    let many: Vec<_> = (1..=257).map(|port: u16| (port * 2).to_string()).collect();
    assert!(
        parse(&format!("  hostPorts: {{mode: warn, allowed: [{}]}}\n", many[..256].join(", ")))
            .is_ok()
    );
    let error = parse(&format!("  hostPorts: {{mode: warn, allowed: [{}]}}\n", many.join(", ")));
    let error = error.unwrap_err().to_string();
    assert!(
        error.ends_with("rules.hostPorts.allowed[256]: a list may have at most 256 items"),
        "{error}"
    );
}

#[test]
fn impossible_resources_are_refused() {
    let names = "must be a resource of containers: cpu, memory, ephemeral-storage, hugepages-2Mi, or one with a domain such as nvidia.com/gpu";
    for name in ["mem", "CPU", "hugepages-x", "a_b/c", "nvidia.com/"] {
        bad(
            &format!("resources: {{mode: warn, limits: [{name}]}}"),
            &format!("36: rules.resources.limits[0]: \"{name}\": {names}"),
        );
    }
    bad(
        "resources: {mode: warn, requests: [cpu, cpu]}",
        "43: rules.resources.requests[1]: \"cpu\": must not be listed twice",
    );
    bad(
        "resources: {mode: warn, max: {mem: 1Gi}}",
        &format!("33: rules.resources.max.mem: \"mem\": {names}"),
    );
    bad(
        "resources: {mode: warn, max: {cpu: 1, cpu: 2}}",
        "41: repeated key \"cpu\": a mapping has each key once",
    );
    let form = "must be a quantity, such as 2, 500m, 0.5, 512Mi, 1.5Gi or 1e3";
    bad(
        "resources: {mode: warn, max: {memory: 4GiB}}",
        &format!("41: rules.resources.max.memory: \"4GiB\": {form}"),
    );
    bad(
        "resources: {mode: warn, max: {memory: -1}}",
        &format!("41: rules.resources.max.memory: \"-1\": {form}"),
    );
    bad(
        "resources: {mode: warn, max: {memory: 0}}",
        "41: rules.resources.max.memory: \"0\": must be more than 0",
    );
    bad(
        "resources: {mode: warn, max: {memory: [1]}}",
        "41: rules.resources.max.memory: must be a string or a number, but is a list",
    );
    bad(
        "resources: {mode: warn, max: [memory]}",
        "32: rules.resources.max: must be a mapping, but is a list",
    );
}

#[test]
fn impossible_host_paths_are_refused() {
    let form = "must be a path that begins with \"/\", without \"..\", \"\\\" and \"*\": it is for all that is below it, too";
    for path in ["var/log", "/var/../etc", "C:\\logs", "/var\\log", "/var/*"] {
        bad(
            &format!("hostPaths: {{mode: warn, allowed: [{{path: '{path}'}}]}}"),
            &format!("44: rules.hostPaths.allowed[0].path: {path:?}: {form}"),
        );
    }
    bad(
        "hostPaths: {mode: warn, allowed: [{path: /a, readOnly: true}, {path: /a/}]}",
        "65: rules.hostPaths.allowed[1]: \"/a/\": must not be listed twice",
    );
    bad(
        "hostPaths: {mode: warn, allowed: [{readOnly: true}]}",
        "37: rules.hostPaths.allowed[0].path is missing",
    );
    bad(
        "hostPaths: {mode: warn, allowed: [/a]}",
        "37: rules.hostPaths.allowed[0]: must be a mapping, but is the string \"/a\"",
    );
    bad(
        "hostPaths: {mode: warn, allowed: [{path: /a, readonly: true}]}",
        "48: unknown field \"rules.hostPaths.allowed[0].readonly\" (did you mean \"readOnly\"?): allowed are path, readOnly",
    );
    bad(
        "hostPaths: {mode: warn, allowed: [{path: /a, readOnly: yes}]}",
        "58: rules.hostPaths.allowed[0].readOnly: must be a boolean, but is the string \"yes\"",
    );
}
