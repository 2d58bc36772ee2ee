//! What is found of one workload.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use crate::{
    admission::{self, Exemption},
    harden::{self, Change},
    policy::{Covering, Exception, Requirement, Violation},
    pss::{self, Caps, Control, Finding, Level, Levels, Minor, Place, Pod},
};

use super::{Basis, Judges, Location, Policy, Region, Replacement, Severity, trace};

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
    pub violations: Vec<Broken>,
    /// What to set, one line each, grouped by container as in a denial.
    pub fixes: Vec<String>,
    /// The levels that it meets.
    pub ladder: Ladder,
    /// What hardening adds where it is applied, whatever is judged.
    pub changes: Vec<Change>,
    /// The exceptions that cover it.
    pub exceptions: Excepted,
    /// What led to the verdict, one line a step, where that is asked for.
    pub trace: Vec<String>,
}

/// The exceptions that cover a workload, each `namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excepted {
    /// Those in force.
    pub by: Vec<String>,
    /// Those that would have been, had they not expired.
    pub expired: Vec<String>,
}

impl Excepted {
    fn of(covering: &Covering<'_>) -> Self {
        let names = |exceptions: &[&Exception]| {
            exceptions.iter().map(|exception| exception.name.clone()).collect()
        };
        Self { by: names(&covering.granted), expired: names(&covering.expired) }
    }
}

/// A control that it breaks.
#[derive(Debug)]
pub struct Broken {
    /// Which.
    pub requirement: Requirement,
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
pub struct Ladder {
    /// The highest that it meets now.
    pub now: Level,
    /// The highest that it would meet once hardened.
    pub hardened: Level,
    /// What it breaks of baseline.
    pub baseline: Vec<&'static Control>,
    /// What it breaks of restricted.
    pub restricted: Vec<&'static Control>,
}

impl Ladder {
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
        let exempt = policy.exemption(&identity, pod);
        let basis = policy.basis(&identity.namespace);
        let mut workload = Self {
            identity,
            location: None,
            exempt,
            judged: basis.judged(),
            violations: Vec::new(),
            fixes: Vec::new(),
            ladder: Ladder::TOP,
            changes: Vec::new(),
            exceptions: Excepted::default(),
            trace: Vec::new(),
        };
        if let (Some(pod), None) = (pod, exempt) {
            workload.fill(pod, root, policy, &basis);
        }
        if policy.is_traced {
            workload.trace = trace::of(&workload, policy, &basis);
        }
        workload
    }

    fn fill(&mut self, pod: &Pod<'_>, root: &str, policy: &Policy, basis: &Basis) {
        let changes = harden::plan(pod, &policy.harden, harden::Scope::Create);
        let covering = policy.covering(&self.identity, pod);
        let grants = covering.grants();
        let changes = basis.policy.relax(pod, &grants).without_relaxed(changes);
        // Nothing to harden is what well-kept manifests have in common.
        let applied = (!changes.is_empty()).then(|| harden::apply(pod, &changes));
        let hardened = applied.as_ref().unwrap_or(pod);
        self.ladder =
            Ladder::of(pod, applied.as_ref(), basis.asked.highest().version.resolve(basis.newest));
        let judged = match policy.judges {
            Judges::Written => pod,
            Judges::Hardened => hardened,
        };
        let violations = policy.violations(basis, judged, &grants, policy.caps);
        let left = match (violations.is_empty(), policy.judges, &applied) {
            (false, Judges::Written, Some(hardened)) => {
                Some(policy.violations(basis, hardened, &grants, Caps::NONE))
            }
            // Judged is what is hardened already, or nothing would change.
            _ => None,
        };
        let is_hardened = |violation: &Violation| {
            let remains = |(other, _): &(Violation, _)| other.requirement == violation.requirement;
            left.as_ref().is_some_and(|left| !left.iter().any(remains))
        };
        let hardening = |violation: &Violation| {
            let is_its =
                |change: &&Change| change.field.requirement() == Some(violation.requirement.id());
            let its = changes.iter().filter(is_its);
            if is_hardened(violation) { its.cloned().collect() } else { Vec::new() }
        };
        self.exceptions = Excepted::of(&covering);
        let all = violations.iter().map(|(violation, _)| violation);
        self.fixes = admission::fixes(all, judged, MAX_FIXES);
        let mut parts = Parts::new(judged, root);
        self.violations = violations
            .iter()
            .map(|(violation, severity)| Broken {
                requirement: violation.requirement,
                severity: *severity,
                found: violation.findings.iter().map(|one| parts.found(one)).collect(),
                more: violation.findings.more(),
                message: admission::fix([violation], judged, MAX_MESSAGE),
                hardening: hardening(violation),
                mends: Vec::new(),
            })
            .collect();
        self.changes = changes;
    }

    /// Whether its pods are denied, however bad a command calls what they break. Rules that only warn or audit deny none.
    pub fn is_denied(&self) -> bool {
        self.violations.iter().any(Broken::is_enforced)
    }

    /// Whether it breaks anything that makes the command fail.
    pub fn fails(&self) -> bool {
        self.violations.iter().any(|broken| broken.severity == Severity::Error)
    }
}

impl Broken {
    /// Whether pods are denied for it, however bad a command calls it: of the level all is enforced, of the rules some.
    pub fn is_enforced(&self) -> bool {
        self.requirement.level().is_some() || self.severity == Severity::Error
    }

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
