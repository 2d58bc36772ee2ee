//! The notation of defaults that are added.

use policy::harden::{Field, List, MissingDefault, Resources, Values};

/// The value to add for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Addition {
    /// A scalar.
    Word(Word),
    /// A mapping, sorted by key as the API server prints it.
    Map(Vec<Entry>),
    List(Vec<Self>),
}

/// A key and its value.
pub(super) type Entry = (&'static str, Addition);

/// A scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Bool(bool),
    Text(String),
}

impl Addition {
    /// The defaults for one place, relative to the pod's spec or the container.
    pub(super) fn of(changes: &[&MissingDefault]) -> Vec<Entry> {
        let mut additions = Vec::new();
        let mut context = Vec::new();
        for change in changes {
            let name = change.field.name();
            match (&change.values, change.field) {
                // A manifest contains no mounted token to remove.
                (Values::Fixed, Field::NoServiceAccountToken | Field::UserNamespace) => {
                    additions.push((name, Self::Word(Word::Bool(false))));
                }
                (Values::Fixed, field) => context.extend(of_context(field).map(|it| (name, it))),
                (Values::EmptyDirs(all), _) => {
                    let mount = |path: &str, volume: &str| {
                        Self::Map(vec![("mountPath", text(path)), ("name", text(volume))])
                    };
                    let mounts = all.iter().map(|one| mount(one.path(), one.volume()));
                    additions.push(("volumeMounts", Self::List(mounts.collect())));
                }
                (Values::Resources(lacking), _) => additions.push((name, resources(lacking))),
            }
        }
        context.sort_by_key(|(key, _)| *key);
        if !context.is_empty() {
            additions.push(("securityContext", Self::Map(context)));
        }
        additions.sort_by_key(|(key, _)| *key);
        additions
    }

    pub(super) fn is_word(&self) -> bool {
        matches!(self, Self::Word(_))
    }

    /// The volumes in the pod's spec that changes of containers need, if any.
    pub(super) fn of_volumes(changes: &[MissingDefault]) -> Option<Entry> {
        let volume =
            |name: &str| Self::Map(vec![("emptyDir", Self::Map(Vec::new())), ("name", text(name))]);
        let empty_dirs = changes.iter().flat_map(MissingDefault::empty_dirs);
        let volumes: Vec<_> = empty_dirs.map(|one| volume(one.volume())).collect();
        (!volumes.is_empty()).then_some(("volumes", Self::List(volumes)))
    }
}

/// The value in a `securityContext`.
fn of_context(field: Field) -> Option<Addition> {
    match field {
        Field::RunAsNonRoot | Field::ReadOnlyRootFilesystem => {
            Some(Addition::Word(Word::Bool(true)))
        }
        Field::NoPrivilegeEscalation => Some(Addition::Word(Word::Bool(false))),
        Field::SeccompProfile | Field::AppArmorProfile => {
            Some(Addition::Map(vec![("type", text("RuntimeDefault"))]))
        }
        Field::DropCapabilities => {
            Some(Addition::Map(vec![("drop", Addition::List(vec![text("ALL")]))]))
        }
        Field::NoServiceAccountToken
        | Field::UserNamespace
        | Field::EmptyDirs
        | Field::Resources => None,
    }
}

fn resources(lacking: &Resources) -> Addition {
    let lists = [List::Limits, List::Requests].into_iter().map(|list| {
        let amounts = lacking.iter().filter(|(of, ..)| *of == list);
        let amounts = amounts.map(|(_, name, amount)| (name.name(), text(&amount.to_string())));
        (list.name(), amounts.collect::<Vec<_>>())
    });
    let lists = lists.filter(|(_, amounts)| !amounts.is_empty());
    Addition::Map(lists.map(|(list, amounts)| (list, Addition::Map(amounts))).collect())
}

fn text(text: &str) -> Addition {
    Addition::Word(Word::Text(text.to_owned()))
}

impl Word {
    /// Formats the value, with text between `quote`s. Omits quotes only if every YAML parser reads it as that text.
    pub(super) fn quoted(&self, quote: &str) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Text(text) if quote == "'" => format!("'{}'", text.replace('\'', "''")),
            Self::Text(text) if quote.is_empty() && is_plain(text) => text.clone(),
            // Every JSON string is a YAML string with the same value.
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        }
    }
}

fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_quantity = matches!(unit, "m" | "k" | "M" | "G" | "Ki" | "Mi" | "Gi" | "Ti")
        && unit.len() < text.len();
    text.chars().all(is_harmless) && (is_word || is_quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_quotes_where_it_would_be_something_else() {
        let word = |text: &str| Word::Text(text.to_owned());
        for text in ["ALL", "RuntimeDefault", "/var/run", "10m", "64Mi", "portcullis-tmp-web"] {
            assert_eq!(word(text).quoted(""), text);
        }
        for text in ["1", "0.5", "1e3", "1E", "1_0m", "", "/a b", "/a: b", "/a #b", "On", "~", "-a"]
        {
            let written = word(text).quoted("");
            assert_eq!(written, format!("\"{text}\""));
            assert_eq!(serde_saphyr::from_str::<String>(&written).unwrap(), text);
        }
        assert_eq!(word("/it's").quoted("'"), "'/it''s'");
        assert_eq!(word("/a\"b").quoted("\""), r#""/a\"b""#);
        assert_eq!(Word::Bool(true).quoted("\""), "true");
    }
}
