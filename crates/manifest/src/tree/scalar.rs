//! The value of a scalar: a string, a number, a boolean or null, as in `sigs.k8s.io/yaml` (`resolve.go` and `decode.go`
//! of the included go-yaml v2, and `convertToJSONableObject`).

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Quotes, Tag};

/// A scalar's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'v> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above the largest [`Self::Int`].
    Unsigned(u64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(Cow<'v, str>),
}

/// The words that are booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booleans {
    /// Those of YAML 1.1, as Go reads manifests: also `yes`, `no`, `on`, `off`, `y` and `n`.
    Go,
    /// `true` and `false`, because `off` is a mode in Portcullis' files.
    Strict,
}

/// Whether a scalar without quotes and tag is null.
pub(super) fn is_null(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

/// The value of a scalar. None if its tag contradicts it.
pub(super) fn resolve(
    value: &str,
    quotes: Quotes,
    tag: Tag,
    booleans: Booleans,
) -> Option<Scalar<'_>> {
    let text = || Scalar::Text(Cow::Borrowed(value));
    match (tag, quotes) {
        (Tag::None, Quotes::Plain) => Some(implicit(value, booleans)),
        (Tag::None | Tag::Text, _) => Some(text()),
        (Tag::Binary, _) => {
            let bytes = value.bytes().filter(|byte| !byte.is_ascii_whitespace());
            let bytes = STANDARD.decode(bytes.collect::<Vec<_>>()).ok()?;
            Some(Scalar::Text(String::from_utf8_lossy(&bytes).into_owned().into()))
        }
        (Tag::Null | Tag::Bool | Tag::Int | Tag::Float, _) => {
            match (tag, implicit(value, booleans)) {
                (Tag::Null, value @ Scalar::Null)
                | (Tag::Bool, value @ Scalar::Bool(_))
                | (Tag::Int, value @ (Scalar::Int(_) | Scalar::Unsigned(_)))
                | (Tag::Float, value @ (Scalar::Float(_) | Scalar::Int(_))) => Some(value),
                _ => None,
            }
        }
    }
}

/// A scalar as a key of a JSON object. None for null, which cannot be a key.
pub(super) fn key(value: &str, quotes: Quotes, tag: Tag) -> Option<Cow<'_, str>> {
    Some(match resolve(value, quotes, tag, Booleans::Go)? {
        Scalar::Null => return None,
        Scalar::Text(text) => text,
        Scalar::Bool(value) => value.to_string().into(),
        Scalar::Int(number) => number.to_string().into(),
        // Go rejects it.
        Scalar::Unsigned(number) => number.to_string().into(),
        Scalar::Float(number) => short_float(number).into(),
    })
}

fn implicit(value: &str, booleans: Booleans) -> Scalar<'_> {
    let text = || Scalar::Text(Cow::Borrowed(value));
    match value.as_bytes().first() {
        None => Scalar::Null,
        Some(b'+' | b'-' | b'0'..=b'9') => {
            infinity(value).or_else(|| number(value)).unwrap_or_else(text)
        }
        Some(b'.') => {
            let float = || value.parse().ok().filter(|number: &f64| number.is_finite());
            infinity(value).or_else(|| float().map(Scalar::Float)).unwrap_or_else(text)
        }
        Some(b'~' | b'F' | b'N' | b'O' | b'T' | b'Y' | b'f' | b'n' | b'o' | b't' | b'y') => {
            word(value, booleans).unwrap_or_else(text)
        }
        Some(_) => text(),
    }
}

fn word(value: &str, booleans: Booleans) -> Option<Scalar<'static>> {
    Some(match value {
        _ if is_null(value) => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ if booleans == Booleans::Strict => return None,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        _ => return None,
    })
}

fn infinity(value: &str) -> Option<Scalar<'static>> {
    Some(Scalar::Float(match value {
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => f64::INFINITY,
        "-.inf" | "-.Inf" | "-.INF" => f64::NEG_INFINITY,
        _ => return None,
    }))
}

/// A number in any notation that Go accepts.
fn number(value: &str) -> Option<Scalar<'static>> {
    let digits: Cow<'_, str> =
        if value.contains('_') { value.replace('_', "").into() } else { value.into() };
    if let Some(integer) = integer(&digits) {
        return Some(integer);
    }
    let float = is_float(&digits).then(|| digits.parse::<f64>().ok()).flatten()?;
    float.is_finite().then_some(Scalar::Float(float))
}

/// As Go's `strconv.ParseInt` and `ParseUint` with base 0.
fn integer(digits: &str) -> Option<Scalar<'static>> {
    let (sign, magnitude) = match digits.as_bytes().first()? {
        b'-' => ("-", digits.get(1..)?),
        b'+' => ("+", digits.get(1..)?),
        _ => ("", digits),
    };
    let (radix, magnitude) = match magnitude.get(..2).map(str::as_bytes) {
        Some([b'0', b'x' | b'X']) => (16, magnitude.get(2..)?),
        Some([b'0', b'o' | b'O']) => (8, magnitude.get(2..)?),
        Some([b'0', b'b' | b'B']) => (2, magnitude.get(2..)?),
        Some([b'0', _]) => (8, magnitude.get(1..)?),
        _ => (10, magnitude),
    };
    // Go accepts only one sign.
    if magnitude.starts_with(['+', '-']) {
        return None;
    }
    let number = u64::from_str_radix(magnitude, radix).ok()?;
    match (sign, i64::try_from(number)) {
        ("-", _) => 0_i64.checked_sub_unsigned(number).map(Scalar::Int),
        (_, Ok(number)) => Some(Scalar::Int(number)),
        ("", Err(_)) => Some(Scalar::Unsigned(number)),
        _ => None,
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let has_digits = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    has_digits
        && are_digits(whole)
        && fraction.is_none_or(are_digits)
        && exponent.is_none_or(|text| !text.is_empty() && are_digits(text))
}

/// As Go's `strconv.FormatFloat(value, 'g', -1, 32)`.
fn short_float(value: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "Go rounds it, too")]
    let value = value as f32;
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_scalar_is_what_go_takes_it_for() {
        let text = |text: &'static str| Scalar::Text(text.into());
        for (value, expected) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("yes", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("tRue", text("tRue")),
            ("0777", Scalar::Int(511)),
            ("0o17", Scalar::Int(15)),
            ("-0x1F", Scalar::Int(-31)),
            ("0b11", Scalar::Int(3)),
            ("1_000", Scalar::Int(1000)),
            ("1_", Scalar::Int(1)),
            ("08", Scalar::Float(8.0)),
            ("1e3", Scalar::Float(1000.0)),
            ("1.", Scalar::Float(1.0)),
            (".5", Scalar::Float(0.5)),
            (".", text(".")),
            ("1e", text("1e")),
            ("-", text("-")),
            ("--1", text("--1")),
            ("0x", text("0x")),
            ("1e400000", text("1e400000")),
            ("9223372036854775807", Scalar::Int(i64::MAX)),
            ("-9223372036854775808", Scalar::Int(i64::MIN)),
            ("18446744073709551615", Scalar::Unsigned(u64::MAX)),
            ("1:30", text("1:30")),
            ("2001-01-01", text("2001-01-01")),
            ("inf", text("inf")),
            ("-.inf", Scalar::Float(f64::NEG_INFINITY)),
        ] {
            let is = resolve(value, Quotes::Plain, Tag::None, Booleans::Go);
            assert_eq!(is, Some(expected), "{value}");
        }
    }

    #[test]
    fn a_tag_decides_and_may_be_wrong() {
        for (tag, value, expected) in [
            (Tag::Text, "1", Some(Scalar::Text("1".into()))),
            (Tag::Int, "7", Some(Scalar::Int(7))),
            (Tag::Int, "x", None),
            (Tag::Bool, "yes", Some(Scalar::Bool(true))),
            (Tag::Null, "x", None),
            (Tag::Binary, "aGVs\nbG8=", Some(Scalar::Text("hello".into()))),
            (Tag::Binary, "?", None),
        ] {
            let is = resolve(value, Quotes::Double, tag, Booleans::Go);
            assert_eq!(is, expected, "{tag:?} {value}");
        }
        let strict = |value| resolve(value, Quotes::Plain, Tag::None, Booleans::Strict);
        assert_eq!(strict("off"), Some(Scalar::Text("off".into())));
        assert_eq!(strict("false"), Some(Scalar::Bool(false)));
    }
}
