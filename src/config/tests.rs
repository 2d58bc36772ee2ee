use policy::{
    config::{Exemptions, Mode, Overrides},
    harden,
    pss::Defaults,
};
use std::{collections::BTreeSet, path::Path, sync::Arc};

use tempfile::TempDir;

use super::*;

const UPSTREAM: &str =
    "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n";
const OWN: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    parsed_by_all(text, Path::new("config.yaml"))
}

/// Parses a text with each reader, and compares the results: that of `config validate` for a file and for standard
/// input, and that of `serve`.
#[track_caller]
pub(super) fn parsed_by_all(text: &str, name: &Path) -> Result<Config, ConfigError> {
    let result = super::parse(text, name);
    assert_eq!(load_from(text.as_bytes(), name), result, "{text}");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    let named = |error: ConfigError| {
        let problems = error.problems.into_iter().map(|problem| {
            assert_eq!(problem.file, file.to_str().unwrap(), "{text}");
            Problem { file: name.to_str().unwrap().to_owned(), ..problem }
        });
        ConfigError { problems: problems.collect() }
    };
    let served = Live::of_file(file.clone(), Overrides::default());
    let served = served.map(|live| Config::clone(&live.current())).map_err(named);
    assert_eq!(served, result, "{text}");
    assert_eq!(load(&file).map_err(named), result, "{text}");
    result
}

#[track_caller]
fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn bad(text: &str, error: &str) {
    assert_eq!(parse(text).unwrap_err().to_string(), error, "\n{text}");
}

fn words(defaults: &Defaults) -> String {
    let Defaults { enforce, audit, warn } = defaults;
    format!("{enforce} {audit} {warn}")
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn an_empty_file_is_upstreams_default() {
    let config = good("");
    assert_eq!(words(&config.defaults), "privileged:latest privileged:latest privileged:latest");
    assert_eq!(config.harden.mode, harden::Mode::Off);
    assert_eq!(config.mode, Mode::Enforce);
    assert_eq!(config, good(UPSTREAM));
}

#[test]
fn a_pod_security_configuration_reads_as_upstream_reads_it() {
    let config = good(&format!(
        "{UPSTREAM}
defaults:
  enforce: baseline
  enforce-version: v1.7
  warn: \"\"
  audit: null
exemptions:
  usernames: [alice, \"system:serviceaccount:a:b\", \"*\"]
  namespaces: [kube-system, '0']
  runtimeClasses: [special, a.b-c.d]
"
    ));
    assert_eq!(words(&config.defaults), "baseline:v1.7 privileged:latest privileged:latest");
    assert_eq!(
        config.exemptions,
        Exemptions {
            usernames: set(&["alice", "system:serviceaccount:a:b", "*"]),
            namespaces: set(&["kube-system", "0"]),
            runtime_classes: set(&["special", "a.b-c.d"]),
        }
    );
    assert_eq!(config.harden.mode, harden::Mode::Off);
}

#[test]
fn every_version_and_json_are_read() {
    for version in ["v1", "v1beta1", "v1alpha1"] {
        let config = good(&format!(
            "{{\n\t\"apiVersion\":\"pod-security.admission.config.k8s.io/{version}\",\n\t\"kind\":\"PodSecurityConfiguration\",\n\t\"defaults\":{{\"enforce\":\"baseline\"}},\"exemptions\":null}}\n"
        ));
        assert_eq!(config.defaults.enforce.to_string(), "baseline:latest");
    }
}

#[test]
fn an_admission_configuration_holds_one_inline() {
    let config = good(
        "apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: EventRateLimit
  path: eventconfig.yaml
  configuration: {whatever: 1}
- name: PodSecurity
  path: not-read.yaml
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: restricted}
",
    );
    assert_eq!(config.defaults.enforce.to_string(), "restricted:latest");
}

#[test]
fn an_admission_configuration_names_a_file_beside_it() {
    let folder = TempDir::new().unwrap();
    let outer = folder.path().join("admission.yaml");
    let inner = folder.path().join("pss.yaml");
    let text = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: [{name: PodSecurity, path: pss.yaml}]\n";
    fs::write(&outer, text).unwrap();
    let missing = load(&outer).unwrap_err().to_string();
    let expected = "pss.yaml: cannot be read: No such file or directory (os error 2)";
    assert!(missing.ends_with(expected), "{missing}");
    fs::write(&inner, format!("{UPSTREAM}defaults: {{warn: baseline}}\n")).unwrap();
    let config = load(&outer).unwrap();
    assert_eq!(config.defaults.warn.to_string(), "baseline:latest");
    // Only a PodSecurityConfiguration is allowed here: a file that names itself would never end.
    fs::write(&inner, text).unwrap();
    let error = load(&outer).unwrap_err();
    assert_eq!(error.problems[0].at, Some((1, 13)));
    assert_eq!(
        error.problems[0].text,
        "apiVersion and kind: \"apiserver.config.k8s.io/v1\" \"AdmissionConfiguration\": must be pod-security.admission.config.k8s.io/v1 (v1beta1, v1alpha1) PodSecurityConfiguration"
    );
}

#[test]
fn ours_starts_from_the_embedded_default() {
    assert_eq!(good(OWN), Config::embedded());
    let shown = format!(
        "{OWN}
mode: enforce                 # or dry-run
defaults: {{enforce: baseline, audit: restricted, warn: restricted}}
exemptions: {{usernames: [], namespaces: [], runtimeClasses: []}}
harden:
  mode: auto                  # or apply, report, off
  runAsNonRoot: true
  seccompProfile: RuntimeDefault
  dropCapabilities: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: false
  emptyDirs: []
  automountServiceAccountToken: true
  appArmorProfile: Unset
  hostUsers: true
  resources: {{requests: {{}}, limits: {{}}}}
"
    );
    assert_eq!(good(&shown), Config::embedded());
    let other = good(&format!(
        "{OWN}
mode: dry-run
defaults: {{audit-version: v1.30}}
harden:
  mode: off
  runAsNonRoot: false
  seccompProfile: Unset
  dropCapabilities: false
  allowPrivilegeEscalation: true
  readOnlyRootFilesystem: true
  emptyDirs: [/var/run, /tmp]
  automountServiceAccountToken: false
  appArmorProfile: RuntimeDefault
  hostUsers: false
  resources:
    requests: {{cpu: 10m, memory: 64Mi}}
    limits: {{memory: 256Mi, ephemeral-storage: \"1\"}}
"
    ));
    let amount = |text: &str| text.parse::<harden::Amount>().unwrap();
    assert_eq!(other.mode, Mode::DryRun);
    assert_eq!(words(&other.defaults), "baseline:latest restricted:v1.30 restricted:latest");
    assert_eq!(
        other.harden,
        harden::Settings {
            mode: harden::Mode::Off,
            run_as_non_root: false,
            seccomp_profile: false,
            drop_capabilities: false,
            no_privilege_escalation: false,
            read_only_root_filesystem: true,
            no_service_account_token: true,
            empty_dirs: ["/tmp", "/var/run"]
                .map(|path| harden::MountPath::parse(path).unwrap())
                .into(),
            app_armor_profile: true,
            user_namespace: true,
            resources: harden::Resources {
                requests: [
                    (harden::Resource::Cpu, amount("10m")),
                    (harden::Resource::Memory, amount("64Mi")),
                ]
                .into(),
                limits: [
                    (harden::Resource::Memory, amount("256Mi")),
                    (harden::Resource::EphemeralStorage, amount("1")),
                ]
                .into(),
            },
        }
    );
}

#[test]
fn values_that_hardening_cannot_set_are_refused_by_their_place() {
    let nine: Vec<_> = (0..9).map(|i| format!("/d{i}")).collect();
    let nine = format!("emptyDirs: [{}]", nine.join(", "));
    for (line, told) in [
        ("emptyDirs: /tmp", "harden.emptyDirs: must be a list, but is the string \"/tmp\""),
        ("emptyDirs: [tmp]", "harden.emptyDirs[0]: \"tmp\": must be an absolute path"),
        ("emptyDirs: [/tmp, /proc/x]", "harden.emptyDirs[1]: \"/proc/x\": must not be in /dev"),
        (
            "emptyDirs: [/tmp, /tmp]",
            "harden.emptyDirs[1]: \"/tmp\": must not overlap \"/tmp\": leave one of them out",
        ),
        (
            "emptyDirs: [/tmp/a, /tmp]",
            "harden.emptyDirs[1]: \"/tmp\": must not overlap \"/tmp/a\": leave one of them out",
        ),
        (&nine, "harden.emptyDirs[8]: a list may have at most 8 items"),
        ("appArmorProfile: Localhost", "harden.appArmorProfile: \"Localhost\": must be one of"),
        ("hostUsers: RuntimeDefault", "harden.hostUsers: must be a boolean"),
        ("resources: {cpu: 1}", "unknown field \"harden.resources.cpu\": allowed are requests"),
        (
            "resources: {limits: {nvidia.com/gpu: \"1\"}}",
            "unknown field \"harden.resources.limits[nvidia.com/gpu]\": allowed are cpu, ephemeral-",
        ),
        (
            "resources: {requests: {cpu: 1}}",
            "harden.resources.requests.cpu: must be a string, but is the number 1: write \"1\" in quotes",
        ),
        (
            "resources: {requests: {cpu: 1KiB}}",
            "harden.resources.requests.cpu: \"1KiB\": must be a quantity",
        ),
        (
            "resources: {limits: {cpu: 0m}}",
            "harden.resources.limits.cpu: \"0m\": must be more than 0",
        ),
        (
            "resources: {requests: {cpu: 1001m}, limits: {cpu: \"1\"}}",
            "harden.resources.requests.cpu: must not be above harden.resources.limits.cpu",
        ),
    ] {
        let error = parse(&format!("{OWN}\nharden:\n  {line}\n"));
        let problems = error.unwrap_err().problems;
        assert_eq!(problems.len(), 1, "{line}: {problems:?}");
        assert!(problems[0].text.starts_with(told), "{line}: {:?}", problems[0].text);
        assert_eq!(problems[0].at.map(|(line, _)| line), Some(5), "{line}");
    }
}

#[test]
fn standalone_enforces_restricted() {
    let config = Config::standalone();
    assert_eq!(words(&config.defaults), "restricted:latest restricted:latest restricted:latest");
    assert_eq!(config.harden.mode, harden::Mode::Auto);
}

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

#[test]
fn nothing_without_a_name_is_exempt() {
    let exemptions = Exemptions {
        usernames: set(&["", "alice"]),
        namespaces: set(&["", "a"]),
        runtime_classes: set(&["", "b"]),
    };
    assert!(exemptions.user("alice") && exemptions.namespace("a") && exemptions.runtime_class("b"));
    assert!(!exemptions.user("") && !exemptions.namespace("") && !exemptions.runtime_class(""));
    assert!(!exemptions.user("Alice"));
}

#[test]
fn flags_go_over_the_file() {
    let off = Overrides::default();
    assert_eq!(off.over(Config::embedded()), Config::embedded());
    let dry = good(&format!("{OWN}mode: dry-run\n"));
    assert_eq!(off.over(dry).mode, Mode::DryRun);
    let overrides = Overrides { dry_run: true, harden: Some(harden::Mode::Report) };
    let over = overrides.over(good(""));
    assert_eq!(over.mode, Mode::DryRun);
    assert_eq!(over.harden.mode, harden::Mode::Report);
}

#[test]
fn a_running_server_follows_its_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.yaml");
    let overrides = Overrides { dry_run: true, harden: None };
    assert!(Live::of_file(file.clone(), overrides).is_err());
    fs::write(&file, OWN).unwrap();
    let live = Live::of_file(file.clone(), overrides).unwrap();
    assert_eq!(*live.current(), overrides.over(Config::embedded()));
    assert_eq!(live.reload_once(), None);

    fs::write(&file, format!("{OWN}defaults: {{enforce: restricted}}\n")).unwrap();
    assert_eq!(live.reload_once(), Some(Change::Loaded));
    let restricted = overrides.over(Config::standalone());
    assert_eq!(*live.current(), restricted);

    // Reported once, and again only if it is invalid in another way.
    fs::write(&file, format!("{OWN}mode: x\n")).unwrap();
    let Some(Change::Refused(error)) = live.reload_once() else {
        panic!("a bad file was taken");
    };
    assert_eq!(live.reload_once(), None);
    assert_eq!(live.status().error, Some(error));
    fs::remove_file(&file).unwrap();
    assert!(matches!(live.reload_once(), Some(Change::Refused(_))));
    fs::write(&file, "").unwrap();
    assert!(matches!(live.reload_once(), Some(Change::Refused(_))));
    assert_eq!(*live.current(), restricted);

    fs::write(&file, format!("{OWN}defaults: {{enforce: restricted}}\n")).unwrap();
    assert_eq!(live.reload_once(), Some(Change::Recovered));
    assert_eq!(live.status().error, None);
    assert_eq!(live.reload_once(), None);
}

#[test]
fn an_empty_file_stays_good_for_who_started_with_it() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, "").unwrap();
    let live = Live::of_file(file, Overrides::default()).unwrap();
    assert_eq!(live.reload_once(), None);
    assert_eq!(Live::fixed(Config::standalone(), Overrides::default()).reload_once(), None);
}

#[tokio::test]
async fn the_file_is_read_again_and_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, OWN).unwrap();
    let live = Arc::new(Live::of_file(file.clone(), Overrides::default()).unwrap());
    fs::write(&file, format!("{OWN}mode: dry-run\n")).unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let run = Arc::clone(&live).run(std::time::Duration::from_millis(5), move |change| {
        let _ = tell.send(change);
    });
    tokio::select! {
        () = run => unreachable!("it never ends"),
        change = told.recv() => assert_eq!(change, Some(Change::Loaded)),
    }
    assert_eq!(live.current().mode, Mode::DryRun);
}
