//! What may be asked of a pod, of the Standard or beside it.

use std::sync::Arc;

use crate::{
    pss::{CONTROLS, Control, Findings, Level},
    rules::{RULES, Rule},
};

/// A control of the Standard, or a rule beside it.
#[derive(Clone, Copy, Debug)]
pub enum Requirement {
    /// Of the Standard.
    Control(&'static Control),
    /// Beside it.
    Rule(&'static Rule),
}

impl Requirement {
    /// Every one: the controls in the Standard's order, then the rules in that of their table.
    pub fn all() -> impl Iterator<Item = Self> {
        let controls = CONTROLS.into_iter().map(Self::Control);
        controls.chain(RULES.into_iter().map(Self::Rule))
    }

    /// The one with exactly this id.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|requirement| requirement.id() == id)
    }

    /// Upstream's id of a control, `hostPorts`; that of a rule is `rules/hostPorts`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Control(control) => control.id,
            Self::Rule(rule) => rule.id,
        }
    }

    /// What is wrong with a pod that breaks it, in a few words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Control(control) => control.reason,
            Self::Rule(rule) => rule.reason,
        }
    }

    /// The lowest level that asks for it. None of a rule: no level does.
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Control(control) => Some(control.level),
            Self::Rule(_) => None,
        }
    }

    /// Whether it stands beside the Standard.
    pub fn is_rule(self) -> bool {
        matches!(self, Self::Rule(_))
    }

    /// Where people are told that it comes from: its level, or `rule`.
    pub fn origin(self) -> &'static str {
        self.level().map_or("rule", Level::as_str)
    }

    /// Where it stands among all.
    pub fn position(self) -> Option<usize> {
        Self::all().position(|other| other == self)
    }
}

/// By the id: no two have the same.
impl PartialEq for Requirement {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Requirement {}

/// A requirement that a pod breaks.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub requirement: Requirement,
    /// What must change; never empty. Modes that ask for the same share it.
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
