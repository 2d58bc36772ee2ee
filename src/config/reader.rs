//! Reads a YAML or JSON file into types of [`spec`](policy::spec), and collects its problems with their places. Knows no
//! specific fields.

use std::path::Path;

use serde::de::DeserializeOwned;

use manifest::{
    Places,
    path::Path as Field,
    tree::{EMPTY, Error, ErrorKind, NoTree, Node, NodeKind, Repeats, Tree},
};
use policy::shown;

use crate::spelling;

use super::error::{ConfigError, Problem};

/// One file, and what is wrong in it.
pub(crate) struct Reader<'t> {
    pub(crate) file: &'t Path,
    tree: Tree<'t>,
    places: Places<'t>,
    problems: Vec<Problem>,
    /// The values that could not be read.
    wrong: Vec<Field>,
}

impl<'t> Reader<'t> {
    /// Parses the single document of a text. Empty documents are ignored.
    pub(crate) fn parse(text: &'t str, file: &'t Path) -> Result<Self, ConfigError> {
        let places = Places::new("".into(), text.as_bytes());
        let refused = |at, why: &str| ConfigError { problems: vec![Problem::new(file, at, why)] };
        let empty = || refused(None, "must hold a document, but is empty");
        let tree = Tree::parse(text, 0..text.len(), Repeats::Refused);
        let tree = tree.map_err(|NoTree { byte, why }| match why.as_str() {
            EMPTY => empty(),
            why => {
                let reason = why.strip_prefix("not JSON or YAML that can be read: ").unwrap_or(why);
                let is_plain = reason.starts_with("must ") || reason.starts_with("repeated ");
                let why = if is_plain { "" } else { "is not YAML that can be read: " };
                refused(Some(places.position(byte)), &format!("{why}{reason}"))
            }
        })?;
        match tree.root().kind() {
            NodeKind::Null => return Err(empty()),
            // The text is not shown: the file may be a private key, named by mistake.
            NodeKind::Scalar(_) => {
                return Err(refused(None, "must be a mapping, but is a single text"));
            }
            NodeKind::Map(_) | NodeKind::List(_) | NodeKind::Alias => {}
        }
        Ok(Self { file, tree, places, problems: Vec::new(), wrong: Vec::new() })
    }

    /// Reads a value. Wrong parts of it are problems, and left out. None if all of it is wrong.
    pub(crate) fn read<T: DeserializeOwned>(&mut self, field: &Field) -> Option<T> {
        let node = self.node(field)?;
        let (value, errors) = node.read_all();
        for error in errors {
            let path = field.clone().join(&error.path());
            if let Some(text) = message(&error, &path) {
                let at = error.byte().map(|byte| self.places.position(byte));
                self.problems.push(Problem::new(self.file, at, &text));
            }
            self.wrong.push(path);
        }
        value
    }

    /// Adds a problem of a field and others.
    pub(crate) fn problem(&mut self, field: &Field, why: &str) {
        self.push(field, &format!("{}: {why}", named(field)));
    }

    /// Adds a problem at a field's key, or at what is nearest to it.
    fn push(&mut self, field: &Field, text: &str) {
        let found = self.tree.find(field);
        let start = found.last().map(|stop| stop.key.unwrap_or(stop.node).span().start);
        let at = start.map(|byte| self.places.position(byte));
        self.problems.push(Problem::new(self.file, at, text));
    }

    /// Adds a problem of a value that was read.
    pub(crate) fn invalid(&mut self, field: &Field, value: &str, why: &str) {
        self.problem_of_value(field, &format!("{field}: {}: {why}", shown::value(value)));
    }

    /// Adds a problem at a value.
    pub(crate) fn problem_of_value(&mut self, field: &Field, text: &str) {
        let at = self.node(field).map(|node| self.places.position(node.span().start));
        self.problems.push(Problem::new(self.file, at, text));
    }

    /// Adds a problem of the whole file.
    pub(crate) fn problem_of_file(&mut self, why: &str) {
        self.problems.push(Problem::new(self.file, None, why));
    }

    /// Adds the problems of a file that this one names.
    pub(crate) fn adopt(&mut self, error: ConfigError) {
        self.problems.extend(error.problems);
    }

    /// Whether a field is there, and not null.
    pub(crate) fn has(&self, field: &Field) -> bool {
        self.node(field).is_some_and(|node| node.resolved().kind() != NodeKind::Null)
    }

    /// A field that must be set. A value that is wrong has been reported already.
    pub(crate) fn required<T>(
        &mut self,
        of: &Field,
        key: &str,
        value: Option<T>,
        what: &str,
    ) -> Option<T> {
        let field = of.clone().key(key);
        if value.is_none() && !self.is_set(&field) {
            self.push(&field, &format!("{field} is missing: must be {what}"));
        }
        value
    }

    /// Whether a field has a value: a wrong one, or one that is not null, nor an empty text, list or mapping.
    pub(crate) fn is_set(&self, field: &Field) -> bool {
        let has_value = self.node(field).is_some_and(|node| !node.resolved().is_empty());
        has_value || self.wrong.contains(field)
    }

    /// The items of a list, with their fields. Wrong items are not in the list.
    pub(crate) fn items<T>(&self, field: &Field, items: Vec<T>) -> Vec<(Field, T)> {
        let fields = (0..).map(|index| field.clone().index(index));
        fields.filter(|item| !self.wrong.contains(item)).zip(items).collect()
    }

    /// The line of a field, from 1.
    pub(crate) fn line(&self, field: &Field) -> u64 {
        self.node(field).map_or(1, |node| self.places.position(node.span().start).line)
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

    fn node(&self, field: &Field) -> Option<Node<'_>> {
        let found = self.tree.find(field);
        found.last().filter(|_| found.missing.is_empty()).map(|stop| stop.node)
    }
}

fn named(field: &Field) -> String {
    if field.steps().is_empty() { "the file".to_owned() } else { field.to_string() }
}

fn message(error: &Error, path: &Field) -> Option<String> {
    Some(match error.kind() {
        ErrorKind::Value | ErrorKind::Type => format!("{}: {}", named(path), error.why()),
        ErrorKind::MissingKey(keys) if keys.contains(", ") => {
            format!("{}: must set one of: {keys}", named(path))
        }
        ErrorKind::MissingKey(_) if path.steps().is_empty() => error.why().to_owned(),
        ErrorKind::MissingKey(_) => format!("{path}.{}", error.why()),
        ErrorKind::UnknownKey(allowed) => {
            let key = error.key().unwrap_or_default();
            let meant = spelling::nearest(key, allowed.iter().copied());
            let hint = meant.map(|meant| format!(" (did you mean {meant:?}?)"));
            let (name, hint) = (shown::value(&path.to_string()), hint.unwrap_or_default());
            format!("unknown field {name}{hint}: allowed are {}", allowed.join(", "))
        }
        ErrorKind::Consequence => return None,
    })
}
