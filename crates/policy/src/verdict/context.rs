//! What all decisions at one moment share, and the exemptions.

use std::{collections::BTreeMap, time::SystemTime};

use crate::{
    config::Config,
    exceptions::{Covering, Exceptions, Subject},
    namespace::EffectivePolicy,
    pss::{Minor, Pod},
};

/// The state that decisions depend on.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The configuration.
    pub config: &'c Config,
    /// The version that `latest` stands for: the newest that both the build and the cluster know.
    pub newest: Minor,
    /// The exceptions and the time.
    pub excepted: ExceptionsAt<'c>,
}

/// All exceptions, and the time that determines which have expired.
#[derive(Clone, Copy, Debug)]
pub struct ExceptionsAt<'e> {
    /// None if exceptions are disabled.
    pub exceptions: Option<&'e Exceptions>,
    /// The current time.
    pub now: SystemTime,
}

words! {
    /// Why an object is not judged at all.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Exemption {
        /// Its namespace.
        Namespace = "namespace",
        /// The user of the request.
        User = "user",
        /// Its runtime class.
        RuntimeClass = "runtimeClass",
    }
}

impl Context<'_> {
    /// The policy of a namespace with these labels.
    pub fn policy(&self, namespace: &str, labels: &BTreeMap<String, String>) -> EffectivePolicy {
        EffectivePolicy::new(namespace, labels, self.config)
    }

    /// Why the pods of a namespace are not judged, regardless of its labels.
    pub fn exempt_namespace(&self, namespace: &str) -> Option<Exemption> {
        self.config.exemptions.namespace(namespace).then_some(Exemption::Namespace)
    }

    /// Why the requests of a user are not judged.
    pub fn exempt_user(&self, user: &str) -> Option<Exemption> {
        self.config.exemptions.user(user).then_some(Exemption::User)
    }

    /// Why a pod is not judged.
    pub fn exempt_pod(&self, namespace: &str, pod: &Pod<'_>) -> Option<Exemption> {
        let class = &pod.spec.runtime_class_name;
        let is_exempt = self.config.exemptions.runtime_class(class);
        let by_class = || is_exempt.then_some(Exemption::RuntimeClass);
        self.exempt_namespace(namespace).or_else(by_class)
    }
}

impl ExceptionsAt<'static> {
    /// No exceptions.
    pub fn none() -> Self {
        Self { exceptions: None, now: SystemTime::UNIX_EPOCH }
    }
}

impl<'e> ExceptionsAt<'e> {
    /// The exceptions that cover a workload.
    pub(super) fn covering(self, subject: &Subject<'_>) -> Covering<'e> {
        let exceptions = self.exceptions.filter(|exceptions| !exceptions.is_empty());
        exceptions.map_or_else(Covering::default, |all| all.covering(subject, self.now))
    }
}
