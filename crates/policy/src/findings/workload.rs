//! The findings about one workload.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use crate::{
    harden::{MissingDefault, Scope},
    pss::{self, Control, Finding, FindingLimits, Level, Levels, Minor, Place, Pod},
    requirement::{Requirement, Violation},
    rules::Mode,
    verdict::{self, ExceptionSummary, Exemption, Form, MODES, PodCase, Verdict},
};

use super::{Location, Policy, Region, Replacement, Severity, trace};

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
    /// The changes of hardening that would fix it; empty if there are none.
    pub hardening: Vec<MissingDefault>,
    /// The replacements in the source that would apply these changes, if the source is known.
    pub replacements: Vec<Replacement>,
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

/// The levels of the Standard that a pod meets, independent of its policy.
#[derive(Clone, Debug)]
pub struct LevelsMet {
    /// The highest level that it meets now.
    pub now: Level,
    /// The highest level that it would meet once hardened.
    pub hardened: Level,
    /// The baseline controls that it violates.
    pub baseline: Vec<&'static Control>,
    /// The restricted controls that it violates.
    pub restricted: Vec<&'static Control>,
}

impl LevelsMet {
    /// The value for a pod without violations.
    pub const TOP: Self = Self {
        now: Level::Restricted,
        hardened: Level::Restricted,
        baseline: Vec::new(),
        restricted: Vec::new(),
    };

    /// Judges a pod by every level, as it is and, if different, as it would be hardened.
    pub fn of(pod: &Pod<'_>, hardened: Option<&Pod<'_>>, version: Minor) -> Self {
        let broken = |level| pss::broken(level, version, pod).collect::<Vec<_>>();
        let (baseline, restricted) = (broken(Level::Baseline), broken(Level::Restricted));
        let now = match (baseline.is_empty(), restricted.is_empty()) {
            (_, true) => Level::Restricted,
            (true, false) => Level::Baseline,
            (false, false) => Level::Privileged,
        };
        let hardened = match hardened {
            Some(hardened) if now < Level::Restricted => highest(hardened, version),
            _ => now,
        };
        Self { now, hardened, baseline, restricted }
    }
}

fn highest(pod: &Pod<'_>, version: Minor) -> Level {
    let meets = |level: &Level| pss::broken(*level, version, pod).next().is_none();
    let levels = [Level::Restricted, Level::Baseline];
    levels.into_iter().find(meets).unwrap_or(Level::Privileged)
}

impl Workload {
    /// Judges an object whose pod is at `root`: `""`, or `"spec.template."`. A controller without a template creates no
    /// pods.
    pub fn judge(
        mut identity: Identity,
        pod: Option<&Pod<'_>>,
        root: &str,
        policy: &Policy,
    ) -> Self {
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
        if let Some(pod) = pod {
            let (identity, levels) = (workload.identity.clone(), policy.levels(&judged_policy));
            let of_namespace = Cow::Borrowed(&judged_policy.policy);
            match PodCase::new(&policy.subject(&identity, pod), of_namespace, context) {
                Ok(case) => {
                    let case = case.with_levels(&levels).harden(Scope::Create);
                    let version =
                        judged_policy.asked.highest().version.resolve(judged_policy.newest);
                    workload.levels_met = LevelsMet::of(pod, case.hardened(), version);
                    let form = policy.form_in(&identity.namespace);
                    workload.fill(verdict::judge(case, form, policy.caps), root, policy);
                }
                Err(exemption) => workload.exempt = Some(exemption),
            }
        }
        if policy.is_traced {
            workload.trace = trace::of(&workload, policy, &judged_policy);
        }
        workload
    }

    fn fill(&mut self, verdict: Verdict<'_>, root: &str, policy: &Policy) {
        let (denied, advised) = (enforced_and_rules(&verdict), advised(&verdict));
        let judged = verdict.pod();
        self.fixes =
            verdict::fixes(denied.iter().map(|(_, violation)| *violation), judged, MAX_FIXES);
        let hardening = FixedByHardening::new(&verdict);
        let mut parts = Parts::new(judged, root);
        self.violations = denied
            .into_iter()
            .chain(advised)
            .map(|(mode, violation)| ReportedViolation {
                requirement: violation.requirement,
                mode,
                severity: policy.severity(violation.requirement, mode),
                found: violation.findings.iter().map(|one| parts.found(one)).collect(),
                more: violation.findings.more(),
                message: verdict::fix([violation], judged, MAX_MESSAGE),
                hardening: hardening.of(mode, violation),
                replacements: Vec::new(),
            })
            .collect();
        self.exceptions = verdict.exceptions;
        self.changes = verdict.case.changes;
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
    root: &'p str,
    known: HashMap<Place, (Arc<str>, Arc<str>)>,
}

impl<'p> Parts<'p> {
    fn new(pod: &'p Pod<'p>, root: &'p str) -> Self {
        Self { pod, root, known: HashMap::new() }
    }

    fn found(&mut self, finding: &Finding) -> FieldToFix {
        let Self { pod, root, known } = self;
        let (part, place) = known.entry(finding.place).or_insert_with(|| {
            (path(finding.place, root).into(), finding.place.describe(pod).into())
        });
        FieldToFix {
            field: finding.field(root),
            part: Arc::clone(part),
            place: Arc::clone(place),
            fix: finding.fix.clone(),
            region: None,
            context: None,
        }
    }
}

/// The path from the root of an object whose pod is at `root`.
fn path(place: Place, root: &str) -> String {
    match place {
        Place::Metadata => format!("{root}metadata"),
        Place::Pod => format!("{root}spec"),
        Place::Volume { index } => format!("{root}spec.volumes[{index}]"),
        Place::Container { kind, index } => format!("{root}spec.{}[{index}]", kind.list()),
    }
}
