//! What a configuration must not say, with the place of each problem.

use super::*;

#[test]
fn fields_are_strict() {
    let top = "apiVersion, kind, defaults, exemptions";
    bad(
        &format!("{UPSTREAM}defualts:\n  enforce: baseline\n"),
        &format!(
            "config.yaml:3:1: unknown field \"defualts\" (did you mean \"defaults\"?): allowed are {top}"
        ),
    );
    bad(
        &format!("{UPSTREAM}mode: dry-run\n"),
        &format!("config.yaml:3:1: unknown field \"mode\": allowed are {top}"),
    );
    bad(
        &format!("{OWN}defaults:\n  enforce: baseline\n  Enforce: restricted\n"),
        "config.yaml:5:3: unknown field \"defaults.Enforce\" (did you mean \"enforce\"?): allowed are enforce, enforce-version, audit, audit-version, warn, warn-version",
    );
    bad(
        &format!("{OWN}exemptions: {{groups: [a]}}\n"),
        "config.yaml:3:14: unknown field \"exemptions.groups\": allowed are usernames, namespaces, runtimeClasses",
    );
    bad(
        &format!("{OWN}harden:\n  runAsUser: 1\n"),
        "config.yaml:4:3: unknown field \"harden.runAsUser\": allowed are mode, runAsNonRoot, seccompProfile, dropCapabilities, allowPrivilegeEscalation, readOnlyRootFilesystem, emptyDirs, automountServiceAccountToken, appArmorProfile, hostUsers, resources",
    );
    bad(
        &format!("{OWN}defaults:\n  enforce: baseline\n  enforce: restricted\n"),
        "config.yaml:5:3: repeated key \"enforce\": a mapping has each key once",
    );
    bad(
        &format!("{OWN}mode: enforce\nmode: enforce\n"),
        "config.yaml:4:1: repeated key \"mode\": a mapping has each key once",
    );
}

#[test]
fn values_are_validated_all_at_once() {
    bad(
        &format!(
            "{UPSTREAM}defaults:\n  enforce: baslein\n  enforce-version: v.122\n  audit: Restricted\n"
        ),
        "config.yaml:4:12: defaults.enforce: \"baslein\": must be one of privileged, baseline, restricted; \
         config.yaml:5:20: defaults.enforce-version: \"v.122\": must be \"latest\" or \"v1.x\"; \
         config.yaml:6:10: defaults.audit: \"Restricted\": must be one of privileged, baseline, restricted",
    );
    bad(
        &format!("{OWN}mode: audit\nharden:\n  mode: \"on\"\n  seccompProfile: Localhost\n"),
        "config.yaml:3:7: mode: \"audit\": must be one of enforce, dry-run; \
         config.yaml:5:9: harden.mode: \"on\": must be one of auto, apply, report, off; \
         config.yaml:6:19: harden.seccompProfile: \"Localhost\": must be one of RuntimeDefault, Unset",
    );
}

/// An error in every part, including those that are parsed separately.
const WRONG: [(&str, &str); 21] = [
    ("mode: audit", "mode: \"audit\""),
    ("defaults: {enforce: baselin}", "defaults.enforce: \"baselin\""),
    ("exemptions: {namespaces: [A]}", "exemptions.namespaces[0]: \"A\""),
    ("exceptions: {namespaces: [A]}", "exceptions.namespaces[0]: \"A\""),
    ("harden: {mode: on, resources: {cpu: 1}}", "harden.resources.cpu"),
    ("rules: {imagetag: enforce}", "\"rules.imagetag\" (did you mean \"imageTag\"?)"),
    ("rules: {imageTag: deny}", "rules.imageTag: \"deny\""),
    ("rules: {imageRegistries: {mode: deny}}", "rules.imageRegistries.allowed is missing"),
    ("rules: {imageRegistries: {mode: deny}}", "rules.imageRegistries.mode: \"deny\""),
    ("rules: {resources: {mode: warn, max: {mem: 1GiB}}}", "rules.resources.max.mem: \"mem\""),
    ("rules: {resources: {mode: warn, max: {cpu: 1GiB}}}", "rules.resources.max.cpu: \"1GiB\""),
    ("profiles: {x: {level: baselin}}", "profiles.x.level: \"baselin\""),
    ("profiles: {x: {level: b, namespaces: ['']}}", "profiles.x.namespaces[0]: \"\""),
    ("profiles: {X: {level: b}}", "profiles.X: must be a DNS-1123 label"),
    ("profiles: {X: {level: b}}", "profiles.X.level: \"b\""),
    (
        "profiles: {x: {level: baseline, allow: {capabilities: [a]}, require: {a: b}}}",
        "profiles.x.allow.capabilities[0]: \"a\"",
    ),
    (
        "profiles: {x: {level: baseline, allow: {a: b}, require: {a: b}}}",
        "\"profiles.x.require.a\"",
    ),
    ("floor: {level: low, exceptNamespaces: ['']}", "floor.level: \"low\""),
    ("floor: {level: low, exceptNamespaces: ['']}", "floor.exceptNamespaces[0]: \"\""),
    ("floor: {levle: low}", "\"floor.levle\" (did you mean \"level\"?)"),
    ("modes: enforce", "\"modes\" (did you mean \"mode\"?)"),
];

/// Fixing the reported problems reveals no further ones.
#[test]
fn no_problem_hides_another() {
    let problems = |lines: &[&str]| {
        let text = format!("{OWN}{}\n", lines.join("\n"));
        let error = parse(&text).unwrap_err();
        assert!(error.problems.is_sorted_by_key(|problem| problem.at), "{error}");
        error.problems.into_iter().map(|problem| problem.text).collect::<Vec<_>>()
    };
    for (line, expected) in WRONG {
        let found = problems(&[line]);
        assert!(found.iter().any(|text| text.contains(expected)), "{line}: {found:#?}");
        for (other, _) in WRONG {
            let field = |line: &'static str| line.split(':').next();
            if field(line) == field(other) {
                continue;
            }
            let both: BTreeSet<_> = problems(&[line, other]).into_iter().collect();
            let apart = found.iter().cloned().chain(problems(&[other]));
            assert_eq!(both, apart.collect(), "{line}\n{other}");
        }
    }
}

#[test]
fn a_file_that_is_named_hides_nothing_of_the_one_that_names_it() {
    let folder = TempDir::new().unwrap();
    let outer = folder.path().join("admission.yaml");
    let text = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugin: []\nplugins:\n- {name: PodSecurity, path: pss.yaml}\n- {nam: Other}\n";
    fs::write(&outer, text).unwrap();
    fs::write(
        folder.path().join("pss.yaml"),
        format!("{UPSTREAM}defaults: {{warn: a, audit: b}}\n"),
    )
    .unwrap();
    let places = load(&outer).unwrap_err().problems.into_iter().map(|problem| {
        let file = Path::new(&problem.file).file_name().unwrap().to_str().unwrap().to_owned();
        format!("{file}:{}", problem.at.unwrap().0)
    });
    let places: Vec<_> = places.collect();
    assert_eq!(places, ["admission.yaml:3", "admission.yaml:6", "pss.yaml:3", "pss.yaml:3"]);
}

#[test]
fn names_are_validated_as_upstream_validates_them() {
    let label = "must be a DNS-1123 label: lower-case letters, digits and \"-\", first and last a letter or digit, at most 63";
    let long = "a".repeat(64);
    bad(
        &format!(
            "{UPSTREAM}exemptions:\n  namespaces: [\"\", _&$%#, TEST, {long}, testing, testing]\n"
        ),
        &format!(
            "config.yaml:4:16: exemptions.namespaces[0]: \"\": {label}; \
             config.yaml:4:20: exemptions.namespaces[1]: \"_&$%#\": {label}; \
             config.yaml:4:27: exemptions.namespaces[2]: \"TEST\": {label}; \
             config.yaml:4:33: exemptions.namespaces[3]: \"{long}\": {label}; \
             config.yaml:4:108: exemptions.namespaces[5]: \"testing\": must not be listed twice"
        ),
    );
    let subdomain = "must be a DNS-1123 subdomain: lower-case letters, digits, \"-\" and \".\", each part's first and last a letter or digit, at most 253";
    bad(
        &format!("{UPSTREAM}exemptions:\n  runtimeClasses:\n  - a..b\n  - -a\n  - {long}.b\n"),
        &format!(
            "config.yaml:5:5: exemptions.runtimeClasses[0]: \"a..b\": {subdomain}; \
             config.yaml:6:5: exemptions.runtimeClasses[1]: \"-a\": {subdomain}"
        ),
    );
    bad(
        &format!("{UPSTREAM}exemptions:\n  usernames:\n  - ''\n  - bob\n  - null\n  - bob\n"),
        "config.yaml:5:5: exemptions.usernames[0]: \"\": must not be empty; \
         config.yaml:7:5: exemptions.usernames[2]: must be a string, but is null; \
         config.yaml:8:5: exemptions.usernames[3]: \"bob\": must not be listed twice",
    );
}

#[test]
fn types_are_strict() {
    bad(
        &format!(
            "{UPSTREAM}defaults: [enforce]\nexemptions:\n  usernames: alice\n  namespaces: [1, [a], true]\n"
        ),
        "config.yaml:3:11: defaults: must be a mapping, but is a list; \
         config.yaml:5:14: exemptions.usernames: must be a list, but is the string \"alice\"; \
         config.yaml:6:16: exemptions.namespaces[0]: must be a string, but is the number 1: write \"1\" in quotes; \
         config.yaml:6:19: exemptions.namespaces[1]: must be a string, but is a list; \
         config.yaml:6:24: exemptions.namespaces[2]: must be a string, but is the boolean true: write \"true\" in quotes",
    );
    bad(
        &format!("{OWN}harden:\n  runAsNonRoot: yes\n  dropCapabilities: 1\n"),
        "config.yaml:4:17: harden.runAsNonRoot: must be a boolean, but is the string \"yes\"; \
         config.yaml:5:21: harden.dropCapabilities: must be a boolean, but is the number 1",
    );
    bad("- a\n", "config.yaml:1:1: the file: must be a mapping, but is a list");
    // A private key that is given by mistake stays out of the log.
    for text in ["secret", "\"secret\"", "|\n  secret\n", "-----BEGIN PRIVATE KEY-----\nsecret\n"] {
        bad(text, "config.yaml: must be a mapping, but is a single text");
    }
    bad("# nothing\n", "config.yaml: must hold a document, but is empty");
}

#[test]
fn kinds_are_named() {
    let allowed = "must be pod-security.admission.config.k8s.io/v1 (v1beta1, v1alpha1) PodSecurityConfiguration, apiserver.config.k8s.io/v1 AdmissionConfiguration, portcullis.dev/v1alpha1 Configuration";
    bad(
        "kind: PodSecurityConfiguration\n",
        &format!("config.yaml:1:1: apiVersion is missing: {allowed}"),
    );
    bad(
        "apiVersion: ''\n",
        &format!(
            "config.yaml:1:1: apiVersion is missing: {allowed}; config.yaml:1:1: kind is missing: {allowed}"
        ),
    );
    bad(
        "apiVersion: 1\nkind: Configuration\n",
        "config.yaml:1:13: apiVersion: must be a string, but is the number 1: write \"1\" in quotes",
    );
    bad(
        "apiVersion: portcullis.dev/v1alpha1\n",
        &format!("config.yaml:1:1: kind is missing: {allowed}"),
    );
    for (version, kind) in [
        ("pod-security.admission.config.k8s.io/v99", "PodSecurityConfiguration"),
        ("apps/v1alpha1", "PodSecurityConfiguration"),
        ("portcullis.dev/v1alpha1", "PodSecurityConfiguration"),
        ("v1", "ConfigMap"),
    ] {
        bad(
            &format!("kind: {kind}\napiVersion: {version}\n"),
            &format!("config.yaml:2:13: apiVersion and kind: \"{version}\" \"{kind}\": {allowed}"),
        );
    }
}

#[test]
fn plugins_are_strict() {
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n";
    bad(
        &format!("{head}plugins: [{{name: Other}}]\n"),
        "config.yaml: plugins: one must be named \"PodSecurity\"",
    );
    bad(
        &format!("{head}plugins:\n- name: PodSecurity\n- name: PodSecurity\n  config: {{}}\n"),
        "config.yaml:5:3: plugins[1]: only one plugin may be named \"PodSecurity\"; \
         config.yaml:6:3: unknown field \"plugins[1].config\" (did you mean \"configuration\"?): allowed are name, path, configuration",
    );
    bad(
        &format!(
            "{head}plugins:\n- name: PodSecurity\n  configuration:\n    apiVersion: pod-security.admission.config.k8s.io/v1\n    kind: PodSecurityConfiguration\n    defaults: {{enforce: x}}\n"
        ),
        "config.yaml:8:25: plugins[0].configuration.defaults.enforce: \"x\": must be one of privileged, baseline, restricted",
    );
}

#[test]
fn one_document_of_yaml() {
    bad(
        &format!("{OWN}---\n{OWN}"),
        "config.yaml:4:1: must hold one document, but another one starts here",
    );
    good(&format!("---\n{OWN}...\n"));
    good(&format!("---\n{OWN}---\n# nothing\n"));
    for text in ["a: [", "a: b: c", "\t- x", "a: &x *x", "{\"a\":1,}}", "a: \"\\q\""] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with("config.yaml:1:"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn what_is_not_yaml_is_named_with_its_place() {
    bad(
        "a: 1\nb: \"\\q\"\n",
        "config.yaml:2:4: is not YAML that can be read: while parsing a quoted scalar, found unknown escape character",
    );
}

#[test]
fn an_error_is_one_bounded_line() {
    let items = "- \"\\e[31m\\n\"\n".repeat(100);
    let error =
        parse(&format!("{UPSTREAM}exemptions:\n  namespaces:\n{}", items.replace("- ", "  - ")));
    let text = error.unwrap_err().to_string();
    assert!(text.ends_with("; and 95 more"), "{text}");
    assert!(!text.contains(char::is_control), "{text}");
    let long = format!("{UPSTREAM}{}: 1\n", "x".repeat(1000));
    assert!(parse(&long).unwrap_err().to_string().len() < 300);
}

#[test]
fn aliases_cannot_swell() {
    let mut text = format!("{UPSTREAM}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{items}]\n"));
    }
    let error = parse(&text).unwrap_err().to_string();
    assert!(error.contains("is not YAML that can be read: alias"), "{error}");
}

#[test]
fn files_are_bounded_and_utf8() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.yaml");
    let error = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        load(&file).unwrap_err().problems[0].text.clone()
    };
    assert_eq!(error(&vec![b'#'; 1 << 21]), "is larger than the 1048576 bytes that are allowed");
    assert_eq!(error(b"kind: \xff"), "must be UTF-8, but byte 6 is not");
    let text = load(folder.path()).unwrap_err().problems[0].text.clone();
    assert_eq!(text, "cannot be read: Is a directory (os error 21)");
}
