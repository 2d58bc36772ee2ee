//! Unusual but valid JSON: fields in any order, blanks, unnecessary escapes. Readers must get the same value.

use std::fmt::Write;

use serde_json::Value;

use super::Random;

/// The text of a value, without line breaks.
pub(crate) fn odd(value: &Value, random: &mut Random) -> String {
    let mut text = String::new();
    write(&mut text, value, random);
    text
}

fn write(to: &mut String, value: &Value, random: &mut Random) {
    blank(to, random);
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            shuffle(&mut fields, random);
            to.push('{');
            for (i, (key, value)) in fields.into_iter().enumerate() {
                if i > 0 {
                    to.push(',');
                }
                blank(to, random);
                string(to, key, random);
                blank(to, random);
                to.push(':');
                write(to, value, random);
            }
            to.push('}');
        }
        Value::Array(elements) => {
            to.push('[');
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    to.push(',');
                }
                write(to, element, random);
            }
            to.push(']');
        }
        Value::String(text) => string(to, text, random),
        Value::Null | Value::Bool(_) | Value::Number(_) => to.push_str(&value.to_string()),
    }
    blank(to, random);
}

fn blank(to: &mut String, random: &mut Random) {
    if random.one_in(8) {
        to.push(*random.pick(&[' ', '\t', '\r']));
    }
}

fn string(to: &mut String, text: &str, random: &mut Random) {
    if !random.one_in(8) {
        to.push_str(&Value::from(text).to_string());
        return;
    }
    to.push('"');
    for unit in text.encode_utf16() {
        write!(to, "\\u{unit:04x}").unwrap();
    }
    to.push('"');
}

fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for end in (1..list.len()).rev() {
        list.swap(end, random.below(end + 1));
    }
}
