//! The report of a workload. Pure: values in, text out.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Value, json};

use policy::{
    dns,
    findings::{Audited, Identity, Lint, ReportedViolation, Severity},
    pss::Level,
};

use super::{MANAGED_BY, US, api::Api};

/// The annotation with the hash of the content: an up-to-date report is not written again.
pub(super) const HASH: &str = "portcullis.dev/hash";
/// The annotation with the number of results that did not fit.
const LEFT_OUT: &str = "portcullis.dev/results-left-out";
/// The labels with the levels that the workload meets, now and once hardened.
const LEVELS: [&str; 2] = ["portcullis.dev/level", "portcullis.dev/level-hardened"];

/// The prefix of report names, followed by the owner's uid. Other tools use the bare uid.
const PREFIX: &str = "portcullis-";

/// The maximum size of a report. The limit of etcd is 1.5 MB.
const MAX_BYTES: usize = 64 << 10;
/// The maximum number of lints in a report.
const MAX_LINTS: usize = 32;
/// The maximum length of an object name in Kubernetes.
const MAX_NAME: usize = 253;
/// The maximum size of one text in a report, in bytes.
const MAX_TEXT: usize = 1000;

#[derive(Debug)]
pub(super) struct WorkloadReport {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) body: Vec<u8>,
}

impl WorkloadReport {
    /// The report of a workload with violations or lints. Other workloads need none: the metrics count them. The lints of
    /// other objects are ignored.
    pub(super) fn of(api: Api, audited: &Audited, lints: &[Lint]) -> Option<Self> {
        let workload = &audited.workload;
        // Both become object names and path segments, and an owner reference can contain anything.
        let is_name = dns::is_label(&audited.uid)
            && dns::is_label(&workload.identity.namespace)
            && workload.identity.name.len() <= MAX_NAME;
        let is_its = |lint: &&Lint| {
            (&lint.object.kind, &lint.object.name)
                == (&workload.identity.kind, &workload.identity.name)
        };
        let lints = lints.iter().filter(is_its).take(MAX_LINTS).map(of_lint);
        let results: Vec<_> = workload.violations.iter().map(result).chain(lints).collect();
        if results.is_empty() || !is_name || workload.exempt.is_some() {
            return None;
        }
        let mut kept = results.len();
        loop {
            let report = Self::with(api, audited, &results, kept);
            if report.body.len() <= MAX_BYTES || kept == 0 {
                return Some(report);
            }
            kept -= 1;
        }
    }

    /// The report with the first `kept` results.
    fn with(api: Api, audited: &Audited, all: &[Value], kept: usize) -> Self {
        let Audited { workload, uid, .. } = audited;
        let Identity { api_version, kind, namespace, name: of } = &workload.identity;
        let name = format!("{PREFIX}{uid}");
        let levels = [workload.levels_met.now, workload.levels_met.hardened].map(Level::as_str);
        let results = all.get(..kept).unwrap_or_default();
        let fails = workload.violations.iter().filter(|broken| is_fail(broken)).count();
        let warns = all.len() - fails;
        let mut report = json!({
            "apiVersion": api.version(),
            "kind": api.kind(),
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {MANAGED_BY: US, LEVELS[0]: levels[0], LEVELS[1]: levels[1]},
                "annotations": {},
                "ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": of, "uid": uid}],
            },
            "scope": {
                "apiVersion": api_version,
                "kind": kind,
                "namespace": namespace,
                "name": of,
                "uid": uid,
            },
            "summary": {"pass": 0, "fail": fails, "warn": warns, "error": 0, "skip": 0},
            "results": results,
        });
        if api == Api::OpenReports {
            put(&mut report, "", "source", US.into());
        }
        let left_out = all.len() - kept;
        if left_out > 0 {
            put(&mut report, "/metadata/annotations", LEFT_OUT, left_out.to_string().into());
        }
        let hash = hash(&report);
        put(&mut report, "/metadata/annotations", HASH, hash.as_str().into());
        Self { namespace: namespace.clone(), name, hash, body: report.to_string().into_bytes() }
    }
}

/// Whether Portcullis may have written a report of this name.
pub(super) fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(dns::is_label)
}

fn put(object: &mut Value, pointer: &str, key: &str, value: Value) {
    if let Some(Value::Object(map)) = object.pointer_mut(pointer) {
        map.insert(key.to_owned(), value);
    }
}

fn result(broken: &ReportedViolation) -> Value {
    let (policy, category, severity) = match broken.requirement.level() {
        Some(Level::Privileged | Level::Baseline) => {
            ("pod-security-baseline", "Pod Security Standards (Baseline)", "high")
        }
        Some(Level::Restricted) => {
            ("pod-security-restricted", "Pod Security Standards (Restricted)", "medium")
        }
        None => ("portcullis-rules", "Rules beside the Pod Security Standards", "medium"),
    };
    let fix = listed(broken.message.split("; "), "; ", 0);
    json!({
        "source": US,
        "policy": policy,
        "rule": broken.requirement.id(),
        "category": category,
        "severity": severity,
        "result": if is_fail(broken) { "fail" } else { "warn" },
        "scored": is_fail(broken),
        "message": format!("{}; fix: {fix}", broken.requirement.reason()),
        "properties": {
            "fields": listed(broken.fields(), ", ", broken.more),
            "fix": fix,
            "hardening": if broken.is_hardened() { "sets it" } else { "cannot set it" },
        },
    })
}

/// A lint never fails: it has no effect on the verdict.
fn of_lint(lint: &Lint) -> Value {
    let Lint { rule, field, message, .. } = lint;
    json!({
        "source": US,
        "policy": "portcullis-lints",
        "rule": rule.id(),
        "category": "Settings without effect",
        "severity": "info",
        "result": "warn",
        "scored": false,
        "message": listed(std::iter::once(&*format!("{}: {message}", rule.reason())), "", 0),
        "properties": {"fields": listed(std::iter::once(&**field), "", 0)},
    })
}

/// Whether the namespace enforces the control.
fn is_fail(broken: &ReportedViolation) -> bool {
    broken.severity == Severity::Error
}

/// As many texts as fit.
fn listed<'t>(texts: impl Iterator<Item = &'t str>, separator: &str, more: usize) -> String {
    let mut all = String::new();
    let mut left_out = more;
    for text in texts {
        if all.len() + separator.len() + text.len() > MAX_TEXT {
            left_out += 1;
            continue;
        }
        if !all.is_empty() {
            all.push_str(separator);
        }
        all.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    if left_out > 0 {
        all.push_str(&format!(" and {left_out} more"));
    }
    all
}

/// Equal for equal content in all replicas of one version. Versions may differ, since their texts may differ anyway.
fn hash(report: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    report.to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use policy::{
        config::Config,
        findings::{Policy, Workload, lint},
        pss::Pod,
    };

    /// An audited pod in a namespace that enforces this level.
    fn audited(spec: &Value, enforced: Level) -> Audited {
        let text = serde_json::json!({ "spec": spec }).to_string();
        let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
        let identity = Identity {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        let config = Config::embedded();
        let mut policy =
            Policy::new(config, Some(Level::Restricted), None, None, SystemTime::now());
        policy.fail_on = enforced;
        let workload = Workload::judge(identity, &[pod.into()], &policy);
        Audited { workload, uid: "0-1".to_owned(), pods: 1 }
    }

    fn read(report: &WorkloadReport) -> Value {
        serde_json::from_slice(&report.body).unwrap()
    }

    #[test]
    fn equal_findings_have_equal_texts_and_others_do_not() {
        let spec = serde_json::json!({"containers": [{"name": "a"}]});
        let hash = |api, level| WorkloadReport::of(api, &audited(&spec, level), &[]).unwrap().hash;
        let first = hash(Api::OpenReports, Level::Baseline);
        assert_eq!(first, hash(Api::OpenReports, Level::Baseline));
        assert_ne!(first, hash(Api::OpenReports, Level::Restricted), "it is enforced there");
        assert_ne!(first, hash(Api::WgPolicy, Level::Baseline));
    }

    #[test]
    fn each_api_gets_its_own_form() {
        let spec = serde_json::json!({"containers": [{"name": "a"}]});
        let of =
            |api| read(&WorkloadReport::of(api, &audited(&spec, Level::Restricted), &[]).unwrap());
        let (open, older) = (of(Api::OpenReports), of(Api::WgPolicy));
        assert_eq!((&open["kind"], &older["kind"]), (&"Report".into(), &"PolicyReport".into()));
        assert_eq!((&open["source"], &older["source"]), (&US.into(), &Value::Null));
        for report in [open, older] {
            assert_eq!(report["summary"]["fail"], 4);
            assert_eq!(report["metadata"]["name"], "portcullis-0-1");
        }
    }

    #[test]
    fn what_breaks_nothing_or_has_no_proper_uid_has_no_report() {
        let spec = serde_json::json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}, "containers": []});
        assert!(
            WorkloadReport::of(Api::OpenReports, &audited(&spec, Level::Baseline), &[]).is_none()
        );
        let mut bad = audited(&serde_json::json!({"hostPID": true}), Level::Baseline);
        assert!(WorkloadReport::of(Api::OpenReports, &bad, &[]).is_some());
        for uid in ["", "a/b", "../x", "A", "a?b"] {
            uid.clone_into(&mut bad.uid);
            assert!(WorkloadReport::of(Api::OpenReports, &bad, &[]).is_none(), "{uid}");
        }
    }

    #[test]
    fn lints_of_the_workload_are_results_that_never_fail() {
        let spec = serde_json::json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}, "containers": []});
        let audited = audited(&spec, Level::Baseline);
        let applied = r#"{"spec":{"hostnetwork":true}}"#;
        let mut lints = lint::of_text(applied, &audited.workload.identity);
        let other = Identity { name: "other".to_owned(), ..audited.workload.identity.clone() };
        lints.extend(lint::of_text(applied, &other));
        let report = read(&WorkloadReport::of(Api::OpenReports, &audited, &lints).unwrap());
        assert_eq!(report["summary"]["warn"], 1);
        assert_eq!(report["summary"]["fail"], 0);
        let [result] = report["results"].as_array().unwrap().as_slice() else { panic!("{report}") };
        assert_eq!(
            (&result["rule"], &result["result"]),
            (&"lint/unknown-field".into(), &"warn".into())
        );
        assert_eq!(result["properties"]["fields"], "spec.hostnetwork");
    }

    #[test]
    fn a_report_stays_small_however_much_is_wrong() {
        let container = |index: usize| {
            serde_json::json!({
                "name": format!("container-with-a-long-name-{index}"),
                "securityContext": {
                    "privileged": true,
                    "runAsUser": 0,
                    "procMount": "Unmasked",
                    "seLinuxOptions": {"type": "x".repeat(300), "user": "\"\"\"\u{7}".repeat(99)},
                    "seccompProfile": {"type": "Unconfined"},
                    "appArmorProfile": {"type": "Unconfined"},
                    "capabilities": {"add": ["SYS_ADMIN", "\"\n\u{1}".repeat(200)]},
                },
                "ports": [{"hostPort": 1}],
            })
        };
        let spec = serde_json::json!({
            "hostPID": true,
            "containers": (0..500).map(container).collect::<Vec<_>>(),
            "volumes": [{"name": "a", "hostPath": {"path": "/"}}],
        });
        let report =
            WorkloadReport::of(Api::OpenReports, &audited(&spec, Level::Baseline), &[]).unwrap();
        assert!(report.body.len() <= MAX_BYTES, "{}", report.body.len());
        let report = read(&report);
        let results = report["results"].as_array().unwrap();
        assert!(results.len() > 10, "{}", results.len());
        let fields = report["results"][0]["properties"]["fields"].as_str().unwrap();
        assert!(fields.ends_with(" more") && fields.len() < MAX_TEXT + 20, "{fields}");
        let counted = ["fail", "warn"].map(|key| report["summary"][key].as_u64().unwrap());
        assert!(counted.iter().sum::<u64>() >= results.len() as u64);
        assert!(!report.to_string().contains("\\u00"), "no control characters");
    }
}
