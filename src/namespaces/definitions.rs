//! The Namespaces that are defined, and the policy that results for the manifests of each source.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Component, Path},
};

use policy::{
    config::{Config, is_read},
    findings::{NamespaceLabels, Policy},
    namespace::EffectivePolicy,
    pss::{Level, Version},
};

use crate::{cluster::Labels, harden::Hardener};

/// The definitions of each namespace.
#[derive(Clone, Debug, Default)]
pub struct Definitions(BTreeMap<String, Vec<Definition>>);

/// One definition. The order is that of strictness, and otherwise arbitrary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Definition {
    /// The highest level that it enforces.
    rank: (Level, Version),
    /// The policy labels.
    labels: Labels,
    /// The name of the source that defines it.
    source: String,
}

impl Definitions {
    /// Whether the input defines no namespace.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the Namespaces that a source defines. Deep documents need [`manifest::STACK`] bytes of stack.
    pub fn add(&mut self, source: &str, text: &[u8], config: &Config) {
        manifest::namespaces(text, |namespace| {
            let name = namespace.manifest.identity.name.as_str();
            let mut labels = namespace.metadata.labels.clone();
            labels.retain(|key, _| is_read(key));
            let highest = EffectivePolicy::new(name, &labels, config).modes.enforce.highest();
            let rank = (highest.level, highest.version);
            let definition = Definition { rank, labels, source: source.to_owned() };
            self.0.entry(name.to_owned()).or_default().push(definition);
        });
    }

    pub(super) fn extend(&mut self, others: Self) {
        for (name, definitions) in others.0 {
            self.0.entry(name).or_default().extend(definitions);
        }
    }

    /// The policy labels of a namespace for the manifests of a source, if the input defines it.
    ///
    /// Of several definitions, the one that is nearest in the directory tree counts, so that each environment of a
    /// repository has its own. Of equally near ones, the strictest counts.
    pub fn labels(&self, namespace: &str, source: &str) -> Option<&Labels> {
        let definitions = self.0.get(namespace)?.iter();
        let nearest = definitions.max_by_key(|one| (nearness(&one.source, source), *one));
        nearest.map(|definition| &definition.labels)
    }

    /// Whether different labels count for the manifests of different sources.
    fn depend_on_source(&self) -> bool {
        let differ = |of_one: &Vec<Definition>| {
            of_one.iter().zip(of_one.iter().skip(1)).any(|(one, next)| one.labels != next.labels)
        };
        self.0.values().any(differ)
    }
}

/// The number of leading directories that two files share. A file is nearest to itself.
fn nearness(one: &str, other: &str) -> usize {
    if one == other {
        return usize::MAX;
    }
    let parts = |path| Path::new(path).components().filter(|part| *part != Component::CurDir);
    parts(one).zip(parts(other)).take_while(|(one, other)| one == other).count()
}

/// The policy for the manifests of each source.
#[derive(Clone, Debug)]
pub struct Policies {
    policy: Policy,
    /// The labels without those of the input.
    given: NamespaceLabels,
    definitions: Definitions,
    depend_on_source: bool,
}

impl Policies {
    /// Adds the Namespaces of the input to a policy.
    ///
    /// Each label of a namespace has the value of `policy.labels.others`, which users set explicitly; otherwise that of
    /// its Namespace in the input; otherwise that of `policy.labels.known`, which is what the cluster has.
    pub fn new(policy: Policy, definitions: Definitions) -> Self {
        let depend_on_source = definitions.depend_on_source();
        let given = policy.labels.clone();
        let mut policies = Self { policy, given, definitions, depend_on_source };
        policies.policy.labels = policies.labels("");
        policies
    }

    /// Hardens as the `harden` command does with this configuration and these Namespaces.
    pub fn hardener(&self) -> Hardener {
        Hardener::new((*self.policy.config).clone()).with_namespaces(self.definitions.clone())
    }

    /// The policy for the manifests of a source.
    pub fn of(&self, source: &str) -> Cow<'_, Policy> {
        if !self.depend_on_source {
            return Cow::Borrowed(&self.policy);
        }
        Cow::Owned(Policy { labels: self.labels(source), ..self.policy.clone() })
    }

    fn labels(&self, source: &str) -> NamespaceLabels {
        let mut labels = self.given.clone();
        for namespace in self.definitions.0.keys() {
            let defined = self.definitions.labels(namespace, source).cloned().unwrap_or_default();
            labels.known.entry(namespace.clone()).or_default().extend(defined);
            labels.defined.insert(namespace.clone());
        }
        labels.known.values_mut().for_each(|known| known.extend(labels.others.clone()));
        labels
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let pairs = pairs.iter();
        pairs
            .map(|(mode, level)| {
                (format!("pod-security.kubernetes.io/{mode}"), (*level).to_owned())
            })
            .collect()
    }

    #[test]
    fn each_label_is_the_given_one_then_that_of_the_input_then_that_of_the_cluster() {
        let mut policy = Policy::new(Config::embedded(), None, None, None, SystemTime::now());
        let of_cluster =
            labels(&[("enforce", "baseline"), ("audit", "baseline"), ("warn", "baseline")]);
        policy.labels = NamespaceLabels {
            known: [("shop".to_owned(), of_cluster.clone()), ("ops".to_owned(), of_cluster)].into(),
            others: labels(&[("warn", "privileged")]),
            ..NamespaceLabels::default()
        };
        let text = |audit: &str| {
            format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{pod-security.kubernetes.io/audit: {audit}, pod-security.kubernetes.io/warn: {audit}, team: a}}}}\n"
            )
        };
        let mut definitions = Definitions::default();
        definitions.add("a/ns.yaml", text("restricted").as_bytes(), &policy.config);
        definitions.add("b/ns.yaml", text("privileged").as_bytes(), &policy.config);
        let policies = Policies::new(policy, definitions);
        let known = |source: &str, name: &str| policies.of(source).labels.known[name].clone();
        for (source, audit) in [("a/web.yaml", "restricted"), ("b/web.yaml", "privileged")] {
            let expected =
                labels(&[("enforce", "baseline"), ("audit", audit), ("warn", "privileged")]);
            assert_eq!(known(source, "shop"), expected);
        }
        let expected =
            labels(&[("enforce", "baseline"), ("audit", "baseline"), ("warn", "privileged")]);
        assert_eq!(known("a/web.yaml", "ops"), expected);
        assert_eq!(policies.of("a/web.yaml").labels.others, labels(&[("warn", "privileged")]));
    }

    #[test]
    fn a_definition_is_nearer_the_more_directories_it_shares() {
        for (one, other, shared) in [
            ("a.yaml", "b.yaml", 0),
            ("./prod/ns.yaml", "prod/apps/web.yaml", 1),
            ("/x/prod/ns.yaml", "/x/prod/web.yaml", 3),
            ("prod/ns.yaml", "production/web.yaml", 0),
            ("a.yaml", "a.yaml", usize::MAX),
        ] {
            assert_eq!(nearness(one, other), shared, "{one} {other}");
        }
    }
}
