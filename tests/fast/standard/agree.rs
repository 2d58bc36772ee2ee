//! One verdict: over generated pods, templates, labels, configurations and exceptions, both webhooks, `check`, `test`,
//! `audit` and `harden` agree on denials, advice and hardening.

use std::{collections::BTreeSet, convert::Infallible, env, sync::Arc};

use admission::{Effect, Hook, Outcome, Request, Review};
use policy::{
    findings::{
        LevelsMet, Modes, NamespaceLabels, Policy, Presence, ReportedViolation, Severity, Workload,
    },
    harden::{Decision, MissingDefault},
    pss::{FindingLimits, Level, NEWEST},
    requirement::Violation,
    verdict::{Context, ExceptionsAt, Form},
};
use portcullis::{
    audit::{self, Event, Templates},
    check,
    harden::Hardener,
    input::{Origin, Source},
    namespaces::{self, Definitions},
    output::{About, Details, Output, Report},
    policy_test,
};
use serde_json::{Value, json};

use crate::generator::{Generator, Random};

use super::{
    cluster::cluster,
    policies::{NAMESPACE, Policies},
};

/// The default number of generated policies.
const POLICIES: u64 = 60;
const POLICIES_VARIABLE: &str = "PORTCULLIS_AGREE_CASES";
/// The number of pods and templates per policy.
const OBJECTS: u64 = 12;

type Ids = BTreeSet<String>;

/// The findings for an object.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    is_exempt: bool,
    /// Ids of requirements that deny it.
    denied: Ids,
    /// Ids of rules that only warn or audit.
    advised: Ids,
    /// Names of the fields that hardening adds.
    hardened: Ids,
}

/// The webhook's response.
struct Asked {
    found: Found,
    /// The object as the API server stores it.
    stored: Value,
    /// The level that its pods meet, if they are judged.
    meets: Option<Level>,
}

/// The totals of all policies, to prove that the property was exercised.
#[derive(Debug, Default)]
struct Seen {
    denied: usize,
    allowed: usize,
    advised: usize,
    hardened: usize,
    exempt: usize,
    excepted: usize,
}

#[test]
fn every_command_gives_the_verdict_of_the_webhook() {
    let policies = env::var(POLICIES_VARIABLE).map_or(POLICIES, |count| count.parse().unwrap());
    let (generator, mut seen) = (Generator::new(), Seen::default());
    for number in 0..policies {
        let policies = Policies::random(&mut Random::new(!number));
        let objects: Vec<_> =
            (0..OBJECTS).map(|index| object(&generator, number * OBJECTS + index)).collect();
        agree(&policies, &objects, &mut seen);
    }
    let Seen { denied, allowed, advised, hardened, exempt, excepted } = seen;
    let all = [denied, allowed, advised, hardened, exempt, excepted];
    assert!(all.iter().all(|count| *count > 10), "{seen:?}");
}

fn agree(policies: &Policies, objects: &[Value], seen: &mut Seen) {
    let asked: Vec<_> = objects.iter().map(|object| policies.ask(object)).collect();
    let found: Vec<_> = asked.iter().map(|asked| &asked.found).collect();
    let shown = |index: usize| {
        format!(
            "{}\n{}\n{:?}\n{}",
            policies.config_text, policies.exceptions_text, policies.labels, objects[index]
        )
    };

    let tested = policies.test(objects);
    let checked = policies.check(objects, policies.form());
    assert_eq!((tested.len(), checked.len()), (objects.len(), objects.len()));
    for (index, found) in found.iter().enumerate() {
        assert_eq!(tested[index], **found, "test: {}", shown(index));
        let expected = Found { hardened: Ids::new(), ..clone(found) };
        assert_eq!(checked[index], expected, "check: {}", shown(index));
        seen.denied += usize::from(!found.denied.is_empty());
        seen.allowed += usize::from(found.denied.is_empty());
        seen.advised += usize::from(!found.advised.is_empty());
        seen.hardened += usize::from(!found.hardened.is_empty());
        seen.exempt += usize::from(found.is_exempt);
    }

    // A cluster contains what the webhook admitted: pods with its patch, templates unchanged.
    let stored: Vec<_> = asked.iter().map(|asked| asked.stored.clone()).collect();
    for (index, (workload, is_breaking)) in policies.audit(&stored).into_iter().enumerate() {
        let is_pod = objects[index]["kind"] == "Pod";
        let as_made = is_pod || policies.config.mode == policy::config::Mode::Enforce;
        // In dry run, neither pods nor the pods of templates are hardened.
        let expected = match as_made && !is_dry(policies) {
            true => clone(found[index]),
            false => policies.check(&objects[index..=index], Form::Written).remove(0),
        };
        let controls = ids(workload.violations.iter().filter(|it| it.severity == Severity::Error));
        assert_eq!(controls, expected.denied, "audit: {}", shown(index));
        let is_rule =
            |it: &&ReportedViolation| it.severity == Severity::Warning && it.requirement.is_rule();
        let rules = ids(workload.violations.iter().filter(is_rule));
        assert_eq!(rules, expected.advised, "audit: {}", shown(index));
        if let Some(meets) = asked[index].meets.filter(|_| as_made && !is_dry(policies)) {
            assert_eq!(workload.levels_met.now, meets, "audit: {}", shown(index));
        }
        assert_eq!(workload.exempt.is_some(), expected.is_exempt, "audit: {}", shown(index));
        assert_eq!(is_breaking, is_pod && !controls.is_empty(), "audit: {}", shown(index));
        seen.excepted += usize::from(!workload.exceptions.by.is_empty());
    }
    // `harden` knows no exceptions.
    if policies.exceptions.is_empty() && policies.hardening() == Decision::Apply {
        let mut definitions = Definitions::default();
        let namespace = policies.namespace().to_string();
        definitions.add("", namespace.as_bytes(), &policies.config);
        let hardener = Hardener::new(policies.config.clone()).with_namespaces(definitions);
        for (index, found) in found.iter().enumerate() {
            let mut object = objects[index].clone();
            object["metadata"]["namespace"] = json!(NAMESPACE);
            let edits = hardener.harden("", object.to_string().as_bytes()).map(|it| it.edits.len());
            // Texts that cannot be edited safely are left unchanged.
            if let Ok(edits) = edits {
                assert_eq!(edits > 0, !found.hardened.is_empty(), "harden: {}", shown(index));
            }
        }
    }
}

fn is_dry(policies: &Policies) -> bool {
    policies.config.mode == policy::config::Mode::DryRun
}

fn clone(found: &Found) -> Found {
    let Found { is_exempt, denied, advised, hardened } = found;
    let [denied, advised, hardened] = [denied, advised, hardened].map(Clone::clone);
    Found { is_exempt: *is_exempt, denied, advised, hardened }
}

/// A pod or a Deployment whose containers all have an image, so that it is not a patch.
fn object(generator: &Generator, number: u64) -> Value {
    let mut random = Random::new(number);
    let pod = (0..)
        .map(|more| generator.pod(number * 64 + more))
        .map(|text| serde_json::from_str::<Value>(&text).unwrap())
        .find(|pod| pod["spec"]["containers"].as_array().is_some_and(|all| !all.is_empty()));
    let mut pod = pod.unwrap();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            let image = *random.pick(&["registry.example/agent:1", "registry.example/app"]);
            if container.is_null() {
                *container = json!({"name": "empty"});
            }
            container["image"] = json!(image);
        }
    }
    if random.one_in(8) {
        pod["spec"]["runtimeClassName"] = json!("vm");
    }
    let is_pod = random.one_in(2);
    default_as_the_api_server(&mut pod["spec"], is_pod);
    let annotations = pod["metadata"]["annotations"].clone();
    let metadata =
        json!({"labels": {"app": random.pick(&["agent", "web"])}, "annotations": annotations});
    let (name, spec) = (format!("web-{number}"), &pod["spec"]);
    let mut object = match is_pod {
        true => json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}),
        false => {
            let template = json!({"metadata": metadata, "spec": spec});
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {"selector": {}, "template": template}})
        }
    };
    object["metadata"]["name"] = json!(name);
    object
}

/// Defaults that the API server sets before it calls webhooks.
fn default_as_the_api_server(spec: &mut Value, is_pod: bool) {
    for volume in spec["volumes"].as_array_mut().into_iter().flatten() {
        let sources = volume.as_object().into_iter().flatten();
        let mut sources = sources.filter(|(key, value)| *key != "name" && !value.is_null());
        if sources.next().is_none() {
            volume["emptyDir"] = json!({});
        }
    }
    if is_pod && spec["hostNetwork"] == true {
        for list in ["initContainers", "containers"] {
            let containers = spec[list].as_array_mut().into_iter().flatten();
            let ports = containers.filter_map(|it| it.get_mut("ports")?.as_array_mut()).flatten();
            for port in ports.filter(|port| port["hostPort"].as_u64().unwrap_or(0) == 0) {
                port["hostPort"] = port["containerPort"].clone();
            }
        }
    }
}

impl Policies {
    fn hardening(&self) -> Decision {
        self.policy().judged_policy(NAMESPACE).policy.hardening
    }

    /// The form of pods and templates that the webhook judges.
    fn form(&self) -> Form {
        match self.hardening() {
            Decision::Apply => Form::Hardened,
            Decision::Report | Decision::Nothing => Form::Written,
        }
    }

    fn policy(&self) -> Policy {
        let mut policy = Policy::new(self.config.clone(), None, None, None, self.now);
        policy.exceptions = Arc::clone(&self.exceptions);
        policy.labels.others = self.labels.clone();
        policy.namespace = NAMESPACE.to_owned();
        policy
    }

    /// The verdict of `/mutate` and then `/validate`.
    fn ask(&self, object: &Value) -> Asked {
        let (mut object, mut found, mut meets) = (object.clone(), Found::default(), None);
        let patch = self.review(Hook::Mutate, &object, |outcome| match outcome {
            Outcome::Harden(hardening) if hardening.effect == Effect::Apply => {
                found.hardened = fields(&hardening.changes);
                hardening.patch().as_bytes().to_vec()
            }
            _ => Vec::new(),
        });
        if !found.hardened.is_empty() {
            let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
            json_patch::patch(&mut object, &patch).unwrap();
        }
        self.review(Hook::Validate, &object, |outcome| match outcome {
            Outcome::Pod(_) | Outcome::Workload { .. } => {
                let verdict = outcome.verdicts().next().unwrap();
                let version = verdict.policy().modes.enforce.highest().version.resolve(NEWEST);
                meets = Some(LevelsMet::of(verdict.pod(), None, version).now);
                found.hardened.extend(fields(&verdict.case.changes));
                found.denied = verdict.enforce.iter().map(id).collect();
                let advised = verdict.audit.iter().chain(&verdict.warn);
                found.advised = advised.filter(|it| it.requirement.is_rule()).map(id).collect();
            }
            Outcome::Exempt(_) => found.is_exempt = true,
            Outcome::Privileged | Outcome::Ignore => {}
            other => panic!("{other:?} {object}"),
        });
        Asked { found, stored: object, meets }
    }

    fn review<T>(&self, hook: Hook, object: &Value, then: impl FnOnce(&Outcome<'_>) -> T) -> T {
        let is_pod = object["kind"] == "Pod";
        let (group, resource) = if is_pod { ("", "pods") } else { ("apps", "deployments") };
        let request = json!({
            "uid": "1", "operation": "CREATE", "namespace": NAMESPACE, "userInfo": {"username": "someone"},
            "kind": {"group": group, "version": "v1", "kind": object["kind"]},
            "resource": {"group": group, "version": "v1", "resource": resource},
            "name": object["metadata"]["name"], "object": object,
        });
        let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let body = body.to_string();
        let request =
            Request::decode(body.as_bytes(), policy::workloads::Kinds::default()).unwrap();
        let excepted = ExceptionsAt { exceptions: Some(&self.exceptions), now: self.now };
        let context = Context { config: &self.config, newest: NEWEST, excepted };
        match admission::review(hook, &request, context) {
            Review::AwaitsPolicy(waiting) => then(&waiting.with(Ok(&self.labels))),
            Review::Decided(outcome) => then(&outcome),
            Review::AwaitsPods(_) => panic!("a namespace is not asked about"),
        }
    }

    /// What `check` reports.
    fn check(&self, objects: &[Value], form: Form) -> Vec<Found> {
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join("objects.json"), folder.path().join("out.jsonl"));
        // Its labels are those of a Namespace after the objects.
        let mut items = objects.to_vec();
        items.push(self.namespace());
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        std::fs::write(&file, list.to_string()).unwrap();
        let outputs = [format!("jsonl={}", out.display()).parse::<Output>().unwrap()];
        let policy = Policy { form, labels: NamespaceLabels::default(), ..self.policy() };
        let sources = [Source::File(file, Origin::Named)];
        let (inputs, definitions) = namespaces::scan(&sources, &policy.config).unwrap();
        let policies = namespaces::Policies::new(policy.clone(), definitions);
        let report = Report::open(&outputs, About::Manifests(&policy), Details::Folded).unwrap();
        check::run(&inputs, &policies, report).unwrap();
        let rows = std::fs::read_to_string(out).unwrap();
        rows.lines()
            .map(|row| serde_json::from_str::<Value>(row).unwrap())
            .filter(|row| row.get("rule").is_none())
            .map(|row| {
                let of = |severity: &str| {
                    let violations = row["violations"].as_array().unwrap().iter();
                    let violations = violations.filter(|it| it["severity"] == severity);
                    violations.map(|it| it["control"].as_str().unwrap().to_owned()).collect()
                };
                assert_eq!(row["error"], Value::Null, "{row}");
                let is_exempt = !row["exempt"].is_null();
                let (denied, advised): (Ids, Ids) = (of("error"), of("warning"));
                assert_eq!(row["allowed"] == true, denied.is_empty(), "{row}");
                Found { is_exempt, denied, advised, hardened: Ids::new() }
            })
            .collect()
    }

    fn namespace(&self) -> Value {
        let metadata = json!({"name": NAMESPACE, "labels": self.labels});
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    }

    /// What `test` finds.
    fn test(&self, objects: &[Value]) -> Vec<Found> {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("config.yaml", &self.config_text);
        write("exceptions.yaml", &self.exceptions_text);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        write("objects.json", &list.to_string());
        let case = json!({
            "name": "all", "namespace": NAMESPACE, "labels": self.labels, "manifests": ["objects.json"],
            "expect": [{"workload": "all", "verdict": "allowed"}],
        });
        let test = json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "PolicyTest", "name": "agree", "config": "config.yaml",
            "exceptions": ["exceptions.yaml"], "time": "2026-06-01T00:00:00Z", "cases": [case],
        });
        write("t.yaml", &test.to_string());
        let tested = policy_test::run(&Source::File(folder.path().join("t.yaml"), Origin::Named));
        let cases = tested.result.unwrap().cases;
        let outcome = cases.into_iter().next().unwrap().result.unwrap();
        let found = outcome.workloads.into_iter().map(|compared| compared.found);
        let owned = |ids: BTreeSet<&'static str>| ids.into_iter().map(str::to_owned).collect();
        found
            .map(|found| Found {
                is_exempt: found.workload.exempt.is_some(),
                denied: owned(found.denied_by()),
                advised: owned(found.warned_by()),
                hardened: owned(found.hardened),
            })
            .collect()
    }

    /// The findings of `audit` for each object, and whether it is a pod that violates the enforced level.
    fn audit(&self, objects: &[Value]) -> Vec<(Workload, bool)> {
        let settings = audit::AuditSettings {
            config: self.config.clone(),
            exceptions: Arc::clone(&self.exceptions),
            templates: Templates::AsAdmitted,
            modes: Modes::All,
            namespaces: Vec::new(),
            selector: None,
            fail_on: Level::Restricted,
            page: audit::PAGE,
            presence: Some(Presence::Installed),
            caps: FindingLimits::REPORT,
        };
        let mut namespaces = Vec::new();
        let tell = async |event| {
            match event {
                Event::Namespace(namespace) => namespaces.push(*namespace),
                Event::Unread(unread) => panic!("{unread}"),
                Event::Note(_) | Event::Progress(_) => {}
            }
            Ok::<_, Infallible>(())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let audited = async { audit::run(&cluster(&self.labels, objects), &settings, tell).await };
        runtime.block_on(audited).unwrap();
        let [namespace] = <[_; 1]>::try_from(namespaces).unwrap();
        let mut workloads: Vec<_> = namespace.workloads.into_iter().map(|it| it.workload).collect();
        let names = objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap());
        names
            .map(|name| {
                let at = workloads.iter().position(|it| it.identity.name == name).unwrap();
                let workload = workloads.remove(at);
                let is_breaking = namespace.breaking.contains(&workload.identity);
                (workload, is_breaking)
            })
            .collect()
    }
}

fn id(violation: &Violation) -> String {
    violation.requirement.id().to_owned()
}

fn ids<'b>(broken: impl Iterator<Item = &'b ReportedViolation>) -> Ids {
    broken.map(|broken| broken.requirement.id().to_owned()).collect()
}

fn fields(changes: &[MissingDefault]) -> Ids {
    changes.iter().map(|change| change.field.name().to_owned()).collect()
}
