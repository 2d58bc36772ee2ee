//! Reads typed values from a tree, and collects all problems. Knows no specific fields.

use std::{collections::BTreeSet, fmt, path::Path, str::FromStr};

use policy::findings::Position;

use crate::spelling;

use super::{
    error::{ConfigError, Problem},
    tree::{Entry, Node, Value},
};

/// Maximum length of a list whose items each cost time when a pod is judged.
const MOST_ITEMS: usize = 256;
/// Maximum number of patterns in a list: a pod only pays for patterns that may match.
const MOST_PATTERNS: usize = 1024;

/// Reads one file.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a Path,
    problems: Vec<Problem>,
}

/// A mapping and its field path; the root's is empty.
pub(crate) struct Fields<'n> {
    path: String,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The field's value. As in Go, null counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }

    /// A mapping without fields, for an absent section.
    pub(crate) fn none(path: String) -> Self {
        Self { path, entries: &[] }
    }

    /// The names of the fields that are set, in the order of the file.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'n str> {
        let set = self.entries.iter().filter(|entry| !matches!(entry.node.value, Value::Null));
        set.map(|entry| entry.key.as_str())
    }

    /// The position of a field; if it is absent, that of the first field.
    pub(crate) fn at(&self, name: &str) -> Option<Position> {
        let entry = self.entries.iter().find(|entry| entry.key == name);
        entry.or(self.entries.first()).map(|entry| entry.at)
    }

    /// The full path of a field.
    pub(crate) fn path(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a Path) -> Self {
        Self { file, problems: Vec::new() }
    }

    /// The value, if there were no problems.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() {
            return Ok(value);
        }
        let own = self.file.to_string_lossy();
        self.problems.sort_by_key(|problem| (problem.file != own, problem.at));
        Err(ConfigError { problems: self.problems })
    }

    /// Adds the problems of a file that this one names.
    pub(crate) fn adopt(&mut self, error: ConfigError) {
        self.problems.extend(error.problems);
    }

    pub(crate) fn problem(&mut self, at: Option<Position>, text: &str) {
        self.problems.push(Problem::new(self.file, at, text));
    }

    pub(crate) fn invalid(
        &mut self,
        node: &Node,
        path: &str,
        value: &str,
        allowed: impl fmt::Display,
    ) {
        self.problem(Some(node.at), &format!("{path}: {}: {allowed}", shown(value)));
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, path: &str, expected: &str) {
        let place = if path.is_empty() { "the file" } else { path };
        let is = kind(&node.value);
        self.problem(Some(node.at), &format!("{place}: must be {expected}, but is {is}"));
    }

    /// A mapping with any fields. `None`, with a problem, for any other type.
    pub(crate) fn mapping<'n>(&mut self, node: &'n Node, path: &str) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, path, "a mapping");
            return None;
        };
        let path = path.to_owned();
        Some(Fields { path, entries })
    }

    /// Reports unknown and repeated fields.
    pub(crate) fn allow(&mut self, fields: &Fields<'_>, allowed: &[&str]) {
        let mut seen: Vec<&Entry> = Vec::new();
        for entry in fields.entries {
            let name = shown(&fields.path(&entry.key));
            if !allowed.contains(&entry.key.as_str()) {
                let meant = spelling::nearest(&entry.key, allowed.iter().copied());
                let hint = meant.map(|meant| format!(" (did you mean {meant:?}?)"));
                let (hint, allowed) = (hint.unwrap_or_default(), allowed.join(", "));
                let text = format!("unknown field {name}{hint}: allowed are {allowed}");
                self.problem(Some(entry.at), &text);
            } else if let Some(first) = seen.iter().find(|first| first.key == entry.key) {
                let line = first.at.line;
                let text = format!("repeated field {name}: it is set at line {line} already");
                self.problem(Some(entry.at), &text);
            } else {
                seen.push(entry);
            }
        }
    }

    /// A nested mapping with only these fields; empty if absent.
    pub(crate) fn section<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        allowed: &[&str],
    ) -> Fields<'n> {
        let path = fields.path(name);
        let section = fields.get(name).and_then(|node| self.mapping(node, &path));
        let section = section.unwrap_or(Fields::none(path));
        self.allow(&section, allowed);
        section
    }

    /// The entries of a mapping field whose keys are unique names, with their paths.
    pub(crate) fn entries<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
    ) -> Vec<(String, &'n Entry)> {
        let path = fields.path(name);
        let Some(section) = fields.get(name).and_then(|node| self.mapping(node, &path)) else {
            return Vec::new();
        };
        let names: Vec<_> = section.entries.iter().map(|entry| entry.key.as_str()).collect();
        self.allow(&section, &names);
        section.entries.iter().map(|entry| (section.path(&entry.key), entry)).collect()
    }

    /// The text of a field and its node. Empty counts as absent, as with Go's `omitempty` defaults.
    pub(crate) fn text<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
    ) -> Option<(&'n str, &'n Node)> {
        let node = fields.get(name)?;
        let Value::Text(text) = &node.value else {
            self.wrong_type(node, &fields.path(name), "a string");
            return None;
        };
        (!text.is_empty()).then_some((text.as_str(), node))
    }

    /// A field whose text is parsed as a value.
    pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
    ) -> Option<T> {
        let (text, node) = self.text(fields, name)?;
        text.parse().map_err(|allowed| self.invalid(node, &fields.path(name), text, allowed)).ok()
    }

    pub(crate) fn boolean(&mut self, fields: &Fields<'_>, name: &str) -> Option<bool> {
        let node = fields.get(name)?;
        let Value::Bool(value) = node.value else {
            self.wrong_type(node, &fields.path(name), "true or false");
            return None;
        };
        Some(value)
    }

    /// The items of a list field with their paths; empty if absent.
    pub(crate) fn items<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Vec<(String, &'n Node)> {
        let Some(node) = fields.get(name) else {
            return Vec::new();
        };
        let path = fields.path(name);
        let Value::List(items) = &node.value else {
            self.wrong_type(node, &path, "a list");
            return Vec::new();
        };
        let paths = (0..).map(|i: usize| format!("{path}[{i}]"));
        paths.zip(items).collect()
    }

    /// The items of a list field of limited length.
    pub(crate) fn few<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Vec<(String, &'n Node)> {
        self.up_to(MOST_ITEMS, fields, name)
    }

    fn up_to<'n>(
        &mut self,
        most: usize,
        fields: &Fields<'n>,
        name: &str,
    ) -> Vec<(String, &'n Node)> {
        let mut items = self.items(fields, name);
        if let Some((path, node)) = items.get(most) {
            let text = format!("{path}: a list may have at most {most} items");
            self.problem(Some(node.at), &text);
        }
        items.truncate(most);
        items
    }

    /// Passes on the strings and numbers of a list field of limited length.
    pub(crate) fn each<E: fmt::Display>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        take: impl FnMut(&str) -> Result<(), E>,
    ) {
        let items = self.few(fields, name);
        self.take_each(items, take);
    }

    /// The same for a list of patterns, which may be longer.
    pub(crate) fn each_pattern<E: fmt::Display>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        take: impl FnMut(&str) -> Result<(), E>,
    ) {
        let items = self.up_to(MOST_PATTERNS, fields, name);
        self.take_each(items, take);
    }

    fn take_each<E: fmt::Display>(
        &mut self,
        items: Vec<(String, &Node)>,
        mut take: impl FnMut(&str) -> Result<(), E>,
    ) {
        for (path, node) in items {
            let Some(text) = self.scalar(node, &path) else {
                continue;
            };
            if let Err(allowed) = take(text) {
                self.invalid(node, &path, text, allowed);
            }
        }
    }

    /// A string or a number as written.
    pub(crate) fn scalar<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
                self.wrong_type(node, path, "a string or a number");
                None
            }
        }
    }

    /// A list of unique, valid names.
    pub(crate) fn names(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        check: fn(&str) -> Result<(), &'static str>,
    ) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (path, node) in self.items(fields, name) {
            let text = match &node.value {
                Value::Text(text) => text.as_str(),
                Value::Null => "",
                Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
                    self.wrong_type(node, &path, "a string");
                    continue;
                }
            };
            if let Err(allowed) = check(text) {
                self.invalid(node, &path, text, allowed);
            } else if !names.insert(text.to_owned()) {
                self.invalid(node, &path, text, "must not be listed twice");
            }
        }
        names
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::Text(_) => "a string",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    }
}

/// A text of the file in an error message: quoted, escaped and truncated.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
