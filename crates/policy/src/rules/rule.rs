//! A rule: the names that do not depend on its settings.

/// The names of a rule, independent of its settings.
#[derive(Debug)]
pub struct Rule {
    /// `rules/` and the name, to keep it distinct from ids of controls: `rules/hostPorts`.
    pub id: &'static str,
    /// Why a pod that violates it is wrong, in a few words.
    pub reason: &'static str,
}

impl Rule {
    /// The name in the configuration: `hostPorts`.
    pub fn name(&self) -> &'static str {
        self.id.strip_prefix("rules/").unwrap_or(self.id)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}
