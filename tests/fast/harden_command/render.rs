//! Writes an object in the notations that people and programs use.

use std::cell::RefCell;

use serde_json::{Map, Value};

use crate::generator::Random;

/// A notation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// Block style, with the indentation of mappings and of lists.
    Block { step: usize, dash: usize },
    /// Block style down to this depth, flow style below.
    Flow { depth: usize },
    /// JSON on one line.
    Line,
    /// JSON with this indentation.
    Lines(&'static str),
}

pub(crate) const FORMS: [Form; 9] = [
    Form::Block { step: 2, dash: 0 },
    Form::Block { step: 2, dash: 2 },
    Form::Block { step: 4, dash: 4 },
    Form::Block { step: 3, dash: 1 },
    Form::Flow { depth: 1 },
    Form::Flow { depth: 4 },
    Form::Line,
    Form::Lines("  "),
    Form::Lines("\t"),
];

/// Writes an object. Outside of JSON, `seed` determines the order of keys.
pub(crate) fn write(value: &Value, form: Form, seed: u64) -> String {
    let random = RefCell::new(Random::new(seed));
    match form {
        Form::Block { step, dash } => Block { step, dash, depth: usize::MAX, random }.write(value),
        Form::Flow { depth } => Block { step: 2, dash: 0, depth, random }.write(value),
        Form::Line => format!("{value}\n"),
        Form::Lines(unit) => {
            let mut text = Vec::new();
            let formatter = serde_json::ser::PrettyFormatter::with_indent(unit.as_bytes());
            let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
            serde::Serialize::serialize(value, &mut serializer).unwrap();
            format!("{}\n", String::from_utf8(text).unwrap())
        }
    }
}

struct Block {
    step: usize,
    dash: usize,
    depth: usize,
    random: RefCell<Random>,
}

impl Block {
    fn write(&self, value: &Value) -> String {
        let mut lines = String::new();
        self.node(value, 0, 0, &mut lines);
        lines
    }

    /// Writes a value after a key or a dash, up to the end of the line.
    fn node(&self, value: &Value, column: usize, depth: usize, text: &mut String) {
        match value {
            Value::Object(map) if !map.is_empty() && depth < self.depth => {
                for (i, (key, value)) in self.shuffled(map).into_iter().enumerate() {
                    if i > 0 || depth == 0 {
                        text.push_str(&" ".repeat(column));
                    }
                    text.push_str(&scalar(key));
                    text.push(':');
                    self.below_key(value, column, depth + 1, text);
                }
            }
            Value::Array(items) if !items.is_empty() && depth < self.depth => {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        text.push_str(&" ".repeat(column));
                    }
                    text.push_str("- ");
                    self.node(item, column + 2, depth + 1, text);
                }
            }
            other => {
                text.push_str(&self.flow(other));
                text.push('\n');
            }
        }
    }

    fn below_key(&self, value: &Value, column: usize, depth: usize, text: &mut String) {
        let deeper = match value {
            Value::Object(map) if !map.is_empty() && depth < self.depth => column + self.step,
            Value::Array(items) if !items.is_empty() && depth < self.depth => column + self.dash,
            _ => {
                text.push(' ');
                return self.node(value, column, depth, text);
            }
        };
        text.push('\n');
        text.push_str(&" ".repeat(deeper));
        self.node(value, deeper, depth, text);
    }

    fn flow(&self, value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let entries = self.shuffled(map).into_iter();
                let entries: Vec<_> = entries
                    .map(|(key, value)| format!("{}: {}", scalar(key), self.flow(value)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.flow(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::String(text) => scalar(text),
            other => other.to_string(),
        }
    }

    fn shuffled<'v>(&self, map: &'v Map<String, Value>) -> Vec<(&'v String, &'v Value)> {
        let mut entries: Vec<_> = map.iter().collect();
        for i in (1..entries.len()).rev() {
            entries.swap(i, self.random.borrow_mut().below(i + 1));
        }
        entries
    }
}

/// A plain scalar if it is unambiguous.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.' | '_'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
        );
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}
