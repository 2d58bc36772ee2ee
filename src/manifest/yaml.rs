//! YAML as the API server would get it: the JSON text that `sigs.k8s.io/yaml` makes of it, so that a manifest is
//! judged by the same view as a review. Every value stands on the line that it has in the YAML, so that whoever
//! reads the JSON can name lines, too.
//!
//! Differences from Go, none of which makes another pod of a manifest that an API server takes: a repeated key and a
//! number that is none of JSON's (`.inf`) are errors, `tRue` is a boolean, `1_` and `1__0` are strings.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy, Options, Spanned};

use super::{
    Line, Unreadable, plain,
    plain::{Piece, What},
    tree::{Kind, Quotes},
};

/// What aliases and merge keys may add to a document, in parser events: ten times what a large manifest has.
const MAX_REPLAYED: usize = 100_000;
/// Deeper than any manifest. Of [`super::STACK`] a level takes 40 KiB in a debug build.
const MAX_DEPTH: usize = 128;

/// Reads the one document of a text whose first line is `first`. The JSON begins on that line, too.
///
/// # Errors
/// What is not YAML, or more than a manifest ever needs, and its line.
pub(super) fn to_json(text: &str, first: Line) -> Result<String, Unreadable> {
    match plain::read(text).and_then(|pieces| plain_json(text, &pieces)) {
        Some(json) => Ok(json),
        None => all_to_json(text, first),
    }
}

fn all_to_json(text: &str, first: Line) -> Result<String, Unreadable> {
    let node: Node = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let line = error.location().map_or(first, |at| first.after(at.line().saturating_sub(1)));
        Unreadable::at(line, reason(&error, text))
    })?;
    let mut json = Json::for_yaml(text);
    json.node(&node);
    match json.wrong {
        None => Ok(json.text),
        Some(Wrong { line, why }) => {
            let why = format!("{why}{}", hint(text));
            Err(Unreadable::at(first.after(line.saturating_sub(1)), why))
        }
    }
}

/// The parser's own words, without the place that it ends them with.
fn reason(error: &serde_saphyr::Error, text: &str) -> String {
    let words = error.to_string();
    let reason = words.split(" at line ").next().unwrap_or_default();
    format!("not JSON or YAML that can be read: {reason}{}", hint(text))
}

/// What those mean most often who give what cannot be read.
fn hint(text: &str) -> &'static str {
    if text.contains("{{") {
        "; it looks like a template that is not rendered: give what renders it, as --helm does"
    } else {
        ""
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        legacy_octal_numbers: true,
        // Ours: what Go does depends on where the merge key stands.
        merge_keys: MergeKeyPolicy::AsOrdinary,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED },
        // The text's own size is bounded where it is read: what bounds the tree are aliases and depth.
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_events: usize::MAX,
            max_nodes: usize::MAX,
            enforce_alias_anchor_ratio: false,
        },
    }
}

/// A value and the line where it is used, from 1 in its text.
struct Node {
    line: u64,
    value: Value,
}

enum Value {
    Null,
    Bool(bool),
    /// As JSON writes it.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A mapping that is none, and why.
    Wrong(Wrong),
}

/// Where in its text, and what.
struct Wrong {
    line: u64,
    why: String,
}

struct Entry {
    /// The line of the key.
    line: u64,
    key: String,
    value: Node,
    from: From,
}

/// How a key came into a mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Author,
    MergeKey,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        float(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Mapping::default();
        while let Some((key, value)) = entries.next_entry::<Spanned<Value>, Node>()? {
            map.take(key.referenced.line(), &key.value, value);
        }
        Ok(map.wrong.map_or(Value::Map(map.entries), Value::Wrong))
    }
}

/// A mapping as go-yaml v2 fills one: in the order of the text, so that a merge key also replaces what stands before
/// it (`decode.go`, `mapping` and `merge`).
#[derive(Default)]
struct Mapping {
    entries: Vec<Entry>,
    places: HashMap<String, usize>,
    /// The first that is.
    wrong: Option<Wrong>,
}

impl Mapping {
    fn take(&mut self, line: u64, key: &Value, value: Node) {
        let taken = match key_text(key) {
            Some(key) if key == "<<" => self.merge(value),
            Some(key) => self.add(Entry { line, key, value, from: From::Author }),
            None => Err("a key must be a string, a number or a boolean".to_owned()),
        };
        if let (Err(why), None) = (taken, &self.wrong) {
            self.wrong = Some(Wrong { line, why });
        }
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        let place = *self.places.entry(entry.key.clone()).or_insert(self.entries.len());
        match self.entries.get_mut(place) {
            Some(old) if old.from == From::Author && entry.from == From::Author => {
                return Err(format!("repeated key {:?}: a mapping has each key once", entry.key));
            }
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
        Ok(())
    }

    /// Of several, the first wins.
    fn merge(&mut self, value: Node) -> Result<(), String> {
        match value.value {
            Value::Map(entries) => entries
                .into_iter()
                .try_for_each(|entry| self.add(Entry { from: From::MergeKey, ..entry })),
            Value::List(maps) => maps.into_iter().rev().try_for_each(|map| match map.value {
                Value::Map(_) => self.merge(map),
                _ => Err(MERGED.to_owned()),
            }),
            _ => Err(MERGED.to_owned()),
        }
    }
}

const MERGED: &str = "a merge key (<<) needs a mapping or a list of mappings";

/// A key as a string, as `sigs.k8s.io/yaml` makes one of any scalar (`convertToJSONableObject`).
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => number
            .parse::<i64>()
            .map_or_else(|_| number.parse::<f32>().ok().map(short_float), |_| Some(number.clone())),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Wrong(_) => None,
    }
}

/// As Go's `strconv.FormatFloat(value, 'g', -1, 32)`.
fn short_float(value: f32) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A float as Go's JSON writes it: integral ones below 1e21 without a point, so that `runAsUser: 1e3` is a
/// number of a user.
fn float(value: f64) -> Option<String> {
    const MAX_PLAIN: f64 = 1e21;
    if value == 0.0 {
        // Not "-0", which no reader of integers takes.
        return Some("0".to_owned());
    }
    let is_plain = value.fract() == 0.0 && value.abs() < MAX_PLAIN;
    value.is_finite().then(|| if is_plain { format!("{value:.0}") } else { format!("{value:e}") })
}

/// The JSON of what is plain. None where a scalar needs to be read in its place.
fn plain_json(text: &str, pieces: &[Piece<'_>]) -> Option<String> {
    let mut json = Json::for_yaml(text);
    // Of each collection that is open: what closes it, and how much is in it. Keys count, too.
    let mut open: Vec<(char, usize)> = Vec::new();
    for piece in pieces {
        if matches!(piece.what, What::End) {
            json.text.push(open.pop()?.0);
            continue;
        }
        let place = open.last_mut().map(|(close, count)| {
            let place = (*close, *count);
            *count += 1;
            place
        });
        match place {
            Some((']', items)) => json.comma(items),
            Some((_, taken)) if taken.is_multiple_of(2) => json.comma(taken),
            _ => {}
        }
        json.go_to(piece.line + 1);
        match (&piece.what, place) {
            (What::Start(Kind::List(_)), _) => {
                json.text.push('[');
                open.push((']', 0));
            }
            (What::Start(_), _) => {
                json.text.push('{');
                open.push(('}', 0));
            }
            (What::Scalar(_, key), Some(('}', taken))) if taken.is_multiple_of(2) => {
                json.string(key);
                json.text.push(':');
            }
            (What::Scalar(Quotes::Plain, words), _) => json.plain(words)?,
            (What::Scalar(_, value), _) => json.string(value),
            (What::End, _) => {}
        }
    }
    Some(json.text)
}

/// JSON as it is written.
struct Json<'n> {
    text: String,
    /// Of its end, from 1.
    line: u64,
    wrong: Option<&'n Wrong>,
}

impl<'n> Json<'n> {
    fn for_yaml(text: &str) -> Self {
        Self { text: String::with_capacity(text.len()), line: 1, wrong: None }
    }

    /// A scalar without quotes. What the few words and numbers of every manifest are not, the parser is asked.
    fn plain(&mut self, words: &str) -> Option<()> {
        const MAX_DIGITS: usize = 18;
        let is_number = || {
            let digits = words.bytes().all(|byte| byte.is_ascii_digit());
            digits && words.len() <= MAX_DIGITS && (words == "0" || !words.starts_with('0'))
        };
        if matches!(words, "true" | "false" | "null") || is_number() {
            self.text.push_str(words);
        } else if plain::is_text(words) {
            self.string(words);
        } else {
            match serde_saphyr::from_str_with_options(words, options()).ok()? {
                Value::Null => self.text.push_str("null"),
                Value::Bool(value) => self.text.push_str(if value { "true" } else { "false" }),
                Value::Number(number) => self.text.push_str(&number),
                Value::Text(text) => self.string(&text),
                Value::List(_) | Value::Map(_) | Value::Wrong(_) => return None,
            }
        }
        Some(())
    }

    fn node(&mut self, node: &'n Node) {
        self.go_to(node.line);
        match &node.value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(value) => {
                let _ = write!(self.text, "{value}");
            }
            Value::Number(number) => self.text.push_str(number),
            Value::Text(text) => self.string(text),
            Value::List(items) => {
                self.text.push('[');
                for (i, item) in items.iter().enumerate() {
                    self.comma(i);
                    self.node(item);
                }
                self.text.push(']');
            }
            Value::Map(entries) => {
                self.text.push('{');
                for (i, entry) in entries.iter().enumerate() {
                    self.comma(i);
                    self.go_to(entry.line);
                    self.string(&entry.key);
                    self.text.push(':');
                    self.node(&entry.value);
                }
                self.text.push('}');
            }
            Value::Wrong(wrong) => self.wrong = self.wrong.or(Some(wrong)),
        }
    }

    /// What a merge key brings in may stand before what has been written: it stays on the line reached.
    fn go_to(&mut self, line: u64) {
        while self.line < line {
            self.text.push('\n');
            self.line += 1;
        }
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.text.push(',');
        }
    }

    fn string(&mut self, text: &str) {
        let is_bare = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_bare) {
            self.text.extend(["\"", text, "\""]);
            return;
        }
        // A string always serialises.
        self.text.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(yaml: &str) -> String {
        to_json(yaml, Line::FIRST).unwrap()
    }

    /// What is read the fast way, in pieces as people write them and as they do not, reads as ever.
    #[test]
    fn what_is_plain_reads_as_all_yaml_does() {
        const STARTS: &[&str] = &[
            "",
            "",
            "",
            "",
            "- ",
            "- ",
            "- - ",
            "-",
            "-  ",
            "a: ",
            "b: ",
            "c: ",
            "spec: ",
            "a:",
            "\"q\": ",
            "'q': ",
            "y: ",
            "true: ",
            "a.b/c-d: ",
            "? ",
            "<<: ",
            "a : ",
            "1: ",
            "---",
            "b: a: ",
            "- a: ",
            "- b: ",
            "- a:",
        ];
        const VALUES: &[&str] = &[
            "",
            "",
            "",
            "x",
            "x y",
            "1",
            "0",
            "-1",
            "08",
            "1.2.3",
            "1e3",
            "0x1F",
            "1_000",
            "true",
            "Yes",
            "off",
            "~",
            "null",
            "NULL",
            "50m",
            "1Ki",
            "0m",
            "12:30",
            "a:b",
            "a: b",
            "a:",
            "x # c",
            "x #",
            "x#y",
            "# c",
            "\"x\"",
            "\"a\\n\\\"b\"",
            "\"\\\\\"",
            "\"a",
            "'it''s'",
            "'x' # c",
            "'x'#c",
            "'x' y",
            "\"x\" # c ",
            "[]",
            "{}",
            "[a]",
            "[a, b c]",
            "[ a , 1 ]",
            "[a, [b, {c: d}]]",
            "{a: b}",
            "{a: b, c: 1}",
            "{ a: [x], \"b\": 'y' }",
            "{a: b, a: c}",
            "[a,b]",
            "[a,]",
            "{a}",
            "{a: }",
            "[a: b]",
            "[http://a/b:80]",
            "[a:1]",
            "{a:1}",
            "[--x=y, -z, -1]",
            "[- a]",
            "[a",
            "[yes, 08, .5]",
            "[a] # c",
            "[a]#c",
            "[a] b",
            "|",
            "|",
            "|-",
            ">",
            ">-",
            "|+",
            "|2",
            "| # c",
            "&a x",
            "*a",
            "!!str 1",
            "@x",
            "`x",
            "%x",
            "- x",
            "--x",
            "-x",
            "---",
            "...",
            ".5",
            "/x",
            "$(X)",
            "*",
            "+1",
            "=",
            "(x)",
            "<x>",
            "_x",
            "-",
            "x  ",
            "inf",
            "Nan",
            "2001-01-01",
            ", x",
            "x, [y] {z}",
            "x\ty",
            "x \u{e4}",
            "'\u{e9}'",
            "\"\u{2638} x\"",
            "[\u{e4}]",
            "x # \u{fc}",
            "# \u{fc}",
            "true\u{3000}",
            "yes\u{a0}",
            "1\u{2003}",
            "x\u{2028}y",
            "\u{1f600}x",
            "'\u{1f600}x'",
            "x\u{feff}",
            "x\u{85}y",
            "\"q\u{e4}\": b",
            "b\u{e4}: c",
            "/\u{e4}",
            "'\u{e4}' # \u{e4}",
            "\u{e4}",
            "x: y: z",
            "\"a\": b",
            "x -",
            ":x",
            "?x",
            "!x",
            "x'y\"z",
            "'a\"b\\c'",
            "#x",
        ];
        let mut dice = 7_u64;
        let mut roll = move |sides: usize| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) as usize % sides
        };
        let cases = std::env::var("PORTCULLIS_CASES").ok().and_then(|cases| cases.parse().ok());
        let mut plain = 0;
        for _ in 0..cases.unwrap_or(100_000) {
            let mut text = String::new();
            for _ in 0..=roll(7) {
                let indent = [0, 0, 2, 2, 4, 1, 3][roll(7)];
                let start = STARTS[roll(STARTS.len())];
                let value = VALUES[roll(VALUES.len())];
                let end = if roll(30) == 0 { "" } else { "\n" };
                let _ = write!(text, "{:indent$}{start}{value}{end}", "");
            }
            let Some(pieces) = plain::read(&text) else { continue };
            let Some(json) = plain_json(&text, &pieces) else { continue };
            plain += 1;
            let slow = all_to_json(&text, Line::FIRST).map_err(|error| error.why);
            assert_eq!(Ok(json), slow, "{text}");
            crate::manifest::tree::tests::same(&text);
        }
        // One in fifty, or nothing was tried.
        assert!(plain > cases.unwrap_or(100_000) / 100, "{plain}");
    }

    /// What sigs.k8s.io/yaml v1.6.0 gives for the same.
    #[test]
    fn scalars_read_as_in_go() {
        for (yaml, expected) in [
            ("yes", "true"),
            ("Off", "false"),
            ("'yes'", "\"yes\""),
            ("!!str yes", "\"yes\""),
            ("~", "null"),
            ("0777", "511"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("08", "8"),
            ("1e3", "1000"),
            ("0.0", "0"),
            ("-0.0", "0"),
            ("-1.0", "-1"),
            ("0.5", "5e-1"),
            ("9223372036854775807", "9223372036854775807"),
            ("18446744073709551615", "18446744073709551615"),
            ("1:30", "\"1:30\""),
            ("2001-01-01", "\"2001-01-01\""),
            ("|\n a\n b\n", "\"a\\nb\\n\""),
        ] {
            assert_eq!(json(yaml).trim_start(), expected, "{yaml}");
        }
    }

    #[test]
    fn every_value_stands_on_its_line() {
        let yaml = "# a pod\nkind: Pod\n\nspec:\n  containers:\n  - name: a\n\n  - name: b\n";
        let expected = "\n{\"kind\":\"Pod\",\n\n\"spec\":\n{\"containers\":\n[{\"name\":\"a\"},\n\n{\"name\":\"b\"}]}}";
        assert_eq!(json(yaml), expected);
    }

    #[test]
    fn keys_are_strings_and_aliases_and_merge_keys_are_expanded() {
        assert_eq!(json("{1: a, x: b}"), "{\"1\":\"a\",\"x\":\"b\"}");
        let merged: serde_json::Value =
            serde_json::from_str(&json("a: &a {x: 1, z: 2}\nb:\n  <<: *a\n  z: 3\nc: *a\n"))
                .unwrap();
        let expected = serde_json::json!({
            "a": {"x": 1, "z": 2}, "b": {"x": 1, "z": 3}, "c": {"x": 1, "z": 2},
        });
        assert_eq!(merged, expected);
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        let line = |yaml: &str| to_json(yaml, Line::FIRST.after(10)).unwrap_err();
        assert_eq!(line("a: 1\na: 2\n").line, Some(Line::FIRST.after(11)));
        assert_eq!(line("a: 1\nb: [\n").line, Some(Line::FIRST.after(11)));
        assert_eq!(line("a: 1\nb: .inf\n").line, Some(Line::FIRST.after(11)));
        assert!(line("a: 1\na: 2\n").why.contains("repeated key \"a\""));
    }

    #[test]
    fn aliases_do_not_multiply() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let _ = writeln!(bomb, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 10].join(", "));
        }
        assert!(to_json(&bomb, Line::FIRST).is_err());
    }
}
