//! Completion candidates of arguments that accept other values too, or that list their values in their help.

use std::ffi::OsStr;

use clap::{
    Arg, Command, ValueEnum as _,
    builder::{PossibleValue, TypedValueParser},
};

use crate::output::Format;

/// Parses like `parser`, with these words as completion candidates.
#[derive(Clone)]
pub(super) struct Offered<P> {
    parser: P,
    words: fn() -> Vec<PossibleValue>,
}

/// See [`Offered`]. Set `hide_possible_values` on arguments whose help lists them already.
pub(super) fn offered<P: TypedValueParser>(
    parser: P,
    words: fn() -> Vec<PossibleValue>,
) -> Offered<P> {
    Offered { parser, words }
}

impl<P: TypedValueParser> TypedValueParser for Offered<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<P::Value, clap::Error> {
        self.parser.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.words)().into_iter()))
    }
}

/// The output formats.
pub(super) fn forms() -> Vec<PossibleValue> {
    Format::value_variants().iter().filter_map(Format::to_possible_value).collect()
}

/// The levels, lowest first.
pub(super) fn levels() -> Vec<PossibleValue> {
    ["privileged", "baseline", "restricted"].map(PossibleValue::new).to_vec()
}
