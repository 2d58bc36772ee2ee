use super::*;
use crate::{
    config::Config,
    findings::LevelsMet,
    namespace::EffectivePolicy,
    pss::{NEWEST, Pod},
};

const RESTRICTED: &str = r#"{"spec":{"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},
    "containers":[{"name":"a","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}"#;
const PLAIN: &str = r#"{"spec":{"containers":[{"name":"a"}]}}"#;
const HOST: &str = r#"{"spec":{"hostNetwork":true,"hostPID":true,"containers":[{"name":"a"}]}}"#;
const ROOT: &str = r#"{"spec":{"containers":[{"name":"a","securityContext":{"runAsUser":0}}]}}"#;

/// A namespace with these labels, `our-` for Portcullis' own, and these pods.
fn audited(labels: &str, pods: &[&str]) -> Namespace {
    let labels: BTreeMap<_, _> = labels
        .split_whitespace()
        .map(|word| {
            let (key, value) = word.split_once('=').unwrap();
            let key = match key.strip_prefix("our-") {
                Some(key) => format!("portcullis.dev/{key}"),
                None => format!("pod-security.kubernetes.io/{key}"),
            };
            (key, value.to_owned())
        })
        .collect();
    let config = Config::embedded();
    let policy = EffectivePolicy::new("shop", &labels, &config);
    let facts = NamespaceFacts {
        name: "shop".to_owned(),
        labels: Some(labels),
        policy,
        exempt: None,
        presence: Presence::Installed,
    };
    let workloads = pods.iter().map(|text| {
        let pod: Pod<'_> = serde_json::from_str(text).unwrap();
        let changes = harden::plan(&pod, &config.harden, harden::Scope::Create);
        let levels_met = LevelsMet::of(&pod, Some(&harden::apply(&pod, &changes)), NEWEST);
        Audited { workload: workload(levels_met), uid: String::new(), pods: 1 }
    });
    let read = NamespaceObjects { workloads: workloads.collect(), ..NamespaceObjects::default() };
    Namespace::of(facts, read, &config.harden)
}

fn workload(levels_met: LevelsMet) -> Workload {
    Workload {
        identity: Identity {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        },
        location: None,
        is_editable: false,
        exempt: None,
        judged: Levels::PRIVILEGED,
        violations: Vec::new(),
        fixes: Vec::new(),
        levels_met,
        changes: Vec::new(),
        exceptions: crate::verdict::ExceptionSummary::default(),
        trace: Vec::new(),
    }
}

fn blocks(namespace: &Namespace) -> String {
    let blocks: Vec<_> =
        namespace.blocks.iter().map(|(control, count)| format!("{}={count}", control.id)).collect();
    blocks.join(" ")
}

const ENFORCE: &str = "kubectl label --overwrite namespace shop pod-security.kubernetes.io/enforce";

#[test]
fn the_worst_workload_decides_and_what_blocks_is_counted() {
    let namespace = audited("enforce=privileged", &[RESTRICTED, PLAIN, ROOT]);
    assert_eq!((namespace.now, namespace.hardened), (Level::Baseline, Level::Baseline));
    assert_eq!(namespace.next(), Some(Level::Restricted));
    assert_eq!(
        blocks(&namespace),
        "allowPrivilegeEscalation=2 capabilities_restricted=2 runAsNonRoot=2 runAsUser=1 \
         seccompProfile_restricted=2"
    );
    assert_eq!(namespace.command, Some(format!("{ENFORCE}=baseline")));
    assert_eq!(namespace.command_hardened, None);

    let namespace = audited("", &[RESTRICTED, HOST]);
    assert_eq!((namespace.now, namespace.next()), (Level::Privileged, Some(Level::Baseline)));
    assert_eq!(blocks(&namespace), "hostNamespaces=1");
    assert_eq!((namespace.command, namespace.command_hardened), (None, None));
}

#[test]
fn hardening_reaches_further_and_is_switched_on_where_it_is_not() {
    let both = |labels: &str| {
        let namespace = audited(labels, &[PLAIN]);
        assert_eq!((namespace.now, namespace.hardened), (Level::Baseline, Level::Restricted));
        (namespace.command, namespace.command_hardened)
    };
    // `auto` applies where restricted is enforced.
    let restricted = Some(format!("{ENFORCE}=restricted"));
    assert_eq!(both("enforce=baseline"), (None, restricted.clone()));
    assert_eq!(both("enforce=privileged"), (Some(format!("{ENFORCE}=baseline")), restricted));
    let apply = Some(format!("{ENFORCE}=restricted portcullis.dev/harden=apply"));
    assert_eq!(both("enforce=baseline our-harden=off"), (None, apply));
    assert_eq!(both("enforce=restricted"), (None, None));
}

#[test]
fn the_command_is_of_the_label_family_that_is_in_force() {
    let command = |labels: &str| audited(labels, &[RESTRICTED]).command;
    assert_eq!(command("enforce=restricted"), None);
    assert_eq!(command(""), Some(format!("{ENFORCE}=restricted")));
    assert_eq!(
        command("enforce=privileged our-enforce=baseline"),
        Some(
            "kubectl label --overwrite namespace shop portcullis.dev/enforce=restricted".to_owned()
        )
    );
    // An invalid label counts as restricted, but not as the author's intention.
    assert_eq!(command("enforce=strict"), Some(format!("{ENFORCE}=restricted")));
}

#[test]
fn an_empty_namespace_could_enforce_anything() {
    let namespace = audited("enforce=privileged", &[]);
    assert_eq!((namespace.now, namespace.next()), (Level::Restricted, None));
    assert_eq!(namespace.command, Some(format!("{ENFORCE}=restricted")));
}

#[test]
fn nothing_is_advised_where_not_all_is_known_or_nothing_is_enforced() {
    let config = Config::embedded();
    let facts = audited("", &[]).facts;
    let selected = NamespaceObjects { extent: AuditScope::Selected, ..NamespaceObjects::default() };
    assert_eq!(Namespace::of(facts.clone(), selected, &config.harden).command, None);
    let unread = Unread { what: "list pods".to_owned(), why: "forbidden".to_owned() };
    let unread = NamespaceObjects { unread: vec![unread], ..NamespaceObjects::default() };
    let unread = Namespace::of(facts.clone(), unread, &config.harden);
    assert_eq!((unread.command.as_ref(), unread.meets()), (None, None), "unknown");
    let exempt = NamespaceFacts { exempt: Some(Exemption::Namespace), ..facts.clone() };
    assert_eq!(Namespace::of(exempt, NamespaceObjects::default(), &config.harden).command, None);
    let unknown = NamespaceFacts { labels: None, ..facts };
    assert_eq!(Namespace::of(unknown, NamespaceObjects::default(), &config.harden).command, None);
}
