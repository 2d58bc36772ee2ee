//! The expected result for a workload. Pure: values in, values out.

use std::{collections::BTreeSet, fmt, str::FromStr};

use policy::{findings::Identity, spec::Verdict};

/// The expected result for some workloads. Fields that are `None` are not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The workloads.
    pub whom: Whom,
    /// The expected verdict.
    pub verdict: Verdict,
    /// The ids of exactly those controls and rules that deny the workload.
    pub controls: Option<BTreeSet<&'static str>>,
    /// The ids of exactly those rules that only warn about it.
    pub warnings: Option<BTreeSet<&'static str>>,
    /// The names of exactly those fields that hardening adds.
    pub hardened: Option<BTreeSet<&'static str>>,
}

/// The workloads that an expectation applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All workloads that no other expectation names.
    All,
    /// A workload by kind and name, in any namespace or in this one.
    One {
        /// `Deployment`.
        kind: String,
        /// Any namespace if absent.
        namespace: Option<String>,
        /// The name in the manifest, or the prefix of a generated name.
        name: String,
    },
}

impl Whom {
    /// Whether it names this workload. An expectation for all names none.
    pub fn names(&self, workload: &Identity) -> bool {
        match self {
            Self::All => false,
            Self::One { kind, namespace, name } => {
                let is_there = |namespace: &String| *namespace == workload.namespace;
                *kind == workload.kind
                    && *name == workload.name
                    && namespace.as_ref().is_none_or(is_there)
            }
        }
    }
}

/// Formats it as in the test file.
impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::One { kind, namespace: Some(namespace), name } => {
                write!(f, "{kind}/{namespace}/{name}")
            }
            Self::One { kind, namespace: None, name } => write!(f, "{kind}/{name}"),
        }
    }
}

impl FromStr for Whom {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<_> = text.split('/').collect();
        let (kind, namespace, name) = match parts[..] {
            ["all"] => return Ok(Self::All),
            [kind, name] => (kind, None, name),
            [kind, namespace, name] => (kind, Some(namespace), name),
            _ => return Err("must be Kind/name, Kind/namespace/name, or all"),
        };
        if namespace.is_some_and(str::is_empty) || name.is_empty() {
            return Err("must be Kind/name, Kind/namespace/name, or all");
        }
        if !is_kind(kind) {
            return Err("must be of a kind that holds pods, such as Pod, Deployment, CronJob");
        }
        let (kind, namespace) = (kind.to_owned(), namespace.map(str::to_owned));
        Ok(Self::One { kind, namespace, name: name.to_owned() })
    }
}

/// Which kinds hold pods depends on the test's configuration, which may add some.
fn is_kind(kind: &str) -> bool {
    kind.starts_with(|first: char| first.is_ascii_uppercase())
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_named_as_they_are_written() {
        for text in ["all", "Pod/agent", "Deployment/shop/web", "CronJob/settle", "Pod/web-"] {
            assert_eq!(text.parse::<Whom>().unwrap().to_string(), text);
        }
        for (text, expected) in [
            ("agent", "must be Kind/name"),
            ("Pod/", "must be Kind/name"),
            ("Pod//agent", "must be Kind/name"),
            ("Pod/a/b/c", "must be Kind/name"),
            ("pod/agent", "must be of a kind that holds pods"),
            ("stateful-set/web", "must be of a kind that holds pods"),
        ] {
            let error = text.parse::<Whom>().unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_namespace_counts_where_it_is_said() {
        let web = Identity {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        let names = |text: &str| text.parse::<Whom>().unwrap().names(&web);
        assert!(names("Deployment/web") && names("Deployment/shop/web"));
        assert!(!names("Deployment/other/web") && !names("Pod/web") && !names("Deployment/we"));
        assert!(!names("all"));
    }
}
