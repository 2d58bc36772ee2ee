//! A pod or a template held against its namespace's policy.

use crate::{
    harden::{self, Change},
    pss::{LevelVersion, Minor, NamespacePolicy, Pod, Violation, evaluate},
};

use super::review::Context;

/// What a pod breaks of each mode's level.
#[derive(Debug)]
pub struct Judgement {
    /// The policy.
    pub policy: NamespacePolicy,
    /// By pair: modes that ask for the same share one evaluation.
    results: Vec<(LevelVersion, Vec<Violation>)>,
}

impl Judgement {
    /// Judges by enforce, audit and warn.
    pub fn of_pod(policy: NamespacePolicy, pod: &Pod<'_>, newest: Minor) -> Self {
        let mut results: Vec<(LevelVersion, Vec<Violation>)> = Vec::with_capacity(3);
        let modes = policy.policy;
        for pair in [modes.enforce, modes.audit, modes.warn] {
            if results.iter().all(|(known, _)| *known != pair) {
                results.push((pair, evaluate(pair.level, pair.version.resolve(newest), pod)));
            }
        }
        Self { policy, results }
    }

    /// Violations of the enforced level: reasons to deny.
    pub fn enforce(&self) -> &[Violation] {
        self.of(self.policy.policy.enforce)
    }

    /// Violations that the audit log is told of.
    pub fn audit(&self) -> &[Violation] {
        self.of(self.policy.policy.audit)
    }

    /// Violations that whoever asked is told of.
    pub fn warn(&self) -> &[Violation] {
        self.of(self.policy.policy.warn)
    }

    fn of(&self, pair: LevelVersion) -> &[Violation] {
        let result = self.results.iter().find(|(known, _)| *known == pair);
        result.map_or(&[], |(_, violations)| violations)
    }
}

/// A template, judged as its pods will be: hardened first, where `/mutate` does that, or would but for dry run.
#[derive(Debug)]
pub struct TemplateJudgement {
    /// What its pods will break.
    pub judgement: Judgement,
    /// What they will be given, if anything: what of the judgement depends on it.
    pub hardened: Vec<Change>,
    /// What they would break without that, of the enforced level.
    pub enforce_unhardened: Vec<Violation>,
}

impl TemplateJudgement {
    /// Judges a template.
    pub fn new(
        policy: NamespacePolicy,
        template: &Pod<'_>,
        harden: harden::Decision,
        context: Context<'_>,
    ) -> Self {
        let hardened = match harden {
            harden::Decision::Apply => {
                harden::plan(template, &context.config.harden, harden::Scope::Create)
            }
            harden::Decision::Report | harden::Decision::Nothing => Vec::new(),
        };
        let judgement = Judgement::of_pod(policy, template, context.newest);
        if hardened.is_empty() {
            return Self { judgement, hardened, enforce_unhardened: Vec::new() };
        }
        let pod = harden::apply(template, &hardened);
        let enforce_unhardened = judgement.enforce().to_vec();
        let judgement = Judgement::of_pod(judgement.policy, &pod, context.newest);
        Self { judgement, hardened, enforce_unhardened }
    }
}
