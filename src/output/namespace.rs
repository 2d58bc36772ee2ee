//! Namespaces of a cluster, and changes since an earlier report: as rows for machines, and as text for people.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use policy::{
    findings::{AuditScope, Compliance, ComplianceChange, Namespace, NamespaceFacts, Presence},
    pss::Level,
};

use super::{
    json::{Lint, beside},
    words::{GOOD, PLACE, WRONG, count, counted, visible},
};

pub(super) const VIOLATING: &str = "pods that violate what is enforced";
/// Names shown per list.
const MAX_SHOWN: usize = 20;

/// A namespace. Field names are an interface, as everywhere in `json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    name: &'a str,
    /// The policy labels; null if they could not be read.
    labels: Option<&'a BTreeMap<String, String>>,
    enforce: String,
    /// Further levels that are enforced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    enforce_beside: Vec<String>,
    /// Whether the cluster calls Portcullis: installed, absent or unknown.
    portcullis: &'static str,
    /// What the cluster enforces now; absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force: Option<String>,
    audit: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audit_beside: Vec<String>,
    warn: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warn_beside: Vec<String>,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exempt: Option<&'static str>,
    /// Whether a selector limited what was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    selected: Option<bool>,
    workloads: u64,
    pods: u64,
    /// The highest level that all workloads meet; absent if the namespace is exempt or was not read completely.
    #[serde(skip_serializing_if = "Option::is_none")]
    meets: Option<&'static str>,
    /// The same after hardening.
    #[serde(skip_serializing_if = "Option::is_none")]
    meets_hardened: Option<&'static str>,
    blocks: Vec<Block>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_hardened: Option<&'a str>,
    breaking: Vec<&'a str>,
    lints: Vec<Lint<'a>>,
    unread: Vec<String>,
}

#[derive(Serialize)]
struct Block {
    control: &'static str,
    workloads: u32,
}

impl<'a> Row<'a> {
    pub(super) fn of(namespace: &'a Namespace) -> Self {
        let facts = &namespace.facts;
        let modes = facts.policy.modes;
        let meets = namespace.meets().filter(|_| facts.exempt.is_none());
        let block = |(control, workloads): &(&'static policy::pss::Control, u32)| Block {
            control: control.id,
            workloads: *workloads,
        };
        Self {
            name: &facts.name,
            labels: facts.labels.as_ref(),
            enforce: modes.enforce.highest().to_string(),
            enforce_beside: beside(modes.enforce),
            portcullis: facts.presence.as_str(),
            in_force: facts.in_force().map(|in_force| in_force.to_string()),
            audit: modes.audit.highest().to_string(),
            audit_beside: beside(modes.audit),
            warn: modes.warn.highest().to_string(),
            warn_beside: beside(modes.warn),
            source: facts.policy.source().to_string(),
            exempt: facts.exempt.map(|exemption| exemption.as_str()),
            selected: (namespace.extent == AuditScope::Selected).then_some(true),
            workloads: namespace.workloads.len() as u64,
            pods: namespace.pods(),
            meets: meets.map(|(now, _)| now.as_str()),
            meets_hardened: meets.map(|(_, hardened)| hardened.as_str()),
            blocks: namespace.blocks.iter().map(block).collect(),
            command: namespace.command.as_deref(),
            command_hardened: namespace.command_hardened.as_deref(),
            breaking: namespace.breaking.iter().map(|pod| pod.name.as_str()).collect(),
            lints: namespace.lints.iter().map(Lint::of).collect(),
            unread: namespace.unread.iter().map(ToString::to_string).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeRow<'a> {
    /// `better`, `worse`, `new` or `gone`.
    change: &'static str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    before: Option<ComplianceRow>,
    after: Option<ComplianceRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ComplianceRow {
    meets: &'static str,
    meets_hardened: &'static str,
    enforce: &'static str,
    broken: u64,
}

impl<'a> ChangeRow<'a> {
    pub(super) fn of(change: &'a ComplianceChange) -> Self {
        let compliance = |compliance: Compliance| ComplianceRow {
            meets: compliance.meets.as_str(),
            meets_hardened: compliance.hardened.as_str(),
            enforce: compliance.enforced.as_str(),
            broken: compliance.broken,
        };
        Self {
            change: change.direction().map_or("", |direction| direction.as_str()),
            kind: &change.what.kind,
            namespace: &change.what.namespace,
            name: &change.what.name,
            before: change.before.map(compliance),
            after: change.after.map(compliance),
        }
    }
}

/// A namespace for people: the enforced level, the possible level, what blocks it and what violates it.
pub(super) fn block(out: &mut impl Write, namespace: &Namespace) -> io::Result<()> {
    let facts = &namespace.facts;
    let size = format!(
        "{}, {}",
        count(namespace.workloads.len() as u64, "workload"),
        count(namespace.pods(), "pod")
    );
    let name = visible(&facts.name);
    write!(out, "{PLACE}{name}{PLACE:#}: ")?;
    if facts.exempt.is_some() {
        writeln!(out, "exempt by the configuration, whatever its labels say; {size}\n")?;
        return Ok(());
    }
    let enforced = match facts.labels {
        Some(_) => facts.policy.enforced_by(),
        None => format!("{} (default: its labels could not be read)", facts.enforce()),
    };
    writeln!(out, "{} {enforced}{}; {size}", word(facts), in_force(facts))?;
    levels(out, namespace)?;
    workloads(out, namespace)?;
    let breaking = namespace.breaking.iter().map(|pod| pod.name.as_str());
    list(out, VIOLATING, &breaking.collect::<Vec<_>>())?;
    for lint in namespace.lints.iter().take(MAX_SHOWN) {
        writeln!(out, "  lint       {}", visible(&lint.to_string()))?;
    }
    if let Some(more) = namespace.lints.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        writeln!(out, "  lint       and {more} more")?;
    }
    let unread: Vec<_> = namespace.unread.iter().map(ToString::to_string).collect();
    let unread: Vec<_> = unread.iter().map(String::as_str).collect();
    list(out, "not read, so there may be more", &unread)?;
    writeln!(out)
}

/// The same in one line.
pub(super) fn line(namespace: &Namespace) -> String {
    let (name, what) = words(namespace);
    format!("{PLACE}{name}{PLACE:#}: {what}")
}

/// The name of a namespace, and what its line says about it.
pub(super) fn words(namespace: &Namespace) -> (String, String) {
    let facts = &namespace.facts;
    let name = visible(&facts.name).into_owned();
    if facts.exempt.is_some() {
        return (name, "exempt by the configuration".to_owned());
    }
    let mut parts = vec![format!("{} {}{}", word(facts), facts.enforce(), in_force(facts))];
    match namespace.meets() {
        Some((now, hardened)) => {
            parts.push(format!("meets {now}"));
            parts.extend((hardened > now).then(|| format!("{hardened} once hardened")));
        }
        None => parts.push("what it meets is not known".to_owned()),
    }
    let lints = namespace.lints.len() as u64;
    parts.extend((lints > 0).then(|| count(lints, "lint")));
    parts.extend(counted([
        (namespace.breaking.len() as u64, VIOLATING),
        (namespace.unread.len() as u64, "not read"),
    ]));
    let command = namespace.command.as_ref().or(namespace.command_hardened.as_ref());
    let command = command.map_or_else(String::new, |command| format!(": {command}"));
    (name, format!("{}{command}", parts.join(", ")))
}

/// Whether Portcullis enforces a level, or would.
fn word(facts: &NamespaceFacts) -> &'static str {
    match facts.presence {
        Presence::Installed => "enforces",
        Presence::Absent | Presence::Unknown => "would enforce",
    }
}

/// What is in force in a cluster without Portcullis.
fn in_force(facts: &NamespaceFacts) -> String {
    match (facts.presence, facts.in_force()) {
        (Presence::Installed, _) => String::new(),
        (Presence::Absent, Some(pair)) if pair.level == Level::Privileged => {
            ", nothing is enforced now".to_owned()
        }
        (Presence::Absent, Some(pair)) => {
            format!(", the built-in admission enforces {pair} now")
        }
        (Presence::Absent | Presence::Unknown, _) => {
            ", what is enforced now is not known".to_owned()
        }
    }
}

fn levels(out: &mut impl Write, namespace: &Namespace) -> io::Result<()> {
    let (now, hardened) = (namespace.now, namespace.hardened);
    let selected = match namespace.extent {
        AuditScope::Whole => "",
        AuditScope::Selected => ", of what is selected",
    };
    let more = if hardened > now { format!(", {hardened} once hardened") } else { String::new() };
    match namespace.meets() {
        Some(_) => writeln!(out, "  meets      {now} today{more}{selected}")?,
        None => {
            writeln!(
                out,
                "  meets      unknown, {now} at most{more}{selected}: not all of it could be read"
            )?;
        }
    }
    if let Some(next) = namespace.next() {
        let blocks = namespace.blocks.iter().map(|(control, workloads)| {
            format!("{} ({})", control.id, count(u64::from(*workloads), "workload"))
        });
        let blocks = blocks.collect::<Vec<_>>().join(", ");
        writeln!(out, "  {next} is blocked by {blocks}")?;
    }
    if let Some(command) = &namespace.command {
        writeln!(out, "  {GOOD}today{GOOD:#}      {command}")?;
    }
    if let Some(command) = &namespace.command_hardened {
        // The suffix is a comment to the shell, too.
        let needs = "# once the webhook hardens pods here";
        writeln!(out, "  {GOOD}hardened{GOOD:#}   {command}  {needs}")?;
    }
    Ok(())
}

fn workloads(out: &mut impl Write, namespace: &Namespace) -> io::Result<()> {
    let violating = namespace.workloads.iter().map(|audited| &audited.workload);
    for workload in violating.filter(|workload| !workload.violations.is_empty()) {
        let identity = workload.identity.to_string();
        let (identity, judged) = (visible(&identity), workload.judged);
        let reasons: Vec<_> =
            workload.violations.iter().map(|broken| broken.requirement.reason()).collect();
        let reasons = reasons.join(", ");
        if workload.is_denied() {
            writeln!(out, "  {identity}: {WRONG}violates {judged}{WRONG:#}: {reasons}")?;
        } else {
            writeln!(out, "  {identity}: allowed, but reported: {reasons}")?;
        }
        for fix in &workload.fixes {
            writeln!(out, "    {}", visible(fix))?;
        }
    }
    Ok(())
}

fn list(out: &mut impl Write, what: &str, names: &[&str]) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let shown: Vec<_> = names.iter().take(MAX_SHOWN).map(|name| visible(name)).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    writeln!(out, "  {WRONG}{what}{WRONG:#}: {}{more}", shown.join(", "))
}

/// A change, in one line for people.
pub(super) fn change(change: &ComplianceChange) -> String {
    let direction = change.direction().map_or("", |direction| direction.as_str());
    let what = change.what.to_string();
    let what: Cow<'_, str> = visible(&what);
    let say = |compliance: Compliance| {
        let Compliance { meets, hardened, enforced, broken } = compliance;
        let hardened =
            if hardened > meets { format!(" ({hardened} once hardened)") } else { String::new() };
        let violations = count(broken, "violation");
        format!("meets {meets}{hardened}, {violations} of {enforced}")
    };
    match (change.before, change.after) {
        (Some(before), Some(after)) => {
            format!("{direction}: {what}: {}, was: {}", say(after), say(before))
        }
        (Some(before), None) => format!("{direction}: {what}: was: {}", say(before)),
        (None, Some(after)) => format!("{direction}: {what}: {}", say(after)),
        (None, None) => format!("{direction}: {what}"),
    }
}
