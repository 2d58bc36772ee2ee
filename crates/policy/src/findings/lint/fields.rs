//! The fields of Kubernetes' types: the table `fields.txt`, parsed when the program is compiled.

/// One type a line: its name, then each field and the field's type.
const TEXT: &str = include_str!("fields.txt");

/// The first line is a comment.
const TYPES: usize = count(b'\n') - 1;
const FIELDS: usize = count(b':');
#[allow(long_running_const_eval, reason = "it takes a fraction of a second")]
static TABLE: Table = Table::parse();

/// The kinds in the table by group. Kinds of the same name in other groups are other kinds.
pub(super) const KINDS: [(&str, &[&str]); 4] = [
    (
        "",
        &[
            "LimitRange",
            "Namespace",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "ServiceAccount",
        ],
    ),
    ("apps", &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("batch", &["CronJob", "Job"]),
    ("networking.k8s.io", &["NetworkPolicy"]),
];

/// A type with fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type(usize);

/// A field of a type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// The key.
    pub(super) name: &'static str,
    /// `string`, `PodSpec`, `[Container]`, `{Quantity}`.
    #[cfg(test)]
    of: &'static str,
    /// The type of its value, or of each item of a list. None for scalars and maps.
    pub(super) to: Option<Type>,
}

impl Field {
    const NONE: Self = Self {
        name: "",
        #[cfg(test)]
        of: "",
        to: None,
    };
}

struct Table {
    /// The name of each type in order, and the position of its first field.
    types: [(&'static str, usize); TYPES],
    fields: [Field; FIELDS],
}

const fn count(byte: u8) -> usize {
    let (mut bytes, mut count) = (TEXT.as_bytes(), 0);
    while let [first, rest @ ..] = bytes {
        count += (*first == byte) as usize;
        bytes = rest;
    }
    count
}

/// Splits at the first of these bytes. The text of the table always has one.
const fn split(text: &'static str, at: &[u8; 2]) -> (&'static str, &'static str) {
    let (mut rest, mut end) = (text.as_bytes(), 0);
    while let [first, after @ ..] = rest {
        if *first == at[0] || *first == at[1] {
            return (text.split_at(end).0, text.split_at(end + 1).1);
        }
        (rest, end) = (after, end + 1);
    }
    (text, "")
}

impl Table {
    #[allow(clippy::indexing_slicing, reason = "it is evaluated when the program is compiled")]
    const fn parse() -> Self {
        let mut table = Self { types: [("", 0); TYPES], fields: [Field::NONE; FIELDS] };
        let names = Self::names();
        let (mut types, mut fields) = (0, 0);
        let (_, mut text) = split(TEXT, b"\n\n");
        while !text.is_empty() {
            let (line, rest) = split(text, b"\n\n");
            let (name, mut line) = split(line, b"  ");
            table.types[types] = (name, fields);
            types += 1;
            while !line.is_empty() {
                let (field, rest) = split(line, b"  ");
                let (name, of) = split(field, b"::");
                table.fields[fields] = Field {
                    name,
                    #[cfg(test)]
                    of,
                    to: Self::find(&names, of),
                };
                fields += 1;
                line = rest;
            }
            text = rest;
        }
        table
    }

    #[allow(clippy::indexing_slicing, reason = "it is evaluated when the program is compiled")]
    const fn names() -> [(&'static str, usize); TYPES] {
        let (mut names, mut at) = ([("", 0); TYPES], 0);
        let (_, mut text) = split(TEXT, b"\n\n");
        while !text.is_empty() {
            let (line, rest) = split(text, b"\n\n");
            names[at] = (split(line, b"  ").0, 0);
            (text, at) = (rest, at + 1);
        }
        names
    }

    /// The type that a field's word names, if it is one with fields.
    #[allow(clippy::indexing_slicing, reason = "it is evaluated when the program is compiled")]
    const fn find(names: &[(&'static str, usize); TYPES], word: &str) -> Option<Type> {
        let mut word = word.as_bytes();
        if let [b'[', inner @ .., b']'] = word {
            word = inner;
        }
        let mut at = 0;
        while at < TYPES {
            if is_same(names[at].0.as_bytes(), word) {
                return Some(Type(at));
            }
            at += 1;
        }
        None
    }
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (mut one, mut other) = (one, other);
    while let ([first, rest @ ..], [second, after @ ..]) = (one, other) {
        if *first != *second {
            return false;
        }
        (one, other) = (rest, after);
    }
    true
}

impl Type {
    /// The type of an object, if it is in the table.
    pub(super) fn of_object(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let (_, kinds) = KINDS.iter().find(|(it, _)| *it == group)?;
        Self::named(kinds.iter().find(|it| **it == kind)?)
    }

    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..TYPES).map(Self)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        TABLE.types.binary_search_by(|(it, _)| (*it).cmp(name)).ok().map(Self)
    }

    pub(super) fn name(self) -> &'static str {
        TABLE.types.get(self.0).map_or("", |(name, _)| name)
    }

    pub(super) fn fields(self) -> &'static [Field] {
        let first = |at: usize| TABLE.types.get(at).map(|(_, first)| *first);
        let end = first(self.0 + 1).unwrap_or(FIELDS);
        first(self.0).and_then(|first| TABLE.fields.get(first..end)).unwrap_or_default()
    }

    pub(super) fn field(self, key: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_type_with_its_fields() {
        let lines: Vec<_> = TEXT.lines().skip(1).collect();
        assert_eq!(lines.len(), TYPES);
        for line in lines {
            let mut words = line.split(' ');
            let of = Type::named(words.next().unwrap()).unwrap();
            let fields = of.fields().iter().map(|field| format!("{}:{}", field.name, field.of));
            assert_eq!(fields.collect::<Vec<_>>(), words.collect::<Vec<_>>(), "{}", of.name());
        }
    }

    #[test]
    fn every_kind_is_in_the_table_and_no_other_group_has_it() {
        for (group, kinds) in KINDS {
            let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
            for kind in kinds {
                assert_eq!(Type::of_object(&version, kind).unwrap().name(), *kind);
                assert_eq!(Type::of_object("example.org/v1", kind), None);
            }
        }
        assert_eq!(Type::of_object("v1", "PodSpec"), None);
    }

    #[test]
    fn a_field_leads_to_its_type() {
        let pod = Type::of_object("v1", "Pod").unwrap();
        let spec = pod.field("spec").and_then(|field| field.to).unwrap();
        assert_eq!(spec.field("containers").and_then(|field| field.to), Type::named("Container"));
        assert_eq!(spec.field("nodeSelector").and_then(|field| field.to), None);
        assert_eq!(spec.field("hostNetwork").and_then(|field| field.to), None);
        assert!(spec.field("hostnetwork").is_none());
    }
}
