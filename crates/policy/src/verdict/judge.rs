//! The judge of pods and templates. Both webhooks and every command use it, in one order: exemption, policy of the
//! namespace, exceptions, hardening, evaluation.
//!
//! Pure: no I/O, no clock, no log.

use std::borrow::Cow;

use crate::{
    exceptions::{Covering, Grant, Relaxed, Subject},
    harden::{self, MissingDefault, Scope},
    namespace::EffectivePolicy,
    pss::{self, FindingLimits, LevelVersion, Pod, Policy},
    requirement::Violation,
    rules::Mode,
};

use super::{
    Context, ExceptionSummary, Exemption,
    evaluate::{Evaluation, raised, rules},
};

/// The modes, in the order of evaluation.
pub const MODES: [Mode; 3] = [Mode::Enforce, Mode::Audit, Mode::Warn];

/// The form of a pod that is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The pod as written.
    #[default]
    Written,
    /// The pod with the additions of hardening.
    Hardened,
}

/// A pod or a template, with everything that its verdict depends on.
#[derive(Debug)]
pub struct PodCase<'a> {
    /// The policy of its namespace.
    pub policy: Cow<'a, EffectivePolicy>,
    /// The pod as written.
    pub pod: &'a Pod<'a>,
    /// The additions of hardening, without those that the profile or an exception makes unnecessary.
    pub changes: Vec<MissingDefault>,
    pub(super) context: Context<'a>,
    /// The levels of each mode, if they differ from those of the namespace.
    levels: Option<&'a Policy>,
    pub(super) exceptions: Covering<'a>,
    hardened: Option<Box<Pod<'a>>>,
    /// The pod before an update that changes neither containers nor images.
    old: Option<&'a Pod<'a>>,
}

impl<'a> PodCase<'a> {
    /// Finds the exceptions for a pod or a template.
    ///
    /// # Errors
    /// Its namespace or its runtime class is exempt.
    pub fn new(
        subject: &Subject<'a>,
        policy: Cow<'a, EffectivePolicy>,
        context: Context<'a>,
    ) -> Result<Self, Exemption> {
        let pod = subject.pod();
        match context.exempt_pod(subject.namespace(), pod) {
            Some(exemption) => Err(exemption),
            None => Ok(Self {
                levels: None,
                policy,
                pod,
                changes: Vec::new(),
                exceptions: context.excepted.covering(subject),
                context,
                hardened: None,
                old: None,
            }),
        }
    }

    /// Overrides the levels of the namespace. Rules and relaxations stay.
    #[must_use]
    pub fn with_levels(self, levels: &'a Policy) -> Self {
        Self { levels: Some(levels), ..self }
    }

    /// What hardening would add to the pod, even if the namespace does not harden.
    pub fn planned(&self, scope: Scope<'_>) -> Vec<MissingDefault> {
        let changes = harden::plan(self.pod, &self.context.config.harden, scope);
        match changes.is_empty() {
            true => changes,
            false => self.relax(self.pod, &self.exceptions.grants()).without_relaxed(changes),
        }
    }

    /// Adds the changes of hardening to the case.
    #[must_use]
    pub fn harden(mut self, scope: Scope<'_>) -> Self {
        self.changes = self.planned(scope);
        let hardened = || Box::new(harden::apply(self.pod, &self.changes));
        self.hardened = (!self.changes.is_empty()).then(hardened);
        self
    }

    /// Judges an update that changes neither containers nor images, by the rules that it can violate.
    #[must_use]
    pub fn resized_from(self, old: &'a Pod<'a>) -> Self {
        Self { old: Some(old), ..self }
    }

    /// The pod in one form. Both are equal if hardening adds nothing.
    pub fn pod(&self, form: Form) -> &Pod<'a> {
        match (form, &self.hardened) {
            (Form::Hardened, Some(hardened)) => hardened,
            (Form::Hardened, None) | (Form::Written, _) => self.pod,
        }
    }

    /// The hardened pod, if hardening adds anything.
    pub fn hardened(&self) -> Option<&Pod<'a>> {
        self.hardened.as_deref()
    }

    /// The same, as an owned value.
    pub fn into_hardened(self) -> Option<Pod<'a>> {
        self.hardened.map(|pod| *pod)
    }

    /// The violations of one mode in one form: levels, then rules. Only the requirements, without what to set.
    pub fn broken(&self, form: Form, mode: Mode) -> Vec<Violation> {
        self.broken_with(form, mode, &self.exceptions.grants())
    }

    /// The same with other exceptions.
    pub(super) fn broken_with(
        &self,
        form: Form,
        mode: Mode,
        exceptions: &[Grant<'_>],
    ) -> Vec<Violation> {
        let pod = &self.relax(self.pod(form), exceptions);
        let levels = match mode {
            Mode::Enforce => self.levels().enforce,
            Mode::Audit => self.levels().audit,
            Mode::Warn => self.levels().warn,
        };
        let controls = match self.old {
            Some(_) => Vec::new(),
            None => self.evaluation(pod, FindingLimits::NONE).violations(levels),
        };
        self.with_rules(controls, mode, pod, FindingLimits::NONE)
    }

    /// The violations of each of [`MODES`] in one form.
    pub fn by_mode(&self, form: Form, caps: FindingLimits) -> [Vec<Violation>; 3] {
        self.of_modes(&self.relax(self.pod(form), &self.exceptions.grants()), caps)
    }

    fn of_modes(&self, pod: &Relaxed<'_, 'a>, caps: FindingLimits) -> [Vec<Violation>; 3] {
        let controls = match self.old {
            Some(_) => <[_; 3]>::default(),
            None => self.evaluation(pod, caps).by_mode(self.levels()),
        };
        let [enforce, audit, warn] = controls;
        [(enforce, Mode::Enforce), (audit, Mode::Audit), (warn, Mode::Warn)]
            .map(|(controls, mode)| self.with_rules(controls, mode, pod, caps))
    }

    /// Adds the rule violations of a mode.
    fn with_rules(
        &self,
        mut violations: Vec<Violation>,
        mode: Mode,
        pod: &Relaxed<'_, 'a>,
        caps: FindingLimits,
    ) -> Vec<Violation> {
        let demands = self.policy.demands();
        violations.extend(match self.old {
            Some(old) => raised(demands, mode, pod, old, caps),
            None => rules(demands, mode, pod, caps),
        });
        violations
    }

    fn relax<'p>(&'p self, pod: &'p Pod<'a>, exceptions: &[Grant<'_>]) -> Relaxed<'p, 'a> {
        self.policy.relax(pod, exceptions)
    }

    fn evaluation<'e, 'p>(
        &self,
        pod: &'e Relaxed<'p, 'a>,
        caps: FindingLimits,
    ) -> Evaluation<'e, 'p, 'a> {
        Evaluation { newest: self.context.newest, pod, caps }
    }

    fn levels(&self) -> &Policy {
        self.levels.unwrap_or(&self.policy.modes)
    }

    /// The level of the built-in admission, if it would still deny what is relaxed here.
    fn builtin(&self, pod: &Relaxed<'_, '_>) -> Option<LevelVersion> {
        let asked = self.policy.builtin.filter(|_| self.old.is_none() && pod.is_relaxed())?;
        let version = asked.version.resolve(self.context.newest);
        pss::broken(asked.level, version, pod.whole()).next().map(|_| asked)
    }
}

/// The verdict on a pod or a template.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// What was judged.
    pub case: PodCase<'a>,
    /// The judged form.
    pub form: Form,
    /// Violations that deny it.
    pub enforce: Vec<Violation>,
    /// Violations for the audit log.
    pub audit: Vec<Violation>,
    /// Violations to warn about.
    pub warn: Vec<Violation>,
    /// The exceptions that cover it.
    pub exceptions: ExceptionSummary,
    /// The level of the built-in admission, if it would deny what is relaxed here.
    pub builtin: Option<LevelVersion>,
}

/// Judges a form of a pod or a template by all modes.
pub fn judge(case: PodCase<'_>, form: Form, caps: FindingLimits) -> Verdict<'_> {
    let relaxed = &case.relax(case.pod(form), &case.exceptions.grants());
    let [enforce, audit, warn] = case.of_modes(relaxed, caps);
    let builtin = case.builtin(relaxed);
    let exceptions = ExceptionSummary::new(&case, form);
    Verdict { case, form, enforce, audit, warn, exceptions, builtin }
}

impl<'a> Verdict<'a> {
    /// The pod in the judged form.
    pub fn pod(&self) -> &Pod<'a> {
        self.case.pod(self.form)
    }

    /// The policy that it was judged by.
    pub fn policy(&self) -> &EffectivePolicy {
        &self.case.policy
    }

    /// Whether there are no violations in any mode.
    pub fn is_clean(&self) -> bool {
        self.enforce.is_empty() && self.audit.is_empty() && self.warn.is_empty()
    }
}
