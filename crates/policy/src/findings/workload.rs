//! The findings about one workload.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use crate::{
    harden::{MissingDefault, Scope},
    pss::{Finding, FindingLimits, Levels, Place, Pod},
    requirement::{Requirement, Violation},
    rules::Mode,
    verdict::{self, ExceptionSummary, Exemption, Form, MODES, PodCase, Verdict},
    workloads::{HeldPod, Kinds, PodRoot, WorkloadKind},
};

use super::{LevelsMet, Location, Policy, Region, Replacement, Severity, trace};

/// Maximum number of fix lines per workload: more than any real one needs.
const MAX_FIXES: usize = 1024;
/// Maximum size of the fixes for one requirement in one line, in bytes.
const MAX_MESSAGE: usize = 16 << 10;

/// Identifies an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Empty if the manifest sets none.
    pub namespace: String,
    /// The name, or the prefix of a generated name.
    pub name: String,
}

impl Identity {
    /// The API group: `apps`; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether its kind is one of Kubernetes' own that hold pods.
    pub(super) fn is_built_in(&self) -> bool {
        let kind = Kinds::default().of_manifest(self.group(), &self.kind);
        kind.is_some_and(WorkloadKind::is_built_in)
    }
}

/// `Deployment shop/web`. Truncates overlong names, because texts repeat them.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", crate::shown::key(&self.kind))?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", crate::shown::key(&self.namespace))?;
        }
        f.write_str(&crate::shown::key(&self.name))
    }
}

/// An object that contains a pod: judged or exempt.
#[derive(Debug)]
pub struct Workload {
    /// The object.
    pub identity: Identity,
    /// The location of a manifest. None for an object in a cluster.
    pub location: Option<Location>,
    /// Whether the `harden` command can change it in its source.
    pub is_editable: bool,
    /// Why it was not judged, if so.
    pub exempt: Option<Exemption>,
    /// The levels with resolved versions.
    pub judged: Levels,
    /// The violations, in the order of the Standard's table.
    pub violations: Vec<ReportedViolation>,
    /// The fixes, one line each, grouped by container as in a denial.
    pub fixes: Vec<String>,
    /// The levels that it meets.
    pub levels_met: LevelsMet,
    /// What hardening would add, independent of the judged form.
    pub changes: Vec<MissingDefault>,
    /// The exceptions that cover it.
    pub exceptions: ExceptionSummary,
    /// The steps of the verdict, one line each, if requested.
    pub trace: Vec<String>,
}

/// A violated requirement.
#[derive(Debug)]
pub struct ReportedViolation {
    /// The requirement.
    pub requirement: Requirement,
    /// The strictest mode that includes it.
    pub mode: Mode,
    /// The severity.
    pub severity: Severity,
    /// What must change; never empty.
    pub found: Vec<FieldToFix>,
    /// The number of further findings.
    pub more: usize,
    /// The fixes in one line, for each violating container.
    pub message: String,
    /// The changes of hardening that would fix it, for each pod of the object; empty if there are none.
    pub hardening: Vec<PodDefaults>,
    /// The replacements in the source that would apply these changes, if the source is known.
    pub replacements: Vec<Replacement>,
}

/// The changes of hardening to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodDefaults {
    /// The place of the pod in the object.
    pub root: PodRoot,
    /// The changes.
    pub changes: Vec<MissingDefault>,
}

/// One field to set.
#[derive(Debug)]
pub struct FieldToFix {
    /// The path of the field from the object's root. It may be missing from the object.
    pub field: String,
    /// The path from the object's root of the container, volume or pod concerned.
    pub part: Arc<str>,
    /// The name of that part for people: `container "web"`.
    pub place: Arc<str>,
    /// The fix: `set securityContext.privileged=false`.
    pub fix: Cow<'static, str>,
    /// The region in the source, if known.
    pub region: Option<Region>,
    /// The region of the container's or volume's name, if the finding is inside it.
    pub context: Option<Region>,
}

impl Workload {
    /// Judges the pods that an object describes, or the pod that it is. The findings of all pods are those of the
    /// object. An object without pods creates none.
    pub fn judge(mut identity: Identity, pods: &[HeldPod<'_>], policy: &Policy) -> Self {
        if identity.namespace.is_empty() {
            identity.namespace.clone_from(&policy.namespace);
        }
        let (judged_policy, context) =
            (policy.judged_policy(&identity.namespace), policy.context());
        let mut workload = Self {
            location: None,
            is_editable: false,
            exempt: context.exempt_namespace(&identity.namespace),
            identity,
            judged: judged_policy.judged(),
            violations: Vec::new(),
            fixes: Vec::new(),
            levels_met: LevelsMet::TOP,
            changes: Vec::new(),
            exceptions: ExceptionSummary::default(),
            trace: Vec::new(),
        };
        let (identity, levels) = (workload.identity.clone(), policy.levels(&judged_policy));
        let version = judged_policy.asked.highest().version.resolve(judged_policy.newest);
        let mut exempt = 0;
        for HeldPod { root, pod } in pods {
            let of_namespace = Cow::Borrowed(&judged_policy.policy);
            match PodCase::new(&policy.subject(&identity, pod), of_namespace, context) {
                Ok(case) => {
                    let case = case.with_levels(&levels).harden(Scope::Create);
                    let met = LevelsMet::of(pod, case.hardened(), version);
                    workload.levels_met = workload.levels_met.and(met);
                    let form = policy.form_in(&identity.namespace);
                    let verdict = verdict::judge(case, form, policy.caps);
                    workload.add(verdict, root, pods.len() > 1, policy);
                }
                Err(exemption) => {
                    exempt += 1;
                    workload.exempt = Some(exemption).filter(|_| exempt == pods.len());
                }
            }
        }
        if pods.len() > 1 {
            workload.violations.sort_by_key(|one| (Reverse(one.mode), one.requirement.position()));
        }
        if policy.is_traced {
            workload.trace = trace::of(&workload, policy, &judged_policy);
        }
        workload
    }

    /// Adds the findings of one pod.
    fn add(&mut self, verdict: Verdict<'_>, root: &PodRoot, is_one_of_many: bool, policy: &Policy) {
        let (denied, advised) = (enforced_and_rules(&verdict), advised(&verdict));
        let judged = verdict.pod();
        let place = if is_one_of_many { format!("{}: ", root.as_str()) } else { String::new() };
        let fixes =
            verdict::fixes(denied.iter().map(|(_, violation)| *violation), judged, MAX_FIXES);
        self.fixes.extend(fixes.into_iter().map(|fix| [&*place, &fix].concat()));
        let hardening = FixedByHardening::new(&verdict);
        let mut parts = Parts::new(judged, root);
        for (mode, violation) in denied.into_iter().chain(advised) {
            let hardening = hardening.of(mode, violation);
            self.add_violation(ReportedViolation {
                requirement: violation.requirement,
                mode,
                severity: policy.severity(violation.requirement, mode),
                found: violation.findings.iter().map(|one| parts.found(one)).collect(),
                more: violation.findings.more(),
                message: [place.as_str(), &verdict::fix([violation], judged, MAX_MESSAGE)].concat(),
                hardening: match hardening.is_empty() {
                    true => Vec::new(),
                    false => vec![PodDefaults { root: root.clone(), changes: hardening }],
                },
                replacements: Vec::new(),
            });
        }
        self.exceptions.merge(verdict.exceptions);
        self.changes.extend(verdict.case.changes);
    }

    /// Adds a violation of one pod to the same violation of others.
    fn add_violation(&mut self, new: ReportedViolation) {
        let is_same = |known: &&mut ReportedViolation| {
            (known.requirement, known.mode) == (new.requirement, new.mode)
        };
        let Some(known) = self.violations.iter_mut().find(is_same) else {
            return self.violations.push(new);
        };
        match known.is_hardened() && new.is_hardened() {
            true => known.hardening.extend(new.hardening),
            false => known.hardening.clear(),
        }
        known.found.extend(new.found);
        known.more += new.more;
        known.message = [&*known.message, "; ", &new.message].concat();
    }

    /// Whether its pods are denied, independent of the command's severities.
    pub fn is_denied(&self) -> bool {
        self.violations.iter().any(|broken| broken.mode == Mode::Enforce)
    }

    /// Whether it has a violation that makes the command fail.
    pub fn fails(&self) -> bool {
        self.violations.iter().any(|broken| broken.severity == Severity::Error)
    }
}

impl ReportedViolation {
    /// Whether hardening would fix it.
    pub fn is_hardened(&self) -> bool {
        !self.hardening.is_empty()
    }

    /// The paths of the fields from the object's root, without duplicates.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let mut seen = HashSet::new();
        let fields = self.found.iter().map(|found| found.field.as_str());
        fields.filter(move |field| seen.insert(*field))
    }
}

fn enforced_and_rules<'v>(verdict: &'v Verdict<'_>) -> Vec<(Mode, &'v Violation)> {
    let rules = advice(verdict).filter(|(_, violation)| violation.requirement.is_rule());
    verdict.enforce.iter().map(|violation| (Mode::Enforce, violation)).chain(rules).collect()
}

/// The controls of the other modes that are not enforced, each once.
fn advised<'v>(verdict: &'v Verdict<'_>) -> Vec<(Mode, &'v Violation)> {
    let mut all: Vec<(Mode, &Violation)> = Vec::new();
    for (mode, violation) in advice(verdict) {
        let known = verdict.enforce.iter().chain(all.iter().map(|(_, violation)| *violation));
        let is_known = known.into_iter().any(|it| it.requirement == violation.requirement);
        if !is_known && !violation.requirement.is_rule() {
            all.push((mode, violation));
        }
    }
    all.sort_by_key(|(_, violation)| violation.requirement.position());
    all
}

fn advice<'v>(verdict: &'v Verdict<'_>) -> impl Iterator<Item = (Mode, &'v Violation)> {
    let audit = verdict.audit.iter().map(|violation| (Mode::Audit, violation));
    audit.chain(verdict.warn.iter().map(|violation| (Mode::Warn, violation)))
}

/// Determines which violations hardening would fix.
struct FixedByHardening<'v> {
    changes: &'v [MissingDefault],
    /// The violations of the hardened pod by mode. None if the judged pod is the hardened one.
    left: Option<[Vec<Violation>; 3]>,
}

impl<'v> FixedByHardening<'v> {
    fn new(verdict: &'v Verdict<'_>) -> Self {
        let case = &verdict.case;
        let differs = verdict.form == Form::Written && case.hardened().is_some();
        let left = (differs && !verdict.is_clean())
            .then(|| case.by_mode(Form::Hardened, FindingLimits::NONE));
        Self { changes: &case.changes, left }
    }

    /// The changes that fix a violation of a mode; empty if it remains after hardening.
    fn of(&self, mode: Mode, violation: &Violation) -> Vec<MissingDefault> {
        let requirement = violation.requirement;
        let left = self.left.iter().flat_map(|left| MODES.iter().zip(left));
        let left = left.filter(|(of, _)| **of == mode).flat_map(|(_, left)| left);
        if self.left.is_none() || left.into_iter().any(|it| it.requirement == requirement) {
            return Vec::new();
        }
        let is_its =
            |change: &&MissingDefault| change.field.requirement() == Some(requirement.id());
        self.changes.iter().filter(is_its).cloned().collect()
    }
}

/// The names of a pod's parts in findings, created once per part.
struct Parts<'p> {
    pod: &'p Pod<'p>,
    root: &'p PodRoot,
    known: HashMap<Place, (Arc<str>, Arc<str>)>,
}

impl<'p> Parts<'p> {
    fn new(pod: &'p Pod<'p>, root: &'p PodRoot) -> Self {
        Self { pod, root, known: HashMap::new() }
    }

    fn found(&mut self, finding: &Finding) -> FieldToFix {
        let Self { pod, root, known } = self;
        let (part, place) = known.entry(finding.place).or_insert_with(|| {
            (root.path(finding.place).into(), finding.place.describe(pod).into())
        });
        FieldToFix {
            field: root.field(finding.place, &finding.path),
            part: Arc::clone(part),
            place: Arc::clone(place),
            fix: finding.fix.clone(),
            region: None,
            context: None,
        }
    }
}
