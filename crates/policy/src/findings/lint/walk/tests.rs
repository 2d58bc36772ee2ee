use serde_json::{Value, json};

use super::{
    super::{
        LintRule,
        fields::KINDS,
        tests::{object, told},
    },
    *,
};

/// The lints of an object of this kind, without the kind's own fields.
fn lints(kind: (&str, &str), text: &str) -> Vec<Lint> {
    of_text(text, &object(kind.0, kind.1))
}

const POD: (&str, &str) = ("v1", "Pod");
const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
const NETWORK_POLICY: (&str, &str) = ("networking.k8s.io/v1", "NetworkPolicy");

#[test]
fn a_key_near_a_field_is_unknown() {
    for (kind, text, field, meant) in [
        (POD, r#"{"spec":{"securitycontext":{}}}"#, "spec.securitycontext", "spec.securityContext"),
        (
            POD,
            r#"{"spec":{"containers":[{},{"securityContext":{"runAsNonroot":true}}]}}"#,
            "spec.containers[1].securityContext.runAsNonroot",
            "spec.containers[1].securityContext.runAsNonRoot",
        ),
        (
            DEPLOYMENT,
            r#"{"spec":{"template":{"spec":{"container":[]}}}}"#,
            "spec.template.spec.container",
            "spec.template.spec.containers",
        ),
        (
            NETWORK_POLICY,
            r#"{"spec":{"policyType":["Egress"]}}"#,
            "spec.policyType",
            "spec.policyTypes",
        ),
        (
            ("v1", "ServiceAccount"),
            r#"{"automountServiceAccountTokens":false}"#,
            "automountServiceAccountTokens",
            "automountServiceAccountToken",
        ),
        (("v1", "ResourceQuota"), r#"{"spec":{"Hard":{}}}"#, "spec.Hard", "spec.hard"),
        (
            ("v1", "LimitRange"),
            r#"{"spec":{"limits":[{"defaultRequests":{}}]}}"#,
            "spec.limits[0].defaultRequests",
            "spec.limits[0].defaultRequest",
        ),
        (("v1", "Namespace"), r#"{"metadata":{"label":{}}}"#, "metadata.label", "metadata.labels"),
        (
            ("batch/v1", "CronJob"),
            r#"{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"hostNetwrok":true}}}}}}"#,
            "spec.jobTemplate.spec.template.spec.hostNetwrok",
            "spec.jobTemplate.spec.template.spec.hostNetwork",
        ),
    ] {
        let found = lints(kind, text);
        assert_eq!(told(&found), [format!("unknown-field {field}")], "{text}");
        assert_eq!(found[0].meant.as_deref(), Some(meant), "{text}");
        let name = meant.rsplit('.').next().unwrap();
        assert!(found[0].message.ends_with(&format!("did you mean {name:?}?")), "{found:?}");
    }
}

#[test]
fn a_field_of_another_type_is_misplaced() {
    let spec = r#"{"spec":{"privileged":true,"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},
        "readOnlyRootFilesystem":true,"privileged":false,"runAsUser":1000},
        "containers":[{"name":"web","runAsNonRoot":true,"securityContext":{"privileged":false,"fsGroup":1}}]}}"#;
    let found = lints(POD, spec);
    let fields: Vec<_> = found.iter().map(|lint| &*lint.field).collect();
    assert_eq!(
        fields,
        [
            "spec.privileged",
            "spec.securityContext.allowPrivilegeEscalation",
            "spec.securityContext.capabilities",
            "spec.securityContext.readOnlyRootFilesystem",
            "spec.securityContext.privileged",
            "spec.containers[0].runAsNonRoot",
            "spec.containers[0].securityContext.fsGroup",
        ]
    );
    assert!(found.iter().all(|lint| lint.rule == LintRule::MisplacedField));
    assert_eq!(found[1].message, "a field of a container's securityContext: set it there");
}

#[test]
fn a_dash_without_a_space_is_part_of_the_key() {
    for (text, field) in [
        (r#"{"spec":{"ingress":{"-from":[]}}}"#, "spec.ingress.-from"),
        (r#"{"spec":{"ingress":null,"-from":[]}}"#, "spec.-from"),
        (r#"{"spec":{"egress":[{"to":{"-podSelector":{}}}]}}"#, "spec.egress[0].to.-podSelector"),
    ] {
        let found = lints(NETWORK_POLICY, text);
        assert_eq!(told(&found), [format!("unknown-field {field}")], "{text}");
        assert!(found[0].message.ends_with("with a space after the dash"), "{found:?}");
    }
    assert_eq!(
        told(&lints(POD, r#"{"spec":{"containers":{"-name":"web"}}}"#)),
        ["unknown-field spec.containers.-name"]
    );
}

#[test]
fn policy_and_profiles_in_metadata_that_nothing_reads_are_found() {
    let text = r#"{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted","app":"web"},
        "annotations":{"container.apparmor.security.beta.kubernetes.io/web":"runtime/default","a/b":"c"}},
        "spec":{"template":{"metadata":{"annotations":{"container.apparmor.security.beta.kubernetes.io/web":"runtime/default",
        "portcullis.dev/enforce":"restricted"}}}}}"#;
    assert_eq!(
        told(&lints(DEPLOYMENT, text)),
        [
            "policy-annotation metadata.labels[pod-security.kubernetes.io/enforce]",
            "legacy-annotation metadata.annotations[container.apparmor.security.beta.kubernetes.io/web]",
            "policy-annotation spec.template.metadata.annotations[portcullis.dev/enforce]",
        ]
    );
    let namespace =
        r#"{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}"#;
    assert_eq!(lints(("v1", "Namespace"), namespace), []);
}

#[test]
fn nothing_is_said_of_what_resembles_no_field() {
    for (kind, text) in [
        (
            POD,
            r#"{"spec":{"x-team":"shop","containers":[{"name":"web","owner":"me","securityContext":{"note":1}}]}}"#,
        ),
        (
            POD,
            r#"{"spec":{"nodeSelector":{"nodename":"a"},"containers":[{"resources":{"limits":{"Memory":1}}}]}}"#,
        ),
        (POD, r#"{"status":{"phaze":1},"metadata":{"managedFields":[{"manger":1}]}}"#),
        (POD, r#"{"spec":"runAsNonroot","metadata":[[{"name":1}],null,1.5,true]}"#),
        (("example.org/v1", "Pod"), r#"{"spec":{"securitycontext":{}}}"#),
        (("argoproj.io/v1alpha1", "Rollout"), r#"{"spec":{"templates":{}}}"#),
    ] {
        assert_eq!(lints(kind, text), [], "{text}");
    }
}

#[test]
fn what_is_found_before_an_error_is_kept_and_bounded() {
    let broken = r#"{"spec":{"hostnetwork":true,"containers":[{"#;
    assert_eq!(told(&lints(POD, broken)), ["unknown-field spec.hostnetwork"]);
    let key = format!(r#""{}hostnetwork":1,"#, "");
    let many = format!(r#"{{"spec":{{{}"a":1}}}}"#, key.repeat(10_000));
    assert_eq!(lints(POD, &many).len(), MAX_LINTS);
    let escaped = r#"{"spec":{"hostnetwork":true}}"#;
    assert_eq!(told(&lints(POD, escaped)), ["unknown-field spec.hostnetwork"]);
}

/// An object with every field that its type and the types of its fields have.
fn whole(of: Type, depth: usize) -> Value {
    assert!(depth < 16, "{} is deeper than expected", of.name());
    let value = |field: &Field| match field.to {
        Some(of) => json!([whole(of, depth + 1)]),
        None => json!(1),
    };
    of.fields().iter().map(|field| (field.name.to_owned(), value(field))).collect()
}

#[test]
fn every_field_that_kubernetes_has_is_known() {
    for (api_version, kind) in KINDS.iter().flat_map(|(group, kinds)| {
        let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        kinds.iter().map(move |kind| (version.clone(), kind))
    }) {
        let of = Type::of_object(&api_version, kind).unwrap();
        let text = whole(of, 0).to_string();
        assert!(text.len() > 400, "{kind}: {text}");
        assert_eq!(of_text(&text, &object(&api_version, kind)), [], "{kind}");
    }
}

/// A letter is in the other case, missing, twice, or in the place of its neighbour.
#[test]
fn every_field_that_is_misspelt_is_found() {
    let mut found = 0;
    for of in Type::all() {
        for Field { name, .. } in of.fields().iter().filter(|field| field.name.len() > 3) {
            let (first, rest) = name.split_at(1);
            let (start, last) = name.split_at(name.len() - 1);
            let (head, before) = start.split_at(start.len() - 1);
            for key in [
                format!("{}{rest}", first.to_uppercase()),
                start.to_owned(),
                format!("{name}{last}"),
                format!("{head}{last}{before}"),
            ] {
                if of.field(&key).is_some() {
                    continue;
                }
                let mut lints = Vec::new();
                let at = At { parent: None, step: Step::Root, of: Some(of) };
                let object = object("v1", of.name());
                let seed =
                    Walk { at: &at, found: &mut Found { object: &object, lints: &mut lints } };
                seed.deserialize(json!({&*key: 1})).unwrap();
                assert_eq!(lints.len(), 1, "{key} in {}", of.name());
                found += 1;
            }
        }
    }
    assert!(found > 2000, "{found}");
}
