//! A pod or a template held against its namespace's policy.

use crate::{
    harden::{self, Change},
    policy::{self, Grant, NamespacePolicy, Violation},
    pss::{self, Caps, LevelVersion, Levels, Minor, Pod},
    rules::Mode,
};

use super::{exceptions::Covered, review::Context};

/// What a pod breaks of each mode's level.
#[derive(Debug)]
pub struct Judgement {
    /// The policy.
    pub policy: NamespacePolicy,
    /// Exceptions that cover it.
    pub exceptions: Covered,
    /// What the built-in admission is told to enforce, where it would still deny what is relaxed here.
    pub builtin: Option<LevelVersion>,
    enforce: Vec<Violation>,
    audit: Vec<Violation>,
    warn: Vec<Violation>,
}

impl Judgement {
    /// Judges by enforce, audit and warn, with what the profile and exceptions allow.
    pub fn of_pod(
        policy: NamespacePolicy,
        pod: &Pod<'_>,
        exceptions: &[Grant<'_>],
        newest: Minor,
    ) -> Self {
        let pod = &policy.relax(pod, exceptions);
        // Modes that ask for the same share one evaluation.
        let mut evaluation = policy::Evaluation::new(newest, pod, Caps::ANSWER);
        let mut judge = |levels: Levels, mode: Mode| {
            let mut violations = evaluation.violations(levels);
            violations.extend(policy::rules(policy.demands(), mode, pod, Caps::ANSWER));
            violations
        };
        let modes = policy.policy;
        let enforce = judge(modes.enforce, Mode::Enforce);
        let audit = judge(modes.audit, Mode::Audit);
        let warn = judge(modes.warn, Mode::Warn);
        let builtin = policy.builtin.filter(|asked| {
            let version = asked.version.resolve(newest);
            pod.is_relaxed() && pss::broken(asked.level, version, pod.whole()).next().is_some()
        });
        Self { policy, exceptions: Covered::default(), builtin, enforce, audit, warn }
    }

    /// Judges an update that changes neither containers nor images, by the rules that it can break.
    pub fn of_resize(
        policy: NamespacePolicy,
        pod: &Pod<'_>,
        old: &Pod<'_>,
        exceptions: &[Grant<'_>],
    ) -> Self {
        let pod = &policy.relax(pod, exceptions);
        let judge = |mode| policy::raised(policy.demands(), mode, pod, old, Caps::ANSWER);
        let [enforce, audit, warn] = [Mode::Enforce, Mode::Audit, Mode::Warn].map(judge);
        Self { policy, exceptions: Covered::default(), builtin: None, enforce, audit, warn }
    }

    /// Whether no mode found anything.
    pub fn is_clean(&self) -> bool {
        self.enforce.is_empty() && self.audit.is_empty() && self.warn.is_empty()
    }

    /// The same, with what is told of the exceptions that it was judged with.
    #[must_use]
    pub fn covered(self, exceptions: Covered) -> Self {
        Self { exceptions, ..self }
    }

    /// Violations of the enforced level: reasons to deny.
    pub fn enforce(&self) -> &[Violation] {
        &self.enforce
    }

    /// Violations that the audit log is told of.
    pub fn audit(&self) -> &[Violation] {
        &self.audit
    }

    /// What is broken of enforce and of warn, each requirement once: by the mode that includes the other, or by enforce.
    pub fn strictest(&self) -> Strictest {
        let (enforce, warn) = (self.policy.policy.enforce, self.policy.policy.warn);
        let is_warned_of_more = self.enforce.is_empty() || warn.include_all(&enforce);
        let (levels, first, second) = match is_warned_of_more && warn != enforce {
            true => (warn, &self.warn, &self.enforce),
            false => (enforce, &self.enforce, &self.warn),
        };
        let mut violations = first.clone();
        let known = |one: &Violation| first.iter().any(|it| it.requirement == one.requirement);
        violations.extend(second.iter().filter(|one| !known(one)).cloned());
        Strictest { levels, violations }
    }

    /// Violations that whoever asked is told of.
    pub fn warn(&self) -> &[Violation] {
        &self.warn
    }
}

/// What is broken of the stricter of two modes, and of the other what is not among it.
#[derive(Debug)]
pub struct Strictest {
    /// Of the stricter mode.
    pub levels: Levels,
    /// Each requirement once.
    pub violations: Vec<Violation>,
}

/// A pod, judged.
#[derive(Debug)]
pub struct PodJudgement<'r> {
    /// The pod, as the request has it.
    pub pod: &'r Pod<'r>,
    /// What it breaks.
    pub judgement: Judgement,
}

/// A template, judged as its pods will be: hardened first, where `/mutate` does that, or would but for dry run.
#[derive(Debug)]
pub struct TemplateJudgement<'r> {
    /// The template, as the request has it.
    pub template: &'r Pod<'r>,
    /// What its pods will break.
    pub judgement: Judgement,
    /// What they will be given, if anything: what of the judgement depends on it.
    pub hardened: Vec<Change>,
    /// What they would break without that, of the enforced level.
    pub enforce_unhardened: Vec<Violation>,
}

impl<'r> TemplateJudgement<'r> {
    /// Judges a template.
    pub fn new(
        policy: NamespacePolicy,
        template: &'r Pod<'r>,
        harden: harden::Decision,
        exceptions: &[Grant<'_>],
        context: Context<'_>,
    ) -> Self {
        let hardened = match harden {
            harden::Decision::Apply => {
                let changes = harden::plan(template, &context.config.harden, harden::Scope::Create);
                policy.relax(template, exceptions).without_relaxed(changes)
            }
            harden::Decision::Report | harden::Decision::Nothing => Vec::new(),
        };
        let judgement = Judgement::of_pod(policy, template, exceptions, context.newest);
        if hardened.is_empty() {
            return Self { template, judgement, hardened, enforce_unhardened: Vec::new() };
        }
        let pod = harden::apply(template, &hardened);
        let enforce_unhardened = judgement.enforce().to_vec();
        let judgement = Judgement::of_pod(judgement.policy, &pod, exceptions, context.newest);
        Self { template, judgement, hardened, enforce_unhardened }
    }
}
