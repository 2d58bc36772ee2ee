//! What is found of one workload.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use crate::{
    admission,
    harden::{Change, Scope},
    policy::{
        self, ExceptionSummary, Exemption, Form, MODES, PodCase, Requirement, Verdict, Violation,
    },
    pss::{self, Caps, Control, Finding, Level, Levels, Minor, Place, Pod},
    rules::Mode,
};

use super::{Location, Policy, Region, Replacement, Severity, trace};

/// The most lines of what to set in a workload: more than any that runs needs.
const MAX_FIXES: usize = 1024;
/// The most bytes of what to set for one requirement, in one line.
const MAX_MESSAGE: usize = 16 << 10;

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Empty where the manifest does not say.
    pub namespace: String,
    /// The name, or what the generated one will start with.
    pub name: String,
}

/// `Deployment shop/web`. What is longer than any name of the API is cut: texts say it again and again.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", pss::key(&self.kind))?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", pss::key(&self.namespace))?;
        }
        f.write_str(&pss::key(&self.name))
    }
}

/// An object that holds a pod: judged, or exempt.
#[derive(Debug)]
pub struct Workload {
    /// Which.
    pub identity: Identity,
    /// Where it stands. None for what runs in a cluster.
    pub location: Option<Location>,
    /// Why it was not judged, if it was not.
    pub exempt: Option<Exemption>,
    /// What it is judged by: no version is `latest`.
    pub judged: Levels,
    /// What it breaks, in the order of the Standard's table.
    pub violations: Vec<ReportedViolation>,
    /// What to set, one line each, grouped by container as in a denial.
    pub fixes: Vec<String>,
    /// The levels that it meets.
    pub levels_met: LevelsMet,
    /// What hardening adds where it is applied, whatever is judged.
    pub changes: Vec<Change>,
    /// The exceptions that cover it.
    pub exceptions: ExceptionSummary,
    /// What led to the verdict, one line a step, where that is asked for.
    pub trace: Vec<String>,
}

/// A control that it breaks.
#[derive(Debug)]
pub struct ReportedViolation {
    /// Which.
    pub requirement: Requirement,
    /// The strictest mode that asks for it.
    pub mode: Mode,
    /// How bad that is.
    pub severity: Severity,
    /// What must change; never empty.
    pub found: Vec<Found>,
    /// How many were found beyond those.
    pub more: usize,
    /// What to set, in one line: of each container that has it wrong.
    pub message: String,
    /// What of hardening would mend it; empty where nothing does.
    pub hardening: Vec<Change>,
    /// What that would write into the source, where the source is known.
    pub mends: Vec<Replacement>,
}

/// One thing to set.
#[derive(Debug)]
pub struct Found {
    /// The path of the field from the object's root. It may be missing from the object.
    pub field: String,
    /// The path of the container, volume or pod that it is about, from the object's root.
    pub part: Arc<str>,
    /// The same as people call it: `container "web"`.
    pub place: Arc<str>,
    /// What to do: `set securityContext.privileged=false`.
    pub fix: Cow<'static, str>,
    /// Where in the source, when that is known.
    pub region: Option<Region>,
    /// Where the container or volume says its name, when the region is within it.
    pub context: Option<Region>,
}

/// The levels of the Standard that a pod meets, whatever it is judged by.
#[derive(Clone, Debug)]
pub struct LevelsMet {
    /// The highest that it meets now.
    pub now: Level,
    /// The highest that it would meet once hardened.
    pub hardened: Level,
    /// What it breaks of baseline.
    pub baseline: Vec<&'static Control>,
    /// What it breaks of restricted.
    pub restricted: Vec<&'static Control>,
}

impl LevelsMet {
    /// Of what breaks nothing.
    pub const TOP: Self = Self {
        now: Level::Restricted,
        hardened: Level::Restricted,
        baseline: Vec::new(),
        restricted: Vec::new(),
    };

    /// Judges a pod by every level, as it is and as it would be hardened, if that is not the same.
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
    /// Judges an object whose pod stands at `root`: `""`, or `"spec.template."`. A controller without a template
    /// makes no pods.
    pub fn judge(
        mut identity: Identity,
        pod: Option<&Pod<'_>>,
        root: &str,
        policy: &Policy,
    ) -> Self {
        if identity.namespace.is_empty() {
            identity.namespace.clone_from(&policy.namespace);
        }
        let (basis, context) = (policy.basis(&identity.namespace), policy.context());
        let mut workload = Self {
            location: None,
            exempt: context.exempt_namespace(&identity.namespace),
            identity,
            judged: basis.judged(),
            violations: Vec::new(),
            fixes: Vec::new(),
            levels_met: LevelsMet::TOP,
            changes: Vec::new(),
            exceptions: ExceptionSummary::default(),
            trace: Vec::new(),
        };
        if let Some(pod) = pod {
            let (identity, levels) = (workload.identity.clone(), policy.levels(&basis));
            let of_namespace = Cow::Borrowed(&basis.policy);
            match PodCase::new(&policy.subject(&identity, pod), of_namespace, context) {
                Ok(case) => {
                    let case = case.with_levels(&levels).harden(Scope::Create);
                    let version = basis.asked.highest().version.resolve(basis.newest);
                    workload.levels_met = LevelsMet::of(pod, case.hardened(), version);
                    workload.fill(policy::judge(case, policy.form, policy.caps), root, policy);
                }
                Err(exemption) => workload.exempt = Some(exemption),
            }
        }
        if policy.is_traced {
            workload.trace = trace::of(&workload, policy, &basis);
        }
        workload
    }

    fn fill(&mut self, verdict: Verdict<'_>, root: &str, policy: &Policy) {
        let (denied, advised) = (enforced_and_rules(&verdict), advised(&verdict));
        let judged = verdict.pod();
        self.fixes =
            admission::fixes(denied.iter().map(|(_, violation)| *violation), judged, MAX_FIXES);
        let hardening = Mending::new(&verdict);
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
                message: admission::fix([violation], judged, MAX_MESSAGE),
                hardening: hardening.of(mode, violation),
                mends: Vec::new(),
            })
            .collect();
        self.exceptions = verdict.exceptions;
        self.changes = verdict.case.changes;
    }

    /// Whether its pods are denied, however bad a command calls what they break.
    pub fn is_denied(&self) -> bool {
        self.violations.iter().any(|broken| broken.mode == Mode::Enforce)
    }

    /// Whether it breaks anything that makes the command fail.
    pub fn fails(&self) -> bool {
        self.violations.iter().any(|broken| broken.severity == Severity::Error)
    }
}

impl ReportedViolation {
    /// Whether hardening would mend it.
    pub fn is_hardened(&self) -> bool {
        !self.hardening.is_empty()
    }

    /// The paths of the fields from the object's root, each once.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let mut seen = HashSet::new();
        let fields = self.found.iter().map(|found| found.field.as_str());
        fields.filter(move |field| seen.insert(*field))
    }
}

/// What is enforced, then the rules of the other modes.
fn enforced_and_rules<'v>(verdict: &'v Verdict<'_>) -> Vec<(Mode, &'v Violation)> {
    let rules = advice(verdict).filter(|(_, violation)| violation.requirement.is_rule());
    verdict.enforce.iter().map(|violation| (Mode::Enforce, violation)).chain(rules).collect()
}

/// The controls of the other modes, each once, that are not enforced.
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

/// Which violations hardening would fix.
struct Mending<'v> {
    changes: &'v [Change],
    /// What each mode still finds in the hardened pod. None where the judged pod is the hardened one.
    left: Option<[Vec<Violation>; 3]>,
}

impl<'v> Mending<'v> {
    fn new(verdict: &'v Verdict<'_>) -> Self {
        let case = &verdict.case;
        let differs = verdict.form == Form::Written && case.hardened().is_some();
        let left =
            (differs && !verdict.is_clean()).then(|| case.by_mode(Form::Hardened, Caps::NONE));
        Self { changes: &case.changes, left }
    }

    /// The changes that fix a violation of a mode; none if it is still there after them.
    fn of(&self, mode: Mode, violation: &Violation) -> Vec<Change> {
        let requirement = violation.requirement;
        let left = self.left.iter().flat_map(|left| MODES.iter().zip(left));
        let left = left.filter(|(of, _)| **of == mode).flat_map(|(_, left)| left);
        if self.left.is_none() || left.into_iter().any(|it| it.requirement == requirement) {
            return Vec::new();
        }
        let is_its = |change: &&Change| change.field.requirement() == Some(requirement.id());
        self.changes.iter().filter(is_its).cloned().collect()
    }
}

/// The parts of a pod as findings name them: each is named once, however much is wrong with it.
struct Parts<'p> {
    pod: &'p Pod<'p>,
    root: &'p str,
    known: HashMap<Place, (Arc<str>, Arc<str>)>,
}

impl<'p> Parts<'p> {
    fn new(pod: &'p Pod<'p>, root: &'p str) -> Self {
        Self { pod, root, known: HashMap::new() }
    }

    fn found(&mut self, finding: &Finding) -> Found {
        let Self { pod, root, known } = self;
        let (part, place) = known.entry(finding.place).or_insert_with(|| {
            (path(finding.place, root).into(), finding.place.describe(pod).into())
        });
        Found {
            field: finding.field(root),
            part: Arc::clone(part),
            place: Arc::clone(place),
            fix: finding.fix.clone(),
            region: None,
            context: None,
        }
    }
}

/// From the root of an object whose pod stands at `root`.
fn path(place: Place, root: &str) -> String {
    match place {
        Place::Metadata => format!("{root}metadata"),
        Place::Pod => format!("{root}spec"),
        Place::Volume { index } => format!("{root}spec.volumes[{index}]"),
        Place::Container { kind, index } => format!("{root}spec.{}[{index}]", kind.list()),
    }
}
