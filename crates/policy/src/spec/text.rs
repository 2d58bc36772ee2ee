//! Values that are written as one text.

use std::{
    fmt::{self, Display},
    str::FromStr,
    time::SystemTime,
};

use schemars::{Schema, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use crate::shown;

/// A value that is parsed from a text, with the schema of that text.
pub trait Written: FromStr<Err: Display> {
    /// Whether a number is accepted for its text, as in `hostPorts: [9100]`.
    const NUMBERS: bool = false;

    /// The schema of the text.
    fn schema() -> Schema;
}

/// Implements [`Written`], and from it serde's and schemars' traits.
macro_rules! written {
    ($($type:ty $([$numbers:ident])?: $schema:expr;)+) => {$(
        impl $crate::spec::text::Written for $type {
            $(const $numbers: bool = true;)?

            fn schema() -> schemars::Schema {
                $schema
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::spec::text::parse(deserializer)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as $crate::spec::text::Written>::schema()
            }
        }
    )+};
}

/// Defines texts with a check: `Name: check => "what is allowed", schema;`.
macro_rules! texts {
    ($($(#[$doc:meta])* $vis:vis $name:ident $([$numbers:ident])?: $is_valid:expr => $allowed:expr, $schema:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        $vis struct $name($vis String);

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let is_valid: fn(&str) -> bool = $is_valid;
                is_valid(text).then(|| Self(text.to_owned())).ok_or_else(|| $allowed.to_owned())
            }
        }

        written! { $name $([$numbers])?: $schema; }
    )+};
}

/// Parses a text. The error names it, and what is allowed.
pub(super) fn parse<'de, T: Written, D: Deserializer<'de>>(of: D) -> Result<T, D::Error> {
    read(of).map(|(_, value)| value)
}

/// The text, and the value that is parsed from it.
pub(super) fn read<'de, T: Written, D: Deserializer<'de>>(of: D) -> Result<(String, T), D::Error> {
    let text = if T::NUMBERS { Scalar::deserialize(of)?.0 } else { String::deserialize(of)? };
    let value = text
        .parse()
        .map_err(|allowed| de::Error::custom(format_args!("{}: {allowed}", shown::value(&text))))?;
    Ok((text, value))
}

/// The text of a string or a number.
pub struct Scalar(pub(super) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalars)
    }
}

struct Scalars;

impl Visitor<'_> for Scalars {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }
}

/// The schema of one of these words.
pub(super) fn one_of<'w>(words: impl IntoIterator<Item = &'w str>) -> Schema {
    json_schema!({"type": "string", "enum": words.into_iter().collect::<Vec<_>>()})
}

pub(super) fn pattern(pattern: &str) -> Schema {
    json_schema!({"type": "string", "pattern": pattern})
}

/// The schema of a policy version.
pub(super) fn version() -> Schema {
    pattern(r"^(latest|v1\.(0|[1-9][0-9]*))$")
}

/// The schema of a DNS-1123 label.
pub(super) fn label() -> Schema {
    pattern("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
}

/// The `apiVersion` of Portcullis' own kinds.
pub const API_VERSION: &str = "portcullis.dev/v1alpha1";

/// [`API_VERSION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersion;

impl FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        (text == API_VERSION).then_some(Self).ok_or_else(|| format!("must be {API_VERSION}"))
    }
}

/// A time: `2026-12-24T18:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub SystemTime);

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let time: Result<jiff::Timestamp, _> = text.parse();
        let allowed = "must be a date and a time with its zone, such as 2027-01-31T00:00:00Z";
        time.map(|time| Self(time.into())).map_err(|_| allowed)
    }
}

written! {
    ApiVersion: one_of([API_VERSION]);
    // The pattern is narrower than the format, which accepts an empty text.
    Time: json_schema!({
        "type": "string",
        "format": "date-time",
        "maxLength": 35,
        "pattern": r"^[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-5][0-9])$",
    });
}
