//! A policy test: the results that some workloads are expected to have.

use std::{collections::BTreeMap, str::FromStr};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    config::{self, PROFILE_LABEL},
    harden::{Field, MODE_LABEL},
    pss::{Minor, NEWEST, Version},
    requirement::Requirement,
};

use super::{
    ApiVersion, NamespaceName, Set, Time,
    text::{one_of, pattern, version},
};

/// Tests of a policy: what some workloads are expected to come to under a configuration.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("required" = ["apiVersion", "kind", "name", "cases"]))]
pub struct PolicyTest {
    /// The version of this form.
    pub api_version: Option<ApiVersion>,
    /// The kind of this form.
    pub kind: Option<TestKind>,
    /// A few words on what is tested.
    pub name: Option<String>,
    /// The configuration file, relative to this one. The built-in configuration if absent.
    pub config: Option<String>,
    /// Overrides every version of the policy.
    pub policy_version: Option<KnownVersion>,
    /// The version of the cluster, which caps `latest`.
    pub cluster_version: Option<KnownMinor>,
    /// Files of PolicyExceptions, relative to this one.
    pub exceptions: Vec<String>,
    /// The time at which exceptions are evaluated. The current time if absent.
    pub time: Option<Time>,
    /// At least one case.
    #[schemars(length(min = 1))]
    pub cases: Vec<Case>,
}

/// Some workloads in a namespace, and the expected results.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("required" = ["name", "expect"]))]
pub struct Case {
    /// A few words on what it shows.
    pub name: Option<String>,
    /// Files of manifests, relative to this one.
    #[schemars(length(min = 1))]
    pub manifests: Option<Vec<FileName>>,
    /// Manifests as a text, instead of files.
    pub manifest: Option<String>,
    /// The namespace of manifests that set none.
    pub namespace: Option<NamespaceName>,
    /// The policy labels of the namespace.
    pub labels: BTreeMap<LabelKey, String>,
    /// At least one expectation.
    #[schemars(length(min = 1))]
    pub expect: Vec<Expectation>,
}

/// The expected result for some workloads. Fields that are absent are not checked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("required" = ["workload", "verdict"]))]
pub struct Expectation {
    /// Kind/name, Kind/namespace/name, or all.
    pub workload: Option<String>,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// Exactly those controls and rules that deny it.
    pub controls: Option<Set<ControlId>>,
    /// Exactly those rules that only warn about it.
    pub warnings: Option<Set<RuleId>>,
    /// Exactly those fields that hardening adds.
    pub hardened: Option<Set<HardenedField>>,
}

words! {
    /// What the webhook does with a workload's pods.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Verdict {
        /// They are judged and admitted.
        Allowed = "allowed",
        /// They are denied.
        Denied = "denied",
        /// They are exempt.
        Exempt = "exempt",
    }
}

/// The kind of a policy test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestKind;

impl FromStr for TestKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        (text == "PolicyTest").then_some(Self).ok_or("must be PolicyTest")
    }
}

/// A version that this build knows; newer ones would be judged as the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownVersion(pub Version);

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownMinor(pub Minor);

impl FromStr for KnownMinor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(KnownVersion(Version::V1(minor))) => Ok(Self(minor)),
            _ => Err(format!("must be \"v1.x\", at most {NEWEST}")),
        }
    }
}

texts! {
    /// The name of a file. Not `-`, which is standard input elsewhere: the result of a test depends only on files.
    pub FileName: |text| !matches!(text, "" | "-") => "must be the name of a file", pattern("^([^-]|-.)");
    /// The key of a label that sets a policy; others would have no effect. Its value may be invalid, to test the effect.
    pub LabelKey: config::is_read => format!(
        "sets no policy: must be one of pod-security.kubernetes.io/ or portcullis.dev/ enforce, audit, warn (-version), {PROFILE_LABEL}, {MODE_LABEL}"
    ), pattern(r"^(pod-security\.kubernetes\.io/(enforce|audit|warn)(-version)?|portcullis\.dev/.+)$");
}

/// Defines a word that is one of a table's names.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $all:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $type(pub &'static str);

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let mut all = $all;
                all.find(|name| *name == text).map(Self).ok_or_else(|| $allowed)
            }
        }
    };
}

name! {
    /// The id of a control or a rule.
    ControlId,
    Requirement::all().map(Requirement::id),
    "must be the id of a control or a rule, as `portcullis explain` lists them".to_owned()
}
name! {
    /// The id of a rule.
    RuleId,
    rules(),
    "must be the id of a rule, such as rules/imageTag: only rules warn without denying".to_owned()
}
name! {
    /// A field that hardening adds.
    HardenedField,
    Field::ALL.into_iter().map(Field::name),
    format!("must be one of {}", Field::ALL.map(Field::name).join(", "))
}

fn rules() -> impl Iterator<Item = &'static str> {
    Requirement::all().filter(|it| it.is_rule()).map(Requirement::id)
}

written! {
    TestKind: one_of(["PolicyTest"]);
    Verdict: one_of(Verdict::ALL.map(Verdict::as_str));
    KnownVersion: version();
    KnownMinor: pattern(r"^v1\.(0|[1-9][0-9]*)$");
    ControlId: one_of(Requirement::all().map(Requirement::id));
    RuleId: one_of(rules());
    HardenedField: one_of(Field::ALL.map(Field::name));
}
