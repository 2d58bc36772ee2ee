//! Words of a test file that are parsed as values.

use std::{str::FromStr, time::SystemTime};

use crate::{
    dns,
    pss::{Minor, NEWEST, Version},
};

/// A version that this build knows; newer ones would be judged as the newest.
pub(super) struct KnownVersion(pub(super) Version);

impl FromStr for KnownVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = text.parse().ok().filter(|version| match version {
            Version::V1(minor) => *minor <= NEWEST,
            Version::Latest => true,
        });
        known.map(Self).ok_or_else(|| format!("must be \"latest\" or \"v1.x\", at most {NEWEST}"))
    }
}

/// The same as a number.
pub(super) struct KnownMinor(pub(super) Minor);

impl FromStr for KnownMinor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(KnownVersion(Version::V1(minor))) => Ok(Self(minor)),
            _ => Err(format!("must be \"v1.x\", at most {NEWEST}")),
        }
    }
}

/// A namespace's name.
pub(super) struct Namespace(pub(super) String);

impl FromStr for Namespace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let allowed = "must be a DNS-1123 label: at most 63 of a-z, 0-9 and -, first and last a letter or digit";
        dns::is_label(text).then(|| Self(text.to_owned())).ok_or(allowed)
    }
}

/// A time: `2026-12-24T18:00:00Z`.
pub(super) struct Time(pub(super) SystemTime);

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let time: Result<jiff::Timestamp, _> = text.parse();
        let must = "must be a date and a time with its zone, such as 2026-12-24T18:00:00Z";
        time.map(|time| Self(time.into())).map_err(|_| must)
    }
}
