//! Settings without effect: the table of fields behind the lints, and where they are reported.

mod fields;
mod formats;
mod quiet;
mod seeds;
mod webhook;
