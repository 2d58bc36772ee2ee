//! The path of a field in an object, as in findings.

use std::fmt;

/// `spec.containers[0].securityContext`. A key is in brackets if it contains a dot or a bracket, or is empty:
/// `metadata.annotations[a/b.c]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a mapping.
    Key(Box<str>),
    /// The index of a list item. In a mapping, the key with this number.
    Index(usize),
}

impl Path {
    /// Parses a path. Every text is valid: anything in brackets that is not an index is a key.
    pub fn of(text: &str) -> Self {
        let mut path = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            if rest.is_empty() {
                break;
            }
            let (step, left) = match rest.strip_prefix('[') {
                Some(inner) => in_brackets(inner),
                None => {
                    let end = rest.find(['.', '[']).unwrap_or(rest.len());
                    let (key, left) = rest.split_at(end);
                    (Step::Key(key.into()), left)
                }
            };
            path.0.push(step);
            rest = left;
        }
        path
    }

    /// Appends a key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    /// Appends an index.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// Appends another path.
    #[must_use]
    pub fn join(mut self, below: &Self) -> Self {
        self.0.extend(below.0.iter().cloned());
        self
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

/// Splits at the closing bracket: the last one, or the one before the next step.
fn in_brackets(inner: &str) -> (Step, &str) {
    let is_end = |at: &usize| {
        let after = inner.get(at + 1..).unwrap_or_default();
        after.is_empty() || after.starts_with(['.', '['])
    };
    let end = inner.match_indices(']').map(|(at, _)| at).find(is_end).unwrap_or(inner.len());
    let (text, left) = inner.split_at(end);
    let is_number = text == "0" || !text.starts_with(['0', '+']);
    let index = is_number.then(|| text.parse().ok()).flatten();
    (index.map_or_else(|| Step::Key(text.into()), Step::Index), left.get(1..).unwrap_or_default())
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if key.is_empty() || key.contains(['.', '[', ']']) => {
                    write!(f, "[{key}]")?;
                }
                Step::Key(key) => {
                    let dot = if at == 0 { "" } else { "." };
                    write!(f, "{dot}{key}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_findings_write_them() {
        let key = |key: &str| Step::Key(key.into());
        for (text, steps) in [
            ("", vec![]),
            ("spec", vec![key("spec")]),
            ("items[3].spec", vec![key("items"), Step::Index(3), key("spec")]),
            ("a[x/y.z]", vec![key("a"), key("x/y.z")]),
            ("a[x[0].y].b", vec![key("a"), key("x[0"), key("y]"), key("b")]),
            ("a[0][1].b", vec![key("a"), Step::Index(0), Step::Index(1), key("b")]),
            ("a[007]", vec![key("a"), key("007")]),
            ("items[3].", vec![key("items"), Step::Index(3)]),
            ("a[b", vec![key("a"), key("b")]),
        ] {
            assert_eq!(Path::of(text).steps(), steps, "{text}");
        }
    }

    #[test]
    fn a_path_is_written_as_it_reads() {
        for text in
            ["", "spec.containers[0].securityContext", "metadata.annotations[a/b.c]", "[0].a"]
        {
            assert_eq!(Path::of(text).to_string(), text);
        }
        let built = Path::of("items[1]").join(&Path::of("spec").key("containers").index(2));
        assert_eq!(built.to_string(), "items[1].spec.containers[2]");
    }
}
