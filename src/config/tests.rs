use policy::{
    config::{Exemptions, Mode, Overrides},
    harden,
    pss::Defaults,
};
use std::{collections::BTreeSet, path::Path, sync::Arc};

use tempfile::TempDir;

use super::*;

mod problems;

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
