//! Defaults as what is written for them.

use crate::harden::Field;

/// What is to be at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Addition {
    /// A scalar.
    Word(Word),
    /// A mapping with these in it, sorted by key as the API server would print them.
    Map(Vec<(&'static str, Self)>),
    /// A list with this in it.
    List(Word),
}

/// A scalar. None of them needs quotes in YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Bool(bool),
    Text(&'static str),
}

impl Addition {
    /// What defaults at one place are, from the pod's spec or the container.
    pub(super) fn of(fields: impl Iterator<Item = Field>) -> Vec<(&'static str, Self)> {
        let mut additions = Vec::new();
        let mut context: Vec<_> = fields
            .filter_map(|field| {
                let value = match field {
                    Field::RunAsNonRoot | Field::ReadOnlyRootFilesystem => {
                        Self::Word(Word::Bool(true))
                    }
                    Field::NoPrivilegeEscalation => Self::Word(Word::Bool(false)),
                    Field::SeccompProfile => {
                        Self::Map(vec![("type", Self::Word(Word::Text("RuntimeDefault")))])
                    }
                    Field::DropCapabilities => {
                        Self::Map(vec![("drop", Self::List(Word::Text("ALL")))])
                    }
                    Field::NoServiceAccountToken => {
                        // In a manifest there is no token that was mounted already.
                        additions.push((field.name(), Self::Word(Word::Bool(false))));
                        return None;
                    }
                };
                Some((field.name(), value))
            })
            .collect();
        context.sort_by_key(|(key, _)| *key);
        if !context.is_empty() {
            additions.push(("securityContext", Self::Map(context)));
        }
        additions
    }
}

impl Word {
    /// As it is written between `quote` where it is text.
    pub(super) fn quoted(self, quote: &str) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Text(text) => format!("{quote}{text}{quote}"),
        }
    }
}
