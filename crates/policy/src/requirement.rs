//! Requirements on pods, from the Standard or the rules.

use std::sync::Arc;

use crate::{
    pss::{CONTROLS, Control, Findings, Level},
    rules::{RULES, Rule},
};

/// A control of the Standard, or a rule.
#[derive(Clone, Copy, Debug)]
pub enum Requirement {
    /// A control of the Standard.
    Control(&'static Control),
    /// A rule.
    Rule(&'static Rule),
}

impl Requirement {
    /// All requirements: the controls in the Standard's order, then the rules in that of their table.
    pub fn all() -> impl Iterator<Item = Self> {
        let controls = CONTROLS.into_iter().map(Self::Control);
        controls.chain(RULES.into_iter().map(Self::Rule))
    }

    /// The requirement with exactly this id.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|requirement| requirement.id() == id)
    }

    /// Upstream's id of a control, such as `hostPorts`; for a rule, `rules/hostPorts`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Control(control) => control.id,
            Self::Rule(rule) => rule.id,
        }
    }

    /// Why a pod that violates it is wrong, in a few words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Control(control) => control.reason,
            Self::Rule(rule) => rule.reason,
        }
    }

    /// The lowest level that includes it. None for a rule.
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Control(control) => Some(control.level),
            Self::Rule(_) => None,
        }
    }

    /// Whether it is a rule.
    pub fn is_rule(self) -> bool {
        matches!(self, Self::Rule(_))
    }

    /// Its origin in messages: the level, or `rule`.
    pub fn origin(self) -> &'static str {
        self.level().map_or("rule", Level::as_str)
    }

    /// Its position among all requirements.
    pub fn position(self) -> Option<usize> {
        Self::all().position(|other| other == self)
    }
}

/// Compares the unique ids.
impl PartialEq for Requirement {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Requirement {}

/// A requirement that a pod violates.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub requirement: Requirement,
    /// What must change; never empty. Modes with the same requirement share it.
    pub findings: Arc<Findings>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_have_the_same_id() {
        let ids: Vec<_> = Requirement::all().map(Requirement::id).collect();
        for (index, id) in ids.iter().enumerate() {
            assert_eq!(Requirement::find(id).unwrap().position(), Some(index), "{id}");
        }
        assert_eq!(Requirement::find("hostports"), None);
    }
}
