//! Mappings with their keys, as Go has them.

use std::collections::HashMap;

use super::{Entry, From, Node, Value, Wrong};

/// How much of a key is shown, in characters.
const MAX_SHOWN: usize = 200;

/// A mapping as go-yaml v2 fills one: in the order of the text, so that a merge key also replaces what stands before
/// it (`decode.go`, `mapping` and `merge`).
#[derive(Default)]
pub(super) struct Mapping {
    pub(super) entries: Vec<Entry>,
    places: HashMap<String, usize>,
    /// The first that is.
    pub(super) wrong: Option<Wrong>,
}

impl Mapping {
    pub(super) fn take(&mut self, line: u64, key: &Value, value: Node) {
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
                return Err(repeated(&entry.key));
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

/// What is wrong with a key that a mapping has twice.
pub(super) fn repeated(key: &str) -> String {
    let mut shown: String = key.chars().take(MAX_SHOWN).collect();
    if shown.len() < key.len() {
        shown.push_str("...");
    }
    format!("repeated key {shown:?}: a mapping has each key once")
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
